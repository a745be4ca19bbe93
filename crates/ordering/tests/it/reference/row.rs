//! Committee parameters and thresholds, written from the specification and from nothing else.

/// Which family of rules a committee runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Family {
    /// Members may equivocate: waves of three (S) and five (A) rounds, exclusion clause V6.
    Arbitrary,
    /// At most one block per author and round (sealed or crash-only): waves of two and four.
    Single,
}

/// A bug planted on purpose. Each must lead to a disagreement that the checker finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mutation {
    /// Validity clause V6 is not enforced.
    NoExclusion,
    /// The fast path tolerates one missing vote more than the bound allows.
    LargeSlack,
    /// The A rule skips a slot when any one twin lacks support (a published artifact's bug).
    SkipPerTwin,
    /// Anchors are accepted at the S wave also for slots of the A rule.
    LowFloor,
    /// Correction 1: fast path off, evidence clause kept in the indirect rule.
    EvidenceWithoutFastPath,
    /// Every direct commit needs one author fewer.
    ShortQuorum,
    /// Each view breaks ties between twins in its own order instead of by least digest.
    PrivateTieBreak,
    /// Every direct skip needs one author fewer.
    ShortSkip,
    /// Members of a `Single` committee equivocate: the seal is broken.
    BrokenSeal,
}

/// One committee with its thresholds.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) family: Family,
    pub(crate) n: usize,
    /// Byzantine members.
    pub(crate) f: usize,
    /// Further members that only stop.
    pub(crate) c: usize,
    /// Strong parents of a block; quorum of the A rule.
    pub(crate) q: usize,
    /// Quorum of the S rule's slow path, at both levels.
    pub(crate) q_slow: usize,
    /// Votes a fast commit may miss.
    pub(crate) slack: usize,
    pub(crate) fast_path: bool,
    pub(crate) mutation: Option<Mutation>,
}

impl Row {
    /// A committee that trusts nothing, fast path on.
    pub(crate) fn arbitrary(n: usize, f: usize, c: usize) -> Self {
        assert!(n > 3 * f + 2 * c, "n >= 3f + 2c + 1");
        Self {
            family: Family::Arbitrary,
            n,
            f,
            c,
            q: n - f - c,
            // ceil((n + f + 1) / 2), the form of the specification.
            q_slow: (n + f + 1).div_ceil(2),
            slack: (f + c).min((n + 1 - 3 * f - c) / 2),
            fast_path: true,
            mutation: None,
        }
    }

    /// A committee whose members each hold a trusted monotonic-round signer.
    pub(crate) fn hybrid(n: usize, f: usize) -> Self {
        assert!(n > 2 * f, "n >= 2f + 1");
        Self {
            f,
            ..Self::single(n)
        }
    }

    /// A committee whose members only stop.
    pub(crate) fn crash(n: usize, c: usize) -> Self {
        assert!(n > 2 * c, "n >= 2c + 1");
        Self {
            c,
            ..Self::single(n)
        }
    }

    fn single(n: usize) -> Self {
        Self {
            family: Family::Single,
            n,
            f: 0,
            c: 0,
            q: n / 2 + 1,
            q_slow: n / 2 + 1,
            slack: 0,
            fast_path: false,
            mutation: None,
        }
    }

    pub(crate) fn slow_path_only(self) -> Self {
        Self {
            fast_path: false,
            ..self
        }
    }

    pub(crate) fn with(self, mutation: Mutation) -> Self {
        let slack = self.slack + usize::from(mutation == Mutation::LargeSlack);
        Self {
            slack,
            mutation: Some(mutation),
            ..self
        }
    }

    pub(crate) fn has(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    /// True when one more missing vote would break the bound on the fast path's slack, so that
    /// [`Mutation::LargeSlack`] is a bug in this committee.
    pub(crate) fn slack_is_tight(&self) -> bool {
        self.fast_path && 3 * self.f + self.c + 2 * (self.slack + 1) > self.n + 1
    }

    /// Rounds from a slot to its last voting round, inclusive.
    pub(crate) fn wave_s(&self) -> usize {
        if self.family == Family::Single { 2 } else { 3 }
    }

    pub(crate) fn wave_a(&self) -> usize {
        if self.family == Family::Single { 4 } else { 5 }
    }

    /// Votes that commit on the fast path.
    pub(crate) fn q_fast(&self) -> usize {
        self.n - self.slack - self.shortage()
    }

    /// Votes that make a block evidence for a candidate whose twins it has not seen (T1).
    pub(crate) fn evidence_alone(&self) -> usize {
        (self.n - 2 * self.f - self.c).saturating_sub(self.slack)
    }

    /// Votes that make a block evidence for a candidate whose twin it has seen (T2).
    pub(crate) fn evidence_against_twin(&self) -> usize {
        self.evidence_alone() + 1
    }

    /// What a planted bug takes off the quorums of direct commits.
    pub(crate) fn shortage(&self) -> usize {
        usize::from(self.has(Mutation::ShortQuorum))
    }

    /// What a planted bug takes off the quorums of direct skips.
    pub(crate) fn skip_shortage(&self) -> usize {
        usize::from(self.has(Mutation::ShortSkip))
    }

    /// True when a faulty member can sign two blocks of one round.
    pub(crate) fn may_equivocate(&self) -> bool {
        self.family == Family::Arbitrary || self.has(Mutation::BrokenSeal)
    }

    /// True when validity clause V6 is enforced.
    pub(crate) fn excludes_equivocators(&self) -> bool {
        self.family == Family::Arbitrary && !self.has(Mutation::NoExclusion)
    }
}
