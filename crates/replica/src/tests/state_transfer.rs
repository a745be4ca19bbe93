use std::sync::Arc;

use bytes::Bytes;
use maftia_activity::kv;
use maftia_activity::replication::StateMachine;
use maftia_ordering::Frontier;
use maftia_protocol::{Event, Protocol};
use maftia_types::{ClientId, Digest, Duration, Epoch, Incarnation, Round, Sequence, SiteId, Time};

use super::harness::{CONFIG, Net, replica, site};
use super::vouching::{Executor, commit, vouch_for};
use crate::checkpoint::Checkpoint;
use crate::{
    BatchId, Bodies, Boot, Head, Image, Item, Limits, Message, Misbehaviour, Output, Realm, Record,
    Replica, RequestId, Restored, Settings, Transfer,
};

/// The longest chunk that the storage takes.
const SNAPSHOT_CHUNK_BYTES_MAX: usize = 4 << 20;

fn fresh() -> Replica {
    replica(0, Settings::default(), Boot::default())
}

pub(super) fn tell(replica: &mut Replica, from: u8, message: Transfer) -> Vec<Misbehaviour> {
    let message = Message::Transfer(message);
    let event = Event::Message {
        from: site(from),
        message,
    };
    let step = replica.handle(Time::from_nanos(1), event);
    step.faults
        .into_iter()
        .map(|fault| fault.misbehaviour)
        .collect()
}

pub(super) fn head(commit: u64, chunks: u32) -> Head {
    Head {
        realm: Realm {
            group: CONFIG,
            epoch: Epoch(0),
            members: Digest::ZERO,
        },
        commit,
        chain: Digest::ZERO,
        time_ms: 0,
        parts: 2,
        chunks,
    }
}

#[test]
fn a_manifest_that_is_not_the_agreed_one_is_blamed_on_its_sender() {
    let mut replica = fresh();
    replica.start_fetch(Time::ZERO);
    let offer = |digest| Transfer::Offer { index: 9, digest };
    assert!(tell(&mut replica, 1, offer(Digest([5; 32]))).is_empty());
    assert!(tell(&mut replica, 2, offer(Digest([5; 32]))).is_empty());
    let lie = Transfer::Manifest {
        head: head(9, 3),
        digests: vec![Digest::ZERO; 3],
    };
    assert_eq!(tell(&mut replica, 1, lie), [Misbehaviour::ForeignChunk]);
}

#[test]
fn pieces_that_nobody_asked_for_are_ignored() {
    let mut replica = fresh();
    let chunk = Transfer::Chunk {
        index: 9,
        chunk: 0,
        bytes: Bytes::from_static(b"x"),
    };
    assert!(tell(&mut replica, 1, chunk).is_empty());
    let manifest = Transfer::Manifest {
        head: head(9, 3),
        digests: vec![Digest::ZERO; 3],
    };
    assert!(tell(&mut replica, 1, manifest).is_empty());
    assert!(replica.is_serving());
}

pub(super) fn settings() -> Settings {
    let limits = Limits {
        hold_bytes: 8 << 20,
        ..Limits::default()
    };
    Settings {
        limits,
        ..Settings::default()
    }
}

/// A checkpoint whose ledger holds requests of 1 MiB that wait for a gap to close.
pub(super) fn checkpoint(requests: u64) -> Checkpoint {
    let mut executor = Executor::new(settings().limits);
    for sequence in 2..2 + requests {
        let id = RequestId {
            client: ClientId { key: 0, session: 0 },
            incarnation: Incarnation(1),
            sequence: Sequence(sequence),
        };
        let body = Bytes::from(vec![7; 1 << 20]);
        let vouch = vouch_for(id, &body);
        let bodies = Bodies::new([&body]);
        let id = BatchId::one(&id);
        let blocks = [(0, vec![Item::Requests { id, bodies }]), (1, vec![vouch])];
        assert!(executor.deliver(&commit(sequence, &blocks)).is_empty());
    }
    let ledger = executor.ledger.encode();
    let held = usize::try_from(requests << 20).unwrap();
    assert!(ledger.len() >= held, "nothing was dropped");
    let frontier = Frontier {
        index: 9,
        settled: Round(9),
        leader_round: Round(9),
        ..Frontier::start()
    };
    let app = kv::Store::default().snapshot();
    let realm = head(0, 0).realm;
    Checkpoint::new(realm, frontier, &ledger, app, None)
}

