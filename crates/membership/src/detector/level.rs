use std::fmt;

use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_types::{Digest, Time};

/// Why a site is suspected.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reason {
    /// A large part of the bytes it sends has to be refused.
    Abusive,
    /// Too many of its messages are invalid.
    Invalid,
    /// Its blocks take far longer than those of others to be delivered.
    Late,
    /// It makes no blocks while a quorum does.
    Mute,
}

/// What a site holds of another. Only the last is for ever, and only it convinces others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// Nothing is known against it.
    Trusted,
    /// It does not behave as the others do. May be withdrawn.
    Suspected(Suspected),
    /// A proof convicts it: the proof's digest.
    Convicted(Digest),
}

/// A suspicion that lasts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Suspected {
    /// Why.
    pub reason: Reason,
    /// How far beyond the threshold, in percent of it: above 100.
    pub degree: u64,
    /// Since when, in this site's own time.
    pub since: Time,
    /// Whether time had a part in it. Without a usable clock rounds alone decide.
    pub timed: bool,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Abusive, Self::Invalid, Self::Late, Self::Mute];

    /// As people and programs read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Abusive => "abusive",
            Self::Invalid => "invalid",
            Self::Late => "late",
            Self::Mute => "mute",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Wire for Reason {
    fn encode(&self, writer: &mut Writer) {
        writer.u8(match self {
            Self::Abusive => 1,
            Self::Invalid => 2,
            Self::Late => 3,
            Self::Mute => 4,
        });
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let code = reader.u8()?;
        let known = code.checked_sub(1).map(usize::from);
        let reason = known.and_then(|place| Self::ALL.get(place));
        reason
            .copied()
            .ok_or(DecodeError::Invalid { field: "reason" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_read_back_and_nothing_else_does() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_bytes(reason.to_bytes()), Ok(reason));
        }
        for code in [0, 5, u8::MAX] {
            assert!(Reason::from_bytes(vec![code].into()).is_err());
        }
    }
}
