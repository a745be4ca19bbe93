//! Site failure detector (SF) and site membership (SM) of the blueprint.
//!
//! | module | subject |
//! |---|---|
//! | [`detector`] | local, revocable suspicion of sites that are late, and the convicted |
//! | [`View`], [`Change`] | who is in the group in an epoch, and what makes the next view of it |
//! | [`Membership`] | the ordered state: proposals, approvals, the change under way, history |
//! | [`Handover`], [`Certificate`], [`follow`] | what an epoch's sites say of the next one, for those who were not there |

pub mod detector;

mod chain;
mod change;
mod collector;
mod handover;
mod member;
mod membership;
mod view;
mod wire;

pub use chain::{ChainError, follow};
pub use change::{Change, ChangeError, EDITS_MAX, Edit, Next};
pub use collector::{Collector, Misbehaviour};
pub use handover::{Certificate, CertificateError, Handover, Statement, Vote};
pub use member::{Member, NAME_BYTES_MAX, is_name};
pub use membership::{
    Aborted, Answer, Asked, Cause, Entry, HISTORY_MAX, MEMBERSHIP, Membership, Operation, Origin,
    Outcome, PENDING_MS, PROPOSAL_MS, PROPOSALS_MAX, PROPOSALS_PER_CLIENT_MAX, Pending, Phase,
    Policy, Proposal, READY_MS, Refusal, Standing, State, Underway,
};
pub use view::{View, ViewError};
