use std::sync::Arc;

use bytes::Bytes;
use maftia_activity::kv::{
    Action, Interval, KeyValue, Operation, Outcome, Range, Refusal, Relation, Response, Target, Txn,
};
use maftia_activity::replication::StateMachine;
use maftia_codec::{Wire, Writer};
use maftia_crypto::{Domain, Envelope, SigningKey};
use maftia_membership::accusations::{Accusations, Session};
use maftia_membership::detector::Reason;
use maftia_membership::evidence::{Admission, Exhibit, Export, Report, Store};
use maftia_ordering::{
    Block, BlockRef, Equivocation, Header, IndexedDigest, Record, RecoveryStatement, payload_digest,
};
use maftia_replica::{BatchId, Bodies, Item, Span, Transfer};
use maftia_types::{
    ClientId, Digest, Epoch, FaultModel, Incarnation, Resilience, Round, Sequence, SiteId, SiteSet,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

mod ordering;
mod seals;

use ordering::{coin_share, controlled_frontier, frontier, ordering_values};
use seals::{drafts, sealed_blocks};

use crate::{join, services};

pub(crate) fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(1)
}

pub(crate) fn headers() -> Vec<Bytes> {
    vec![header(1, 0).to_bytes(), header(9, 3).to_bytes()]
}

pub(crate) fn blocks() -> Vec<Bytes> {
    let plain = [block(1, 0), block(9, 3)];
    let all = plain.into_iter().chain(sealed_blocks());
    all.map(|block| block.to_bytes()).collect()
}

pub(crate) fn ordering_messages() -> Vec<Bytes> {
    ordering_values().iter().map(Wire::to_bytes).collect()
}

pub(crate) fn replica_messages() -> Vec<Bytes> {
    let transfers = [
        Transfer::Query,
        Transfer::Offer {
            index: 1,
            digest: digest(1),
        },
        Transfer::ManifestRequest { index: 1 },
        Transfer::Manifest {
            head: head(),
            digests: vec![digest(1), digest(2)],
        },
        Transfer::ChunkRequest { index: 1, chunk: 2 },
        Transfer::Chunk {
            index: 1,
            chunk: 2,
            bytes: Bytes::from_static(b"chunk"),
        },
    ];
    let transfers = transfers.into_iter().map(maftia_replica::Message::Transfer);
    let ordering = ordering_values()
        .into_iter()
        .map(|message| maftia_replica::Message::Ordering(maftia_types::Epoch(1), message));
    transfers
        .chain(ordering)
        .map(|message| message.to_bytes())
        .collect()
}

pub(crate) fn records() -> Vec<Bytes> {
    let payload = Some(payload());
    let records = [
        Record::Block {
            block: block(9, 3),
            payload,
        },
        Record::Block {
            block: block(1, 0),
            payload: None,
        },
        Record::Floor(Round(7)),
    ];
    records
        .iter()
        .chain(&drafts())
        .map(Wire::to_bytes)
        .collect()
}

pub(crate) fn frontiers() -> Vec<Bytes> {
    vec![frontier(), controlled_frontier()]
}

pub(crate) fn equivocations() -> Vec<Bytes> {
    vec![equivocation().to_bytes()]
}

pub(crate) fn evidence_stores() -> Vec<Bytes> {
    let mut store = Store::default();
    let exhibit = exhibit();
    let culprit = exhibit.proof.culprit();
    let members = SiteId::all(8).map(|_| key().public());
    let admitted = store.admit(&members.collect::<Vec<_>>(), exhibit.proof, exhibit.report);
    assert!(matches!(admitted, Admission::Kept { .. }), "{culprit}");
    vec![store.to_bytes(), Store::default().to_bytes()]
}

/// A file that is read is written the same.
pub(crate) fn read_evidence_file(bytes: &[u8]) -> bool {
    let text = std::str::from_utf8(bytes).ok();
    let Some((text, export)) = text.and_then(|text| Some((text, Export::from_text(text).ok()?)))
    else {
        return false;
    };
    assert_eq!(export.to_text(), text);
    true
}

pub(crate) fn evidence_files() -> Vec<Bytes> {
    let export = Export {
        group: "group".into(),
        culprit: "A".into(),
        reporter: "B".into(),
        exhibit: exhibit(),
    };
    vec![export.to_text().into()]
}

pub(crate) fn accusations() -> Vec<Bytes> {
    let resilience = Resilience::largest(FaultModel::Arbitrary, 4).expect("four sites");
    let mut state = Accusations::default();
    for by in 0..2 {
        state.accuse(9, site(by), site(3), Reason::Mute);
    }
    state.settle(Session {
        resilience: &resilience,
        convicted: SiteSet::EMPTY,
        commit: 9,
    });
    vec![state.to_bytes(), Accusations::default().to_bytes()]
}

pub(crate) fn recovery_statements() -> Vec<Bytes> {
    vec![statement().to_bytes()]
}

pub(crate) fn envelopes() -> Vec<Bytes> {
    vec![envelope().to_bytes(), statement().seal(&key()).to_bytes()]
}

pub(crate) fn items() -> Vec<Bytes> {
    item_values().iter().map(Wire::to_bytes).collect()
}

pub(crate) fn payloads() -> Vec<Bytes> {
    vec![payload()]
}

pub(crate) fn images() -> Vec<Bytes> {
    let window = records();
    let mut counts = Writer::new();
    counts.u64(1);
    counts.u64(2);
    counts.u64(window.len() as u64);
    let ledger = Bytes::from_static(b"a ledger is read by the replica that boots from it");
    let app = store_chunks();
    vec![join(
        [counts.finish(), frontier(), ledger]
            .into_iter()
            .chain(app)
            .chain(window),
    )]
}

