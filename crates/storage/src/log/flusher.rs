//! The flusher: the thread that writes what was committed, and what it shares with the log's owner.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};

use super::frame::HEADER_BYTES;
use super::manifest::Start;
use super::writer::Writer;
use super::{LogFailed, OnDurable};
use crate::Position;

/// A written buffer above this is given back to the system instead of being used again.
const SPARE_BYTES_MAX: usize = 8 << 20;

/// What the owner's thread, the flusher and the keeper share.
pub(super) struct Shared {
    state: Mutex<State>,
    /// What the flusher waits for: something was committed, failed, or the log stops.
    work: Condvar,
    /// What the owner waits for: something became durable, or failed.
    done: Condvar,
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
    /// Whether the flusher sleeps until it is woken: a wake-up costs more than a short write, so
    /// nobody is woken who has nothing to do.
    idle: bool,
    stop: bool,
}

impl Shared {
    pub(super) fn new(writer: Option<Writer>, durable: Position, on_durable: OnDurable) -> Self {
        Self {
            state: Mutex::new(State {
                pending: Vec::new(),
                spare: Vec::new(),
                writer,
                idle: false,
                stop: false,
            }),
            work: Condvar::new(),
            done: Condvar::new(),
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
        self.work.notify_all();
        self.done.notify_all();
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
        self.wake_flusher(state);
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

    /// Wakes the flusher if it sleeps although there is something to write.
    fn wake_flusher(&self, mut state: MutexGuard<'_, State>) {
        let wake = has_records(&state.pending) && std::mem::take(&mut state.idle);
        drop(state);
        if wake {
            self.work.notify_one();
        }
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
                self.wake_flusher(state);
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
            state = self.done.wait(state).expect(LOCK);
        }
        self.failed.get().cloned().map_or(Ok(()), Err)
    }

    /// Lets the flusher finish what was committed and end.
    pub(super) fn stop(&self) {
        self.lock().stop = true;
        self.work.notify_one();
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
            state.idle = true;
            state = self.work.wait(state).expect(LOCK);
            state.idle = false;
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

pub(super) const LOCK: &str = "nothing panics while it holds the lock";

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
        shared.done.notify_all();
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
