//! Site failure detector (SF) and site membership (SM) of the blueprint.
//!
//! | module | subject |
//! |---|---|
//! | [`evidence`] | proofs in the log, and files that convince outsiders |

pub mod evidence;
