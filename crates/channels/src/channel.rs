use std::sync::Arc;

use maftia_agreement::Context;
use maftia_agreement::consistent::{SignatureCertifier, statement_of};
use maftia_agreement::host::{self, Host, WINDOW};
use maftia_codec::{Bytes, Wire};
use maftia_crypto::{Domain, Hasher, PublicKey, SigningKey};
use maftia_protocol::{Event, Outgoing, Protocol, Release, Step, Target};
use maftia_types::{Digest, Epoch, Resilience, SiteId, SiteSet, Time};

use crate::catch_up::{Answer, CatchUp};
use crate::error::resilience_of;
use crate::frame::{Frame, PAYLOAD_BYTES_MAX};
use crate::members::Members;
use crate::order::{Held, Order};
use crate::plain::Seen;
use crate::run::{Received, Run, instance};
use crate::{
    Body, Class, Command, Delivery, Message, MessageId, Misbehaviour, OpenError, Output, Record,
    RunMessage, SendError,
};

/// Own messages that a quorum has not delivered: with [`BEHIND`], fewer than a host's window.
pub const AHEAD: u64 = 24;

/// Runs that stay open behind the last delivered one, for members that are not so far.
pub const BEHIND: u64 = 32;

const _: () = assert!(AHEAD + BEHIND < WINDOW);

const CHANNEL: Domain = Domain::new("channel");

/// Best-effort sequences that are reserved at a time, so that not each takes a record.
const RESERVED_AHEAD: u64 = 1024;

/// A channel to open. All members say the same, but for `own` and `keys`.
#[derive(Clone)]
pub struct Opening {
    /// The group's digest.
    pub group: Digest,
    /// The group's epoch.
    pub epoch: Epoch,
    /// How many of the group's sites may fail.
    pub resilience: Resilience,
    /// This site.
    pub own: SiteId,
    /// What tells this channel from others of the group and epoch.
    pub name: String,
    /// What it promises.
    pub class: Class,
    /// Who sends and delivers.
    pub members: SiteSet,
    /// For the consistent class: the key with which this site signs, and all members' in their order.
    pub keys: Option<(Arc<SigningKey>, Arc<[PublicKey]>)>,
}

