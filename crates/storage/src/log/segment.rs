//! Segment files: their names and how they are made ahead of time.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::FallocateFlags;

use super::frame::BLOCK_BYTES;
use crate::disk::{Context as _, DiskError, Medium, names, sync_dir, widen};

/// A segment on its way; it gets its name when it is complete.
pub(super) const TEMPORARY: &str = "segment.tmp";

const PREFIX: &str = "segment-";

/// Zeroes are written in pieces of this size, each synced, so that filling a segment never puts
/// more than one piece between a commit and the disk.
const FILL_BYTES: usize = 1 << 20;

/// How the space of a new segment is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fill {
    /// Written with zeroes. A sync into reserved but never written space must also commit that the
    /// extent is now written. Measured on ext4, medians of 400 interleaved 4 KiB writes with
    /// `fdatasync`: 133 µs into written space, 172 µs into reserved space, 218 µs when the file
    /// grows; with 64 KiB writes 160, 237 and 349 µs.
    Written,
    /// Reserved only. Zeroes cost the disk as many bytes again as the log itself (280 MB/s on the
    /// same disk), which large batches cannot afford and do not need: to them the sync is small.
    Reserved,
}

impl Fill {
    /// Batches above this mean length gain less from written space than writing it costs: writing
    /// 64 KiB of zeroes takes the same disk three times the 77 µs that it saves.
    const BATCH_BYTES_MAX: u64 = 64 << 10;

    /// What suits a log that writes like this.
    pub(super) fn for_load(bytes: u64, syncs: u64) -> Self {
        if bytes > syncs.saturating_mul(Self::BATCH_BYTES_MAX) {
            Self::Reserved
        } else {
            Self::Written
        }
    }
}

/// The file of a segment.
pub(super) fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{PREFIX}{number:016x}"))
}

/// The number in a segment's file name.
pub(super) fn number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(PREFIX)?;
    let number = u64::from_str_radix(digits, 16).ok()?;
    (name == format!("{PREFIX}{number:016x}")).then_some(number)
}

/// The segments in a directory, ascending.
pub(super) fn numbers(dir: &Path) -> Result<Vec<u64>, DiskError> {
    let names = names(dir)?;
    Ok(names.iter().filter_map(|name| number(name)).collect())
}

/// Makes an empty segment, durable in content, length and name.
pub(super) fn prepare(
    medium: &dyn Medium,
    dir: &Path,
    number: u64,
    bytes: u64,
    fill: Fill,
) -> Result<File, DiskError> {
    let temporary = dir.join(TEMPORARY);
    let file = File::options()
        .create(true)
        .truncate(true)
        .read(true)
        .write(true)
        .open(&temporary)
        .context("create", &temporary)?;
    reserve(&file, bytes).context("reserve space for", &temporary)?;
    if fill == Fill::Written {
        let zeroes = vec![0; FILL_BYTES];
        let mut offset = 0;
        while offset < bytes {
            let left = usize::try_from(bytes.saturating_sub(offset)).unwrap_or(FILL_BYTES);
            let piece = zeroes.get(..left).unwrap_or(&zeroes);
            medium
                .write_at(&file, piece, offset)
                .context("write", &temporary)?;
            medium.sync(&file).context("sync", &temporary)?;
            offset = offset.saturating_add(widen(piece.len()));
        }
    }
    file.sync_all().context("sync", &temporary)?;
    let path = path(dir, number);
    fs::rename(&temporary, &path).context("put in place", &path)?;
    sync_dir(dir)?;
    Ok(file)
}

/// Takes the space at once, so that a full disk is noticed here and not in the middle of a commit.
/// A file system that cannot reserve (some network ones) gets the length alone.
pub(super) fn reserve(file: &File, bytes: u64) -> io::Result<()> {
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, bytes) {
        Err(rustix::io::Errno::OPNOTSUPP) => file.set_len(bytes),
        result => Ok(result?),
    }
}

/// Opens an existing segment.
pub(super) fn open(dir: &Path, number: u64) -> Result<Option<File>, DiskError> {
    let path = path(dir, number);
    match File::options().read(true).write(true).open(&path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).context("open", &path),
    }
}

/// Removes a segment; one that is gone already is no error.
pub(super) fn remove(dir: &Path, number: u64) -> Result<(), DiskError> {
    let path = path(dir, number);
    match fs::remove_file(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result.context("remove", &path),
    }
}

/// The offsets at which a frame can start.
pub(super) fn offsets(from: u64, segment_bytes: u64) -> impl Iterator<Item = u64> {
    let step = usize::try_from(BLOCK_BYTES).expect("a block fits in memory");
    (from..segment_bytes).step_by(step)
}
