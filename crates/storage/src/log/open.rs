//! Making, opening and setting aside a log.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::sync::{Arc, PoisonError};
use std::thread;

use super::flusher::{self, Shared};
use super::frame::{BLOCK_BYTES, Sum};
use super::keeper::Keeper;
use super::manifest::{Found, MANIFEST, Manifest, Start};
use super::recover::{Resume, recover};
use super::segment::{self, Fill};
use super::writer::{Ahead, Writer};
use super::{Log, LogFailed, OpenError, Options, Recovered, Tail, empty_buffer, record_bytes_max};
use crate::Position;
use crate::direct::Direct;
use crate::disk::{
    Context as _, Disk, DiskError, LOCK, Lock, Medium, create_dir_durable, names, read_full_at,
    replace_durable, sync_dir, widen,
};

/// Bounds on [`Options::segment_bytes`]: a frame and something else; offsets far from any limit of a
/// file system.
const SEGMENT_BYTES_MIN: u64 = 2 * BLOCK_BYTES;
const SEGMENT_BYTES_MAX: u64 = 1 << 32;

/// Damaged logs are moved to directories with this and a number as their names.
const ASIDE: &str = "damaged-";

impl Log {
    /// Makes an empty log; when this returns, it is durable that there is one. The directory is made
    /// if necessary.
    ///
    /// # Errors
    /// If the directory contains anything but the rest of an earlier attempt at this, is in use, or
    /// the disk fails.
    pub fn create(dir: &Path, options: Options) -> Result<Self, OpenError> {
        Self::create_generation(dir, options, 0)
    }