pub(crate) fn operations() -> Vec<Bytes> {
    let range = |interval| Range {
        keys_only: true,
        after: Some("a".into()),
        ..Range::over(interval)
    };
    let txn = Txn::default()
        .when("a", Relation::Greater, Target::Version(0))
        .when("b", Relation::Equal, Target::Value("a value".into()))
        .then(Action::put("a", "new"))
        .then(range(Interval::prefix("k")))
        .otherwise(Action::delete("b"))
        .otherwise(Action::get("key"));
    let operations = [
        Operation::put("key", "value"),
        Operation::get("key"),
        Operation::delete("key"),
        range(Interval::all()).into(),
        range(Interval::between("a", "z")).into(),
        txn.into(),
    ];
    operations.iter().map(Wire::to_bytes).collect()
}

pub(crate) fn responses() -> Vec<Bytes> {
    let entry = KeyValue {
        key: "key".into(),
        value: "value".into(),
        create_revision: 2,
        mod_revision: 3,
        version: 2,
    };
    let outcomes = vec![
        Outcome::Count(3),
        Outcome::Delete {
            deleted: true,
            previous: Some(entry.clone()),
        },
        Outcome::DeleteRange {
            deleted: 2,
            more: false,
        },
        Outcome::Get(Some(entry.clone())),
        Outcome::Put(None),
        Outcome::Range {
            entries: vec![entry],
            more: true,
        },
    ];
    let single = |outcome: &Outcome| Response::Action {
        revision: 4,
        outcome: outcome.clone(),
    };
    let mut responses: Vec<_> = outcomes.iter().map(single).collect();
    responses.push(Response::Txn {
        revision: 5,
        succeeded: true,
        outcomes,
    });
    responses.push(Response::Refused(Refusal::NoSpace));
    responses.iter().map(Wire::to_bytes).collect()
}

pub(crate) fn chunks() -> Vec<Bytes> {
    vec![join(store_chunks())]
}

fn item_values() -> Vec<Item> {
    let id = BatchId {
        client: ClientId { key: 1, session: 2 },
        incarnation: Incarnation(3),
        span: Span::one(Sequence(4)),
    };
    vec![
        Item::Requests {
            id,
            bodies: Bodies::new([&Operation::put("key", "value").to_bytes()]),
        },
        Item::Vouch {
            id,
            digest: digest(1),
        },
        Item::Evidence(equivocation().into()),
        Item::Accuse {
            site: site(2),
            reason: Reason::Mute,
        },
        Item::Retract { site: site(2) },
        Item::Certified,
    ]
}

fn payload() -> Bytes {
    let mut writer = Writer::new();
    item_values()
        .iter()
        .for_each(|item| item.encode(&mut writer));
    writer.finish()
}

fn store_chunks() -> Vec<Bytes> {
    let snapshot = services::store().snapshot();
    (0..snapshot.manifest().len())
        .filter_map(|index| snapshot.chunk(index))
        .collect()
}

pub(crate) fn exhibit() -> Exhibit {
    Exhibit {
        proof: equivocation().into(),
        key: *key().public().as_bytes(),
        report: Report {
            commit: 3,
            time_ms: 4,
            reporter: site(1),
        },
    }
}

fn equivocation() -> Equivocation {
    Equivocation::new(block(9, 3), block(9, 4)).expect("two blocks of one author and round")
}

fn statement() -> RecoveryStatement {
    RecoveryStatement {
        config: digest(0),
        epoch: Epoch(1),
        requester: site(1),
        nonce: 5,
        highest: Round(9),
    }
}

fn envelope() -> Envelope {
    Envelope::seal(
        &key(),
        Domain::new("sample"),
        Bytes::from_static(b"content"),
    )
}

fn block(round: u64, salt: u8) -> Arc<Block> {
    Block::sign(header(round, salt), &key())
}

/// A header of this round; another `salt`, another header.
fn header(round: u64, salt: u8) -> Header {
    let payload = payload_of(salt);
    let vote = |index| IndexedDigest {
        index,
        digest: digest(salt),
    };
    let parent = |author| BlockRef {
        author: site(author),
        round: Round(round - 1),
        digest: digest(author),
    };
    Header {
        config: digest(0),
        epoch: Epoch(1),
        round: Round(round),
        author: site(0),
        parents: (0..3).map(parent).collect(),
        payload_digest: payload_digest(&payload),
        payload_len: u32::try_from(payload.len()).expect("samples are short"),
        coin_shares: (4..round).rev().take(2).map(coin_share).collect(),
        commit_vote: (salt > 0).then(|| vote(1)),
        checkpoint_vote: (salt > 1).then(|| vote(2)),
        time_ms: 1_700_000_000_000,
    }
}

fn payload_of(salt: u8) -> Vec<u8> {
    vec![salt; usize::from(salt)]
}

pub(crate) fn digest(byte: u8) -> Digest {
    Digest([byte; 32])
}

fn site(index: u8) -> SiteId {
    SiteId::new(index).expect("a small index")
}

fn key() -> SigningKey {
    SigningKey::from_seed([1; 32])
}

fn head() -> maftia_replica::Head {
    maftia_replica::Head {
        realm: maftia_replica::Realm {
            group: digest(3),
            epoch: maftia_types::Epoch(0),
            members: digest(4),
        },
        commit: 1,
        chain: digest(5),
        time_ms: 6,
        parts: 1,
        chunks: 2,
    }
}
