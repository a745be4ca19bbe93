//! Groups on this machine, for `demo`, `dev` and `bench`: real site processes with real sockets
//! and files, watched and restarted.

mod child;
mod group;
mod network;
mod orders;
mod route;
mod supervisor;

pub(crate) use group::{AGENT, LOAD, LocalGroup, Shape, free_addresses};
pub(crate) use orders::Attack;
pub(crate) use route::{AttackRequest, router};
