//! The file of a snapshot.
//!
//! ```text
//! magic 16 ‖ id 8 ‖ position 8 ‖ index 8
//! for each chunk: length 4 ‖ checksum 16 ‖ bytes
//! end mark 4 (all ones) ‖ number of chunks 8 ‖ hash 32 of everything before it
//! ```
//! A chunk's checksum covers the head of the file, the chunk's number and its bytes, so that a
//! damaged or exchanged chunk is found before it is used; the hash at the end covers the whole.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use bytes::Bytes;

use super::{CHUNK_BYTES_MAX, SnapshotError};
use crate::Position;
use crate::disk::{Context as _, DiskError, widen};

const MAGIC: &[u8; 16] = b"maftia snapsh 1\n";
const END: u32 = u32::MAX;
const CHUNK_DOMAIN: &str = "maftia-storage 1 snapshot chunk";
const FILE_DOMAIN: &str = "maftia-storage 1 snapshot";

/// What a snapshot is of.
pub(super) struct Head {
    pub(super) id: u64,
    pub(super) position: Position,
    pub(super) index: u64,
}

impl Head {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&self.id.to_le_bytes());
        bytes.extend_from_slice(&self.position.0.to_le_bytes());
        bytes.extend_from_slice(&self.index.to_le_bytes());
        bytes
    }
}

fn chunk_sum(head: &[u8], number: u64, chunk: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_derive_key(CHUNK_DOMAIN);
    hasher.update(head);
    hasher.update(&number.to_le_bytes());
    hasher.update(chunk);
    let hash = hasher.finalize();
    let (sum, _) = hash
        .as_bytes()
        .split_first_chunk()
        .expect("a hash is longer than a checksum");
    *sum
}

/// Writes a snapshot; when this returns, its content is durable and its name is not.
pub(super) fn write(
    path: &Path,
    head: &Head,
    chunks: impl Iterator<Item = Bytes>,
) -> Result<(), SnapshotError> {
    let file = File::create(path).context("create", path)?;
    let mut out = Hashing {
        inner: BufWriter::new(file),
        hasher: blake3::Hasher::new_derive_key(FILE_DOMAIN),
    };
    let head = head.encode();
    out.write_all(&head).context("write", path)?;
    let mut count = 0_u64;
    for chunk in chunks {
        let bytes = chunk.len();
        let length = u32::try_from(bytes)
            .ok()
            .filter(|_| bytes <= CHUNK_BYTES_MAX)
            .ok_or(SnapshotError::ChunkTooLarge { bytes })?;
        out.write_all(&length.to_le_bytes())
            .context("write", path)?;
        out.write_all(&chunk_sum(&head, count, &chunk))
            .context("write", path)?;
        out.write_all(&chunk).context("write", path)?;
        count = count.saturating_add(1);
    }
    out.write_all(&END.to_le_bytes()).context("write", path)?;
    out.write_all(&count.to_le_bytes()).context("write", path)?;
    let hash = out.hasher.finalize();
    let mut inner = out.inner;
    inner.write_all(hash.as_bytes()).context("write", path)?;
    let file = inner
        .into_inner()
        .map_err(io::IntoInnerError::into_error)
        .context("write", path)?;
    file.sync_all().context("sync", path)?;
    Ok(())
}

/// Reads a snapshot; `None` if it is not exactly what was written under this number.
pub(super) fn read(path: &Path, id: u64) -> Result<Option<(Head, Vec<Bytes>)>, DiskError> {
    let file = File::open(path).context("open", path)?;
    let mut input = Hashing {
        inner: BufReader::new(file),
        hasher: blake3::Hasher::new_derive_key(FILE_DOMAIN),
    };
    match read_checked(&mut input, id) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        result => result.context("read", path),
    }
}

fn read_checked<R: Read>(
    input: &mut Hashing<R>,
    id: u64,
) -> io::Result<Option<(Head, Vec<Bytes>)>> {
    let magic: [u8; 16] = input.array()?;
    let head = Head {
        id: u64::from_le_bytes(input.array()?),
        position: Position(u64::from_le_bytes(input.array()?)),
        index: u64::from_le_bytes(input.array()?),
    };
    if &magic != MAGIC || head.id != id {
        return Ok(None);
    }
    let head_bytes = head.encode();
    let mut chunks = Vec::new();
    loop {
        let length = u32::from_le_bytes(input.array()?);
        if length == END {
            break;
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > CHUNK_BYTES_MAX {
            return Ok(None);
        }
        let sum: [u8; 16] = input.array()?;
        let mut chunk = vec![0; length];
        input.fill(&mut chunk)?;
        if chunk_sum(&head_bytes, widen(chunks.len()), &chunk) != sum {
            return Ok(None);
        }
        chunks.push(Bytes::from(chunk));
    }
    let count = u64::from_le_bytes(input.array()?);
    let expected = input.hasher.finalize();
    let hash: [u8; 32] = input.array()?;
    let at_end = input.inner.read(&mut [0])? == 0;
    let whole = at_end && count == widen(chunks.len()) && expected == hash;
    Ok(whole.then_some((head, chunks)))
}

/// Hashes what passes.
struct Hashing<T> {
    inner: T,
    hasher: blake3::Hasher,
}

impl<W: Write> Hashing<W> {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.inner.write_all(bytes)
    }
}

impl<R: Read> Hashing<R> {
    fn fill(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.inner.read_exact(bytes)?;
        self.hasher.update(bytes);
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }
}
