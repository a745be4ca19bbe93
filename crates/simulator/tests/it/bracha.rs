//! Reliable broadcast [Bra87] of one value by site A, written for crash recovery: votes are
//! durable before they leave, and a site that starts again asks the others to repeat theirs.

use std::collections::BTreeMap;

use maftia_protocol::{Event, Protocol, Step, Target};
use maftia_types::{SiteId, SiteSet, Time};

/// The thresholds, as parameters so that they can be weakened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Thresholds {
    pub(crate) echo: usize,
    pub(crate) amplify: usize,
    pub(crate) deliver: usize,
}

impl Thresholds {
    pub(crate) fn correct(n: usize) -> Self {
        let f = (n - 1) / 3;
        Self {
            echo: (n + f) / 2 + 1,
            amplify: f + 1,
            deliver: 2 * f + 1,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Message {
    Send(u64),
    Echo(u64),
    Ready(u64),
    Again,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AlreadySent;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotTheSender;

pub(crate) struct Bracha {
    thresholds: Thresholds,
    sent: Option<u64>,
    echoed: Option<u64>,
    readied: Option<u64>,
    delivered: bool,
    echoes: BTreeMap<u64, SiteSet>,
    readies: BTreeMap<u64, SiteSet>,
}

impl Bracha {
    pub(crate) fn boot(thresholds: Thresholds, records: &[Message]) -> (Self, Step<Self>) {
        let mut this = Self {
            thresholds,
            sent: None,
            echoed: None,
            readied: None,
            delivered: false,
            echoes: BTreeMap::new(),
            readies: BTreeMap::new(),
        };
        for record in records {
            match *record {
                Message::Send(value) => this.sent = Some(value),
                Message::Echo(value) => this.echoed = Some(value),
                Message::Ready(value) => this.readied = Some(value),
                Message::Again => {}
            }
        }
        let mut step = Step::none();
        this.repeat(&mut step, Target::All);
        step.send_now(Target::Others, Message::Again);
        (this, step)
    }

    fn repeat(&self, step: &mut Step<Self>, target: Target) {
        let own = [
            self.sent.map(Message::Send),
            self.echoed.map(Message::Echo),
            self.readied.map(Message::Ready),
        ];
        for message in own.into_iter().flatten() {
            step.send(target, message);
        }
    }

    fn vote(step: &mut Step<Self>, message: Message) {
        step.records.push(message);
        step.send(Target::All, message);
    }
}

impl Protocol for Bracha {
    type Command = u64;
    type Message = Message;
    type Output = u64;
    type Record = Message;
    type Misbehaviour = NotTheSender;
    type Error = AlreadySent;

    fn command(&mut self, _: Time, value: u64) -> Result<Step<Self>, AlreadySent> {
        if self.sent.is_some() {
            return Err(AlreadySent);
        }
        self.sent = Some(value);
        let mut step = Step::none();
        Self::vote(&mut step, Message::Send(value));
        Ok(step)
    }

    fn handle(&mut self, _: Time, event: Event<Message>) -> Step<Self> {
        let mut step = Step::none();
        let Event::Message { from, message } = event else {
            return step;
        };
        match message {
            Message::Send(_) if from.index() != 0 => step.blame(from, NotTheSender),
            Message::Send(value) => {
                if self.echoed.is_none() {
                    self.echoed = Some(value);
                    Self::vote(&mut step, Message::Echo(value));
                }
            }
            Message::Echo(value) => {
                let votes = self.echoes.entry(value).or_default();
                votes.insert(from);
                if votes.len() >= self.thresholds.echo && self.readied.is_none() {
                    self.readied = Some(value);
                    Self::vote(&mut step, Message::Ready(value));
                }
            }
            Message::Ready(value) => {
                let votes = self.readies.entry(value).or_default();
                votes.insert(from);
                let votes = votes.len();
                if votes >= self.thresholds.amplify && self.readied.is_none() {
                    self.readied = Some(value);
                    Self::vote(&mut step, Message::Ready(value));
                }
                if votes >= self.thresholds.deliver && !self.delivered {
                    self.delivered = true;
                    step.outputs.push(value);
                }
            }
            Message::Again => self.repeat(&mut step, Target::One(from)),
        }
        step
    }
}

pub(crate) const SENDER: SiteId = match SiteId::new(0) {
    Some(site) => site,
    None => unreachable!(),
};
