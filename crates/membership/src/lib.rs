//! Site failure detector (SF) and site membership (SM) of the blueprint.
//!
//! | module | subject |
//! |---|---|
//! | [`detector`] | local, revocable suspicion of sites that are late or rude, and the convicted |
//! | [`accusations`] | suspicion that f+1 sites have put into the log |
//! | [`evidence`] | proofs in the log, and files that convince outsiders |

pub mod accusations;
pub mod detector;
pub mod evidence;
