//! The write-ahead log.

mod error;
mod flusher;
mod frame;
mod keeper;
mod manifest;
mod open;
mod recover;
mod replay;
mod segment;
mod walker;
mod writer;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

pub use error::{AppendError, LogFailed, OpenError};
pub use frame::RECORD_BYTES_MAX;
pub use replay::{Recovered, ReplayError, Tail};

use crate::Position;
use crate::disk::{Lock, widen};
use flusher::{Shared, reset};
use frame::{BODY_BYTES_MAX, HEADER_BYTES, PREFIX_BYTES};
use keeper::Job;

/// Called with [`Log::durable`] by the log's threads.
pub type OnDurable = Arc<dyn Fn(Position) + Send + Sync>;

/// How a log works.
#[derive(Clone)]
pub struct Options {
    /// Length of a segment file: what [`Log::release`] frees at a time, and the disk space that a
    /// log takes at least. A multiple of 4096; chosen when the log is made and kept from then on.
    pub segment_bytes: u64,
    /// [`Log::append`] refuses to hold more than this that is not durable.
    pub backlog_bytes_max: u64,
    /// Called after every sync of the flusher thread and when the log fails, to wake the owner.
    /// Must return at once.
    pub on_durable: OnDurable,
}

impl Default for Options {
    /// 64 MiB segments; a backlog of 64 MiB, which a disk that writes 250 MB/s clears in a quarter
    /// of a second; nobody is called.
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            backlog_bytes_max: 64 << 20,
            on_durable: Arc::new(|_| {}),
        }
    }
}

/// What a log has done since it was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stats {
    /// Syncs of segments.
    pub syncs: u64,
    /// Bytes written to segments, headers and padding included.
    pub bytes: u64,
}

/// The one handle that writes to a log.
///
/// Dropping it writes out what was committed; what was only appended is lost. See
/// [`close`](Self::close).
pub struct Log {
    shared: Arc<Shared>,
    /// Room for a frame's header, then the records that were appended and not committed.
    buffer: Vec<u8>,
    /// After the last record appended.
    end: Position,
    backlog_bytes_max: u64,
    record_bytes_max: usize,
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
    dir: PathBuf,
    _lock: Lock,
}

/// What the owner's thread may write itself. More would keep the owner from its other work for
/// longer than the two wake-ups of the flusher (about 25 µs each) cost it.
const INLINE_BYTES_MAX: usize = 64 << 10;

impl Log {
    /// Adds a record, the concatenation of `parts`, and returns the position after it. Copies it to
    /// memory; it is not on its way to the disk before [`commit`](Self::commit).
    ///
    /// # Errors
    /// If the record is longer than [`record_bytes_max`](Self::record_bytes_max), the backlog is
    /// full, or the log has failed. Nothing is added then.
    pub fn append(&mut self, parts: &[&[u8]]) -> Result<Position, AppendError> {
        if let Some(failure) = self.failed() {
            return Err(AppendError::Failed(failure));
        }
        let bytes = parts
            .iter()
            .fold(0, |sum: usize, part| sum.saturating_add(part.len()));
        if bytes > self.record_bytes_max {
            return Err(AppendError::TooLarge {
                bytes,
                max: self.record_bytes_max,
            });
        }
        let total = widen(bytes.saturating_add(PREFIX_BYTES));
        if self.backlog_bytes().saturating_add(total) > self.backlog_bytes_max {
            return Err(AppendError::Full {
                max: self.backlog_bytes_max,
            });
        }
        let prefix = u32::try_from(bytes).expect("a record is at most 4 MiB");
        self.buffer.extend_from_slice(&prefix.to_le_bytes());
        for part in parts {
            self.buffer.extend_from_slice(part);
        }
        self.end.0 = self.end.0.saturating_add(total);
        Ok(self.end)
    }

    /// Hands what was appended to the flusher thread. Returns at once. Everything handed over while
    /// a sync is under way goes to the disk together with the next one.
    pub fn commit(&mut self) {
        if self.has_appended() {
            self.shared.submit(&mut self.buffer);
        }
    }

