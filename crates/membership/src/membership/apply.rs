use maftia_activity::replication::Context;
use maftia_codec::{Bytes, Wire as _};
use maftia_types::{SiteId, SiteSet};

use super::operation::{Answer, Operation, Phase, Refusal, Standing, State, Underway};
use super::proposal::{Pending, Proposal};
use super::{Membership, PROPOSALS_MAX, PROPOSALS_PER_CLIENT_MAX};
use crate::change::{Change, Edit};
use crate::member::Member;

/// Who asks, and what else of the ordered state the answer depends on.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Whose request it is, and when it was ordered.
    pub context: &'a Context,
    /// Whether this client has the power over members.
    pub power: bool,
    /// Whether a proof against the site of this seat is in the log.
    pub convicted: &'a dyn Fn(SiteId) -> bool,
    /// Whether a joiner's name or key is already a client's.
    pub reserved: &'a dyn Fn(&Member) -> bool,
}

impl Membership {
    /// Executes an [`Operation`] and gives the encoded [`Answer`]. Total, as a state machine is. The
    /// answer to a proposal or an approval says whether the change is under way from now on.
    pub fn apply(&mut self, asked: &Asked<'_>, operation: &Bytes) -> Vec<u8> {
        let answer = match Operation::from_bytes(operation.clone()) {
            Ok(operation) => self.answer(asked, operation),
            Err(_) => Err(Refusal::Malformed),
        };
        let answer = answer.unwrap_or_else(Answer::Refused);
        answer.to_bytes().to_vec()
    }

    fn answer(&mut self, asked: &Asked<'_>, operation: Operation) -> Result<Answer, Refusal> {
        match operation {
            Operation::Show => Ok(Answer::State(Box::new(self.shown()))),
            Operation::History => Ok(Answer::History(self.history().cloned().collect())),
            _ if !asked.power => Err(Refusal::NotAuthorised),
            Operation::Propose(change) => self.propose(asked, change),
            Operation::Approve(proposal) => self.approve(asked, proposal),
            Operation::Withdraw(proposal) => self.withdraw(asked, proposal),
        }
    }

    fn propose(&mut self, asked: &Asked<'_>, change: Change) -> Result<Answer, Refusal> {
        self.refuse_if_busy()?;
        self.view.change(&change)?;
        if let Some(joiner) = change.joiners().find(|joiner| (asked.reserved)(joiner)) {
            return Err(Refusal::Reserved(joiner.name.clone()));
        }
        self.refuse_unproven(asked, &change)?;
        let mut open = self.proposals.iter();
        let same = open.find(|(_, proposal)| proposal.change == change);
        if let Some((&proposal, _)) = same {
            let standing = self.agree(asked, proposal)?;
            return Ok(Answer::Proposed { proposal, standing });
        }
        let client = asked.context.client.key;
        let own = self.proposals.values();
        let own = own.filter(|proposal| proposal.approvals.first() == Some(&client));
        if self.proposals.len() >= PROPOSALS_MAX || own.count() >= PROPOSALS_PER_CLIENT_MAX {
            return Err(Refusal::TooManyProposals);
        }
        let proposal = self.next_proposal;
        self.next_proposal += 1;
        let new = Proposal {
            change,
            approvals: vec![client],
            since_ms: asked.context.commit_time_ms,
        };
        self.proposals.insert(proposal, new);
        let standing = self.agree(asked, proposal)?;
        Ok(Answer::Proposed { proposal, standing })
    }

    fn approve(&mut self, asked: &Asked<'_>, proposal: u64) -> Result<Answer, Refusal> {
        self.find(proposal)?;
        self.refuse_if_busy()?;
        let standing = self.agree(asked, proposal)?;
        Ok(Answer::Approved { proposal, standing })
    }

    fn withdraw(&mut self, asked: &Asked<'_>, proposal: u64) -> Result<Answer, Refusal> {
        let found = self.find(proposal)?;
        if found.approvals.first() != Some(&asked.context.client.key) {
            return Err(Refusal::NotYours);
        }
        self.proposals.remove(&proposal);
        Ok(Answer::Withdrawn(proposal))
    }

