use std::collections::BTreeMap;

use maftia_types::Round;

use crate::rule::Mode;

/// Which rule decides which slot. Must be equal at all sites wherever it is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Modes(Kind);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Kind {
    All(Mode),
    /// Interval j is the rounds jI + 1 to (j + 1)I.
    Intervals {
        length: u64,
        known: BTreeMap<u64, Mode>,
    },
}

impl Modes {
    /// The same rule for every slot.
    pub const fn all(mode: Mode) -> Self {
        Self(Kind::All(mode))
    }

    /// A rule for each interval of `length` rounds, none of them known yet.
    ///
    /// # Panics
    /// If the length is 0.
    pub const fn by_interval(length: u64) -> Self {
        assert!(length > 0, "an interval has rounds");
        Self(Kind::Intervals {
            length,
            known: BTreeMap::new(),
        })
    }

    /// Makes the rule of an interval known. It must never be another one.
    pub fn learn(&mut self, interval: u64, mode: Mode) {
        if let Kind::Intervals { known, .. } = &mut self.0 {
            known.insert(interval, mode);
        }
    }

    /// Forgets the intervals before this one.
    pub(crate) fn forget(&mut self, before: u64) {
        if let Kind::Intervals { known, .. } = &mut self.0 {
            *known = known.split_off(&before);
        }
    }

    /// The rule that decides a round's slot, if it is known.
    pub fn of(&self, round: Round) -> Option<Mode> {
        match &self.0 {
            Kind::All(mode) => Some(*mode),
            Kind::Intervals { length, known } => {
                let interval = round.0.checked_sub(1)? / length;
                known.get(&interval).copied()
            }
        }
    }
}
