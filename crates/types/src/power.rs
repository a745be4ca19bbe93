use std::fmt;
use std::str::FromStr;

/// What a client of a group may do. None implies another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Power {
    /// Approve what changes the group's keys: make, refresh and retire them, say who may use them.
    ApproveKeys,
    /// Approve what changes the group's members.
    ApproveMembers,
    /// Read the list of what was done with the keys.
    Audit,
    /// Read and write the group's store.
    Operate,
    /// Sign and decrypt with the keys whose policies allow it.
    UseKeys,
}

impl Power {
    /// All of them, in the order of their names.
    pub const ALL: [Self; 5] = [
        Self::ApproveKeys,
        Self::ApproveMembers,
        Self::Audit,
        Self::Operate,
        Self::UseKeys,
    ];

    /// As files and commands spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApproveKeys => "approve-keys",
            Self::ApproveMembers => "approve-members",
            Self::Audit => "audit",
            Self::Operate => "operate",
            Self::UseKeys => "use-keys",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::ApproveKeys => 1,
            Self::ApproveMembers => 1 << 1,
            Self::Audit => 1 << 2,
            Self::Operate => 1 << 3,
            Self::UseKeys => 1 << 4,
        }
    }
}

impl fmt::Display for Power {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no power.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "the powers are \"operate\", \"approve-members\", \"approve-keys\", \"use-keys\" and \"audit\""
)]
pub struct NoPower;

impl FromStr for Power {
    type Err = NoPower;

    fn from_str(text: &str) -> Result<Self, NoPower> {
        let mut all = Self::ALL.into_iter();
        all.find(|power| power.as_str() == text).ok_or(NoPower)
    }
}

/// A set of powers: what one client may do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Powers(u8);

impl Powers {
    /// None.
    pub const NONE: Self = Self(0);

    /// All of them.
    pub const ALL: Self = Self(0b1_1111);

    /// Whether that power is one of them.
    #[must_use]
    pub const fn contains(self, power: Power) -> bool {
        self.0 & power.bit() != 0
    }

    /// The powers, in the order of their names.
    pub fn iter(self) -> impl Iterator<Item = Power> {
        let all = Power::ALL.into_iter();
        all.filter(move |power| self.contains(*power))
    }

    /// One bit for each power.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// What [`Powers::bits`] gave; none if a bit stands for no power.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        if bits & !Self::ALL.0 == 0 {
            Some(Self(bits))
        } else {
            None
        }
    }
}

impl FromIterator<Power> for Powers {
    fn from_iter<I: IntoIterator<Item = Power>>(powers: I) -> Self {
        Self(powers.into_iter().fold(0, |bits, power| bits | power.bit()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_power_implies_another() {
        for power in Power::ALL {
            let alone: Powers = [power].into_iter().collect();
            assert_eq!(alone.iter().collect::<Vec<_>>(), [power]);
            assert_eq!(power.as_str().parse(), Ok(power));
            assert_eq!(Powers::from_bits(alone.bits()), Some(alone));
        }
        assert_eq!(Power::ALL.into_iter().collect::<Powers>(), Powers::ALL);
        assert_eq!(Powers::from_bits(Powers::ALL.bits() + 1), None);
        assert_eq!("Audit".parse::<Power>(), Err(NoPower));
    }
}
