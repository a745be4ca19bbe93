//! A simulated group whose members send and close, while everything goes wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use maftia_agreement::{host, reliable};
use maftia_channels::{
    Body, Channel, Class, Command, Delivery, Message, Opening, Output, Record, RunMessage,
};
use maftia_codec::{Bytes, Wire, Writer};
use maftia_crypto::SigningKey;
use maftia_protocol::Step;
use maftia_simulator::{
    BlameSoundness, Boot, Carriage, ClockModel, Context, Cut, Dice, DiskModel, Environment,
    Failure, Incident, Item, LinkModel, Plan, PlanOptions, Report, Rude, Setup, Subject, World,
    fingerprint_of_bytes, fingerprint_of_debug,
};
use maftia_types::{Digest, Duration, Epoch, FaultModel, Resilience, SiteId, SiteSet, Time};

use crate::promises::Promises;

pub(crate) fn site(index: u8) -> SiteId {
    SiteId::new(index).unwrap()
}

pub(crate) fn opening(class: Class, n: usize, own: SiteId) -> Opening {
    let keys: Vec<_> = SiteId::all(n)
        .map(|own| SigningKey::from_seed([own.as_u8(); 32]))
        .collect();
    let all: Arc<[_]> = keys.iter().map(SigningKey::public).collect();
    Opening {
        group: Digest([9; 32]),
        epoch: Epoch(3),
        resilience: Resilience::largest(FaultModel::Arbitrary, n).unwrap(),
        own,
        name: "news".to_owned(),
        class,
        members: SiteId::all(n).collect(),
        keys: Some((Arc::new(SigningKey::from_seed([own.as_u8(); 32])), all)),
    }
}

/// A run of a seed.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) class: Class,
    pub(crate) n: usize,
    pub(crate) corrupted: usize,
    /// How many messages each member sends, this many at a time.
    pub(crate) sent: (u64, usize),
    /// Whether one correct member is cut off for most of the time.
    pub(crate) cut_off: bool,
}

impl Case {
    pub(crate) fn new(class: Class) -> Self {
        Self {
            class,
            n: 4,
            corrupted: 1,
            sent: (12, 1),
            cut_off: false,
        }
    }

    /// One member is cut off until the others have closed the runs that it needs.
    pub(crate) fn far_behind(class: Class) -> Self {
        Self {
            corrupted: 0,
            sent: (90, 4),
            cut_off: true,
            ..Self::new(class)
        }
    }

    pub(crate) fn run(&self, seed: u64) -> Result<Report, Box<Failure>> {
        let n = self.n;
        let mut dice = Dice::new(seed);
        let mut corrupted = SiteSet::EMPTY;
        while corrupted.len() < self.corrupted {
            corrupted.insert(dice.site(n));
        }
        let correct: SiteSet = SiteId::all(n).filter(|s| !corrupted.contains(*s)).collect();
        let options = PlanOptions {
            crashes: 0..=2,
            partitions: 0..=2,
            pauses: 0..=2,
            ..PlanOptions::quiet(Time::ZERO, Time::from_nanos(1_000_000_000))
        };
        let carriage = match self.class {
            Class::BestEffort => Carriage::Datagram,
            _ => Carriage::Reliable(Duration::from_millis(30)),
        };
        let mut setup = Setup {
            links: LinkModel::random(carriage, &mut dice),
            disks: DiskModel::ORDINARY,
            clocks: ClockModel::FREE_RUNNING,
            plan: Plan::random(n, corrupted, &options, &mut dice),
            heal_at: Time::from_nanos(3_000_000_000),
            ..Setup::quiet(n, seed)
        };
        if self.cut_off {
            let cut = Cut::isolate(dice.site(n), n);
            let lasts = Duration::from_millis(2_900);
            setup.plan = Plan(vec![(Time::ZERO, Incident::Partition { cut, lasts })]);
        }
        let rude: Rude<Channel> = Rude::new(corrupted, &mut dice);
        World::new(
            setup,
            Members {
                class: self.class,
                n,
            },
            Users::new(self, correct),
            rude.forging(forge),
        )
        .checking(Promises::new(self.class, correct))
        .checking(BlameSoundness::new(corrupted))
        .run()
    }
}

/// A lie about a message: another payload, sender, sequence, channel or count.
fn forge(dice: &mut Dice, to: SiteId, message: &Message) -> Option<Message> {
    let mut forged = message.clone();
    let garbage = Bytes::copy_from_slice(&[to.as_u8(), 7]);
    match &mut forged.body {
        _ if dice.chance(50) => forged.channel = Digest([to.as_u8(); 32]),
        Body::Plain { sequence, frame } => {
            *sequence += dice.between(0, 2);
            *frame = text(dice);
        }
        Body::Told { frame, .. } => *frame = garbage,
        Body::Delivered { count } => *count = u64::MAX,
        Body::Forgotten { oldest, .. } => *oldest = u64::MAX,
        Body::Ask { from, .. } => *from = 0,
        Body::Run { sender, message } => {
            if dice.chance(200) {
                *sender = SiteId::new((sender.as_u8() + 1) % 4)?;
            }
            if let host::Message::Say {
                number, message, ..
            } = message
            {
                if dice.chance(200) {
                    *number += dice.between(1, 100);
                }
                use reliable::{Message as Reliable, PlainMessage};
                if let RunMessage::Reliable(Reliable::Plain(
                    PlainMessage::Propose(body) | PlainMessage::Echo(body),
                )) = message
                {
                    *body = match dice.chance(500) {
                        true => garbage,
                        false => [&[0][..], &text(dice)].concat().into(),
                    };
                }
            }
        }
    }
    Some(forged)
}

