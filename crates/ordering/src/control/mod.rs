//! The control chain and the mode rule: which rule decides which interval, agreed without a message
//! (`protocols.md` §2.7 with corrections 3 and 4).
//!
//! # Guarantees
//! - *Agreement*: any two sites that know an interval's mode know the same, and lead its S slots in
//!   the same order.
//! - *Liveness*, with probability 1 under any scheduler: if the S rule settles nothing, the A rule
//!   takes over within three intervals, and gives back what the network lets it.
//!
//! # Model
//! That of the rules; the coin hides each round's leader until a quorum has come to the round that
//! reveals it.
//!
//! # Intuition
//! Every round is also a slot of a second log that is never delivered, the *control chain*: it is
//! decided by the A rule alone, so no scheduler can stop it, and reads nothing of what it governs.
//! The first block that it commits in an interval is the interval's *anchor*. What the anchor's
//! history shows, all who know the anchor see alike: how far output had come, and whether known
//! leaders would have done. That decides a mode two intervals ahead of what it judges, early enough
//! for all to know it in time.
//!
//! # Messages
//! None.
//!
//! # Rules
//! Interval j is the rounds jI + 1 to (j + 1)I. Modes of 0 and 1: S, or that with which the epoch
//! before has ended, whose failovers, run of A and leaders hold on too ([`Inherited`]).
//! 1. anchor(j): the first block of interval j that the chain commits; none if it skips them all.
//! 2. prefix(j): where the settled prefix ends in the history of anchor(j), under the modes known by
//!    then; never less than before. Without an anchor: as before.
//! 3. mode(j + 1), upon anchor(j): from S, S if there is *progress*: prefix(j) has passed the middle
//!    of interval j − 1, and 1 of 4 slots of interval j − 1 would be committed directly by S in that
//!    history. From A, S if there is progress, *health*, and A has lasted: 4 of 5 of these slots would
//!    be decided so, and the run of A is at least 2^failovers intervals, 16 at most. Else A, also
//!    without an anchor.
//! 4. The S leaders of interval j + 1: permutations seeded by the coin of the anchor's round, less
//!    those whose blocks of interval j − 1 found few supporters in its history. Without an anchor: as
//!    before.
//!
//! # Bounds
//! One interval's state, and the snapshots of those that a checkpoint may begin from. An interval is
//! at most 2/5 of the delivery depth, so that what is read of is never below the acceptance horizon.
//!
//! # Deviations
//! From `protocols.md`, what correction 3 and 4 say: the prefix is carried, the thresholds are
//! integers, the seed of the first intervals is the keyless one. And progress takes commits: §2.7 asks
//! for settled slots only, and skipped ones are settled. A scheduler that keeps each known leader's
//! block from everybody had all slots skipped, and nothing was ever delivered.
//!
//! # Complexity
//! In good times one coin and one walk through two intervals of blocks per interval.
//!
//! # Duties of the caller
//! Give it every accepted block, in any order, and the coins it asks for.

mod chain;
mod inherit;
mod score;
mod snapshot;
mod turn;
mod within;

use std::collections::BTreeMap;

use maftia_protocol::planted;
use maftia_types::{Alarm, Round};

use crate::block::BlockRef;
use crate::coin::CoinValue;
use crate::committer::Committer;
use crate::modes::Modes;
use crate::rule::{Mode, Rule, Verdict};
use crate::schedule::{Leaders, Schedule};
use crate::view::View;
use chain::{Chain, Found};
pub use inherit::Inherited;
pub use snapshot::ControlState;
use within::within;

/// The longest run of A that a return to S waits for, in intervals.
const RETURN_WAIT_MAX: u64 = 16;

/// The agreed mode of every interval, as far as the blocks here determine it.
#[derive(Clone, Debug)]
pub struct Control<B = BlockRef> {
    rule: Rule,
    sites: usize,
    interval: u64,
    schedule: Schedule,
    modes: Modes,
    chain: Chain<B>,
    /// Values from the lowest round on that may still be read.
    coins: BTreeMap<Round, CoinValue>,
    state: ControlState,
    /// By interval, the state from which its slots are decided: what a checkpoint there must hold.
    snapshots: BTreeMap<u64, ControlState>,
}

/// What [`Control::advance`] has come to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// More blocks are needed.
    Waiting,
    /// The coins of these rounds are needed. All of them may be read.
    Wants(Vec<Round>),
    /// The next interval's mode is known, and the leaders of its S slots if an anchor names them.
    Turned {
        /// The interval.
        interval: u64,
        /// Its mode.
        mode: Mode,
        /// Its leaders, if they are others than before.
        leaders: Option<Leaders>,
    },
}

