//! Following the chain of frames through the segments.

use std::fs::File;
use std::path::Path;

use bytes::Bytes;

use super::frame::{HEADER_BYTES, Header, Keys, Place, Sum, records};
use super::manifest::{Manifest, Start};
use super::segment;
use crate::Position;
use crate::disk::{Context as _, DiskError, read_full_at, widen};

/// Follows the chain of frames.
pub(super) struct Walker<'a> {
    dir: &'a Path,
    pub(super) keys: Keys,
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

    pub(super) fn go_to(&mut self, start: Start) {
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
