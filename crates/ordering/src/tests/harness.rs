//! Engines joined by a perfect network, for tests of single rules. The simulator has the imperfect
//! ones.

use std::collections::VecDeque;

use maftia_crypto::SigningKey;
use maftia_protocol::{Event, Protocol, Step, Target};
use maftia_types::{Digest, Epoch, FaultModel, Resilience, SiteId, Time};

use crate::*;

pub(super) const CONFIG: Digest = Digest([9; 32]);

pub(super) fn parameters(n: usize) -> Parameters {
    Parameters {
        config: CONFIG,
        epoch: Epoch(0),
        resilience: Resilience::largest(FaultModel::Arbitrary, n).unwrap(),
        fast_path: false,
        asynchronous: Asynchronous::Never,
        seals: None,
        delivery_depth: 16,
        checkpoints: CheckpointPolicy::default(),
        pacing: Pacing::default(),
    }
}

pub(super) fn site(index: u8) -> SiteId {
    SiteId::new(index).unwrap()
}

pub(super) fn key(index: usize) -> SigningKey {
    SigningKey::mock(index as u64)
}

pub(super) fn identity(n: usize, me: usize) -> Identity {
    Identity {
        me: site(me as u8),
        key: key(me),
        keys: (0..n).map(|i| key(i).public()).collect(),
    }
}

pub(super) fn fresh_boot() -> Boot {
    Boot {
        frontier: Frontier::start(),
        records: Vec::new(),
        lost: false,
        nonce: 7,
    }
}

pub(super) struct Net {
    pub(super) now: Time,
    pub(super) engines: Vec<Engine>,
    pub(super) commits: Vec<Vec<Commit>>,
    pub(super) records: Vec<Vec<Record>>,
    pub(super) outputs: Vec<Vec<Output>>,
    pub(super) cut: Vec<SiteId>,
    queue: VecDeque<(SiteId, SiteId, Message)>,
    /// A scheduler: which messages do not arrive yet.
    pub(super) hold: Option<Hold>,
    held: VecDeque<(SiteId, SiteId, Message)>,
    /// Who is faulty: others may blame it, and whom it blames is its own business.
    pub(super) intruded: Option<SiteId>,
    pub(super) blamed: Vec<Misbehaviour>,
}

/// Says of the sites, a receiver and a message that it does not arrive yet.
pub(super) type Hold = Box<dyn Fn(&[Engine], SiteId, &Message) -> bool>;

impl Net {
    pub(super) fn new(n: usize) -> Self {
        let engines: Vec<Engine> = (0..n)
            .map(|me| Engine::boot(parameters(n), identity(n, me), fresh_boot(), Time::ZERO).0)
            .collect();
        Self {
            now: Time::ZERO,
            engines,
            commits: vec![Vec::new(); n],
            records: vec![Vec::new(); n],
            outputs: (0..n).map(|_| Vec::new()).collect(),
            cut: Vec::new(),
            queue: VecDeque::new(),
            hold: None,
            held: VecDeque::new(),
            intruded: None,
            blamed: Vec::new(),
        }
    }

    /// One more engine, behind the others.
    pub(super) fn add(&mut self, engine: Engine) {
        self.engines.push(engine);
        self.commits.push(Vec::new());
        self.records.push(Vec::new());
        self.outputs.push(Vec::new());
    }

    /// Puts the engines into another order, by their present places; what is under way is lost.
    pub(super) fn permute(&mut self, order: &[usize]) {
        fn pick<T>(from: &mut Vec<T>, order: &[usize]) {
            let mut all: Vec<Option<T>> = from.drain(..).map(Some).collect();
            from.extend(order.iter().map(|at| all[*at].take().unwrap()));
        }
        pick(&mut self.engines, order);
        pick(&mut self.commits, order);
        pick(&mut self.records, order);
        pick(&mut self.outputs, order);
        self.queue.clear();
    }

    pub(super) fn perform(&mut self, at: usize, step: Step<Engine>) {
        let n = self.engines.len();
        self.records[at].extend(step.records);
        if self.intruded != Some(site(at as u8)) {
            let mut faults = step.faults.iter();
            let is_sound = faults.all(|fault| Some(fault.culprit) == self.intruded);
            assert!(is_sound, "{:?}", step.faults);
            self.blamed
                .extend(step.faults.iter().map(|fault| fault.misbehaviour));
        }
        for out in step.messages {
            let to: Vec<SiteId> = match out.target {
                Target::All => SiteId::all(n).collect(),
                Target::Others => SiteId::all(n).filter(|s| s.index() != at).collect(),
                Target::One(to) => vec![to],
            };
            for to in to {
                self.queue
                    .push_back((site(at as u8), to, out.message.clone()));
            }
        }
        for output in step.outputs {
            if let Output::Commit(commit) = output {
                self.commits[at].push(*commit);
            } else {
                self.outputs[at].push(output);
            }
        }
    }

    /// Delivers everything, then fires the earliest deadline; `steps` times.
    pub(super) fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            self.release();
            while let Some((from, to, message)) = self.queue.pop_front() {
                if self.is_held(to, &message) {
                    self.held.push_back((from, to, message));
                    continue;
                }
                if self.cut.contains(&from) || self.cut.contains(&to) {
                    continue;
                }
                let now = self.now;
                let engine = &mut self.engines[to.index()];
                let step = engine.handle(now, Event::Message { from, message });
                self.perform(to.index(), step);
                if self.queue.is_empty() {
                    self.release();
                }
            }
            let due = (0..self.engines.len())
                .filter(|i| !self.cut.contains(&site(*i as u8)))
                .filter_map(|i| self.engines[i].next_timeout().map(|at| (at, i)))
                .min();
            let Some((at, i)) = due else { return };
            self.now = self.now.max(at);
            let step = self.engines[i].handle(self.now, Event::Timeout);
            self.perform(i, step);
        }
    }

    /// Loses what is under way.
    pub(super) fn lose(&mut self) {
        self.queue.clear();
        self.held.clear();
    }

    fn is_held(&self, to: SiteId, message: &Message) -> bool {
        let hold = self.hold.as_ref();
        hold.is_some_and(|hold| hold(&self.engines, to, message))
    }

    /// What the scheduler lets go.
    fn release(&mut self) {
        for (from, to, message) in std::mem::take(&mut self.held) {
            if self.is_held(to, &message) {
                self.held.push_back((from, to, message));
            } else {
                self.queue.push_back((from, to, message));
            }
        }
    }

    /// As `run`, with every message lost.
    pub(super) fn lose_queue_for(&mut self, steps: usize) {
        for _ in 0..steps {
            self.queue.clear();
            self.run(1);
            self.queue.clear();
        }
    }

    pub(super) fn submit(&mut self, at: usize, item: &[u8]) {
        let now = self.now;
        self.engines[at].submit(item).unwrap();
        self.engines[at].wake(now);
    }

    pub(super) fn payloads(&self, at: usize) -> Vec<Vec<u8>> {
        self.commits[at]
            .iter()
            .flat_map(|commit| &commit.blocks)
            .filter(|(_, payload)| !payload.is_empty())
            .map(|(_, payload)| payload.to_vec())
            .collect()
    }
}
