use maftia_protocol::{Event, Protocol, Step};
use maftia_types::{Duration, SiteId, SiteSet, Time};

use crate::adversary::Act;
use crate::clock::Clock;
use crate::dice::Stream;
use crate::disk::Disk;
use crate::environment::Order;
use crate::link::Links;
use crate::queue::Queue;
use crate::site::{Site, Sites};
use crate::trace::{Kind, Trace};
use crate::{
    Adversary, Boot, Counters, Dice, Environment, Failure, Item, Observation, Property, Report,
    Setup, Subject, Violation,
};

pub(crate) type Message<S> = <<S as Subject>::Protocol as Protocol>::Message;

/// One group in one run. See the crate's documentation.
pub struct World<S: Subject, E> {
    pub(crate) setup: Setup,
    pub(crate) subject: S,
    pub(crate) environment: E,
    pub(crate) adversary: Box<dyn Adversary<S::Protocol>>,
    pub(crate) properties: Vec<Box<dyn Property<S::Protocol>>>,
    pub(crate) corrupted: SiteSet,
    pub(crate) sites: Sites<S::Protocol>,
    pub(crate) links: Links,
    pub(crate) queue: Queue<Happening<S::Protocol>>,
    /// Messages that reliable links could not deliver yet.
    pub(crate) parked: Vec<Envelope<Message<S>>>,
    /// Messages that the intruder holds back until the world heals.
    pub(crate) withheld: Vec<Envelope<Message<S>>>,
    pub(crate) now: Time,
    pub(crate) dice: Dice,
    pub(crate) environment_dice: Dice,
    pub(crate) adversary_dice: Dice,
    pub(crate) environment_armed: Option<Time>,
    pub(crate) adversary_armed: Option<Time>,
    pub(crate) orders: Vec<Order<S::Protocol>>,
    pub(crate) acts: Vec<Act<S::Protocol>>,
    pub(crate) trace: Trace,
    pub(crate) counters: Counters,
    pub(crate) incidents_left: usize,
    pub(crate) healed: Option<Time>,
}

/// What the queue holds.
pub(crate) enum Happening<P: Protocol> {
    Command {
        site: SiteId,
        command: P::Command,
    },
    Crash {
        site: SiteId,
        incarnation: u32,
        down_for: Duration,
    },
    Deliver(Envelope<P::Message>),
    EnvironmentTimer,
    Incident(usize),
    Mend(usize),
    Restart {
        site: SiteId,
        incarnation: u32,
    },
    Resume {
        site: SiteId,
        incarnation: u32,
    },
    Synced {
        site: SiteId,
        incarnation: u32,
    },
    Timeout(SiteId),
    Wake,
}

/// A message on a link.
pub(crate) struct Envelope<M> {
    pub(crate) from: SiteId,
    pub(crate) to: SiteId,
    pub(crate) sent: Time,
    /// Of the sender.
    pub(crate) incarnation: u32,
    pub(crate) message: M,
}

/// How many events pass between two looks at whether all is done.
const EVENTS_PER_LOOK: u64 = 16;

impl<S: Subject, E: Environment<S::Protocol>> World<S, E> {
    /// A world in which nothing has happened yet.
    ///
    /// # Panics
    /// If the group is empty, larger than a group may be, or has a corrupted site outside it.
    pub fn new(
        setup: Setup,
        subject: S,
        environment: E,
        adversary: impl Adversary<S::Protocol> + 'static,
    ) -> Self {
        let n = setup.sites;
        assert!(SiteId::all(n).count() == n && n > 0, "no group of {n}");
        let corrupted = adversary.corrupted();
        let outside = corrupted.iter().any(|site| site.index() >= n);
        assert!(!outside, "{corrupted:?} are not all of a group of {n}");
        let mut dice = Dice::stream(setup.seed, Stream::World);
        let sites = (0..n)
            .map(|_| {
                let disk = Disk::new(setup.disks, &mut dice);
                Site::new(disk, Clock::draw(setup.clocks, &mut dice))
            })
            .collect();
        let mut queue = Queue::new();
        for (index, (at, _)) in setup.plan.0.iter().enumerate() {
            queue.push(*at, Happening::Incident(index));
        }
        Self {
            links: Links::new(n, setup.links, &mut dice),
            sites: Sites(sites),
            corrupted,
            queue,
            parked: Vec::new(),
            withheld: Vec::new(),
            now: Time::ZERO,
            dice,
            environment_dice: Dice::stream(setup.seed, Stream::Environment),
            adversary_dice: Dice::stream(setup.seed, Stream::Adversary),
            environment_armed: None,
            adversary_armed: None,
            orders: Vec::new(),
            acts: Vec::new(),
            trace: Trace::new(setup.seed, setup.keep_log),
            counters: Counters::default(),
            incidents_left: setup.plan.0.len(),
            healed: None,
            properties: Vec::new(),
            adversary: Box::new(adversary),
            environment,
            subject,
            setup,
        }
    }

