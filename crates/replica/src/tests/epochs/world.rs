//! A group whose sites change: machines that know each other by key, on a network that the test can
//! make lose what it wants.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use maftia_codec::Wire;
use maftia_crypto::PublicKey;
use maftia_membership::View;
use maftia_membership::membership::Policy;
use maftia_ordering::BlockRef;
use maftia_protocol::{Event, Protocol, Step, Target};
use maftia_types::{CoinUse, Digest, Epoch, Round, SiteId, Time};

use super::machine::{Life, Machine, founded_by, key, start};
use crate::{Beginning, Bodies, Command, Fate, Message, Output, Replica};

type Lost = Box<dyn Fn(usize, usize, &Message) -> bool>;
type Signed = BTreeMap<(usize, Epoch, Round), BlockRef>;

pub(super) struct World {
    pub(super) now: Time,
    pub(super) machines: Vec<Machine>,
    /// Whether a message from one machine to another is lost.
    pub(super) lost: Lost,
    /// Where requests were executed; the same everywhere.
    pub(super) executed: BTreeMap<u64, u64>,
    /// What they were answered.
    pub(super) results: BTreeMap<u64, Bytes>,
    pub(super) asked: BTreeMap<u64, Bodies>,
    queue: VecDeque<(PublicKey, usize, Message)>,
    /// C_k by k; the same everywhere.
    digests: BTreeMap<u64, Digest>,
    /// The one block of each machine in each round of an epoch, over all its lives.
    signed: Signed,
    founders: View,
    keyed: bool,
    coin: CoinUse,
}

impl World {
    /// A group of `n` with a key-value store, and its keys if `keyed`.
    pub(super) fn new(n: usize, keyed: bool) -> Self {
        Self::founded(n, keyed, CoinUse::Never)
    }

    /// A group of `n` with its keys, and a coin that is used so.
    pub(super) fn with_coin(n: usize, coin: CoinUse) -> Self {
        Self::founded(n, true, coin)
    }

    fn founded(n: usize, keyed: bool, coin: CoinUse) -> Self {
        let founders = founded_by(n);
        let mut world = Self {
            now: Time::ZERO,
            machines: Vec::new(),
            lost: Box::new(|_, _, _| false),
            executed: BTreeMap::new(),
            results: BTreeMap::new(),
            asked: BTreeMap::new(),
            queue: VecDeque::new(),
            digests: BTreeMap::new(),
            signed: Signed::new(),
            founders: founders.clone(),
            keyed,
            coin,
        };
        let beginning = Beginning {
            view: founders,
            joiners: Vec::new(),
            policy: Policy::default(),
            clients: vec![(key(99).public(), maftia_types::Powers::ALL)],
            chain: Vec::new(),
            restored: false,
        };
        (0..n).for_each(|_| world.add(beginning.clone()));
        world
    }

    fn add(&mut self, beginning: Beginning) {
        let of = self.machines.len();
        let (replica, step) = self.boot(of, &beginning, &Life::first());
        self.machines.push(Machine::new(replica, beginning));
        self.perform(of, step);
    }

    fn boot(&self, of: usize, beginning: &Beginning, life: &Life<'_>) -> (Replica, Step<Replica>) {
        let founders = self.keyed.then_some(&self.founders);
        start(of, (beginning, founders, self.coin), life, self.now)
    }

    /// One more machine, which starts from what machine `host` says of the group now.
    pub(super) fn invite(&mut self, host: usize) {
        let host = &self.machines[host].replica;
        let state = host.membership().unwrap();
        let joiners = state.next().map_or(Vec::new(), |next| next.joiners.clone());
        let beginning = Beginning {
            view: state.view().clone(),
            joiners,
            policy: Policy::default(),
            clients: vec![(key(99).public(), maftia_types::Powers::ALL)],
            chain: Vec::new(),
            restored: false,
        };
        self.add(beginning);
        self.meet(self.machines.len() - 1);
    }

    /// Switches a machine off and on again, from what is on its disk.
    pub(super) fn restart(&mut self, of: usize) {
        let machine = &mut self.machines[of];
        machine.lives += 1;
        let lost = std::mem::take(&mut machine.lost_log);
        let machine = &self.machines[of];
        let life = Life {
            records: &machine.records,
            number: machine.lives,
            lost,
        };
        let (replica, step) = self.boot(of, &machine.beginning, &life);
        let machine = &mut self.machines[of];
        (machine.replica, machine.off) = (replica, false);
        machine.links.clear();
        self.queue
            .retain(|(from, to, _)| *from != key(of).public() && *to != of);
        self.perform(of, step);
        self.meet(of);
    }

    /// Loses power: all machines that are on start again, and nothing is under way.
    pub(super) fn restart_all(&mut self) {
        self.queue.clear();
        let on = (0..self.machines.len()).filter(|of| !self.machines[*of].off);
        on.collect::<Vec<_>>()
            .into_iter()
            .for_each(|of| self.restart(of));
    }

    /// Links come up where a machine has others than before, by its ids of now.
    pub(super) fn meet(&mut self, of: usize) {
        let universe = self.machines[of].replica.universe();
        let keys: Vec<PublicKey> = universe.iter().map(|member| member.key).collect();
        let before = std::mem::replace(&mut self.machines[of].links, keys.clone());
        for (place, peer) in keys.iter().enumerate() {
            if before.get(place) == Some(peer) || *peer == key(of).public() {
                continue;
            }
            let Some(other) = self
                .by_key(*peer)
                .filter(|other| !self.machines[*other].off)
            else {
                continue;
            };
            self.link_up(of, other);
            self.link_up(other, of);
        }
    }

