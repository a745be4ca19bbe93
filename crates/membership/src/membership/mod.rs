//! The ordered state of site membership: which view holds, which changes are proposed, which one is
//! under way, and which were made.

use std::collections::{BTreeMap, VecDeque};

use maftia_types::{Digest, Epoch, SITES_MAX, SiteId, SiteSet};

use crate::change::{Change, Next};
use crate::handover::Handover;
use crate::member::Member;
use crate::view::View;

mod apply;
mod operation;
mod proposal;
mod wire_client;
mod wire_state;

pub use apply::Asked;
pub use operation::{Answer, MEMBERSHIP, Operation, Phase, Refusal, Standing, State, Underway};
pub use proposal::{Aborted, Cause, Entry, Outcome, Pending, Policy, Proposal};

/// The most open proposals: people decide on them one by one.
pub const PROPOSALS_MAX: usize = 16;

/// The most open proposals of one client key, so that one cannot keep out all others.
pub const PROPOSALS_PER_CLIENT_MAX: usize = 4;

/// How long a proposal waits for approvals, in commit time: three days, over a weekend.
pub const PROPOSAL_MS: u64 = 3 * 24 * 3_600_000;

/// How long joiners have to say READY, in commit time from the authorisation: to fetch the state and
/// to follow the log. A joiner that does not come must not hold up the group (correction 12).
pub const READY_MS: u64 = 5 * 60_000;

/// How long the whole change may take, in commit time from the authorisation.
pub const PENDING_MS: u64 = 10 * 60_000;

/// How many former changes are remembered, made or aborted.
pub const HISTORY_MAX: usize = 64;

/// Where an epoch began.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Origin {
    /// The last commit of the epoch before; 0 for the first epoch, unless the group was restored:
    /// then the last commit of the group before that is in it.
    pub commit: u64,
    /// The chain digest of the log up to and with it; zero if that is none.
    pub chain: Digest,
}

/// The ordered state of membership. Equal at all correct sites after equal commits; every decision
/// is a function of the log, of the group's file as far as its digest covers it, and of nothing else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Membership {
    policy: Policy,
    view: View,
    origin: Origin,
    /// The number of the next proposal, from 1.
    next_proposal: u64,
    /// Proposals below this number were void when the present epoch began.
    void_below: u64,
    proposals: BTreeMap<u64, Proposal>,
    pending: Option<Pending>,
    history: VecDeque<Entry>,
}

impl Membership {
    /// The state of a group that begins with this view.
    #[must_use]
    pub const fn new(view: View, policy: Policy) -> Self {
        Self {
            policy,
            view,
            origin: Origin {
                commit: 0,
                chain: Digest::ZERO,
            },
            next_proposal: 1,
            void_below: 1,
            proposals: BTreeMap::new(),
            pending: None,
            history: VecDeque::new(),
        }
    }

    /// The state of a group that begins with this view and the state of another group, which had
    /// come that far.
    #[must_use]
    pub fn restored(view: View, policy: Policy, origin: Origin) -> Self {
        Self {
            origin,
            ..Self::new(view, policy)
        }
    }

    /// A joiner has said READY, by its id in the present epoch; true if it is news.
    pub fn ready(&mut self, joiner: SiteId) -> bool {
        let n = self.view.members().len();
        self.pending.as_mut().is_some_and(|pending| {
            pending.joiner_ids(n).contains(joiner) && pending.ready.insert(joiner)
        })
    }

    /// A commit begins. Proposals expire; a change that has taken too long is aborted, and so is one
    /// whose joiners did not come in time. What is not there at the very instant is too late.
    pub fn tick(&mut self, commit: u64, time_ms: u64) -> Option<Aborted> {
        let is_due = |since_ms: u64, after_ms| time_ms >= since_ms.saturating_add(after_ms);
        self.proposals
            .retain(|_, proposal| !is_due(proposal.since_ms, PROPOSAL_MS));
        let pending = self.pending.as_ref()?;
        let awaited = pending.awaited(self.view.members().len());
        let cause = if !awaited.is_empty() && is_due(pending.since_ms, READY_MS) {
            Cause::NotReady(awaited)
        } else if is_due(pending.since_ms, PENDING_MS) {
            Cause::NotPrepared
        } else {
            return None;
        };
        let pending = self.pending.take()?;
        let aborted = Aborted {
            proposal: pending.proposal,
            cause: cause.clone(),
        };
        self.remember(pending, commit, time_ms, Outcome::Aborted(cause));
        Some(aborted)
    }

