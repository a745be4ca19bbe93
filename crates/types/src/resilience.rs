use std::fmt;

use crate::{FastPath, OptimisticBroadcast, SITES_MAX};

/// What a group assumes of its sites: the composite failure model of the blueprint (§2), as data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultModel {
    /// Nothing is trusted: n ≥ 3f + 2c + 1.
    Arbitrary,
    /// Each site has a trusted component that can only crash: n ≥ 2f + 1.
    Hybrid,
    /// Sites only stop: n ≥ 2c + 1.
    Crash,
}

impl fmt::Display for FaultModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Arbitrary => "arbitrary",
            Self::Hybrid => "hybrid",
            Self::Crash => "crash",
        })
    }
}

/// How many of how many sites may fail, and every threshold that follows from it.
///
/// Built once per view; refuses an n that cannot carry f and c. No other code does arithmetic on
/// n, f and c. Source of the thresholds: `protocols.md` §2.0 (row `arbitrary`) and §3.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Resilience {
    model: FaultModel,
    n: usize,
    f: usize,
    c: usize,
}

/// Why a group of this size cannot be built.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResilienceError {
    /// Too few sites for the faults to be tolerated.
    #[error(
        "a group of model `{model}` that tolerates f={f} intruded and c={c} stopped sites needs at least {needed} sites, not {n}"
    )]
    TooFew {
        /// The model asked for.
        model: FaultModel,
        /// The sites offered.
        n: usize,
        /// Arbitrarily faulty sites to be tolerated.
        f: usize,
        /// Further sites that may stop.
        c: usize,
        /// The least n that would do.
        needed: usize,
    },
    /// More sites than a set of sites can hold.
    #[error("a group has at most {SITES_MAX} sites, not {n}")]
    TooMany {
        /// The sites offered.
        n: usize,
    },
    /// The crash row tolerates no intrusion.
    #[error("the `crash` model tolerates no intruded site; use `arbitrary` or `hybrid` for f={f}")]
    IntrusionInCrashModel {
        /// The f asked for.
        f: usize,
    },
    /// Only the arbitrary row has a fast path.
    #[error("the `{model}` model has no fast path: leave `fast_path` off")]
    NoFastPathInModel {
        /// The model asked for.
        model: FaultModel,
    },
    /// Quorums of quorums need not have a member in common.
    #[error("no validated agreement among {n} sites of which {stopped} may stop: too many")]
    NoCandidates {
        /// The sites.
        n: usize,
        /// c.
        stopped: usize,
    },
    /// Only the arbitrary row with f ≥ 1 has a broadcast in two steps.
    #[error("no broadcast in two steps in the `{model}` model, or for f=0")]
    NoOptimisticBroadcast {
        /// The model asked for.
        model: FaultModel,
    },
    /// The thresholds of the fast path would be out of order.
    #[error(
        "no fast path with n={n}, f={f}, c={c}: it would have to do without {slack} votes, which is not between 1 and what the bound n >= 3f + c + 2p - 1 allows; leave `fast_path` off"
    )]
    NoFastPath {
        /// The sites.
        n: usize,
        /// Of which may be arbitrarily faulty.
        f: usize,
        /// And may stop.
        c: usize,
        /// p, the votes a fast commit would lack.
        slack: usize,
    },
}

impl Resilience {
    /// A group of `n` sites of which `f` may be intruded and `c` more may stop.
    ///
    /// # Errors
    /// If `n` cannot carry `f` and `c` under `model`, or exceeds [`SITES_MAX`].
    pub const fn new(
        model: FaultModel,
        n: usize,
        f: usize,
        c: usize,
    ) -> Result<Self, ResilienceError> {
        if n > SITES_MAX || f > SITES_MAX || c > SITES_MAX {
            return Err(ResilienceError::TooMany { n });
        }
        let needed = match model {
            FaultModel::Arbitrary => 3 * f + 2 * c + 1,
            FaultModel::Hybrid => 2 * (f + c) + 1,
            FaultModel::Crash if f > 0 => {
                return Err(ResilienceError::IntrusionInCrashModel { f });
            }
            FaultModel::Crash => 2 * c + 1,
        };
        if n < needed {
            return Err(ResilienceError::TooFew {
                model,
                n,
                f,
                c,
                needed,
            });
        }
        Ok(Self { model, n, f, c })
    }

