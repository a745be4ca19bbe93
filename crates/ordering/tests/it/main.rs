//! Integration tests of the ordering engine.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]
#![allow(
    clippy::print_stdout,
    reason = "what a batch of runs covered is part of its result"
)]
#![allow(
    clippy::cast_possible_truncation,
    reason = "test code counts small things"
)]

mod adaptive_tests;
mod coin_tests;
mod committer_tests;
mod control_tests;
mod fast_path_tests;
mod lean;
mod reference;
mod reference_scenario_tests;
mod reference_tests;
