use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use maftia_codec::Wire as _;
use maftia_threshold::tdh2::EncryptionKey;
use maftia_threshold::{Ristretto255, Secret};
use maftia_types::{ClientId, SiteId};
use rand::RngExt as _;

use super::*;
use crate::keys::sealing::Recipient;
use crate::keys::sessions::tests::world::{GROUP, Habit, World, falsified, rng, site};
use crate::keys::sessions::{self, Contribution, Offence, Policy, Users};
use crate::keys::{Act, Operation, Scheme};
use crate::replication::Context;

const KEY: KeyId = KeyId(1);
const SECURE: Class = Class::SecureCausal(KEY);
/// The opener, two other members, and one who is none.
const ANN: u32 = 0;
const BOB: u32 = 1;
const CARL: u32 = 2;
const EVE: u32 = 9;
const MEMBERS: [u32; 3] = [ANN, BOB, CARL];

mod bounds;
mod secure;

/// What a client asks, ordered now.
fn ask(world: &mut World, client: u32, request: &Request) -> Answer {
    let context = Context {
        position: 1,
        commit_time_ms: world.now_ms,
        client: ClientId {
            key: client,
            session: 1,
        },
    };
    let mut reply = Vec::new();
    world
        .ordered
        .apply(&context, &request.to_bytes(), &mut reply);
    Answer::from_bytes(reply.into()).unwrap()
}

fn open_as(world: &mut World, opener: u32, name: &str, class: Class) -> Answer {
    let request = Request::Open {
        name: name.to_owned(),
        class,
        members: MEMBERS.into(),
    };
    ask(world, opener, &request)
}

fn opened(world: &mut World, name: &str, class: Class) -> ChannelId {
    match open_as(world, ANN, name, class) {
        Answer::Channel(summary) => summary.id,
        other => panic!("no channel but {other:?}"),
    }
}

/// A group of n sites with a key for sealing, and a channel.
fn room(n: u8, class: Class) -> (World, ChannelId) {
    let mut world = World::new(n, &[Scheme::Seal]);
    let channel = opened(&mut world, "room", class);
    (world, channel)
}

fn encryption_key(world: &World) -> EncryptionKey {
    let version = world.ordered.key(KEY).unwrap().active().unwrap();
    let sharing = version.sharing_in::<Ristretto255>().unwrap();
    EncryptionKey::new(GROUP, sharing.key())
}

fn encrypted(world: &World, place: (ChannelId, u32, u64), payload: &[u8]) -> Bytes {
    let label = label(place.0, place.1, place.2);
    let sealed = encryption_key(world).encrypt(&label, payload, &mut rng(5));
    sealed.unwrap().to_bytes()
}

fn sent(
    world: &mut World,
    from: u32,
    (channel, sequence): (ChannelId, u64),
    body: Bytes,
) -> Answer {
    let request = Request::Send {
        channel,
        sequence,
        body,
    };
    ask(world, from, &request)
}

/// Encrypts and sends.
fn seal(world: &mut World, from: u32, place: (ChannelId, u64), payload: &[u8]) -> Answer {
    let body = encrypted(world, (place.0, from, place.1), payload);
    sent(world, from, place, body)
}

fn page(world: &mut World, member: u32, channel: ChannelId, from: u64) -> Page {
    match ask(world, member, &Request::Receive { channel, from }) {
        Answer::Page(page) => page,
        other => panic!("no page but {other:?}"),
    }
}

/// Everything that a member receives, from the start on.
fn all(world: &mut World, member: u32, channel: ChannelId) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    loop {
        let page = page(world, member, channel, deliveries.len() as u64);
        if page.deliveries.is_empty() {
            return deliveries;
        }
        deliveries.extend(page.deliveries);
    }
}

fn payloads(deliveries: &[Delivery]) -> Vec<&[u8]> {
    deliveries
        .iter()
        .map(|own| own.content.as_deref().unwrap_or(b"lost"))
        .collect()
}

fn refused(refusal: Refusal) -> Answer {
    Answer::Refused(refusal)
}

#[test]
fn an_atomic_channel_delivers_each_message_once_at_one_position_to_all_members() {
    let (mut world, channel) = room(4, Class::Atomic);
    let hello = Bytes::from_static(b"hello");
    let first = sent(&mut world, BOB, (channel, 1), hello.clone());
    assert_eq!(first, Answer::Sent { position: 0 });
    let again = sent(&mut world, BOB, (channel, 1), hello.clone());
    assert_eq!(again, refused(Refusal::OutOfSequence { next: 2 }));
    let gap = sent(&mut world, BOB, (channel, 3), hello);
    assert_eq!(gap, refused(Refusal::OutOfSequence { next: 2 }));
    let second = sent(&mut world, CARL, (channel, 1), Bytes::new());
    assert_eq!(second, Answer::Sent { position: 1 });
    world.restore();
    for member in MEMBERS {
        let deliveries = all(&mut world, member, channel);
        assert_eq!(payloads(&deliveries), [&b"hello"[..], b""]);
        let from: Vec<_> = deliveries
            .iter()
            .map(|own| (own.sender, own.sequence))
            .collect();
        assert_eq!(from, [(BOB, 1), (CARL, 1)]);
    }
    world.commits(3);
    assert!(world.seen.is_empty(), "nothing has to be opened");
}

#[test]
fn b16_who_is_no_member_neither_sends_nor_receives_nor_closes() {
    let (mut world, channel) = room(4, Class::Atomic);
    let requests = [
        Request::Send {
            channel,
            sequence: 1,
            body: Bytes::new(),
        },
        Request::Receive { channel, from: 0 },
        Request::Close { channel },
    ];
    for request in &requests {
        let answer = ask(&mut world, EVE, request);
        assert_eq!(answer, refused(Refusal::NotAMember));
    }
    world.ordered.setup.clients[0] = maftia_types::Powers::NONE;
    for request in &requests {
        let answer = ask(&mut world, ANN, request);
        assert_eq!(
            answer,
            refused(Refusal::NoPower(maftia_types::Power::Operate))
        );
    }
}

