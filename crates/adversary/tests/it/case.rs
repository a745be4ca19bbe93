//! One kind of world, and one run of a seed in it.

use std::rc::Rc;

use maftia_adversary::Attack;
use maftia_ordering::{CheckpointPolicy, Pacing, Parameters};
use maftia_replica::{Limits, Settings};
use maftia_simulator::{
    Carriage, ClockModel, Cut, Dice, DiskModel, Failure, Incident, LinkModel, Plan, PlanOptions,
    Report, Setup, World,
};
use maftia_types::{Digest, Duration, Epoch, FaultModel, Resilience, SiteId, SiteSet, Time};

use crate::book::{Shared, Sometimes};
use crate::clients::{Audience, Clients, Load};
use crate::devices::Devices;
use crate::intruder::Intruder;
use crate::properties::{Convergence, Durability, Sanity, Signed, TotalOrder};
use crate::site::{Asynchrony, Blueprint, Keys, Site, correct};

/// The rounds that every run reaches.
const ROUNDS: u64 = 60;

/// What befalls the group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Weather {
    /// Crashes, pauses, partitions and power losses, on any links.
    Storm,
    /// One site is away for so long that the others have forgotten what it lacks.
    Sleeper,
}

/// Instead of a storm's links and incidents: those of one row of network faults.
pub(crate) type Network = fn(&mut Setup, &mut Dice);

/// One kind of run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) n: usize,
    pub(crate) model: FaultModel,
    pub(crate) corrupted: usize,
    pub(crate) weather: Weather,
    pub(crate) keys: Keys,
    pub(crate) fast_path: bool,
    pub(crate) asynchrony: Asynchrony,
    /// None draws one per seed.
    pub(crate) attack: Option<Attack>,
    pub(crate) network: Option<Network>,
    pub(crate) keep_log: bool,
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn at_ms(ms: u64) -> Time {
    Time::from_nanos(ms * 1_000_000)
}

impl Case {
    pub(crate) fn new(n: usize, corrupted: usize, weather: Weather) -> Self {
        Self {
            n,
            model: FaultModel::Arbitrary,
            corrupted,
            weather,
            keys: Keys::Mock,
            fast_path: false,
            asynchrony: Asynchrony::Never,
            attack: None,
            network: None,
            keep_log: false,
        }
    }

    pub(crate) fn with_fast_path(self) -> Self {
        Self {
            fast_path: true,
            ..self
        }
    }

    pub(crate) fn of_model(self, model: FaultModel) -> Self {
        Self { model, ..self }
    }

    fn resilience(self) -> Resilience {
        Resilience::largest(self.model, self.n).unwrap()
    }

    pub(crate) fn with_coin(self, asynchrony: Asynchrony) -> Self {
        Self { asynchrony, ..self }
    }

    pub(crate) fn run(self, seed: u64) -> (Result<Report, Box<Failure>>, Sometimes) {
        let (mut world, book) = self.world(seed);
        let report = world.run();
        let sometimes = book.borrow().sometimes;
        (report, sometimes)
    }

    pub(crate) fn world(self, seed: u64) -> (World<Site, Clients>, Shared) {
        let mut dice = Dice::new(seed);
        let mut corrupted = SiteSet::EMPTY;
        while corrupted.len() < self.corrupted {
            corrupted.insert(dice.site(self.n));
        }
        let blueprint = Rc::new(self.blueprint(&mut dice));
        let f = blueprint.parameters.resilience.intruded_max();
        let book = Shared::default();
        let mut setup = self.setup(seed, corrupted, &mut dice);
        if let Some(network) = self.network {
            setup.plan = Plan::default();
            network(&mut setup, &mut dice);
        }
        let load = Load {
            sessions: u32::try_from(dice.between(1, 4)).unwrap(),
            requests: dice.between(4, 16),
            think: ms(dice.between(0, 300)),
            hostile: if dice.chance(300) { 10 } else { 0 },
        };
        let clients = Clients::new(&book, Audience::of(self.n, f), load, &mut dice);
        let intruder = Intruder::new(corrupted, &blueprint, self.attack, &mut dice);
        let correct = correct(self.n, corrupted);
        let world = World::new(setup, Site(blueprint), clients, intruder)
            .checking(Signed::new(&book))
            .checking(TotalOrder::new(&book))
            .checking(Durability::new(&book))
            .checking(Sanity::new(corrupted, &book))
            .checking(Convergence::new(&book, ROUNDS, &correct));
        (world, book)
    }