impl<B: Copy + Ord + std::fmt::Debug> Control<B> {
    /// Goes on from a state; [`ControlState::start`] at the beginning of an epoch. `interval` is I.
    ///
    /// # Panics
    /// If an interval has no rounds.
    pub fn new(
        (rule, sites): (Rule, usize),
        schedule: Schedule,
        interval: u64,
        state: ControlState,
    ) -> Self {
        let mut control = Self {
            rule,
            sites,
            interval,
            schedule,
            modes: Modes::by_interval(interval),
            chain: Chain::new(rule, Round(state.next * interval)),
            coins: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            state,
        };
        for (at, mode) in control.state.modes() {
            control.modes.learn(at, mode);
        }
        for (at, leaders) in control.state.leaders() {
            control.schedule.learn(*at, interval, *leaders);
        }
        control.keep_snapshot();
        control
    }

    /// Makes a coin known.
    pub fn learn_coin(&mut self, round: Round, value: CoinValue) {
        if self.coins.insert(round, value).is_none() {
            self.chain.learn_coin(round, value.leader(self.sites));
        }
    }

    /// Looks for the next interval's mode. To be called until it waits.
    ///
    /// # Errors
    /// An [`Alarm`] if the blocks are impossible while at most f sites are faulty.
    pub fn advance(&mut self, view: &impl View<Block = B>) -> Result<Outcome, Alarm> {
        let j = self.state.next;
        let anchor = match self.chain.anchor(view, (j + 1) * self.interval)? {
            Found::Nothing => return Ok(Outcome::Waiting),
            Found::Wants(rounds) => return Ok(Outcome::Wants(rounds)),
            Found::Anchor(block, round) => Some((block, round)),
            Found::NoAnchor => None,
        };
        let Some((block, round)) = anchor else {
            return Ok(self.turn(false, false, None));
        };
        let lowest = Round(j.saturating_sub(1) * self.interval + 1);
        let floor = lowest.min(self.state.prefix.next());
        let history = within(view, (&block, round), floor);
        let mut inner = Committer::new(self.rule, self.schedule.clone(), self.state.prefix)
            .with_modes(self.modes.clone());
        for (round, value) in &self.coins {
            inner.learn_coin(*round, value.leader(self.sites));
        }
        let wanted = inner.wanted_coins(&history);
        if !wanted.is_empty() {
            return Ok(Outcome::Wants(wanted));
        }
        inner.advance(&history)?;
        self.state.prefix = inner.settled();
        if j == 0 {
            return Ok(self.turn(false, false, None));
        }
        let judged = (j - 1) * self.interval;
        let (committed, decided) = self.known_leaders_would(&history, judged)?;
        let passed = self.state.prefix.0 > judged + self.interval / 2;
        let commits = 4 * committed >= self.interval || planted("skips are progress");
        let progress = passed && commits;
        let healthy = 5 * decided >= 4 * self.interval;
        let scores = score::scores(&history, (self.rule, self.sites), judged, self.interval);
        let demoted = score::demoted(&scores, self.rule.resilience().intruded_max());
        let seed = self.coins.get(&round).map(CoinValue::schedule_seed);
        let leaders = seed.map(|seed| Leaders { seed, demoted });
        Ok(self.turn(progress, healthy, leaders))
    }

    /// How many slots of the interval above `judged` known leaders would have committed directly, and
    /// how many they would have decided.
    fn known_leaders_would(
        &self,
        history: &impl View<Block = B>,
        judged: u64,
    ) -> Result<(u64, u64), Alarm> {
        let (mut committed, mut decided) = (0, 0);
        for round in (judged + 1..=judged + self.interval).map(Round) {
            let leader = self.schedule.leader(round);
            let verdict = self.rule.direct(history, Mode::S, leader, round);
            let verdict = verdict.map_err(|contradiction| Alarm {
                text: format!("slot {round}: {contradiction:?}: more than f sites are intruded"),
            })?;
            committed += u64::from(matches!(verdict, Verdict::Commit(_)));
            decided += u64::from(verdict != Verdict::Undecided);
        }
        Ok((committed, decided))
    }

