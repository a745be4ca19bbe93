//! Snapshots: a state in chunks, written beside the log so that the log can be released.

mod file;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use crate::Position;
use crate::disk::{Context as _, DiskError, Lock, create_dir_durable, names, sync_dir};

/// The largest chunk: bounds what reading one chunk allocates.
pub const CHUNK_BYTES_MAX: usize = 4 << 20;

/// How many snapshots are kept: the newest, and one to fall back on if it turns out damaged.
const KEPT: usize = 2;

const PREFIX: &str = "snapshot-";
const TEMPORARY: &str = "snapshot.tmp";

/// Names a snapshot within its directory; later ones are greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SnapshotId(pub u64);

/// As its file is named.
impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{:016x}", self.0)
    }
}

/// A snapshot as it was saved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoadedSnapshot {
    /// Which one.
    pub id: SnapshotId,
    /// The position in the log that it covers.
    pub position: Position,
    /// The caller's number, such as the commit index.
    pub index: u64,
    /// The chunks, in the order given.
    pub chunks: Vec<Bytes>,
    /// Newer snapshots that do not verify. They stay until newer ones replace them.
    pub damaged: Vec<SnapshotId>,
}

/// A snapshot was not saved or loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The directory is in use, by another process or in this one.
    #[error("{} is in use by another process", dir.display())]
    Locked {
        /// The directory.
        dir: PathBuf,
    },
    /// A chunk is over [`CHUNK_BYTES_MAX`].
    #[error("a chunk of {bytes} bytes is over the limit of {CHUNK_BYTES_MAX}")]
    ChunkTooLarge {
        /// Length of the chunk.
        bytes: usize,
    },
    /// There are snapshots and none of them verifies: not the same as a new directory.
    #[error("all snapshots in {} are damaged", dir.display())]
    AllDamaged {
        /// The directory.
        dir: PathBuf,
        /// The snapshots, newest first.
        damaged: Vec<SnapshotId>,
    },
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// A directory of snapshots.
#[derive(Debug)]
pub struct Snapshots {
    dir: PathBuf,
    /// Held while saving: one snapshot at a time.
    saving: Mutex<()>,
    _lock: Lock,
}

impl Snapshots {
    /// Opens a directory, which is made if necessary, and removes what a crash left half written.
    ///
    /// # Errors
    /// If the directory is in use or the disk fails.
    pub fn open(dir: &Path) -> Result<Self, SnapshotError> {
        create_dir_durable(dir)?;
        let Some(lock) = Lock::acquire(dir)? else {
            let dir = dir.to_path_buf();
            return Err(SnapshotError::Locked { dir });
        };
        remove(&dir.join(TEMPORARY))?;
        Ok(Self {
            dir: dir.to_path_buf(),
            saving: Mutex::new(()),
            _lock: lock,
        })
    }

    /// Writes a snapshot and returns when it is durable; then removes all but the newest two. The
    /// chunks are taken one at a time. May be called on any thread; calls take turns.
    ///
    /// # Errors
    /// If a chunk is too large or the disk fails. Earlier snapshots are untouched then.
    pub fn save(
        &self,
        position: Position,
        index: u64,
        chunks: impl Iterator<Item = Bytes>,
    ) -> Result<SnapshotId, SnapshotError> {
        // A panic of an earlier caller's iterator left at most a temporary file.
        let _saving = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let existing = self.list()?;
        let newest = existing.first().map_or(0, |id| id.0);
        let id = SnapshotId(newest.saturating_add(1));
        let temporary = self.dir.join(TEMPORARY);
        let head = file::Head {
            id: id.0,
            position,
            index,
        };
        if let Err(error) = file::write(&temporary, &head, chunks) {
            // Gives the space back; if even that fails, the first error says more.
            let _removed = remove(&temporary);
            return Err(error);
        }
        let path = self.path(id);
        fs::rename(&temporary, &path).context("put in place", &path)?;
        sync_dir(&self.dir)?;
        for old in existing.into_iter().skip(KEPT.saturating_sub(1)) {
            remove(&self.path(old))?;
        }
        Ok(id)
    }

    /// The newest snapshot that verifies as a whole, or nothing if none was ever saved. Holds the
    /// whole snapshot in memory.
    ///
    /// # Errors
    /// If there are snapshots and all are damaged, or the disk fails.
    pub fn latest(&self) -> Result<Option<LoadedSnapshot>, SnapshotError> {
        let mut damaged = Vec::new();
        for id in self.list()? {
            if let Some((head, chunks)) = file::read(&self.path(id), id.0)? {
                return Ok(Some(LoadedSnapshot {
                    id,
                    position: head.position,
                    index: head.index,
                    chunks,
                    damaged,
                }));
            }
            damaged.push(id);
        }
        if damaged.is_empty() {
            return Ok(None);
        }
        let dir = self.dir.clone();
        Err(SnapshotError::AllDamaged { dir, damaged })
    }

    /// Newest first.
    fn list(&self) -> Result<Vec<SnapshotId>, DiskError> {
        let names = names(&self.dir)?;
        let mut ids: Vec<_> = names.iter().filter_map(|name| parse(name)).collect();
        ids.sort_unstable_by(|a, b| b.cmp(a));
        Ok(ids)
    }

    fn path(&self, id: SnapshotId) -> PathBuf {
        self.dir.join(id.to_string())
    }
}

fn parse(text: &str) -> Option<SnapshotId> {
    let digits = text.strip_prefix(PREFIX)?;
    let id = SnapshotId(u64::from_str_radix(digits, 16).ok()?);
    (text == id.to_string()).then_some(id)
}

fn remove(path: &Path) -> Result<(), DiskError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result.context("remove", path),
    }
}
