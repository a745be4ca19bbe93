//! Whole sites, all correct, on a network that aims at known leaders.

use std::collections::VecDeque;
use std::rc::Rc;

use maftia_adversary::AimAtLeaders;
use maftia_ordering::{CheckpointPolicy, Mode, Pacing, Parameters, View};
use maftia_protocol::{Event, Protocol, Step, Target};
use maftia_replica::{Message, Replica, Settings};
use maftia_simulator::{Boot, Subject};
use maftia_types::{Digest, Duration, Epoch, FaultModel, Resilience, Round, SiteId, Time};

use crate::site::{Asynchrony, Blueprint, Keys, Site};

/// I with this delivery depth.
const DEPTH: u64 = 40;
const INTERVAL: u64 = 16;

/// Sites that hear each other at once but for what their doors hold. They are idle: blocks come by
/// the clock.
struct Net {
    now: Time,
    sites: Vec<Replica>,
    doors: Vec<AimAtLeaders>,
    queue: VecDeque<(SiteId, SiteId, Message)>,
}

impl Net {
    fn new(n: usize, asynchrony: Asynchrony) -> Self {
        let parameters = Parameters {
            config: Digest([5; 32]),
            epoch: Epoch(0),
            resilience: Resilience::largest(FaultModel::Arbitrary, n).unwrap(),
            fast_path: false,
            asynchronous: maftia_ordering::Asynchronous::Never,
            delivery_depth: DEPTH,
            checkpoints: CheckpointPolicy::default(),
            pacing: Pacing {
                idle_interval: Duration::from_millis(20),
                ..Pacing::default()
            },
        };
        let mut subject = Site(Rc::new(Blueprint {
            parameters,
            settings: Settings::default(),
            keys: Keys::Mock,
            asynchrony,
        }));
        let boot = |site| Boot {
            site,
            now: Time::ZERO,
            records: &[],
            wiped: false,
            incarnation: 0,
        };
        Self {
            now: Time::ZERO,
            sites: SiteId::all(n).map(|s| subject.boot(boot(s)).0).collect(),
            doors: (0..n).map(|_| AimAtLeaders::default()).collect(),
            queue: VecDeque::new(),
        }
    }

    fn aim(&mut self, is_on: bool) {
        self.doors.iter_mut().for_each(|door| door.set(is_on));
    }

    fn send(&mut self, at: SiteId, step: Step<Replica>) {
        assert!(step.faults.is_empty(), "{:?}", step.faults);
        for out in step.messages {
            let to = SiteId::all(self.sites.len()).filter(|to| match out.target {
                Target::One(one) => *to == one,
                Target::All | Target::Others => *to != at,
            });
            let sent = to.map(|to| (at, to, out.message.clone()));
            self.queue.extend(sent);
        }
    }

    fn bring(&mut self, from: SiteId, to: SiteId, message: Message) {
        let event = Event::Message { from, message };
        let step = self.sites[to.index()].handle(self.now, event);
        self.send(to, step);
    }

    /// What no door holds, until all is still.
    fn settle(&mut self) {
        loop {
            while let Some((from, to, message)) = self.queue.pop_front() {
                let (door, site) = (&mut self.doors[to.index()], &self.sites[to.index()]);
                if let Some(message) = door.hold(site, from, message) {
                    self.bring(from, to, message);
                }
            }
            for to in SiteId::all(self.sites.len()) {
                while let Some((from, message)) =
                    self.doors[to.index()].let_go(&self.sites[to.index()])
                {
                    self.bring(from, to, message);
                }
            }
            if self.queue.is_empty() {
                return;
            }
        }
    }

    fn run_to(&mut self, round: u64) {
        while self.tip() < round {
            self.settle();
            let due = self.sites.iter().enumerate();
            let due = due.filter_map(|(at, site)| Some((site.next_timeout()?, at)));
            let (at, place) = due.min().unwrap();
            self.now = self.now.max(at);
            let step = self.sites[place].handle(self.now, Event::Timeout);
            self.send(SiteId::all(64).nth(place).unwrap(), step);
        }
        self.settle();
    }

    fn tip(&self) -> u64 {
        self.sites[0].engine().dag().tip().0
    }

    /// Commits here, which are those of all.
    fn commits(&self) -> u64 {
        let frontiers = self.sites.iter().map(|site| site.engine().frontier());
        frontiers.map(|frontier| frontier.index).max().unwrap()
    }

    /// The authors whose blocks of the next round vote for the leader of this one.
    fn votes(&self, round: u64) -> usize {
        let engine = self.sites[0].engine();
        let leader = engine.known_leader(Round(round));
        let above = engine.dag().blocks(Round(round + 1));
        let voters = above.filter(|block| engine.dag().vote(block, leader).is_some());
        voters.count()
    }
}

#[test]
fn t03_each_known_leader_has_one_vote_more_than_the_intruders_could_give() {
    for (n, f) in [(4, 1), (7, 2)] {
        let mut net = Net::new(n, Asynchrony::Never);
        net.run_to(20);
        net.aim(true);
        net.run_to(60);
        let votes: Vec<usize> = (24..56).map(|round| net.votes(round)).collect();
        assert_eq!(votes, vec![f + 1; votes.len()], "n = {n}");
    }
}

#[test]
fn t03_known_leaders_commit_nothing_until_the_attack_ends() {
    let mut net = Net::new(4, Asynchrony::Never);
    net.run_to(40);
    net.aim(true);
    let before = net.commits();
    assert!(before > 30, "{before} commits in 40 rounds");
    net.run_to(140);
    assert!(net.commits() <= before + 4, "{} commits", net.commits());
    let before = net.commits();
    net.aim(false);
    net.run_to(180);
    assert!(net.commits() > before + 30, "{} commits", net.commits());
}

#[test]
fn t03_a_group_that_may_takes_the_coin_and_gives_it_back() {
    let mut net = Net::new(4, Asynchrony::Auto);
    net.run_to(40);
    net.aim(true);
    net.run_to(40 + 4 * INTERVAL);
    assert_eq!(net.sites[0].ruling().mode, Mode::A);
    let before = net.commits();
    net.run_to(40 + 10 * INTERVAL);
    assert!(net.commits() > before + 3 * INTERVAL, "{}", net.commits());
    net.aim(false);
    net.run_to(40 + 18 * INTERVAL);
    assert_eq!(net.sites[0].ruling().mode, Mode::S);
}

#[test]
fn t03_a_group_that_always_has_the_coin_goes_on() {
    let mut net = Net::new(4, Asynchrony::Always);
    net.aim(true);
    net.run_to(200);
    assert!(net.commits() > 100, "{} commits", net.commits());
}
