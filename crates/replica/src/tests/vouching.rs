use std::sync::Arc;

use bytes::Bytes;
use maftia_activity::kv;
use maftia_codec::{Wire, Writer};
use maftia_crypto::{PublicKey, SigningKey};
use maftia_ordering::{Block, BlockRef, Commit, Header, Mode, payload_digest};
use maftia_types::{ClientId, Digest, Epoch, FaultModel, Incarnation, Resilience, Round, Sequence};

use super::harness::site;
use crate::conduct::Members;
use crate::ledger::Ledger;
use crate::limits::Limits;
use crate::{BatchId, Bodies, Fate, Item, RequestId, Span, request_digest};

/// f + 1 at n = 4.
pub(super) const NEEDED: usize = 2;

pub(super) fn request(sequence: u64) -> RequestId {
    RequestId {
        client: ClientId { key: 0, session: 0 },
        incarnation: Incarnation(1),
        sequence: Sequence(sequence),
    }
}

pub(super) fn body(text: &str) -> Bytes {
    kv::Operation::put("k", text.to_owned()).to_bytes()
}

fn with_body(id: RequestId, text: &str) -> Item {
    Item::Requests {
        id: BatchId::one(&id),
        bodies: Bodies::new([&body(text)]),
    }
}

fn vouch(id: RequestId, text: &str) -> Item {
    vouch_for(id, &body(text))
}

pub(super) fn vouch_for(id: RequestId, body: &Bytes) -> Item {
    Item::Vouch {
        id: BatchId::one(&id),
        digest: request_digest(&id, body),
    }
}

/// A commit that delivers one block of each given author.
pub(super) fn commit(index: u64, blocks: &[(u8, Vec<Item>)]) -> Commit {
    let blocks = blocks.iter().map(|(author, items)| {
        let mut writer = Writer::new();
        items.iter().for_each(|item| item.encode(&mut writer));
        let payload = writer.finish();
        let header = Header {
            config: Digest([1; 32]),
            epoch: Epoch(0),
            round: Round(index),
            author: site(*author),
            parents: Vec::new(),
            payload_digest: payload_digest(&payload),
            payload_len: payload.len().try_into().unwrap(),
            coin_shares: Vec::new(),
            commit_vote: None,
            checkpoint_vote: None,
            time_ms: 0,
        };
        (
            Block::sign(header, &SigningKey::mock(u64::from(*author))),
            payload,
        )
    });
    let blocks: Vec<(Arc<Block>, Bytes)> = blocks.collect();
    let leader = BlockRef {
        author: site(0),
        round: Round(index),
        digest: Digest::ZERO,
    };
    Commit {
        index,
        leader,
        digest: Digest::ZERO,
        time_ms: index,
        mode: Mode::S,
        control: None,
        blocks,
        checkpoint: None,
    }
}

pub(super) struct Executor {
    pub(super) ledger: Ledger,
    store: kv::Store,
    keys: Vec<PublicKey>,
}

impl Executor {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            ledger: Ledger::new(limits, NEEDED, None),
            store: kv::Store::default(),
            keys: (0..4).map(|i| SigningKey::mock(i).public()).collect(),
        }
    }

    /// The numbers of the requests that a commit executes.
    pub(super) fn deliver(&mut self, commit: &Commit) -> Vec<u64> {
        let members = Members {
            keys: &self.keys,
            resilience: Resilience::largest(FaultModel::Arbitrary, 4).unwrap(),
        };
        let applied = self.ledger.apply(&mut self.store, members, commit);
        let executed = applied.executed.into_iter();
        executed
            .filter(|executed| matches!(executed.fate, Fate::Executed { .. }))
            .map(|executed| executed.id.sequence.0)
            .collect()
    }
}

