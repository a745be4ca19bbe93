//! The rows `hybrid` and `crash`, in which no site makes two blocks of a round: because a trusted
//! component seals them, or because sites only stop (`protocols.md` §3.4, after Nemo-Nemo).
//!
//! A slot has one candidate, so that votes need no certificates. A block *votes* for L of slot r at
//! r+1 with L among its parents, for a coin's leader at r+3 with L in its history. That round is the
//! last of the wave, w − 1 above the slot; q is a majority.
//!
//! - M1 commit L if q authors vote for it.
//! - M2 skip if the blocks of all n authors are here and none votes for a block of the slot. Of
//!   fewer, q may still vote among the others. Rare, as one silent site prevents it.
//! - M3 from an anchor at r+w or above: commit L if some block of the voting round in the anchor's
//!   history votes for it, else skip. If M1 held anywhere, the anchor's q strong parents, or those of
//!   the first block above the voting round on the way down, include a voter: q + q > n. One round
//!   lower, an anchor may have none.
//!
//! Two blocks of a slot break the assumption: the engine stops at the sight of them.

use maftia_protocol::planted;
use maftia_types::{Round, SiteId};

use super::{Contradiction, Mode, Rule, Verdict, count};
use crate::view::View;

impl Rule {
    /// M1 and M2.
    pub(super) fn direct_by_majority<V: View>(
        &self,
        view: &V,
        mode: Mode,
        leader: SiteId,
        round: Round,
    ) -> Result<Verdict<V::Block>, Contradiction> {
        let needed = self.resilience.quorum() - usize::from(planted("majority less one"));
        let votes = self.voting_round(mode, round);
        let mut verdict = Verdict::Undecided;
        for candidate in view.candidates(leader, round) {
            let voters = view.blocks(votes);
            let voters =
                voters.filter(|x| self.backs(view, x, (mode, leader), round) == Some(candidate));
            if view.authors(votes).len() >= needed && count(view, voters) >= needed {
                if verdict != Verdict::Undecided {
                    return Err(Contradiction::TwoLeaders);
                }
                verdict = Verdict::Commit(candidate);
            }
        }
        if verdict == Verdict::Undecided && self.skips_by_all(view, mode, leader, round) {
            verdict = Verdict::Skip;
        }
        Ok(verdict)
    }

    /// M3.
    pub(super) fn indirect_by_majority<V: View>(
        &self,
        view: &V,
        anchor: &V::Block,
        (mode, leader): (Mode, SiteId),
        round: Round,
    ) -> Verdict<V::Block> {
        let is_held = view.history(anchor, round);
        let has_vote = |candidate: &V::Block| {
            let mut voters = view
                .blocks(self.voting_round(mode, round))
                .filter(|x| is_held(x));
            voters.any(|x| self.backs(view, &x, (mode, leader), round).as_ref() == Some(candidate))
        };
        view.candidates(leader, round)
            .filter(|candidate| is_held(candidate))
            .filter(has_vote)
            .min()
            .map_or(Verdict::Skip, Verdict::Commit)
    }

    fn skips_by_all<V: View>(&self, view: &V, mode: Mode, leader: SiteId, round: Round) -> bool {
        let votes = self.voting_round(mode, round);
        let needed = match planted("majority skips") {
            true => self.resilience.quorum(),
            false => self.resilience.sites(),
        };
        let mut blocks = view.blocks(votes);
        view.authors(votes).len() >= needed
            && blocks.all(|x| self.backs(view, &x, (mode, leader), round).is_none())
    }

    fn voting_round(&self, mode: Mode, round: Round) -> Round {
        round.plus(mode.wave(&self.resilience) - 1)
    }

    /// What a block of the voting round votes for.
    fn backs<V: View>(
        &self,
        view: &V,
        x: &V::Block,
        (mode, leader): (Mode, SiteId),
        round: Round,
    ) -> Option<V::Block> {
        match mode {
            Mode::S => view.vote(x, leader),
            Mode::A => view.support(x, leader, round),
        }
    }
}
