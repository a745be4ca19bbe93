//! Which of an author's many blocks of one round a direct verdict rests on.
//!
//! The rules count authors. However many blocks an author has signed for a round, a verdict needs
//! one of them that says what is counted there; or two, where what is counted is not to vote for
//! this candidate, nor for that one: whatever the candidate, one of two that vote differently does
//! not vote for it. A site with these, and with what they build on, comes to the same verdict.
//!
//! A round is read by four slots below it at most, so that of one author and round verdicts never
//! rest on more than [`DECIDERS_MAX`] blocks: two where the S rule reads votes, one where it reads
//! what they certify, and one each where the A rule does.

use maftia_types::{FastPath, Round, SiteId};

use super::fast::is_evidence;
use super::slow::sees;
use super::{Mode, Rule, Verdict};
use crate::view::View;

/// Most blocks of one author and round that direct verdicts rest on.
pub(crate) const DECIDERS_MAX: usize = 5;

impl Rule {
    /// Of the authors that have more than `few` blocks at a round above a slot which was decided
    /// directly: those on which the verdict rests, by round. The first that will do, so that it is
    /// always the same ones.
    pub(crate) fn deciders<V: View>(
        &self,
        view: &V,
        few: usize,
        (mode, leader, round): (Mode, SiteId, Round),
        verdict: &Verdict<V::Block>,
    ) -> Vec<(Round, V::Block)> {
        let mut found = Vec::new();
        // Of rows without twins no author has many blocks: the second one stops the site.
        if self.resilience.has_single_blocks() {
            return found;
        }
        for above in 1..mode.wave(&self.resilience) {
            let at = round.plus(above);
            for author in view.authors(at).iter() {
                let twins = || view.candidates(author, at);
                if twins().nth(few).is_none() {
                    continue;
                }
                let counted = |x: &V::Block| match (mode, above, verdict, &self.fast) {
                    (Mode::S, 1, Verdict::Commit(l), Some(_)) => view.vote(x, leader) == Some(*l),
                    (Mode::S, 1, Verdict::Skip, Some(_)) => true,
                    (Mode::S, 1, Verdict::Skip, None) => view.vote(x, leader).is_none(),
                    (Mode::S, 2, Verdict::Commit(l), _) => sees(view, x, l) >= self.slow_quorum(),
                    (Mode::S, 2, Verdict::Skip, Some(fast)) => {
                        is_unconvinced(fast, view, x, (leader, round))
                    }
                    (Mode::A, 3, Verdict::Skip, _) => view.support(x, leader, round).is_none(),
                    (Mode::A, 4, Verdict::Commit(l), _) => {
                        self.certifies_by_coin(view, x, l, round)
                    }
                    _ => false,
                };
                let first = twins().find(counted);
                let votes_otherwise = (mode, above) == (Mode::S, 1) && self.fast.is_some();
                let second = first.filter(|_| votes_otherwise && *verdict == Verdict::Skip);
                let second = second.and_then(|first| {
                    let vote = view.vote(&first, leader);
                    twins().find(|x| view.vote(x, leader) != vote)
                });
                found.extend(first.into_iter().chain(second).map(|block| (at, block)));
            }
        }
        found
    }
}

/// Whether a block is evidence for no candidate.
pub(super) fn is_unconvinced<V: View>(
    fast: &FastPath,
    view: &V,
    x: &V::Block,
    (leader, round): (SiteId, Round),
) -> bool {
    let mut candidates = view.candidates(leader, round);
    !candidates.any(|l| is_evidence(fast, view, x, &l))
}