/// A frame with a causal past that nobody has, or with none.
fn text(dice: &mut Dice) -> Bytes {
    let mut writer = Writer::new();
    let past = dice.pick(&[0, 4, 4]).copied().unwrap_or(0);
    writer.length(past);
    for _ in 0..past {
        writer.u64(dice.pick(&[0, 1, 5, u64::MAX]).copied().unwrap_or(0));
    }
    writer.bool(dice.chance(950));
    writer.bytes(format!("lie {}", dice.between(0, 50)).as_bytes());
    writer.finish()
}

struct Members {
    class: Class,
    n: usize,
}

impl Subject for Members {
    type Protocol = Channel;

    fn boot(&mut self, boot: Boot<'_, Record>) -> (Channel, Step<Channel>) {
        let opening = opening(self.class, self.n, boot.site);
        Channel::open(&opening, boot.records.iter().cloned()).unwrap()
    }

    fn fingerprint(&self, item: Item<'_, Channel>) -> u64 {
        match item {
            Item::Message(message) => fingerprint_of_bytes(&message.to_bytes()),
            Item::Record(record) => fingerprint_of_debug(record),
            Item::Command(command) => fingerprint_of_debug(command),
            Item::Output(output) => fingerprint_of_debug(output),
        }
    }
}

/// Has every member send, and close when it has; what is refused is asked again.
struct Users {
    class: Class,
    correct: SiteSet,
    n: usize,
    sent: (u64, usize),
    /// What each member has been given of each.
    given: BTreeMap<(SiteId, SiteId), BTreeSet<u64>>,
    /// Whom each correct member has yet to deliver to the end.
    waiting: BTreeSet<(SiteId, SiteId)>,
    next: Option<Time>,
}

impl Users {
    fn new(case: &Case, correct: SiteSet) -> Self {
        let (class, n) = (case.class, case.n);
        let pairs = correct.iter();
        let pairs = pairs.flat_map(|at| correct.iter().map(move |of| (at, of)));
        Self {
            class,
            correct,
            n,
            sent: case.sent,
            given: BTreeMap::new(),
            waiting: match class {
                Class::BestEffort => BTreeSet::new(),
                _ => pairs.collect(),
            },
            next: Some(Time::ZERO),
        }
    }
}

/// What a member sends: who it is, and how many of each member's messages it had been given.
fn payload(from: SiteId, past: &[u64]) -> Bytes {
    let past: Vec<_> = past.iter().map(u64::to_string).collect();
    format!("{from} says after {}", past.join(",")).into()
}

/// Reads it.
pub(crate) fn past_of(from: SiteId, payload: &[u8]) -> Option<Vec<u64>> {
    let text = std::str::from_utf8(payload).ok()?;
    let past = text.strip_prefix(&format!("{from} says after "))?;
    past.split(',').map(|count| count.parse().ok()).collect()
}

impl Environment<Channel> for Users {
    fn on_output(&mut self, _: &mut Context<'_, Channel>, site: SiteId, output: Output) {
        match output {
            Output::Delivered(Delivery { id, .. }) => {
                let given = self.given.entry((site, id.sender)).or_default();
                given.insert(id.sequence);
            }
            Output::Ended { member, .. } => {
                self.waiting.remove(&(site, member));
            }
            Output::Closed | Output::Missed { .. } => {}
        }
    }

    fn on_timer(&mut self, context: &mut Context<'_, Channel>) {
        let end = Time::from_nanos(4_000_000_000);
        let go_on = !self.waiting.is_empty() || context.now < end;
        self.next = go_on.then(|| context.now + Duration::from_millis(40));
        for site in self.correct.iter() {
            let given = |of| self.given.get(&(site, of)).map_or(0, BTreeSet::len) as u64;
            let past: Vec<_> = SiteId::all(self.n).map(given).collect();
            let (most, at_a_time) = self.sent;
            if given(site) >= most {
                context.command(site, Command::Close);
                continue;
            }
            for _ in 0..at_a_time {
                context.command(site, Command::Send(payload(site, &past)));
            }
        }
        // Links may have broken without notice.
        if self.class != Class::BestEffort && context.now.as_millis().is_multiple_of(200) {
            for site in self.correct.iter() {
                for peer in self.correct.iter() {
                    context.command(site, Command::Reconnected(peer));
                }
            }
        }
    }

    fn next_timer(&self) -> Option<Time> {
        self.next
    }

    fn done(&self) -> bool {
        self.waiting.is_empty() && self.next.is_none()
    }

    fn stuck(&self) -> String {
        format!("who waits for whose end: {:?}", self.waiting)
    }
}
