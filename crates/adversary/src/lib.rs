//! What an intruder does with a site he owns.

mod intruder;

pub use intruder::{Behaviour, Intruder};
