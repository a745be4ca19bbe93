//! Clients: some honest ones that speak the client protocol, and one that does not.

use std::collections::BTreeMap;

use bytes::Bytes;
use maftia_activity::kv::{Action, Interval, Operation, Range, Relation, Target, Txn};
use maftia_codec::Wire;
use maftia_replica::{BatchId, Bodies, Span, request_digest, result_digest};
use maftia_replica::{ClientMessage, Command, Fate, Reply, RequestId};
use maftia_simulator::{Context, Dice, Environment};
use maftia_types::{ClientId, Digest, Duration, Incarnation, Sequence, SiteId, SiteSet, Time};

use crate::book::{Asked, Shared};
use crate::speaks::Speaks;

/// The key of the hostile client.
pub(crate) const HOSTILE: u32 = 9;

const TICK: Duration = Duration::from_millis(20);

/// Whom clients ask, and how many of them may lie.
#[derive(Clone, Debug)]
pub(crate) struct Audience {
    /// In the order of seats.
    pub(crate) sites: Vec<SiteId>,
    pub(crate) f: usize,
}

pub(crate) struct Clients {
    book: Shared,
    audience: Audience,
    sessions: Vec<Session>,
    hostile: u32,
    /// Whether drivers tell their sites about links that come up; they need not.
    links_come_up: bool,
    next: Time,
    audited: bool,
}

/// One session of one client key.
#[derive(Debug)]
struct Session {
    client: ClientId,
    incarnation: Incarnation,
    next: Sequence,
    outstanding: BTreeMap<Sequence, Outstanding>,
    window: usize,
    left: u64,
    think: Duration,
    patience: Duration,
    next_at: Time,
    dies: bool,
}

#[derive(Debug)]
struct Outstanding {
    body: Bytes,
    home: SiteId,
    tries: u64,
    deadline: Time,
    votes: BTreeMap<SiteId, (u64, Digest)>,
    /// Who says that it was executed and its result given up.
    forgotten: SiteSet,
    result: Option<Bytes>,
}

/// How the clients of a run behave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) sessions: u32,
    pub(crate) requests: u64,
    pub(crate) think: Duration,
    /// Rubbish messages of the hostile client.
    pub(crate) hostile: u32,
}

impl Audience {
    /// All sites of a group whose sites do not change.
    pub(crate) fn of(sites: usize, f: usize) -> Self {
        let sites = SiteId::all(sites).collect();
        Self { sites, f }
    }

    fn any(&self, dice: &mut Dice) -> SiteId {
        self.sites[dice.below(self.sites.len())]
    }

    /// The sites from the one behind `site` on, again and again.
    fn after(&self, site: SiteId) -> impl Iterator<Item = SiteId> + '_ {
        let place = self.sites.iter().position(|own| *own == site);
        let first = place.map_or(0, |place| place + 1);
        self.sites.iter().copied().cycle().skip(first)
    }
}

impl Clients {
    pub(crate) fn new(book: &Shared, audience: Audience, load: Load, dice: &mut Dice) -> Self {
        let sessions = (0..load.sessions)
            .map(|index| Session {
                client: ClientId {
                    key: index / 2,
                    session: index % 2,
                },
                incarnation: Incarnation(dice.between(1, 3)),
                next: Sequence(1),
                outstanding: BTreeMap::new(),
                window: usize::try_from(dice.between(1, 4)).unwrap(),
                left: dice.between(load.requests / 2, load.requests),
                think: load.think,
                patience: Duration::from_millis(dice.between(50, 600)),
                next_at: Time::ZERO,
                dies: dice.chance(250),
            })
            .collect();
        Self {
            book: book.clone(),
            audience,
            sessions,
            hostile: load.hostile,
            links_come_up: dice.chance(500),
            next: Time::ZERO,
            audited: false,
        }
    }

    /// The group's sites are others from now on: what was said under the former view is nothing.
    pub(crate) fn enter(&mut self, audience: Audience) {
        self.audience = audience;
        for session in &mut self.sessions {
            let waiting = session.outstanding.values_mut();
            waiting.for_each(|waiting| {
                waiting.votes.clear();
                waiting.forgotten = SiteSet::EMPTY;
            });
        }
    }

    /// Each session asks that many times more.
    pub(crate) fn ask_more(&mut self, times: u64) {
        self.sessions
            .iter_mut()
            .for_each(|session| session.left += times);
    }

