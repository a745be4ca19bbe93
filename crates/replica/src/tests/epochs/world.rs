//! A group whose sites change: machines that know each other by key, on a perfect network.

use std::collections::VecDeque;

use bytes::Bytes;
use maftia_activity::keys::{GENESIS_KEYS, Ordered, Setup, Site};
use maftia_activity::kv;
use maftia_activity::replication::StateMachine;
use maftia_activity::suite::Suite;
use maftia_codec::Wire;
use maftia_crypto::{PublicKey, SigningKey};
use maftia_membership::membership::{Operation, Policy};
use maftia_membership::{Change, Edit, MEMBERSHIP, Member, View};
use maftia_ordering::{CheckpointPolicy, Identity, Pacing, Parameters};
use maftia_protocol::{Event, Protocol, Step, Target};
use maftia_types::{Epoch, FaultModel, Incarnation, Resilience, Sequence, SiteId, Time};

use super::super::harness::CONFIG;
use crate::{
    Beginning, Bodies, Boot, ClientMessage, Command, Message, Output, Record, Replica, Restored,
    Settings, Span,
};

/// The client key that asks in these tests.
const CLIENT: u32 = 0;

pub(super) struct Machine {
    pub(super) replica: Replica,
    pub(super) records: Vec<Record>,
    pub(super) outputs: Vec<Output>,
    /// Whether it is switched off: it hears nothing, does nothing.
    pub(super) off: bool,
    beginning: Beginning,
    lives: u64,
}

pub(super) struct World {
    pub(super) now: Time,
    pub(super) machines: Vec<Machine>,
    queue: VecDeque<(PublicKey, PublicKey, Message)>,
    sequence: u64,
    keyed: bool,
}

pub(super) fn key(of: usize) -> SigningKey {
    SigningKey::mock(of as u64)
}

/// What the group's file says of a machine.
pub(super) fn member(of: usize) -> Member {
    let port = 7000 + u16::try_from(of).unwrap();
    Member {
        name: format!("s{of}"),
        key: key(of).public(),
        address: Some(([127, 0, 0, 1], port).into()),
        http: None,
    }
}

fn resilience(n: usize) -> Resilience {
    Resilience::largest(FaultModel::Arbitrary, n).unwrap()
}

fn founded_by(n: usize) -> View {
    let sites = (0..n).map(|of| (member(of).name, key(of).public()));
    View::genesis(CONFIG, resilience(n), sites).unwrap()
}

impl World {
    /// A group of `n` with a key-value store, and its keys if `keyed`.
    pub(super) fn new(n: usize, keyed: bool) -> Self {
        let mut world = Self {
            now: Time::ZERO,
            machines: Vec::new(),
            queue: VecDeque::new(),
            sequence: 0,
            keyed,
        };
        let beginning = Beginning {
            view: founded_by(n),
            joiners: Vec::new(),
            policy: Policy::default(),
            clients: vec![(key(99).public(), maftia_types::Powers::ALL)],
            chain: Vec::new(),
        };
        (0..n).for_each(|_| world.add(beginning.clone()));
        world
    }

    fn add(&mut self, beginning: Beginning) {
        let of = self.machines.len();
        let (replica, step) = self.boot(of, &beginning, &[], 1);
        self.machines.push(Machine {
            replica,
            records: Vec::new(),
            outputs: Vec::new(),
            off: false,
            beginning,
            lives: 1,
        });
        self.perform(of, step);
    }

    /// One more machine, which starts from what machine 0 says of the group now.
    pub(super) fn invite(&mut self) {
        let host = &self.machines[0].replica;
        let state = host.membership().unwrap();
        let joiners = state.next().map_or(Vec::new(), |next| next.joiners.clone());
        let beginning = Beginning {
            view: state.view().clone(),
            joiners,
            policy: Policy::default(),
            clients: vec![(key(99).public(), maftia_types::Powers::ALL)],
            chain: Vec::new(),
        };
        self.add(beginning);
        self.meet();
    }

