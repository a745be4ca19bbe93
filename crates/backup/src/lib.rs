//! Backups of a group: a copy of its whole state in one file, which anybody checks offline, and the
//! state with which another group begins that is made of it.
//!
//! # Guarantees
//! - **Sound**: of a file that says it is signed, [`Backup::open`] and [`Backup::next_chunk`] give
//!   only what the group has signed under the key, while at most f of its sites are intruded. What
//!   a single site has left says so, and is that site's word.
//! - **Bounded**: nothing is allocated that has not been read; at most [`PREAMBLE_BYTES_MAX`], a
//!   chunk, and what [`examine`] keeps: the replica's own parts and the keyed services' state.
//! - **Whole or not at all**: [`BackupWriter::finish`] puts the file in place; until then there is
//!   only one with another name, from which [`Pool`] takes what is there already.
//! - **No secrets**: what a site keeps for itself (its key, its shares) is in no checkpoint. The
//!   values of the store are in it as the clients wrote them.
//!
//! # Format
//! `maftia backup 1`, a line end; the length of the preamble in four bytes, and the [`Preamble`];
//! then each chunk after its length in four bytes, in the order of the preamble's digests. Nothing
//! follows.

mod chunk;
mod error;
mod examine;
mod heir;
mod pool;
mod preamble;
mod reader;
mod writer;

pub use chunk::is_chunk;
pub use error::BackupError;
pub use examine::{Contents, PARTS_BYTES_MAX, examine};
pub use heir::{Heir, heir};
pub use pool::Pool;
pub use preamble::{PREAMBLE_BYTES_MAX, Preamble, Provenance};
pub use reader::{Backup, Checked};
pub use writer::BackupWriter;

#[cfg(test)]
mod tests;
