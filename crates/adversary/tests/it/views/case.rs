//! One kind of world, and one run of a seed in it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use maftia_adversary::{Attack, Strategy};
use maftia_membership::View;
use maftia_ordering::{CheckpointPolicy, Parameters};
use maftia_protocol::Step;
use maftia_replica::{Limits, Message, Record, Settings};
use maftia_simulator::{
    Adversary, Boot, Carriage, ClockModel, Dice, DiskModel, Failure, Item, LinkModel, Plan,
    PlanOptions, Report, Setup, Subject, Turn, World, fingerprint_of_bytes, fingerprint_of_debug,
};
use maftia_types::{CoinUse, Duration, Epoch, FaultModel, Resilience, SiteId, SiteSet, Time};

use super::estate::{Estate, GROUP, Life, Written, key, member};
use super::history::{Rare, Shared};
use super::host::{Given, Host, Order};
use super::operator::Operator;
use super::properties::{Holders, Keys, Rarities, Sanity, Settled, Signed, Views};
use super::script::{FOUNDERS, Kind, Script};
use super::usurper::Usurper;
use crate::book;
use crate::case::pacing;
use crate::clients::{Audience, Clients, Load};
use crate::properties::{Durability, TotalOrder};
use crate::site;

/// One kind of run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// None draws one per seed.
    pub(crate) kind: Option<Kind>,
    /// With the keyed services and their cryptography.
    pub(crate) keyed: bool,
    /// With a coin, which takes keys.
    pub(crate) coin: CoinUse,
    /// None draws one per seed.
    pub(crate) attack: Option<Attack>,
    pub(crate) keep_log: bool,
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn at_ms(ms: u64) -> Time {
    Time::ZERO + Duration::from_millis(ms)
}

impl Case {
    pub(crate) const ANY: Self = Self {
        kind: None,
        keyed: false,
        coin: CoinUse::Never,
        attack: None,
        keep_log: false,
    };

    pub(crate) fn run(self, seed: u64) -> (Result<Report, Box<Failure>>, Rare) {
        let (mut world, history) = self.world(seed);
        let report = world.run();
        let rare = history.borrow().rare;
        (report, rare)
    }

    pub(crate) fn world(self, seed: u64) -> (World<Machines, Operator>, Shared) {
        let mut dice = Dice::new(seed);
        let kind = *dice.pick(&Kind::ALL).unwrap();
        let script = Script::draw(self.kind.unwrap_or(kind), &mut dice);
        let estate = Rc::new(self.estate(script.machines, &mut dice));
        let corrupted = script.corrupted;
        let (history, book) = (Shared::default(), book::Shared::default());
        let load = Load {
            sessions: u32::try_from(dice.between(1, 3)).unwrap(),
            requests: dice.between(4, 12),
            think: ms(dice.between(50, 400)),
            hostile: if dice.chance(300) { 10 } else { 0 },
        };
        let clients = Clients::new(&book, Audience::of(FOUNDERS, 1), load, &mut dice);
        let pause = ms(dice.between(50, 800));
        let wanted = script.wanted;
        let operator = Operator::new((clients, book.clone()), &history, &estate, wanted, pause);
        let machines = Machines {
            attack: self.attack(&mut dice),
            seed: dice.between(0, u64::MAX - 1),
            usurps: dice.chance(600),
            corrupted,
            estate: Rc::clone(&estate),
            history: history.clone(),
        };
        let setup = self.setup(seed, (script.machines, corrupted), &mut dice);
        let world = World::new(setup, machines, operator, Puppets(corrupted))
            .checking(Rarities::new(&history, corrupted))
            .checking(Views::new(&history, &estate))
            .checking(Signed::new(&history))
            .checking(TotalOrder::new(&book))
            .checking(Durability::new(&book))
            .checking(Holders::new(&history, &book))
            .checking(Sanity::new(corrupted, &estate, &history, &book))
            .checking(Settled::new(&history, &book, corrupted));
        if self.keyed {
            return (world.checking(Keys::new(&history, corrupted)), history);
        }
        (world, history)
    }

    fn attack(self, dice: &mut Dice) -> Attack {
        let drawn = *dice.pick(&Attack::ALL).unwrap();
        self.attack.unwrap_or(drawn)
    }

    fn estate(self, machines: usize, dice: &mut Dice) -> Estate {
        let resilience = Resilience::largest(FaultModel::Arbitrary, FOUNDERS).unwrap();
        let sites = SiteId::all(FOUNDERS).map(|own| (member(own).name, key(own).public()));
        let founders = View::genesis(GROUP, resilience, sites).unwrap();
        let parameters = Parameters {
            config: GROUP,
            epoch: Epoch(0),
            resilience,
            fast_path: dice.chance(250),
            asynchronous: maftia_ordering::Asynchronous::Never,
            seals: None,
            delivery_depth: 2 * dice.between(4, 8),
            checkpoints: CheckpointPolicy {
                commits: dice.between(4, 8),
                time_ms: 36_000_000,
                payload_bytes: 1 << 20,
            },
            pacing: pacing(dice),
        };
        let limits = Limits {
            window: 16,
            vouch_commits: 64,
            sessions_per_key: 3,
            session_ms: 36_000_000,
            replies: 8,
            client_keys: u32::MAX,
            ..Limits::default()
        };
        let image_bytes = if dice.chance(500) { 4 } else { 64 } * 1024;
        let beginning = Estate::beginning(&founders, Vec::new());
        let files = SiteId::all(FOUNDERS).map(|own| (own, beginning.clone()));
        Estate {
            parameters,
            settings: Settings {
                limits,
                image_bytes,
                coin: self.coin,
            },
            machines,
            founders,
            keyed: self.keyed,
            relink: ms(dice.between(500, 2_000)),
            files: RefCell::new(files.collect::<BTreeMap<_, _>>()),
            started: RefCell::new(Vec::new()),
            skipped: Cell::new(Duration::ZERO),
        }
    }