    /// The largest f that `n` sites carry under `model` (the largest c for `crash`).
    ///
    /// # Errors
    /// For n = 0 or above [`SITES_MAX`].
    pub const fn largest(model: FaultModel, n: usize) -> Result<Self, ResilienceError> {
        let spare = n.saturating_sub(1);
        match model {
            FaultModel::Arbitrary => Self::new(model, n, spare / 3, 0),
            FaultModel::Hybrid => Self::new(model, n, spare / 2, 0),
            FaultModel::Crash => Self::new(model, n, 0, spare / 2),
        }
    }

    /// The model.
    pub const fn model(&self) -> FaultModel {
        self.model
    }

    /// n, the number of sites.
    pub const fn sites(&self) -> usize {
        self.n
    }

    /// f, the number of sites that may be arbitrarily faulty.
    pub const fn intruded_max(&self) -> usize {
        self.f
    }

    /// c, the number of further sites that may stop.
    pub const fn stopped_max(&self) -> usize {
        self.c
    }

    /// f + c: how many sites may be faulty in any way.
    pub const fn faulty_max(&self) -> usize {
        self.f + self.c
    }

    /// q: strong parents of a block, round advance, and what a correct site can always wait for.
    pub const fn quorum(&self) -> usize {
        match self.model {
            FaultModel::Arbitrary => self.n - self.f - self.c,
            FaultModel::Hybrid | FaultModel::Crash => self.n / 2 + 1,
        }
    }

    /// q_sp: the quorum of the S rule's slow path, the least whose pairwise intersection holds a
    /// correct site.
    pub const fn slow_path_quorum(&self) -> usize {
        match self.model {
            FaultModel::Arbitrary => (self.n + self.f + 1).div_ceil(2),
            FaultModel::Hybrid | FaultModel::Crash => self.quorum(),
        }
    }

    /// Whether the model keeps every site from making two blocks of one round: then votes alone
    /// commit, in waves of two rounds with known leaders and of four with the coin's.
    pub const fn has_single_blocks(&self) -> bool {
        matches!(self.model, FaultModel::Hybrid | FaultModel::Crash)
    }

    /// The thresholds of the S rule's fast path (p, q_f, T1, T2).
    ///
    /// # Errors
    /// If the model has none, if no fault is to be tolerated (p < 1), or if the thresholds would
    /// not be in the order that the proofs need.
    pub fn fast_path(&self) -> Result<FastPath, ResilienceError> {
        FastPath::of(*self)
    }

    /// The thresholds of reliable broadcast in two steps.
    ///
    /// # Errors
    /// If the model is another than `arbitrary`, or no intruded site is to be tolerated.
    pub const fn optimistic_broadcast(&self) -> Result<OptimisticBroadcast, ResilienceError> {
        OptimisticBroadcast::of(*self)
    }

    /// That among any q sets of q sites some site is in n − q + 1, and so in one of any other q of
    /// the sets: q² > n(f + c). True for c = 0.
    ///
    /// # Errors
    /// If there are too many that may stop.
    pub const fn has_candidates(&self) -> Result<(), ResilienceError> {
        let quorum = self.quorum();
        if quorum * quorum > self.n * (self.n - quorum) {
            return Ok(());
        }
        Err(ResilienceError::NoCandidates {
            n: self.n,
            stopped: self.c,
        })
    }

    /// 2f + c + 1: of so many that have said something to all, f + 1 are correct and never stop, so
    /// that everybody hears it from at least f + 1.
    pub const fn delivery_quorum(&self) -> usize {
        2 * self.f + self.c + 1
    }

    /// f + 1: at least one of them is correct.
    pub const fn one_correct(&self) -> usize {
        self.f + 1
    }

    /// 2f + 1: a majority of them is correct.
    pub const fn correct_majority(&self) -> usize {
        2 * self.f + 1
    }

