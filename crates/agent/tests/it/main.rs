//! An agent over HTTP, in front of four real replicas in this process.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "test code")]

mod connections;
#[path = "../../../client/tests/it/group.rs"]
mod group;
mod http;
mod parity;
mod protection;
mod store;
