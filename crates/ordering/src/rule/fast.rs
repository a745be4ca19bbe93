//! The fast path (`fast_path` on). p votes may be missing; q_f, T1 and T2 follow from it.
//!
//! - F1 commit L if q_f = n − p authors have a block at r+1 that votes for L: two message delays.
//!   At most p correct sites then do not vote for L, and no twin has the votes for anything.
//! - F2 skip if for every candidate L, q_sp authors have a block at r+1 that does not vote for L,
//!   and q_sp authors have a block at r+2 that is evidence for no candidate. The first half rules
//!   out S1 and F1 (q_sp + q_f − n > f), the second what an anchor could still find (F3).
//! - F3 from an anchor at r+3 or above: commit the L that is certified as in S3, or for which q_sp
//!   authors' r+2 blocks in the anchor's history are *evidence*; else skip.
//! - A block x at r+2 is evidence for L if T1 of its strong parents' authors vote for L and it has
//!   seen no twin of L; if it has, T2 must vote for L and fewer than T2 for each twin. After F1
//!   every such block is: it has q strong parents, of which T1 are correct voters for L. If it has
//!   seen a twin it cites no block of the leader (V6), so one parent fewer is faulty: T2 are
//!   correct voters, and at most p + f − 1 < T2 can back a twin.
//!
//! V6 is what makes F3 safe: without it the leader's own next block backs either twin.

use maftia_protocol::planted;
use maftia_types::{FastPath, Round, SiteId};

use super::deciders::is_unconvinced;
use super::slow::sees;
use super::{Rule, count, voters};
use crate::view::View;

impl Rule {
    /// F1; never with the fast path off.
    pub(super) fn commits_fast<V: View>(
        &self,
        view: &V,
        candidate: &V::Block,
        round: Round,
    ) -> bool {
        let Some(fast) = &self.fast else {
            return false;
        };
        let less = planted("fast path quorum less one") || planted("fast path slack one more");
        let needed = fast.quorum() - usize::from(less);
        if planted("fast votes counted by blocks") {
            return voters(view, candidate, round).count() >= needed;
        }
        view.authors(round.plus(1)).len() >= needed
            && count(view, voters(view, candidate, round)) >= needed
    }

    /// F2.
    pub(super) fn skips_with_fast<V: View>(
        &self,
        fast: &FastPath,
        view: &V,
        leader: SiteId,
        round: Round,
    ) -> bool {
        let needed = self.skip_quorum();
        let unconvinced = |x: &V::Block| is_unconvinced(fast, view, x, (leader, round));
        let readers = round.plus(2);
        view.authors(readers).len() >= needed
            && self.is_unwanted(view, leader, round)
            && count(view, view.blocks(readers).filter(unconvinced)) >= needed
    }

    /// The first half of F2: what a skip needs of the votes. Without a candidate, that enough are
    /// in.
    pub(super) fn is_unwanted<V: View>(&self, view: &V, leader: SiteId, round: Round) -> bool {
        let (votes, needed) = (round.plus(1), self.skip_quorum());
        let unwanted = |l: V::Block| {
            let others = view.blocks(votes);
            let others = others.filter(|x| view.vote(x, leader) != Some(l));
            count(view, others) >= needed
        };
        view.authors(votes).len() >= needed && view.candidates(leader, round).all(unwanted)
    }

    /// F3's own clause; never with the fast path off.
    pub(super) fn is_evident<V: View, I: Iterator<Item = V::Block>>(
        &self,
        view: &V,
        candidate: &V::Block,
        readers: impl Fn() -> I,
    ) -> bool {
        let Some(fast) = &self.fast else {
            return false;
        };
        let evidence = |x: &V::Block| is_evidence(fast, view, x, candidate);
        !planted("indirect without evidence")
            && count(view, readers().filter(evidence)) >= self.slow_quorum()
    }

    fn skip_quorum(&self) -> usize {
        self.resilience.slow_path_quorum() - usize::from(planted("skip quorum less one"))
    }
}

/// Whether `x`, two rounds above, says that the candidate may have been committed by F1.
pub(super) fn is_evidence<V: View>(
    fast: &FastPath,
    view: &V,
    x: &V::Block,
    candidate: &V::Block,
) -> bool {
    let slack = usize::from(planted("fast path slack one more"));
    let alone = fast.evidence_alone() - slack;
    let alone = alone.saturating_sub(usize::from(planted("evidence threshold less one")));
    let against_twin = fast.evidence_against_twin() - slack;
    let votes = view.votes_seen(x, view.author(candidate));
    let in_favour = sees(view, x, candidate);
    // A twin alone is no reason for T2: the candidate then has no vote at all, and T1 ≥ 1.
    let has_twin = in_favour > 0 && votes.clone().any(|vote| vote != *candidate);
    if !has_twin || planted("evidence ignores twins") {
        return in_favour >= alone;
    }
    let rivals = votes.filter(|vote| vote != candidate);
    in_favour >= against_twin
        && rivals
            .into_iter()
            .all(|rival| sees(view, x, &rival) < against_twin)
}
