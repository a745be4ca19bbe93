//! One member by hand: what each kind of message does to it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use maftia_agreement::host;
use maftia_agreement::reliable::{self, PlainMessage};
use maftia_channels::{
    AHEAD, Body, Channel, Class, Command, Message, Misbehaviour, OpenError, Output,
    PAYLOAD_BYTES_MAX, RunMessage, SendError,
};
use maftia_codec::{Bytes, Wire};
use maftia_protocol::{Event, Protocol, Step, Target};
use maftia_types::{Digest, Epoch, SiteId, SiteSet, Time};

use crate::arena::{opening, site};

#[test]
fn a_channel_of_some_sites_speaks_to_its_members_only_and_knows_no_other() {
    let members: SiteSet = [0, 2, 3, 4].into_iter().map(site).collect();
    let open = |own| {
        let mut opening = opening(Class::Causal, 5, own);
        opening.members = members;
        Channel::open(&opening, []).unwrap().0
    };
    let mut all: BTreeMap<SiteId, Channel> = members.iter().map(|own| (own, open(own))).collect();
    let sender = all.get_mut(&site(3)).unwrap();
    let (id, step) = sender.send(Time::ZERO, Bytes::from_static(b"x")).unwrap();
    assert_eq!(id.sender, site(3));
    let mut flying = VecDeque::from([(site(3), step)]);
    let mut delivered = Vec::new();
    while let Some((from, step)) = flying.pop_front() {
        for output in step.outputs {
            assert!(matches!(output, Output::Delivered(own) if own.id == id));
            delivered.push(from);
        }
        for out in step.messages {
            let Target::One(to) = out.target else {
                panic!("to others than members");
            };
            let message = out.message;
            let member = all.get_mut(&to).expect("a member");
            let event = Event::Message { from, message };
            flying.push_back((to, member.handle(Time::ZERO, event)));
        }
    }
    delivered.sort_unstable();
    assert_eq!(delivered, members.iter().collect::<Vec<_>>());
}

/// Four members whose messages are handed over in memory, in the order in which they are sent.
struct Room(Vec<Channel>);

impl Room {
    fn new(class: Class) -> Self {
        let open = |own| Channel::open(&opening(class, 4, own), []).unwrap().0;
        Self(SiteId::all(4).map(open).collect())
    }

    /// Performs a step of a member, and all that follows.
    fn run(&mut self, own: SiteId, step: Step<Channel>) -> Vec<(SiteId, Output)> {
        let mut flying = VecDeque::from([(own, step)]);
        let mut outputs = Vec::new();
        while let Some((from, step)) = flying.pop_front() {
            outputs.extend(step.outputs.into_iter().map(|output| (from, output)));
            assert!(step.faults.is_empty(), "{:?}", step.faults);
            for out in step.messages {
                for (to, member) in SiteId::all(4).zip(&mut self.0) {
                    let hit = match out.target {
                        Target::All => true,
                        Target::Others => to != from,
                        Target::One(site) => site == to,
                    };
                    if hit {
                        let message = Message::from_bytes(out.message.to_bytes()).unwrap();
                        let event = Event::Message { from, message };
                        flying.push_back((to, member.handle(Time::ZERO, event)));
                    }
                }
            }
        }
        outputs
    }

    fn send(&mut self, own: SiteId, payload: &'static [u8]) -> Vec<(SiteId, Output)> {
        let payload = Bytes::from_static(payload);
        let (_, step) = self.0[own.index()].send(Time::ZERO, payload).unwrap();
        self.run(own, step)
    }
}

fn tell(member: &mut Channel, from: SiteId, body: Body) -> Step<Channel> {
    let channel = member.id();
    let message = Message { channel, body };
    member.handle(Time::ZERO, Event::Message { from, message })
}

#[test]
fn every_class_delivers_at_every_member_and_ends() {
    for class in [
        Class::BestEffort,
        Class::Causal,
        Class::Consistent,
        Class::Fifo,
        Class::Reliable,
    ] {
        let mut room = Room::new(class);
        for payload in [&b"one"[..], b"two"] {
            let outputs = room.send(site(1), payload);
            let delivered = outputs.iter().filter(|(_, output)| {
                matches!(output, Output::Delivered(own)
                    if own.payload == payload && own.id.sender == site(1)
                        && own.certificate.is_some() == (class == Class::Consistent))
            });
            assert_eq!(delivered.count(), 4, "{class:?}");
        }
        let step = room.0[1].close(Time::ZERO);
        let outputs = room.run(site(1), step);
        let ends = outputs.iter().filter(
            |(_, output)| matches!(output, Output::Ended { member, .. } if *member == site(1)),
        );
        assert_eq!(ends.count(), 4, "{class:?}");
        assert!(outputs.contains(&(site(1), Output::Closed)), "{class:?}");
        let refused = room.0[1].send(Time::ZERO, Bytes::new()).err();
        assert_eq!(refused, Some(SendError::Closed));
        assert!(room.0[1].close(Time::ZERO).is_empty(), "once");
        assert_eq!(room.0[0].ended(), [site(1)].into_iter().collect());
    }
}

