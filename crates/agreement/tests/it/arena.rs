//! A simulated group that runs a service in its host, and promises with arithmetic of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use maftia_agreement::Context as Place;
use maftia_agreement::host::{Command, Host, Message, Output, Record, Service};
use maftia_codec::Wire;
use maftia_protocol::{Protocol, Step};
use maftia_simulator::{
    Adversary, BlameSoundness, Boot, Carriage, ClockModel, Context, Dice, DiskModel, Environment,
    Failure, Fate, Item, LinkModel, Observation, Plan, PlanOptions, Property, Report, Rude, Setup,
    Subject, Turn, Violation, World, fingerprint_of_bytes, fingerprint_of_debug,
};
use maftia_types::{Digest, Duration, Epoch, FaultModel, Resilience, SiteId, SiteSet, Time};

type CommandOf<S> = <<S as Scenario>::Service as Protocol>::Command;
type MessageOf<S> = <<S as Scenario>::Service as Protocol>::Message;
type OutputOf<S> = <<S as Scenario>::Service as Protocol>::Output;

/// A service under test.
pub(crate) trait Scenario: Clone + 'static {
    type Service: Service<
            Command: Clone + Debug,
            Message: Clone + Debug + Wire,
            Output: Clone + Debug + PartialEq,
            Error: std::error::Error,
        >;

    fn make(&self, place: Place, number: u64) -> Self::Service;

    /// What the layer above asks a site for.
    fn commands(&self, site: SiteId) -> Vec<(u64, CommandOf<Self>)>;

    /// The runs in which every correct site must give an output.
    fn must(&self, correct: SiteSet) -> BTreeSet<u64>;

    /// Whether a correct site may give this.
    fn allows(&self, correct: SiteSet, number: u64, output: &OutputOf<Self>) -> bool;

    /// Whether two correct sites may give these in one run.
    fn agree(&self, one: &OutputOf<Self>, other: &OutputOf<Self>) -> bool {
        one == other
    }

    /// Whether all correct sites must give an output once one has.
    fn is_total(&self) -> bool {
        true
    }

    /// A lie.
    fn forge(
        &self,
        dice: &mut Dice,
        to: SiteId,
        number: u64,
        message: &MessageOf<Self>,
    ) -> Option<MessageOf<Self>>;
}

/// A group in one run of a seed.
#[derive(Clone)]
pub(crate) struct Case<S> {
    pub(crate) scenario: S,
    pub(crate) resilience: Resilience,
    pub(crate) corrupted: usize,
    pub(crate) crashes: bool,
    /// The network of one row, instead of a random one and crashes.
    pub(crate) network: Option<Network>,
}

/// What a network does to a run, and when the scheduler lets a message arrive.
#[derive(Clone, Copy)]
pub(crate) struct Network {
    pub(crate) set_up: fn(&mut Setup, &mut Dice),
    pub(crate) arrives: Option<fn(Time, SiteId) -> Duration>,
}

pub(crate) fn largest(n: usize) -> Resilience {
    Resilience::largest(FaultModel::Arbitrary, n).unwrap()
}

pub(crate) fn place(resilience: Resilience, own: SiteId) -> Place {
    Place::new(Digest([9; 32]), Epoch(3), resilience, own).unwrap()
}

impl<S: Scenario> Case<S> {
    /// With f corrupted sites, and everything going wrong.
    pub(crate) fn new(scenario: S, n: usize) -> Self {
        let resilience = largest(n);
        Self {
            scenario,
            resilience,
            corrupted: resilience.intruded_max(),
            crashes: true,
            network: None,
        }
    }