    fn link_up(&mut self, of: usize, other: usize) {
        if self.machines[of].off {
            return;
        }
        if let Some(peer) = self.id_of(of, &key(other).public()) {
            let command = Command::PeerUp(peer);
            let Ok(step) = self.machines[of].replica.command(self.now, command);
            self.perform(of, step);
        }
    }

    /// By which id a machine knows a key.
    pub(super) fn id_of(&self, of: usize, peer: &PublicKey) -> Option<SiteId> {
        let universe = self.machines[of].replica.universe();
        let place = universe.iter().position(|member| member.key == *peer)?;
        SiteId::all(universe.len()).nth(place)
    }

    fn by_key(&self, wanted: PublicKey) -> Option<usize> {
        (0..self.machines.len()).find(|of| key(*of).public() == wanted)
    }

    pub(super) fn perform(&mut self, of: usize, step: Step<Replica>) {
        let machine = &mut self.machines[of];
        assert!(
            machine.may_blame || step.faults.is_empty(),
            "{of}: {:?}",
            step.faults
        );
        machine.faults.extend(step.faults);
        let universe = machine.replica.universe();
        let audience = machine.replica.audience();
        machine.records.extend(step.records);
        let own = key(of).public();
        for out in step.messages {
            self.note_signed(of, &out.message);
            let to: Vec<PublicKey> = match out.target {
                Target::All | Target::Others => {
                    universe.iter().take(audience).map(|to| to.key).collect()
                }
                Target::One(to) => universe
                    .get(to.index())
                    .map(|to| to.key)
                    .into_iter()
                    .collect(),
            };
            let bytes = out.message.to_bytes();
            let message = Message::from_bytes(bytes).expect("what is sent can be read");
            for to in to.into_iter().filter(|to| *to != own) {
                if let Some(to) = self.by_key(to) {
                    self.queue.push_back((own, to, message.clone()));
                }
            }
        }
        let moved = step
            .outputs
            .iter()
            .any(|output| matches!(output, Output::Sites));
        step.outputs
            .iter()
            .for_each(|output| self.note_executed(output));
        let status = self.machines[of].replica.status();
        if !self.machines[of].replica.is_hollow() {
            let known = self
                .digests
                .entry(status.commit)
                .or_insert(status.commit_digest);
            assert_eq!(
                *known, status.commit_digest,
                "{of}: commit {}",
                status.commit
            );
        }
        self.machines[of].outputs.extend(step.outputs);
        if moved {
            self.meet(of);
        }
    }

    /// No machine signs two blocks of one round of an epoch, in whatever lives.
    fn note_signed(&mut self, of: usize, message: &Message) {
        let replica = &self.machines[of].replica;
        if let Message::Ordering(epoch, maftia_ordering::Message::Block { block, .. }) = message
            && *epoch == replica.epoch()
            && block.author() == replica.me()
        {
            let place = (of, *epoch, block.round());
            let first = self
                .signed
                .entry(place)
                .or_insert_with(|| block.reference());
            assert_eq!(*first, block.reference(), "{place:?}: two blocks");
        }
    }

    /// Every request has one position, every position one request.
    fn note_executed(&mut self, output: &Output) {
        let Output::Replies { replies, .. } = output else {
            return;
        };
        for reply in replies {
            let Fate::Executed { position, result } = &reply.fate else {
                continue;
            };
            let position = *position;
            let number = reply.sequence.0;
            assert!(
                self.executed
                    .iter()
                    .all(|(own, at)| (*own == number) == (*at == position)),
                "{number} at {position}: {:?}",
                self.executed
            );
            self.executed.insert(number, position);
            self.results.insert(number, result.clone());
        }
    }

    fn deliver(&mut self, from: PublicKey, to: usize, message: Message) {
        let sender = self.by_key(from).expect("machines send");
        if self.machines[to].off || self.machines[sender].off || (self.lost)(sender, to, &message) {
            return;
        }
        if let Some(from) = self.id_of(to, &from) {
            let event = Event::Message { from, message };
            let step = self.machines[to].replica.handle(self.now, event);
            self.perform(to, step);
        }
    }

    /// A machine hears something that the test says in another's name.
    pub(super) fn tell(&mut self, to: usize, from: usize, message: Message) {
        let from = self
            .id_of(to, &key(from).public())
            .expect("they know each other");
        let event = Event::Message { from, message };
        let step = self.machines[to].replica.handle(self.now, event);
        self.perform(to, step);
    }

    /// Delivers everything, then fires the earliest deadline; `steps` times.
    pub(super) fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            while let Some((from, to, message)) = self.queue.pop_front() {
                self.deliver(from, to, message);
            }
            let due = (0..self.machines.len())
                .filter(|of| !self.machines[*of].off)
                .filter_map(|of| Some((self.machines[of].replica.next_timeout()?, of)))
                .min();
            let Some((at, of)) = due else { return };
            self.now = self.now.max(at);
            let step = self.machines[of].replica.handle(self.now, Event::Timeout);
            self.perform(of, step);
        }
    }

    /// Runs until something is so, at all machines that are on.
    pub(super) fn run_until(&mut self, what: &str, wanted: impl Fn(&Machine) -> bool) {
        for _ in 0..3000 {
            if self.machines.iter().filter(|own| !own.off).all(&wanted) {
                return;
            }
            self.run(5);
        }
        let states: Vec<String> = self.machines.iter().map(Machine::describe).collect();
        panic!("never {what}, {:?}: {}", self.now, states.concat());
    }
}