    fn on_replies(
        &mut self,
        now: Time,
        site: SiteId,
        client: ClientId,
        incarnation: Incarnation,
        replies: &[Reply],
    ) {
        let needed = self.audience.f + 1;
        if !self.audience.sites.contains(&site) {
            return;
        }
        let mine = |s: &&mut Session| s.client == client && s.incarnation == incarnation;
        let Some(session) = self.sessions.iter_mut().find(mine) else {
            return;
        };
        for reply in replies {
            let Some(waiting) = session.outstanding.get_mut(&reply.sequence) else {
                continue;
            };
            let (vote, result) = match &reply.fate {
                Fate::Executed { position, result } => {
                    ((*position, result_digest(result)), Some(result))
                }
                Fate::ExecutedDigest { position, digest } => ((*position, *digest), None),
                // What one key's sessions have under way may exceed what sites keep for it: a client
                // that f + 1 tell so knows that it will get no result.
                Fate::Forgotten => {
                    waiting.forgotten.insert(site);
                    if waiting.forgotten.len() >= needed {
                        session.outstanding.remove(&reply.sequence);
                        self.book.borrow_mut().sometimes.forgotten += 1;
                    }
                    continue;
                }
                Fate::Closed | Fate::Other => continue,
            };
            waiting.votes.insert(site, vote);
            let equal = waiting
                .votes
                .values()
                .filter(|other| **other == vote)
                .count();
            if let Some(result) = result
                && waiting.result.is_none()
            {
                waiting.result = Some(result.clone());
            }
            let complete = waiting
                .result
                .as_ref()
                .is_some_and(|r| result_digest(r) == vote.1);
            if equal >= needed && !complete {
                // A lie was first: only what the quorum agrees on is the result.
                waiting.result = None;
                self.book.borrow_mut().sometimes.digest_replies += 1;
            }
            if equal < needed || !complete {
                continue;
            }
            session.outstanding.remove(&reply.sequence);
            let sequence = reply.sequence;
            let id = RequestId {
                client,
                incarnation,
                sequence,
            };
            let mut book = self.book.borrow_mut();
            let asked = book
                .asked
                .get_mut(&id)
                .expect("what is outstanding was asked");
            asked.returned = Some((now, vote.0, vote.1));
        }
    }

    fn tick<P: Speaks>(&mut self, context: &mut Context<'_, P>) {
        let audience = &self.audience;
        for session in &mut self.sessions {
            session.resend(context, audience, &self.book);
            session.maybe_die(context.dice, &self.book);
            session.open(context, audience, &self.book);
        }
        if self.hostile > 0 && context.dice.chance(300) {
            self.hostile -= 1;
            self.annoy(context);
        }
        if self.links_come_up && context.dice.chance(30) {
            let any = |dice: &mut Dice| self.audience.any(dice);
            let (site, peer) = (any(context.dice), any(context.dice));
            context.command(site, P::order(Command::PeerUp(peer)));
        }
    }

    /// Once the world is healed each session asks once more, for everything there is.
    fn audit(&mut self) {
        if self.book.borrow().healed && !self.audited && self.is_idle() {
            self.audited = true;
            for session in &mut self.sessions {
                session.left = 2;
                session.dies = false;
            }
        }
    }

    /// Whether everything asked for was answered.
    pub(crate) fn is_idle(&self) -> bool {
        self.sessions
            .iter()
            .all(|s| s.left == 0 && s.outstanding.is_empty())
    }

    /// The hostile client: any session, any number, two bodies under one name.
    fn annoy<P: Speaks>(&mut self, context: &mut Context<'_, P>) {
        let mut orders = Vec::new();
        let dice = &mut *context.dice;
        let id = hostile_name(dice);
        let (incarnation, sequence) = (id.incarnation, id.sequence);
        let bodies: Vec<Bytes> = (0..dice.between(1, 2))
            .map(|_| {
                let value = dice.between(0, 1000).to_be_bytes().to_vec();
                let txn = Txn::default()
                    .then(Action::put("z", value))
                    .then(Action::get("z"));
                match dice.below(8) {
                    0 => Bytes::from_static(b"rubbish"),
                    _ => Operation::from(txn).to_bytes(),
                }
            })
            .collect();
        let fresh = || Asked {
            bodies: Vec::new(),
            called: context.now,
            returned: None,
        };
        let mut book = self.book.borrow_mut();
        book.asked
            .entry(id)
            .or_insert_with(fresh)
            .bodies
            .extend(bodies.iter().cloned());
        let session = id.client.session;
        for site in self.audience.sites.iter().copied() {
            let body = dice.pick(&bodies).expect("there is a body").clone();
            let message = match dice.below(4) {
                0 => ClientMessage::Submit {
                    session,
                    incarnation,
                    batches: vec![(Span::one(sequence), Bodies::new([&body]))],
                },
                1 => {
                    let digests = vec![(Span::one(sequence), Digest([7; 32])); 3];
                    ClientMessage::Vouch {
                        session,
                        incarnation,
                        digests,
                    }
                }
                _ => {
                    let digests = vec![(Span::one(sequence), request_digest(&id, &body))];
                    ClientMessage::Vouch {
                        session,
                        incarnation,
                        digests,
                    }
                }
            };
            orders.push((site, message));
        }
        for (site, message) in orders {
            context.orders_of(site, HOSTILE, message);
        }
    }
}

