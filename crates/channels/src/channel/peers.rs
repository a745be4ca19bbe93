use maftia_agreement::host::{self, WINDOW};
use maftia_codec::{Bytes, Wire};
use maftia_protocol::{Event, Protocol, Step, Target};
use maftia_types::{SiteId, Time};

use super::{Channel, State};
use crate::catch_up::Answer;
use crate::frame::Frame;
use crate::run::Received;
use crate::{Body, Class, Delivery, MessageId, Misbehaviour, Output, RunMessage};

/// What is done upon each kind of message of a member.
impl Channel {
    pub(super) fn on_run(
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

    pub(super) fn ask(&self, step: &mut Step<Self>, sender: SiteId) {
        let from = self.order.next(sender);
        self.say(step, Target::Others, Body::Ask { sender, from });
    }

    pub(super) fn on_ask(
        &mut self,
        step: &mut Step<Self>,
        now: Time,
        from: SiteId,
        asked: (SiteId, u64),
    ) {
        let (sender, first) = asked;
        let next = self.order.next(sender);
        let help = self.help.get_mut(sender.index());
        let answer = help.and_then(|help| help.answer(now, from, (first, next)));
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

    pub(super) fn on_told(
        &mut self,
        step: &mut Step<Self>,
        from: SiteId,
        of: (SiteId, u64),
        frame: Bytes,
    ) {
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

    pub(super) fn on_forgotten(
        &mut self,
        step: &mut Step<Self>,
        from: SiteId,
        of: (SiteId, u64),
        now: Time,
    ) {
        let (sender, oldest) = of;
        let (next, one_correct) = (self.order.next(sender), self.one_correct());
        let Some(help) = self.help.get_mut(sender.index()) else {
            return;
        };
        if let Some(to) = help.lose(next, (from, oldest), one_correct) {
            help.forget_before(to);
            self.order.skip(sender, to);
            step.outputs.push(Output::Missed {
                sender: self.members.site(sender),
                from: next,
                to,
            });
            self.advance(step, now, sender);
        }
    }

    pub(super) fn on_delivered(&mut self, step: &mut Step<Self>, from: SiteId, count: u64) {
        if let Some(own) = self.settled.get_mut(from.index()) {
            *own = (*own).max(count.min(self.sequence));
        }
        if self.state == State::Closing && self.delivered_by_quorum() >= self.sequence {
            self.state = State::Closed;
            step.outputs.push(Output::Closed);
        }
    }

    pub(super) fn on_plain(
        &mut self,
        step: &mut Step<Self>,
        from: SiteId,
        sequence: u64,
        frame: Bytes,
    ) {
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
}
