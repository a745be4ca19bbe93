//! Groups on this machine, for `demo`, `dev` and `bench`: real site processes with real sockets
//! and files, watched and restarted.

mod child;
mod orders;
mod supervisor;

pub(crate) use orders::{Attack, Order, Orders};
pub(crate) use supervisor::{Supervisor, start};
