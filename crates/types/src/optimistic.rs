use crate::{FaultModel, Resilience, ResilienceError};

/// The thresholds of reliable broadcast in two steps, all counted over the sites that are not the
/// sender ([SYKLNW25 §3]; those with stopped sites are derived here).
///
/// A value exists only where the rule is sound: in the arbitrary model, for f ≥ 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OptimisticBroadcast {
    resilience: Resilience,
}

impl OptimisticBroadcast {
    pub(crate) const fn of(resilience: Resilience) -> Result<Self, ResilienceError> {
        match resilience.model() {
            FaultModel::Arbitrary if resilience.intruded_max() > 0 => Ok(Self { resilience }),
            model => Err(ResilienceError::NoOptimisticBroadcast { model }),
        }
    }

    /// ⌈n/2⌉ echoes: vote. Two values cannot both have that many once one has been delivered.
    pub const fn vote(&self) -> usize {
        self.resilience.sites().div_ceil(2)
    }

    /// ⌈(n+f−1)/2⌉ votes: ready. Two such quorums of n − 1 sites, of which f − 1 are intruded if
    /// the sender is, share a correct one.
    pub const fn ready(&self) -> usize {
        (self.resilience.sites() + self.resilience.intruded_max() - 1).div_ceil(2)
    }

    /// ⌈(n+2f−2)/2⌉ + c echoes: deliver. Less f − 1 intruded and c stopped ones, [`Self::vote`]
    /// are left that everybody will have.
    pub const fn deliver(&self) -> usize {
        let r = &self.resilience;
        (r.sites() + 2 * r.intruded_max() - 2).div_ceil(2) + r.stopped_max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_proofs_need_holds_for_every_group() {
        for n in 4..=64_usize {
            for f in 1..=(n - 1) / 3 {
                for c in 0..=(n - 1 - 3 * f) / 2 {
                    let resilience = Resilience::new(FaultModel::Arbitrary, n, f, c).unwrap();
                    let of = resilience.optimistic_broadcast().unwrap();
                    let text = format!("n={n} f={f} c={c}");
                    // All correct sites but an intruded, or a correct, sender reach each threshold.
                    assert!(
                        n - f - c >= of.ready() && n - 1 - f - c >= of.ready(),
                        "{text}"
                    );
                    assert!(n - 1 - f - c >= of.vote() && of.deliver() < n, "{text}");
                    // What one delivers in two steps, all vote for, and nobody for anything else.
                    assert!(of.deliver() - (f - 1) - c >= of.vote(), "{text}");
                    let others = (n - f) - (of.deliver() - (f - 1));
                    assert!(others + (f - 1) < of.vote(), "{text}");
                    // Two values cannot both become ready.
                    assert!(2 * of.ready() > (n - 1) + (f - 1), "{text}");
                    // No value but a correct sender's.
                    assert!(of.vote() > f && of.ready() > f, "{text}");
                }
            }
        }
    }

    #[test]
    fn four_sites_deliver_at_two_echoes() {
        let four = Resilience::new(FaultModel::Arbitrary, 4, 1, 0).unwrap();
        let of = four.optimistic_broadcast().unwrap();
        assert_eq!((of.vote(), of.ready(), of.deliver()), (2, 2, 2));
        assert_eq!(four.delivery_quorum(), 3);
    }

    #[test]
    fn none_without_an_intruder_or_in_another_model() {
        let single = Resilience::new(FaultModel::Arbitrary, 3, 0, 1).unwrap();
        assert!(single.optimistic_broadcast().is_err());
        let hybrid = Resilience::largest(FaultModel::Hybrid, 5).unwrap();
        assert!(hybrid.optimistic_broadcast().is_err());
    }
}
