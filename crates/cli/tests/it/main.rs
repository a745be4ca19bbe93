//! The program as a user runs it: real processes with real sockets and files, on loopback.
//!
//! The tests run one after the other (see [`harness::alone`]): each starts several processes.
//! `MAFTIA_SLOW=1` turns the long variants on.

mod demo;
mod dev;
mod disk;
mod exits;
mod files;
mod harness;
mod intrusion;
mod load;
mod loss;
mod ports;
mod raw;