    /// The group itself wants the next epoch, with the same sites, at a commit of that time: nobody
    /// has to approve what changes nobody. Not while another change is under way; nor for a while
    /// after one such was given up, so that those that people want have their turn.
    pub fn renew(&mut self, time_ms: u64) {
        let rests = |entry: &Entry| {
            let given_up = matches!(entry.outcome, Outcome::Aborted(_));
            given_up
                && entry.change.is_renewal()
                && time_ms < entry.time_ms.saturating_add(PENDING_MS)
        };
        if self.pending.is_some() || self.history.iter().any(rests) {
            return;
        }
        let change = Change::renewal();
        let Ok(next) = self.view.next(&change) else {
            return;
        };
        let proposal = self.next_proposal;
        self.next_proposal += 1;
        self.pending = Some(Pending {
            proposal,
            change,
            approvals: Vec::new(),
            since_ms: time_ms,
            next,
            ready: SiteSet::EMPTY,
        });
    }

    /// The change under way cannot be made: the next committee could not share the group's keys.
    pub fn give_up(&mut self, commit: u64, time_ms: u64) {
        if let Some(pending) = self.pending.take() {
            let outcome = Outcome::Aborted(Cause::NotPrepared);
            self.remember(pending, commit, time_ms, outcome);
        }
    }

    /// The epoch ends with this commit and the log's chain digest after it: the pending change is
    /// the view, proposals made for the former view are void, unless it has the same sites.
    ///
    /// # Panics
    /// Without a pending change, or before all its joiners are ready: the caller asks
    /// [`Membership::all_ready`] before it prepares anything.
    pub fn end_epoch(&mut self, commit: u64, time_ms: u64, chain: Digest) -> Next {
        assert!(
            self.all_ready(),
            "an epoch ends for a change that is prepared"
        );
        let pending = self.pending.take().expect("all are ready for something");
        let next = pending.next.clone();
        let epoch = next.view.epoch();
        self.view = next.view.clone();
        self.origin = Origin { commit, chain };
        if !pending.change.is_renewal() {
            self.proposals.clear();
            self.void_below = self.next_proposal;
        }
        self.remember(pending, commit, time_ms, Outcome::Entered(epoch));
        next
    }

    fn remember(&mut self, pending: Pending, commit: u64, time_ms: u64, outcome: Outcome) {
        if self.history.len() == HISTORY_MAX {
            self.history.pop_front();
        }
        self.history.push_back(Entry {
            proposal: pending.proposal,
            change: pending.change,
            approvals: pending.approvals,
            commit,
            time_ms,
            outcome,
        });
    }

    /// The present view.
    #[must_use]
    pub const fn view(&self) -> &View {
        &self.view
    }

    /// Where the present epoch began.
    #[must_use]
    pub const fn origin(&self) -> Origin {
        self.origin
    }

    /// Who must agree to a change.
    #[must_use]
    pub const fn policy(&self) -> Policy {
        self.policy
    }

    /// What all blocks of the present epoch carry.
    #[must_use]
    pub fn config(&self) -> Digest {
        self.view.config(&self.origin.chain)
    }

    /// What the sites of the epoch before say of the present one; none in the first.
    #[must_use]
    pub fn handover(&self) -> Option<Handover> {
        (self.view.epoch() != Epoch(0)).then(|| Handover {
            commit: self.origin.commit,
            chain: self.origin.chain,
            view: self.view.clone(),
        })
    }

    /// The change under way.
    #[must_use]
    pub const fn pending(&self) -> Option<&Pending> {
        self.pending.as_ref()
    }

    /// The view that the change under way leads to, and how.
    #[must_use]
    pub fn next(&self) -> Option<&Next> {
        self.pending.as_ref().map(|pending| &pending.next)
    }

    /// The change under way, once all its joiners are ready: its keys can be reshared.
    #[must_use]
    pub fn next_committee(&self) -> Option<&Next> {
        self.next().filter(|_| self.all_ready())
    }

    /// Whether there is a change under way, all whose joiners are ready.
    #[must_use]
    pub fn all_ready(&self) -> bool {
        let n = self.view.members().len();
        let ready = |pending: &Pending| pending.ready == pending.joiner_ids(n);
        self.pending.as_ref().is_some_and(ready)
    }

    /// Members, then the joiners of the change under way, with their ids in the present epoch.
    pub fn universe(&self) -> impl Iterator<Item = (SiteId, &Member)> {
        let joiners = self.next().into_iter().flat_map(|next| &next.joiners);
        SiteId::all(SITES_MAX).zip(self.view.members().iter().chain(joiners))
    }

    /// Who has this id in the present epoch, member or joiner.
    #[must_use]
    pub fn member(&self, site: SiteId) -> Option<&Member> {
        self.universe().nth(site.index()).map(|(_, member)| member)
    }

    /// The joiners of the change under way.
    #[must_use]
    pub fn joiners(&self) -> SiteSet {
        let n = self.view.members().len();
        let pending = self.pending.as_ref();
        pending.map_or(SiteSet::EMPTY, |pending| pending.joiner_ids(n))
    }

    /// Changes made and aborted, the oldest first.
    pub fn history(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.history.iter()
    }
}

#[cfg(test)]
mod tests;
