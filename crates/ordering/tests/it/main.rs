//! Integration tests of the ordering engine.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

mod reference;
mod reference_tests;
