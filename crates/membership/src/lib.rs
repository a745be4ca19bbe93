//! Site failure detector (SF) and site membership (SM) of the blueprint.
//!
//! | module | subject |
//! |---|---|
//! | [`detector`] | local, revocable suspicion of sites that are late, and the convicted |
//! | [`View`], [`Change`] | who is in the group in an epoch, and what makes the next view of it |

pub mod detector;

mod change;
mod member;
mod view;
mod wire;

pub use change::{Change, ChangeError, EDITS_MAX, Edit, Next};
pub use member::{Member, NAME_BYTES_MAX, is_name};
pub use view::{View, ViewError};