    fn boot(
        &self,
        of: usize,
        beginning: &Beginning,
        records: &[Record],
        life: u64,
    ) -> (Replica, Step<Replica>) {
        let view = &beginning.view;
        let parameters = Parameters {
            config: CONFIG,
            epoch: Epoch(0),
            resilience: view.resilience(),
            delivery_depth: 16,
            checkpoints: CheckpointPolicy {
                commits: 16,
                ..CheckpointPolicy::default()
            },
            pacing: Pacing::default(),
        };
        let identity = Identity {
            me: SiteId::new(0).unwrap(),
            key: key(of),
            keys: view.keys(),
        };
        let founders = founded_by(4.max(if of < 7 && view.members().len() == 7 {
            7
        } else {
            4
        }));
        let machine: Box<dyn StateMachine> = if self.keyed {
            let setup = Setup {
                group: CONFIG,
                epoch: Epoch(0),
                resilience: founders.resilience(),
                sites: founders.keys(),
                clients: vec![maftia_types::Powers::ALL],
                approvals: 1,
            };
            Box::new(Suite::new(Ordered::new(setup, GENESIS_KEYS)))
        } else {
            Box::new(kv::Store::default())
        };
        let vault = records.iter().rev().find_map(|record| match record {
            Record::Vault(vault) => Some(vault.clone()),
            _ => None,
        });
        let chain = records.iter().rev().find_map(|record| match record {
            Record::Chain(chain) => Some(chain.clone()),
            _ => None,
        });
        let is_image = |record: &Record| matches!(record, Record::Image(_));
        let image = records.iter().rposition(is_image);
        let log = records.iter().skip(image.unwrap_or(0));
        let log = log.filter_map(|record| match record {
            Record::Ordering(record) => Some(record.clone()),
            _ => None,
        });
        let image = image.map(|at| match &records[at] {
            Record::Image(image) => Restored::from_chunks(image.chunks().collect()).unwrap(),
            _ => unreachable!("it was looked for"),
        });
        let seed = [u8::try_from(10 * life).unwrap() + u8::try_from(of).unwrap(); 32];
        let half = || {
            let vault = vault.as_ref().map(|vault| vault.expose());
            Site::new(SiteId::new(0).unwrap(), CONFIG, key(of), vault, seed).unwrap()
        };
        let boot = Boot {
            image,
            records: log.collect(),
            site_half: self.keyed.then(half),
            nonce: life,
            beginning: Some(Beginning {
                chain: chain.unwrap_or_default(),
                ..beginning.clone()
            }),
            ..Boot::default()
        };
        let settings = Settings {
            image_bytes: 64 * 1024,
            ..Settings::default()
        };
        Replica::boot(parameters, settings, identity, machine, boot, self.now).unwrap()
    }

    /// Switches a machine off and on again, from what is on its disk.
    pub(super) fn restart(&mut self, of: usize) {
        self.machines[of].lives += 1;
        let machine = &self.machines[of];
        let (replica, step) = self.boot(of, &machine.beginning, &machine.records, machine.lives);
        let machine = &mut self.machines[of];
        (machine.replica, machine.off) = (replica, false);
        self.perform(of, step);
        self.meet();
    }

    /// Links come up.
    pub(super) fn meet(&mut self) {
        for of in 0..self.machines.len() {
            let peers = self.machines[of].replica.universe();
            for peer in SiteId::all(peers.len()) {
                if self.machines[of].off || peer == self.machines[of].replica.me() {
                    continue;
                }
                let now = self.now;
                let Ok(step) = self.machines[of]
                    .replica
                    .command(now, Command::PeerUp(peer));
                self.perform(of, step);
            }
        }
    }

    pub(super) fn perform(&mut self, of: usize, step: Step<Replica>) {
        assert!(step.faults.is_empty(), "{of}: {:?}", step.faults);
        let machine = &mut self.machines[of];
        let universe = machine.replica.universe();
        let moved = step
            .outputs
            .iter()
            .any(|output| matches!(output, Output::Sites));
        machine.records.extend(step.records);
        machine.outputs.extend(step.outputs);
        let own = key(of).public();
        for out in step.messages {
            let to: Vec<PublicKey> = match out.target {
                Target::All | Target::Others => universe.iter().map(|to| to.key).collect(),
                Target::One(to) => universe
                    .get(to.index())
                    .map(|to| to.key)
                    .into_iter()
                    .collect(),
            };
            let bytes = out.message.to_bytes();
            let message = Message::from_bytes(bytes).expect("what is sent can be read");
            for to in to.into_iter().filter(|to| *to != own) {
                self.queue.push_back((own, to, message.clone()));
            }
        }
        if moved {
            self.meet();
        }
    }