    fn blueprint(self, dice: &mut Dice) -> Blueprint {
        let often = dice.between(4, 8);
        let parameters = Parameters {
            config: Digest([5; 32]),
            epoch: Epoch(0),
            resilience: self.resilience(),
            fast_path: self.fast_path,
            asynchronous: maftia_ordering::Asynchronous::Never,
            seals: None,
            delivery_depth: 2 * dice.between(4, 8),
            checkpoints: CheckpointPolicy {
                commits: often,
                time_ms: 36_000_000,
                payload_bytes: 1 << 20,
            },
            pacing: pacing(dice),
        };
        let limits = Limits {
            window: 16,
            hold_bytes: 4096,
            vouch_commits: 64,
            // With f of 2f+1 intruded all others must vouch: one vouch that the log drops for want of
            // room holds a request up until it expires.
            vouches_per_author: match self.model {
                FaultModel::Arbitrary => 12,
                FaultModel::Hybrid | FaultModel::Crash => 96,
            },
            sessions_per_key: 3,
            session_ms: 36_000_000,
            replies: 8,
            reply_bytes: 2 * 1024,
            result_bytes: 4 * 1024,
            body_bytes_per_author: 1 << 20,
            client_keys: u32::MAX,
        };
        let image_bytes = if dice.chance(500) {
            4 * 1024
        } else {
            64 * 1024
        };
        let devices = match self.model {
            FaultModel::Hybrid => Devices::new(self.n, dice),
            FaultModel::Arbitrary | FaultModel::Crash => Devices::default(),
        };
        Blueprint {
            parameters,
            devices,
            settings: Settings {
                limits,
                image_bytes,
                ..Settings::default()
            },
            keys: self.keys,
            asynchrony: self.asynchrony,
        }
    }

    fn setup(self, seed: u64, corrupted: SiteSet, dice: &mut Dice) -> Setup {
        // What a sleeper is sent is gone: else it would only have to read it.
        let carriage = if self.weather == Weather::Sleeper || dice.chance(500) {
            Carriage::Datagram
        } else {
            Carriage::Reliable(ms(30))
        };
        let links = match self.weather {
            Weather::Storm => LinkModel::random(carriage, dice),
            Weather::Sleeper => LinkModel {
                delay_max: ms(dice.between(1, 5)),
                carriage,
                ..LinkModel::PERFECT
            },
        };
        let plan = match self.weather {
            Weather::Storm => self.storm(corrupted, dice),
            Weather::Sleeper => self.sleep(corrupted, dice),
        };
        let slow_per_mille = if self.weather == Weather::Storm {
            100
        } else {
            0
        };
        Setup {
            links,
            client_links: LinkModel::random(Carriage::Datagram, dice),
            disks: DiskModel {
                slow_per_mille,
                ..DiskModel::ORDINARY
            },
            clocks: ClockModel::FREE_RUNNING,
            plan,
            heal_at: at_ms(12_000),
            liveness_bound: Duration::from_secs(60),
            events_max: 1_000_000,
            keep_log: self.keep_log,
            ..Setup::quiet(self.n, seed)
        }
    }

    fn storm(self, corrupted: SiteSet, dice: &mut Dice) -> Plan {
        let options = PlanOptions {
            outage: ms(1)..=ms(800),
            crashes: 1..=4,
            crashes_writing: 0..=3,
            partitions: 0..=2,
            pauses: 0..=2,
            power_losses: 0..=1,
            wipes: 0..=1,
            faulty_max: self.resilience().faulty_max(),
            ..PlanOptions::quiet(at_ms(50), at_ms(3_000))
        };
        Plan::random(self.n, corrupted, &options, dice)
    }

    /// One correct site is away for four seconds, in one of four ways, and something else crashes.
    fn sleep(self, corrupted: SiteSet, dice: &mut Dice) -> Plan {
        let faulty_max = self.resilience().faulty_max();
        let options = PlanOptions {
            crashes: 1..=2,
            ..PlanOptions::quiet(at_ms(50), at_ms(5_500))
        };
        let mut plan = Plan::random(self.n, corrupted, &options, dice);
        let awake = correct(self.n, corrupted);
        let site: SiteId = *dice.pick(&awake).unwrap();
        let (at, lasts) = (at_ms(dice.between(200, 1_000)), ms(6_000));
        let incident = match dice.below(if corrupted.len() < faulty_max { 4 } else { 3 }) {
            0 => Incident::Crash {
                site,
                down_for: lasts,
            },
            1 => Incident::Partition {
                cut: Cut::isolate(site, self.n),
                lasts,
            },
            2 => Incident::Pause {
                site,
                lasts,
                inbox: maftia_simulator::Inbox::Dropped,
            },
            _ => Incident::Wipe {
                site,
                down_for: lasts,
            },
        };
        plan.0.push((at, incident));
        // Nothing, at the end: the world does not heal before its plan is through.
        let nothing = Incident::Partition {
            cut: Cut::links([]),
            lasts: ms(1),
        };
        plan.0.push((at + lasts, nothing));
        plan.0.sort_by_key(|(at, _)| *at);
        plan
    }
}

/// How often blocks are made, of either campaign.
pub(crate) fn pacing(dice: &mut Dice) -> Pacing {
    Pacing {
        idle_interval: ms(dice.between(20, 100)),
        block_interval_min: if dice.chance(500) {
            Duration::ZERO
        } else {
            ms(5)
        },
        ..Pacing::default()
    }
}