    fn setup(self, seed: u64, (machines, bad): (usize, SiteSet), dice: &mut Dice) -> Setup {
        let carriage = if dice.chance(500) {
            Carriage::Datagram
        } else {
            Carriage::Reliable(ms(30))
        };
        let links = LinkModel::random(carriage, dice);
        let options = PlanOptions {
            outage: ms(1)..=ms(if dice.chance(300) { 4_000 } else { 800 }),
            crashes: 1..=5,
            crashes_writing: 0..=4,
            partitions: 0..=2,
            pauses: 0..=2,
            power_losses: 0..=2,
            wipes: 0..=1,
            // f of the smallest view; an intruder that joins later is one of them too.
            faulty_max: 1,
            ..PlanOptions::quiet(at_ms(50), at_ms(4_000))
        };
        Setup {
            links,
            client_links: LinkModel::random(Carriage::Datagram, dice),
            disks: DiskModel {
                slow_per_mille: 100,
                ..DiskModel::ORDINARY
            },
            // Joiners are refused whose clocks are farther off.
            clocks: ClockModel {
                offset_max: Duration::from_secs(1),
                ..ClockModel::FREE_RUNNING
            },
            plan: Plan::random(machines, bad, &options, dice),
            heal_at: at_ms(12_000),
            liveness_bound: Duration::from_secs(120),
            events_max: 2_000_000,
            keep_log: self.keep_log,
            ..Setup::quiet(machines, seed)
        }
    }
}

/// All machines of a world, as they start.
pub(crate) struct Machines {
    estate: Rc<Estate>,
    history: Shared,
    corrupted: SiteSet,
    attack: Attack,
    seed: u64,
    /// Whether the intruder lies about views too.
    usurps: bool,
}

impl Machines {
    fn traitor(&self, machine: SiteId) -> Option<Box<dyn Strategy>> {
        if !self.corrupted.contains(machine) {
            return None;
        }
        let strategy = self.attack.strategy(self.seed);
        Some(match self.usurps {
            true => Box::new(Usurper::over(strategy, &self.estate.founders, self.seed)),
            false => strategy,
        })
    }

    /// Who has lost everything, and knows nobody who is still there by its old files, gets new ones.
    fn renew_files(&self, machine: SiteId) {
        let history = self.history.borrow();
        let mut files = self.estate.files.borrow_mut();
        let (Some(newest), Some(own)) = (history.newest(), files.get_mut(&machine)) else {
            return;
        };
        let correct = |own: &&maftia_membership::Member| {
            let other = self.estate.machine(&own.key);
            other.is_some_and(|other| other != machine && !self.corrupted.contains(other))
        };
        let known = own.view.members().iter().filter(correct);
        let left = known.filter(|member| newest.seat_of(&member.key).is_some());
        if left.count() == 0 {
            *own = Estate::beginning(newest, history.joiners());
        }
    }
}

impl Subject for Machines {
    type Protocol = Host;

    fn boot(&mut self, boot: Boot<'_, Written>) -> (Host, Step<Host>) {
        if boot.wiped && boot.records.is_empty() {
            self.renew_files(boot.site);
        }
        let life = Life {
            records: boot.records,
            wiped: boot.wiped,
            number: boot.incarnation,
        };
        let traitor = self.traitor(boot.site);
        Host::boot(boot.site, &self.estate, traitor, &life, boot.now)
    }

    fn fingerprint(&self, item: Item<'_, Host>) -> u64 {
        match item {
            Item::Message(message) => site::of_message(message),
            Item::Record(written) => match &written.record {
                Record::Image(image) => image.index(),
                Record::Ordering(maftia_ordering::Record::Block { block, .. }) => {
                    site::of_digest(&block.digest())
                }
                Record::Vault(vault) => fingerprint_of_bytes(vault.expose()),
                record => fingerprint_of_debug(record),
            },
            Item::Output(Given::Replica(output)) => fingerprint_of_debug(output),
            Item::Output(Given::Views(chain)) => fingerprint_of_debug(chain),
            Item::Command(command) => fingerprint_of_debug(command),
        }
    }

    fn is_snapshot(&self, written: &Written) -> bool {
        matches!(written.record, Record::Image(_))
    }

    fn describe(&self, item: Item<'_, Host>) -> String {
        match item {
            Item::Message(message) => site::describe_message(message),
            Item::Record(written) => format!("{:?}", written.record).chars().take(200).collect(),
            Item::Output(given) => format!("{given:?}").chars().take(400).collect(),
            Item::Command(Order::Replica(command)) => format!("{command:?}"),
            Item::Command(order) => format!("{order:?}"),
        }
    }
}

/// The intruder of the world: the machines are traitors themselves, and here their words leave.
struct Puppets(SiteSet);

impl Adversary<Host> for Puppets {
    fn corrupted(&self) -> SiteSet {
        self.0
    }

    fn tamper(&mut self, turn: &mut Turn<'_, Host>, machine: SiteId, step: Step<Host>) {
        for out in step.messages {
            let to: Vec<SiteId> = turn.recipients(machine, out.target).collect();
            for to in to {
                let message: Message = out.message.clone();
                turn.send(machine, to, message);
            }
        }
        for output in step.outputs {
            turn.output(machine, output);
        }
    }
}
