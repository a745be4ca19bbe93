use super::proposal::{Entry, Policy, Proposal};
use super::{Origin, PROPOSALS_MAX, PROPOSALS_PER_CLIENT_MAX};
use crate::change::{Change, ChangeError};
use crate::view::View;

/// First byte of what is for membership, among a group's operations; an [`Operation`] follows. Those
/// of the store and of the keyed services begin otherwise.
pub const MEMBERSHIP: u8 = 0x41;

/// What a client asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Operation {
    /// Agree to the open proposal of this number. Twice counts once.
    Approve(u64),
    /// Changes made and aborted. Anybody may ask.
    History,
    /// Change the view. Counts as an approval, also of an equal proposal that is open.
    Propose(Change),
    /// The view, the change under way, and the open proposals. Anybody may ask.
    Show,
    /// Take back an open proposal of one's own.
    Withdraw(u64),
}

/// The answer to an [`Operation`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// To [`Operation::Approve`].
    Approved {
        /// The proposal's number.
        proposal: u64,
        /// How it stands now.
        standing: Standing,
    },
    /// To [`Operation::History`], the oldest first.
    History(Vec<Entry>),
    /// To [`Operation::Propose`].
    Proposed {
        /// The proposal's number: a new one, or that of an equal proposal that was open.
        proposal: u64,
        /// How it stands now.
        standing: Standing,
    },
    /// Nothing was done.
    Refused(Refusal),
    /// To [`Operation::Show`].
    State(Box<State>),
    /// To [`Operation::Withdraw`].
    Withdrawn(u64),
}

/// How a proposal stands after an approval.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// The change is under way.
    Authorised,
    /// So many client keys more must approve.
    Missing(u8),
}

/// What [`Operation::Show`] shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct State {
    /// The present view.
    pub view: View,
    /// Where its epoch began.
    pub origin: Origin,
    /// Who must agree to a change.
    pub policy: Policy,
    /// The change under way.
    pub underway: Option<Underway>,
    /// The open proposals by number.
    pub proposals: Vec<(u64, Proposal)>,
}

/// The change under way, as shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Underway {
    /// The proposal's number.
    pub proposal: u64,
    /// What was proposed, or a renewal.
    pub change: Change,
    /// The client keys that approved it, the one that proposed it first; none of a renewal.
    pub approvals: Vec<u32>,
    /// When it was authorised, in commit time; [`super::READY_MS`] and [`super::PENDING_MS`] count
    /// from here.
    pub since_ms: u64,
    /// What it waits for.
    pub phase: Phase,
}

/// What the change under way waits for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Phase {
    /// For these joiners to say READY.
    Joining(Vec<String>),
    /// For the keys to be shared to the next view.
    Sharing,
}

/// Why nothing was done.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Another change is under way: that of this proposal.
    #[error("the change of proposal {0} is under way; one at a time")]
    Busy(u64),
    /// The change makes no view of the present one.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The bytes are no operation.
    #[error("the bytes are no operation")]
    Malformed,
    /// There is no such open proposal.
    #[error("there is no such open proposal")]
    NoSuchProposal,
    /// The client has no power over members.
    #[error("this client has no power over members")]
    NotAuthorised,
    /// It is another client's proposal.
    #[error("only the client that made a proposal withdraws it")]
    NotYours,
    /// A joiner has the name or the key of a client.
    #[error("the name or the key of `{0}` is a client's")]
    Reserved(String),
    /// The proposal was about a former view.
    #[error("the proposal was about a former view; look at the present one and propose again")]
    StaleView,
    /// As many proposals are open as may be, in all or of this client.
    #[error(
        "{PROPOSALS_MAX} proposals are open, or {PROPOSALS_PER_CLIENT_MAX} of this client; withdraw one"
    )]
    TooManyProposals,
    /// A site that is not convicted leaves, and nobody joins in its place.
    #[error(
        "`{0}` is not convicted: let another site join in its place, or say which f is to be left"
    )]
    Unproven(String),
}