/// A name the hostile client uses: few sessions and lives, so that they collide.
fn hostile_name(dice: &mut Dice) -> RequestId {
    let client = ClientId {
        key: HOSTILE,
        session: u32::try_from(dice.between(0, 5)).unwrap(),
    };
    let incarnation = Incarnation(dice.between(0, 3));
    let sequence = match dice.below(6) {
        0 => Sequence(0),
        1 => Sequence(dice.between(1, 10_000)),
        2 => Sequence(u64::MAX),
        _ => Sequence(dice.between(1, 4)),
    };
    RequestId {
        client,
        incarnation,
        sequence,
    }
}

trait Orders {
    fn orders_of(&mut self, site: SiteId, key: u32, message: ClientMessage);
}

impl<P: Speaks> Orders for Context<'_, P> {
    fn orders_of(&mut self, site: SiteId, key: u32, message: ClientMessage) {
        self.command(site, P::order(Command::Client { key, message }));
    }
}

impl Session {
    fn open<P: Speaks>(
        &mut self,
        context: &mut Context<'_, P>,
        audience: &Audience,
        book: &Shared,
    ) {
        // Replies are kept for so many requests after one: the client's duty is to wait.
        while self.left > 0 && self.span() < self.window && self.next_at <= context.now {
            let home = audience.any(context.dice);
            let mut batch = Vec::new();
            for _ in 0..context.dice.between(1, 3) {
                if self.left > 0 && self.span() < self.window {
                    batch.push(self.ask(context, home, book));
                }
            }
            self.send(context, audience, home, &batch);
            self.next_at = context.now + context.dice.span(Duration::ZERO, self.think);
        }
    }

    /// Makes up a request.
    fn ask<P: Speaks>(
        &mut self,
        context: &mut Context<'_, P>,
        home: SiteId,
        book: &Shared,
    ) -> (Sequence, Bytes) {
        self.left -= 1;
        let sequence = self.next;
        self.next = sequence.next();
        let body = if self.left == 0 {
            everything()
        } else {
            operation(context.dice)
        };
        let id = RequestId {
            client: self.client,
            incarnation: self.incarnation,
            sequence,
        };
        let asked = Asked {
            bodies: vec![body.clone()],
            called: context.now,
            returned: None,
        };
        let mut book = book.borrow_mut();
        let before = book.asked.insert(id, asked);
        assert!(before.is_none(), "a name is used once");
        book.sometimes.requests += 1;
        let waiting = Outstanding {
            body: body.clone(),
            home,
            tries: 0,
            deadline: context.now + self.patience,
            votes: BTreeMap::new(),
            forgotten: SiteSet::EMPTY,
            result: None,
        };
        self.outstanding.insert(sequence, waiting);
        (sequence, body)
    }

    /// From the oldest request without an answer to the next.
    fn span(&self) -> usize {
        let oldest = self.outstanding.keys().next().copied();
        usize::try_from(self.next.0 - oldest.unwrap_or(self.next).0).unwrap()
    }

    /// The bodies of consecutive requests to one site, the digest to 2f more.
    fn send<P: Speaks>(
        &self,
        context: &mut Context<'_, P>,
        audience: &Audience,
        home: SiteId,
        batch: &[(Sequence, Bytes)],
    ) {
        let (client, incarnation) = (self.client, self.incarnation);
        let Some((first, _)) = batch.first() else {
            return;
        };
        let span = Span::new(*first, u32::try_from(batch.len()).unwrap()).unwrap();
        let bodies = Bodies::new(batch.iter().map(|(_, body)| body));
        let id = BatchId {
            client,
            incarnation,
            span,
        };
        let digests = vec![(span, id.digest(&bodies))];
        let (session, key) = (client.session, client.key);
        let submit = ClientMessage::Submit {
            session,
            incarnation,
            batches: vec![(span, bodies)],
        };
        context.orders_of(home, key, submit);
        for site in audience.after(home).take(2 * audience.f) {
            let vouch = ClientMessage::Vouch {
                session,
                incarnation,
                digests: digests.clone(),
            };
            context.orders_of(site, key, vouch);
        }
    }

