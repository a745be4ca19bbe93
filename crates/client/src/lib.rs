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
//! # When the group's sites change
//! A client begins with the sites of the group's file, and follows the certificates by which each
//! view hands over to the next ([`Known`]): then it asks the new sites, by their numbers, and counts
//! no answer of a former one. One that was away works on as long as f+1 sites of the view it knows
//! are members still and can be reached; who was away for longer gets the group's file anew. It
//! trusts that at most f sites of each view were intruded until the client has left that view.
//!
//! [`session::Session`] decides what is sent as a pure state machine; [`Client`] drives several of
//! them, and the links, in one task.

pub mod backup;
mod client;
mod driver;
pub mod evidence;
mod inquiry;
pub mod keys;
pub mod kv;
mod life;
mod links;
pub mod membership;
mod memory;
mod outcome;
pub mod session;
mod shared;
mod views;

pub use client::{
    Client, ClientConfig, ConnectError, OUTSTANDING_BYTES_MAX, PATIENCE_MAX, Patience, SESSIONS_MAX,
};
pub use memory::{REMEMBERED_BYTES_MAX, REMEMBERED_FOR, REMEMBERED_MAX};
pub use outcome::{Answer, Outcome, Rejection, RequestId, id_text, parse_id};
pub use session::Timing;
pub use views::Known;

#[cfg(test)]
mod tests;
