//! Who may change the keys, and how often.
//!
//! # Guarantees
//! - **Power.** Nothing changes a key but a request of a client with the power to approve keys.
//! - **Approval.** If the group wants k approvals, a change is made by the k-th of as many different
//!   clients with that power, each of whom named the digest of this very change. A refresh takes one:
//!   it changes neither the key nor who may use it.
//! - **Rate.** In one minute of commit time, one client begins at most
//!   [`CEREMONIES_PER_MINUTE_PER_CLIENT`] ceremonies, and all together [`CEREMONIES_PER_MINUTE`].
//! - **The coin** is nobody's to change: a sharing that is exchanged in the middle of an epoch would
//!   leave sites with shares that do not combine.
//! - **Record.** Every change, proposal and approval is in the audit list.
//!
//! A refusal changes nothing: who approves what cannot be done yet may approve it again later.

use maftia_types::{Digest, Power};

use super::ceremony::Origin;
use super::sealing::Deed;
use super::{KeyId, Ordered, Refusal, Reply, Scheme, State};
use crate::replication::Context;

mod act;
mod proposals;
mod rate;

pub use act::Act;
pub use proposals::{PROPOSAL_MS_MAX, PROPOSALS_MAX, PROPOSALS_PER_CLIENT_MAX, Proposal};
pub use rate::{CEREMONIES_PER_MINUTE, CEREMONIES_PER_MINUTE_PER_CLIENT};

pub(super) use proposals::Proposals;
pub(super) use rate::Rate;

impl Ordered {
    /// Makes a change, or proposes it if others must approve.
    pub(super) fn change(&mut self, context: &Context, act: Act) -> Result<Reply, Refusal> {
        self.require_approver(context)?;
        if self.setup.approvals <= 1 {
            return self.perform(context, act);
        }
        let key = act.key();
        let needed = self.setup.approvals;
        let proposal = self.proposals.propose(context, act, needed)?.clone();
        self.note(context, key, Deed::Propose(proposal.number));
        Ok(Reply::Proposed(proposal))
    }

    /// Approves a proposal, and carries it out if that was the last approval it took.
    pub(super) fn approve(
        &mut self,
        context: &Context,
        number: u64,
        digest: Digest,
    ) -> Result<Reply, Refusal> {
        self.require_approver(context)?;
        let client = context.client.key;
        let proposal = self.proposals.approvable(client, number)?;
        if proposal.digest(self.setup.group) != digest {
            return Err(Refusal::OtherProposal);
        }
        let (key, last) = (proposal.act.key(), proposal.missing() <= 1);
        let done = match last {
            true => Some(self.perform(context, proposal.act.clone())?),
            false => None,
        };
        self.note(context, key, Deed::Approve(number));
        match done {
            Some(reply) => {
                self.proposals.remove(number);
                Ok(reply)
            }
            None => Ok(Reply::Proposed(self.proposals.approve(client, number)?)),
        }
    }

    /// Begins a refresh.
    pub(super) fn refresh_for(&mut self, context: &Context, key: KeyId) -> Result<Reply, Refusal> {
        self.require_approver(context)?;
        if self.is_coin(key) {
            return Err(Refusal::Coin);
        }
        self.rate.check(context)?;
        let begun = self.refresh(Origin::Request(*context), key)?;
        self.rate.count(context);
        self.note(context, Some(key), Deed::Refresh);
        Ok(begun)
    }

    fn require_approver(&self, context: &Context) -> Result<(), Refusal> {
        let power = Power::ApproveKeys;
        match self.setup.permits(context.client.key, power) {
            true => Ok(()),
            false => Err(Refusal::NoPower(power)),
        }
    }

    fn perform(&mut self, context: &Context, act: Act) -> Result<Reply, Refusal> {
        let makes_coin = matches!(&act, Act::Create { scheme, .. } if *scheme == Scheme::Coin);
        if makes_coin || act.key().is_some_and(|key| self.is_coin(key)) {
            return Err(Refusal::Coin);
        }
        match act {
            Act::Create {
                name,
                scheme,
                policy,
            } => {
                self.rate.check(context)?;
                let origin = Origin::Request(*context);
                let (key, ceremony) = self.create(origin, name, scheme)?;
                self.rate.count(context);
                if let Some(policy) = policy {
                    self.sessions.set_policy(key, policy);
                }
                self.note(context, Some(key), Deed::Create);
                Ok(Reply::Begun { key, ceremony })
            }
            Act::Permit {
                key,
                users,
                uses_per_minute_max,
            } => {
                let record = self.key(key).ok_or(Refusal::NoSuchKey)?;
                if record.state == State::Retired {
                    return Err(Refusal::Retired);
                }
                let mut policy = self.sessions.policy(record);
                policy.users = users;
                policy.uses_per_minute_max = uses_per_minute_max;
                self.sessions.set_policy(key, policy);
                self.note(context, Some(key), Deed::Permit);
                Ok(Reply::Permitted(key))
            }
            Act::Rotate(former) => {
                self.rate.check(context)?;
                let (key, ceremony) = self.rotate(Origin::Request(*context), former)?;
                self.rate.count(context);
                let record = self.key(former).ok_or(Refusal::NoSuchKey)?;
                let policy = self.sessions.policy(record);
                self.sessions.set_policy(key, policy);
                self.note(context, Some(key), Deed::Rotate);
                Ok(Reply::Begun { key, ceremony })
            }
            Act::Retire(key) => {
                let retired = self.retire(key)?;
                self.note(context, Some(key), Deed::Retire);
                Ok(retired)
            }
        }
    }

    fn is_coin(&self, key: KeyId) -> bool {
        let record = self.key(key);
        record.is_some_and(|own| own.scheme == Scheme::Coin)
    }

    fn note(&mut self, context: &Context, key: Option<KeyId>, deed: Deed) {
        self.sessions.note(context, key, deed);
    }
}

#[cfg(test)]
mod tests;
