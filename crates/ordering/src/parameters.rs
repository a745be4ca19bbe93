use maftia_types::{Digest, Duration, Epoch, FaultModel, Resilience, Round};

use crate::coin::Coin;
use crate::committer::Committer;
use crate::control::{Control, ControlState};
use crate::linearizer::Frontier;
use crate::modes::Modes;
use crate::rule::{Mode, Rule};
use crate::schedule::Schedule;
use crate::seal::Seals;

/// The longest interval between two judgements on the mode: three of them are the longest stall.
const INTERVAL_MAX: u64 = 16;

/// The longest payload of one block: twice the largest value, so that one request always fits.
pub const PAYLOAD_BYTES_MAX: usize = 2 * 1024 * 1024 + 64 * 1024;

/// Constants of an epoch, equal at all its members and covered by `config`.
#[derive(Clone, Debug)]
pub struct Parameters {
    /// Digest of the group's whole configuration, these constants included. Blocks of another
    /// configuration are invalid (V1).
    pub config: Digest,
    /// The epoch.
    pub epoch: Epoch,
    /// n, f, c and every threshold.
    pub resilience: Resilience,
    /// Whether almost all votes commit a leader at once. Only where `resilience` carries it
    /// ([`Resilience::fast_path`]).
    pub fast_path: bool,
    /// Whether slots are led by the coin. Its key is this site's own; all else is equal at all.
    pub asynchronous: Asynchronous,
    /// The trusted devices of the row `hybrid`; none in the others. This site's own is its own; the
    /// list of them is equal at all.
    pub seals: Option<Seals>,
    /// D_gc in rounds: a block that is this far below a committing leader and undelivered is
    /// dropped by everybody at the same commit. Even, at least 4.
    pub delivery_depth: u64,
    /// When a commit is a checkpoint.
    pub checkpoints: CheckpointPolicy,
    /// When to hurry and when to wait. Not part of any validity rule.
    pub pacing: Pacing,
}

/// Whether slots are decided by the A rule, which no scheduler can stop.
#[derive(Clone, Debug, Default)]
pub enum Asynchronous {
    /// Never: known leaders only. Needs no key.
    #[default]
    Never,
    /// While known leaders do not do: agreed for each interval of rounds by the control chain.
    Auto(Coin),
    /// Always: two message delays slower than known leaders in good times.
    Always(Coin),
}

impl Asynchronous {
    /// Whether the epoch has a coin.
    pub const fn has_coin(&self) -> bool {
        self.coin().is_some()
    }

    /// The coin.
    pub const fn coin(&self) -> Option<&Coin> {
        match self {
            Self::Never => None,
            Self::Auto(coin) | Self::Always(coin) => Some(coin),
        }
    }

    /// With another handle to the same coin.
    pub(crate) fn exchange(&mut self, with: &Coin) {
        match self {
            Self::Never => {}
            Self::Auto(coin) | Self::Always(coin) => coin.clone_from(with),
        }
    }
}

/// A commit is a checkpoint if any of these has been reached since the last one. A function of the
/// log alone, so that all sites vote for the same ones (correction 13).
#[derive(Clone, Copy, Debug)]
pub struct CheckpointPolicy {
    /// K: every this many commits.
    pub commits: u64,
    /// T: after this much commit time, in milliseconds.
    pub time_ms: u64,
    /// After this many delivered payload bytes.
    pub payload_bytes: u64,
}

impl Default for CheckpointPolicy {
    fn default() -> Self {
        Self {
            commits: 1024,
            time_ms: 10_000,
            payload_bytes: 32 * 1024 * 1024,
        }
    }
}

/// Local timing. Safety reads none of it.
#[derive(Clone, Copy, Debug)]
pub struct Pacing {
    /// How long a block is held back when nothing is pending anywhere.
    pub idle_interval: Duration,
    /// Least time between two own blocks while there is work: lets requests gather.
    pub block_interval_min: Duration,
    /// First value of Δ, the assumed bound on a message delay; the round timeout is 2Δ.
    pub delta_start: Duration,
    /// Least value of Δ.
    pub delta_min: Duration,
    /// Largest value of Δ.
    pub delta_max: Duration,
    /// How long to wait for a block that is probably on its way before fetching it.
    pub fetch_delay: Duration,
}

