//! Random DAGs that a faulty minority and a hostile network could have caused.

use std::collections::BTreeSet;

use rand::seq::{IndexedRandom, IteratorRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::adversary::{Lean, Plan, WITHHELD_ROUNDS, plans};
use super::dag::{Bits, Dag};
use super::row::Row;
use super::view::{Mode, Schedule, Verdict, View};

/// Leaders are drawn this many rounds beyond the last block.
const MARGIN: usize = 16;

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
    builder.generated
}

struct Builder {
    generated: Generated,
    options: Options,
    rng: ChaCha8Rng,
    /// Members that only stop, and stop now and then.
    stopping: BTreeSet<usize>,
    /// Absent in runs that are uniformly random.
    plans: Option<Vec<Plan>>,
    /// How strictly an aimed run follows its plans, as a probability per choice.
    discipline: f64,
}

impl Builder {
    fn new(seed: u64, row: &Row, rounds: usize, pattern: Pattern, options: Options) -> Self {
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

    fn round(&mut self, round: usize) {
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
        for author in 0..row.n {
            if byzantine.contains(&author) {
                let twins_below = dag.by(author, round - 1).len() > 1;
                present[author] = !dag.by(author, round).is_empty() && !twins_below;
            } else if self.stopping.contains(&author) {
                present[author] = self.rng.random_bool(0.6);
            } else if self.options.weak_links {
                present[author] = self.rng.random_bool(0.9);
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

    /// Parents for a block, or `None` if the author is one of those it would expose.
    fn parents(&mut self, author: usize, round: usize, copy: usize) -> Option<Vec<usize>> {
        let newest = (0..round)
            .rev()
            .find(|&r| !self.generated.dag.by(author, r).is_empty())?;
        let own = *self
            .generated
            .dag
            .by(author, newest)
            .choose(&mut self.rng)?;
        let order = match self.plans {
            Some(_) => self.aimed_order(author, round, copy),
            None => self.random_order(author, round),
        };
        let old = if self.options.weak_links {
            self.old_blocks(author, round)
        } else {
            vec![]
        };
        let Generated { row, dag, .. } = &self.generated;
        let wanted = if self.rng.random_bool(0.75) {
            row.q
        } else {
            self.rng.random_range(row.q..=row.n)
        };
        let mut banned = BTreeSet::new();
        loop {
            let author_of = |block: usize| dag.blocks[block].author;
            let missing = wanted - usize::from(newest + 1 == round);
            let legal = order
                .iter()
                .copied()
                .filter(|&block| !banned.contains(&author_of(block)));
            let mut parents: Vec<usize> = [own].into_iter().chain(legal.take(missing)).collect();
            for &block in old
                .iter()
                .filter(|&&block| !banned.contains(&author_of(block)))
            {
                if parents
                    .iter()
                    .all(|&parent| author_of(parent) != author_of(block))
                {
                    parents.push(block);
                }
            }
            let exposed = dag.exposed(&parents, round);
            let illegal = parents
                .iter()
                .any(|&parent| exposed.contains(&author_of(parent)));
            if !illegal || !row.excludes_equivocators() {
                return Some(parents);
            }
            if exposed.contains(&author) {
                return None;
            }
            banned.extend(exposed);
        }
    }

    /// Other authors' blocks of the round below in random order, one per author, the leaders'
    /// often moved to the front or to the back.
    fn random_order(&mut self, author: usize, round: usize) -> Vec<usize> {
        let Generated {
            row, dag, schedule, ..
        } = &self.generated;
        let others = (0..row.n).filter(|&other| other != author);
        let mut order: Vec<usize> = others
            .filter_map(|a| dag.by(a, round - 1).choose(&mut self.rng).copied())
            .collect();
        order.shuffle(&mut self.rng);
        for leader in [schedule.known[round - 1], schedule.coin[round - 1]] {
            let position = order
                .iter()
                .position(|&b| dag.blocks[b].author == leader.into());
            if let Some(position) = position.filter(|_| self.rng.random_bool(0.6)) {
                let block = order.remove(position);
                let target = if self.rng.random_bool(0.5) {
                    0
                } else {
                    order.len()
                };
                order.insert(target, block);
            }
        }
        order
    }

    /// The same, in the order the plans ask for.
    fn aimed_order(&mut self, author: usize, round: usize, copy: usize) -> Vec<usize> {
        let row_n = self.generated.row.n;
        let mut order = Vec::new();
        for other in (0..row_n).filter(|&other| other != author) {
            let mut blocks = self.generated.dag.by(other, round - 1);
            if !self.rng.random_bool(self.discipline) {
                blocks.shuffle(&mut self.rng);
            }
            let rank = |block: &usize| self.rank(author, round, copy, *block);
            let Some(block) = blocks.into_iter().min_by_key(rank) else {
                continue;
            };
            let noise = self.rng.random_range(0..1000);
            let is_ranked = self.rng.random_bool(self.discipline);
            order.push((
                is_ranked.then(|| self.rank(author, round, copy, block)),
                noise,
                block,
            ));
        }
        order.sort_unstable();
        order.into_iter().map(|(_, _, block)| block).collect()
    }

    /// How much the plans want `block` of the round below as a parent; smaller is sooner.
    fn rank(&self, author: usize, round: usize, copy: usize, block: usize) -> usize {
        if let Some(rank) = self.withheld_rank(author, round, copy, block) {
            return rank;
        }
        let dag = &self.generated.dag;
        let Some(plan) = self.plan(round - 1) else {
            return 0;
        };
        if dag.blocks[block].author == self.leader(round - 1) {
            let twins = dag.by(dag.blocks[block].author, round - 1);
            // A faulty author's second block takes the other side.
            let stance = match (plan.stance[author], copy % 2) {
                (Some(twin), 1) => Some(1 - twin),
                (stance, _) => stance,
            };
            let wanted = stance.and_then(|twin| twins.get(twin).copied());
            return if wanted == Some(block) { 0 } else { 9 };
        }
        if plan.passed_over.contains(&dag.blocks[block].author) {
            return 8;
        }
        let Some(below) = round.checked_sub(2).filter(|&r| r > 0) else {
            return 4;
        };
        let favoured = dag.by(self.leader(below), below).first().copied();
        let votes = favoured.is_some_and(|twin| dag.blocks[block].parents.contains(&twin));
        match self.plan(below).and_then(|plan| plan.lean) {
            Some(Lean::Against) if votes => 6,
            Some(Lean::For) if !votes => 6,
            _ => 4,
        }
    }

    /// The same for the sake of a withheld slot up to five rounds below, if there is one.
    fn withheld_rank(
        &self,
        author: usize,
        round: usize,
        copy: usize,
        block: usize,
    ) -> Option<usize> {
        let Generated { row, dag, .. } = &self.generated;
        let is_withheld = |slot: &usize| self.plan(*slot).is_some_and(|plan| plan.withheld);
        let slot = (1..round).rev().take(WITHHELD_ROUNDS).find(is_withheld)?;
        let (plan, leader) = (self.plan(slot)?, self.leader(slot));
        let supports = |x: usize| dag.support(x, leader, slot).is_some();
        let is_leader = dag.blocks[block].author == leader;
        let is_next_leader = dag.blocks[block].author == self.leader(round - 1);
        let agrees = match round - slot {
            1 | 2 => return is_leader.then_some(9),
            3 if is_leader => {
                let cites = (plan.stance[author] == Some(0)) != (copy % 2 == 1);
                return Some(if cites { 0 } else { 9 });
            }
            3 => return None,
            _ if is_next_leader => return None,
            4 => supports(block),
            _ => dag.strong(block).filter(|&x| supports(x)).count() >= row.q,
        };
        match plan.lean {
            Some(Lean::Against) if agrees => Some(6),
            Some(Lean::For) if !agrees => Some(6),
            Some(_) => Some(3),
            None => None,
        }
    }

    /// Blocks two rounds below, offered as weak parents.
    fn old_blocks(&mut self, author: usize, round: usize) -> Vec<usize> {
        if round < 3 {
            return Vec::new();
        }
        let Generated { row, dag, .. } = &self.generated;
        let others = (0..row.n).filter(|&other| other != author);
        let newest = others.filter_map(|a| dag.by(a, round - 2).choose(&mut self.rng).copied());
        newest
            .collect::<Vec<_>>()
            .into_iter()
            .filter(|_| self.rng.random_bool(0.4))
            .collect()
    }

    fn plan(&self, round: usize) -> Option<&Plan> {
        self.plans.as_ref().and_then(|plans| plans.get(round))
    }

    fn leader(&self, round: usize) -> usize {
        self.generated
            .schedule
            .leader(self.generated.modes[round], round)
    }
}
