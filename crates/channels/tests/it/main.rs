//! Members of a channel in the simulated world, and promises with arithmetic of their own.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy knows only functions marked as tests for tests, and not their helpers"
)]

mod arena;
mod classes;
mod hostile;
mod promises;
