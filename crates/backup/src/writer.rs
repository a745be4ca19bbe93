use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use maftia_codec::Wire as _;
use maftia_types::Digest;

use crate::preamble::{MAGIC, Preamble};
use crate::{BackupError, is_chunk};

/// A backup that is being written, under another name until it is whole.
#[derive(Debug)]
pub struct BackupWriter {
    to: BufWriter<File>,
    path: PathBuf,
    digests: Vec<Digest>,
    next: usize,
    bytes: u64,
}

impl BackupWriter {
    /// The name of a backup that is not whole yet.
    #[must_use]
    pub fn partial(path: &Path) -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push(".part");
        name.into()
    }

    /// Begins anew; the preamble has been checked. Readable by its owner only: the store's values
    /// are in it.
    ///
    /// # Errors
    /// [`BackupError::Disk`].
    pub fn create(path: &Path, preamble: &Preamble) -> Result<Self, BackupError> {
        let partial = Self::partial(path);
        // One that is there would keep its mode, and whoever has opened it would read along.
        if let Err(error) = fs::remove_file(&partial)
            && error.kind() != ErrorKind::NotFound
        {
            return Err(error.into());
        }
        let mut options = File::options();
        options.write(true).create_new(true).mode(0o600);
        let mut to = BufWriter::new(options.open(partial)?);
        let bytes = preamble.to_bytes();
        let length = length_of(&bytes);
        to.write_all(MAGIC)?;
        to.write_all(&length)?;
        to.write_all(&bytes)?;
        Ok(Self {
            to,
            path: path.to_owned(),
            digests: preamble.digests.clone(),
            next: 0,
            bytes: (MAGIC.len() + length.len() + bytes.len()) as u64,
        })
    }

    /// The digest of the chunk that is wanted next; `None` after the last.
    #[must_use]
    pub fn wanted(&self) -> Option<(usize, Digest)> {
        let digest = self.digests.get(self.next)?;
        Some((self.next, *digest))
    }

    /// Appends the next chunk.
    ///
    /// # Errors
    /// [`BackupError::Altered`] if it is not the one that is wanted; the disk.
    pub fn append(&mut self, chunk: &Bytes) -> Result<(), BackupError> {
        let (place, of) = (self.next + 1, self.digests.len());
        let fits = self
            .digests
            .get(self.next)
            .is_some_and(|own| is_chunk(chunk, own));
        if !fits {
            return Err(BackupError::Altered { place, of });
        }
        let length = length_of(chunk);
        self.to.write_all(&length)?;
        self.to.write_all(chunk)?;
        self.next += 1;
        self.bytes += (length.len() + chunk.len()) as u64;
        Ok(())
    }

    /// Hands everything so far to the system: the partial file can be read.
    ///
    /// # Errors
    /// The disk.
    pub fn flush(&mut self) -> Result<(), BackupError> {
        Ok(self.to.flush()?)
    }

    /// Puts the whole file in place, durably; gives its length.
    ///
    /// # Errors
    /// [`BackupError::CutOff`] if chunks are missing; the disk.
    pub fn finish(self) -> Result<u64, BackupError> {
        if self.next < self.digests.len() {
            let (place, of) = (self.next + 1, self.digests.len());
            return Err(BackupError::CutOff { place, of });
        }
        let file = self.to.into_inner().map_err(|error| error.into_error())?;
        file.sync_all()?;
        fs::rename(Self::partial(&self.path), &self.path)?;
        let folder = self.path.parent().filter(|own| !own.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(self.bytes)
    }
}

fn length_of(bytes: &[u8]) -> [u8; 4] {
    let length = u32::try_from(bytes.len()).expect("preambles and chunks are bounded");
    length.to_le_bytes()
}
