//! The services in the simulated world, step by step, and against themselves weakened.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]
#![allow(
    clippy::print_stdout,
    reason = "what a campaign saw is part of its result"
)]

mod arena;
mod binary;
mod coins;
mod consistent;
mod crusader;
mod decoders;
mod host;
mod keys;
mod lockstep;
mod network;
mod reliable;
mod rounds;
mod traditions;
mod vector;