impl Opening {
    /// The longest name.
    pub const NAME_BYTES_MAX: usize = 64;
}

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
    /// Opens a channel; with the records of this member's earlier lives in it, goes on with it.
    ///
    /// # Errors
    /// Each of [`OpenError`].
    pub fn open(
        opening: &Opening,
        records: impl IntoIterator<Item = Record>,
    ) -> Result<(Self, Step<Self>), OpenError> {
        let mut this = Self::new(opening)?;
        let makers = this.makers(opening)?;
        let mut lives: Vec<_> = makers.iter().map(|_| Vec::new()).collect();
        for record in records {
            match record {
                Record::Reserved { below } => this.reserved = this.reserved.max(below),
                Record::Run { sender, record } => {
                    this.recall(sender, &record);
                    if let Some(life) = lives.get_mut(sender.index()) {
                        life.push(record);
                    }
                }
            }
        }
        this.sequence = this.sequence.max(this.reserved);
        let mut first = Vec::new();
        for (maker, life) in makers.into_iter().zip(lives) {
            let (host, step) = Host::new(this.context, maker, life);
            this.hosts.push(host);
            first.push(step);
        }
        let mut step = Step::none();
        for (seat, child) in this.members.seats().zip(first) {
            let floor = this.hosts.get(seat.index()).map_or(0, Host::floor);
            this.order.skip(seat, floor);
            this.lift(&mut step, seat, child);
        }
        this.deliver(&mut step, Time::ZERO);
        Ok((this, step))
    }

    fn new(opening: &Opening) -> Result<Self, OpenError> {
        if opening.name.is_empty() || opening.name.len() > Opening::NAME_BYTES_MAX {
            return Err(OpenError::Name);
        }
        let sites = opening.resilience.sites();
        if let Some(outsider) = opening.members.iter().find(|own| own.index() >= sites) {
            return Err(maftia_agreement::ContextError::Outside(outsider).into());
        }
        let members = Members::new(opening.members, sites);
        let seat = members.seat(opening.own);
        let seat = seat.ok_or(OpenError::NotAMember(opening.own))?;
        let id = id_of(opening);
        let resilience = resilience_of(&opening.resilience, members.len())?;
        Ok(Self {
            id,
            class: opening.class,
            context: Context::new(id, opening.epoch, resilience, seat)?,
            hosts: Vec::new(),
            help: members.seats().map(|_| CatchUp::default()).collect(),
            order: Order::new(opening.class, members.len()),
            seen: Seen::default(),
            sequence: 0,
            reserved: 0,
            settled: vec![0; members.len()],
            state: State::Open,
            ended: SiteSet::EMPTY,
            members,
        })
    }

    /// What makes the broadcasts of each sender's messages.
    fn makers(&self, opening: &Opening) -> Result<Vec<Maker>, OpenError> {
        let context = self.context;
        if self.class == Class::BestEffort {
            return Ok(Vec::new());
        }
        if self.class != Class::Consistent {
            let maker = |sender| -> Maker {
                Box::new(move |sequence| Run::reliable(context, sender, sequence))
            };
            return Ok(self.members.seats().map(maker).collect());
        }
        let (own, all) = opening.keys.clone().ok_or(OpenError::Keys)?;
        let certifier = SignatureCertifier::new(context, own, all);
        let certifier = certifier.map_err(|_| OpenError::Keys)?;
        let maker = |sender| -> Maker {
            let certifier = certifier.clone();
            Box::new(move |number| Run::consistent(context, sender, number, certifier.clone()))
        };
        Ok(self.members.seats().map(maker).collect())
    }

    /// What an earlier life has sent.
    fn recall(&mut self, sender: SiteId, record: &host::Record<Bytes, RunMessage>) {
        let host::Record::Asked { number, command } = record else {
            return;
        };
        if sender != self.context.own() {
            return;
        }
        self.sequence = self.sequence.max(number.saturating_add(1));
        let is_end = |frame: Frame| frame.payload.is_none();
        if Frame::from_bytes(command.clone()).is_ok_and(is_end) {
            self.state = State::Closing;
        }
    }

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

    /// Takes over the effects of the broadcasts of a sender's messages.
    fn lift(&mut self, step: &mut Step<Self>, sender: SiteId, child: Step<Host<Run, Maker>>) {
        let records = child.records.into_iter();
        step.records
            .extend(records.map(|record| Record::Run { sender, record }));
        for out in child.messages {
            let body = Body::Run {
                sender,
                message: out.message,
            };
            let out = Outgoing {
                target: out.target,
                release: out.release,
                message: Message {
                    channel: self.id,
                    body,
                },
            };
            let own = self.context.own();
            step.messages.extend(self.members.address(own, out));
        }
        for fault in child.faults {
            step.blame(self.members.site(fault.culprit), fault.misbehaviour.into());
        }
        for host::Output { number, output } in child.outputs {
            self.take(step, sender, number, output);
        }
    }

    /// A message has come, in whatever order.
    fn take(&mut self, step: &mut Step<Self>, sender: SiteId, sequence: u64, received: Received) {
        let expected = match self.class {
            Class::Causal => self.members.len(),
            _ => 0,
        };
        let frame = Frame::from_bytes(received.frame).ok();
        let frame = frame.filter(|frame| frame.past.len() == expected);
        let frame = frame.unwrap_or_else(|| {
            // All see the same, and end its messages here.
            step.blame(self.members.site(sender), Misbehaviour::Unframed);
            Frame {
                past: vec![0; expected],
                payload: None,
            }
        });
        if !self.ended.contains(self.members.site(sender)) {
            let certificate = received.certificate;
            self.order
                .take(sender, sequence, Held { frame, certificate });
        }
    }

    /// Delivers what is in its turn, says so to the senders, and closes runs (rules 2 and 3).
    fn deliver(&mut self, step: &mut Step<Self>, now: Time) {
        let before = self.order.past();
        for (seat, sequence, held) in self.order.ready() {
            let sender = self.members.site(seat);
            if self.ended.contains(sender) {
                continue;
            }
            if let Some(help) = self.help.get_mut(seat.index()) {
                help.keep(sequence, held.frame.to_bytes());
            }
            step.outputs.push(match held.frame.payload {
                Some(payload) => Output::Delivered(Delivery {
                    id: MessageId { sender, sequence },
                    payload,
                    certificate: held.certificate,
                }),
                None => {
                    self.ended.insert(sender);
                    Output::Ended {
                        member: sender,
                        messages: sequence,
                    }
                }
            });
        }
        for (seat, before) in self.members.seats().zip(before) {
            if self.order.next(seat) > before {
                self.advance(step, now, seat);
            }
        }
    }

    /// A member's messages have been delivered further.
    fn advance(&mut self, step: &mut Step<Self>, now: Time, sender: SiteId) {
        let next = self.order.next(sender);
        if let Some(help) = self.help.get_mut(sender.index()) {
            help.advance(next);
        }
        self.say(step, Target::One(sender), Body::Delivered { count: next });
        let below = next.saturating_sub(BEHIND);
        let Some(host) = self.hosts.get_mut(sender.index()) else {
            return;
        };
        if below > host.floor()
            && let Ok(child) = host.command(now, host::Command::Close { below })
        {
            self.lift(step, sender, child);
        }
    }

    fn on_run(
        &mut self,
        step: &mut Step<Self>,
        now: Time,
        from: SiteId,
        (sender, message): (SiteId, host::Message<RunMessage>),
    ) {
        let Some(host) = self.hosts.get_mut(sender.index()) else {
            return;
        };
        match &message {
            host::Message::Again { .. } => {
                // Who starts again does not know what was delivered.
                if sender == from {
                    let count = self.order.next(from);
                    self.say(step, Target::One(from), Body::Delivered { count });
                }
            }
            host::Message::Say {
                number, message, ..
            } => {
                let fits = matches!(message, RunMessage::Consistent(_))
                    == (self.class == Class::Consistent);
                if !fits {
                    return step.blame(self.members.site(from), Misbehaviour::OtherClass);
                }
                if *number >= host.floor().saturating_add(WINDOW) && from != self.context.own() {
                    let one_correct = self.context.resilience().one_correct();
                    let help = self.help.get_mut(sender.index());
                    if help.is_some_and(|help| help.is_ahead(now, from, one_correct)) {
                        self.ask(step, sender);
                    }
                }
            }
        }
        if let Some(host) = self.hosts.get_mut(sender.index()) {
            let child = host.handle(now, Event::Message { from, message });
            self.lift(step, sender, child);
        }
    }

    fn ask(&self, step: &mut Step<Self>, sender: SiteId) {
        let from = self.order.next(sender);
        self.say(step, Target::Others, Body::Ask { sender, from });
    }

    fn on_ask(&mut self, step: &mut Step<Self>, now: Time, from: SiteId, asked: (SiteId, u64)) {
        let (sender, first) = asked;
        let help = self.help.get_mut(sender.index());
        let answer = help.and_then(|help| help.answer(now, from, first));
        let to = Target::One(from);
        match answer {
            None => {}
            Some(Answer::Forgotten(oldest)) => {
                self.say(step, to, Body::Forgotten { sender, oldest });
            }
            Some(Answer::Told(told)) => {
                for (sequence, frame) in told {
                    let body = Body::Told {
                        sender,
                        sequence,
                        frame,
                    };
                    self.say(step, to, body);
                }
            }
        }
    }

    fn on_told(&mut self, step: &mut Step<Self>, from: SiteId, of: (SiteId, u64), frame: Bytes) {
        let (sender, sequence) = of;
        let (next, one_correct) = (self.order.next(sender), self.one_correct());
        let Some(help) = self.help.get_mut(sender.index()) else {
            return;
        };
        if let Some(frame) = help.hear((next, sequence), (from, frame), one_correct) {
            let certificate = None;
            self.take(step, sender, sequence, Received { frame, certificate });
        }
    }

    fn on_forgotten(&mut self, step: &mut Step<Self>, from: SiteId, of: (SiteId, u64), now: Time) {
        let (sender, oldest) = of;
        let (next, one_correct) = (self.order.next(sender), self.one_correct());
        let Some(help) = self.help.get_mut(sender.index()) else {
            return;
        };
        if let Some(to) = help.lose(next, (from, oldest), one_correct) {
            self.order.skip(sender, to);
            step.outputs.push(Output::Missed {
                sender: self.members.site(sender),
                from: next,
                to,
            });
            self.advance(step, now, sender);
        }
    }

    fn on_delivered(&mut self, step: &mut Step<Self>, from: SiteId, count: u64) {
        if let Some(own) = self.settled.get_mut(from.index()) {
            *own = (*own).max(count.min(self.sequence));
        }
        if self.state == State::Closing && self.delivered_by_quorum() >= self.sequence {
            self.state = State::Closed;
            step.outputs.push(Output::Closed);
        }
    }

    fn on_plain(&mut self, step: &mut Step<Self>, from: SiteId, sequence: u64, frame: Bytes) {
        let sender = self.members.site(from);
        if self.class != Class::BestEffort {
            return step.blame(sender, Misbehaviour::OtherClass);
        }
        let Some(frame) = Frame::from_bytes(frame)
            .ok()
            .filter(|it| it.past.is_empty())
        else {
            return step.blame(sender, Misbehaviour::Unframed);
        };
        if self.ended.contains(sender) || !self.seen.is_news(from, sequence) {
            return;
        }
        step.outputs.push(match frame.payload {
            Some(payload) => Output::Delivered(Delivery {
                id: MessageId { sender, sequence },
                payload,
                certificate: None,
            }),
            None => {
                self.ended.insert(sender);
                Output::Ended {
                    member: sender,
                    messages: sequence,
                }
            }
        });
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

/// The name that everything in the channel is bound to (B17).
fn id_of(opening: &Opening) -> Digest {
    let mut hasher = Hasher::new(CHANNEL);
    hasher.update(opening.group.as_bytes());
    hasher.number(opening.epoch.0);
    hasher.number(opening.members.bits());
    hasher.number(match opening.class {
        Class::BestEffort => 0,
        Class::Causal => 1,
        Class::Consistent => 2,
        Class::Fifo => 3,
        Class::Reliable => 4,
    });
    hasher.update(opening.name.as_bytes());
    hasher.finish()
}
