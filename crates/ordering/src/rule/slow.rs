//! The slow path (`fast_path` off).
//!
//! - S1 commit L if q_sp authors have a block at r+2 that certifies L. Two certified candidates
//!   would need two quorums of voters, which share a correct site; it makes one block a round.
//! - S2 skip if q authors have a block at r+1 that votes for no candidate. Then at most
//!   n − q + f < q_sp authors can vote for any one candidate, ever.
//! - S3 from an anchor at r+3 or above: commit the L that some r+2 block in the anchor's history
//!   certifies, else skip. If S1 held anywhere, q_sp certifying authors and the anchor's q parents
//!   share a correct one, so the anchor sees a certificate. No evidence clause (correction 1).

use maftia_protocol::planted;
use maftia_types::{Round, SiteId};

use super::{Contradiction, Rule, count};
use crate::view::View;

impl Rule {
    /// S1.
    pub(super) fn commits_slow<V: View>(
        &self,
        view: &V,
        candidate: &V::Block,
        round: Round,
    ) -> bool {
        let q_sp = self.slow_quorum();
        let readers = view.blocks(round.plus(2));
        let certifies = |x: &V::Block| sees(view, x, candidate) >= q_sp;
        count(view, readers.filter(certifies)) >= q_sp
    }

    /// S2.
    pub(super) fn skips<V: View>(&self, view: &V, leader: SiteId, round: Round) -> bool {
        let votes = round.plus(1);
        if planted("skip before all votes are in")
            && view.candidates(leader, round).next().is_none()
            && view.authors(votes).len() >= 2
        {
            return true;
        }
        let needed = self.resilience.quorum() - usize::from(planted("skip quorum less one"));
        let blank = |x: &V::Block| view.vote(x, leader).is_none();
        view.authors(votes).len() >= needed
            && count(view, view.blocks(votes).filter(blank)) >= needed
    }

    /// The certificate that S3 looks for.
    pub(super) fn certifies<V: View>(&self, view: &V, x: &V::Block, candidate: &V::Block) -> bool {
        let any = planted("indirect accepts any vote");
        let q_sp = if any { 1 } else { self.slow_quorum() };
        sees(view, x, candidate) >= q_sp
    }

    /// At most one candidate of a slot is certified.
    pub(super) fn check_certificates<V: View>(
        &self,
        view: &V,
        leader: SiteId,
        round: Round,
    ) -> Result<(), Contradiction> {
        if view.candidates(leader, round).nth(1).is_none() {
            return Ok(());
        }
        let q_sp = self.slow_quorum();
        let is_certified = |l: &V::Block| {
            let mut readers = view.blocks(round.plus(2));
            readers.any(|x| sees(view, &x, l) >= q_sp)
        };
        let certified = view.candidates(leader, round).filter(is_certified);
        if certified.count() > 1 {
            return Err(Contradiction::TwoLeaders);
        }
        Ok(())
    }
}

/// |vot(x, L)|: how many authors among the strong parents of `x` vote for the candidate.
pub(super) fn sees<V: View>(view: &V, x: &V::Block, candidate: &V::Block) -> usize {
    let votes = view.votes_seen(x, view.author(candidate));
    votes.filter(|vote| vote == candidate).count()
}
