//! Who produces blocks in a round, and how many.

use std::collections::BTreeSet;

use rand::seq::{IndexedRandom, IteratorRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::adversary::{Plan, plans};
use super::dag::Dag;
use super::fuzz::{Generated, Options, Pattern};
use super::row::Row;
use super::view::{Mode, Schedule};

/// Leaders are drawn this many rounds beyond the last block.
const MARGIN: usize = 16;

/// A DAG that grows round by round.
pub(super) struct Builder {
    pub(super) generated: Generated,
    pub(super) options: Options,
    pub(super) rng: ChaCha8Rng,
    /// Members that only stop, and stop now and then.
    stopping: BTreeSet<usize>,
    /// Absent in runs that are uniformly random.
    pub(super) plans: Option<Vec<Plan>>,
    /// How strictly an aimed run follows its plans, as a probability per choice.
    pub(super) discipline: f64,
}

impl Builder {
    pub(super) fn new(
        seed: u64,
        row: &Row,
        rounds: usize,
        pattern: Pattern,
        options: Options,
    ) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut members: Vec<usize> = (0..row.n).collect();
        members.shuffle(&mut rng);
        let byzantine: BTreeSet<usize> = members.iter().copied().take(row.f).collect();
        let stopping = members.iter().copied().skip(row.f).take(row.c).collect();
        let mut mode = |_| match pattern {
            Pattern::S => Mode::S,
            Pattern::A => Mode::A,
            Pattern::Mixed => *[Mode::S, Mode::A].choose(&mut rng).unwrap(),
        };
        let modes: Vec<Mode> = (0..rounds + MARGIN).map(&mut mode).collect();
        let aimed = rng
            .random_bool(0.6)
            .then(|| plans(row, &modes, &byzantine, &mut rng));
        let mut leader = |round: usize| {
            let split = aimed
                .as_ref()
                .and_then(|plans| plans.get(round))
                .map(|plan| plan.split);
            let faulty = match split {
                Some(true) => 0.7,
                Some(false) => 0.0,
                None => 0.4,
            };
            let picked = byzantine
                .iter()
                .choose(&mut rng)
                .filter(|_| rng.random_bool(faulty));
            u8::try_from(
                picked
                    .copied()
                    .unwrap_or_else(|| rng.random_range(0..row.n)),
            )
            .unwrap()
        };
        let known: Vec<u8> = (0..rounds + MARGIN).map(&mut leader).collect();
        let coin: Vec<u8> = (0..rounds + MARGIN).map(&mut leader).collect();
        let generated = Generated {
            row: row.clone(),
            dag: Dag::new(row.n, row.q),
            schedule: Schedule { known, coin },
            modes,
            byzantine,
        };
        let discipline = if aimed.is_some() {
            *[0.8, 0.95, 1.0].choose(&mut rng).unwrap()
        } else {
            0.75
        };
        Self {
            generated,
            options,
            rng,
            stopping,
            plans: aimed,
            discipline,
        }
    }

    pub(super) fn round(&mut self, round: usize) {
        for author in self.generated.byzantine.clone() {
            for copy in 0..self.copies(author, round) {
                self.block(author, round, copy);
            }
        }
        for (author, is_present) in self.present(round).into_iter().enumerate() {
            if is_present && !self.generated.byzantine.contains(&author) {
                self.block(author, round, 0);
            }
        }
    }

    pub(super) fn finish(self) -> Generated {
        self.generated
    }

    /// How many twins a faulty member makes.
    fn copies(&mut self, author: usize, round: usize) -> usize {
        let choices: &[usize] = if !self.generated.row.may_equivocate() {
            &[0, 1, 1]
        } else if self.plan(round).is_some_and(|plan| plan.split) && self.leader(round) == author {
            &[2]
        } else {
            &[0, 1, 2, 2, 3]
        };
        *choices.choose(&mut self.rng).unwrap()
    }

    /// Who produces in this round: a quorum does, not counting authors that clause V6 may ban.
    fn present(&mut self, round: usize) -> Vec<bool> {
        let Generated {
            row,
            dag,
            byzantine,
            ..
        } = &self.generated;
        let mut present = vec![true; row.n];
        for (author, is_present) in present.iter_mut().enumerate() {
            if byzantine.contains(&author) {
                let twins_below = dag.by(author, round - 1).len() > 1;
                *is_present = !dag.by(author, round).is_empty() && !twins_below;
            } else if self.stopping.contains(&author) {
                *is_present = self.rng.random_bool(0.6);
            } else if self.options.weak_links {
                *is_present = self.rng.random_bool(0.9);
            }
        }
        let mut absent: Vec<_> = (0..row.n)
            .filter(|&a| !present[a] && !byzantine.contains(&a))
            .collect();
        absent.shuffle(&mut self.rng);
        while present.iter().filter(|&&is_present| is_present).count() < row.q {
            present[absent.pop().expect("correct members alone are a quorum")] = true;
        }
        present
    }

    fn block(&mut self, author: usize, round: usize, copy: usize) {
        let Some(parents) = self.parents(author, round, copy) else {
            return;
        };
        let Generated {
            row,
            dag,
            byzantine,
            ..
        } = &mut self.generated;
        if dag.is_valid(author, round, &parents, row.excludes_equivocators()) {
            dag.add(author, round, parents);
        } else {
            assert!(
                byzantine.contains(&author),
                "a correct member can always build on a quorum"
            );
        }
    }

    pub(super) fn plan(&self, round: usize) -> Option<&Plan> {
        self.plans.as_ref().and_then(|plans| plans.get(round))
    }

    pub(super) fn leader(&self, round: usize) -> usize {
        self.generated
            .schedule
            .leader(self.generated.modes[round], round)
    }
}
