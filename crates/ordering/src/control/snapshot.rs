use std::collections::BTreeMap;

use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_types::Round;

use crate::rule::Mode;
use crate::schedule::Leaders;

/// The agreed control state, from which the modes of later intervals follow (correction 2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ControlState {
    /// The interval whose anchor comes next. Its own mode is known.
    pub(crate) next: u64,
    /// Modes of the intervals that are still decided or judged.
    pub(crate) modes: BTreeMap<u64, Mode>,
    /// Leaders of the same, by the interval from which they hold.
    pub(crate) leaders: BTreeMap<u64, Leaders>,
    /// How far slots are settled in the histories of the anchors so far.
    pub(super) prefix: Round,
    /// Changes from S to A.
    pub(super) failovers: u32,
    /// Intervals of A in a row, up to the last known mode.
    pub(super) run_of_a: u64,
}

/// Intervals that can wait for the prefix; each is some rounds of a group that settles nothing.
const INTERVALS_MAX: usize = 1 << 16;

impl ControlState {
    /// At the beginning of an epoch.
    pub fn start() -> Self {
        Self {
            next: 0,
            modes: BTreeMap::from([(0, Mode::S), (1, Mode::S)]),
            leaders: BTreeMap::new(),
            prefix: Round(0),
            failovers: 0,
            run_of_a: 0,
        }
    }

    /// The interval whose anchor comes next. Its own mode is known.
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// The mode of an interval, if it is known and still of use.
    pub fn mode(&self, interval: u64) -> Option<Mode> {
        self.modes.get(&interval).copied()
    }

    /// The modes that are still of use, by interval.
    pub fn modes(&self) -> impl Iterator<Item = (u64, Mode)> {
        self.modes.iter().map(|(interval, mode)| (*interval, *mode))
    }

    /// How far slots are settled in the histories of the anchors so far.
    pub const fn prefix(&self) -> Round {
        self.prefix
    }

    /// How often known leaders were given up.
    pub const fn failovers(&self) -> u32 {
        self.failovers
    }

    /// The leaders that are still of use, by the interval from which they hold.
    pub(crate) const fn leaders(&self) -> &BTreeMap<u64, Leaders> {
        &self.leaders
    }

    /// Forgets what no slot from `oldest` on and no judgement reads.
    pub(super) fn forget(&mut self, oldest: u64) {
        self.modes = self.modes.split_off(&oldest);
        let holds = self.leaders.range(..=oldest).next_back();
        if let Some(first) = holds.map(|(interval, _)| *interval) {
            self.leaders = self.leaders.split_off(&first);
        }
    }
}

impl Wire for ControlState {
    fn encode(&self, writer: &mut Writer) {
        writer.u64(self.next);
        writer.round(self.prefix);
        writer.u32(self.failovers);
        writer.u64(self.run_of_a);
        writer.length(self.modes.len());
        for (interval, mode) in &self.modes {
            writer.u64(*interval);
            writer.bool(*mode == Mode::A);
        }
        writer.length(self.leaders.len());
        for (interval, leaders) in &self.leaders {
            writer.u64(*interval);
            leaders.encode(writer);
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let mut state = Self {
            next: reader.u64()?,
            prefix: reader.round()?,
            failovers: reader.u32()?,
            run_of_a: reader.u64()?,
            modes: BTreeMap::new(),
            leaders: BTreeMap::new(),
        };
        for _ in 0..reader.length("modes", INTERVALS_MAX)? {
            let interval = above(&state.modes, reader.u64()?, "modes")?;
            let mode = if reader.bool()? { Mode::A } else { Mode::S };
            state.modes.insert(interval, mode);
        }
        for _ in 0..reader.length("leaders", INTERVALS_MAX)? {
            let interval = above(&state.leaders, reader.u64()?, "leaders")?;
            state.leaders.insert(interval, Leaders::decode(reader)?);
        }
        let known = state.modes.contains_key(&state.next);
        // Rounds and counters that no group reaches: what is added to them never overflows.
        let far = u64::MAX / 2 / INTERVALS_MAX as u64;
        if known && state.next < far && state.prefix.0 < far && state.run_of_a < far {
            Ok(state)
        } else {
            Err(DecodeError::Invalid { field: "next" })
        }
    }
}

/// One canonical form: keys ascend.
fn above<T>(map: &BTreeMap<u64, T>, key: u64, field: &'static str) -> Result<u64, DecodeError> {
    match map.last_key_value() {
        Some((last, _)) if key <= *last => Err(DecodeError::Invalid { field }),
        _ => Ok(key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_of_counters_that_no_group_reaches_is_refused() {
        let decoded = |change: fn(&mut ControlState)| {
            let mut state = ControlState::start();
            change(&mut state);
            ControlState::from_bytes(state.to_bytes())
        };
        assert_eq!(decoded(|_| ()), Ok(ControlState::start()));
        assert!(decoded(|state| state.prefix = Round(u64::MAX)).is_err());
        assert!(decoded(|state| state.run_of_a = u64::MAX).is_err());
        assert!(decoded(|state| state.next = u64::MAX).is_err());
    }
}
