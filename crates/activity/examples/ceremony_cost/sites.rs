use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use maftia_activity::keys::{KeyId, Operation, Ordered, Scheme, Setup, Site};
use maftia_activity::replication::{Context, Effects, NextCommittee, SiteContext};
use maftia_codec::Wire as _;
use maftia_crypto::{PublicKey, SigningKey};
use maftia_types::{ClientId, Digest, Epoch, FaultModel, Powers, Resilience, SiteId, Time};

use super::processor::timed;
use super::{BYTES_PER_SECOND, DELAY, DISK, ORDERING};

const GROUP: Digest = Digest([7; 32]);
const KEY: KeyId = KeyId(1);

/// What a ceremony took.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    /// From its beginning until the last site has seen the new sharing in use.
    pub(crate) time: Duration,
    /// Of the site that needed most.
    pub(crate) processor: Duration,
    /// Of the site that sent most, to all others together.
    pub(crate) bytes: usize,
    /// In the log.
    pub(crate) words: usize,
}

/// An entry of the log: the state after it, when sites may see it, and what taking it in costs.
struct Entry {
    state: Arc<Ordered>,
    at: Duration,
    cost: Duration,
}

struct Actor {
    site: Site,
    key: PublicKey,
    me: Option<SiteId>,
    /// How many entries of the log it has taken in.
    seen: usize,
    /// Until when its processor, and its link, are busy.
    busy: Duration,
    sending: Duration,
    processor: Duration,
    bytes: usize,
}

/// What is under way.
enum Event {
    /// A private message: from and to those actors.
    Message(usize, usize, Bytes),
    /// A word that gets its place in the log.
    Word(usize, Bytes),
    /// The log has an entry for that actor, or its time has come.
    Look(usize),
}

pub(crate) struct Sites {
    actors: Vec<Actor>,
    log: Vec<Entry>,
    /// By time, and in the order in which they were made.
    events: BTreeMap<(Duration, u64), Event>,
    made: u64,
    began: Duration,
    first_word: usize,
}

fn seat(index: usize) -> SiteId {
    SiteId::new(u8::try_from(index).unwrap()).unwrap()
}

fn seat_in(state: &Ordered, key: &PublicKey) -> Option<SiteId> {
    let keys = &state.setup().sites;
    keys.iter().position(|own| own == key).map(seat)
}

impl Sites {
    /// Sites that begin to make a key of that scheme.
    pub(crate) fn new(n: usize, scheme: Scheme, seed: usize) -> Self {
        let seed = u8::try_from(seed).unwrap();
        // One more, who joins later.
        let signing_key = |who: usize| {
            let mut bytes = [seed; 32];
            bytes[0] = u8::try_from(who).unwrap();
            SigningKey::from_seed(bytes)
        };
        let public = |who: usize| signing_key(who).public();
        let setup = Setup {
            group: GROUP,
            epoch: Epoch(0),
            resilience: Resilience::largest(FaultModel::Arbitrary, n).unwrap(),
            sites: (0..n).map(public).collect(),
            clients: vec![Powers::ALL],
            approvals: 1,
        };
        let state = Ordered::new(setup, &[("key", scheme)]);
        let actors = (0..=n).map(|who| Actor {
            site: Site::new(
                seat(who),
                GROUP,
                signing_key(who),
                None,
                rng_seed(seed, who),
            )
            .unwrap(),
            me: (who < n).then(|| seat(who)),
            key: public(who),
            seen: 0,
            busy: Duration::ZERO,
            sending: Duration::ZERO,
            processor: Duration::ZERO,
            bytes: 0,
        });
        let mut sites = Self {
            actors: actors.collect(),
            log: Vec::new(),
            events: BTreeMap::new(),
            made: 0,
            began: Duration::ZERO,
            first_word: 0,
        };
        sites.append(Duration::ZERO, state, Duration::ZERO);
        sites
    }

    /// A client asks for other shares.
    pub(crate) fn refresh(&mut self) {
        let context = Context {
            position: self.log.len() as u64,
            commit_time_ms: 0,
            client: ClientId { key: 0, session: 0 },
        };
        let mut state = self.state().clone();
        let mut reply = Vec::new();
        state.apply(&context, &Operation::Refresh(KEY).to_bytes(), &mut reply);
        self.begin(state);
    }

    /// The first site leaves, and another joins.
    pub(crate) fn replace_one(&mut self) {
        let mut state = self.state().clone();
        let setup = state.setup().clone();
        let n = setup.resilience.sites();
        let next = NextCommittee {
            epoch: setup.epoch.next(),
            resilience: setup.resilience,
            joiners: vec![self.actors[n].key],
            members: (1..=n).map(seat).collect(),
        };
        state.prepare(&next, self.log.len() as u64, 0).unwrap();
        self.begin(state);
    }

