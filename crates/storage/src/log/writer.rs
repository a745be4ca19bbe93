//! The writer: the only place that writes to segments.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender};

use super::flusher::{LOCK, Shared, reset};
use super::frame::{
    BODY_BYTES_MAX, HEADER_BYTES, Keys, Link, Place, Sum, first_record_bytes, frame_bytes, seal,
};
use super::keeper::{Job, Prepared};
use super::manifest::Start;
use super::segment::{Fill, path};
use crate::Position;
use crate::direct::Direct;
use crate::disk::{Context as _, DiskError, Medium, widen};

/// The end of the log.
pub(super) struct Writer {
    pub(super) dir: PathBuf,
    pub(super) keys: Keys,
    pub(super) medium: Arc<dyn Medium>,
    pub(super) segment_bytes: u64,
    pub(super) file: File,
    pub(super) direct: Direct,
    /// Where the next frame goes.
    pub(super) at: Place,
    /// Position of the next record.
    pub(super) position: Position,
    /// Everything below is durable.
    pub(super) durable: Position,
    /// Checksum of the last frame.
    pub(super) previous: Sum,
    pub(super) ahead: Ahead,
}

/// The next segment, made by the keeper.
pub(super) struct Ahead {
    pub(super) jobs: Sender<Job>,
    pub(super) ready: Receiver<Prepared>,
    pub(super) requested: bool,
    /// Written to the current segment, to choose how to fill the next.
    pub(super) bytes: u64,
    pub(super) syncs: u64,
}

impl Writer {
    /// Whether a body fits into one frame in the current segment.
    pub(super) fn fits(&self, body_bytes: usize) -> bool {
        let room = self.segment_bytes.saturating_sub(self.at.offset);
        body_bytes <= BODY_BYTES_MAX && frame_bytes(body_bytes) <= room
    }

    /// Writes a buffer (room for a header, then records) and syncs.
    pub(super) fn write(&mut self, buffer: &mut Vec<u8>, shared: &Shared) -> Result<(), DiskError> {
        if self.fits(buffer.len().saturating_sub(HEADER_BYTES)) {
            self.put(buffer, shared)?;
        } else {
            let mut records = buffer.get(HEADER_BYTES..).unwrap_or_default();
            while !records.is_empty() {
                let (fitting, rest) = records.split_at(self.fitting(records));
                if fitting.is_empty() {
                    self.roll(shared)?;
                    continue;
                }
                let mut frame = Vec::with_capacity(fitting.len().saturating_add(HEADER_BYTES));
                reset(&mut frame);
                frame.extend_from_slice(fitting);
                self.put(&mut frame, shared)?;
                records = rest;
            }
        }
        self.sync(shared)?;
        self.look_ahead();
        Ok(())
    }

    /// The length of the whole records at the front that fit into one frame here.
    fn fitting(&self, records: &[u8]) -> usize {
        let mut length = 0_usize;
        while let Some(record) = records.get(length..).and_then(first_record_bytes) {
            let longer = length.saturating_add(record);
            if !self.fits(longer) {
                break;
            }
            length = longer;
        }
        length
    }

    /// Writes one frame.
    fn put(&mut self, frame: &mut Vec<u8>, shared: &Shared) -> Result<(), DiskError> {
        let body_bytes = widen(frame.len().saturating_sub(HEADER_BYTES));
        let link = Link {
            place: self.at,
            start: self.position,
            durable: self.durable,
            previous: self.previous,
        };
        let sum = seal(&self.keys, &link, frame);
        self.write_frame(frame)
            .context("write", &path(&self.dir, self.at.segment))?;
        if self.at.offset == 0 {
            shared.starts.lock().expect(LOCK).push_back(Start {
                segment: self.at.segment,
                position: self.position,
                previous: self.previous,
            });
        }
        let written = widen(frame.len());
        self.at.offset = self.at.offset.saturating_add(written);
        self.position.0 = self.position.0.saturating_add(body_bytes);
        self.previous = sum;
        self.ahead.bytes = self.ahead.bytes.saturating_add(written);
        shared.bytes.fetch_add(written, Ordering::Relaxed);
        Ok(())
    }

    /// Some file systems open a file for direct writes and refuse the writes.
    fn write_frame(&mut self, frame: &[u8]) -> io::Result<()> {
        let offset = self.at.offset;
        if let Some((file, aligned)) = self.direct.take(frame) {
            match self.medium.write_at(file, aligned, offset) {
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => self.direct.close(),
                result => return result,
            }
        }
        self.medium.write_at(&self.file, frame, offset)
    }

    /// A failed sync is never tried again: the system may have dropped the pages that it could not
    /// write and report success the next time.
    fn sync(&mut self, shared: &Shared) -> Result<(), DiskError> {
        if self.durable == self.position {
            return Ok(());
        }
        self.medium
            .sync(&self.file)
            .context("sync", &path(&self.dir, self.at.segment))?;
        self.durable = self.position;
        self.ahead.syncs = self.ahead.syncs.saturating_add(1);
        shared.syncs.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Goes on in the next segment. What lies in this one is synced first, so that only the last
    /// segment of a log can have a torn tail.
    fn roll(&mut self, shared: &Shared) -> Result<(), DiskError> {
        self.sync(shared)?;
        let segment = self.at.segment.saturating_add(1);
        let mut prepared = self.wait_for(segment);
        if prepared.is_err() {
            // Made ahead of time, perhaps long ago: the disk may have room by now. This starts from
            // an empty file, so it does not rely on anything that failed.
            self.ahead.requested = false;
            prepared = self.wait_for(segment);
        }
        self.file = prepared?;
        self.direct.open(&path(&self.dir, segment));
        self.at = Place { segment, offset: 0 };
        self.ahead.requested = false;
        self.ahead.bytes = 0;
        self.ahead.syncs = 0;
        Ok(())
    }

    fn wait_for(&mut self, segment: u64) -> Prepared {
        self.request(segment);
        self.ahead.ready.recv().unwrap_or_else(|_| {
            let gone = std::io::Error::other("the thread that makes segments has ended");
            Err(gone).context("prepare", &path(&self.dir, segment))
        })
    }

    /// Asks for the next segment when half of this one is used: late enough that a small log stays
    /// small, early enough that nobody waits for it.
    fn look_ahead(&mut self) {
        if self.at.offset >= self.segment_bytes / 2 {
            self.request(self.at.segment.saturating_add(1));
        }
    }

    fn request(&mut self, segment: u64) {
        if !self.ahead.requested {
            self.ahead.requested = true;
            let fill = Fill::for_load(self.ahead.bytes, self.ahead.syncs);
            // If the keeper has ended, waiting for its answer says so.
            let _ended = self.ahead.jobs.send(Job::Prepare { segment, fill });
        }
    }
}
