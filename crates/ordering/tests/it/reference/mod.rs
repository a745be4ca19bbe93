//! The slow, obviously correct model of the ordering rules, used as the oracle of property tests.
//!
//! It shares no code and no arithmetic with the engine: thresholds come from `row`, histories are
//! plain bit sets, every decision is computed again from nothing. `generate` builds random DAGs
//! that a Byzantine minority could have caused, `check` looks for two causally closed views of one
//! DAG that decide a slot differently. A [`Mutation`] plants a known bug in the rules; a checker
//! that does not find it proves nothing about the rules without it.

#![allow(
    dead_code,
    unused_imports,
    reason = "parts of the model are used only by the engine's own tests"
)]

mod adversary;
mod builder;
mod check;
mod dag;
mod fuzz;
mod modes;
mod parents;
mod row;
mod rules;
mod stall;
mod view;

pub(crate) use check::{check, first_disagreement};
pub(crate) use dag::{Bits, BlockSpec, Dag};
pub(crate) use fuzz::{Generated, Options, Pattern, generate};
pub(crate) use modes::{Control, control};
pub(crate) use row::{Family, Mutation, Row};
pub(crate) use stall::{INTERVAL, StallReport, attacked, stall};
pub(crate) use view::{Mode, Schedule, Verdict, View, frontier};
