//! Site failure detector (SF) and site membership (SM) of the blueprint.
//!
//! | module | subject |
//! |---|---|
//! | [`detector`] | local, revocable suspicion of sites that are late or rude, and the convicted |
//! | [`evidence`] | proofs in the log, and files that convince outsiders |

pub mod detector;
pub mod evidence;
