//! The A rule: leaders named by a coin, wave of five rounds (`protocols.md` §2.3, after Mahi-Mahi).
//!
//! Vocabulary: a block x *supports* the block L of slot r if L is the least block of that author and
//! round in the history of x: one candidate at most, and the same at every site. A block at r+3
//! votes for what it supports; a block at r+4 *certifies* L if q of its strong parents' authors vote
//! for L. All counts are of authors. Whose slot it is shows only at r+4, by the coin: until then a
//! scheduler does not know which block to hold back.
//!
//! - A1 commit L if q authors have a block at r+4 that certifies L. Two certified candidates would
//!   need two quorums of voters, which share a correct site; it supports one block of a slot.
//! - A2 skip if q authors have a block at r+3 that supports no candidate. Then fewer than q are left
//!   to vote for any one. Of the *slot*: to skip because some twin lacks support is the mistake of a
//!   published program (erratum E8), which skips what others commit.
//! - A3 from an anchor at r+5 or above: commit the L that some r+4 block in the anchor's history
//!   certifies, else skip. If A1 held anywhere, q certifying authors and the strong parents of any
//!   block at r+5 share a correct one, so the anchor sees a certificate. At r+4, an anchor may not.

use maftia_protocol::planted;
use maftia_types::{Resilience, Round, SiteId};

use super::{Contradiction, Mode, Rule, Verdict, count};
use crate::view::View;

/// From a slot to the blocks that vote, and to those that certify.
const VOTES: u64 = 3;
const CERTIFICATES: u64 = 4;

/// Rounds from a slot to the blocks that reveal its coin: the last of its wave.
pub(crate) const fn reveal(resilience: &Resilience) -> u64 {
    Mode::A.wave(resilience) - 1
}

impl Rule {
    /// Whether the coin of a round may be read in a view: a quorum has come to the round that
    /// reveals it. Of the view alone, so that all who hold it agree (`protocols.md` §2.4).
    pub(crate) fn coin_is_readable<V: View>(&self, view: &V, round: Round) -> bool {
        let reveals = round.plus(reveal(&self.resilience));
        view.authors(reveals).len() >= self.coin_quorum()
    }

    /// A1 and A2.
    pub(super) fn direct_by_coin<V: View>(
        &self,
        view: &V,
        leader: SiteId,
        round: Round,
    ) -> Result<Verdict<V::Block>, Contradiction> {
        self.check_coin_certificates(view, leader, round)?;
        let mut commit = None;
        for candidate in view.candidates(leader, round) {
            if self.commits_by_coin(view, &candidate, round) {
                if commit.is_some() {
                    return Err(Contradiction::TwoLeaders);
                }
                commit = Some(candidate);
            }
        }
        let skips = self.skips_by_coin(view, leader, round);
        match (commit, skips) {
            (Some(_), true) => Err(Contradiction::CommitAndSkip),
            (Some(candidate), false) => Ok(Verdict::Commit(candidate)),
            (None, true) => Ok(Verdict::Skip),
            (None, false) => Ok(Verdict::Undecided),
        }
    }

    /// A3.
    pub(super) fn indirect_by_coin<V: View>(
        &self,
        view: &V,
        anchor: &V::Block,
        leader: SiteId,
        round: Round,
    ) -> Verdict<V::Block> {
        let is_held = view.history(anchor, round);
        let certified = |candidate: &V::Block| {
            let readers = view.blocks(round.plus(CERTIFICATES));
            let mut readers = readers.filter(|y| is_held(y));
            readers.any(|y| self.certifies_by_coin(view, &y, candidate, round))
        };
        view.candidates(leader, round)
            .filter(|candidate| is_held(candidate))
            .filter(certified)
            .min()
            .map_or(Verdict::Skip, Verdict::Commit)
    }

    fn commits_by_coin<V: View>(&self, view: &V, candidate: &V::Block, round: Round) -> bool {
        let needed = self.coin_quorum();
        let readers = round.plus(CERTIFICATES);
        let certifies = |y: &V::Block| self.certifies_by_coin(view, y, candidate, round);
        view.authors(readers).len() >= needed
            && count(view, view.blocks(readers).filter(certifies)) >= needed
    }

    fn skips_by_coin<V: View>(&self, view: &V, leader: SiteId, round: Round) -> bool {
        let (votes, needed) = (round.plus(VOTES), self.coin_quorum());
        if view.authors(votes).len() < needed {
            return false;
        }
        let lacks = |supported: Option<V::Block>, l: &V::Block| supported.as_ref() != Some(l);
        if planted("coin skip per twin") {
            let unsupported = |l: V::Block| {
                let blocks = view.blocks(votes);
                let blocks = blocks.filter(|x| lacks(view.support(x, leader, round), &l));
                count(view, blocks) >= needed
            };
            return view.candidates(leader, round).any(unsupported);
        }
        let blank = |x: &V::Block| view.support(x, leader, round).is_none();
        count(view, view.blocks(votes).filter(blank)) >= needed
    }

    /// Strong parents have different authors: blocks are counted.
    pub(super) fn certifies_by_coin<V: View>(
        &self,
        view: &V,
        y: &V::Block,
        candidate: &V::Block,
        round: Round,
    ) -> bool {
        let leader = view.author(candidate);
        let voters = view.strong_parents(y);
        let votes = voters.filter(|x| view.support(x, leader, round).as_ref() == Some(candidate));
        votes.count() >= self.coin_quorum()
    }

    /// At most one candidate of a slot is certified.
    fn check_coin_certificates<V: View>(
        &self,
        view: &V,
        leader: SiteId,
        round: Round,
    ) -> Result<(), Contradiction> {
        if view.candidates(leader, round).nth(1).is_none() {
            return Ok(());
        }
        let is_certified = |l: &V::Block| {
            let mut readers = view.blocks(round.plus(CERTIFICATES));
            readers.any(|y| self.certifies_by_coin(view, &y, l, round))
        };
        let certified = view.candidates(leader, round).filter(is_certified);
        if certified.count() > 1 {
            return Err(Contradiction::TwoLeaders);
        }
        Ok(())
    }

    fn coin_quorum(&self) -> usize {
        self.resilience.quorum() - usize::from(planted("coin quorum less one"))
    }
}