    pub(crate) fn run(&self, seed: u64) -> Result<Report, Box<Failure>> {
        let n = self.resilience.sites();
        let mut dice = Dice::new(seed);
        let mut corrupted = SiteSet::EMPTY;
        while corrupted.len() < self.corrupted {
            corrupted.insert(dice.site(n));
        }
        let correct: SiteSet = SiteId::all(n).filter(|s| !corrupted.contains(*s)).collect();
        let heal_at = Time::from_nanos(3_000_000_000);
        let most = u64::from(self.crashes);
        let options = PlanOptions {
            crashes: 0..=3 * most,
            crashes_writing: 0..=2 * most,
            partitions: 0..=2,
            pauses: 0..=2,
            power_losses: 0..=most,
            ..PlanOptions::quiet(Time::ZERO, Time::from_nanos(1_000_000_000))
        };
        let carriage = Carriage::Reliable(Duration::from_millis(30));
        let mut setup = Setup {
            links: LinkModel::random(carriage, &mut dice),
            client_links: LinkModel::random(Carriage::Datagram, &mut dice),
            disks: DiskModel::ORDINARY,
            clocks: ClockModel::FREE_RUNNING,
            plan: Plan::random(n, corrupted, &options, &mut dice),
            heal_at,
            ..Setup::quiet(n, seed)
        };
        if let Some(network) = self.network {
            setup.plan = Plan::default();
            setup.links = LinkModel::PERFECT;
            (network.set_up)(&mut setup, &mut dice);
        }
        let client = self.client(correct, heal_at);
        let intruder = self.intruder(corrupted, &mut dice);
        let promises = Promises::<S> {
            scenario: self.scenario.clone(),
            correct,
            given: BTreeMap::new(),
            this_life: BTreeSet::new(),
        };
        let subject = Hosted {
            scenario: self.scenario.clone(),
            resilience: self.resilience,
        };
        World::new(setup, subject, client, intruder)
            .checking(promises)
            .checking(BlameSoundness::new(corrupted))
            .run()
    }

    fn client(&self, correct: SiteSet, heal_at: Time) -> Client<S> {
        let n = self.resilience.sites();
        let scenario = self.scenario.clone();
        let must = scenario.must(correct);
        Client {
            commands: SiteId::all(n)
                .flat_map(|site| {
                    let asked = scenario.commands(site).into_iter();
                    asked.map(move |(number, command)| (site, number, command))
                })
                .collect(),
            waiting: correct
                .iter()
                .flat_map(|site| must.iter().map(move |number| (site, *number)))
                .collect(),
            next: Some(Time::ZERO),
            patience: if must.is_empty() { heal_at } else { Time::ZERO },
            now: Time::ZERO,
        }
    }

    fn intruder(&self, corrupted: SiteSet, dice: &mut Dice) -> Scheduler<S> {
        let liar = self.scenario.clone();
        type Said<S> = Message<MessageOf<S>>;
        let rude: Rude<HostOf<S>> = Rude::new(corrupted, dice);
        let rude = rude.forging(move |dice, to, message: &Said<S>| {
            let Message::Say {
                epoch,
                number,
                message,
            } = message
            else {
                return None;
            };
            if dice.chance(10) {
                let (number, message) = (number + dice.between(1, 100), message.clone());
                return Some(Message::Say {
                    epoch: *epoch,
                    number,
                    message,
                });
            }
            let message = liar.forge(dice, to, *number, message)?;
            Some(Message::Say {
                epoch: *epoch,
                number: *number,
                message,
            })
        });
        Scheduler {
            rude,
            arrives: self.network.and_then(|network| network.arrives),
        }
    }

    /// The first seed of these whose run breaks a promise.
    pub(crate) fn breaks(&self, seeds: u64) -> Option<Violation> {
        (0..seeds).find_map(|seed| Some(self.run(seed).err()?.violation))
    }
}

type Maker<S> = Box<dyn FnMut(u64) -> <S as Scenario>::Service>;
type HostOf<S> = Host<<S as Scenario>::Service, Maker<S>>;

struct Hosted<S> {
    scenario: S,
    resilience: Resilience,
}

impl<S: Scenario> Subject for Hosted<S> {
    type Protocol = HostOf<S>;

    fn boot(
        &mut self,
        boot: Boot<'_, Record<CommandOf<S>, MessageOf<S>>>,
    ) -> (HostOf<S>, Step<HostOf<S>>) {
        let place = place(self.resilience, boot.site);
        let scenario = self.scenario.clone();
        let make: Maker<S> = Box::new(move |number| scenario.make(place, number));
        Host::new(place, make, boot.records.iter().cloned())
    }

    fn fingerprint(&self, item: Item<'_, HostOf<S>>) -> u64 {
        match item {
            Item::Message(message) => fingerprint_of_bytes(&message.to_bytes()),
            Item::Record(Record::Heard { message, .. }) => {
                fingerprint_of_bytes(&message.to_bytes())
            }
            Item::Record(record) => fingerprint_of_debug(record),
            Item::Command(command) => fingerprint_of_debug(command),
            Item::Output(output) => fingerprint_of_debug(output),
        }
    }
}

