use super::dag::{Bits, LANES, NONE, SITES};
use super::grow::Generator;
use super::plan::Lean;

/// Ranks of parents, the smallest first.
const FIRST: u32 = 1;
const USUAL: u32 = 4;
const OTHER_CAMP: u32 = 6;
const PASSED_OVER: u32 = 8;
const LAST: u32 = 9;

impl Generator {
    /// Makes a block, unless its author is among those it would expose. True if it was made.
    pub(super) fn block(&mut self, author: usize, round: usize, copy: usize) -> bool {
        let Some((own, below)) = self.own_parent(author, round) else {
            return false;
        };
        let order = self.order(author, round, copy);
        let quorum = self.committee.quorum;
        let wanted = match self.dice.percent(75) {
            true => quorum,
            false => quorum + self.dice.below(self.committee.sites - quorum + 1),
        };
        let mut banned = 0_u16;
        loop {
            let mut strong = [NONE; LANES];
            let mut count = 0;
            if below + 1 == round {
                (strong[author], count) = (own, 1);
            }
            for (other, block) in order.iter().copied().take_while(|(_, b)| *b != NONE) {
                if count < wanted && banned >> other & 1 == 0 {
                    strong[usize::from(other)] = block;
                    count += 1;
                }
            }
            let exposed = self.exposed(&strong);
            let cited = (0..).zip(&strong).filter(|(_, block)| **block != NONE);
            let cited = cited.fold(1 << author, |set, (other, _)| set | 1_u16 << other);
            if exposed & cited == 0 || !self.committee.exclusion {
                if count < quorum {
                    return false;
                }
                let cone = self.history(own, &strong, exposed, round);
                self.dag.add(author as u8, round as u8, strong, cone);
                return true;
            }
            if exposed >> author & 1 == 1 {
                return false;
            }
            banned |= exposed;
        }
    }

    /// One of the author's newest blocks, and its round.
    fn own_parent(&mut self, author: usize, round: usize) -> Option<(u8, usize)> {
        let below = (0..round)
            .rev()
            .find(|below| !self.dag.slot(author, *below).is_empty())?;
        Some((self.any(author, below), below))
    }

    fn any(&mut self, author: usize, round: usize) -> u8 {
        let slot = self.dag.slot(author, round);
        slot.start + self.dice.below(slot.len()) as u8
    }

    /// What the parents' histories and, with weak links, some old blocks bring.
    fn history(&mut self, own: u8, strong: &[u8; LANES], exposed: u16, round: usize) -> Bits {
        let mut cone = self.dag.block(own).cone;
        for parent in strong.iter().filter(|parent| **parent != NONE) {
            cone.unite(&self.dag.block(*parent).cone);
        }
        if !self.weak_links || round < 2 {
            return cone;
        }
        let own = usize::from(self.dag.block(own).author);
        for author in (0..self.committee.sites).filter(|author| *author != own) {
            let is_free = strong[author] == NONE && exposed >> author & 1 == 0;
            let has_block = !self.dag.slot(author, round - 2).is_empty();
            if is_free && has_block && self.dice.percent(40) {
                let old = self.any(author, round - 2);
                cone.unite(&self.dag.block(old).cone);
            }
        }
        cone
    }

    /// Other authors' blocks of the round below, one per author, in the order in which they are
    /// wanted as parents; [`NONE`] at the end.
    fn order(&mut self, author: usize, round: usize, copy: usize) -> [(u8, u8); SITES] {
        let (mut keys, mut count) = ([u32::MAX; SITES], 0);
        let leader = usize::from(self.plans[round - 1].leader);
        let leader_rank = match self.dice.percent(60) {
            true => self.dice.pick(&[FIRST, LAST]),
            false => USUAL,
        };
        for other in (0..self.committee.sites).filter(|other| *other != author) {
            let slot = self.dag.slot(other, round - 1);
            if slot.is_empty() {
                continue;
            }
            let mut block = self.any(other, round - 1);
            let rank = if !self.aimed {
                if other == leader { leader_rank } else { USUAL }
            } else {
                let rank = |block: u8| self.rank(author, round, copy, other, block);
                let best = slot.map(|block| (rank(block), block)).min();
                let best = best.filter(|(least, _)| *least < rank(block));
                block = best.map_or(block, |(_, best)| best);
                let rank = rank(block);
                let disciplined = self.discipline;
                if self.dice.percent(disciplined) {
                    rank
                } else {
                    0
                }
            };
            let noise = (self.dice.next() & 0xFFFF) as u32;
            keys[count] = rank << 24 | noise << 8 | u32::from(block);
            count += 1;
        }
        keys[..count].sort_unstable();
        keys.map(|key| {
            let block = (key & 0xFF) as u8;
            let known = block != NONE;
            (
                if known {
                    self.dag.block(block).author
                } else {
                    NONE
                },
                block,
            )
        })
    }

    /// How much the plans want `block`, of the round below and by `other`, as a parent.
    fn rank(&self, author: usize, round: usize, copy: usize, other: usize, block: u8) -> u32 {
        let plan = &self.plans[round - 1];
        if other == usize::from(plan.leader) {
            // A faulty author's second block takes the other side.
            let twin = match (plan.stance[author], copy % 2) {
                (NONE, _) => return LAST,
                (twin, 1) => 1 - twin,
                (twin, _) => twin,
            };
            let wanted = self.dag.slot(other, round - 1).nth(twin.into());
            return if wanted == Some(block) { FIRST } else { LAST };
        }
        if plan.passed_over >> other & 1 == 1 {
            return PASSED_OVER;
        }
        if round < 3 {
            return USUAL;
        }
        let below = &self.plans[round - 2];
        let leader = usize::from(below.leader);
        let favoured = self.dag.slot(leader, round - 2).next();
        let votes = favoured == Some(self.dag.block(block).strong[leader]);
        match below.lean {
            Lean::Against if votes => OTHER_CAMP,
            Lean::For if !votes => OTHER_CAMP,
            _ => USUAL,
        }
    }

    /// V6: authors of whom the strong parents cite two blocks of the round below them, that is, of
    /// whom the least and the greatest block cited differ.
    fn exposed(&self, strong: &[u8; LANES]) -> u16 {
        // [`NONE`] is the greatest value, and plus one the least.
        let (mut least, mut greatest) = ([NONE; LANES], [0; LANES]);
        for parent in strong.iter().filter(|parent| **parent != NONE) {
            let cited = &self.dag.block(*parent).strong;
            for lane in 0..LANES {
                least[lane] = least[lane].min(cited[lane]);
                greatest[lane] = greatest[lane].max(cited[lane].wrapping_add(1));
            }
        }
        (0..LANES).fold(0, |exposed, lane| {
            let differ = greatest[lane] != least[lane].wrapping_add(1);
            exposed | u16::from(differ) << lane
        })
    }
}