#[test]
fn correction_9_a_single_author_cannot_speak_for_a_client() {
    let mut executor = Executor::new(Limits::default());
    let id = request(1);
    let forged = vec![
        with_body(id, "forged"),
        vouch(id, "forged"),
        with_body(id, "forged"),
    ];
    assert!(executor.deliver(&commit(1, &[(3, forged)])).is_empty());
    // The genuine request is not taken for a duplicate of the forged one.
    let genuine = [
        (0, vec![with_body(id, "genuine")]),
        (1, vec![vouch(id, "genuine")]),
    ];
    assert_eq!(executor.deliver(&commit(2, &genuine)), [1]);
    // Nor does the forged one execute later.
    assert!(
        executor
            .deliver(&commit(3, &[(2, vec![vouch(id, "forged")])]))
            .is_empty()
    );
}

#[test]
fn vouches_for_different_bodies_do_not_add_up() {
    let mut executor = Executor::new(Limits::default());
    let id = request(1);
    let split = [
        (0, vec![with_body(id, "one")]),
        (1, vec![with_body(id, "two")]),
    ];
    assert!(executor.deliver(&commit(1, &split)).is_empty());
    assert_eq!(
        executor.deliver(&commit(2, &[(2, vec![vouch(id, "two")])])),
        [1]
    );
}

#[test]
fn f_plus_1_vouches_without_the_body_wait_for_it() {
    let mut executor = Executor::new(Limits::default());
    let id = request(1);
    let vouched = [(0, vec![vouch(id, "x")]), (1, vec![vouch(id, "x")])];
    assert!(executor.deliver(&commit(1, &vouched)).is_empty());
    assert_eq!(
        executor.deliver(&commit(2, &[(2, vec![with_body(id, "x")])])),
        [1]
    );
    assert!(
        executor
            .deliver(&commit(3, &[(3, vec![with_body(id, "x")])]))
            .is_empty()
    );
}

#[test]
fn a_gap_holds_later_requests_back_until_it_closes() {
    let mut executor = Executor::new(Limits::default());
    let (one, two) = (request(1), request(2));
    let second = [(0, vec![with_body(two, "2")]), (1, vec![vouch(two, "2")])];
    assert!(executor.deliver(&commit(1, &second)).is_empty());
    let first = [(0, vec![with_body(one, "1")]), (1, vec![vouch(one, "1")])];
    assert_eq!(executor.deliver(&commit(2, &first)), [1, 2]);
}

#[test]
fn correction_8_requests_beyond_the_window_are_dropped_by_the_log() {
    let limits = Limits {
        window: 4,
        ..Limits::default()
    };
    let mut executor = Executor::new(limits);
    for (sequence, inside) in [(4, true), (5, false)] {
        let id = request(sequence);
        let far = [(0, vec![with_body(id, "x")]), (1, vec![vouch(id, "x")])];
        executor.deliver(&commit(sequence, &far));
        let open = executor.ledger.open_vouches();
        assert_eq!(open, 0, "{sequence}: inside {inside}");
    }
    for sequence in 1..=3 {
        let id = request(sequence);
        let near = [(0, vec![with_body(id, "x")]), (1, vec![vouch(id, "x")])];
        let expected = if sequence == 3 {
            vec![3, 4]
        } else {
            vec![sequence]
        };
        assert_eq!(executor.deliver(&commit(10 + sequence, &near)), expected);
    }
}

#[test]
fn requests_of_keys_outside_the_group_leave_nothing_behind() {
    let limits = Limits {
        client_keys: 1,
        ..Limits::default()
    };
    let mut executor = Executor::new(limits);
    let mut id = request(1);
    id.client.key = 1;
    let foreign = [(0, vec![with_body(id, "x")]), (1, vec![vouch(id, "x")])];
    assert!(executor.deliver(&commit(1, &foreign)).is_empty());
    assert_eq!(executor.ledger.open_vouches(), 0);
}

