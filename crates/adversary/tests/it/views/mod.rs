//! Whole sites in the simulated world while their group changes: sites are replaced, added and
//! removed, n and f grow and shrink, changes are given up, and the storm goes on.
//!
//! The world knows machines by numbers that never change; a replica knows sites by their seat in the
//! present view. [`Host`](host::Host) is the driver between the two, as the daemon is: it knows
//! machines by their keys. Machines that are no members yet stand in the world from the start, with
//! nothing on their disks, until the operator sets them up.

mod campaigns;
mod case;
mod estate;
mod history;
mod host;
mod operator;
mod planted;
mod properties;
mod script;
mod seats;
mod usurper;

pub(crate) use seats::SEATS;
