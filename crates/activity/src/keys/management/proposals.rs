use std::collections::{BTreeMap, BTreeSet};

use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::{Domain, Hasher};
use maftia_types::Digest;

use super::Act;
use crate::keys::Refusal;
use crate::keys::sessions::put_in_order;
use crate::replication::Context;

/// Proposals that wait at once: each is at most half a KiB of state.
pub const PROPOSALS_MAX: usize = 64;

/// Proposals of one client that wait at once, so that one cannot use up the places of all.
pub const PROPOSALS_PER_CLIENT_MAX: usize = 8;

/// How long a proposal waits, in commit time: people are asked, and people have weekends.
pub const PROPOSAL_MS_MAX: u64 = 7 * 24 * 60 * 60 * 1000;

const PROPOSAL: Domain = Domain::new("key proposal");

/// A change of the keys that waits for approvals.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proposal {
    /// Counts all proposals of the group.
    pub number: u64,
    /// What is proposed.
    pub act: Act,
    /// The client key that proposed it.
    pub proposer: u32,
    /// The client keys that have approved it, the proposer's among them.
    pub approved_by: BTreeSet<u32>,
    /// How many must approve it.
    pub needed: u8,
    /// When it is given up, in milliseconds since the Unix epoch.
    pub until_ms: u64,
}

/// Those that wait.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::keys) struct Proposals {
    /// The number of the latest one.
    latest: u64,
    waiting: BTreeMap<u64, Proposal>,
}

impl Proposal {
    /// The name of this very change at this place in that group: what an approval must name.
    #[must_use]
    pub fn digest(&self, group: Digest) -> Digest {
        let mut hasher = Hasher::new(PROPOSAL);
        hasher.update(group.as_bytes()).number(self.number);
        hasher.update(&self.act.to_bytes());
        hasher.finish()
    }

    /// How many more must approve it.
    #[must_use]
    pub fn missing(&self) -> usize {
        usize::from(self.needed).saturating_sub(self.approved_by.len())
    }
}

impl Proposals {
    pub(super) fn propose(
        &mut self,
        context: &Context,
        act: Act,
        needed: u8,
    ) -> Result<&Proposal, Refusal> {
        let client = context.client.key;
        let own = self.waiting.values().filter(|it| it.proposer == client);
        if self.waiting.len() >= PROPOSALS_MAX || own.count() >= PROPOSALS_PER_CLIENT_MAX {
            return Err(Refusal::TooManyProposals);
        }
        self.latest += 1;
        let proposal = Proposal {
            number: self.latest,
            act,
            proposer: client,
            approved_by: [client].into(),
            needed,
            until_ms: context.commit_time_ms.saturating_add(PROPOSAL_MS_MAX),
        };
        Ok(self.waiting.entry(self.latest).or_insert(proposal))
    }

    /// The proposal, if it waits for that client.
    pub(super) fn approvable(&self, client: u32, number: u64) -> Result<&Proposal, Refusal> {
        let proposal = self.waiting.get(&number).ok_or(Refusal::NoSuchProposal)?;
        match proposal.approved_by.contains(&client) {
            true => Err(Refusal::Approved),
            false => Ok(proposal),
        }
    }

    pub(super) fn approve(&mut self, client: u32, number: u64) -> Result<Proposal, Refusal> {
        let proposal = self.waiting.get_mut(&number);
        let proposal = proposal.ok_or(Refusal::NoSuchProposal)?;
        proposal.approved_by.insert(client);
        Ok(proposal.clone())
    }

    pub(super) fn remove(&mut self, number: u64) {
        self.waiting.remove(&number);
    }

    /// Gives up what nobody approved in time.
    pub(in crate::keys) fn tick(&mut self, now_ms: u64) {
        self.waiting
            .retain(|_, proposal| now_ms < proposal.until_ms);
    }

    /// In the order in which they were made.
    pub(in crate::keys) fn waiting(&self) -> impl Iterator<Item = &Proposal> {
        self.waiting.values()
    }
}

impl Wire for Proposal {
    fn encode(&self, w: &mut Writer) {
        w.u64(self.number);
        self.act.encode(w);
        w.u32(self.proposer);
        w.length(self.approved_by.len());
        self.approved_by.iter().for_each(|client| w.u32(*client));
        w.u8(self.needed);
        w.u64(self.until_ms);
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        const APPROVALS: &str = "approvals";
        let (number, act, proposer) = (r.u64()?, Act::decode(r)?, r.u32()?);
        let mut approved_by = BTreeSet::new();
        for _ in 0..r.length(APPROVALS, u8::MAX.into())? {
            let client = r.u32()?;
            if approved_by.last().is_some_and(|last| *last >= client) {
                return Err(DecodeError::Invalid { field: APPROVALS });
            }
            approved_by.insert(client);
        }
        Ok(Self {
            number,
            act,
            proposer,
            approved_by,
            needed: r.u8()?,
            until_ms: r.u64()?,
        })
    }
}

impl Wire for Proposals {
    fn encode(&self, w: &mut Writer) {
        w.u64(self.latest);
        w.length(self.waiting.len());
        self.waiting.values().for_each(|own| own.encode(w));
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        const PROPOSALS: &str = "proposals";
        let latest = r.u64()?;
        let mut waiting = BTreeMap::new();
        for _ in 0..r.length(PROPOSALS, PROPOSALS_MAX)? {
            let proposal = Proposal::decode(r)?;
            put_in_order(&mut waiting, proposal.number, proposal, PROPOSALS)?;
        }
        Ok(Self { latest, waiting })
    }
}