#[test]
fn bodies_without_vouches_are_bounded_per_author() {
    let body = Bodies::new([&body("x")]).len();
    let limits = Limits {
        body_bytes_per_author: 2 * body,
        ..Limits::default()
    };
    let mut executor = Executor::new(limits);
    let flood: Vec<Item> = (1..=3)
        .map(|sequence| with_body(request(sequence), "x"))
        .collect();
    executor.deliver(&commit(1, &[(3, flood)]));
    // The first two bodies were kept, the third was not: its vouch waits for somebody's body.
    let vouches: Vec<Item> = (1..=3)
        .map(|sequence| vouch(request(sequence), "x"))
        .collect();
    assert_eq!(executor.deliver(&commit(2, &[(0, vouches)])), [1, 2]);
    let third = [(1, vec![with_body(request(3), "x")])];
    assert_eq!(executor.deliver(&commit(3, &third)), [3]);
}

/// The batch of `count` requests from number `first`, and a vouch for it.
fn batch(first: u64, count: u32, text: &str) -> [Item; 2] {
    let id = BatchId {
        span: Span::new(Sequence(first), count).unwrap(),
        ..BatchId::one(&request(first))
    };
    let bodies = Bodies::new(&vec![body(text); count as usize]);
    let digest = id.digest(&bodies);
    [Item::Requests { id, bodies }, Item::Vouch { id, digest }]
}

#[test]
fn requests_in_batches_that_overlap_are_executed_once() {
    let mut executor = Executor::new(Limits::default());
    let [bodies, vouch] = batch(1, 3, "x");
    let [more, more_vouched] = batch(2, 4, "x");
    let first = [(0, vec![bodies, more]), (1, vec![vouch.clone()])];
    assert_eq!(executor.deliver(&commit(1, &first)), [1, 2, 3]);
    let second = [(1, vec![more_vouched]), (2, vec![vouch])];
    assert_eq!(executor.deliver(&commit(2, &second)), [4, 5]);
    assert_eq!(
        executor.ledger.open_vouches(),
        0,
        "nothing waits for what is settled"
    );
}

#[test]
fn of_a_batch_that_reaches_beyond_the_window_the_part_inside_is_taken() {
    let limits = Limits {
        window: 4,
        ..Limits::default()
    };
    let mut executor = Executor::new(limits);
    let [bodies, vouch] = batch(3, 4, "x");
    executor.deliver(&commit(1, &[(0, vec![bodies]), (1, vec![vouch])]));
    let [bodies, vouch] = batch(1, 2, "x");
    let first = [(0, vec![bodies]), (1, vec![vouch])];
    assert_eq!(executor.deliver(&commit(2, &first)), [1, 2, 3, 4]);
}

#[test]
fn bodies_that_do_not_come_apart_execute_nothing() {
    let mut executor = Executor::new(Limits::default());
    let id = BatchId {
        span: Span::new(Sequence(1), 2).unwrap(),
        ..BatchId::one(&request(1))
    };
    let bodies = Bodies::new([&body("only one")]);
    let digest = id.digest(&bodies);
    let lie = [
        (0, vec![Item::Requests { id, bodies }]),
        (1, vec![Item::Vouch { id, digest }]),
    ];
    assert!(executor.deliver(&commit(1, &lie)).is_empty());
    let honest = request(1);
    let genuine = [
        (0, vec![with_body(honest, "x")]),
        (1, vec![vouch(honest, "x")]),
    ];
    assert_eq!(executor.deliver(&commit(2, &genuine)), [1]);
}

#[test]
fn a_client_key_cannot_use_up_what_an_author_holds_for_another() {
    let body = Bodies::new([&body("x")]).len();
    let limits = Limits {
        body_bytes_per_author: body,
        ..Limits::default()
    };
    let mut executor = Executor::new(limits);
    let flood: Vec<Item> = (1..=3)
        .map(|sequence| with_body(request(sequence), "x"))
        .collect();
    executor.deliver(&commit(1, &[(0, flood)]));
    let mut other = request(1);
    other.client.key = 1;
    let asked = [
        (0, vec![with_body(other, "x")]),
        (1, vec![vouch(other, "x")]),
    ];
    assert_eq!(executor.deliver(&commit(2, &asked)), [1]);
}