    /// Adds a promise to be checked.
    #[must_use]
    pub fn checking(mut self, property: impl Property<S::Protocol> + 'static) -> Self {
        self.properties.push(Box::new(property));
        self
    }

    /// Runs to the end.
    ///
    /// # Errors
    /// With the first broken promise, liveness included.
    pub fn run(&mut self) -> Result<Report, Box<Failure>> {
        match self.run_to_end() {
            Ok(()) => Ok(Report {
                trace: self.trace.hash(),
                healed: self.healed.unwrap_or(self.now),
                ended: self.now,
                counters: self.counters,
            }),
            Err(violation) => {
                self.trace.line(self.now, || violation.to_string());
                Err(Box::new(Failure {
                    seed: self.setup.seed,
                    at: self.now,
                    trace: self.trace.hash(),
                    violation,
                    counters: self.counters,
                }))
            }
        }
    }

    /// The environment, for what it has learnt.
    pub const fn environment(&self) -> &E {
        &self.environment
    }

    /// The replica of a site that is up.
    pub fn replica(&self, site: SiteId) -> Option<&S::Protocol> {
        self.sites.0.get(site.index())?.replica.as_ref()
    }

    /// What is on a site's disk, durable or not.
    pub fn disk(&self, site: SiteId) -> &[<S::Protocol as Protocol>::Record] {
        match self.sites.0.get(site.index()) {
            Some(site) => site.disk.records(),
            None => &[],
        }
    }

    /// The log for people; empty unless [`Setup::keep_log`] was set.
    pub fn log(&self) -> &[String] {
        self.trace.lines()
    }

    fn run_to_end(&mut self) -> Result<(), Violation> {
        for site in self.sites.ids() {
            self.boot(site)?;
        }
        self.rearm_environment();
        self.rearm_adversary();
        loop {
            if !self.acts.is_empty() {
                self.do_acts();
            }
            if self.counters.events.is_multiple_of(EVENTS_PER_LOOK) && self.is_over()? {
                return Ok(());
            }
            let due = self.queue.next_at();
            if self.healed.is_none() && due.is_none_or(|at| at > self.setup.heal_at) {
                self.now = self.setup.heal_at;
                self.heal()?;
                continue;
            }
            let Some((at, happening)) = self.queue.pop() else {
                return self.end("nothing is left to happen");
            };
            self.now = at;
            self.counters.events += 1;
            let bound = self.healed.map(|at| at + self.setup.liveness_bound);
            if bound.is_some_and(|bound| at > bound) {
                return self.end("the time is up");
            }
            if self.counters.events > self.setup.events_max {
                return self.end("the run has too many events");
            }
            self.happen(happening)?;
        }
    }

    /// Heals early, or ends the run, when all is done.
    fn is_over(&mut self) -> Result<bool, Violation> {
        if self.incidents_left > 0 && self.healed.is_none() || !self.is_done() {
            return Ok(false);
        }
        if self.healed.is_none() {
            self.heal()?;
            return Ok(false);
        }
        self.finish()?;
        Ok(true)
    }

    fn is_done(&self) -> bool {
        self.environment.done() && self.properties.iter().all(|property| property.done())
    }

    fn finish(&mut self) -> Result<(), Violation> {
        let now = self.now;
        let mut properties = self.properties.iter_mut();
        properties.try_for_each(|property| property.finish(now))
    }

    fn end(&mut self, reason: &str) -> Result<(), Violation> {
        if self.is_done() {
            return self.finish();
        }
        let waiting = self.properties.iter().filter(|property| !property.done());
        let mut stuck: Vec<_> = waiting
            .map(|property| format!("{}: {}", property.name(), property.stuck()))
            .collect();
        if !self.environment.done() {
            stuck.push(format!("environment: {}", self.environment.stuck()));
        }
        let text = format!("{reason}, still waiting for {}", stuck.join("; "));
        Err(Violation::new("liveness", text))
    }

