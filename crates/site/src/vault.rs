//! The file with this site's shares of the group's keys.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Far more than a site's secrets ever take.
const BYTES_MAX: u64 = 64 << 20;

/// The vault cannot be read or written. The site stops: without it, its word would promise what it
/// cannot keep.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} the vault {}", path.display())]
pub struct VaultFailed {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// A small file that is replaced as a whole; what it held before is overwritten.
#[derive(Debug)]
pub(crate) struct VaultFile {
    dir: PathBuf,
}

impl VaultFile {
    /// The vault in a site's data directory.
    pub(crate) fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_path_buf(),
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.join("vault")
    }

    fn failed(&self, action: &'static str) -> impl FnOnce(io::Error) -> VaultFailed {
        let path = self.path();
        move |source| VaultFailed {
            action,
            path,
            source,
        }
    }

    /// What was written last; none if nothing ever was.
    pub(crate) fn read(&self) -> Result<Option<Zeroizing<Vec<u8>>>, VaultFailed> {
        let file = match File::open(self.path()) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed("open")(error)),
        };
        let length = file.metadata().map_err(self.failed("read"))?.len();
        let room = usize::try_from(length.min(BYTES_MAX)).unwrap_or(0);
        // Sized beforehand: a buffer that grows leaves copies of secrets behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(room.saturating_add(1)));
        let mut limited = file.take(BYTES_MAX);
        limited
            .read_to_end(&mut bytes)
            .map_err(self.failed("read"))?;
        Ok(Some(bytes))
    }

    /// Puts `bytes` in place of what was there, durably: a crash leaves the old content or the new.
    pub(crate) fn replace(&self, bytes: &[u8]) -> Result<(), VaultFailed> {
        let former = OpenOptions::new().write(true).open(self.path()).ok();
        let new = self.dir.join("vault.new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)
            .map_err(self.failed("make"))?;
        file.write_all(bytes).map_err(self.failed("write"))?;
        file.sync_all().map_err(self.failed("write"))?;
        fs::rename(&new, self.path()).map_err(self.failed("replace"))?;
        File::open(&self.dir)
            .and_then(|dir| dir.sync_all())
            .map_err(self.failed("replace"))?;
        former.map_or(Ok(()), wipe).map_err(self.failed("wipe"))
    }
}

/// Overwrites a file that has lost its name. A disk that moves blocks may keep a copy all the same:
/// see SECURITY.md.
fn wipe(mut file: File) -> io::Result<()> {
    let mut left = file.metadata()?.len();
    file.seek(SeekFrom::Start(0))?;
    let zeros = [0; 4096];
    while left > 0 {
        let length = usize::try_from(left)
            .unwrap_or(zeros.len())
            .min(zeros.len());
        file.write_all(zeros.get(..length).unwrap_or(&zeros))?;
        left = left.saturating_sub(length as u64);
    }
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn holds_what_was_written_last_and_wipes_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let vault = VaultFile::new(dir.path());
        assert!(vault.read().unwrap().is_none());
        vault.replace(&[7; 5000]).unwrap();
        let mut former = File::open(vault.path()).unwrap();
        vault.replace(b"second").unwrap();
        assert_eq!(**vault.read().unwrap().unwrap(), *b"second");
        let mut left = Vec::new();
        former.read_to_end(&mut left).unwrap();
        assert_eq!(left, [0; 5000], "wiped where it lay");
        let mode = fs::metadata(vault.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_kill_before_the_rename_leaves_the_old_content() {
        let dir = tempfile::tempdir().unwrap();
        let vault = VaultFile::new(dir.path());
        vault.replace(b"first").unwrap();
        fs::write(dir.path().join("vault.new"), b"hal").unwrap();
        assert_eq!(**vault.read().unwrap().unwrap(), *b"first");
        vault.replace(b"second").unwrap();
        assert_eq!(**vault.read().unwrap().unwrap(), *b"second");
    }
}
