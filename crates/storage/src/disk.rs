use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

/// An operation on a file or directory failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", path.display())]
pub struct DiskError {
    /// What was attempted, as a verb.
    pub action: &'static str,
    /// On what.
    pub path: PathBuf,
    /// What the system answered.
    pub source: io::Error,
}

/// Gives an input/output result its context.
pub(crate) trait Context<T> {
    fn context(self, action: &'static str, path: &Path) -> Result<T, DiskError>;
}

impl<T, E: Into<io::Error>> Context<T> for Result<T, E> {
    fn context(self, action: &'static str, path: &Path) -> Result<T, DiskError> {
        self.map_err(|source| DiskError {
            action,
            path: path.to_path_buf(),
            source: source.into(),
        })
    }
}

/// The calls on which durability rests, so that tests can make them fail. One virtual call beside a
/// system call costs nothing that can be measured.
pub(crate) trait Medium: Send + Sync + 'static {
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()>;
    fn sync(&self, file: &File) -> io::Result<()>;
}

/// The real disk.
pub(crate) struct Disk;

impl Medium for Disk {
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}

/// Exclusive use of a directory, given up when dropped or when the process ends in any way.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// `None` if somebody else holds it.
    pub(crate) fn acquire(dir: &Path) -> Result<Option<Self>, DiskError> {
        let path = dir.join(LOCK);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .context("open", &path)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error).context("lock", &path),
        }
    }
}

/// The file that carries the lock; it stays when the lock is given up.
pub(crate) const LOCK: &str = "lock";

/// Creates a directory and the missing ones above it, so that their names survive a power loss.
pub(crate) fn create_dir_durable(dir: &Path) -> Result<(), DiskError> {
    let missing = dir
        .ancestors()
        .take_while(|path| !path.as_os_str().is_empty() && !path.exists());
    let missing: Vec<&Path> = missing.collect();
    for path in missing.into_iter().rev() {
        match fs::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => result.context("create", path)?,
        }
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        sync_dir(parent.unwrap_or(Path::new(".")))?;
    }
    Ok(())
}

/// Makes created, renamed and removed names durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), DiskError> {
    File::open(dir)
        .and_then(|file| file.sync_all())
        .context("sync", dir)
}

/// Replaces a small file, so that a crash leaves the old content or the new.
pub(crate) fn replace_durable(dir: &Path, name: &str, content: &[u8]) -> Result<(), DiskError> {
    let temporary = dir.join(format!("{name}.tmp"));
    let path = dir.join(name);
    let mut file = File::create(&temporary).context("create", &temporary)?;
    file.write_all(content).context("write", &temporary)?;
    file.sync_all().context("sync", &temporary)?;
    fs::rename(&temporary, &path).context("put in place", &path)?;
    sync_dir(dir)
}

/// The names in a directory; names that are not text belong to nobody here and are left out.
pub(crate) fn names(dir: &Path) -> Result<Vec<String>, DiskError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).context("list", dir)? {
        let entry = entry.context("list", dir)?;
        names.extend(entry.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

/// Reads until the buffer is full or the file ends; returns how much was read.
pub(crate) fn read_full_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset.saturating_add(widen(done))) {
            Ok(0) => break,
            Ok(read) => done = done.saturating_add(read),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// A length in memory as a length on disk.
pub(crate) fn widen(length: usize) -> u64 {
    u64::try_from(length).expect("usize has at most 64 bits")
}
