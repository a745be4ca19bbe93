//! Site failure detector (SF) and site membership (SM) of the blueprint.
//!
//! | module | subject |
//! |---|---|
//! | [`detector`] | local, revocable suspicion of sites that are late or rude, and the convicted |
//! | [`accusations`] | suspicion that f+1 sites have put into the log |
//! | [`evidence`] | proofs in the log, and files that convince outsiders |
//! | [`View`], [`Change`] | who is in the group in an epoch, and what makes the next view of it |
//! | [`membership`] | the ordered state: proposals, approvals, the change under way, history |
//! | [`handover`] | what an epoch's sites say of the next one, for those who were not there |

pub mod accusations;
pub mod detector;
pub mod evidence;
pub mod handover;
pub mod membership;

mod change;
mod member;
#[cfg(test)]
mod samples;
mod view;
mod wire;

pub use change::{Change, ChangeError, EDITS_MAX, Edit, Next};
pub use handover::{Certificate, Handover, follow};
pub use member::{Member, NAME_BYTES_MAX, is_name};
pub use membership::{MEMBERSHIP, Membership};
pub use view::{View, ViewError};
