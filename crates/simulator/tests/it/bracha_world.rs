//! The world around the broadcast: subject, client, promises, and one run of a seed.

use maftia_protocol::Step;
use maftia_simulator::{
    BlameSoundness, Boot, Carriage, ClockModel, Context, Dice, DiskModel, Environment, Failure,
    Honesty, Item, LinkModel, Observation, Plan, PlanOptions, Property, Report, Rude, Setup,
    Subject, Violation, World, fingerprint_of_debug,
};
use maftia_types::{Duration, SiteId, SiteSet, Time};

use crate::bracha::{Bracha, Message, SENDER, Thresholds};

/// What the correct sender broadcasts; lies are other numbers.
const VALUE: u64 = 7;

pub(crate) struct Broadcast(pub(crate) Thresholds);

impl Subject for Broadcast {
    type Protocol = Bracha;

    fn boot(&mut self, boot: Boot<'_, Message>) -> (Bracha, Step<Bracha>) {
        Bracha::boot(self.0, boot.records)
    }

    fn fingerprint(&self, item: Item<'_, Bracha>) -> u64 {
        match item {
            Item::Message(Message::Send(value)) => *value << 2,
            Item::Message(Message::Echo(value)) => *value << 2 | 1,
            Item::Message(Message::Ready(value)) => *value << 2 | 2,
            Item::Message(Message::Again) => 3,
            Item::Record(record) => fingerprint_of_debug(record),
            Item::Command(value) | Item::Output(value) => *value,
        }
    }

    fn describe(&self, item: Item<'_, Bracha>) -> String {
        match item {
            Item::Message(message) | Item::Record(message) => format!("{message:?}"),
            Item::Command(value) => format!("broadcast {value}"),
            Item::Output(value) => format!("{value}"),
        }
    }
}

/// Asks the sender again and again: what it answers is not durable. Content when all correct sites have delivered,
/// or, with a corrupted sender, after a while: then totality alone must hold.
pub(crate) struct Client {
    correct: SiteSet,
    delivered: SiteSet,
    next: Option<Time>,
    patience: Time,
    gave_up: bool,
}

const ASK_EVERY: Duration = Duration::from_millis(200);

impl Environment<Bracha> for Client {
    fn on_output(&mut self, _: &mut Context<'_, Bracha>, site: SiteId, _: u64) {
        self.delivered.insert(site);
    }

    fn on_timer(&mut self, context: &mut Context<'_, Bracha>) {
        self.gave_up = context.now >= self.patience;
        self.next = (!self.done()).then(|| context.now + ASK_EVERY);
        context.command(SENDER, VALUE);
    }

    fn next_timer(&self) -> Option<Time> {
        self.next
    }

    fn done(&self) -> bool {
        if !self.correct.contains(SENDER) {
            return self.gave_up;
        }
        self.correct
            .iter()
            .all(|site| self.delivered.contains(site))
    }

    fn stuck(&self) -> String {
        let delivered = self.delivered;
        format!(
            "delivery at all of {:?}, not only {delivered:?}",
            self.correct
        )
    }
}

/// Agreement, totality, validity and integrity of what correct sites deliver.
pub(crate) struct Delivery {
    correct: SiteSet,
    delivered: SiteSet,
    value: Option<u64>,
}

impl Property<Bracha> for Delivery {
    fn name(&self) -> &str {
        "totality"
    }

    fn observe(&mut self, _: Time, observation: &Observation<'_, Bracha>) -> Result<(), Violation> {
        let Observation::Output { site, output } = observation else {
            return Ok(());
        };
        self.delivered.insert(*site);
        if self.correct.contains(SENDER) && **output != VALUE {
            return Err(Violation::new(
                "validity",
                format!("{site} delivers {output}"),
            ));
        }
        match *self.value.get_or_insert(**output) {
            value if value == **output => Ok(()),
            value => {
                let text = format!("{site} delivers {output}, another {value}");
                Err(Violation::new("agreement", text))
            }
        }
    }

    fn done(&self) -> bool {
        self.delivered.is_empty() || self.delivered == self.correct
    }

