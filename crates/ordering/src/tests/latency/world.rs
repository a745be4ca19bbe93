use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use maftia_protocol::{Event, Protocol, Step, Target};
use maftia_types::{Digest, Duration, Resilience, SiteId, Time};

use super::network::{Links, Network};
use super::{Row, Seen};
use crate::coin::{Coin, SimulatedCoin};
use crate::tests::harness::{fresh_boot, identity, parameters, site};
use crate::*;

/// Rounds before anything is measured: timeouts have found their length, absent leaders are known.
const WARM_UP: u64 = 60;
const SEED: u64 = 1;

/// Engines that always have something to say, on links that take their time and keep their order.
/// Computing and writing take none; signatures are mock ones.
pub(super) struct World {
    now: Time,
    engines: Vec<Engine>,
    silent: usize,
    one_correct: usize,
    links: Links,
    queue: BinaryHeap<Reverse<(Time, u64)>>,
    /// What is under way, by its number in the queue.
    carried: BTreeMap<u64, (SiteId, SiteId, Message)>,
    sent: u64,
    /// When a link's last message arrives: no later one does before.
    arrivals: BTreeMap<(SiteId, SiteId), Time>,
    made: BTreeMap<Digest, Time>,
    /// How many sites have delivered a block.
    delivered: BTreeMap<Digest, usize>,
    seen: Seen,
}

impl World {
    pub(super) fn new(row: Row, resilience: Resilience, network: Network, silent: usize) -> Self {
        let n = resilience.sites();
        let boot = |me: usize| {
            let coin = SimulatedCoin::new(5, resilience.quorum(), SiteId::new(me as u8));
            let parameters = Parameters {
                resilience,
                fast_path: row.fast_path,
                asynchronous: match row.coin {
                    true => Asynchronous::Always(Coin::new(coin)),
                    false => Asynchronous::Never,
                },
                delivery_depth: 128,
                ..parameters(n)
            };
            Engine::boot(parameters, identity(n, me), fresh_boot(), Time::ZERO).0
        };
        let mut world = Self {
            now: Time::ZERO,
            engines: (0..n).map(boot).collect(),
            silent,
            one_correct: resilience.one_correct(),
            links: Links::new(network, SEED),
            queue: BinaryHeap::new(),
            carried: BTreeMap::new(),
            sent: 0,
            arrivals: BTreeMap::new(),
            made: BTreeMap::new(),
            delivered: BTreeMap::new(),
            seen: Seen::default(),
        };
        world.speakers().for_each(|at| world.work(at));
        world
    }

    /// Those that are not silent: the last f are.
    fn speakers(&self) -> impl Iterator<Item = usize> + use<> {
        0..self.engines.len() - self.silent
    }

    fn work(&mut self, at: usize) {
        self.engines[at].submit(&[1]).unwrap();
        self.engines[at].wake(self.now);
    }

    /// Runs until so many rounds have been measured.
    pub(super) fn run(mut self, rounds: u64) -> Seen {
        while self.engines[0].dag().tip().0 < WARM_UP + rounds {
            self.next();
        }
        self.seen
    }

    /// The next arrival; deadlines of the same instant come after all of it.
    fn next(&mut self) {
        let arrival = self.queue.peek().map(|Reverse((at, _))| *at);
        let due = self.speakers();
        let due = due.filter_map(|at| Some((self.engines[at].next_timeout()?, at)));
        let due = due
            .min()
            .filter(|(due, _)| arrival.is_none_or(|at| *due < at));
        let (at, step) = match due {
            Some((due, at)) => {
                self.now = self.now.max(due);
                (at, self.engines[at].handle(self.now, Event::Timeout))
            }
            None => {
                let Reverse((at, number)) = self.queue.pop().unwrap();
                let (from, to, message) = self.carried.remove(&number).unwrap();
                self.now = self.now.max(at);
                let event = Event::Message { from, message };
                (to.index(), self.engines[to.index()].handle(self.now, event))
            }
        };
        self.perform(at, step);
    }

    fn perform(&mut self, at: usize, step: Step<Engine>) {
        let me = site(at as u8);
        assert!(step.faults.is_empty(), "{:?}", step.faults);
        for record in &step.records {
            if let Record::Block { block, .. } = record
                && block.author() == me
            {
                self.made.insert(block.digest(), self.now);
                self.work(at);
            }
        }
        for out in step.messages {
            for to in self.speakers().map(|to| site(to as u8)) {
                let is_meant = match out.target {
                    Target::One(one) => one == to,
                    Target::All | Target::Others => true,
                };
                if is_meant && to != me {
                    self.carry(me, to, out.message.clone());
                }
            }
        }
        for output in step.outputs {
            if let Output::Commit(commit) = output {
                self.note(&commit);
            }
        }
    }

    fn carry(&mut self, from: SiteId, to: SiteId, message: Message) {
        let at = self.now + self.links.delay(from.index(), to.index());
        let at = self
            .arrivals
            .get(&(from, to))
            .map_or(at, |last| at.max(*last));
        self.arrivals.insert((from, to), at);
        self.queue.push(Reverse((at, self.sent)));
        self.carried.insert(self.sent, (from, to, message));
        self.sent += 1;
    }

    /// A site has delivered: a client that asks has its answer when f + 1 have.
    fn note(&mut self, commit: &Commit) {
        for (block, _) in &commit.blocks {
            let count = self.delivered.entry(block.digest()).or_default();
            *count += 1;
            if *count != self.one_correct || block.round().0 <= WARM_UP {
                continue;
            }
            let latency: Duration = self.now.since(self.made[&block.digest()]);
            if block.digest() == commit.leader.digest {
                self.seen.leaders.push(latency);
            } else {
                self.seen.others.push(latency);
            }
        }
    }
}
