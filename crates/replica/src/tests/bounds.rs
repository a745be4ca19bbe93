//! What one client key can make the ordered state hold.

use bytes::Bytes;
use maftia_activity::kv;
use maftia_codec::Wire;

use super::vouching::{Executor, NEEDED, commit, request};
use crate::ledger::Ledger;
use crate::limits::{Limits, RESULT_INLINE_BYTES_MAX};
use crate::session::{HELD_BYTES_FIXED, KEPT_BYTES_FIXED};
use crate::sessions::Expected;
use crate::{BatchId, Bodies, Fate, Item, RequestId, request_digest};

const VALUE_BYTES: usize = 1000;

fn named(key: u32, session: u32, sequence: u64) -> RequestId {
    let mut id = request(sequence);
    (id.client.key, id.client.session) = (key, session);
    id
}

struct Bounds {
    executor: Executor,
    commits: u64,
}

impl Bounds {
    fn new(limits: Limits) -> Self {
        Self {
            executor: Executor::new(limits),
            commits: 0,
        }
    }

    /// Delivers a request with f+1 vouches, and gives how many requests that executes.
    fn ask(&mut self, id: RequestId, body: &Bytes) -> usize {
        self.commits += 1;
        let item = || {
            vec![Item::Requests {
                id: BatchId::one(&id),
                bodies: Bodies::new([body]),
            }]
        };
        let commit = commit(self.commits, &[(0, item()), (1, item())]);
        self.executor.deliver(&commit).len()
    }

    fn fate(&self, id: RequestId, body: &Bytes) -> Option<Fate> {
        let digest = request_digest(&id, body);
        match self.executor.ledger.expected(&id, Some(&digest)) {
            Expected::Settled(fate) => Some(fate),
            Expected::Yes | Expected::TooFar => None,
        }
    }

    fn has_result(&self, id: RequestId, body: &Bytes) -> bool {
        matches!(self.fate(id, body), Some(Fate::Executed { .. }))
    }
}

fn put(value: usize) -> Bytes {
    kv::Operation::put("k", vec![7; value]).to_bytes()
}

fn get() -> Bytes {
    kv::Operation::get("k").to_bytes()
}

/// The length of the answer to [`get`] after a put of so many bytes.
fn answer_bytes(value: usize) -> usize {
    let mut bounds = Bounds::new(Limits::default());
    bounds.ask(named(0, 0, 1), &put(value));
    bounds.ask(named(0, 0, 2), &get());
    match bounds.fate(named(0, 0, 2), &get()) {
        Some(Fate::Executed { result, .. }) => result.len(),
        other => panic!("{other:?}"),
    }
}