    /// What was not answered in time goes to the next site.
    fn resend<P: Speaks>(
        &mut self,
        context: &mut Context<'_, P>,
        audience: &Audience,
        book: &Shared,
    ) {
        let mut outstanding = std::mem::take(&mut self.outstanding);
        let bodies: BTreeMap<Sequence, Bytes> = outstanding
            .iter()
            .map(|(sequence, waiting)| (*sequence, waiting.body.clone()))
            .collect();
        for (sequence, waiting) in &mut outstanding {
            if waiting.deadline > context.now {
                continue;
            }
            waiting.tries += 1;
            let mut ring = audience.after(waiting.home);
            waiting.home = ring.next().expect("a cycle never ends");
            let patience = self.patience.times(1 << waiting.tries.min(4));
            waiting.deadline = context.now + patience.min(Duration::from_secs(2));
            book.borrow_mut().sometimes.resent += 1;
            // Alone or with the next ones that wait: batches may overlap.
            let count = context.dice.between(1, 3);
            let numbers = (0..count).map(|offset| sequence.plus(offset));
            let batch: Vec<(Sequence, Bytes)> = numbers
                .map_while(|number| Some((number, bodies.get(&number)?.clone())))
                .collect();
            self.send(context, audience, waiting.home, &batch);
        }
        self.outstanding = outstanding;
    }

    /// A client that restarts has forgotten what it asked; its new incarnation closes the old.
    fn maybe_die(&mut self, dice: &mut Dice, book: &Shared) {
        if self.dies && self.next > Sequence(3) && dice.chance(100) {
            self.dies = false;
            self.incarnation = self.incarnation.next();
            self.next = Sequence(1);
            self.outstanding.clear();
            book.borrow_mut().sometimes.reincarnations += 1;
        }
    }
}

impl<P: Speaks> Environment<P> for Clients {
    fn on_output(&mut self, context: &mut Context<'_, P>, site: SiteId, output: P::Output) {
        if let Some((client, incarnation, replies)) = P::replies(&output) {
            self.on_replies(context.now, site, client, incarnation, replies);
        }
    }

    fn on_timer(&mut self, context: &mut Context<'_, P>) {
        self.next = context.now + TICK;
        self.audit();
        self.tick(context);
    }

    fn next_timer(&self) -> Option<Time> {
        Some(self.next)
    }

    fn done(&self) -> bool {
        self.is_idle() && (self.audited || !self.book.borrow().healed)
    }

    fn stuck(&self) -> String {
        let waiting: Vec<_> = self
            .sessions
            .iter()
            .flat_map(|s| {
                s.outstanding
                    .iter()
                    .map(|(q, o)| (s.client, s.incarnation, *q, o.tries))
            })
            .collect();
        format!("replies to {waiting:?}")
    }
}

fn everything() -> Bytes {
    let interval = Interval::all();
    let range = Range {
        interval,
        after: None,
        limit: 1000,
        keys_only: false,
    };
    Operation::from(range).to_bytes()
}

fn operation(dice: &mut Dice) -> Bytes {
    let key = || format!("k{}", dice_key(dice));
    let mut key = key;
    let (one, two) = (key(), key());
    let fill = if dice.chance(150) { 400 } else { 8 };
    let value = vec![u8::try_from(dice.below(256)).unwrap(); fill];
    match dice.below(10) {
        0..=3 => {
            let (key, value) = (one.into(), value.into());
            let put = Action::Put {
                key,
                value,
                previous: dice.chance(500),
            };
            Operation::from(put).to_bytes()
        }
        4..=6 => Operation::get(one).to_bytes(),
        7 => {
            let delete = Action::Delete {
                key: one.into(),
                previous: dice.chance(500),
            };
            Operation::from(delete).to_bytes()
        }
        _ => {
            let relation = *dice
                .pick(&[Relation::Equal, Relation::Greater, Relation::NotEqual])
                .unwrap();
            let target = match dice.below(3) {
                0 => Target::Version(dice.between(0, 2)),
                1 => Target::CreateRevision(0),
                _ => Target::Value(value.clone().into()),
            };
            let txn = Txn::default()
                .when(one.clone(), relation, target)
                .then(Action::put(one.clone(), value.clone()))
                .then(Action::get(two))
                .otherwise(Action::get(one));
            Operation::from(txn).to_bytes()
        }
    }
}

fn dice_key(dice: &mut Dice) -> u64 {
    dice.between(0, 4)
}
