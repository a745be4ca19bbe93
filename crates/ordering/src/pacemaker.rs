use maftia_types::{Duration, Round, Time};

use crate::parameters::Pacing;

/// Slots after which Δ decays.
const DECAY_SLOTS: u64 = 64;
/// C1′ waits a fifth of a round's time for blocks beyond a quorum: what is included later costs its
/// author a round, what is waited for costs everybody.
const GATHERING_DIVISOR: u64 = 5;
/// Each period without an own block is twice as long as the one before, this many times: asking
/// again must not fill the links that are the reason for the stall.
const STALLS_MAX: u32 = 4;

/// When to make the next block (`protocols.md` §2.5). Holds time only; safety reads none of it.
#[derive(Clone, Debug)]
pub(crate) struct Pacemaker {
    pacing: Pacing,
    delta: Duration,
    undecided_at_timeout: u8,
    decayed_at: Round,
    entered: Option<(Round, Time)>,
    /// How long rounds take, on average.
    round_time: Duration,
    last_created: Option<Time>,
    create_at: Option<Time>,
    stalled_at: Option<Time>,
    /// Periods in a row without an own block.
    stalls: u32,
}

/// What the engine knows about the round it is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Readiness {
    /// A1 does not hold: there are no legal parents yet.
    NoParents,
    /// Parents are there and nothing is pending anywhere.
    Idle,
    /// Parents are there, there is work, and the leaders are still worth waiting for.
    Waiting,
    /// C1′: parents are there, there is work, and no leader is known: some more may come in.
    Gathering,
    /// C1, C3 or the pacing override: make it.
    Ready,
}

impl Pacemaker {
    pub(crate) const fn new(pacing: Pacing) -> Self {
        Self {
            pacing,
            delta: pacing.delta_start,
            undecided_at_timeout: 0,
            decayed_at: Round(0),
            entered: None,
            round_time: Duration::ZERO,
            last_created: None,
            create_at: None,
            stalled_at: None,
            stalls: 0,
        }
    }

    /// Plans the creation of the block of `round`.
    pub(crate) fn plan(&mut self, now: Time, round: Round, readiness: Readiness, pending: bool) {
        if readiness == Readiness::NoParents {
            self.create_at = None;
        } else {
            let entered = match self.entered {
                Some((entered, at)) if entered == round => at,
                before => {
                    if let Some((_, at)) = before {
                        let latest = now.since(at).min(self.delta);
                        self.round_time = (self.round_time.times(7) + latest).over(8);
                    }
                    self.entered = Some((round, now));
                    now
                }
            };
            let at = match readiness {
                Readiness::NoParents | Readiness::Ready => now,
                Readiness::Waiting => entered + self.timeout(),
                Readiness::Gathering => entered + self.round_time.over(GATHERING_DIVISOR),
                Readiness::Idle => entered + self.pacing.idle_interval,
            };
            let gathered = self
                .last_created
                .map(|last| last + self.pacing.block_interval_min);
            self.create_at = Some(gathered.map_or(at, |gathered| at.max(gathered)));
        }
        let patience = self.patience(pending);
        if self.stalled_at.is_none_or(|at| at > now + patience) {
            self.stalled_at = Some(now + patience);
        }
    }

    /// Notes that a block was made.
    pub(crate) fn created(&mut self, now: Time) {
        self.last_created = Some(now);
        self.create_at = None;
        self.stalled_at = None;
        self.stalls = 0;
    }

    /// Whether the block is due.
    pub(crate) fn is_due(&self, now: Time) -> bool {
        self.create_at.is_some_and(|at| at <= now)
    }

    /// Whether a whole period has passed without an own block; asking
    /// ends the period; planning starts the next.
    pub(crate) fn has_stalled(&mut self, now: Time) -> bool {
        let stalled = self.stalled_at.is_some_and(|at| at <= now);
        if stalled {
            self.stalled_at = None;
            self.stalls = (self.stalls + 1).min(STALLS_MAX);
        }
        stalled
    }

    /// Notes whether the slot that a timeout waited for was undecided: two in a row double Δ.
    pub(crate) fn timed_out(&mut self, undecided: bool) {
        self.undecided_at_timeout = if undecided {
            self.undecided_at_timeout + 1
        } else {
            0
        };
        if self.undecided_at_timeout >= 2 {
            self.undecided_at_timeout = 0;
            self.delta = self.delta.times(2).min(self.pacing.delta_max);
        }
    }

    /// Notes progress: Δ decays by a tenth per 64 settled slots.
    pub(crate) fn settled(&mut self, settled: Round) {
        if settled.0 >= self.decayed_at.0 + DECAY_SLOTS {
            self.decayed_at = settled;
            self.delta = self.delta.times(9).over(10).max(self.pacing.delta_min);
        }
    }

    pub(crate) fn next_timeout(&self) -> Option<Time> {
        [self.create_at, self.stalled_at]
            .into_iter()
            .flatten()
            .min()
    }

    /// 2Δ.
    pub(crate) const fn timeout(&self) -> Duration {
        self.delta.times(2)
    }

    fn patience(&self, pending: bool) -> Duration {
        let idle = if pending {
            Duration::ZERO
        } else {
            self.pacing.idle_interval
        };
        self.timeout().times(1 << self.stalls) + idle
    }
}
