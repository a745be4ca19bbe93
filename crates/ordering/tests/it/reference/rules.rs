//! The decision rules: direct commit and skip, and the indirect test of an anchor's history.

use std::collections::BTreeSet;

use super::row::{Family, Mutation};
use super::view::{Mode, Verdict, View, count_authors};

impl View<'_> {
    /// What the held blocks say about a slot without looking at any other slot.
    pub(crate) fn direct(&self, mode: Mode, leader: usize, round: usize) -> Verdict {
        match (self.row.family, mode) {
            (Family::Single, _) => self.direct_single(mode, leader, round),
            (Family::Arbitrary, Mode::A) => self.direct_a(leader, round),
            (Family::Arbitrary, Mode::S) => self.direct_s(leader, round),
        }
    }

    /// What the history of a committed anchor says about a slot. Reads nothing but that history.
    pub(crate) fn indirect(
        &self,
        mode: Mode,
        anchor: usize,
        leader: usize,
        round: usize,
    ) -> Verdict {
        let history = View::of_history(self.dag, self.row, anchor);
        let passes = |candidate: &usize| match (self.row.family, mode) {
            (Family::Single, _) => {
                let votes = history.blocks(self.vote_round(mode, round)).iter();
                votes.copied().any(|x| self.supports(x, *candidate))
            }
            (Family::Arbitrary, Mode::A) => {
                let certifiers = history.blocks(round + self.row.wave_a() - 1).iter();
                certifiers.copied().any(|x| self.certifies(x, *candidate))
            }
            (Family::Arbitrary, Mode::S) => history.passes_s(*candidate, round),
        };
        let passing = history.slot(leader, round).into_iter().filter(passes);
        match passing.min_by_key(|&candidate| self.dag.blocks[candidate].digest) {
            Some(candidate) => Verdict::Commit(candidate),
            None => Verdict::Skip,
        }
    }

    fn direct_single(&self, mode: Mode, leader: usize, round: usize) -> Verdict {
        let (row, votes) = (self.row, self.vote_round(mode, round));
        for candidate in self.slot(leader, round) {
            let voters = self.authors(votes, |x| self.supports(x, candidate));
            if voters >= row.q - row.shortage() {
                return Verdict::Commit(candidate);
            }
        }
        let needed = row.n - row.skip_shortage();
        let supported = |&x: &usize| self.dag.support(x, leader, round).is_some();
        if self.authors(votes, |_| true) >= needed && !self.blocks(votes).iter().any(supported) {
            return Verdict::Skip;
        }
        Verdict::Undecided
    }

    fn direct_a(&self, leader: usize, round: usize) -> Verdict {
        let row = self.row;
        let (votes, certificates) = (round + row.wave_a() - 2, round + row.wave_a() - 1);
        let candidates = self.slot(leader, round);
        let lacks_support =
            |&candidate: &usize| self.authors(votes, |x| !self.supports(x, candidate)) >= row.q;
        if row.has(Mutation::SkipPerTwin) && candidates.iter().any(lacks_support) {
            return Verdict::Skip;
        }
        let quorum = row.q - row.skip_shortage();
        // Per slot, not per twin: a vote for any twin is a vote against the skip.
        if self.authors(votes, |x| self.dag.support(x, leader, round).is_none()) >= quorum {
            return Verdict::Skip;
        }
        for candidate in candidates {
            let certifiers = self.authors(certificates, |x| self.certifies(x, candidate));
            if certifiers >= row.q - row.shortage() {
                return Verdict::Commit(candidate);
            }
        }
        Verdict::Undecided
    }

    fn direct_s(&self, leader: usize, round: usize) -> Verdict {
        let (row, candidates) = (self.row, self.slot(leader, round));
        let votes_for = |x: usize, candidate| self.dag.blocks[x].parents.contains(&candidate);
        for &candidate in &candidates {
            let voters = self.authors(round + 1, |x| votes_for(x, candidate));
            if row.fast_path && voters >= row.q_fast() {
                return Verdict::Commit(candidate);
            }
            let certifiers =
                self.authors(round + 2, |x| self.votes_seen(x, candidate) >= row.q_slow);
            if certifiers >= row.q_slow - row.shortage() {
                return Verdict::Commit(candidate);
            }
        }
        let skipped = if row.fast_path {
            let unwanted = |&candidate: &usize| {
                self.authors(round + 1, |x| !votes_for(x, candidate))
                    >= row.q_slow - row.skip_shortage()
            };
            let no_evidence = |x: usize| !candidates.iter().any(|&l| self.is_evidence(x, l));
            candidates.iter().all(unwanted)
                && self.authors(round + 2, no_evidence) >= row.q_slow - row.skip_shortage()
        } else {
            // Correction 1: with the fast path off a skip is a quorum of votes for nothing.
            let no_vote = |x: usize| !candidates.iter().any(|&l| votes_for(x, l));
            self.authors(round + 1, no_vote) >= row.q - row.skip_shortage()
        };
        if skipped {
            Verdict::Skip
        } else {
            Verdict::Undecided
        }
    }

    /// The S rule's indirect test, on the view that is the anchor's history.
    fn passes_s(&self, candidate: usize, round: usize) -> bool {
        let row = self.row;
        let certified =
            self.authors(round + 2, |x| self.votes_seen(x, candidate) >= row.q_slow) > 0;
        // Correction 1: evidence counts only where a fast commit could have happened.
        let reads_evidence = row.fast_path || row.has(Mutation::EvidenceWithoutFastPath);
        let evident = || self.authors(round + 2, |x| self.is_evidence(x, candidate)) >= row.q_slow;
        certified || reads_evidence && evident()
    }

    fn vote_round(&self, mode: Mode, round: usize) -> usize {
        match mode {
            Mode::S => round + self.row.wave_s() - 1,
            Mode::A => round + self.row.wave_a() - 1,
        }
    }

    /// Authors of the strong parents of `x` that vote for `candidate`: vot(x, L).
    fn votes_seen(&self, x: usize, candidate: usize) -> usize {
        let votes = |&parent: &usize| self.dag.blocks[parent].parents.contains(&candidate);
        count_authors(self.dag, self.dag.strong(x).filter(votes))
    }

    /// Whether `x`, two rounds above, is evidence that `candidate` may have committed fast.
    fn is_evidence(&self, x: usize, candidate: usize) -> bool {
        let dag = self.dag;
        let slot = |block: usize| (dag.blocks[block].author, dag.blocks[block].round);
        let twins: BTreeSet<usize> = dag
            .strong(x)
            .flat_map(|parent| dag.blocks[parent].parents.iter().copied())
            .filter(|&block| slot(block) == slot(candidate))
            .collect();
        let votes = self.votes_seen(x, candidate);
        if twins.len() <= 1 {
            return votes >= self.row.evidence_alone();
        }
        let threshold = self.row.evidence_against_twin();
        let others = twins.iter().filter(|&&twin| twin != candidate);
        votes >= threshold
            && others
                .into_iter()
                .all(|&t| self.votes_seen(x, t) < threshold)
    }

    fn supports(&self, x: usize, candidate: usize) -> bool {
        let block = &self.dag.blocks[candidate];
        self.dag.support(x, block.author, block.round) == Some(candidate)
    }

    /// Whether a quorum of the strong parents of `x` supports `candidate`.
    fn certifies(&self, x: usize, candidate: usize) -> bool {
        let supporters = self
            .dag
            .strong(x)
            .filter(|&parent| self.supports(parent, candidate));
        count_authors(self.dag, supporters) >= self.row.q
    }
}
