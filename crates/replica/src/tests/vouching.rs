use std::sync::Arc;

use bytes::Bytes;
use maftia_activity::kv;
use maftia_codec::{Wire, Writer};
use maftia_crypto::{PublicKey, SigningKey};
use maftia_ordering::{Block, BlockRef, Commit, Header, payload_digest};
use maftia_types::{ClientId, Digest, Epoch, Incarnation, Round, Sequence};

use super::harness::site;
use crate::ledger::Ledger;
use crate::limits::Limits;
use crate::{Fate, Item, RequestId, request_digest};

/// f + 1 at n = 4.
const NEEDED: usize = 2;

fn request(sequence: u64) -> RequestId {
    RequestId {
        client: ClientId { key: 0, session: 0 },
        incarnation: Incarnation(1),
        sequence: Sequence(sequence),
    }
}

fn body(text: &str) -> Bytes {
    kv::Operation::put("k", text.to_owned()).to_bytes()
}

fn with_body(id: RequestId, text: &str) -> Item {
    Item::Request {
        id,
        body: body(text),
    }
}

fn vouch(id: RequestId, text: &str) -> Item {
    vouch_for(id, &body(text))
}

pub(super) fn vouch_for(id: RequestId, body: &Bytes) -> Item {
    Item::Vouch {
        id,
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
            ledger: Ledger::new(limits, NEEDED),
            store: kv::Store::default(),
            keys: (0..4).map(|i| SigningKey::mock(i).public()).collect(),
        }
    }

    /// The numbers of the requests that a commit executes.
    pub(super) fn deliver(&mut self, commit: &Commit) -> Vec<u64> {
        let applied = self.ledger.apply(&mut self.store, &self.keys, commit);
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
    let body = body("x").len();
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
