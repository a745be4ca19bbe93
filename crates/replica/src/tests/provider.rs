//! What an intruded or odd provider of a state can do to a site that fetches one (rows S1 to S11 of
//! the attack cases; those about files are with the storage, those about whole runs in the campaigns).

use bytes::Bytes;
use maftia_activity::replication::StateMachine;
use maftia_codec::{Wire, Writer};
use maftia_ordering::Frontier;
use maftia_protocol::{Event, Protocol, Target};
use maftia_types::{Digest, Duration, SiteId, Time};

use super::harness::{Net, replica, site};
use super::state_transfer::{checkpoint, fetching, first_chunk, have, head, settings, tell};
use crate::message::MANIFEST_MAX;
use crate::{Boot, Message, Misbehaviour, Output, Replica, Restored, Settings, Transfer};

const PATIENCE: Duration = Duration::from_millis(250);

fn fetching_nothing_yet() -> Replica {
    let mut replica = replica(0, Settings::default(), Boot::default());
    replica.start_fetch(Time::ZERO);
    replica
}

fn offer(index: u64, digest: u8) -> Transfer {
    Transfer::Offer {
        index,
        digest: Digest([digest; 32]),
    }
}

/// What the site asks for in answer, with whom it asks.
fn asks(replica: &mut Replica, from: SiteId, message: Transfer) -> Vec<(Target, Transfer)> {
    let message = Message::Transfer(message);
    let step = replica.handle(Time::from_nanos(1), Event::Message { from, message });
    assert!(step.faults.is_empty());
    transfers(step.messages)
}

fn transfers(messages: Vec<maftia_protocol::Outgoing<Message>>) -> Vec<(Target, Transfer)> {
    let transfers = messages.into_iter().filter_map(|out| match out.message {
        Message::Transfer(message) => Some((out.target, message)),
        _ => None,
    });
    transfers.collect()
}

fn manifest_of(index: u64) -> Transfer {
    Transfer::ManifestRequest { index }
}

#[test]
fn s02_provider_lies_about_heights_and_only_what_one_more_than_f_offer_is_fetched() {
    let mut replica = fetching_nothing_yet();
    // Too high, then shrinking: one site's word, however often it changes.
    for (index, digest) in [(u64::MAX, 1), (1 << 40, 2), (90, 3), (9, 5), (8, 4)] {
        assert!(asks(&mut replica, site(1), offer(index, digest)).is_empty());
    }
    let asked = asks(&mut replica, site(2), offer(9, 5));
    assert!(asked.iter().all(|(_, message)| *message == manifest_of(9)));
    assert_eq!(asked.len(), 1, "what two have offered");
}

#[test]
fn s02_provider_that_offers_without_end_is_remembered_within_a_bound() {
    let mut replica = fetching_nothing_yet();
    for index in 1..10_000 {
        assert!(asks(&mut replica, site(1), offer(index, 1)).is_empty());
    }
    // The old ones are forgotten, not those of others.
    assert!(asks(&mut replica, site(2), offer(5_000, 1)).is_empty());
    assert_eq!(asks(&mut replica, site(3), offer(5_000, 1)).len(), 1);
}

#[test]
fn s03_provider_stalls_before_the_last_chunk_and_others_give_it() {
    let checkpoint = checkpoint(5);
    let (mut replica, _) = fetching(&checkpoint);
    let chunks = checkpoint.tree.leaves().len();
    let stalls = site(1);
    // Site 2 answers all it is asked for, site 1 nothing from now on.
    let mut now = Time::from_nanos(1);
    let mut served = 0;
    for _ in 0..40 {
        now += PATIENCE;
        let mut asked = transfers(replica.handle(now, Event::Timeout).messages);
        while let Some((target, message)) = asked.pop() {
            let Transfer::ChunkRequest { index, chunk } = message else {
                continue;
            };
            if target == Target::One(stalls) {
                continue;
            }
            served += 1;
            let bytes = checkpoint.chunk(chunk as usize).unwrap();
            let answer = Transfer::Chunk {
                index,
                chunk,
                bytes,
            };
            let message = Message::Transfer(answer);
            let from = site(2);
            let step = replica.handle(now, Event::Message { from, message });
            let installed = |output: &Output| matches!(output, Output::Installed { index: 9 });
            if step.outputs.iter().any(installed) {
                assert!(
                    served <= 2 * chunks,
                    "nothing is asked of one again and again"
                );
                return;
            }
            asked.extend(transfers(step.messages));
        }
    }
    panic!("{} of {chunks} chunks are here", have(&replica));
}

