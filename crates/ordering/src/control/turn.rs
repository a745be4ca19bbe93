//! The engine's part of the mode rule.

use maftia_protocol::Step;
use maftia_types::{Alarm, Round, Time};

use super::{Control, Outcome};
use crate::engine::Engine;

impl Engine {
    /// Learns the modes that the blocks here determine. True if there was one.
    ///
    /// # Errors
    /// As [`Control::advance`].
    pub(crate) fn turn_intervals(
        &mut self,
        now: Time,
        step: &mut Step<Self>,
    ) -> Result<bool, Alarm> {
        let Some(mut control) = self.control.take() else {
            return Ok(false);
        };
        let turned = self.turn_with(&mut control, now, step);
        self.control = Some(control);
        turned
    }

    fn turn_with(
        &mut self,
        control: &mut Control,
        now: Time,
        step: &mut Step<Self>,
    ) -> Result<bool, Alarm> {
        let mut has_turned = false;
        loop {
            match control.advance(&self.dag)? {
                Outcome::Waiting => return Ok(has_turned),
                Outcome::Wants(rounds) => {
                    let mut is_served = false;
                    for round in rounds {
                        if let Some(value) = self.coin(now, round, step) {
                            control.learn_coin(round, value);
                            is_served = true;
                        }
                    }
                    if !is_served {
                        return Ok(has_turned);
                    }
                }
                Outcome::Turned {
                    interval,
                    mode,
                    leaders,
                } => {
                    has_turned = true;
                    self.committer.learn_mode(interval, mode);
                    if let Some(leaders) = leaders {
                        let length = self.parameters.interval();
                        self.committer.learn_leaders(interval, length, leaders);
                    }
                }
            }
        }
    }

    /// Has the frontier hold the state from which a slot is decided.
    pub(crate) fn note_control(&mut self, slot: Round) {
        let control = self.control.as_ref();
        if let Some(state) = control.and_then(|control| control.snapshot(slot)) {
            self.linearizer.control(state);
        }
    }

    /// Forgets what slots above `settled` and the control chain do not read.
    pub(crate) fn forget_intervals(&mut self, settled: Round) {
        let mut lowest = settled.next();
        if let Some(control) = &mut self.control {
            control.settled(settled);
            lowest = lowest.min(control.lowest());
            let interval = (settled.next().0 - 1) / self.parameters.interval();
            self.committer.forget(interval);
        }
        if let Some(coins) = &mut self.coins {
            coins.forget(lowest);
        }
    }

    /// The round above which slots are still read.
    pub(crate) fn read_above(&self) -> Round {
        let settled = self.committer.settled();
        let control = self.control.as_ref();
        control.map_or(settled, |control| settled.min(control.state().prefix()))
    }
}
