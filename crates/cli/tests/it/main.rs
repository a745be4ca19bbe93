//! The program as a user runs it: real processes with real sockets and files, on loopback.
//!
//! The tests run one after the other (see [`harness::alone`]): each starts several processes.
//! `MAFTIA_SLOW=1` turns the long variants on.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "clippy knows only functions marked as tests for tests, and not their helpers"
)]

mod agree;
mod backup;
mod channels;
mod demo;
mod dev;
mod disk;
mod evidence;
mod exits;
mod files;
mod harness;
mod intrusion;
mod keys;
mod load;
mod loss;
mod members;
mod ports;
mod powers;
mod proofs;
mod raw;
mod schedule;