#[test]
fn s04_manifest_that_announces_a_billion_chunks_is_blamed_or_does_not_decode() {
    let mut replica = fetching_nothing_yet();
    for from in [1, 2] {
        tell(&mut replica, from, offer(9, 5));
    }
    let lie = Transfer::Manifest {
        head: head(9, 1_000_000_000),
        digests: vec![Digest::ZERO; 3],
    };
    assert_eq!(tell(&mut replica, 1, lie), [Misbehaviour::ForeignChunk]);
    let encoded = |digests: usize| {
        let manifest = Transfer::Manifest {
            head: head(9, 3),
            digests: vec![Digest::ZERO; digests],
        };
        Message::Transfer(manifest).to_bytes()
    };
    assert!(Message::from_bytes(encoded(MANIFEST_MAX)).is_ok());
    assert!(Message::from_bytes(encoded(MANIFEST_MAX + 1)).is_err());
}

#[test]
fn s05_offers_of_all_that_differ_are_no_agreement() {
    let mut replica = fetching_nothing_yet();
    for from in [1, 2, 3] {
        assert!(asks(&mut replica, site(from), offer(9, from)).is_empty());
    }
    // Equal digests at different heights differ too.
    for from in [1, 2, 3] {
        assert!(asks(&mut replica, site(from), offer(10 + u64::from(from), 9)).is_empty());
    }
    assert_eq!(asks(&mut replica, site(3), offer(9, 1)).len(), 1);
}

#[test]
fn s07_catch_up_to_a_height_that_is_reached_already_changes_nothing() {
    let checkpoint = checkpoint(0);
    let mut net = Net::new(settings());
    net.run(200);
    let reached = net.replicas[3].status().commit;
    assert!(reached > checkpoint.index, "{reached}");
    let before = net.replicas[3].ledger.encode();
    let own = &mut net.replicas[3];
    own.start_fetch(net.now);
    let (index, digest) = (checkpoint.index, checkpoint.digest);
    for from in [0, 1, 2] {
        let offer = Transfer::Offer { index, digest };
        assert!(asks(own, site(from), offer).is_empty(), "it is below");
    }
    assert!(own.ledger.encode() == before);
    // Nobody has anything newer: the fetch ends, and nothing starts over.
    net.run(200);
    let own = &net.replicas[3];
    assert!(own.fetch.is_none() && own.is_serving());
    assert!(own.status().commit > reached);
    let restarted = |output: &Output| matches!(output, Output::Installed { .. });
    assert!(!net.outputs[3].iter().any(restarted));
}

#[test]
fn s11_garbage_in_an_image_is_refused_and_a_state_that_does_not_decode_leaves_the_old_one() {
    let mut deep = Writer::new();
    (0..100_000).for_each(|_| deep.u8(0xff));
    for garbage in [
        vec![],
        vec![Bytes::new()],
        vec![Bytes::from_static(b"x"); 1000],
        vec![deep.finish()],
        vec![Frontier::start().to_bytes()],
    ] {
        assert!(Restored::from_chunks(garbage).is_err());
    }
    let mut store = maftia_activity::kv::Store::default();
    let before = store.snapshot().root();
    assert!(
        store
            .restore(&[Bytes::from_static(b"\xff\xff\xff\xff")])
            .is_err()
    );
    assert_eq!(store.snapshot().root(), before);
}

#[test]
fn offers_and_chunks_of_those_who_are_no_members_do_not_count() {
    let mut replica = fetching_nothing_yet();
    let strangers = SiteId::all(16).skip(4);
    for stranger in strangers {
        assert!(asks(&mut replica, stranger, offer(9, 5)).is_empty());
    }
    // One member among them is one.
    assert!(asks(&mut replica, site(1), offer(9, 5)).is_empty());
    assert_eq!(asks(&mut replica, site(2), offer(9, 5)).len(), 1);
    let checkpoint = checkpoint(1);
    let (mut replica, _) = fetching(&checkpoint);
    let before = have(&replica);
    let genuine = first_chunk(checkpoint.chunk(0).unwrap());
    assert!(tell(&mut replica, 9, genuine).is_empty());
    assert_eq!(have(&replica), before, "it was asked of a member");
}
