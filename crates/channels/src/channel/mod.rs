use maftia_agreement::Context;
use maftia_agreement::consistent::statement_of;
use maftia_agreement::host::{self, Host, WINDOW};
use maftia_codec::{Bytes, Wire};
use maftia_protocol::{Event, Outgoing, Protocol, Release, Step, Target};
use maftia_types::{Digest, SiteId, SiteSet, Time};

use crate::catch_up::CatchUp;
use crate::frame::{Frame, PAYLOAD_BYTES_MAX};
use crate::members::Members;
use crate::order::Order;
use crate::plain::Seen;
use crate::run::{Run, instance};
use crate::{
    Body, Class, Command, Delivery, Message, MessageId, Misbehaviour, Output, Record, SendError,
};

mod delivery;
mod opening;
mod peers;

pub use opening::Opening;

/// Own messages that a quorum has not delivered: with [`BEHIND`], fewer than a host's window.
pub const AHEAD: u64 = 24;

/// Runs that stay open behind the last delivered one, for members that are not so far.
pub const BEHIND: u64 = 32;

const _: () = assert!(AHEAD + BEHIND < WINDOW);

/// Best-effort sequences that are reserved at a time, so that not each takes a record.
const RESERVED_AHEAD: u64 = 1024;

type Maker = Box<dyn FnMut(u64) -> Run + Send>;

/// A channel at one member. See the [crate](crate).
pub struct Channel {
    id: Digest,
    class: Class,
    context: Context,
    members: Members,
    /// The broadcasts of each sender's messages, by seat; none with best effort.
    hosts: Vec<Host<Run, Maker>>,
    help: Vec<CatchUp>,
    order: Order,
    seen: Seen,
    /// The sequence of the next own message.
    sequence: u64,
    reserved: u64,
    /// How many own messages each member has delivered, by seat.
    settled: Vec<u64>,
    state: State,
    ended: SiteSet,
}

/// Whether this member sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Open,
    /// It has said that it sends no more.
    Closing,
    Closed,
}

