//! Random DAGs that a faulty minority and a hostile network could have caused.

use std::collections::BTreeSet;

use rand::RngExt;
use rand::seq::IteratorRandom;
use rand_chacha::ChaCha8Rng;

use super::builder::Builder;
use super::dag::{Bits, Dag};
use super::row::Row;
use super::view::{Mode, Schedule, Verdict, View};

/// Which rule governs the rounds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pattern {
    S,
    A,
    /// Drawn per round.
    Mixed,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Options {
    /// Correct members cite old blocks and skip rounds, as far as every round keeps a quorum.
    pub(crate) weak_links: bool,
}

/// A DAG with the schedule under which its slots are decided.
pub(crate) struct Generated {
    pub(crate) row: Row,
    pub(crate) dag: Dag,
    /// Leaders by round, index 0 unused, some rounds beyond the DAG's top included.
    pub(crate) schedule: Schedule,
    /// Mode by round, index 0 unused, as long as the schedule.
    pub(crate) modes: Vec<Mode>,
    pub(crate) byzantine: BTreeSet<usize>,
}

impl Generated {
    /// The leader of every slot under its mode, by round (index 0 unused).
    pub(crate) fn leaders(&self) -> Vec<u8> {
        let leader = |round| u8::try_from(self.schedule.leader(self.modes[round], round)).unwrap();
        (0..self.modes.len()).map(leader).collect()
    }

    /// A random causally closed set of blocks: the histories of one to four blocks of two
    /// adjacent rounds, or of a bare quorum of one round.
    pub(crate) fn sub_view(&self, rng: &mut ChaCha8Rng) -> Bits {
        let top = self.dag.top();
        let round = rng.random_range(4.min(top)..=top);
        let is_quorum = rng.random_bool(0.3);
        let first = if is_quorum {
            round
        } else {
            round.saturating_sub(1)
        };
        let count = if is_quorum {
            self.row.q
        } else {
            rng.random_range(1..=4)
        };
        let tips = self.dag.at[first..=round].iter().flatten().copied();
        self.dag.closure(tips.sample(rng, count))
    }

    /// Verdict per slot, by round (index 0 unused), of a member that holds the blocks of `mask`.
    pub(crate) fn verdicts(&self, mask: &Bits) -> Vec<Verdict> {
        self.verdicts_on(&self.dag, mask)
    }

    /// The same on a copy of the DAG under other digests.
    pub(crate) fn verdicts_on(&self, dag: &Dag, mask: &Bits) -> Vec<Verdict> {
        View::new(dag, &self.row, mask).decide(|round| Some(self.modes[round]), &self.schedule)
    }
}

/// Generates the DAG of one run. Equal arguments give equal results.
pub(crate) fn generate(
    seed: u64,
    row: &Row,
    rounds: usize,
    pattern: Pattern,
    options: Options,
) -> Generated {
    let mut builder = Builder::new(seed, row, rounds, pattern, options);
    for round in 1..=rounds {
        builder.round(round);
    }
    builder.finish()
}
