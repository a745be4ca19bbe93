use std::fmt;

use maftia_types::Time;

use crate::Violation;

/// What a run that kept all promises looked like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Hash of everything that happened.
    pub trace: u64,
    /// When faults ended.
    pub healed: Time,
    /// When all was done.
    pub ended: Time,
    /// What happened how often. Campaigns assert that rare things happened at all.
    pub counters: Counters,
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// How often things happened.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counters {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counters {
            /// Adds those of another run.
            pub fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)*
            }
        }
    };
}

counters! {
    /// Things taken from the event queue.
    events,
    /// Messages handled by a replica, those to itself included.
    delivered,
    /// Messages lost to links, cuts, crashes and sites that were down.
    lost,
    /// Messages that a link delivered twice.
    duplicated,
    /// Messages refused by [`Subject::verify`](crate::Subject::verify).
    refused,
    /// Timeouts fed.
    timeouts,
    /// Commands that reached a replica.
    commands,
    /// Outputs of correct sites.
    outputs,
    /// Records written by correct sites.
    records,
    /// Records lost by crashes.
    records_lost,
    /// Syncs that ended.
    syncs,
    /// Sites that crashed, by whatever cause.
    crashes,
    /// Of them, while a sync was under way.
    crashes_writing,
    /// Power losses.
    power_losses,
    /// Disks wiped.
    wipes,
    /// Partitions.
    partitions,
    /// Pauses.
    pauses,
    /// Messages sent by the intruder.
    tampered,
}

/// A run that broke a promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The seed it is run again with.
    pub seed: u64,
    /// When.
    pub at: Time,
    /// Hash of everything up to then.
    pub trace: u64,
    /// Which promise, and how.
    pub violation: Violation,
    /// What happened how often.
    pub counters: Counters,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "seed {}: {} (at {:?}, after {} events, trace {:016x})",
            self.seed, self.violation, self.at, self.counters.events, self.trace
        )
    }
}

impl std::error::Error for Failure {}