#[test]
fn an_image_with_a_ledger_of_any_size_reads_back_from_chunks_that_fit() {
    for requests in [0, 1, 3, 4, 5] {
        let checkpoint = Arc::new(checkpoint(requests));
        let ledger = checkpoint.ledger.clone();
        let window = Vec::new();
        let chunks: Vec<Bytes> = Image { checkpoint, window }.chunks().collect();
        let longest = chunks.iter().map(Bytes::len).max().unwrap();
        assert!(longest <= SNAPSHOT_CHUNK_BYTES_MAX, "{longest}");
        let image = Some(Restored::from_chunks(chunks).unwrap());
        let boot = Boot {
            image,
            ..Boot::default()
        };
        let replica = replica(0, settings(), boot);
        assert!(replica.ledger.encode() == ledger, "{requests} MiB");
    }
}

#[test]
fn a_ledger_of_any_size_is_transferred() {
    let checkpoint = Arc::new(checkpoint(5));
    let mut net = Net::new(settings());
    for source in 0..3 {
        let checkpoint = Arc::clone(&checkpoint);
        net.replicas[source].checkpoints.set_stable(checkpoint);
    }
    net.replicas[3].start_fetch(net.now);
    for _ in 0..20 {
        net.run(1);
    }
    let installed = |output: &Output| matches!(output, Output::Installed { index: 9 });
    assert!(net.outputs[3].iter().any(installed));
    assert!(net.replicas[3].ledger.encode() == checkpoint.ledger);
    let image = |record: &Record| matches!(record, Record::Image(_));
    assert!(
        net.records[3].iter().any(image),
        "durable before it is used"
    );
}

/// A fetch of `checkpoint`, offered by sites 1 and 2, that has its manifest; and whom it asked for
/// its first chunk.
pub(super) fn fetching(checkpoint: &Checkpoint) -> (Replica, SiteId) {
    let mut replica = replica(0, settings(), Boot::default());
    replica.start_fetch(Time::ZERO);
    let (index, digest) = (checkpoint.index, checkpoint.digest);
    for from in [1, 2] {
        tell(&mut replica, from, Transfer::Offer { index, digest });
    }
    let manifest = Transfer::Manifest {
        head: checkpoint.head,
        digests: checkpoint.tree.leaves().to_vec(),
    };
    let event = Event::Message {
        from: site(1),
        message: Message::Transfer(manifest),
    };
    let step = replica.handle(Time::from_nanos(1), event);
    let asked = step.messages.iter().find_map(|out| match &out.message {
        Message::Transfer(Transfer::ChunkRequest { chunk: 0, .. }) => Some(out.target),
        _ => None,
    });
    match asked {
        Some(maftia_protocol::Target::One(asked)) => (replica, asked),
        other => panic!("{other:?}"),
    }
}

pub(super) fn first_chunk(bytes: Bytes) -> Transfer {
    Transfer::Chunk {
        index: 9,
        chunk: 0,
        bytes,
    }
}

pub(super) fn have(replica: &Replica) -> usize {
    replica.fetch.as_ref().map_or(0, |fetch| fetch.progress().0)
}

#[test]
fn a_chunk_is_taken_only_from_a_site_that_was_asked_for_it() {
    let checkpoint = checkpoint(1);
    let (mut replica, asked) = fetching(&checkpoint);
    let asked = u8::try_from(asked.index()).unwrap();
    let before = have(&replica);
    let genuine = checkpoint.chunk(0).unwrap();
    let false_one = Bytes::from_static(b"false");
    for other in (1..4).filter(|other| *other != asked) {
        for bytes in [&false_one, &genuine] {
            assert!(tell(&mut replica, other, first_chunk(bytes.clone())).is_empty());
            assert_eq!(have(&replica), before);
        }
    }
    // What they sent has not undone the request.
    assert!(tell(&mut replica, asked, first_chunk(genuine.clone())).is_empty());
    assert_eq!(have(&replica), before + 1);
    // A second copy is one that nobody asked for.
    assert!(tell(&mut replica, asked, first_chunk(false_one)).is_empty());
    assert_eq!(have(&replica), before + 1);
}

#[test]
fn s01_provider_alters_a_chunk_and_is_blamed_once_and_it_is_asked_of_another() {
    let checkpoint = checkpoint(1);
    let (mut replica, asked) = fetching(&checkpoint);
    let liar = u8::try_from(asked.index()).unwrap();
    let lie = || first_chunk(Bytes::from_static(b"false"));
    assert_eq!(
        tell(&mut replica, liar, lie()),
        [Misbehaviour::ForeignChunk]
    );
    assert!(tell(&mut replica, liar, lie()).is_empty());
    let later = Time::from_nanos(1) + Duration::from_millis(250);
    let step = replica.handle(later, Event::Timeout);
    let again = step.messages.iter().any(|out| {
        let first = Transfer::ChunkRequest { index: 9, chunk: 0 };
        out.message == Message::Transfer(first)
    });
    assert!(again);
}