impl Channel {
    /// Sends a payload (rule 1). It is delivered here, too.
    ///
    /// # Errors
    /// Each of [`SendError`]; nothing was sent then.
    pub fn send(
        &mut self,
        now: Time,
        payload: Bytes,
    ) -> Result<(MessageId, Step<Self>), SendError> {
        if self.state != State::Open {
            return Err(SendError::Closed);
        }
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(SendError::TooLarge(payload.len()));
        }
        if self.class != Class::BestEffort && self.sequence >= self.limit() {
            return Err(SendError::Full);
        }
        let id = MessageId {
            sender: self.members.site(self.context.own()),
            sequence: self.sequence,
        };
        let past = match self.class {
            Class::Causal => self.order.past(),
            _ => Vec::new(),
        };
        let payload = Some(payload);
        Ok((id, self.launch(now, &Frame { past, payload })))
    }

    /// Closes this member's side: what was sent before is delivered, nothing more is sent.
    pub fn close(&mut self, now: Time) -> Step<Self> {
        if self.state != State::Open {
            return Step::none();
        }
        self.state = State::Closing;
        let past = match self.class {
            Class::Causal => self.order.past(),
            _ => Vec::new(),
        };
        let payload = None;
        let mut step = self.launch(now, &Frame { past, payload });
        if self.class == Class::BestEffort {
            self.state = State::Closed;
            step.outputs.push(Output::Closed);
        }
        step
    }

    /// What tells messages of this channel from others'.
    pub const fn id(&self) -> Digest {
        self.id
    }

    /// The members that have ended.
    pub fn ended(&self) -> SiteSet {
        self.ended
    }

    /// What the certificate of a delivery certifies: for third parties, with the members' keys.
    pub fn statement(&self, delivery: &Delivery) -> Option<Digest> {
        let seat = self.members.seat(delivery.id.sender)?;
        let frame = Frame {
            past: Vec::new(),
            payload: Some(delivery.payload.clone()),
        };
        let instance = instance(&self.context, seat, delivery.id.sequence);
        Some(statement_of(instance, &frame.to_bytes()))
    }

    /// Gives the next own frame to the links or to its broadcast.
    fn launch(&mut self, now: Time, frame: &Frame) -> Step<Self> {
        let mut step = Step::none();
        let (sequence, frame) = (self.sequence, frame.to_bytes());
        self.sequence += 1;
        let own = self.context.own();
        let Some(host) = self.hosts.get_mut(own.index()) else {
            if sequence >= self.reserved {
                self.reserved = sequence + RESERVED_AHEAD;
                let below = self.reserved;
                step.records.push(Record::Reserved { below });
            }
            self.say(&mut step, Target::All, Body::Plain { sequence, frame });
            return step;
        };
        let command = host::Command::Run {
            number: sequence,
            command: frame,
        };
        let child = host.command(now, command);
        let child = child.expect("a sequence below the limit is new, and in the window");
        self.lift(&mut step, own, child);
        self.deliver(&mut step, now);
        step
    }

    /// Where own messages must wait (rule 1): this member's own window counts, too.
    fn limit(&self) -> u64 {
        let here = self.order.next(self.context.own());
        self.delivered_by_quorum().min(here).saturating_add(AHEAD)
    }

    /// How many own messages a quorum has delivered.
    fn delivered_by_quorum(&self) -> u64 {
        let mut counts = self.settled.clone();
        counts.sort_unstable_by(|one, other| other.cmp(one));
        let quorum = self.context.resilience().quorum();
        counts.into_iter().nth(quorum - 1).unwrap_or(0)
    }

    fn one_correct(&self) -> usize {
        self.context.resilience().one_correct()
    }

    fn say(&self, step: &mut Step<Self>, target: Target, body: Body) {
        let message = Message {
            channel: self.id,
            body,
        };
        let out = Outgoing {
            target,
            release: Release::AfterDurable,
            message,
        };
        let own = self.context.own();
        step.messages.extend(self.members.address(own, out));
    }

    fn on_timeout(&mut self, step: &mut Step<Self>, now: Time) {
        let one_correct = self.one_correct();
        for seat in self.members.seats() {
            let host = self.hosts.get_mut(seat.index());
            if let Some(host) = host.filter(|host| host.next_timeout().is_some_and(|at| at <= now))
            {
                let child = host.handle(now, Event::Timeout);
                self.lift(step, seat, child);
            }
            let help = self.help.get_mut(seat.index());
            let help = help.filter(|help| help.next_timeout().is_some_and(|at| at <= now));
            if help.is_some_and(|help| help.asks(now, one_correct)) {
                self.ask(step, seat);
            }
        }
    }

    fn reconnected(&mut self, now: Time, peer: SiteId) -> Step<Self> {
        let mut step = Step::none();
        let Some(seat) = self.members.seat(peer) else {
            return step;
        };
        let count = self.order.next(seat);
        self.say(&mut step, Target::One(seat), Body::Delivered { count });
        for sender in self.members.seats() {
            let Some(host) = self.hosts.get_mut(sender.index()) else {
                break;
            };
            if let Ok(child) = host.command(now, host::Command::Reconnected(seat)) {
                self.lift(&mut step, sender, child);
            }
        }
        step
    }
}

impl Protocol for Channel {
    type Command = Command;
    type Message = Message;
    type Output = Output;
    type Record = Record;
    type Misbehaviour = Misbehaviour;
    type Error = SendError;

    fn command(&mut self, now: Time, command: Command) -> Result<Step<Self>, SendError> {
        match command {
            Command::Close => Ok(self.close(now)),
            Command::Reconnected(peer) => Ok(self.reconnected(now, peer)),
            Command::Send(payload) => Ok(self.send(now, payload)?.1),
        }
    }

    fn handle(&mut self, now: Time, event: Event<Message>) -> Step<Self> {
        let mut step = Step::none();
        let Event::Message { from, message } = event else {
            self.on_timeout(&mut step, now);
            return step;
        };
        let Some(from) = self.members.seat(from) else {
            return step;
        };
        if message.channel != self.id {
            return step;
        }
        match message.body {
            Body::Ask {
                sender,
                from: first,
            } => {
                self.on_ask(&mut step, now, from, (sender, first));
            }
            Body::Delivered { count } => self.on_delivered(&mut step, from, count),
            Body::Forgotten { sender, oldest } => {
                self.on_forgotten(&mut step, from, (sender, oldest), now);
            }
            Body::Plain { sequence, frame } => self.on_plain(&mut step, from, sequence, frame),
            Body::Run { sender, message } => {
                self.on_run(&mut step, now, from, (sender, message));
            }
            Body::Told {
                sender,
                sequence,
                frame,
            } => self.on_told(&mut step, from, (sender, sequence), frame),
        }
        self.deliver(&mut step, now);
        step
    }

    fn next_timeout(&self) -> Option<Time> {
        let hosts = self.hosts.iter().filter_map(Host::next_timeout);
        let help = self.help.iter().filter_map(CatchUp::next_timeout);
        hosts.chain(help).min()
    }
}