    fn happen(&mut self, happening: Happening<S::Protocol>) -> Result<(), Violation> {
        match happening {
            Happening::Deliver(envelope) => self.deliver(envelope),
            Happening::Timeout(site) => self.time_out(site),
            Happening::Synced { site, incarnation } => self.synced(site, incarnation),
            Happening::Command { site, command } => self.command(site, command),
            Happening::EnvironmentTimer => self.environment_timer(),
            Happening::Wake => self.wake(),
            Happening::Incident(index) => self.incident(index),
            Happening::Crash {
                site,
                incarnation,
                down_for,
            } => self.crash_now(site, incarnation, down_for),
            Happening::Restart { site, incarnation } => self.restart(site, incarnation),
            Happening::Resume { site, incarnation } => self.resume(site, incarnation),
            Happening::Mend(id) => self.mend(id),
        }
    }

    pub(crate) fn boot(&mut self, id: SiteId) -> Result<(), Violation> {
        let site = self.sites.at(id);
        let incarnation = site.incarnation;
        let records = site.disk.records();
        let (replica, step) = self.subject.boot(Boot {
            site: id,
            now: site.clock.local(self.now),
            records,
            wiped: site.disk.was_wiped(),
            incarnation,
        });
        let found = records.len();
        site.replica = Some(replica);
        site.incarnation += 1;
        self.note(Kind::Boot, id, found as u64);
        self.trace.line(self.now, || {
            format!("{id} starts ({incarnation}) with {found} records")
        });
        if !self.corrupted.contains(id) {
            self.observe(&Observation::Booted {
                site: id,
                incarnation,
            })?;
        }
        self.after(id, step)
    }

    /// Feeds an event to a replica that is up and performs what it asks for.
    pub(crate) fn feed(&mut self, id: SiteId, event: Event<Message<S>>) -> Result<(), Violation> {
        let site = self.sites.at(id);
        let Some(replica) = site.replica.as_mut() else {
            return Ok(());
        };
        let step = replica.handle(site.clock.local(self.now), event);
        self.after(id, step)
    }

    pub(crate) fn after(&mut self, id: SiteId, step: Step<S::Protocol>) -> Result<(), Violation> {
        self.perform(id, step)?;
        self.rearm(id);
        if self.corrupted.contains(id) {
            return Ok(());
        }
        let now = self.now;
        let Some(replica) = &self.sites.of(id).replica else {
            return Ok(());
        };
        let stepped = Observation::Stepped { site: id, replica };
        let mut properties = self.properties.iter_mut();
        properties.try_for_each(|property| property.observe(now, &stepped))
    }

    fn time_out(&mut self, id: SiteId) -> Result<(), Violation> {
        let site = self.sites.at(id);
        if site.armed != Some(self.now) {
            return Ok(());
        }
        site.armed = None;
        let (Some(replica), None) = (&site.replica, &site.pause) else {
            return Ok(());
        };
        let deadline = replica.next_timeout();
        if deadline.is_none_or(|deadline| site.clock.local(self.now) < deadline) {
            self.rearm(id);
            return Ok(());
        }
        self.counters.timeouts += 1;
        self.note(Kind::Timeout, id, 0);
        self.trace.line(self.now, || format!("{id} timeout"));
        self.feed(id, Event::Timeout)
    }

    /// Schedules the replica's next timeout unless an earlier one is scheduled already, at which
    /// this is asked again.
    pub(crate) fn rearm(&mut self, id: SiteId) {
        let site = self.sites.at(id);
        let (Some(replica), None) = (&site.replica, &site.pause) else {
            return;
        };
        let Some(deadline) = replica.next_timeout() else {
            return;
        };
        let at = site.clock.world(deadline).max(self.now);
        if site.armed.is_none_or(|armed| at < armed) {
            site.armed = Some(at);
            self.queue.push_late(at, Happening::Timeout(id));
        }
    }

    pub(crate) fn observe(
        &mut self,
        observation: &Observation<'_, S::Protocol>,
    ) -> Result<(), Violation> {
        let now = self.now;
        let mut properties = self.properties.iter_mut();
        properties.try_for_each(|property| property.observe(now, observation))
    }

    pub(crate) fn note(&mut self, kind: Kind, site: SiteId, content: u64) {
        self.trace.fold(self.now, kind, Some(site), content);
    }

    pub(crate) fn note_item(&mut self, kind: Kind, site: SiteId, item: Item<'_, S::Protocol>) {
        let content = self.subject.fingerprint(item);
        self.trace.fold(self.now, kind, Some(site), content);
    }
}
