//! Suspicion: local, revocable, never an input of safety.

mod threshold;

pub use threshold::{Bounds, Threshold};
