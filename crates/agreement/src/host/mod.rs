//! Many runs of one service at one site, across restarts and within bounds.
//!
//! # Guarantees
//! - What a run has said before a restart it says again afterwards, and never anything else: each
//!   event that changed a run is a record, durable before its effects leave; a run is the same
//!   function of the same events.
//! - A message between correct sites arrives in the end although either of them restarts: who starts
//!   asks the others to repeat themselves, and repeats itself.
//! - Outputs are given at least once: those of before a restart come again, but for closed runs.
//!
//! # Model
//! That of the service; the driver performs steps as `maftia_protocol` demands.
//!
//! # Messages
//! `Say` carries a run's message; `Again` asks for all that was said in runs from a number on.
//!
//! # Bounds
//! Runs `floor .. floor + WINDOW` are open. A message for a later one is dropped, not kept (row B18);
//! its sender is asked again when the window has moved. A peer's wish for repetition is granted once
//! in [`REPEAT_EVERY`] and [`REPEAT_EACH`] for each message of it: it costs as much as the runs have
//! said.
//!
//! # Duties of the caller
//! [`Command::Close`] the runs that no correct site needs any more: a site that has not finished one
//! gets no help with it then. [`Command::Reconnected`] when a link has broken and come back.
//! Messages of another epoch go to that epoch's host.

use std::collections::BTreeMap;

use maftia_protocol::{Event, Outgoing, Protocol, Step, Target};
use maftia_types::{Duration, SiteId, SiteSet, Time};

use crate::{Context, Misbehaviour, Taken};

mod message;

pub use message::{Command, Message, Record, Stored};

/// How many runs are open at a time. Twice what a caller that starts one per round of a wide-area
/// network has under way in a second; each costs the memory its service states.
pub const WINDOW: u64 = 64;

/// How often a peer may have everything repeated: longer than a round trip, shorter than a restart.
pub const REPEAT_EVERY: Duration = Duration::from_millis(50);

/// How much later for each message that was repeated: who asks without end is told a thousand
/// messages a second at most, whatever the runs have said.
pub const REPEAT_EACH: Duration = Duration::from_millis(1);

/// What a host can run: a service whose records only say that an event counted.
pub trait Service: Protocol<Record = Taken, Misbehaviour = Misbehaviour> {}

impl<P: Protocol<Record = Taken, Misbehaviour = Misbehaviour>> Service for P {}

/// The runs of one service at one site. See the [module](self).
pub struct Host<P: Protocol, M> {
    context: Context,
    make: M,
    floor: u64,
    runs: BTreeMap<u64, Run<P>>,
    /// Who has spoken of runs beyond the window.
    missed: SiteSet,
    /// Who waits for repetition, and since when each may have it again.
    owed: SiteSet,
    repeatable: BTreeMap<SiteId, Time>,
}

struct Run<P: Protocol> {
    service: P,
    /// All it has said, to say again.
    said: Vec<Outgoing<P::Message>>,
}

/// What a run has given, and which.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Output<O> {
    /// Of the run.
    pub number: u64,
    /// What it gave.
    pub output: O,
}

/// What a local caller can get wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError<E: std::error::Error> {
    /// The run is closed, or beyond the window.
    #[error("run {number} is not open: runs {floor} to {} are", floor + WINDOW - 1)]
    NotOpen {
        /// Asked for.
        number: u64,
        /// The first one that is open.
        floor: u64,
    },
    /// The service refuses.
    #[error(transparent)]
    Refused(E),
}