#[test]
fn the_opener_closes_and_so_do_more_than_half_of_the_members_but_no_fewer() {
    let (mut world, channel) = room(4, Class::Atomic);
    let close = Request::Close { channel };
    let is_closed = |answer: Answer| match answer {
        Answer::Channel(summary) => summary.closed,
        other => panic!("{other:?}"),
    };
    assert!(!is_closed(ask(&mut world, BOB, &close)));
    assert!(!is_closed(ask(&mut world, BOB, &close)), "once each");
    assert!(is_closed(ask(&mut world, CARL, &close)));
    let late = sent(&mut world, ANN, (channel, 1), Bytes::new());
    assert_eq!(late, refused(Refusal::Closed));
    let request = Request::Open {
        name: "four".to_owned(),
        class: Class::Atomic,
        members: (1..5).collect(),
    };
    let Answer::Channel(four) = ask(&mut world, ANN, &request) else {
        panic!("no channel");
    };
    let close = Request::Close { channel: four.id };
    for (member, enough) in [(1, false), (2, false), (3, true)] {
        assert_eq!(is_closed(ask(&mut world, member, &close)), enough);
    }
    let other = opened(&mut world, "other", Class::Atomic);
    let close = Request::Close { channel: other };
    assert!(is_closed(ask(&mut world, ANN, &close)));
    assert!(page(&mut world, BOB, other, 0).end);
}

#[test]
fn every_request_and_answer_reads_back_and_no_other_bytes_do() {
    let (mut world, channel) = room(4, SECURE);
    seal(&mut world, BOB, (channel, 1), b"x");
    world.commits(3);
    let requests = [
        Request::Close { channel },
        Request::List,
        Request::Show {
            name: "room".to_owned(),
        },
        Request::Receive { channel, from: 0 },
    ];
    for request in requests {
        let bytes = request.to_bytes();
        assert_eq!(Request::from_bytes(bytes.clone()), Ok(request.clone()));
        for end in 0..bytes.len() {
            assert!(Request::from_bytes(bytes.slice(..end)).is_err());
        }
        let answer = ask(&mut world, BOB, &request);
        let bytes = answer.to_bytes();
        assert_eq!(Answer::from_bytes(bytes.clone()), Ok(answer));
        for end in 0..bytes.len() {
            assert!(Answer::from_bytes(bytes.slice(..end)).is_err());
        }
    }
}

/// B1, B4, B5, B6, B15 and B17 as they come to a channel over the log: members repeat, leave gaps and
/// take others' ciphertexts, one site lies or is silent, contributions get lost, and the state moves.
#[test]
fn in_any_run_members_see_what_was_taken_in_the_order_of_the_log() {
    for seed in 0..40 {
        let mut dice = rng(seed);
        let class = [Class::Atomic, SECURE][usize::from(seed % 2 == 0)];
        let (mut world, channel) = room(4, class);
        world.habits[usize::from(dice.random_range(0..4_u8))] =
            [Habit::Lying, Habit::Silent, Habit::Honest][dice.random_range(0..3)];
        let mut taken: Vec<(u32, u64, Bytes)> = Vec::new();
        let mut next: BTreeMap<u32, u64> = BTreeMap::new();
        for turn in 0..30_u8 {
            let from = MEMBERS[dice.random_range(0..3)];
            let honest = next.get(&from).copied().unwrap_or(1);
            let sequence = honest.saturating_add_signed(dice.random_range(-1..=1));
            // What the ciphertext is made for need not be what it is sent as.
            let by = [from, from, ANN][dice.random_range(0..3)];
            let payload = Bytes::copy_from_slice(&[turn; 3]);
            let (body, is_own) = match class {
                Class::Atomic => (payload.clone(), true),
                Class::SecureCausal(_) => {
                    let body = encrypted(&world, (channel, by, sequence), &payload);
                    (body, by == from)
                }
            };
            let answer = sent(&mut world, from, (channel, sequence), body);
            match answer {
                Answer::Sent { position } => {
                    assert!(sequence == honest && is_own, "seed {seed}");
                    assert_eq!(position, taken.len() as u64, "seed {seed}");
                    taken.push((from, sequence, payload));
                    next.insert(from, sequence + 1);
                }
                Answer::Refused(Refusal::OutOfSequence { next }) => {
                    assert!(sequence != next && next == honest, "seed {seed}");
                }
                Answer::Refused(Refusal::Ciphertext) => assert!(!is_own, "seed {seed}"),
                Answer::Refused(Refusal::Busy) => {}
                other => panic!("seed {seed}: {other:?}"),
            }
            match dice.random_range(0..4) {
                0 => world.commit(),
                1 => world.lose_log(),
                2 => world.restore(),
                _ => {}
            }
            let so_far = all(&mut world, BOB, channel);
            let expected = taken.iter().take(so_far.len());
            let expected: Vec<_> = expected.map(|(_, _, payload)| &payload[..]).collect();
            assert_eq!(payloads(&so_far), expected, "seed {seed}: a prefix");
        }
        // Lost contributions are repeated after some seconds.
        world.commits(120);
        for member in MEMBERS {
            let seen = all(&mut world, member, channel);
            let seen = seen.into_iter();
            let seen: Vec<_> = seen
                .map(|own| (own.sender, own.sequence, own.content.unwrap()))
                .collect();
            assert_eq!(seen, taken, "seed {seed}");
        }
    }
}
