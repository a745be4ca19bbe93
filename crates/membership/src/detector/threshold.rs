use maftia_types::Duration;

/// Fixed point: eight binary digits behind the point.
const POINT: u32 = 8;
/// A new sample weighs a sixteenth: about the last forty blocks decide.
const WEIGHT_SHIFT: u32 = 4;
/// How many standard deviations above the mean are still normal (`protocols.md` §5.2).
const DEVIATIONS: u64 = 4;
/// Most doublings: more would only hide a site that comes and goes on purpose.
const DOUBLINGS_MAX: u32 = 6;

/// Bounds of a [`Threshold`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Rounds that anybody may be behind.
    pub rounds_min: u64,
    /// Rounds behind which anybody is suspected. At least `rounds_min`.
    pub rounds_max: u64,
    /// Time that anybody may be behind: many rounds pass in one pause of a scheduler.
    pub patience: Duration,
    /// The longest patience, however often suspicion was wrong. At least `patience`.
    pub patience_max: Duration,
    /// One doubling is forgotten after this long without another.
    pub decay: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            rounds_min: 4,
            rounds_max: 256,
            patience: Duration::from_secs(3),
            patience_max: Duration::from_secs(60),
            decay: Duration::from_secs(300),
        }
    }
}

/// How far behind one site may be: mean + 4σ of how far behind its blocks came, in integer
/// arithmetic, doubled with each suspicion that proved wrong.
///
/// Mean and variance are exponentially weighted. A sample counts for at most twice the threshold,
/// so that one long outage teaches nothing lasting, while a site that is slow for good moves it
/// geometrically.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Threshold {
    bounds: Bounds,
    /// Rounds, fixed point.
    mean: u64,
    /// Rounds squared, fixed point twice.
    variance: u64,
    doublings: u32,
}

impl Threshold {
    /// Nothing observed yet: the least threshold.
    pub const fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            mean: 0,
            variance: 0,
            doublings: 0,
        }
    }

    /// A block came that was this many rounds behind.
    pub fn sample(&mut self, rounds: u64) {
        let most = self.rounds().saturating_mul(2);
        let sample = rounds.min(most) << POINT;
        let off = sample.abs_diff(self.mean);
        let step = off >> WEIGHT_SHIFT;
        self.mean = if sample >= self.mean {
            self.mean + step
        } else {
            self.mean - step
        };
        // West's incremental form: (1 − w)(variance + w·off²).
        let spread = self.variance + off * step;
        self.variance = spread - (spread >> WEIGHT_SHIFT);
    }

    /// A suspicion proved wrong.
    pub const fn double(&mut self) {
        if self.doublings < DOUBLINGS_MAX {
            self.doublings += 1;
        }
    }

    /// Forgets one doubling.
    pub const fn decay(&mut self) {
        self.doublings = self.doublings.saturating_sub(1);
    }

    /// Whether there is a doubling to forget.
    pub const fn is_doubled(&self) -> bool {
        self.doublings > 0
    }

    /// The rounds a site may be behind: within `rounds_min` and `rounds_max`.
    pub fn rounds(&self) -> u64 {
        let learnt = self.mean + DEVIATIONS * self.variance.isqrt();
        let learnt = learnt.div_ceil(1 << POINT).max(self.bounds.rounds_min);
        (learnt << self.doublings).min(self.bounds.rounds_max)
    }

    /// How long a site may be behind by more than [`Self::rounds`].
    pub fn patience(&self) -> Duration {
        let doubled = self.bounds.patience.times(1 << self.doublings);
        doubled.min(self.bounds.patience_max)
    }

    /// The bounds it was made with.
    pub const fn bounds(&self) -> &Bounds {
        &self.bounds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn threshold() -> Threshold {
        Threshold::new(Bounds::default())
    }

    #[test]
    fn a_site_that_is_always_as_late_moves_the_threshold_above_it() {
        for late in [0, 1, 5, 17, 63, 127, 255] {
            let mut threshold = threshold();
            for _ in 0..200 {
                threshold.sample(late);
            }
            assert!(threshold.rounds() >= late, "{late}");
        }
    }

    #[test]
    fn the_threshold_is_mean_and_four_deviations() {
        let mut steady = threshold();
        (0..1000).for_each(|_| steady.sample(20));
        assert!((20..=22).contains(&steady.rounds()), "{}", steady.rounds());
        let mut uneven = threshold();
        (0..1000).for_each(|i| uneven.sample(if i % 2 == 0 { 10 } else { 30 }));
        assert!((56..=64).contains(&uneven.rounds()), "{}", uneven.rounds());
    }

    #[test]
    fn one_long_outage_counts_for_twice_the_threshold_at_most() {
        let mut threshold = threshold();
        threshold.sample(u64::MAX);
        assert!(threshold.rounds() <= 10, "{}", threshold.rounds());
    }

    #[test]
    fn doubles_up_to_the_bounds_and_back() {
        let mut threshold = threshold();
        assert_eq!(
            (threshold.rounds(), threshold.patience()),
            (4, Duration::from_secs(3))
        );
        threshold.double();
        assert_eq!(
            (threshold.rounds(), threshold.patience()),
            (8, Duration::from_secs(6))
        );
        (0..100).for_each(|_| threshold.double());
        assert_eq!(
            (threshold.rounds(), threshold.patience()),
            (256, Duration::from_secs(60))
        );
        assert!(threshold.is_doubled());
        (0..100).for_each(|_| threshold.decay());
        assert_eq!(
            (threshold.rounds(), threshold.patience()),
            (4, Duration::from_secs(3))
        );
        assert!(!threshold.is_doubled());
    }

    #[test]
    fn no_sample_makes_the_arithmetic_overflow() {
        let mut threshold = threshold();
        (0..100).for_each(|_| threshold.double());
        for i in 0..10_000_u64 {
            threshold.sample(if i % 3 == 0 { 0 } else { u64::MAX });
            assert!(threshold.rounds() <= 256);
        }
    }
}
