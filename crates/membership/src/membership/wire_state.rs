use core::num::NonZeroU8;
use std::collections::{BTreeMap, VecDeque};

use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_types::{Digest, Epoch, SiteSet};

use super::operation::{Phase, State, Underway};
use super::proposal::{Cause, Entry, Outcome, Pending, Policy, Proposal};
use super::{HISTORY_MAX, Membership, Origin, PROPOSALS_MAX};
use crate::change::{Change, EDITS_MAX};
use crate::view::View;
use crate::wire;

/// A policy asks for at most so many.
const APPROVALS_MAX: usize = 255;

const INVALID: DecodeError = DecodeError::Invalid {
    field: "membership",
};

impl Wire for Policy {
    fn encode(&self, w: &mut Writer) {
        w.u8(self.approvals.get());
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        let approvals = NonZeroU8::new(r.u8()?).ok_or(INVALID)?;
        Ok(Self { approvals })
    }
}

impl Wire for Origin {
    fn encode(&self, w: &mut Writer) {
        w.u64(self.commit);
        w.digest(&self.chain);
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            commit: r.u64()?,
            chain: r.digest()?,
        })
    }
}

impl Wire for Proposal {
    fn encode(&self, w: &mut Writer) {
        self.change.encode(w);
        approvals(w, &self.approvals);
        w.u64(self.since_ms);
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        let change = Change::decode(r)?;
        Ok(Self {
            approvals: read_approvals_of(&change, r)?,
            change,
            since_ms: r.u64()?,
        })
    }
}

impl Wire for Entry {
    fn encode(&self, w: &mut Writer) {
        w.u64(self.proposal);
        self.change.encode(w);
        approvals(w, &self.approvals);
        w.u64(self.commit);
        w.u64(self.time_ms);
        match &self.outcome {
            Outcome::Aborted(Cause::NotPrepared) => w.u8(1),
            Outcome::Aborted(Cause::NotReady(joiners)) => {
                w.u8(2);
                names(w, joiners);
            }
            Outcome::Entered(epoch) => {
                w.u8(3);
                w.epoch(*epoch);
            }
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        let (proposal, change) = (r.u64()?, Change::decode(r)?);
        Ok(Self {
            proposal,
            approvals: read_approvals_of(&change, r)?,
            change,
            commit: r.u64()?,
            time_ms: r.u64()?,
            outcome: match r.u8()? {
                1 => Outcome::Aborted(Cause::NotPrepared),
                2 => Outcome::Aborted(Cause::NotReady(read_names(r)?)),
                3 => Outcome::Entered(r.epoch()?),
                _ => return Err(INVALID),
            },
        })
    }
}

impl Wire for Underway {
    fn encode(&self, w: &mut Writer) {
        w.u64(self.proposal);
        self.change.encode(w);
        approvals(w, &self.approvals);
        w.u64(self.since_ms);
        match &self.phase {
            Phase::Joining(awaited) => {
                w.u8(1);
                names(w, awaited);
            }
            Phase::Sharing => w.u8(2),
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        let (proposal, change) = (r.u64()?, Change::decode(r)?);
        Ok(Self {
            proposal,
            approvals: read_approvals_of(&change, r)?,
            change,
            since_ms: r.u64()?,
            phase: match r.u8()? {
                1 => Phase::Joining(read_names(r)?),
                2 => Phase::Sharing,
                _ => return Err(INVALID),
            },
        })
    }
}

impl Wire for State {
    fn encode(&self, w: &mut Writer) {
        self.view.encode(w);
        self.origin.encode(w);
        self.policy.encode(w);
        w.option(self.underway.as_ref());
        let proposals = self.proposals.iter();
        numbered(w, proposals.map(|(number, proposal)| (*number, proposal)));
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            view: View::decode(r)?,
            origin: Origin::decode(r)?,
            policy: Policy::decode(r)?,
            underway: r.option()?,
            proposals: read_numbered(r)?,
        })
    }
}

impl Wire for Membership {
    fn encode(&self, w: &mut Writer) {
        self.policy.encode(w);
        self.view.encode(w);
        self.origin.encode(w);
        w.u64(self.next_proposal);
        w.u64(self.void_below);
        let proposals = self.proposals.iter();
        numbered(w, proposals.map(|(number, proposal)| (*number, proposal)));
        w.bool(self.pending.is_some());
        if let Some(pending) = &self.pending {
            w.u64(pending.proposal);
            self::approvals(w, &pending.approvals);
            pending.change.encode(w);
            w.u64(pending.since_ms);
            w.u64(pending.ready.bits());
        }
        w.length(self.history.len());
        self.history.iter().for_each(|entry| entry.encode(w));
    }

