//! A property runner for the fast path and the coin: many adversarial DAGs, decided by the engine's own
//! committer, any two views of which must agree on every settled slot.
//!
//! Ten million DAGs a row are wanted (`docs/fast-path-seeds.md`), so a block is 44 bytes with
//! indices for parents and a bit set for its history, and the rules read it through
//! [`View`](maftia_ordering::View). It shares nothing with `reference` but the adversary's ideas.

mod dag;
mod dice;
mod grow;
mod parents;
mod plan;
mod run;

pub(crate) use grow::Committee;
pub(crate) use run::{Rules, Seen, run};
