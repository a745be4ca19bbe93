use crate::{FaultModel, Resilience, ResilienceError};

/// The thresholds of the S rule's fast path: a leader is final once almost all vote for it, two
/// message delays after it was sent.
///
/// A value exists only where the path is sound. Source: `protocols.md` §2.0, after FinWhale, with
/// stopped sites derived there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FastPath {
    resilience: Resilience,
    slack: usize,
}

impl FastPath {
    pub(crate) fn of(resilience: Resilience) -> Result<Self, ResilienceError> {
        let (n, f, c) = (
            resilience.sites(),
            resilience.intruded_max(),
            resilience.stopped_max(),
        );
        let spare = (n + 1).saturating_sub(3 * f + c) / 2;
        Self::with_slack(resilience, resilience.faulty_max().min(spare))
    }

    fn with_slack(resilience: Resilience, slack: usize) -> Result<Self, ResilienceError> {
        if resilience.model() != FaultModel::Arbitrary {
            return Err(ResilienceError::NoFastPathInModel {
                model: resilience.model(),
            });
        }
        let (n, f, c) = (
            resilience.sites(),
            resilience.intruded_max(),
            resilience.stopped_max(),
        );
        let fast_path = Self { resilience, slack };
        if slack < 1 || !fast_path.is_ordered() {
            return Err(ResilienceError::NoFastPath { n, f, c, slack });
        }
        Ok(fast_path)
    }

    /// What the proof of each clause needs of the thresholds.
    fn is_ordered(&self) -> bool {
        let Self { resilience, slack } = *self;
        let (n, f, c) = (
            resilience.sites(),
            resilience.intruded_max(),
            resilience.stopped_max(),
        );
        let slow = resilience.slow_path_quorum();
        // T1 ≥ 1: a block that saw no vote is no evidence.
        n > 2 * f + c + slack
            // A twin of a fast commit is backed by fewer than T2 of a block's parents.
            && slack + f < self.evidence_against_twin() + 1
            // Non-voters of a fast commit and those of a skip would share a correct site.
            && slack + f < slow
            // A fast commit has all the votes of a slow one.
            && self.quorum() >= slow
            // With every faulty site silent the slow path remains, and p = f + c is the most that
            // can be of use.
            && slack <= resilience.faulty_max()
    }

    /// p: votes that a fast commit may lack.
    pub const fn slack(&self) -> usize {
        self.slack
    }

    /// q_f = n − p: votes that commit at once.
    pub const fn quorum(&self) -> usize {
        self.resilience.sites() - self.slack
    }

    /// T1 = n − 2f − c − p: votes among a block's parents that make it evidence for a leader's
    /// block, where it has seen no twin. After a fast commit each block of the round after next has
    /// that many correct voters among any q parents.
    pub const fn evidence_alone(&self) -> usize {
        let Self { resilience, slack } = self;
        resilience.sites() - 2 * resilience.intruded_max() - resilience.stopped_max() - *slack
    }

    /// T2 = T1 + 1: the same where it has seen a twin, and therefore cites no block of the leader
    /// (V6).
    pub const fn evidence_against_twin(&self) -> usize {
        self.evidence_alone() + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(n: usize, f: usize, c: usize) -> Result<FastPath, ResilienceError> {
        Resilience::new(FaultModel::Arbitrary, n, f, c)
            .unwrap()
            .fast_path()
    }

    #[test]
    fn thresholds_match_the_table_of_the_specification() {
        // protocols.md §2.0: (n, f, c) → (p, q_f, T1, T2).
        for (n, f, c, p, q_f, t1, t2) in [
            (4, 1, 0, 1, 3, 1, 2),
            (7, 2, 0, 1, 6, 2, 3),
            (6, 1, 1, 1, 5, 2, 3),
            (10, 3, 0, 1, 9, 3, 4),
            (31, 10, 0, 1, 30, 10, 11),
            (8, 1, 2, 2, 6, 2, 3),
        ] {
            let fast = of(n, f, c).unwrap();
            let found = (
                fast.slack(),
                fast.quorum(),
                fast.evidence_alone(),
                fast.evidence_against_twin(),
            );
            assert_eq!(found, (p, q_f, t1, t2), "n={n} f={f} c={c}");
        }
    }

    #[test]
    fn one_missing_vote_more_than_the_bound_is_refused() {
        for (n, f, c) in [(4, 1, 0), (7, 2, 0), (10, 3, 0), (6, 1, 1), (31, 10, 0)] {
            let resilience = Resilience::new(FaultModel::Arbitrary, n, f, c).unwrap();
            let slack = of(n, f, c).unwrap().slack();
            assert!(FastPath::with_slack(resilience, slack).is_ok());
            assert!(
                FastPath::with_slack(resilience, slack + 1).is_err(),
                "n={n}"
            );
            assert!(FastPath::with_slack(resilience, 0).is_err());
        }
    }

    #[test]
    fn every_group_that_expects_a_fault_carries_it_and_no_other() {
        for n in 1..=64 {
            for f in 0..=(n - 1) / 3 {
                for c in 0..=(n - 1 - 3 * f) / 2 {
                    assert_eq!(of(n, f, c).is_ok(), f + c > 0, "n={n} f={f} c={c}");
                }
            }
        }
    }

    #[test]
    fn groups_of_other_models_are_refused() {
        for model in [FaultModel::Hybrid, FaultModel::Crash] {
            let refused = Resilience::largest(model, 5).unwrap().fast_path();
            assert_eq!(
                refused,
                Err(ResilienceError::NoFastPathInModel { model }),
                "{model}"
            );
        }
    }
}