    /// Runs until all sites have seen the new sharing in use.
    pub(crate) fn until_done(&mut self) -> Cost {
        let (mut done, mut end) = (None, None);
        // What comes after the end, as the words of the last members, is part of the cost.
        while let Some(((now, _), event)) = self.events.pop_first() {
            self.happen(now, event);
            done = done.or_else(|| self.is_over().then(|| self.log.len() - 1));
            let all = |at: usize| self.actors.iter().all(|own| own.seen > at);
            if end.is_none() && done.is_some_and(all) {
                end = self.actors.iter().map(|own| own.busy).max();
            }
        }
        let end = end.expect("a ceremony does not halt");
        Cost {
            time: end.saturating_sub(self.began),
            processor: self.actors.iter().map(|own| own.processor).max().unwrap(),
            bytes: self.actors.iter().map(|own| own.bytes).max().unwrap(),
            words: self.log.len() - self.first_word,
        }
    }

    fn begin(&mut self, state: Ordered) {
        self.began = self.actors.iter().map(|own| own.busy).max().unwrap();
        for actor in &mut self.actors {
            (actor.processor, actor.bytes) = (Duration::ZERO, 0);
        }
        self.first_word = self.log.len() + 1;
        self.append(self.began, state, Duration::ZERO);
    }

    fn happen(&mut self, now: Duration, event: Event) {
        match event {
            Event::Look(who) => self.look(now, who),
            Event::Message(from, to, message) => {
                let state = self.log[self.actors[to].seen.saturating_sub(1)]
                    .state
                    .clone();
                let Some(from) = seat_in(&state, &self.actors[from].key) else {
                    return;
                };
                let actor = &mut self.actors[to];
                let mut out = Effects::default();
                let at = time(now.max(actor.busy));
                let (cost, ()) = timed(|| actor.site.hear(at, from, &message, &state, &mut out));
                self.perform(now, to, cost, out);
            }
            Event::Word(from, word) => {
                let mut state = self.state().clone();
                let Some(site) = seat_in(&state, &self.actors[from].key) else {
                    return;
                };
                let context = SiteContext {
                    site,
                    commit: self.log.len() as u64,
                    commit_time_ms: 0,
                };
                let (cost, ()) = timed(|| state.contribute(&context, &word));
                if state.is_prepared() {
                    state.enter();
                }
                self.append(now, state, cost);
            }
        }
    }

    /// The site takes in what it may see of the log, and does what that asks of it.
    fn look(&mut self, now: Duration, who: usize) {
        let actor = &mut self.actors[who];
        let start = now.max(actor.busy);
        if start > now {
            return self.later(start, Event::Look(who));
        }
        let (mut cost, mut out) = (Duration::ZERO, Effects::default());
        while let Some(entry) = self.log.get(actor.seen).filter(|entry| entry.at <= now) {
            cost += entry.cost;
            actor.seen += 1;
        }
        let state = self.log[actor.seen.saturating_sub(1)].state.clone();
        let me = seat_in(&state, &actor.key);
        match me {
            Some(own) if me != actor.me => actor.site.renumber(own),
            None if actor.me.is_some() => actor.site.retire(&mut out),
            _ => {}
        }
        actor.me = me;
        let site = &mut actor.site;
        let (observing, ()) = timed(|| site.observe(time(now), &state, &mut out));
        self.perform(now, who, cost + observing, out);
    }

    /// Charges the site, and sends what it has to say.
    fn perform(&mut self, now: Duration, who: usize, cost: Duration, out: Effects) {
        let state = self.log[self.actors[who].seen.saturating_sub(1)]
            .state
            .clone();
        let actor = &mut self.actors[who];
        actor.processor += cost;
        actor.busy = now.max(actor.busy) + cost;
        let disk = if out.vault.is_some() {
            DISK
        } else {
            Duration::ZERO
        };
        let ready = actor.busy + disk;
        for (to, message) in out.messages {
            let key = *state.setup().key_of(to).unwrap();
            let mut others = self.actors.iter();
            let to = others.position(|own| own.key == key).unwrap();
            let at = self.send(who, ready, message.len()) + DELAY;
            self.later(at, Event::Message(who, to, message));
        }
        for word in out.contributions {
            let copies = state.setup().sites.len() - 1;
            let at = self.send(who, ready, word.len() * copies) + DELAY * ORDERING;
            self.later(at, Event::Word(who, word));
        }
    }

    /// When that much has left the site.
    fn send(&mut self, who: usize, ready: Duration, bytes: usize) -> Duration {
        let actor = &mut self.actors[who];
        actor.bytes += bytes;
        let lasting = Duration::from_secs_f64(bytes as f64 / f64::from(BYTES_PER_SECOND));
        actor.sending = actor.sending.max(ready) + lasting;
        actor.sending
    }

    fn append(&mut self, at: Duration, state: Ordered, cost: Duration) {
        let state = Arc::new(state);
        self.log.push(Entry { state, at, cost });
        (0..self.actors.len()).for_each(|who| self.later(at, Event::Look(who)));
    }

    fn later(&mut self, at: Duration, event: Event) {
        self.made += 1;
        self.events.insert((at, self.made), event);
    }

    fn state(&self) -> &Ordered {
        &self.log.last().expect("the log begins with a state").state
    }

    fn is_over(&self) -> bool {
        self.state().ceremonies().next().is_none()
    }
}

fn time(at: Duration) -> Time {
    Time::ZERO + maftia_types::Duration::from_micros(u64::try_from(at.as_micros()).unwrap())
}

fn rng_seed(seed: u8, who: usize) -> [u8; 32] {
    let mut bytes = [seed; 32];
    bytes[1] = u8::try_from(who).unwrap();
    bytes
}
