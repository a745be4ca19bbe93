//! A seeded world of links, disks, faults and intruders for anything that speaks the contract.
//!
//! A [`World`] drives the replicas of one group through one run: virtual time, links that delay,
//! lose, duplicate and reorder, disks that lose what was not synced, clocks that disagree, sites
//! that crash, stand still or are wiped, partitions, clients, and an intruder who owns some of the
//! sites. Everything is drawn from one seed; the same seed gives the same run, and [`check`] runs
//! each seed twice to make sure.
//!
//! A run has two phases. While faults are on, every [`Property`] is checked after each step. Then
//! the world heals (links are perfect, all sites are up, the corrupted ones stay corrupted) and
//! must reach [`Environment::done`] and [`Property::done`] within a bound; else the stuck
//! conditions are reported by name.
//!
//! # What is yours to write
//! * a [`Subject`]: how a replica is built from its disk, and fingerprints for the trace;
//! * an [`Environment`]: the clients, and when they are content;
//! * [`Property`] objects: the promises;
//! * lies for [`Rude`], or an [`Adversary`] of your own.
//!
//! Run it also with f + 1 corrupted sites and with planted bugs ([`caught`]): a checker that cannot
//! fail is not a checker.
//!
//! # Model
//! * A correct site performs a step as `maftia_protocol` demands: messages that may leave at once
//!   do; the others and the outputs wait until the records of this and all earlier steps are
//!   durable. Syncs are group commits of random length.
//! * A crash loses the volatile state, the effects that wait, all but a random prefix of the
//!   unsynced records, and with even odds each message of the last [`SEND_BUFFER`].
//! * Links are authenticated: the intruder cannot speak for a correct site.
//! * A step takes no time of its own. Corrupted sites neither crash nor wait for disks.

mod adversary;
mod check;
mod clock;
mod cut;
mod dice;
mod disk;
mod environment;
mod incidents;
mod link;
mod outside;
mod perform;
mod plan;
mod property;
mod queue;
mod report;
mod rude;
mod setup;
mod site;
mod subject;
mod trace;
mod traffic;
mod world;

pub use adversary::{Adversary, Fate, Nobody, Turn};
pub use check::{CheckError, Statistics, caught, check};
pub use clock::ClockModel;
pub use cut::Cut;
pub use dice::Dice;
pub use disk::{DiskModel, Honesty};
pub use environment::{Context, Environment};
pub use incidents::SEND_BUFFER;
pub use link::{Carriage, LinkModel, Order};
pub use plan::{Inbox, Incident, Plan, PlanOptions};
pub use property::{BlameSoundness, Observation, Property, Violation};
pub use report::{Counters, Failure, Report};
pub use rude::{Forge, ForgeOutput, Manners, Rude};
pub use setup::Setup;
pub use subject::{Boot, Item, Subject};
pub use trace::{fingerprint_of_bytes, fingerprint_of_debug};
pub use world::World;
