//! A client against four real replicas over real links, all in this process.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "test code")]

mod group;
mod outcomes;
mod views;
