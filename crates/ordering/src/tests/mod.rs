#![allow(
    clippy::cast_possible_truncation,
    reason = "test groups have a handful of sites"
)]

mod asynchrony;
mod blocks;
mod coin;
mod coin_rule;
mod corrections;
mod delivery;
mod devices;
mod epochs;
mod fast_path;
mod harness;
mod hostile;
mod inherit;
mod latency;
mod misbehaviour;
mod payloads;
mod seals;
mod smoke;
mod twins;
mod validity;