/// Asks all sites again and again, and waits.
struct Client<S: Scenario> {
    commands: Vec<(SiteId, u64, CommandOf<S>)>,
    waiting: BTreeSet<(SiteId, u64)>,
    next: Option<Time>,
    patience: Time,
    now: Time,
}

impl<S: Scenario> Environment<HostOf<S>> for Client<S> {
    fn on_output(
        &mut self,
        context: &mut Context<'_, HostOf<S>>,
        site: SiteId,
        output: Output<OutputOf<S>>,
    ) {
        self.now = context.now;
        self.waiting.remove(&(site, output.number));
    }

    fn on_timer(&mut self, context: &mut Context<'_, HostOf<S>>) {
        self.now = context.now;
        self.next = (!self.done()).then(|| context.now + Duration::from_millis(200));
        for (site, number, command) in &self.commands {
            let (number, command) = (*number, command.clone());
            context.command(*site, Command::Run { number, command });
        }
    }

    fn next_timer(&self) -> Option<Time> {
        self.next
    }

    fn done(&self) -> bool {
        self.waiting.is_empty() && self.now >= self.patience
    }

    fn stuck(&self) -> String {
        format!("outputs {:?}", self.waiting)
    }
}

/// Agreement, validity, integrity and totality.
struct Promises<S: Scenario> {
    scenario: S,
    correct: SiteSet,
    given: BTreeMap<u64, BTreeMap<SiteId, OutputOf<S>>>,
    this_life: BTreeSet<(SiteId, u64)>,
}

impl<S: Scenario> Property<HostOf<S>> for Promises<S> {
    fn name(&self) -> &str {
        "totality"
    }

    fn observe(
        &mut self,
        _: Time,
        observation: &Observation<'_, HostOf<S>>,
    ) -> Result<(), Violation> {
        let (site, given) = match observation {
            Observation::Booted { site, .. } => {
                self.this_life.retain(|(other, _)| other != site);
                return Ok(());
            }
            Observation::Output { site, output } => (*site, *output),
            _ => return Ok(()),
        };
        let Output { number, output } = given;
        if !self.this_life.insert((site, *number)) {
            return Err(Violation::new(
                "integrity",
                format!("{site} gives run {number} twice"),
            ));
        }
        if !self.scenario.allows(self.correct, *number, output) {
            let text = format!("{site} gives {output:?} in run {number}");
            return Err(Violation::new("validity", text));
        }
        let run = self.given.entry(*number).or_default();
        let other = run
            .iter()
            .find(|(_, other)| !self.scenario.agree(other, output));
        if let Some((peer, other)) = other {
            let text = format!("run {number}: {site} gives {output:?}, {peer} {other:?}");
            return Err(Violation::new("agreement", text));
        }
        run.insert(site, output.clone());
        Ok(())
    }

    fn done(&self) -> bool {
        let all = |run: &BTreeMap<_, _>| run.len() == self.correct.len();
        !self.scenario.is_total() || self.given.values().all(all)
    }

    fn stuck(&self) -> String {
        let lengths = self.given.iter().map(|(number, run)| (number, run.len()));
        format!(
            "outputs of all correct sites: {:?}",
            lengths.collect::<Vec<_>>()
        )
    }
}

/// A rude intruder that may also own the network.
struct Scheduler<S: Scenario> {
    rude: Rude<HostOf<S>>,
    arrives: Option<fn(Time, SiteId) -> Duration>,
}

impl<S: Scenario> Adversary<HostOf<S>> for Scheduler<S> {
    fn corrupted(&self) -> SiteSet {
        self.rude.corrupted()
    }

    fn tamper(&mut self, turn: &mut Turn<'_, HostOf<S>>, site: SiteId, step: Step<HostOf<S>>) {
        self.rude.tamper(turn, site, step);
    }

    fn overhear(
        &mut self,
        dice: &mut Dice,
        to: SiteId,
        from: SiteId,
        message: &Message<MessageOf<S>>,
    ) {
        self.rude.overhear(dice, to, from, message);
    }

    fn schedule(
        &mut self,
        turn: &mut Turn<'_, HostOf<S>>,
        from: SiteId,
        _: SiteId,
        _: &Message<MessageOf<S>>,
    ) -> Option<Fate> {
        Some(Fate::After((self.arrives?)(turn.now, from)))
    }
}
