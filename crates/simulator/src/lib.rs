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
//!
//! # Example
//! Four sites greet one another over links that lose nothing.
//! ```
//! use maftia_protocol::{Event, Protocol, Step, Target};
//! use maftia_simulator::{
//!     Boot, Context, Environment, Item, Nobody, Setup, Subject, World, check, fingerprint_of_debug,
//! };
//! use maftia_types::{SiteId, Time};
//!
//! struct Greeter;
//! impl Protocol for Greeter {
//!     type Command = ();
//!     type Message = &'static str;
//!     type Output = SiteId;
//!     type Record = ();
//!     type Misbehaviour = ();
//!     type Error = ();
//!     fn command(&mut self, _: Time, (): ()) -> Result<Step<Self>, ()> {
//!         Err(())
//!     }
//!     fn handle(&mut self, _: Time, event: Event<&'static str>) -> Step<Self> {
//!         let mut step = Step::none();
//!         if let Event::Message { from, .. } = event {
//!             step.outputs.push(from);
//!         }
//!         step
//!     }
//! }
//!
//! struct Greeters;
//! impl Subject for Greeters {
//!     type Protocol = Greeter;
//!     fn boot(&mut self, _: Boot<'_, ()>) -> (Greeter, Step<Greeter>) {
//!         let mut step = Step::none();
//!         step.send(Target::All, "hello");
//!         (Greeter, step)
//!     }
//!     fn fingerprint(&self, item: Item<'_, Greeter>) -> u64 {
//!         match item {
//!             Item::Message(message) => fingerprint_of_debug(message),
//!             Item::Output(from) => u64::from(from.as_u8()),
//!             Item::Command(()) | Item::Record(()) => 0,
//!         }
//!     }
//! }
//!
//! struct Guests(usize);
//! impl Environment<Greeter> for Guests {
//!     fn on_output(&mut self, _: &mut Context<'_, Greeter>, _: SiteId, _: SiteId) {
//!         self.0 += 1;
//!     }
//!     fn on_timer(&mut self, _: &mut Context<'_, Greeter>) {}
//!     fn next_timer(&self) -> Option<Time> {
//!         None
//!     }
//!     fn done(&self) -> bool {
//!         self.0 == 16
//!     }
//!     fn stuck(&self) -> String {
//!         format!("{} of 16 greetings", self.0)
//!     }
//! }
//!
//! let run = |seed| World::new(Setup::quiet(4, seed), Greeters, Guests(0), Nobody).run();
//! assert_eq!(check("greeting", 0..100, run)?.seeds, 100);
//! # Ok::<(), maftia_simulator::CheckError>(())
//! ```

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
