//! The file with the certificates of the views so far.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use maftia_codec::{Bytes, Reader, Writer};
use maftia_membership::Certificate;

/// More than the certificates that are kept take.
const BYTES_MAX: u64 = 64 << 20;
const CERTIFICATES_MAX: usize = 1 << 16;

/// A file that is replaced as a whole. Losing it costs those who were away longer: others have it.
#[derive(Debug)]
pub(crate) struct ChainFile {
    dir: PathBuf,
}

impl ChainFile {
    /// The file in a site's data directory.
    pub(crate) fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_path_buf(),
        }
    }

    /// What was written last; nothing if that cannot be read.
    pub(crate) fn read(&self) -> Vec<Certificate> {
        let path = self.dir.join("views");
        let small = fs::metadata(&path).is_ok_and(|found| found.len() <= BYTES_MAX);
        let bytes = match fs::read(&path) {
            Ok(bytes) if small => Bytes::from(bytes),
            Ok(_) => return Vec::new(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "cannot read the views' certificates");
                return Vec::new();
            }
        };
        let mut reader = Reader::new(bytes);
        let chain = reader.list("certificates", CERTIFICATES_MAX);
        chain.unwrap_or_else(|error| {
            tracing::warn!(path = %path.display(), %error, "the views' certificates are damaged");
            Vec::new()
        })
    }

    /// Puts them in place of what was there: a crash leaves the old content or the new.
    pub(crate) fn replace(&self, chain: &[Certificate]) {
        let mut writer = Writer::new();
        writer.list(chain);
        if let Err(error) = self.write(writer.as_slice()) {
            tracing::warn!(%error, "cannot keep the views' certificates; the other sites have them");
        }
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let new = self.dir.join("views.new");
        let mut file = File::create(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, self.dir.join("views"))
    }
}
