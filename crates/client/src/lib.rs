//! A client of a group: sends its requests to several sites and believes what f+1 of them agree
//! on, so that no site has to be trusted.
//!
//! # Guarantees
//! - **Integrity.** A result in [`Outcome::Committed`] was given or confirmed by a correct site, as
//!   long as at most f sites are intruded.
//! - **At most once.** A request is executed at most once under its id, however often it is asked
//!   for ([`Client::execute_as`]).
//! - **Few outcomes.** [`Outcome::Forgotten`] means that it happened, and that nobody knows the
//!   result any more: possible only for one asked for late. [`Outcome::Rejected`] means that nothing happened and never will.
//!   [`Outcome::Unknown`] promises nothing: the request goes on being asked for in the background
//!   and may still be executed.
//! - **Order.** A request submitted after another one's outcome is executed after it. Requests in
//!   flight together are ordered by the group.
//! - **Bounded.** [`OUTSTANDING_BYTES_MAX`] of requests wait for their outcome, further callers
//!   are held back. [`REMEMBERED_MAX`] outcomes are kept for [`REMEMBERED_FOR`].
//!
//! Model: up to f of the group's sites lie, in any way and together; links lose messages only when
//! they break. Liveness needs the group's quorum of sites.
//!
//! # Which site gets what
//! A request's body goes to one site, its digest to 2f others: of these 2f+1 at least f+1 are
//! correct, and their word makes it authentic (D4 of the design). After a few times the usual
//! latency the digest goes to all and the body to the next site, and so on, with growing pauses.
//!
//! [`session::Session`] decides all this as a pure state machine; [`Client`] drives several of
//! them, and the links, in one task.

mod client;
mod driver;
pub mod keys;
pub mod kv;
mod life;
mod memory;
mod outcome;
mod questions;
pub mod session;
mod shared;

pub use client::{
    Client, ClientConfig, ConnectError, OUTSTANDING_BYTES_MAX, PATIENCE_MAX, Patience, SESSIONS_MAX,
};
pub use maftia_replica::RequestId;
pub use memory::{REMEMBERED_BYTES_MAX, REMEMBERED_FOR, REMEMBERED_MAX};
pub use outcome::{Answer, Outcome, Rejection, id_text, parse_id};
pub use session::Timing;

#[cfg(test)]
mod tests;