#[test]
fn a_sender_is_held_back_until_a_quorum_has_delivered() {
    let mut room = Room::new(Class::Fifo);
    let mut held = Vec::new();
    for number in 0..AHEAD {
        let payload = number.to_string().into();
        held.push(room.0[0].send(Time::ZERO, payload).unwrap().1);
    }
    let refused = room.0[0].command(Time::ZERO, Command::Send(Bytes::new()));
    assert_eq!(refused.err(), Some(SendError::Full));
    for step in held {
        let _delivered = room.run(site(0), step);
    }
    assert!(room.0[0].send(Time::ZERO, Bytes::new()).is_ok());
    let long = vec![0; PAYLOAD_BYTES_MAX + 1].into();
    let refused = Room::new(Class::Fifo).0[0].send(Time::ZERO, long).err();
    assert_eq!(refused, Some(SendError::TooLarge(PAYLOAD_BYTES_MAX + 1)));
}

#[test]
fn b17_what_is_of_another_channel_or_from_outside_is_passed_over() {
    let mut room = Room::new(Class::BestEffort);
    let frame = Bytes::from_static(&[0, 0, 0, 0, 0]);
    let body = Body::Plain { sequence: 0, frame };
    let member = &mut room.0[0];
    let other = Message {
        channel: Digest([1; 32]),
        body: body.clone(),
    };
    let event = Event::Message {
        from: site(1),
        message: other,
    };
    assert!(member.handle(Time::ZERO, event).is_empty());
    assert!(tell(member, site(4), body.clone()).is_empty());
    assert_eq!(tell(member, site(1), body.clone()).outputs.len(), 1);
    assert!(tell(member, site(1), body).is_empty(), "b15: replayed");
}

#[test]
fn b3_a_message_of_another_class_or_without_a_frame_is_blamed_on_its_link() {
    let mut room = Room::new(Class::Reliable);
    let frame = Bytes::from_static(b"?");
    let plain = Body::Plain { sequence: 0, frame };
    let step = tell(&mut room.0[0], site(1), plain.clone());
    assert_eq!(step.faults[0].misbehaviour, Misbehaviour::OtherClass);
    let request = maftia_agreement::consistent::VerifiableMessage::Request(Digest::ZERO);
    let run = Body::Run {
        sender: site(1),
        message: host::Message::Say {
            epoch: Epoch(3),
            number: 0,
            message: RunMessage::Consistent(request),
        },
    };
    let step = tell(&mut room.0[0], site(1), run);
    assert_eq!(step.faults[0].misbehaviour, Misbehaviour::OtherClass);
    let mut room = Room::new(Class::BestEffort);
    let step = tell(&mut room.0[0], site(1), plain);
    assert_eq!(step.faults[0].misbehaviour, Misbehaviour::Unframed);
}

#[test]
fn b16_who_broadcasts_as_another_member_is_blamed_and_delivers_nothing() {
    let mut room = Room::new(Class::Reliable);
    let propose = PlainMessage::Propose(Bytes::from_static(&[0, 0, 0, 0, 0, 0]));
    let run = Body::Run {
        sender: site(2),
        message: host::Message::Say {
            epoch: Epoch(3),
            number: 0,
            message: RunMessage::Reliable(reliable::Message::Plain(propose)),
        },
    };
    let step = tell(&mut room.0[0], site(1), run);
    let fault = &step.faults[0];
    let blamed = Misbehaviour::Broadcast(maftia_agreement::Misbehaviour::NotTheSender);
    assert_eq!((fault.culprit, fault.misbehaviour), (site(1), blamed));
    assert!(step.records.is_empty() && step.messages.is_empty());
}

#[test]
fn a_channel_is_opened_by_a_member_under_a_name_among_enough() {
    let open = |change: fn(&mut maftia_channels::Opening)| {
        let mut opening = opening(Class::Consistent, 5, site(0));
        change(&mut opening);
        Channel::open(&opening, []).err()
    };
    assert_eq!(open(|_| {}), None);
    assert_eq!(open(|own| own.name.clear()), Some(OpenError::Name));
    assert_eq!(open(|own| own.keys = None), Some(OpenError::Keys));
    assert_eq!(open(|own| own.name = "x".repeat(65)), Some(OpenError::Name));
    let three = |own: &mut maftia_channels::Opening| own.members = SiteId::all(3).collect();
    assert!(matches!(open(three), Some(OpenError::Members(_))));
    let others =
        |own: &mut maftia_channels::Opening| own.members = SiteId::all(5).skip(1).collect();
    assert_eq!(open(others), Some(OpenError::NotAMember(site(0))));
    let outside = |own: &mut maftia_channels::Opening| own.members = SiteId::all(6).collect();
    assert!(matches!(open(outside), Some(OpenError::Group(_))));
}

#[test]
fn b17_channels_that_differ_in_anything_have_different_names() {
    let id = |change: fn(&mut maftia_channels::Opening)| {
        let mut opening = opening(Class::Fifo, 5, site(0));
        change(&mut opening);
        Channel::open(&opening, []).unwrap().0.id()
    };
    let ids = [
        id(|_| {}),
        id(|own| own.name.push('x')),
        id(|own| own.class = Class::Reliable),
        id(|own| own.epoch = Epoch(4)),
        id(|own| own.group = Digest([1; 32])),
        id(|own| own.members = SiteId::all(4).collect()),
    ];
    let different: BTreeSet<_> = ids.iter().collect();
    assert_eq!(different.len(), ids.len());
    assert_eq!(id(|own| own.own = site(1)), ids[0]);
}
