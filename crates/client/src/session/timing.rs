use maftia_types::Duration;

/// How patient a session is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timing {
    /// A request without an outcome after this long gets [`crate::Outcome::Unknown`].
    pub deadline: Duration,
    /// The first wait before asking again, until latencies have been measured.
    pub retry_start: Duration,
    /// The least wait: below it, a passing delay would double the load.
    pub retry_min: Duration,
    /// The longest wait.
    pub retry_max: Duration,
    /// A session that had nothing to do for this long starts over in a new incarnation: the sites
    /// may have closed the old one. Far below their limit of an hour.
    pub idle_max: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(10),
            retry_start: Duration::from_millis(300),
            retry_min: Duration::from_millis(100),
            retry_max: Duration::from_secs(2),
            idle_max: Duration::from_secs(600),
        }
    }
}

/// A wait is this many times the usual latency: seldom passed by a group that works.
const RETRY_LATENCIES: u64 = 4;

/// The smoothed latency of requests.
#[derive(Debug, Default)]
pub(super) struct Latency(Option<Duration>);

impl Latency {
    /// Moves an eighth of the way to the sample, as TCP does.
    pub(super) fn sample(&mut self, sample: Duration) {
        self.0 = Some(match self.0 {
            None => sample,
            Some(old) => old.times(7).over(8) + sample.over(8),
        });
    }

    /// How long to wait before asking for the `attempts`-th time again.
    pub(super) fn wait(&self, timing: &Timing, attempts: u32) -> Duration {
        let usual = self.0.map_or(timing.retry_start, |latency| {
            latency.times(RETRY_LATENCIES).max(timing.retry_min)
        });
        let factor = 1u64.checked_shl(attempts).unwrap_or(u64::MAX);
        usual.times(factor).min(timing.retry_max)
    }
}
