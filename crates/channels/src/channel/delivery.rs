use maftia_agreement::host::{self, Host};
use maftia_codec::Wire;
use maftia_protocol::{Outgoing, Protocol, Step, Target};
use maftia_types::{SiteId, Time};

use super::{BEHIND, Channel, Maker};
use crate::frame::Frame;
use crate::order::Held;
use crate::run::{Received, Run};
use crate::{Body, Class, Delivery, Message, MessageId, Misbehaviour, Output, Record};

impl Channel {
    /// Takes over the effects of the broadcasts of a sender's messages.
    pub(super) fn lift(
        &mut self,
        step: &mut Step<Self>,
        sender: SiteId,
        child: Step<Host<Run, Maker>>,
    ) {
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
    pub(super) fn take(
        &mut self,
        step: &mut Step<Self>,
        sender: SiteId,
        sequence: u64,
        received: Received,
    ) {
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
    pub(super) fn deliver(&mut self, step: &mut Step<Self>, now: Time) {
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
    pub(super) fn advance(&mut self, step: &mut Step<Self>, now: Time, sender: SiteId) {
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
}
