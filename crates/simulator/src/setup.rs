use maftia_types::{Duration, Time};

use crate::{ClockModel, DiskModel, LinkModel, Plan};

/// Everything about a run but the code that runs in it.
#[derive(Clone, Debug)]
pub struct Setup {
    /// n.
    pub sites: usize,
    /// Of all chance in the world. Draw the fields below from [`Dice::new`](crate::Dice::new) of
    /// the same seed.
    pub seed: u64,
    /// Between sites, while faults are on.
    pub links: LinkModel,
    /// From clients to sites, while faults are on.
    pub client_links: LinkModel,
    /// Of all sites.
    pub disks: DiskModel,
    /// Of all sites.
    pub clocks: ClockModel,
    /// What goes wrong.
    pub plan: Plan,
    /// When the world heals at the latest. It heals earlier once the plan is through and all is
    /// done. Incidents planned for later never happen.
    pub heal_at: Time,
    /// How long after that all must be done.
    pub liveness_bound: Duration,
    /// How many events a run may have: the bound on a protocol that spins.
    pub events_max: u64,
    /// Whether to write the log for people. Slow.
    pub keep_log: bool,
}

impl Setup {
    /// A quiet world: nothing goes wrong unless fields are changed.
    pub const fn quiet(sites: usize, seed: u64) -> Self {
        Self {
            sites,
            seed,
            links: LinkModel::PERFECT,
            client_links: LinkModel::PERFECT,
            disks: DiskModel::ORDINARY,
            clocks: ClockModel::EXACT,
            plan: Plan(Vec::new()),
            heal_at: Time::from_nanos(10_000_000_000),
            liveness_bound: Duration::from_secs(60),
            events_max: 10_000_000,
            keep_log: false,
        }
    }
}
