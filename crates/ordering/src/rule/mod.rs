//! The decision rules (`protocols.md` §2.3, as repaired by correction 1). Here the S rule: known
//! leaders, wave of three rounds. In `coin` the A rule: leaders named by a coin, wave of five. In
//! `single` both rules of the rows in which no site makes two blocks of a round: waves of two and four.
//!
//! Vocabulary: a block at r+1 *votes* for the leader block L of round r if L is among its strong
//! parents; a block at r+2 *certifies* L if at least q_sp of its strong parents' authors vote for
//! L. All counts are of authors.
//!
//! Both forms commit on the slow path (S1). They differ in what else settles a slot, and must never
//! be mixed in a group: `slow` has a skip that reads votes only, `fast` commits on votes alone and
//! therefore skips and asks anchors with more care.
//!
//! S and A may be mixed slot by slot, if all sites agree which slot is decided how: what one commits
//! directly shows in the history of every block from the slot's own floor on, and what it skips
//! directly never does, whatever rule has made that block an anchor (`protocols.md` §1.3).

mod coin;
mod deciders;
mod fast;
mod single;
mod slow;

use maftia_protocol::planted;
use maftia_types::{FastPath, Resilience, ResilienceError, Round, SiteId, SiteSet};

use crate::block::BlockRef;
use crate::view::View;
pub(crate) use deciders::DECIDERS_MAX;

pub(crate) use coin::reveal;

/// Which rule decides a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// A leader known beforehand: fast, and live once the network delivers in time.
    S,
    /// A leader that the coin names afterwards: live whatever the network does.
    A,
}

impl Mode {
    /// w: rounds from a leader block to the blocks that settle it, both included. What the first
    /// block above them can have seen decides, so it is also the floor of the slot's anchors.
    pub(crate) const fn wave(self, resilience: &Resilience) -> u64 {
        match (self, resilience.has_single_blocks()) {
            (Self::S, false) => 3,
            (Self::A, false) => 5,
            (Self::S, true) => 2,
            (Self::A, true) => 4,
        }
    }
}

/// What a slot has come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict<B = BlockRef> {
    /// This block is committed in its slot.
    Commit(B),
    /// No block will ever be committed in this slot.
    Skip,
    /// Not known yet.
    Undecided,
}

/// What cannot be while at most f sites are faulty.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Contradiction {
    /// Two blocks of one author and round are both certified or have both the votes to commit.
    TwoLeaders,
    /// A slot has both what commits and what skips it.
    CommitAndSkip,
}

/// The decision rule of an epoch, with its thresholds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rule {
    resilience: Resilience,
    fast: Option<FastPath>,
}

impl Rule {
    /// The rule of a group, with or without the fast path.
    ///
    /// # Errors
    /// If the group's size does not carry a fast path.
    pub fn new(resilience: Resilience, fast_path: bool) -> Result<Self, ResilienceError> {
        let fast = fast_path.then(|| resilience.fast_path()).transpose()?;
        Ok(Self { resilience, fast })
    }

    /// What the blocks of the slot's wave say about it.
    pub(crate) fn direct<V: View>(
        &self,
        view: &V,
        mode: Mode,
        leader: SiteId,
        round: Round,
    ) -> Result<Verdict<V::Block>, Contradiction> {
        if self.resilience.has_single_blocks() {
            return self.direct_by_majority(view, mode, leader, round);
        }
        match mode {
            Mode::S => self.direct_by_votes(view, leader, round),
            Mode::A => self.direct_by_coin(view, leader, round),
        }
    }

    /// What the history of a committed anchor says about slot r, which is then settled. Ties go to
    /// the least digest; there are none while at most f sites are faulty.
    pub(crate) fn indirect<V: View>(
        &self,
        view: &V,
        anchor: &V::Block,
        (mode, leader): (Mode, SiteId),
        round: Round,
    ) -> Verdict<V::Block> {
        if self.resilience.has_single_blocks() {
            return self.indirect_by_majority(view, anchor, (mode, leader), round);
        }
        match mode {
            Mode::S => self.indirect_by_votes(view, anchor, leader, round),
            Mode::A => self.indirect_by_coin(view, anchor, leader, round),
        }
    }

    fn direct_by_votes<V: View>(
        &self,
        view: &V,
        leader: SiteId,
        round: Round,
    ) -> Result<Verdict<V::Block>, Contradiction> {
        self.check_certificates(view, leader, round)?;
        let enough_certifiers = view.authors(round.plus(2)).len() >= self.slow_quorum();
        let mut commit = None;
        for candidate in view.candidates(leader, round) {
            let slow = || enough_certifiers && self.commits_slow(view, &candidate, round);
            if self.commits_fast(view, &candidate, round) || slow() {
                if commit.is_some() {
                    return Err(Contradiction::TwoLeaders);
                }
                commit = Some(candidate);
            }
        }
        let skips = match &self.fast {
            Some(fast) => self.skips_with_fast(fast, view, leader, round),
            None => self.skips(view, leader, round),
        };
        match (commit, skips) {
            (Some(_), true) => Err(Contradiction::CommitAndSkip),
            (Some(candidate), false) => Ok(Verdict::Commit(candidate)),
            (None, true) => Ok(Verdict::Skip),
            (None, false) => Ok(Verdict::Undecided),
        }
    }

    fn indirect_by_votes<V: View>(
        &self,
        view: &V,
        anchor: &V::Block,
        leader: SiteId,
        round: Round,
    ) -> Verdict<V::Block> {
        let is_held = view.history(anchor, round);
        let passes = |candidate: &V::Block| {
            let readers = || view.blocks(round.plus(2)).filter(|x| is_held(x));
            readers().any(|x| self.certifies(view, &x, candidate))
                || self.is_evident(view, candidate, readers)
        };
        view.candidates(leader, round)
            .filter(|candidate| is_held(candidate))
            .filter(passes)
            .min()
            .map_or(Verdict::Skip, Verdict::Commit)
    }

    /// Whether a slot's leader is settled enough for the next blocks not to wait for it (clause C1):
    /// q_sp voters for one candidate are in, or what a skip needs of the votes.
    pub(crate) fn leader_is_judged<V: View>(&self, view: &V, leader: SiteId, round: Round) -> bool {
        let q_sp = self.resilience.slow_path_quorum();
        let has_votes = |l: V::Block| count(view, voters(view, &l, round)) >= q_sp;
        view.candidates(leader, round).any(has_votes)
            || match self.fast {
                Some(_) => self.is_unwanted(view, leader, round),
                None => self.skips(view, leader, round),
            }
    }

    /// n, f, c and the thresholds.
    pub(crate) const fn resilience(&self) -> &Resilience {
        &self.resilience
    }

    fn slow_quorum(&self) -> usize {
        self.resilience.slow_path_quorum() - usize::from(planted("slow path quorum less one"))
    }
}

/// The blocks at r+1 that vote for a candidate of slot r.
fn voters<V: View>(view: &V, candidate: &V::Block, round: Round) -> impl Iterator<Item = V::Block> {
    let leader = view.author(candidate);
    let blocks = view.blocks(round.plus(1));
    blocks.filter(move |x| view.vote(x, leader).as_ref() == Some(candidate))
}

/// How many authors the blocks have.
fn count<V: View>(view: &V, blocks: impl Iterator<Item = V::Block>) -> usize {
    if planted("blocks counted instead of authors") {
        return blocks.count();
    }
    blocks
        .map(|block| view.author(&block))
        .collect::<SiteSet>()
        .len()
}
