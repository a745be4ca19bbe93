//! Integration tests of the ordering engine.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]
#![allow(
    clippy::print_stdout,
    reason = "what a batch of runs covered is part of its result"
)]

mod committer_tests;
mod reference;
mod reference_scenario_tests;
mod reference_tests;
