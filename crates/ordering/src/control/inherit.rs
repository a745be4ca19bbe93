//! What an epoch takes over of the control of the one before (correction 12): else who can have
//! epochs end would keep a group under attack in the intervals in which known leaders rule.

use std::collections::BTreeMap;

use maftia_types::{SiteId, SiteSet};

use super::ControlState;
use crate::rule::Mode;
use crate::schedule::Leaders;

/// Mode, failovers and leaders as they are at a commit: a function of the log up to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Inherited {
    mode: Mode,
    failovers: u32,
    run_of_a: u64,
    leaders: Option<Leaders>,
}

impl Inherited {
    /// The same for sites that are numbered otherwise, of whom at most `demoted_max` may lose their
    /// turns; who has no number there has left.
    #[must_use]
    pub fn renumbered(self, seat: impl Fn(SiteId) -> Option<SiteId>, demoted_max: usize) -> Self {
        let leaders = self.leaders.map(|own| {
            let stay: SiteSet = own.demoted.iter().filter_map(seat).collect();
            Leaders {
                seed: own.seed,
                demoted: stay.iter().take(demoted_max).collect(),
            }
        });
        Self { leaders, ..self }
    }
}

impl ControlState {
    /// What there is to be taken over at a slot of that interval, if it is known there.
    pub(crate) fn bequeath(&self, interval: u64) -> Option<Inherited> {
        let leaders = self.leaders.range(..=interval).next_back();
        Some(Inherited {
            mode: self.mode(interval)?,
            failovers: self.failovers,
            run_of_a: self.run_of_a,
            leaders: leaders.map(|(_, own)| *own),
        })
    }

    /// At the beginning of an epoch that goes on as the one before has ended.
    #[must_use]
    pub fn inherit(from: &Inherited) -> Self {
        let leaders = from.leaders.map(|own| (0, own));
        Self {
            modes: BTreeMap::from([(0, from.mode), (1, from.mode)]),
            leaders: leaders.into_iter().collect(),
            failovers: from.failovers,
            run_of_a: from.run_of_a,
            ..Self::start()
        }
    }

    /// The mode of interval 1, which no anchor says.
    pub(super) fn carry_on(&mut self) -> Mode {
        let mode = self.mode(1).unwrap_or(Mode::S);
        self.run_of_a += u64::from(mode == Mode::A);
        mode
    }
}
