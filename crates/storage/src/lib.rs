//! Durable storage of one site: a write-ahead log and snapshots, on real disks.
//!
//! Records and chunks are opaque bytes here.
//!
//! # Guarantees
//! - **Durability.** What [`Log::durable`] covers survives the loss of the process and of power.
//!   A snapshot that [`Snapshots::save`] returned does too.
//! - **Order.** What is found after a crash is a prefix of what was appended.
//! - **Integrity.** A record is returned as it was appended or not at all. A frame verifies only at
//!   its own place, in its own log, after the frame it was written after: sectors that were
//!   misdirected, recycled, or written by an earlier life of the log are refused.
//! - **Honesty.** After a failed write or sync, or on a full disk, nothing is ever reported durable
//!   again. When a log is opened, a torn tail (never acknowledged; cut, overwritten) is told from
//!   damage (acknowledged and gone; nothing is touched).
//!
//! # Model
//! A disk may persist the unsynced writes before a crash in any order and subset, in units of a
//! sector of at most 4 KiB; it may fail any call. `fdatasync` returning success means durable.
//! Damage may hit any byte at any time. Damage is recognised by chance-proof checksums keyed by an
//! identity that lies beside the data: they do not stop an intruder who can write to the disk, nor
//! one who puts back an older copy of the directory.
//!
//! **What cannot be known.** If the last synced batch is lost and nothing was written after it, the
//! disk holds no trace that it had been acknowledged: this looks like a torn tail. Opening, closing
//! and releasing note the durable position in the manifest and narrow the gap.
//!
//! # Intuition
//! The owner's thread appends to a buffer in memory; the flusher swaps buffers with it, writes, and
//! syncs, so that all that arrives during one sync shares the next. Every frame says what was
//! durable before it was written. At recovery, if the chain of frames ends at p, any header beyond
//! that names a position above p as durable proves that p had been synced: damage. A header that
//! does not was part of the batch under way: torn.
//!
//! # Format
//! ```text
//! manifest         magic 16 ‖ id 16 ‖ generation 8 ‖ segment length 8 ‖ first segment 8
//!                  ‖ its position 8 ‖ checksum before it 16 ‖ durable position 8 ‖ checksum 16
//! segment-<16 hex> frames from offset 0, each at a multiple of 4096, then zeroes
//! frame            "MFR1" ‖ body length 4 ‖ segment 8 ‖ offset 8 ‖ start 8 ‖ durable 8
//!                  ‖ header checksum of the frame before 16 ‖ body checksum 16
//!                  ‖ header checksum 16 ‖ body ‖ zeroes
//! body             records: length 4 ‖ bytes
//! lock             held with flock while the directory is in use
//! damaged-<n>/     a log that was set aside
//! ```
//! Numbers are little-endian. A frame holds whole records and lies in one segment; if the next
//! record does not fit, the rest of the segment stays zero. Segments are made ahead of time and
//! synced before the next is used. The manifest is replaced by renaming, and its presence is what
//! says that there is a log.
//!
//! # Bounds
//! A record is at most [`RECORD_BYTES_MAX`], a chunk at most [`CHUNK_BYTES_MAX`]; what waits for the
//! disk at most [`Options::backlog_bytes_max`] (twice that in memory while a batch is written).
//! Recovery and replay hold one frame (4 MiB). A log takes at least one segment on disk, at most
//! one more than it uses. Recovery reads every retained segment once and the last one twice.
//!
//! # Duties of the caller
//! - Let nothing leave that depends on a record before [`Log::durable`] reaches its position.
//! - Hold back when [`Log::backlog_bytes`] grows.
//! - Stop when [`Log::failed`] says so; do not reopen and go on without asking why.
//! - After [`Tail::Damaged`], [`Log::recreate`] and whatever a site that forgot its promises must
//!   do; and do it too whenever an empty log has a [generation](Recovered::generation) above zero.
//! - Release only what a durable snapshot covers. Keep log and snapshots in separate directories.
//!
//! # Example
//! ```
//! use maftia_storage::{Log, Options, Position, Tail};
//! let dir = tempfile::tempdir()?;
//! let options = Options { segment_bytes: 1 << 16, ..Options::default() };
//! let mut log = Log::create(dir.path(), options.clone())?;
//! let end = log.append(&[b"vote ", b"yes"])?;
//! assert_eq!(log.commit_inline()?, end); // nothing else was going on: durable at once
//! drop(log);
//!
//! let (_log, recovered) = Log::open(dir.path(), options)?;
//! assert_eq!(recovered.tail, Tail::Clean);
//! recovered.replay(Position::ZERO, &mut |position, record| {
//!     assert_eq!((position, &record[..]), (end, &b"vote yes"[..]));
//! })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod direct;
mod disk;
mod log;
mod position;
mod snapshot;

pub use disk::DiskError;
pub use log::{
    AppendError, Log, LogFailed, OnDurable, OpenError, Options, RECORD_BYTES_MAX, Recovered,
    ReplayError, Stats, Tail,
};
pub use position::Position;
pub use snapshot::{CHUNK_BYTES_MAX, LoadedSnapshot, SnapshotError, SnapshotId, Snapshots};

#[cfg(test)]
mod tests;