    fn stuck(&self) -> String {
        format!("{:?} delivered of {:?}", self.delivered, self.correct)
    }
}

/// No correct site ever votes for two values, across all its lives.
#[derive(Default)]
pub(crate) struct NoSelfContradiction(Vec<(SiteId, Message)>);

impl Property<Bracha> for NoSelfContradiction {
    fn name(&self) -> &str {
        "no self-contradiction"
    }

    fn observe(&mut self, _: Time, observation: &Observation<'_, Bracha>) -> Result<(), Violation> {
        let Observation::Sent { site, message, .. } = observation else {
            return Ok(());
        };
        let same_kind = |a: Message, b: Message| {
            std::mem::discriminant(&a) == std::mem::discriminant(&b) && a != b
        };
        if self.0.contains(&(*site, **message)) {
            return Ok(());
        }
        let other = self
            .0
            .iter()
            .find(|(who, said)| who == site && same_kind(*said, **message));
        if let Some((_, said)) = other {
            let text = format!("{site} says {said:?} and {message:?}");
            return Err(Violation::new(self.name(), text));
        }
        self.0.push((*site, **message));
        Ok(())
    }
}

/// One kind of run.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) n: usize,
    pub(crate) thresholds: Thresholds,
    pub(crate) corrupted: usize,
    pub(crate) honesty: Honesty,
    pub(crate) keep_log: bool,
}

impl Case {
    pub(crate) fn correct(n: usize) -> Self {
        Self {
            n,
            thresholds: Thresholds::correct(n),
            corrupted: (n - 1) / 3,
            honesty: Honesty::Honest,
            keep_log: false,
        }
    }

    pub(crate) fn run(self, seed: u64) -> Result<Report, Box<Failure>> {
        self.world(seed).run()
    }

    pub(crate) fn world(self, seed: u64) -> World<Broadcast, Client> {
        let n = self.n;
        let mut dice = Dice::new(seed);
        let mut corrupted = SiteSet::EMPTY;
        while corrupted.len() < self.corrupted {
            corrupted.insert(dice.site(n));
        }
        let correct: SiteSet = SiteId::all(n)
            .filter(|site| !corrupted.contains(*site))
            .collect();
        let heal_at = Time::from_nanos(3_000_000_000);
        let options = PlanOptions {
            crashes: 0..=3,
            crashes_writing: 1..=3,
            partitions: 0..=2,
            pauses: 0..=2,
            power_losses: 0..=1,
            ..PlanOptions::quiet(Time::ZERO, Time::from_nanos(1_000_000_000))
        };
        let carriage = Carriage::Reliable(Duration::from_millis(30));
        let setup = Setup {
            links: LinkModel::random(carriage, &mut dice),
            client_links: LinkModel::random(Carriage::Datagram, &mut dice),
            disks: DiskModel {
                honesty: self.honesty,
                ..DiskModel::ORDINARY
            },
            clocks: ClockModel::FREE_RUNNING,
            plan: Plan::random(n, corrupted, &options, &mut dice),
            heal_at,
            keep_log: self.keep_log,
            ..Setup::quiet(n, seed)
        };
        let client = Client {
            correct,
            delivered: SiteSet::EMPTY,
            next: Some(Time::ZERO),
            patience: heal_at,
            gave_up: false,
        };
        let delivery = Delivery {
            correct,
            delivered: SiteSet::EMPTY,
            value: None,
        };
        let intruder = Rude::new(corrupted, &mut dice).forging(lie);
        World::new(setup, Broadcast(self.thresholds), client, intruder)
            .checking(delivery)
            .checking(NoSelfContradiction::default())
            .checking(BlameSoundness::new(corrupted))
    }
}

/// Another kind of vote, another value, or both.
fn lie(dice: &mut Dice, _: SiteId, _: &Message) -> Option<Message> {
    let value = VALUE + dice.between(0, 1);
    Some(match dice.below(3) {
        0 => Message::Send(value),
        1 => Message::Echo(value),
        _ => Message::Ready(value),
    })
}