    fn deliver(&mut self, from: PublicKey, to: PublicKey, message: Message) {
        let found = self
            .machines
            .iter()
            .zip(0..)
            .find(|(_, of)| key(*of).public() == to);
        let Some((machine, of)) = found else { return };
        let sender = self
            .machines
            .iter()
            .zip(0..)
            .find(|(_, of)| key(*of).public() == from);
        let silent = sender.is_none_or(|(sender, _)| sender.off);
        let universe = machine.replica.universe();
        let place = universe.iter().position(|peer| peer.key == from);
        let Some(place) = place.filter(|_| !machine.off && !silent) else {
            return;
        };
        let from = SiteId::all(universe.len()).nth(place).unwrap();
        let event = Event::Message { from, message };
        let step = self.machines[of].replica.handle(self.now, event);
        self.perform(of, step);
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
        for _ in 0..2000 {
            if self.machines.iter().filter(|own| !own.off).all(&wanted) {
                return;
            }
            self.run(10);
        }
        let states: Vec<_> = self
            .machines
            .iter()
            .map(|own| {
                let epochs = own.replica.epochs.as_ref();
                let status = own.replica.status();
                format!(
                    "{:?} epoch {} left {} of {} hollow {:?} ask {:?} {:?} at {} ready {:?} now {:?} pend {:?} hist {:?}\n",
                    own.replica.me(),
                    own.epoch(),
                    own.has_left(),
                    own.replica.universe().len(),
                    epochs.map(|e| e.hollow),
                    epochs.map(|e| e.ask_at),
                    status.activity,
                    status.commit,
                    own.replica.ready_due(),
                    self.now,
                    own.replica.membership().and_then(|m| m.pending()).map(|p| p.ready),
                    own.replica.membership().map(|m| m.history().cloned().collect::<Vec<_>>()),
                )
            })
            .collect();
        panic!("never {what}: {}", states.concat());
    }

    /// Asks all machines for something, and forgets about it.
    pub(super) fn ask(&mut self, operation: &[u8]) {
        self.sequence += 1;
        let bodies = Bodies::new([&Bytes::copy_from_slice(operation)]);
        for of in 0..self.machines.len() {
            let message = ClientMessage::Submit {
                session: 0,
                incarnation: Incarnation(1),
                batches: vec![(Span::one(Sequence(self.sequence)), bodies.clone())],
            };
            let key = CLIENT;
            if self.machines[of].off {
                continue;
            }
            let command = Command::Client { key, message };
            let Ok(step) = self.machines[of].replica.command(self.now, command);
            self.perform(of, step);
        }
    }

    pub(super) fn put(&mut self, key: &str) {
        self.ask(&kv::Operation::put(key.to_owned(), "value").to_bytes());
    }

    pub(super) fn propose(&mut self, edits: Vec<Edit>, f: Option<u8>) {
        let mut operation = vec![MEMBERSHIP];
        operation.extend_from_slice(&Operation::Propose(Change { edits, f }).to_bytes());
        self.ask(&operation);
        self.run(40);
    }

    /// The numbers of the requests that were executed and answered, at one machine.
    pub(super) fn positions(&self) -> Vec<u64> {
        self.machines
            .iter()
            .map(|own| own.replica.status().position)
            .collect()
    }
}

impl Machine {
    pub(super) fn epoch(&self) -> u64 {
        self.replica
            .membership()
            .map_or(0, |state| state.view().epoch().0)
    }

    pub(super) fn has_left(&self) -> bool {
        self.outputs
            .iter()
            .any(|output| matches!(output, Output::Left(_)))
    }
}