    /// Counts the client's approval, once, and sets the change under way if that is enough.
    fn agree(&mut self, asked: &Asked<'_>, number: u64) -> Result<Standing, Refusal> {
        let client = asked.context.client.key;
        let proposal = self.proposals.get_mut(&number);
        let proposal = proposal.ok_or(Refusal::NoSuchProposal)?;
        if !proposal.approvals.contains(&client) {
            proposal.approvals.push(client);
        }
        let proposal = proposal.clone();
        let missing = self.missing(&proposal);
        if missing > 0 && !self.is_self_evident(asked, &proposal.change) {
            return Ok(Standing::Missing(missing));
        }
        let next = self.view.change(&proposal.change)?;
        self.proposals.remove(&number);
        self.pending = Some(Pending {
            proposal: number,
            change: proposal.change,
            approvals: proposal.approvals,
            since_ms: asked.context.commit_time_ms,
            next,
            ready: SiteSet::EMPTY,
        });
        Ok(Standing::Authorised)
    }

    fn missing(&self, proposal: &Proposal) -> u8 {
        let given = u8::try_from(proposal.approvals.len()).unwrap_or(u8::MAX);
        self.policy.approvals.get().saturating_sub(given)
    }

    /// A change that does nothing but take the seats of convicted sites needs nobody's judgement:
    /// the proof is in the log. Who comes in their place can do no more than they could.
    fn is_self_evident(&self, asked: &Asked<'_>, change: &Change) -> bool {
        let f = self.view.resilience().intruded_max();
        let keeps_f = change.f.is_none_or(|new| usize::from(new) == f);
        let convicted = |edit: &Edit| {
            let leaver = edit.leaver().and_then(|name| self.view.seat_named(name));
            leaver.is_some_and(|seat| (asked.convicted)(seat))
        };
        keeps_f && change.edits.iter().all(convicted)
    }

    /// Correction 15: accusations exclude nobody. A site that is not convicted leaves only as another
    /// one joins, or as somebody says in so many words which f is left.
    fn refuse_unproven(&self, asked: &Asked<'_>, change: &Change) -> Result<(), Refusal> {
        if change.f.is_some() {
            return Ok(());
        }
        let added = change.edits.iter();
        let added = added.filter(|edit| matches!(edit, Edit::Add(_))).count();
        let unproven = change.edits.iter().filter_map(|edit| match edit {
            Edit::Remove(name) => Some(name),
            Edit::Add(_) | Edit::Replace { .. } => None,
        });
        let is_convicted = |name: &str| {
            let seat = self.view.seat_named(name);
            seat.is_some_and(|seat| (asked.convicted)(seat))
        };
        let unpaired = unproven.filter(|name| !is_convicted(name)).nth(added);
        match unpaired {
            Some(name) => Err(Refusal::Unproven(name.clone())),
            None => Ok(()),
        }
    }

    fn refuse_if_busy(&self) -> Result<(), Refusal> {
        match &self.pending {
            Some(pending) => Err(Refusal::Busy(pending.proposal)),
            None => Ok(()),
        }
    }

    fn find(&self, proposal: u64) -> Result<&Proposal, Refusal> {
        if proposal < self.void_below {
            return Err(Refusal::StaleView);
        }
        let found = self.proposals.get(&proposal);
        found.ok_or(Refusal::NoSuchProposal)
    }

    fn shown(&self) -> State {
        let n = self.view.members().len();
        let underway = self.pending.as_ref().map(|pending| Underway {
            proposal: pending.proposal,
            change: pending.change.clone(),
            approvals: pending.approvals.clone(),
            since_ms: pending.since_ms,
            phase: match pending.awaited(n) {
                awaited if awaited.is_empty() => Phase::Sharing,
                awaited => Phase::Joining(awaited),
            },
        });
        let proposals = self.proposals.iter();
        State {
            view: self.view.clone(),
            origin: self.origin,
            policy: self.policy,
            underway,
            proposals: proposals
                .map(|(id, proposal)| (*id, proposal.clone()))
                .collect(),
        }
    }
}
