use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use bytes::Bytes;
use maftia_replica::CHUNK_BYTES_MAX;
use maftia_types::Digest;

use crate::reader::read_preamble;
use crate::{BackupError, is_chunk};

/// The chunks of an earlier backup, whole or begun: what has not changed since need not be fetched.
/// Nothing in it is believed; each chunk is checked when it is taken.
#[derive(Debug)]
pub struct Pool {
    file: File,
    places: BTreeMap<Digest, (u64, usize)>,
}

impl Pool {
    /// Looks where the chunks are, as far as the file goes.
    ///
    /// # Errors
    /// If it is no backup or cannot be read.
    pub fn open(path: &Path) -> Result<Self, BackupError> {
        let mut file = BufReader::new(File::open(path)?);
        let length = file.get_ref().metadata()?.len();
        let (preamble, mut at) = read_preamble(&mut file)?;
        let mut places = BTreeMap::new();
        for digest in preamble.digests {
            let mut bytes = [0; 4];
            if file.read_exact(&mut bytes).is_err() {
                break;
            }
            let size = usize::try_from(u32::from_le_bytes(bytes)).unwrap_or(usize::MAX);
            let (begin, end) = (at + 4, at + 4 + size as u64);
            if size > CHUNK_BYTES_MAX || end > length {
                break;
            }
            file.seek_relative(i64::try_from(size).unwrap_or(i64::MAX))?;
            places.insert(digest, (begin, size));
            at = end;
        }
        let file = file.into_inner();
        Ok(Self { file, places })
    }

    /// The chunk with this digest, if it is here.
    pub fn take(&mut self, digest: &Digest) -> Option<Bytes> {
        let (at, size) = *self.places.get(digest)?;
        self.file.seek(SeekFrom::Start(at)).ok()?;
        let mut bytes = vec![0; size];
        self.file.read_exact(&mut bytes).ok()?;
        let bytes = Bytes::from(bytes);
        is_chunk(&bytes, digest).then_some(bytes)
    }
}
