//! The flusher: the thread that writes what was committed, and what it shares with the log's owner.

use std::collections::VecDeque;
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};

use super::frame::{
    BODY_BYTES_MAX, HEADER_BYTES, Keys, Link, Place, Sum, first_record_bytes, frame_bytes, seal,
};
use super::keeper::{Job, Prepared};
use super::manifest::Start;
use super::segment::{Fill, path};
use super::{LogFailed, OnDurable, Position};
use crate::disk::{Context as _, DiskError, Medium, widen};

/// A written buffer above this is given back to the system instead of being used again.
const SPARE_BYTES_MAX: usize = 8 << 20;

/// What the owner's thread, the flusher and the keeper share.
pub(super) struct Shared {
    state: Mutex<State>,
    /// Signalled when something was committed, became durable, failed, or the log stops.
    changed: Condvar,
    durable: AtomicU64,
    failed: OnceLock<LogFailed>,
    pub(super) syncs: AtomicU64,
    pub(super) bytes: AtomicU64,
    /// The segments of the log that hold records, ascending.
    pub(super) starts: Mutex<VecDeque<Start>>,
    on_durable: OnDurable,
}

struct State {
    /// Committed and not yet taken: room for a header, then records.
    pending: Vec<u8>,
    /// An empty buffer to go on with.
    spare: Vec<u8>,
    /// Absent while somebody writes, and for good after a failure.
    writer: Option<Writer>,
    stop: bool,
}

impl Shared {
    pub(super) fn new(writer: Option<Writer>, durable: Position, on_durable: OnDurable) -> Self {
        Self {
            state: Mutex::new(State {
                pending: Vec::new(),
                spare: Vec::new(),
                writer,
                stop: false,
            }),
            changed: Condvar::new(),
            durable: AtomicU64::new(durable.0),
            failed: OnceLock::new(),
            syncs: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            starts: Mutex::new(VecDeque::new()),
            on_durable,
        }
    }

    pub(super) fn durable(&self) -> Position {
        Position(self.durable.load(Ordering::Acquire))
    }

    pub(super) fn failed(&self) -> Option<&LogFailed> {
        self.failed.get()
    }

    /// Ends the log. The first failure is the one that is reported.
    pub(super) fn fail(&self, failure: LogFailed) {
        let state = self.lock();
        let _already_failed = self.failed.set(failure);
        drop(state);
        self.changed.notify_all();
    }

    /// Tells the owner to look again.
    pub(super) fn announce(&self) {
        (self.on_durable)(self.durable());
    }

    /// Hands a buffer to the flusher and leaves an empty one in its place.
    pub(super) fn submit(&self, buffer: &mut Vec<u8>) {
        let mut state = self.lock();
        if has_records(&state.pending) {
            let records = buffer.get(HEADER_BYTES..).unwrap_or_default();
            state.pending.extend_from_slice(records);
        } else {
            let spare = std::mem::take(&mut state.spare);
            state.pending = std::mem::replace(buffer, spare);
        }
        drop(state);
        self.changed.notify_all();
        reset(buffer);
    }

    /// The writer, if the flusher is idle and `buffer` can be written at once.
    pub(super) fn take_idle_writer(&self, buffer: &[u8]) -> Option<Writer> {
        let body_bytes = buffer.len().saturating_sub(HEADER_BYTES);
        let mut state = self.lock();
        if has_records(&state.pending) {
            return None;
        }
        state.writer.take_if(|writer| writer.fits(body_bytes))
    }

    /// Writes a buffer and syncs, on this thread, and empties it.
    pub(super) fn write(&self, mut writer: Writer, buffer: &mut Vec<u8>) -> Result<(), LogFailed> {
        let result = writer.write(buffer, self);
        reset(buffer);
        let durable = writer.durable.0;
        let mut state = self.lock();
        // Another thread may have failed in the meantime; then nothing is acknowledged any more.
        if let Some(failure) = self.failed.get() {
            return Err(failure.clone());
        }
        match result {
            Ok(()) => {
                state.writer = Some(writer);
                self.durable.store(durable, Ordering::Release);
                drop(state);
                self.changed.notify_all();
                Ok(())
            }
            Err(error) => {
                drop(state);
                let failure = LogFailed::from(error);
                self.fail(failure.clone());
                Err(failure)
            }
        }
    }

    /// Waits until `end` is durable.
    pub(super) fn wait(&self, end: Position) -> Result<(), LogFailed> {
        let mut state = self.lock();
        while self.failed.get().is_none() && self.durable() < end {
            state = self.changed.wait(state).expect(LOCK);
        }
        self.failed.get().cloned().map_or(Ok(()), Err)
    }

    /// Lets the flusher finish what was committed and end.
    pub(super) fn stop(&self) {
        self.lock().stop = true;
        self.changed.notify_all();
    }

    /// Takes the writer out for good, once the flusher has ended.
    pub(super) fn retire(&self) {
        self.lock().writer = None;
    }

    fn next(&self) -> Option<(Writer, Vec<u8>)> {
        let mut state = self.lock();
        loop {
            if self.failed.get().is_some() {
                return None;
            }
            if has_records(&state.pending) {
                if let Some(writer) = state.writer.take() {
                    return Some((writer, std::mem::take(&mut state.pending)));
                }
            } else if state.stop {
                return None;
            }
            state = self.changed.wait(state).expect(LOCK);
        }
    }

    fn give_back(&self, buffer: Vec<u8>) {
        if buffer.capacity() <= SPARE_BYTES_MAX {
            self.lock().spare = buffer;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect(LOCK)
    }
}

const LOCK: &str = "nothing panics while it holds the lock";

fn has_records(buffer: &[u8]) -> bool {
    buffer.len() > HEADER_BYTES
}

/// Empties a buffer down to the room for the header.
pub(super) fn reset(buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.resize(HEADER_BYTES, 0);
}

/// The body of the flusher thread.
pub(super) fn run(shared: &Arc<Shared>) {
    let _guard = Guard(shared);
    while let Some((writer, mut buffer)) = shared.next() {
        let result = shared.write(writer, &mut buffer);
        shared.give_back(buffer);
        shared.announce();
        if result.is_err() {
            return;
        }
    }
}

/// Reports the failure of the log if its thread panics: nobody must wait for it for ever.
pub(super) struct Guard<'a>(pub(super) &'a Arc<Shared>);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail(LogFailed::Panicked);
            self.0.announce();
        }
    }
}

/// The end of the log: the only place that writes to segments.
pub(super) struct Writer {
    pub(super) dir: PathBuf,
    pub(super) keys: Keys,
    pub(super) medium: Arc<dyn Medium>,
    pub(super) segment_bytes: u64,
    pub(super) file: File,
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
    fn fits(&self, body_bytes: usize) -> bool {
        let room = self.segment_bytes.saturating_sub(self.at.offset);
        body_bytes <= BODY_BYTES_MAX && frame_bytes(body_bytes) <= room
    }

    /// Writes a buffer (room for a header, then records) and syncs.
    fn write(&mut self, buffer: &mut Vec<u8>, shared: &Shared) -> Result<(), DiskError> {
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
        self.medium
            .write_at(&self.file, frame, self.at.offset)
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