    /// How many points of a correct dealer's secret polynomial others may come to know: those of
    /// f intruded sites, and those published for the sites that a quorum leaves behind.
    pub const fn dealt_points_known_max(&self) -> usize {
        self.f + (self.n - self.quorum())
    }

    /// Whether a secret shared among all sites, with q as the threshold, stays secret although its
    /// dealers publish the shares of sites that do not answer.
    pub const fn hides_dealt_secrets(&self) -> bool {
        self.dealt_points_known_max() < self.quorum()
    }

    /// n − q + f + 1: answers a site that lost its log needs from *other* sites before it signs again
    /// (corrections 10 and 11); 2f + c + 1 in the `arbitrary` row. One of them is correct and made
    /// one of the q − 1 other strong parents of the site's last block. Means nothing in the `hybrid`
    /// row, whose quorums need not have such a site: there the trusted component remembers.
    pub const fn amnesia_responders(&self) -> usize {
        self.n - self.quorum() + self.f + 1
    }

    /// T = 4·n·(f+c+1): new blocks a single block's history may bring (correction 7).
    pub const fn novelty_budget(&self) -> usize {
        4 * self.n * (self.f + self.c + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arbitrary(n: usize, f: usize, c: usize) -> Resilience {
        Resilience::new(FaultModel::Arbitrary, n, f, c).unwrap()
    }

    #[test]
    fn thresholds_match_the_table_of_the_specification() {
        // protocols.md §2.0: (n, f, c) → (q, q_sp).
        for (n, f, c, q, q_sp) in [
            (4, 1, 0, 3, 3),
            (7, 2, 0, 5, 5),
            (6, 1, 1, 4, 4),
            (31, 10, 0, 21, 21),
        ] {
            let resilience = arbitrary(n, f, c);
            assert_eq!(
                (resilience.quorum(), resilience.slow_path_quorum()),
                (q, q_sp),
                "n={n}"
            );
        }
    }

    #[test]
    fn refuses_one_site_too_few() {
        for (f, c) in [(0, 0), (1, 0), (1, 1), (2, 0), (10, 0)] {
            let needed = 3 * f + 2 * c + 1;
            assert!(Resilience::new(FaultModel::Arbitrary, needed, f, c).is_ok());
            assert!(matches!(
                Resilience::new(FaultModel::Arbitrary, needed - 1, f, c),
                Err(ResilienceError::TooFew { .. })
            ));
        }
        assert!(Resilience::new(FaultModel::Hybrid, 2, 1, 0).is_err());
        assert!(Resilience::new(FaultModel::Crash, 3, 1, 0).is_err());
        assert!(Resilience::new(FaultModel::Arbitrary, 65, 1, 0).is_err());
        assert!(Resilience::largest(FaultModel::Arbitrary, 0).is_err());
    }

    #[test]
    fn c22_any_two_quorums_meet_in_a_correct_site_at_every_size() {
        // Every size that a group may have, and every f that it carries, none included.
        for n in 1..=crate::SITES_MAX {
            for f in 0..=(n - 1) / 3 {
                let resilience = arbitrary(n, f, 0);
                let (q, q_sp) = (resilience.quorum(), resilience.slow_path_quorum());
                // The least that two sets of so many have in common, and how many of n answer.
                assert!(2 * q_sp - n > f && 2 * q - n > f, "n={n} f={f}");
                assert!(q_sp <= q && q <= n - f, "n={n} f={f}");
            }
        }
    }

    #[test]
    fn rows_without_twins_have_majorities_at_every_size() {
        for n in 1..=crate::SITES_MAX {
            for faulty in 0..=(n - 1) / 2 {
                let hybrid = Resilience::new(FaultModel::Hybrid, n, faulty, 0).unwrap();
                let crash = Resilience::new(FaultModel::Crash, n, 0, faulty).unwrap();
                for row in [hybrid, crash] {
                    let q = row.quorum();
                    assert!(row.has_single_blocks() && q > faulty, "n={n}");
                    assert!(2 * q > n && q <= n - faulty, "n={n} faulty={faulty}");
                }
                assert_eq!(hybrid.one_correct(), faulty + 1, "replies to a client");
                assert_eq!(crash.one_correct(), 1);
            }
        }
        assert!(!arbitrary(4, 1, 0).has_single_blocks());
    }

    #[test]
    fn each_row_refuses_one_site_too_few() {
        let refused = |model, n, f, c| match Resilience::new(model, n, f, c) {
            Err(ResilienceError::TooFew { needed, .. }) => Some(needed),
            _ => None,
        };
        for (f, c) in [(1, 0), (0, 1), (2, 0), (1, 1), (3, 2)] {
            let needed = 2 * (f + c) + 1;
            assert_eq!(refused(FaultModel::Hybrid, needed, f, c), None);
            assert_eq!(refused(FaultModel::Hybrid, needed - 1, f, c), Some(needed));
        }
        for c in 1..8 {
            assert_eq!(refused(FaultModel::Crash, 2 * c + 1, 0, c), None);
            assert_eq!(refused(FaultModel::Crash, 2 * c, 0, c), Some(2 * c + 1));
        }
        let intruded = Resilience::new(FaultModel::Crash, 9, 1, 1);
        assert_eq!(
            intruded,
            Err(ResilienceError::IntrusionInCrashModel { f: 1 })
        );
    }

    #[test]
    fn answers_after_amnesia_meet_a_correct_parent_and_can_be_had() {
        let rows = (1..=31).flat_map(|n| {
            let crash = (0..=(n - 1) / 2).map(move |c| (FaultModel::Crash, n, 0, c));
            let arbitrary = (0..=(n - 1) / 3).flat_map(move |f| {
                let most = (n - 1 - 3 * f) / 2;
                (0..=most).map(move |c| (FaultModel::Arbitrary, n, f, c))
            });
            crash.chain(arbitrary)
        });
        for (model, n, f, c) in rows.filter(|(.., f, c)| f + c > 0) {
            let row = Resilience::new(model, n, f, c).unwrap();
            let (others, answers) = (n - 1, row.amnesia_responders());
            let correct_parents = row.quorum() - 1 - f.min(row.quorum() - 1);
            assert!(correct_parents + answers > others, "{row:?}");
            // The site itself is one of the faulty.
            assert!(answers <= others - (f + c - 1), "{row:?}");
        }
        assert_eq!(arbitrary(7, 2, 0).amnesia_responders(), 5, "2f + c + 1");
        assert_eq!(arbitrary(8, 1, 2).amnesia_responders(), 5);
    }

    #[test]
    fn secrets_dealt_at_quorum_are_hidden_where_fewer_than_a_third_may_be_intruded() {
        for n in 1..=64 {
            assert!(
                Resilience::largest(FaultModel::Arbitrary, n)
                    .unwrap()
                    .hides_dealt_secrets(),
                "n={n}"
            );
            let hybrid = Resilience::largest(FaultModel::Hybrid, n).unwrap();
            let few = n > 3 * hybrid.intruded_max();
            assert_eq!(hybrid.hides_dealt_secrets(), few, "n={n}");
        }
        assert_eq!(arbitrary(6, 1, 1).dealt_points_known_max(), 3);
        assert_eq!(arbitrary(6, 1, 1).quorum(), 4);
    }

    #[test]
    fn quorums_of_quorums_overlap_where_few_stop() {
        for n in 1..=64 {
            let largest = Resilience::largest(FaultModel::Arbitrary, n).unwrap();
            assert_eq!(largest.has_candidates(), Ok(()), "n={n}");
        }
        assert_eq!(arbitrary(6, 1, 1).has_candidates(), Ok(()));
        assert!(arbitrary(13, 2, 3).has_candidates().is_err());
    }

    #[test]
    fn correction_7_novelty_budget_is_positive_without_faults() {
        assert_eq!(arbitrary(1, 0, 0).novelty_budget(), 4);
        assert_eq!(arbitrary(4, 1, 0).novelty_budget(), 32);
    }
}