impl<P, M> Host<P, M>
where
    P: Service<Message: Clone, Command: Clone, Error: std::error::Error>,
    M: FnMut(u64) -> P,
{
    /// A host whose runs `make` makes, from the records of its earlier lives (none at first).
    ///
    /// `make` gives equal runs for equal numbers, in every life.
    pub fn new(
        context: Context,
        make: M,
        records: impl IntoIterator<Item = Record<P::Command, P::Message>>,
    ) -> (Self, Step<Self>) {
        let mut this = Self {
            context,
            make,
            floor: 0,
            runs: BTreeMap::new(),
            missed: SiteSet::EMPTY,
            owed: SiteSet::EMPTY,
            repeatable: BTreeMap::new(),
        };
        let mut step = Step::none();
        for record in records {
            this.replay(&mut step, record);
        }
        step.records.clear();
        step.faults.clear();
        let again = this.again();
        step.send_now(Target::Others, again);
        (this, step)
    }

    /// The first run that is not closed.
    pub const fn floor(&self) -> u64 {
        self.floor
    }

    /// An open run.
    pub fn run(&self, number: u64) -> Option<&P> {
        Some(&self.runs.get(&number)?.service)
    }

    fn replay(&mut self, step: &mut Step<Self>, record: Record<P::Command, P::Message>) {
        // No service reads the time: it is not part of a record.
        let now = Time::ZERO;
        match record {
            Record::Asked { number, command } => {
                if let Ok(child) = self.of(number).service.command(now, command) {
                    self.lift(step, number, child);
                }
            }
            Record::Closed { below } => {
                self.close(below);
                // Nobody wants more of those, and there may be as many as the log is old.
                let is_open = |number: &u64| *number >= self.floor;
                step.outputs.retain(|output| is_open(&output.number));
                step.messages.retain(|out| match &out.message {
                    Message::Say { number, .. } => is_open(number),
                    Message::Again { .. } => true,
                });
            }
            Record::Heard {
                number,
                from,
                message,
            } => {
                let event = Event::Message { from, message };
                let child = self.of(number).service.handle(now, event);
                self.lift(step, number, child);
            }
        }
    }

    fn of(&mut self, number: u64) -> &mut Run<P> {
        let make = &mut self.make;
        self.runs.entry(number).or_insert_with(|| Run {
            service: make(number),
            said: Vec::new(),
        })
    }

    fn is_open(&self, number: u64) -> bool {
        number >= self.floor && number - self.floor < WINDOW
    }

    fn close(&mut self, below: u64) {
        self.floor = self.floor.max(below);
        self.runs = self.runs.split_off(&self.floor);
    }

    fn again(&self) -> Message<P::Message> {
        Message::Again {
            epoch: self.context.epoch(),
            from_number: self.floor,
        }
    }

    /// Takes over a run's effects; whether it wants a record.
    fn lift(&mut self, step: &mut Step<Self>, number: u64, child: Step<P>) -> bool {
        let epoch = self.context.epoch();
        let run = self.of(number);
        run.said.extend(child.messages.iter().cloned());
        let counted = !child.records.is_empty();
        step.messages
            .extend(child.messages.into_iter().map(|out| Outgoing {
                target: out.target,
                release: out.release,
                message: Message::Say {
                    epoch,
                    number,
                    message: out.message,
                },
            }));
        let outputs = child.outputs.into_iter();
        step.outputs
            .extend(outputs.map(|output| Output { number, output }));
        step.faults.extend(child.faults);
        counted
    }

    fn on_say(&mut self, now: Time, from: SiteId, number: u64, message: P::Message) -> Step<Self> {
        let mut step = Step::none();
        if !self.is_open(number) {
            if number >= self.floor {
                self.missed.insert(from);
            }
            return step;
        }
        let event = Event::Message {
            from,
            message: message.clone(),
        };
        let child = self.of(number).service.handle(now, event);
        if self.lift(&mut step, number, child) {
            step.records.push(Record::Heard {
                number,
                from,
                message,
            });
        }
        step
    }

    /// Says again to one site what this has said to it.
    fn repeat(&mut self, step: &mut Step<Self>, now: Time, to: SiteId) {
        self.owed.remove(to);
        let epoch = self.context.epoch();
        let mut next = now + REPEAT_EVERY;
        for (number, run) in &self.runs {
            for out in &run.said {
                if matches!(out.target, Target::One(other) if other != to) {
                    continue;
                }
                next += REPEAT_EACH;
                let message = Message::Say {
                    epoch,
                    number: *number,
                    message: out.message.clone(),
                };
                step.send(Target::One(to), message);
            }
        }
        self.repeatable.insert(to, next);
    }

    /// When a site may have everything repeated.
    fn due(&self, site: SiteId) -> Time {
        self.repeatable.get(&site).copied().unwrap_or(Time::ZERO)
    }

    fn repeat_what_is_due(&mut self, step: &mut Step<Self>, now: Time) {
        let due = self.owed.iter().filter(|site| self.due(*site) <= now);
        for site in due.collect::<Vec<_>>() {
            self.repeat(step, now, site);
        }
    }
}

impl<P, M> Protocol for Host<P, M>
where
    P: Service<Message: Clone, Command: Clone, Error: std::error::Error>,
    M: FnMut(u64) -> P,
{
    type Command = Command<P::Command>;
    type Message = Message<P::Message>;
    type Output = Output<P::Output>;
    type Record = Record<P::Command, P::Message>;
    type Misbehaviour = Misbehaviour;
    type Error = HostError<P::Error>;

    fn command(&mut self, now: Time, command: Self::Command) -> Result<Step<Self>, Self::Error> {
        let mut step = Step::none();
        match command {
            Command::Close { below } => {
                if below > self.floor {
                    self.close(below);
                    step.records.push(Record::Closed { below });
                    for site in std::mem::take(&mut self.missed).iter() {
                        let again = self.again();
                        step.send_now(Target::One(site), again);
                    }
                }
            }
            Command::Reconnected(peer) => {
                if peer != self.context.own() && self.context.contains(peer) {
                    self.owed.insert(peer);
                    self.repeat_what_is_due(&mut step, now);
                }
            }
            Command::Run { number, command } => {
                if !self.is_open(number) {
                    let floor = self.floor;
                    return Err(HostError::NotOpen { number, floor });
                }
                let service = &mut self.of(number).service;
                let child = service
                    .command(now, command.clone())
                    .map_err(HostError::Refused)?;
                self.lift(&mut step, number, child);
                step.records.push(Record::Asked { number, command });
            }
        }
        Ok(step)
    }

    fn handle(&mut self, now: Time, event: Event<Self::Message>) -> Step<Self> {
        let mut step = Step::none();
        let Event::Message { from, message } = event else {
            self.repeat_what_is_due(&mut step, now);
            return step;
        };
        if !self.context.contains(from) {
            return step;
        }
        if message.epoch() != self.context.epoch() {
            step.blame(from, Misbehaviour::OtherEpoch);
            return step;
        }
        match message {
            Message::Again { from_number, .. } => {
                // Closed runs are gone; the window is all there is to repeat.
                if from != self.context.own() && from_number < self.floor.saturating_add(WINDOW) {
                    self.owed.insert(from);
                    self.repeat_what_is_due(&mut step, now);
                }
                step
            }
            Message::Say {
                number, message, ..
            } => self.on_say(now, from, number, message),
        }
    }

    fn next_timeout(&self) -> Option<Time> {
        self.owed.iter().map(|site| self.due(site)).min()
    }
}
