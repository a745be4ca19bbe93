//! Sessions in general: bounds, versions, restored states. What they are for is tested beside it.

mod epochs;
mod limits;
mod states;
pub(in crate::keys) mod world;