    /// Refuses what [`Membership::apply`] would never have made: a proposal or a pending change that
    /// makes no view of the present one, numbers out of order, READY of who does not join.
    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        let policy = Policy::decode(r)?;
        let view = View::decode(r)?;
        let origin = Origin::decode(r)?;
        let begins = origin.commit == 0;
        let is_first = view.epoch() == Epoch(0);
        // The first epoch of a restored group begins where that of another group has ended.
        if is_first && begins != (origin.chain == Digest::ZERO) {
            return Err(INVALID);
        }
        let (next_proposal, void_below) = (r.u64()?, r.u64()?);
        let proposals: BTreeMap<u64, Proposal> = read_numbered(r)?.into_iter().collect();
        let fits = |proposal: &Proposal| view.change(&proposal.change).is_ok();
        let open = void_below..next_proposal;
        let in_range = proposals.keys().all(|number| open.contains(number));
        if void_below == 0 || void_below > next_proposal || !in_range {
            return Err(INVALID);
        }
        if !proposals.values().all(fits) {
            return Err(INVALID);
        }
        let pending = match r.bool()? {
            true => Some(read_pending(&view, r)?),
            false => None,
        };
        if pending
            .as_ref()
            .is_some_and(|pending| !open.contains(&pending.proposal))
        {
            return Err(INVALID);
        }
        let history: VecDeque<Entry> = r.list("history", HISTORY_MAX)?.into();
        Ok(Self {
            policy,
            view,
            origin,
            next_proposal,
            void_below,
            proposals,
            pending,
            history,
        })
    }
}

fn read_pending(view: &View, r: &mut Reader) -> Result<Pending, DecodeError> {
    let (proposal, approvals) = (r.u64()?, read_approvals(r)?);
    let change = Change::decode(r)?;
    check_approvals(&change, &approvals)?;
    let next = view.next(&change).map_err(|_| INVALID)?;
    let pending = Pending {
        proposal,
        approvals,
        change,
        next,
        since_ms: r.u64()?,
        ready: SiteSet::from_bits(r.u64()?),
    };
    let joiners = pending.joiner_ids(view.members().len());
    if pending.ready.union(joiners) != joiners {
        return Err(INVALID);
    }
    Ok(pending)
}

fn numbered<'a>(w: &mut Writer, proposals: impl ExactSizeIterator<Item = (u64, &'a Proposal)>) {
    w.length(proposals.len());
    for (number, proposal) in proposals {
        w.u64(number);
        proposal.encode(w);
    }
}

fn read_numbered(r: &mut Reader) -> Result<Vec<(u64, Proposal)>, DecodeError> {
    let mut proposals: Vec<(u64, Proposal)> = Vec::new();
    for _ in 0..r.length("proposals", PROPOSALS_MAX)? {
        let number = r.u64()?;
        if proposals.last().is_some_and(|(last, _)| *last >= number) {
            return Err(INVALID);
        }
        proposals.push((number, Proposal::decode(r)?));
    }
    Ok(proposals)
}

fn approvals(w: &mut Writer, clients: &[u32]) {
    w.length(clients.len());
    clients.iter().for_each(|client| w.u32(*client));
}

fn read_approvals_of(change: &Change, r: &mut Reader) -> Result<Vec<u32>, DecodeError> {
    let approvals = read_approvals(r)?;
    check_approvals(change, &approvals)?;
    Ok(approvals)
}

/// At least that of who proposed; a renewal is nobody's.
const fn check_approvals(change: &Change, approvals: &[u32]) -> Result<(), DecodeError> {
    if change.is_renewal() == approvals.is_empty() {
        Ok(())
    } else {
        Err(INVALID)
    }
}

/// Nobody's twice.
fn read_approvals(r: &mut Reader) -> Result<Vec<u32>, DecodeError> {
    let mut clients = Vec::new();
    for _ in 0..r.length("approvals", APPROVALS_MAX)? {
        let client = r.u32()?;
        if clients.contains(&client) {
            return Err(INVALID);
        }
        clients.push(client);
    }
    Ok(clients)
}

fn names(w: &mut Writer, names: &[String]) {
    w.length(names.len());
    names.iter().for_each(|name| wire::name(w, name));
}

fn read_names(r: &mut Reader) -> Result<Vec<String>, DecodeError> {
    let length = r.length("joiners", EDITS_MAX)?;
    (0..length).map(|_| wire::read_name(r)).collect()
}
