use maftia_types::{Digest, Time};

use super::tally::Tally;

/// A request without a verdict.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) digest: Digest,
    pub(super) submitted: Time,
    pub(super) deadline: Time,
    /// Whether its outcome was given as unknown.
    pub(super) told: bool,
    pub(super) tally: Tally,
}

/// Whether a link stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Messages go out.
    Up,
    /// It is down.
    Down,
}

impl Request {
    pub(super) fn new(digest: Digest, now: Time, deadline: Time) -> Self {
        Self {
            digest,
            submitted: now,
            deadline,
            told: false,
            tally: Tally::default(),
        }
    }

    /// When its caller is to be told.
    pub(super) fn due(&self) -> Time {
        if self.told { Time::MAX } else { self.deadline }
    }
}
