use core::num::NonZeroU8;

use maftia_types::{Epoch, SiteId, SiteSet};

use crate::change::{Change, Next};
use crate::member::Member;

/// Who must agree to a change of the view.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Policy {
    /// How many different client keys with the power over members must approve a change. The one
    /// that proposes is one of them.
    pub approvals: NonZeroU8,
}

impl Default for Policy {
    /// One is enough.
    fn default() -> Self {
        let approvals = NonZeroU8::MIN;
        Self { approvals }
    }
}

/// A change that waits for approvals.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proposal {
    /// What is proposed. Makes a view of the present one.
    pub change: Change,
    /// The client keys that approve it, the one that proposed it first, each once.
    pub approvals: Vec<u32>,
    /// When it was proposed, in commit time.
    pub since_ms: u64,
}

/// The change under way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pending {
    /// The proposal's number.
    pub proposal: u64,
    /// What was proposed, or a renewal.
    pub change: Change,
    /// The client keys that approved it, the one that proposed it first; none of a renewal.
    pub approvals: Vec<u32>,
    /// When it was authorised, in commit time.
    pub since_ms: u64,
    /// What it leads to.
    pub next: Next,
    /// Joiners that have said READY, by their ids in the present epoch.
    pub ready: SiteSet,
}

/// What became of a change that was authorised.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The proposal's number.
    pub proposal: u64,
    /// What was proposed, or a renewal.
    pub change: Change,
    /// The client keys that approved it, the one that proposed it first; none of a renewal.
    pub approvals: Vec<u32>,
    /// The commit at which it was decided.
    pub commit: u64,
    /// Time of that commit, in milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// What was decided.
    pub outcome: Outcome,
}

/// How a change ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It did not come about; the view stayed.
    Aborted(Cause),
    /// It became the view of this epoch.
    Entered(Epoch),
}

/// A change has been given up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Aborted {
    /// The proposal's number.
    pub proposal: u64,
    /// Why.
    pub cause: Cause,
}

/// Why a change was given up.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Cause {
    /// The keys were not shared to the next view in time.
    #[error("the keys were not shared to the next view in time")]
    NotPrepared,
    /// These joiners did not come in time.
    #[error("not ready in time: {}", .0.join(", "))]
    NotReady(Vec<String>),
}

impl Pending {
    /// The ids of the joiners, after those of n members.
    pub(super) fn joiner_ids(&self, n: usize) -> SiteSet {
        let all = SiteId::all(n + self.next.joiners.len());
        all.skip(n).collect()
    }

    /// The names of the joiners that are not ready.
    pub(super) fn awaited(&self, n: usize) -> Vec<String> {
        let ids = SiteId::all(n + self.next.joiners.len()).skip(n);
        let joiners = ids.zip(&self.next.joiners);
        let awaited = joiners.filter(|(id, _): &(SiteId, &Member)| !self.ready.contains(*id));
        awaited.map(|(_, member)| member.name.clone()).collect()
    }
}
