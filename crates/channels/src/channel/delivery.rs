use maftia_agreement::host::{self, Host};
use maftia_codec::Wire;
use maftia_protocol::{Outgoing, Protocol, Step, Target, planted};
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
        // Behind an end too: how far a sender's messages go must not hang on when the end came, since
        // causal messages name it.
        let certificate = received.certificate;
        self.order
            .take(sender, sequence, Held { frame, certificate });
    }

    /// Delivers what is in its turn, says so to the senders, and closes runs (rules 2 and 3).
    pub(super) fn deliver(&mut self, step: &mut Step<Self>, now: Time) {
        let before = self.order.past();
        for (seat, sequence, held) in self.order.ready() {
            let sender = self.members.site(seat);
            if let Some(help) = self.help.get_mut(seat.index()) {
                help.keep(sequence, held.frame.to_bytes());
            }
            if self.is_over(sender, &held.frame) {
                continue;
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

    /// Whether a message comes to nothing because its sender's messages have ended. Where messages have
    /// no order, one behind the end may have been delivered before the end was known: then all deliver
    /// it, or members would differ.
    fn is_over(&self, sender: SiteId, frame: &Frame) -> bool {
        let in_turn = !self.class.is_unordered() || planted("an end cuts what has no order");
        self.ended.contains(sender) && (in_turn || frame.payload.is_none())
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

#[cfg(test)]
mod tests {
    use maftia_codec::Bytes;
    use maftia_protocol::plant;
    use maftia_types::{Digest, Epoch, FaultModel, Resilience};

    use super::super::Opening;
    use super::*;

    /// A member's side of a channel of four.
    fn opened(class: Class) -> Channel {
        let opening = Opening {
            group: Digest([1; 32]),
            epoch: Epoch(0),
            resilience: Resilience::largest(FaultModel::Arbitrary, 4).unwrap(),
            own: SiteId::new(0).unwrap(),
            name: "news".into(),
            class,
            members: SiteId::all(4).collect(),
            keys: None,
        };
        Channel::open(&opening, []).unwrap().0
    }

    /// What a member delivers of site 1's messages, an end and one behind it, in the order they come.
    fn delivered(order: [u64; 2]) -> Vec<u64> {
        let mut channel = opened(Class::Reliable);
        let sender = SiteId::new(1).unwrap();
        let mut step = Step::none();
        for sequence in order {
            let payload = (sequence > 0).then(|| Bytes::from_static(b"late"));
            let frame = Frame {
                past: Vec::new(),
                payload,
            };
            let received = Received {
                frame: frame.to_bytes(),
                certificate: None,
            };
            channel.take(&mut step, sender, sequence, received);
            channel.deliver(&mut step, Time::ZERO);
        }
        let delivered = step.outputs.iter().filter_map(|output| match output {
            Output::Delivered(delivery) => Some(delivery.id.sequence),
            _ => None,
        });
        delivered.collect()
    }

    #[test]
    fn b1_reliable_is_all_alike_although_a_hostile_sender_goes_on_behind_its_end() {
        assert_eq!(delivered([1, 0]), [1]);
        assert_eq!(delivered([0, 1]), [1]);
        let planted = plant("an end cuts what has no order", || delivered([0, 1]));
        assert_eq!(planted, []);
    }

    /// How far a member gets in site 1's messages, an end, another one, and a payload.
    fn reached(class: Class, order: [u64; 3]) -> u64 {
        let mut channel = opened(class);
        let sender = SiteId::new(1).unwrap();
        let mut step = Step::none();
        for sequence in order {
            let frame = Frame {
                past: vec![0; if class == Class::Causal { 4 } else { 0 }],
                payload: (sequence > 1).then(|| Bytes::from_static(b"late")),
            };
            let received = Received {
                frame: frame.to_bytes(),
                certificate: None,
            };
            channel.take(&mut step, sender, sequence, received);
            channel.deliver(&mut step, Time::ZERO);
        }
        channel.order.next(sender)
    }

    #[test]
    fn b1_all_count_alike_what_a_hostile_sender_sends_behind_its_end() {
        for class in [Class::Causal, Class::Fifo, Class::Reliable] {
            for order in [[0, 1, 2], [1, 2, 0], [2, 1, 0]] {
                assert_eq!(reached(class, order), 3, "{class:?} {order:?}");
            }
        }
    }
}
