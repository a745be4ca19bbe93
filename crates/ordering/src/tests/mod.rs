#![allow(
    clippy::cast_possible_truncation,
    reason = "test groups have a handful of sites"
)]

mod harness;
mod smoke;
