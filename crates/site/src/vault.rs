//! The file with this site's shares of the group's keys.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
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
///
/// Replacing takes these steps, each durable before the next:
/// 1. `vault.new` is written.
/// 2. `vault` gets the second name `vault.old`.
/// 3. `vault.new` is renamed to `vault`.
/// 4. `vault.old` is overwritten and removed.
///
/// Whatever was under way at a crash has a name afterwards, and [`VaultFile::open`] overwrites it.
#[derive(Debug)]
pub(crate) struct VaultFile {
    dir: PathBuf,
    /// How many more steps are taken before it fails as if killed.
    #[cfg(test)]
    fuse: std::sync::atomic::AtomicUsize,
}

impl VaultFile {
    /// The vault in a site's data directory, with what a crash has left beside it overwritten.
    pub(crate) fn open(dir: &Path) -> Result<Self, VaultFailed> {
        let vault = Self {
            dir: dir.to_path_buf(),
            #[cfg(test)]
            fuse: usize::MAX.into(),
        };
        vault.clean().map_err(vault.failed("clean"))?;
        Ok(vault)
    }

    fn path(&self) -> PathBuf {
        self.dir.join("vault")
    }

    fn new_path(&self) -> PathBuf {
        self.dir.join("vault.new")
    }

    fn old_path(&self) -> PathBuf {
        self.dir.join("vault.old")
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
        // A replacement that failed half way, without a crash, has left something too.
        self.clean().map_err(self.failed("clean"))?;
        self.write_new(bytes).map_err(self.failed("write"))?;
        self.exchange().map_err(self.failed("replace"))?;
        self.clean().map_err(self.failed("wipe"))
    }

    fn write_new(&self, bytes: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(self.new_path())?;
        self.step()?;
        file.write_all(bytes)?;
        self.step()?;
        file.sync_all()
    }

    /// From here on `vault` is there at every instant, and what it holds is whole.
    fn exchange(&self) -> io::Result<()> {
        self.step()?;
        match fs::hard_link(self.path(), self.old_path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            // There was none before the first.
            Ok(()) | Err(_) => {}
        }
        self.step()?;
        self.sync_dir()?;
        self.step()?;
        fs::rename(self.new_path(), self.path())?;
        self.step()?;
        self.sync_dir()
    }

    /// Overwrites and removes what is beside the vault.
    fn clean(&self) -> io::Result<()> {
        for left in [self.new_path(), self.old_path()] {
            let file = match OpenOptions::new().write(true).open(&left) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            // A crash after step 2: the vault itself has this name too.
            if !self.is_the_vault(&file)? {
                self.step()?;
                wipe(file)?;
            }
            self.step()?;
            // If the name comes back after a loss of power, it is met at the next start.
            fs::remove_file(&left)?;
        }
        Ok(())
    }

    fn is_the_vault(&self, file: &File) -> io::Result<bool> {
        let vault = match fs::metadata(self.path()) {
            Ok(vault) => vault,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        let file = file.metadata()?;
        Ok((file.dev(), file.ino()) == (vault.dev(), vault.ino()))
    }

    fn sync_dir(&self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }

    /// Where a test kills it.
    fn step(&self) -> io::Result<()> {
        #[cfg(test)]
        {
            use std::sync::atomic::Ordering::Relaxed;
            let left = self.fuse.load(Relaxed);
            if left == 0 {
                return Err(io::Error::other("killed"));
            }
            self.fuse.store(left - 1, Relaxed);
        }
        Ok(())
    }
}

/// Overwrites a file. A disk that moves blocks may keep a copy all the same: see SECURITY.md.
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
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    fn content(mut file: &File) -> Vec<u8> {
        let mut content = Vec::new();
        file.seek(SeekFrom::Start(0)).unwrap();
        file.read_to_end(&mut content).unwrap();
        content
    }

    #[test]
    fn holds_what_was_written_last_and_wipes_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let vault = VaultFile::open(dir.path()).unwrap();
        assert!(vault.read().unwrap().is_none());
        vault.replace(&[7; 5000]).unwrap();
        let former = File::open(vault.path()).unwrap();
        vault.replace(b"second").unwrap();
        assert_eq!(**vault.read().unwrap().unwrap(), *b"second");
        assert_eq!(content(&former), [0; 5000], "wiped where it lay");
        let mode = fs::metadata(vault.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(names(dir.path()), ["vault"]);
    }

    /// Kills a replacement before each of its steps, and the cleaning of the next start too.
    #[test]
    fn a_kill_at_any_step_leaves_one_content_and_after_the_next_start_no_other() {
        let mut steps = 0;
        loop {
            let dir = tempfile::tempdir().unwrap();
            let vault = VaultFile::open(dir.path()).unwrap();
            vault.replace(b"first").unwrap();
            let former = File::open(vault.path()).unwrap();
            vault.fuse.store(steps, Relaxed);
            let done = vault.replace(b"second").is_ok();
            let held = vault.read().unwrap().unwrap();
            assert!([&b"first"[..], b"second"].contains(&&held[..]), "{steps}");
            // Whatever else there is has a name.
            let everything = names(dir.path());
            let others = everything.iter().filter(|name| *name != "vault");
            let others: Vec<File> = others
                .map(|name| File::open(dir.path().join(name)).unwrap())
                .collect();
            for killed in 0..8 {
                let vault = VaultFile {
                    dir: dir.path().to_path_buf(),
                    fuse: killed.into(),
                };
                if vault.clean().is_ok() {
                    break;
                }
                assert_eq!(*vault.read().unwrap().unwrap(), *held, "{steps} {killed}");
            }
            let vault = VaultFile::open(dir.path()).unwrap();
            assert_eq!(*vault.read().unwrap().unwrap(), *held, "{steps}");
            assert_eq!(names(dir.path()), ["vault"], "{steps}");
            let wiped = |file: &File| content(file).iter().all(|byte| *byte == 0);
            let ours = |file: &File| content(file) == **held;
            assert!(others.iter().all(|own| wiped(own) || ours(own)), "{steps}");
            assert_eq!(wiped(&former), **held == *b"second", "{steps}");
            vault.replace(b"third").unwrap();
            assert_eq!(**vault.read().unwrap().unwrap(), *b"third");
            if done {
                assert_eq!(steps, 8);
                return;
            }
            steps += 1;
        }
    }

    #[test]
    fn the_first_replacement_killed_at_any_step_leaves_nothing_or_its_content() {
        for steps in 0.. {
            let dir = tempfile::tempdir().unwrap();
            let vault = VaultFile::open(dir.path()).unwrap();
            vault.fuse.store(steps, Relaxed);
            let done = vault.replace(b"first").is_ok();
            let vault = VaultFile::open(dir.path()).unwrap();
            let held = vault.read().unwrap();
            assert!(held.is_none_or(|held| **held == *b"first"), "{steps}");
            assert!(names(dir.path()).iter().all(|name| name == "vault"));
            if done {
                return;
            }
        }
    }
}
