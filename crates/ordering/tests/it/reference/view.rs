//! What one member knows: a causally closed part of a DAG, and the verdicts it implies.

use std::collections::BTreeSet;

use super::dag::{Bits, Dag};
use super::row::{Mutation, Row};

/// Which rule governs a round.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// Known leader.
    S,
    /// Coin leader.
    A,
}

/// What a view says about a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// The block of this index is the slot's leader.
    Commit(usize),
    Skip,
    Undecided,
}

impl Verdict {
    pub(crate) fn is_decided(self) -> bool {
        self != Self::Undecided
    }
}

/// Leaders by round (index 0 is unused): the known one and the coin's.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pub(crate) known: Vec<u8>,
    pub(crate) coin: Vec<u8>,
}

impl Schedule {
    pub(crate) fn leader(&self, mode: Mode, round: usize) -> usize {
        match mode {
            Mode::S => self.known[round].into(),
            Mode::A => self.coin[round].into(),
        }
    }
}

/// A causally closed part of a DAG.
pub(crate) struct View<'a> {
    pub(crate) dag: &'a Dag,
    pub(crate) row: &'a Row,
    /// Held blocks by round.
    at: Vec<Vec<usize>>,
    /// Highest round with a held block.
    pub(crate) top: usize,
}

impl<'a> View<'a> {
    pub(crate) fn new(dag: &'a Dag, row: &'a Row, mask: &Bits) -> Self {
        let held = |round: &Vec<usize>| -> Vec<usize> {
            round
                .iter()
                .copied()
                .filter(|&block| mask.contains(block))
                .collect()
        };
        let at: Vec<_> = dag.at.iter().map(held).collect();
        let top = at.iter().rposition(|round| !round.is_empty()).unwrap_or(0);
        Self { dag, row, at, top }
    }

    /// The view of a member that holds one block and its history.
    pub(crate) fn of_history(dag: &'a Dag, row: &'a Row, block: usize) -> Self {
        Self::new(dag, row, &dag.blocks[block].cone)
    }

    pub(crate) fn blocks(&self, round: usize) -> &[usize] {
        self.at.get(round).map_or(&[], Vec::as_slice)
    }

    /// Held blocks of one author and round.
    pub(crate) fn slot(&self, author: usize, round: usize) -> Vec<usize> {
        let at = self.blocks(round).iter().copied();
        at.filter(|&block| self.dag.blocks[block].author == author)
            .collect()
    }

    /// Number of distinct authors of the held blocks of `round` that satisfy `predicate`.
    pub(crate) fn authors(&self, round: usize, predicate: impl Fn(usize) -> bool) -> usize {
        count_authors(
            self.dag,
            self.blocks(round).iter().copied().filter(|&x| predicate(x)),
        )
    }

    /// Whether the coin of `round` is readable here: a quorum has entered the revealing round.
    pub(crate) fn coin_is_readable(&self, round: usize) -> bool {
        self.authors(round + self.row.wave_a() - 1, |_| true) >= self.row.q
    }

    /// Verdicts by round, from nothing. `mode` is `None` where the governing rule is unknown.
    /// Index 0 (the geneses, no slot) is always `Undecided`.
    pub(crate) fn decide(
        &self,
        mode: impl Fn(usize) -> Option<Mode>,
        schedule: &Schedule,
    ) -> Vec<Verdict> {
        let mut verdicts = vec![Verdict::Undecided; self.top + 1];
        for round in (1..=self.top).rev() {
            let Some(mode) = mode(round) else { continue };
            if mode == Mode::A && !self.coin_is_readable(round) {
                continue;
            }
            let leader = schedule.leader(mode, round);
            let direct = self.direct(mode, leader, round);
            verdicts[round] = if direct.is_decided() {
                direct
            } else {
                self.by_anchor(mode, leader, round, &verdicts)
            };
        }
        verdicts
    }

    /// The first slot at or above the floor that is not skipped settles the slot, if committed.
    fn by_anchor(&self, mode: Mode, leader: usize, round: usize, above: &[Verdict]) -> Verdict {
        let wave = match mode {
            Mode::A if !self.row.has(Mutation::LowFloor) => self.row.wave_a(),
            _ => self.row.wave_s(),
        };
        for verdict in above.iter().skip(round + wave) {
            match verdict {
                Verdict::Skip => {}
                Verdict::Commit(anchor) => return self.indirect(mode, *anchor, leader, round),
                Verdict::Undecided => break,
            }
        }
        Verdict::Undecided
    }
}

/// The last round of the decided prefix.
pub(crate) fn frontier(verdicts: &[Verdict]) -> usize {
    frontier_from(verdicts, 0)
}

/// The last round of the run of decided slots that starts above `settled`.
pub(crate) fn frontier_from(verdicts: &[Verdict], settled: usize) -> usize {
    settled
        + verdicts
            .iter()
            .skip(settled + 1)
            .take_while(|verdict| verdict.is_decided())
            .count()
}

pub(crate) fn count_authors(dag: &Dag, blocks: impl Iterator<Item = usize>) -> usize {
    blocks
        .map(|block| dag.blocks[block].author)
        .collect::<BTreeSet<_>>()
        .len()
}
