//! Recovery: where the log ends, and whether what follows was torn or damaged.

use std::fs::File;
use std::path::Path;

use rustix::fs::Advice;

use super::frame::{BLOCK_BYTES, Header, Place, Sum};
use super::manifest::Manifest;
use super::replay::{Recovered, Source, Tail};
use super::segment::{self, offsets};
use super::walker::Walker;
use crate::Position;
use crate::disk::{Context as _, DiskError, Medium, read_full_at, sync_dir, widen};

/// A log that can be continued.
pub(super) struct Resume {
    pub(super) file: File,
    pub(super) at: Place,
    pub(super) previous: Sum,
    /// The next segment, if a whole and empty one is there already.
    pub(super) next: Option<File>,
}

/// Finds the end of the log and cuts what was torn. No `Resume` if the log is damaged.
pub(super) fn recover(
    medium: &dyn Medium,
    dir: &Path,
    manifest: &Manifest,
) -> Result<(Recovered, Option<Resume>), DiskError> {
    let numbers = segment::numbers(dir)?;
    for number in numbers.iter().rev().take(UNSYNCED_SEGMENTS_MAX) {
        forget_cached(medium, dir, *number)?;
    }
    let mut walker = Walker::new(dir, manifest);
    while walker.next()?.is_some() {}
    let mut recovered = Recovered {
        start: manifest.first.position,
        end: walker.position,
        tail: Tail::Clean,
        generation: manifest.generation,
        source: Some(Source {
            dir: dir.to_path_buf(),
            manifest: manifest.clone(),
            starts: std::mem::take(&mut walker.starts),
        }),
    };
    let after: Vec<u64> = numbers
        .into_iter()
        .filter(|number| *number >= walker.at.segment)
        .collect();
    let remnants = Remnants::find(dir, manifest, &walker, &after)?;
    // The rule of the format: whatever lies below a position that some frame, or the manifest,
    // names as durable had been synced. If the chain ends before that, a synced frame is gone.
    let damaged = remnants.durable.max(manifest.durable) > walker.position;
    let file = segment::open(dir, walker.at.segment)?;
    let (false, Some(file)) = (damaged, file) else {
        recovered.tail = Tail::Damaged {
            at: walker.position,
        };
        return Ok((recovered, None));
    };
    if remnants.cut_bytes > 0 {
        recovered.tail = Tail::Torn {
            cut_bytes: remnants.cut_bytes,
        };
    }
    let next = cut(medium, dir, manifest, &walker, &file, &after, &remnants)?;
    let resume = Resume {
        file,
        at: walker.at,
        previous: walker.previous,
        next,
    };
    Ok((recovered, Some(resume)))
}

/// A segment is synced before the next is written, so a crash can leave unsynced data in the last
/// segment written, beside the empty one made ahead.
const UNSYNCED_SEGMENTS_MAX: usize = 2;

/// What a crashed process wrote may be in the page cache only, and after a failed sync the cache
/// holds data that the disk never got. So: write out what is dirty, then read from the disk.
fn forget_cached(medium: &dyn Medium, dir: &Path, number: u64) -> Result<(), DiskError> {
    let path = segment::path(dir, number);
    let Some(file) = segment::open(dir, number)? else {
        return Ok(());
    };
    medium.sync(&file).context("sync", &path)?;
    rustix::fs::fadvise(&file, 0, None, Advice::DontNeed).context("read", &path)
}

/// What lies behind the end of the chain.
#[derive(Default)]
struct Remnants {
    /// The highest position that a header found there names as durable.
    durable: Position,
    /// Offsets of the blocks in the last segment that are not zero.
    blocks: Vec<u64>,
    /// Segments behind the last one that hold something, or are not as long as they should be.
    used: Vec<u64>,
    cut_bytes: u64,
}

/// How much is read at a time while looking for remnants.
const SCAN_BYTES: usize = 1 << 20;

impl Remnants {
    fn find(
        dir: &Path,
        manifest: &Manifest,
        walker: &Walker<'_>,
        segments: &[u64],
    ) -> Result<Self, DiskError> {
        let mut remnants = Self::default();
        for &number in segments {
            remnants.scan(dir, manifest, walker, number)?;
        }
        Ok(remnants)
    }

    fn scan(
        &mut self,
        dir: &Path,
        manifest: &Manifest,
        walker: &Walker<'_>,
        number: u64,
    ) -> Result<(), DiskError> {
        let path = segment::path(dir, number);
        let Some(file) = segment::open(dir, number)? else {
            return Ok(());
        };
        let is_last = number == walker.at.segment;
        let from = if is_last { walker.at.offset } else { 0 };
        let mut used_to = from;
        let mut buffer = vec![0; SCAN_BYTES];
        let mut chunk_at = from;
        while chunk_at < manifest.segment_bytes {
            let read = read_full_at(&file, &mut buffer, chunk_at).context("read", &path)?;
            let chunk = buffer.get(..read).unwrap_or_default();
            let chunk_end = chunk_at.saturating_add(widen(SCAN_BYTES));
            let places = offsets(chunk_at, chunk_end);
            let block_bytes = usize::try_from(BLOCK_BYTES).unwrap_or(SCAN_BYTES);
            for (offset, block) in places.zip(chunk.chunks(block_bytes)) {
                if offset >= manifest.segment_bytes || block.iter().all(|byte| *byte == 0) {
                    continue;
                }
                used_to = offset.saturating_add(BLOCK_BYTES);
                if is_last {
                    self.blocks.push(offset);
                }
                let place = Place {
                    segment: number,
                    offset,
                };
                if let Some(header) = Header::decode(&walker.keys, place, block) {
                    self.durable = self.durable.max(header.durable);
                }
            }
            chunk_at = chunk_end;
        }
        let length = file.metadata().context("read", &path)?.len();
        if !is_last && (used_to > from || length != manifest.segment_bytes) {
            self.used.push(number);
        }
        self.cut_bytes = self.cut_bytes.saturating_add(used_to.saturating_sub(from));
        Ok(())
    }
}

/// Overwrites the remnants, so that they can never come back, and returns the next segment if one
/// is ready.
fn cut(
    medium: &dyn Medium,
    dir: &Path,
    manifest: &Manifest,
    walker: &Walker<'_>,
    file: &File,
    segments: &[u64],
    remnants: &Remnants,
) -> Result<Option<File>, DiskError> {
    let path = segment::path(dir, walker.at.segment);
    let zeroes = vec![0; usize::try_from(BLOCK_BYTES).unwrap_or_default()];
    for offset in &remnants.blocks {
        medium
            .write_at(file, &zeroes, *offset)
            .context("write", &path)?;
    }
    if file.metadata().context("read", &path)?.len() < manifest.segment_bytes {
        segment::reserve(file, manifest.segment_bytes).context("reserve space for", &path)?;
    }
    medium.sync(file).context("sync", &path)?;
    let following = walker.at.segment.saturating_add(1);
    let mut next = None;
    for &number in segments.iter().filter(|n| **n > walker.at.segment) {
        if number == following && !remnants.used.contains(&number) {
            next = segment::open(dir, number)?;
        } else {
            segment::remove(dir, number)?;
        }
    }
    for number in segment::numbers(dir)? {
        if number < manifest.first.segment {
            segment::remove(dir, number)?;
        }
    }
    sync_dir(dir)?;
    Ok(next)
}
