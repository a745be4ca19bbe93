//! Site failure detector (SF) and site membership (SM) of the blueprint.
//!
//! | module | subject |
//! |---|---|
//! | [`detector`] | local, revocable suspicion of sites that are late, and the convicted |

pub mod detector;
