use thiserror::Error;

use crate::Index;

/// How many hold shares of a key, and how many of them use it together.
///
/// Fewer than `threshold` learn nothing of the key, so a dealt polynomial has degree
/// `threshold − 1` exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committee {
    threshold: u8,
    participants: u8,
}

/// Numbers that make no committee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{threshold} of {participants} is no threshold")]
pub struct NotACommittee {
    threshold: u8,
    participants: u8,
}

impl Committee {
    /// `threshold` of `participants`, which are numbered from 1.
    ///
    /// # Errors
    /// Zero, or a threshold above the number of participants.
    pub const fn new(threshold: u8, participants: u8) -> Result<Self, NotACommittee> {
        if threshold == 0 || threshold > participants {
            return Err(NotACommittee {
                threshold,
                participants,
            });
        }
        Ok(Self {
            threshold,
            participants,
        })
    }

    /// How many use the key together.
    #[must_use]
    pub const fn threshold(self) -> u8 {
        self.threshold
    }

    /// How many hold a share.
    #[must_use]
    pub const fn participants(self) -> u8 {
        self.participants
    }

    /// Who holds a share, in order.
    pub fn indices(self) -> impl ExactSizeIterator<Item = Index> + Clone {
        Index::first(self.participants)
    }

    /// Whether that participant is one of them.
    #[must_use]
    pub const fn contains(self, index: Index) -> bool {
        index.number() <= self.participants
    }
}