    /// Writes what was appended and syncs, on this thread, if the flusher is idle and the batch is
    /// small; otherwise the same as [`commit`](Self::commit). Returns what is durable.
    ///
    /// A lone record becomes durable sooner this way: no other thread has to wake up.
    ///
    /// # Errors
    /// If the log has failed.
    pub fn commit_inline(&mut self) -> Result<Position, LogFailed> {
        if let Some(failure) = self.failed() {
            return Err(failure);
        }
        let small = self.buffer.len() <= INLINE_BYTES_MAX;
        if self.has_appended()
            && small
            && let Some(writer) = self.shared.take_idle_writer(&self.buffer)
        {
            self.shared.write(writer, &mut self.buffer)?;
            return Ok(self.durable());
        }
        self.commit();
        Ok(self.durable())
    }

    /// Commits, and waits until everything appended is durable.
    ///
    /// # Errors
    /// If the log has failed.
    pub fn flush(&mut self) -> Result<Position, LogFailed> {
        self.commit();
        self.shared.wait(self.end)?;
        Ok(self.end)
    }

    /// Makes everything durable and notes in the log that it is. After that, the loss of the last
    /// records is told from a crash: without the note, nothing on the disk says that they ever
    /// were durable.
    ///
    /// # Errors
    /// If the log has failed.
    pub fn close(mut self) -> Result<Position, LogFailed> {
        let end = self.flush()?;
        self.ask(Job::Seal);
        self.end_threads();
        self.failed().map_or(Ok(end), Err)
    }

    /// Allows the records that end at or below `before` to be removed. Whole segments are, later
    /// and by another thread; a crash at any time leaves a log that opens.
    pub fn release(&mut self, before: Position) {
        let mut starts = self.shared.starts.lock().expect("nothing panics with it");
        let below = starts.partition_point(|start| start.position <= before);
        let Some(unneeded) = below.checked_sub(1).filter(|unneeded| *unneeded > 0) else {
            return;
        };
        starts.drain(..unneeded);
        let first = starts.front().copied();
        drop(starts);
        if let Some(first) = first {
            self.ask(Job::Release(first));
        }
    }

    /// Everything before this position survives a power loss.
    pub fn durable(&self) -> Position {
        self.shared.durable()
    }

    /// The position after the last record appended.
    pub fn end(&self) -> Position {
        self.end
    }

    /// What was appended and is not durable, in bytes. The owner holds back its sources when this
    /// grows.
    pub fn backlog_bytes(&self) -> u64 {
        self.end.0.saturating_sub(self.durable().0)
    }

    /// The longest record that this log takes: [`RECORD_BYTES_MAX`], or what fits into a segment.
    pub fn record_bytes_max(&self) -> usize {
        self.record_bytes_max
    }

    /// Why the log stopped, if it did. It stays so: nothing is reported durable after that.
    pub fn failed(&self) -> Option<LogFailed> {
        self.shared.failed().cloned()
    }

    /// Counters since the log was opened.
    pub fn stats(&self) -> Stats {
        Stats {
            syncs: self.shared.syncs.load(Ordering::Relaxed),
            bytes: self.shared.bytes.load(Ordering::Relaxed),
        }
    }

    fn has_appended(&self) -> bool {
        self.buffer.len() > HEADER_BYTES
    }

    fn ask(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            // The keeper ends before the log only if it panicked, and then the log has failed.
            let _ended = jobs.send(job);
        }
    }

    /// The flusher first: it may still need a segment from the keeper.
    fn end_threads(&mut self) {
        self.shared.stop();
        let mut threads = std::mem::take(&mut self.threads).into_iter();
        // A panic in a thread has been reported as the failure of the log.
        let _flusher = threads.next().map(JoinHandle::join);
        self.shared.retire();
        self.jobs = None;
        let _keeper = threads.next().map(JoinHandle::join);
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("dir", &self.dir)
            .field("end", &self.end)
            .field("durable", &self.durable())
            .finish_non_exhaustive()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.end_threads();
    }
}

/// The longest record that fits into a segment.
fn record_bytes_max(segment_bytes: u64) -> usize {
    let segment = usize::try_from(segment_bytes).unwrap_or(usize::MAX);
    let body = segment.saturating_sub(HEADER_BYTES).min(BODY_BYTES_MAX);
    body.saturating_sub(PREFIX_BYTES)
}

/// An empty buffer.
fn empty_buffer() -> Vec<u8> {
    let mut buffer = Vec::new();
    reset(&mut buffer);
    buffer
}