impl Default for Pacing {
    fn default() -> Self {
        Self {
            idle_interval: Duration::from_secs(1),
            block_interval_min: Duration::ZERO,
            delta_start: Duration::from_millis(40),
            delta_min: Duration::from_millis(20),
            delta_max: Duration::from_secs(5),
            fetch_delay: Duration::from_millis(5),
        }
    }
}

impl Parameters {
    /// The decision rule of the epoch.
    ///
    /// # Panics
    /// If the fast path is on in a group that does not carry it.
    pub fn rule(&self) -> Rule {
        Rule::new(self.resilience, self.fast_path)
            .expect("a configuration whose size carries no fast path is refused before it is used")
    }

    /// Whether there is a device for each site in the row `hybrid`, and none in the others.
    pub fn has_fitting_seals(&self) -> bool {
        let devices = self.seals.as_ref().map(Seals::len);
        let sites = self.resilience.sites();
        devices == (self.resilience.model() == FaultModel::Hybrid).then_some(sites)
    }

    /// The committer of the epoch, above a frontier.
    pub(crate) fn committer(&self, frontier: &Frontier) -> Committer {
        let sites = self.resilience.sites();
        let schedule = Schedule::permuted(self.config, self.epoch, sites);
        let committer = Committer::new(self.rule(), schedule, frontier.settled);
        match &self.asynchronous {
            Asynchronous::Never => committer,
            Asynchronous::Auto(_) => {
                let control = frontier.control.as_deref().cloned();
                let control = control.unwrap_or_else(ControlState::start);
                let length = self.interval();
                let mut committer = committer.with_modes(Modes::by_interval(length));
                for (interval, mode) in control.modes() {
                    committer.learn_mode(interval, mode);
                }
                for (interval, leaders) in control.leaders() {
                    committer.learn_leaders(*interval, length, *leaders);
                }
                committer
            }
            Asynchronous::Always(_) => committer.with_modes(Modes::all(Mode::A)),
        }
    }

    /// The control chain, if there is one, from a state or from the beginning.
    pub(crate) fn control(&self, state: Option<&ControlState>) -> Option<Control> {
        let Asynchronous::Auto(_) = self.asynchronous else {
            return None;
        };
        let sites = self.resilience.sites();
        let schedule = Schedule::permuted(self.config, self.epoch, sites);
        let state = state.cloned().unwrap_or_else(ControlState::start);
        Some(Control::new(
            (self.rule(), sites),
            schedule,
            self.interval(),
            state,
        ))
    }

    /// I: rounds of an interval. At most 2/5 of D_gc, so that five of them are never more than what
    /// is held below the settled prefix (correction 3).
    pub fn interval(&self) -> u64 {
        INTERVAL_MAX.min(2 * self.delivery_depth / 5).max(1)
    }

    /// The interval of a round; that of none is the first.
    pub(crate) fn interval_of(&self, round: Round) -> u64 {
        round.0.saturating_sub(1) / self.interval()
    }

    /// Which rule rules a slot, by the control state from which it is decided.
    pub(crate) fn mode(&self, slot: Round, control: Option<&ControlState>) -> Mode {
        let agreed = || control.and_then(|own| own.mode(self.interval_of(slot)));
        match self.asynchronous {
            Asynchronous::Never => Mode::S,
            Asynchronous::Auto(_) => agreed().unwrap_or(Mode::S),
            Asynchronous::Always(_) => Mode::A,
        }
    }

    /// D_ref = D_gc / 2: the deepest parent a block may have (V8, correction 5).
    pub const fn reference_depth(&self) -> u64 {
        self.delivery_depth / 2
    }

    /// The acceptance horizon for a settled frontier: parents at or below it are neither fetched
    /// nor checked. The same formula at every member, whatever it retains (correction 5).
    pub const fn acceptance_horizon(&self, settled: Round) -> Option<Round> {
        match settled.0.checked_sub(2 * self.delivery_depth) {
            Some(round) => Some(Round(round)),
            None => None,
        }
    }

    /// The delivery cut of a commit whose leader is at `leader`: undelivered blocks at or below it
    /// are dropped.
    pub const fn delivery_cut(&self, leader: Round) -> Round {
        leader.minus(self.delivery_depth)
    }

    /// How far behind the tip a member is before it skips the rounds it missed. At most f + c
    /// members can be that far behind at once, because the tip moves only with a quorum.
    pub const fn returning_lag(&self) -> u64 {
        self.reference_depth() / 2
    }
}