    /// As [`create`](Self::create), in place of a log that has gone missing: the log is of
    /// [generation](Recovered::generation) 1, so that after a crash before its first record it is
    /// still told from a new one.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn create_after_loss(dir: &Path, options: Options) -> Result<Self, OpenError> {
        Self::create_generation(dir, options, 1)
    }

    fn create_generation(dir: &Path, options: Options, generation: u64) -> Result<Self, OpenError> {
        create_dir_durable(dir)?;
        let lock = lock(dir)?;
        let first = segment::path(Path::new(""), 0);
        let temporary = format!("{MANIFEST}.tmp");
        for name in names(dir)? {
            let ours = name == LOCK
                || name == temporary
                || name == segment::TEMPORARY
                || (Path::new(&name) == first && is_zero(&dir.join(&name))?);
            if !ours {
                let dir = dir.to_path_buf();
                return Err(OpenError::NotEmpty { dir, name });
            }
        }
        Self::make(Arc::new(Disk), dir, options, lock, generation)
    }

    /// Opens a log, finds its end and cuts what was torn from it. If it is damaged, this succeeds so
    /// that what is left can be replayed, but the log has [failed](Self::failed).
    ///
    /// # Errors
    /// If there is no log, it is in use, or the disk fails.
    pub fn open(dir: &Path, options: Options) -> Result<(Self, Recovered), OpenError> {
        Self::open_on(Arc::new(Disk), dir, options)
    }

    pub(crate) fn open_on(
        medium: Arc<dyn Medium>,
        dir: &Path,
        options: Options,
    ) -> Result<(Self, Recovered), OpenError> {
        let lock = lock_existing(dir)?;
        let mut manifest = match find(dir)? {
            Found::Manifest(manifest) => manifest,
            Found::Unreadable => return Ok(Self::unreadable(dir, options, lock)),
            Found::Nothing => {
                let dir = dir.to_path_buf();
                return Err(OpenError::Missing { dir });
            }
        };
        let (recovered, resume) = recover(&*medium, dir, &manifest)?;
        let Some(resume) = resume else {
            let at = recovered.end;
            return Ok((Self::damaged(dir, options, lock, at), recovered));
        };
        // What was found is durable by now. From here on its loss is damage.
        manifest.durable = recovered.end;
        manifest.save(dir)?;
        let log = Self::start(medium, dir, options, lock, manifest, resume, &recovered)?;
        Ok((log, recovered))
    }

    /// Moves the files of a damaged log to a directory of their own, whose path is returned, and
    /// makes an empty log with the next [generation](Recovered::generation). A crash on the way
    /// leaves a damaged log, never a missing one.
    ///
    /// # Errors
    /// If there is no log, it is in use, or the disk fails.
    pub fn recreate(dir: &Path, options: Options) -> Result<(Self, PathBuf), OpenError> {
        let lock = lock_existing(dir)?;
        let generation = match find(dir)? {
            Found::Nothing => {
                let dir = dir.to_path_buf();
                return Err(OpenError::Missing { dir });
            }
            Found::Manifest(manifest) => manifest.generation,
            Found::Unreadable => 0,
        };
        let asides = (1..).map(|number: u64| (number, dir.join(format!("{ASIDE}{number}"))));
        let (number, aside) = asides
            .into_iter()
            .find(|(_, path)| !path.exists())
            .expect("there is always a number that is not used");
        create_dir_durable(&aside)?;
        let manifest = dir.join(MANIFEST);
        if manifest.exists() {
            fs::hard_link(&manifest, aside.join(MANIFEST)).context("copy", &manifest)?;
        } else {
            // As long as this is here the log is damaged and not missing.
            replace_durable(dir, MANIFEST, b"set aside\n")?;
        }
        for number in segment::numbers(dir)? {
            let path = segment::path(dir, number);
            fs::rename(&path, segment::path(&aside, number)).context("move", &path)?;
        }
        sync_dir(&aside)?;
        sync_dir(dir)?;
        let generation = generation.saturating_add(1).max(number);
        let log = Self::make(Arc::new(Disk), dir, options, lock, generation)?;
        Ok((log, aside))
    }

    /// Makes the first segment and then, with one rename, the log.
    fn make(
        medium: Arc<dyn Medium>,
        dir: &Path,
        options: Options,
        lock: Lock,
        generation: u64,
    ) -> Result<Self, OpenError> {
        let segment_bytes = options.segment_bytes;
        let in_range = (SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&segment_bytes);
        if !in_range || !segment_bytes.is_multiple_of(BLOCK_BYTES) {
            return Err(OpenError::SegmentBytes { segment_bytes });
        }
        segment::prepare(&*medium, dir, 0, segment_bytes, Fill::Written)?;
        let manifest = Manifest {
            id: random_id().context("draw an identity for", dir)?,
            generation,
            segment_bytes,
            first: Start {
                segment: 0,
                position: Position::ZERO,
                previous: Sum::default(),
            },
            durable: Position::ZERO,
        };
        manifest.save(dir)?;
        let (recovered, resume) = recover(&*medium, dir, &manifest)?;
        let resume = resume.ok_or_else(|| DiskError {
            action: "read back",
            path: dir.to_path_buf(),
            source: io::Error::other("the segment that was just written is gone"),
        })?;
        Self::start(medium, dir, options, lock, manifest, resume, &recovered)
    }

    /// Starts the threads of a log that can be written to.
    fn start(
        medium: Arc<dyn Medium>,
        dir: &Path,
        options: Options,
        lock: Lock,
        manifest: Manifest,
        resume: Resume,
        recovered: &Recovered,
    ) -> Result<Self, OpenError> {
        let (jobs, asked) = channel();
        let (answers, ready) = channel();
        let requested = resume.next.is_some();
        if let Some(next) = resume.next {
            let _kept = answers.send(Ok(next));
        }
        let segment_bytes = manifest.segment_bytes;
        let mut direct = Direct::default();
        direct.open(&segment::path(dir, resume.at.segment));
        let writer = Writer {
            dir: dir.to_path_buf(),
            keys: manifest.keys(),
            medium: Arc::clone(&medium),
            segment_bytes,
            file: resume.file,
            direct,
            at: resume.at,
            position: recovered.end,
            durable: recovered.end,
            previous: resume.previous,
            ahead: Ahead {
                jobs: jobs.clone(),
                ready,
                requested,
                bytes: 0,
                syncs: 0,
            },
        };
        let shared = Shared::new(Some(writer), recovered.end, options.on_durable);
        let shared = Arc::new(shared);
        if let Some(source) = &recovered.source {
            let mut starts = shared.starts.lock().unwrap_or_else(PoisonError::into_inner);
            starts.extend(&source.starts);
        }
        let keeper = Keeper {
            dir: dir.to_path_buf(),
            medium,
            manifest,
            shared: Arc::clone(&shared),
            jobs: asked,
            ready: answers,
        };
        let flushed = Arc::clone(&shared);
        let threads = [
            spawn("log-flusher", move || flusher::run(&flushed)).context("start", dir)?,
            spawn("log-keeper", move || keeper.run()).context("start", dir)?,
        ];
        Ok(Self {
            shared,
            buffer: empty_buffer(),
            end: recovered.end,
            backlog_bytes_max: options.backlog_bytes_max,
            record_bytes_max: record_bytes_max(segment_bytes),
            jobs: Some(jobs),
            threads: threads.into_iter().collect(),
            dir: dir.to_path_buf(),
            _lock: lock,
        })
    }

    fn unreadable(dir: &Path, options: Options, lock: Lock) -> (Self, Recovered) {
        let at = Position::ZERO;
        let recovered = Recovered {
            start: at,
            end: at,
            tail: Tail::Damaged { at },
            generation: 0,
            source: None,
        };
        (Self::damaged(dir, options, lock, at), recovered)
    }

    /// A log that can only be set aside.
    fn damaged(dir: &Path, options: Options, lock: Lock, at: Position) -> Self {
        let shared = Shared::new(None, at, options.on_durable);
        shared.fail(LogFailed::Damaged { at });
        Self {
            shared: Arc::new(shared),
            buffer: empty_buffer(),
            end: at,
            backlog_bytes_max: options.backlog_bytes_max,
            record_bytes_max: 0,
            jobs: None,
            threads: Vec::new(),
            dir: dir.to_path_buf(),
            _lock: lock,
        }
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name(name.to_owned()).spawn(body)
}