/// The length of the answer to [`put`].
fn short_bytes() -> usize {
    let mut bounds = Bounds::new(Limits::default());
    bounds.ask(named(0, 0, 1), &put(1));
    match bounds.fate(named(0, 0, 1), &put(1)) {
        Some(Fate::Executed { result, .. }) => result.len(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn longer_results_are_kept_per_key_and_the_oldest_is_forgotten_first() {
    let limits = Limits {
        result_bytes: 2 * answer_bytes(VALUE_BYTES),
        ..Limits::default()
    };
    let mut bounds = Bounds::new(limits);
    bounds.ask(named(0, 0, 1), &put(VALUE_BYTES));
    bounds.ask(named(0, 0, 2), &get());
    bounds.ask(named(0, 1, 1), &get());
    assert!(bounds.has_result(named(0, 0, 2), &get()), "at the bound");
    bounds.ask(named(1, 0, 1), &get());
    assert!(bounds.has_result(named(0, 0, 2), &get()), "another key's");
    bounds.ask(named(0, 2, 1), &get());
    assert_eq!(bounds.fate(named(0, 0, 2), &get()), Some(Fate::Forgotten));
    for kept in [named(0, 1, 1), named(0, 2, 1), named(1, 0, 1)] {
        assert!(bounds.has_result(kept, &get()));
    }
    let write = (named(0, 0, 1), put(VALUE_BYTES));
    assert!(
        bounds.has_result(write.0, &write.1),
        "reads push no write out"
    );
    assert_eq!(bounds.ask(named(0, 0, 2), &get()), 0, "never again");
}

#[test]
fn a_result_of_the_inline_length_is_a_short_one() {
    let fixed = answer_bytes(0);
    let longest = RESULT_INLINE_BYTES_MAX - fixed;
    for (value, kept) in [(longest, true), (longest + 1, false)] {
        let limits = Limits {
            result_bytes: 0,
            ..Limits::default()
        };
        let mut bounds = Bounds::new(limits);
        bounds.ask(named(0, 0, 1), &put(value));
        bounds.ask(named(0, 0, 2), &get());
        let has = bounds.has_result(named(0, 0, 2), &get());
        assert_eq!(has, kept, "{}", answer_bytes(value));
    }
}

#[test]
fn replies_are_kept_per_key_and_the_oldest_goes_first() {
    let short = short_bytes();
    let limits = Limits {
        reply_bytes: 3 * (KEPT_BYTES_FIXED + short),
        ..Limits::default()
    };
    let mut bounds = Bounds::new(limits);
    let order = [named(0, 2, 1), named(0, 0, 1), named(0, 2, 2)];
    for id in order {
        assert_eq!(bounds.ask(id, &put(1)), 1);
    }
    assert!(order.iter().all(|id| bounds.has_result(*id, &put(1))));
    bounds.ask(named(1, 0, 1), &put(1));
    assert!(bounds.has_result(order[0], &put(1)), "another key's");
    for (newest, gone) in [(named(0, 1, 1), order[0]), (named(0, 1, 2), order[1])] {
        assert_eq!(bounds.ask(newest, &put(1)), 1);
        assert_eq!(bounds.fate(gone, &put(1)), Some(Fate::Forgotten));
        assert_eq!(bounds.ask(gone, &put(1)), 0, "never again");
    }
    assert!(bounds.has_result(order[2], &put(1)));
}

#[test]
fn requests_beyond_a_gap_are_held_per_key_and_refused_beyond_the_bound() {
    let limits = Limits {
        hold_bytes: 2 * (HELD_BYTES_FIXED + put(1).len()),
        ..Limits::default()
    };
    let mut bounds = Bounds::new(limits);
    bounds.ask(named(0, 0, 2), &put(1));
    bounds.ask(named(0, 1, 2), &put(1));
    bounds.ask(named(0, 1, 3), &put(1));
    bounds.ask(named(1, 0, 2), &put(1));
    assert_eq!(bounds.ask(named(1, 0, 1), &put(1)), 2, "another key's");
    assert_eq!(bounds.ask(named(0, 2, 1), &put(1)), 1, "not beyond a gap");
    assert_eq!(
        bounds.ask(named(0, 1, 1), &put(1)),
        2,
        "the third had no room"
    );
    assert_eq!(bounds.ask(named(0, 1, 3), &put(1)), 1, "asked again");
    bounds.ask(named(0, 1, 5), &put(1));
    bounds.ask(named(0, 1, 6), &put(1));
    assert_eq!(bounds.ask(named(0, 1, 4), &put(1)), 2, "room for one");
    assert_eq!(bounds.ask(named(0, 0, 1), &put(1)), 2);
}

#[test]
fn a_larger_incarnation_gives_the_room_of_the_smaller_back() {
    let limits = Limits {
        hold_bytes: HELD_BYTES_FIXED + put(1).len(),
        reply_bytes: 2 * (KEPT_BYTES_FIXED + short_bytes()),
        ..Limits::default()
    };
    let mut bounds = Bounds::new(limits);
    bounds.ask(named(0, 0, 2), &put(1));
    assert_eq!(bounds.ask(named(0, 0, 1), &put(1)), 2);
    bounds.ask(named(0, 0, 4), &put(1));
    let mut newer = [named(0, 0, 1), named(0, 0, 3), named(0, 0, 2)];
    newer.iter_mut().for_each(|id| id.incarnation.0 += 1);
    assert_eq!(bounds.ask(newer[0], &put(1)), 1);
    bounds.ask(newer[1], &put(1));
    assert_eq!(bounds.ask(newer[2], &put(1)), 2, "room for one");
    assert!(bounds.has_result(newer[1], &put(1)) && bounds.has_result(newer[2], &put(1)));
}

#[test]
fn a_restored_ledger_goes_on_forgetting_alike() {
    let limits = Limits {
        hold_bytes: 2 * (HELD_BYTES_FIXED + put(1).len()),
        reply_bytes: 6 * KEPT_BYTES_FIXED,
        result_bytes: 2 * answer_bytes(VALUE_BYTES),
        ..Limits::default()
    };
    let steps = |bounds: &mut Bounds, from: u64| {
        for sequence in from..from + 4 {
            bounds.ask(named(0, 0, sequence), &put(VALUE_BYTES));
            bounds.ask(named(0, 1, sequence), &get());
            bounds.ask(named(0, 2, sequence + 2), &put(1));
        }
    };
    let (mut kept, mut restored) = (Bounds::new(limits), Bounds::new(limits));
    steps(&mut kept, 1);
    steps(&mut restored, 1);
    let bytes = kept.executor.ledger.encode();
    restored.executor.ledger = Ledger::restore(limits, NEEDED, bytes).unwrap();
    for bounds in [&mut kept, &mut restored] {
        steps(bounds, 5);
        bounds.ask(named(0, 2, 2), &put(1));
    }
    let (kept, restored) = (&kept.executor.ledger, &restored.executor.ledger);
    assert_eq!(kept.encode(), restored.encode());
}

#[test]
fn another_request_under_a_settled_number_is_told_so() {
    let mut bounds = Bounds::new(Limits::default());
    let id = named(0, 0, 1);
    bounds.ask(id, &put(1));
    assert_eq!(bounds.fate(id, &put(2)), Some(Fate::Other));
    assert!(bounds.has_result(id, &put(1)));
    assert_eq!(bounds.ask(id, &put(2)), 0);
}

#[test]
fn a_key_is_bounded_to_sixteen_mebibytes() {
    assert_eq!(Limits::default().bytes_per_key(), 16 << 20);
}

#[test]
fn replies_of_longer_results_outlive_them_for_the_number() {
    let limits = Limits {
        result_bytes: 0,
        ..Limits::default()
    };
    let mut bounds = Bounds::new(limits);
    bounds.ask(named(0, 0, 1), &put(VALUE_BYTES));
    bounds.ask(named(0, 0, 2), &get());
    assert_eq!(bounds.fate(named(0, 0, 2), &get()), Some(Fate::Forgotten));
    assert_eq!(bounds.fate(named(0, 0, 2), &put(1)), Some(Fate::Other));
}
