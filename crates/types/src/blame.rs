use std::fmt;

use crate::{SiteId, Time};

/// Late or silent, as this site sees it. May be withdrawn; convinces nobody else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Suspicion {
    /// Who is late.
    pub target: SiteId,
    /// Since when, in the suspecting site's own time.
    pub since: Time,
}

/// Wrong behaviour this site has seen from an authenticated peer. Acted upon here; it does not
/// convince a third party.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault<M> {
    /// Whose link or signature it came by.
    pub culprit: SiteId,
    /// What was wrong.
    pub misbehaviour: M,
}

/// Something that cannot happen while the fault assumption holds. The site stops voting and tells
/// its operator: more than f sites are intruded, or this program is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alarm {
    /// What happened and why it is impossible.
    pub text: String,
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What a group's safety rests on besides the bound on faulty sites; named by every status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TrustedBase {
    /// Nothing is trusted.
    None,
}

impl fmt::Display for TrustedBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
        }
    }
}