fn lock(dir: &Path) -> Result<Lock, OpenError> {
    Lock::acquire(dir)?.ok_or_else(|| OpenError::Locked {
        dir: dir.to_path_buf(),
    })
}

fn lock_existing(dir: &Path) -> Result<Lock, OpenError> {
    if dir.is_dir() {
        lock(dir)
    } else {
        let dir = dir.to_path_buf();
        Err(OpenError::Missing { dir })
    }
}

/// Looks for a log. Segments without a manifest are a log that lost it, unless they are empty: then
/// somebody crashed while making one, and nothing was ever promised.
fn find(dir: &Path) -> Result<Found, DiskError> {
    let found = Manifest::load(dir)?;
    if matches!(found, Found::Nothing) {
        for number in segment::numbers(dir)? {
            if !is_zero(&segment::path(dir, number))? {
                return Ok(Found::Unreadable);
            }
        }
    }
    Ok(found)
}

fn is_zero(path: &Path) -> Result<bool, DiskError> {
    let file = fs::File::open(path).context("open", path)?;
    let mut buffer = vec![0; 1 << 20];
    let mut offset = 0;
    loop {
        let read = read_full_at(&file, &mut buffer, offset).context("read", path)?;
        if read == 0 {
            return Ok(true);
        }
        if buffer.iter().take(read).any(|byte| *byte != 0) {
            return Ok(false);
        }
        offset = offset.saturating_add(widen(read));
    }
}

fn random_id() -> io::Result<[u8; 16]> {
    let mut id = [0; 16];
    let drawn = rustix::rand::getrandom(&mut id, rustix::rand::GetRandomFlags::empty())?;
    if drawn == id.len() {
        Ok(id)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}
