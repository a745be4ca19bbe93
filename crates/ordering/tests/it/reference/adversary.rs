//! What the scheduler and the faulty members aim at in one run.
//!
//! Uniformly random DAGs rarely come near a threshold, so that even planted bugs survive thousands
//! of them (correction 33). Each run therefore fixes, per slot, who votes for which twin with
//! counts at a threshold or one off, whose blocks are passed over for some rounds, and which side
//! of a split the next round prefers to cite.

use std::collections::BTreeSet;

use rand::seq::{IndexedRandom, IteratorRandom, SliceRandom};
use rand::{Rng, RngExt};

use super::row::Row;
use super::view::Mode;

/// Rounds above a withheld slot in which parents are chosen for its sake.
pub(crate) const WITHHELD_ROUNDS: usize = 5;

/// The adversary's intention for one slot.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// By author: which twin of the leader (by order of creation) it votes for, if any.
    pub(crate) stance: Vec<Option<usize>>,
    /// Which camp's votes the round after next prefers to cite.
    pub(crate) lean: Option<Lean>,
    /// Whether the leader's author, if faulty, makes twins.
    pub(crate) split: bool,
    /// Authors that the round above the slot passes over where a quorum remains.
    pub(crate) passed_over: BTreeSet<usize>,
    /// Slots of the A rule: nobody cites the leader's author until the round before the votes,
    /// where `stance` says who does. Otherwise support saturates long before the votes.
    pub(crate) withheld: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lean {
    /// Cite first the blocks that do not vote for the favoured twin.
    Against,
    For,
}

/// One plan per round, index 0 included.
pub(crate) fn plans(
    row: &Row,
    modes: &[Mode],
    byzantine: &BTreeSet<usize>,
    rng: &mut impl Rng,
) -> Vec<Plan> {
    let mut plans: Vec<Plan> = Vec::with_capacity(modes.len());
    let (mut passed_over, mut remaining) = (BTreeSet::new(), 0);
    for mode in modes {
        if remaining == 0 {
            remaining = rng.random_range(2..6);
            let size = if rng.random_bool(0.4) {
                0
            } else {
                rng.random_range(0..=row.n - row.q)
            };
            passed_over = (0..row.n).sample(rng, size).into_iter().collect();
        }
        remaining -= 1;
        let split = rng.random_bool(0.5);
        let stance = if split {
            split_stance(row, byzantine, rng)
        } else {
            vec![Some(0); row.n]
        };
        let lean = *[
            None,
            Some(Lean::Against),
            Some(Lean::Against),
            Some(Lean::For),
        ]
        .choose(rng)
        .unwrap();
        let is_free = plans
            .iter()
            .rev()
            .take(WITHHELD_ROUNDS)
            .all(|plan| !plan.withheld);
        let withheld = *mode == Mode::A && split && is_free && rng.random_bool(0.5);
        let passed_over = passed_over.clone();
        plans.push(Plan {
            stance,
            lean,
            split,
            passed_over,
            withheld,
        });
    }
    plans
}

/// Correct members split at a threshold; faulty ones count with the larger camp by their first
/// block (their twins take the other side).
fn split_stance(row: &Row, byzantine: &BTreeSet<usize>, rng: &mut impl Rng) -> Vec<Option<usize>> {
    let mut correct: Vec<usize> = (0..row.n).filter(|a| !byzantine.contains(a)).collect();
    correct.shuffle(rng);
    let thresholds = [
        row.slack,
        row.slack,
        row.slack + 1,
        row.q.saturating_sub(row.f),
        row.q_slow.saturating_sub(row.f),
        row.n - row.q,
        // One vote short of a quorum, faulty members voting.
        row.n - row.q + 1,
        row.n - row.q_slow + 1,
        row.f + 1,
        // Nobody but the leader's own chain votes.
        row.n,
    ];
    let dissenters = *thresholds.choose(rng).unwrap();
    let other = if rng.random_bool(0.7) { Some(1) } else { None };
    let mut stance = vec![Some(0); row.n];
    for &author in correct.iter().take(dissenters) {
        stance[author] = other;
    }
    stance
}
