//! Which parents a generated block cites.

use std::collections::BTreeSet;

use rand::RngExt;
use rand::seq::{IndexedRandom, SliceRandom};

use super::adversary::{Lean, WITHHELD_ROUNDS};
use super::builder::Builder;
use super::fuzz::Generated;

impl Builder {
    /// Parents for a block, or `None` if the author is one of those it would expose.
    pub(super) fn parents(
        &mut self,
        author: usize,
        round: usize,
        copy: usize,
    ) -> Option<Vec<usize>> {
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
}
