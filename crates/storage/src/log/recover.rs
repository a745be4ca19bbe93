//! Recovery: where the log ends, and whether what follows was torn or damaged.

use std::fs::File;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rustix::fs::Advice;

use super::Position;
use super::frame::{BLOCK_BYTES, HEADER_BYTES, Header, Keys, Place, Sum, records};
use super::manifest::{Manifest, Start};
use super::segment::{self, offsets};
use crate::disk::{Context as _, DiskError, Medium, read_full_at, sync_dir, widen};

/// How a log ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tail {
    /// Nothing follows the last record.
    Clean,
    /// What follows was being written and never reported durable. It was overwritten.
    Torn {
        /// Length on disk of what was overwritten.
        cut_bytes: u64,
    },
    /// A record that had been reported durable is gone. The log can be replayed up to here and not
    /// appended to; its files were not touched.
    Damaged {
        /// The end of the last record that can be read.
        at: Position,
    },
}

/// What opening a log found.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// Records ending at or below were released.
    pub start: Position,
    /// The end of the last record.
    pub end: Position,
    /// How the log ended.
    pub tail: Tail,
    /// How many damaged logs were set aside in this directory before this one. Above zero, an empty
    /// log does not mean that nothing was ever promised.
    pub generation: u64,
    pub(super) source: Option<Source>,
}

/// Where the records are read from.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) dir: PathBuf,
    pub(super) manifest: Manifest,
    pub(super) starts: Vec<Start>,
}

/// Reading back the records of a log failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// Records that were asked for have been released.
    #[error("the log starts at {start}, records before it were released")]
    Released {
        /// Where the log starts.
        start: Position,
    },
    /// A record that could be read when the log was opened cannot be read any more.
    #[error("the log can no longer be read at {at}")]
    Changed {
        /// The end of the last record that can be read.
        at: Position,
    },
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl Recovered {
    /// Visits every record that ends after `from`, in order, with the position after it: the one
    /// that `append` returned. Reads one frame (at most 4 MiB) at a time and checks it again.
    ///
    /// # Errors
    /// If records after `from` were released, or cannot be read.
    pub fn replay(
        &self,
        from: Position,
        visit: &mut dyn FnMut(Position, Bytes),
    ) -> Result<(), ReplayError> {
        if from < self.start {
            return Err(ReplayError::Released { start: self.start });
        }
        let Some(source) = &self.source else {
            return Ok(());
        };
        let below = source.starts.partition_point(|s| s.position <= from);
        let first = source.starts.get(below.saturating_sub(1));
        let mut walker = Walker::new(&source.dir, &source.manifest);
        if let Some(first) = first {
            walker.go_to(*first);
        }
        while walker.position < self.end {
            let at = walker.position;
            let body = walker.next()?.ok_or(ReplayError::Changed { at })?;
            for (end, record) in records(at, body).flatten() {
                if end > from {
                    visit(end, record);
                }
            }
        }
        Ok(())
    }
}

/// Follows the chain of frames.
pub(super) struct Walker<'a> {
    dir: &'a Path,
    keys: Keys,
    segment_bytes: u64,
    file: Option<File>,
    /// Where the next frame is expected, unless it is at the start of the next segment.
    pub(super) at: Place,
    /// Position of the next record.
    pub(super) position: Position,
    /// Checksum of the last frame.
    pub(super) previous: Sum,
    /// The segments seen.
    pub(super) starts: Vec<Start>,
}

impl<'a> Walker<'a> {
    pub(super) fn new(dir: &'a Path, manifest: &Manifest) -> Self {
        let mut walker = Self {
            dir,
            keys: manifest.keys(),
            segment_bytes: manifest.segment_bytes,
            file: None,
            at: Place {
                segment: 0,
                offset: 0,
            },
            position: Position::ZERO,
            previous: Sum::default(),
            starts: Vec::new(),
        };
        walker.go_to(manifest.first);
        walker
    }

    fn go_to(&mut self, start: Start) {
        self.file = None;
        self.at = Place {
            segment: start.segment,
            offset: 0,
        };
        self.position = start.position;
        self.previous = start.previous;
    }

    /// The body of the next frame, or nothing if no frame continues the chain.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, DiskError> {
        if self.file.is_none() {
            self.file = segment::open(self.dir, self.at.segment)?;
        }
        if let Some(file) = &self.file
            && let Some((header, body)) = self.read(file, self.at)?
        {
            self.accept(&header);
            return Ok(Some(body));
        }
        // A frame that did not fit into the rest of a segment is at the start of the next one.
        let next = Place {
            segment: self.at.segment.saturating_add(1),
            offset: 0,
        };
        let Some(file) = segment::open(self.dir, next.segment)? else {
            return Ok(None);
        };
        let Some((header, body)) = self.read(&file, next)? else {
            return Ok(None);
        };
        self.file = Some(file);
        self.at = next;
        self.accept(&header);
        Ok(Some(body))
    }

    fn accept(&mut self, header: &Header) {
        if self.at.offset == 0 {
            self.starts.push(Start {
                segment: self.at.segment,
                position: self.position,
                previous: self.previous,
            });
        }
        self.at.offset = self.at.offset.saturating_add(header.frame_bytes());
        self.position = header.end();
        self.previous = header.sum;
    }

    /// The frame at `place`, if it is whole and continues the chain.
    fn read(&self, file: &File, place: Place) -> Result<Option<(Header, Bytes)>, DiskError> {
        let path = segment::path(self.dir, place.segment);
        let mut header = [0; HEADER_BYTES];
        read_full_at(file, &mut header, place.offset).context("read", &path)?;
        let Some(header) = Header::decode(&self.keys, place, &header) else {
            return Ok(None);
        };
        let frame_end = place.offset.saturating_add(header.frame_bytes());
        let continues = header.start == self.position
            && header.previous == self.previous
            && header.body_bytes > 0
            && frame_end <= self.segment_bytes;
        if !continues {
            return Ok(None);
        }
        let mut body = vec![0; header.body_bytes];
        let offset = place.offset.saturating_add(widen(HEADER_BYTES));
        let read = read_full_at(file, &mut body, offset).context("read", &path)?;
        body.truncate(read);
        if !header.covers(&self.keys, &body) {
            return Ok(None);
        }
        let body = Bytes::from(body);
        let whole = records(header.start, body.clone()).all(|record| record.is_some());
        Ok(whole.then_some((header, body)))
    }
}

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