    /// Rule 3, and on to the next interval.
    fn turn(&mut self, progress: bool, healthy: bool, leaders: Option<Leaders>) -> Outcome {
        let anchored = self.state.next;
        let interval = anchored + 1;
        self.chain.go_to(Round(interval * self.interval));
        self.state.next = interval;
        let mode = match anchored {
            0 => self.state.carry_on(),
            _ => self.state.judge(progress, healthy),
        };
        self.state.modes.insert(interval, mode);
        self.modes.learn(interval, mode);
        if let Some(leaders) = leaders {
            self.schedule.learn(interval, self.interval, leaders);
            self.state.leaders.insert(interval, leaders);
        }
        let lowest = self.lowest();
        self.coins = self.coins.split_off(&lowest);
        let oldest = (lowest.0 - 1) / self.interval;
        self.state.forget(oldest);
        self.modes.forget(oldest);
        self.schedule.forget(oldest);
        self.keep_snapshot();
        Outcome::Turned {
            interval,
            mode,
            leaders,
        }
    }

    /// In interval 1 no anchor need be known.
    fn keep_snapshot(&mut self) {
        match self.state.next {
            0 => {
                self.snapshots.insert(0, self.state.clone());
                self.snapshots.insert(1, self.state.clone());
            }
            1 => {}
            interval => {
                self.snapshots.insert(interval, self.state.clone());
            }
        }
    }

    /// The lowest round that may still be read here.
    pub fn lowest(&self) -> Round {
        let judged = self.state.next.saturating_sub(1) * self.interval + 1;
        self.state.prefix.next().min(Round(judged))
    }

    /// The state from which a round's slot is decided: a function of the log up to that slot.
    pub fn snapshot(&self, round: Round) -> Option<&ControlState> {
        let interval = round.0.checked_sub(1)? / self.interval;
        self.snapshots.get(&interval)
    }

    /// Forgets the snapshots that slots above `settled` do not need.
    pub fn settled(&mut self, settled: Round) {
        let interval = settled.0.saturating_sub(1) / self.interval;
        self.snapshots = self.snapshots.split_off(&interval);
    }

    /// Whether a verdict of the chain rests on a block, of an author with many at its round.
    pub(crate) fn is_decider(&self, round: Round, block: &B) -> bool {
        self.chain.is_decider(round, block)
    }

    /// Forgets what verdicts of the chain rest on at or below a round.
    pub(crate) fn forget_deciders(&mut self, round: Round) {
        self.chain.forget_deciders(round);
    }

    /// The agreed state as far as it is known.
    pub const fn state(&self) -> &ControlState {
        &self.state
    }
}

impl ControlState {
    /// The mode after that of interval `next` − 1, which [`Control::turn`] has counted on.
    fn judge(&mut self, progress: bool, healthy: bool) -> Mode {
        let before = self.modes.get(&(self.next - 1)).copied();
        let wait = 1_u64.checked_shl(self.failovers);
        let mut wait = wait.unwrap_or(RETURN_WAIT_MAX).min(RETURN_WAIT_MAX);
        if planted("return at once") {
            wait = 0;
        }
        let has_lasted = self.run_of_a >= wait;
        match before {
            Some(Mode::S) if progress => Mode::S,
            Some(Mode::S) | None => {
                self.failovers = self.failovers.saturating_add(1);
                self.run_of_a = 1;
                Mode::A
            }
            Some(Mode::A) if progress && healthy && has_lasted => {
                self.run_of_a = 0;
                Mode::S
            }
            Some(Mode::A) => {
                self.run_of_a += 1;
                Mode::A
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(failovers: u32, run_of_a: u64) -> ControlState {
        let mode = if run_of_a == 0 { Mode::S } else { Mode::A };
        let mut state = ControlState::start();
        state.next = 9;
        state.modes.insert(8, mode);
        (state.failovers, state.run_of_a) = (failovers, run_of_a);
        state
    }

    #[test]
    fn correction_4_known_leaders_stay_while_there_is_progress() {
        assert_eq!(after(0, 0).judge(true, false), Mode::S);
        let mut state = after(3, 0);
        assert_eq!(state.judge(false, true), Mode::A);
        assert_eq!((state.failovers, state.run_of_a), (4, 1));
    }

    #[test]
    fn correction_4_they_return_after_as_many_intervals_as_two_to_the_failovers() {
        for (failovers, wait) in [(1, 2), (2, 4), (4, 16), (5, 16), (70, 16)] {
            assert_eq!(after(failovers, wait - 1).judge(true, true), Mode::A);
            let mut state = after(failovers, wait);
            assert_eq!(state.judge(true, true), Mode::S);
            assert_eq!((state.failovers, state.run_of_a), (failovers, 0));
            assert_eq!(after(failovers, wait).judge(true, false), Mode::A);
            assert_eq!(after(failovers, wait).judge(false, true), Mode::A);
        }
    }
}
