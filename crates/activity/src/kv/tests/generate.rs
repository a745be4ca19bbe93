//! Random operations over few keys, so that they meet.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;

/// Operations over this many keys; values of these lengths.
pub(super) fn operations(
    keys: u32,
    lengths: &'static [usize],
    count: std::ops::Range<usize>,
) -> impl Strategy<Value = Vec<Operation>> {
    let action = action(keys, lengths).prop_map(Operation::Action);
    let txn = txn(keys, lengths).prop_map(Operation::Txn);
    vec(prop_oneof![6 => action, 2 => txn], count)
}

/// Puts, deletions and reads of these keys.
pub(super) fn operations_on(
    key: impl Strategy<Value = Bytes> + Clone,
    count: std::ops::Range<usize>,
) -> impl Strategy<Value = Vec<Operation>> {
    let put = key.clone().prop_map(|key| Operation::put(key, "v"));
    let delete = key.clone().prop_map(Operation::delete);
    let get = key.clone().prop_map(Operation::get);
    let after = key.prop_map(|key| {
        let after = Some(key);
        let range = Range::over(Interval::all());
        Operation::from(Range { after, ..range })
    });
    vec(
        prop_oneof![6 => put, 2 => delete, 2 => get, 1 => after],
        count,
    )
}

/// Keys of a few bytes that share long beginnings, extend one another, and hold zeros.
pub(super) fn similar_key() -> impl Strategy<Value = Bytes> + Clone {
    let byte = || prop::sample::select(&[0, 0, 1, 255][..]);
    (0usize..3, vec(byte(), 1..14)).prop_map(|(shared, tail)| {
        let mut key = vec![b'x'; 9 * shared];
        key.extend(tail);
        key.into()
    })
}

/// Puts many keys and deletes most of them, twice, each in any order: pages split, then join.
pub(super) fn filling_and_emptying(keys: u32) -> impl Strategy<Value = Vec<Operation>> {
    let all: Vec<Bytes> = (0..keys).map(|i| format!("{i:05}").into()).collect();
    let shuffled = || Just(all.clone()).prop_shuffle();
    let kept = keys as usize / 10;
    (shuffled(), shuffled(), shuffled(), shuffled()).prop_map(move |(fill, empty, refill, rest)| {
        let put = |key: &Bytes| Operation::put(key.clone(), "value");
        let delete = |key: &Bytes| Operation::delete(key.clone());
        let phases = [
            fill.iter().map(put).collect::<Vec<_>>(),
            empty.iter().skip(kept).map(delete).collect(),
            refill.iter().map(put).collect(),
            rest.iter().skip(kept).map(delete).collect(),
        ];
        phases.concat()
    })
}

pub(super) fn key(keys: u32) -> impl Strategy<Value = Bytes> + Clone {
    // Prefixes of one another among them; in an order unlike that of the numbers.
    (0..keys).prop_map(|i| Bytes::from(format!("{:o}", i.wrapping_mul(2_654_435_761) % (8 * 4096))))
}

fn value(lengths: &'static [usize]) -> impl Strategy<Value = Bytes> {
    let length = prop::sample::select(lengths);
    (length, any::<u8>()).prop_map(|(length, fill)| Bytes::from(vec![fill; length]))
}

fn interval(keys: u32) -> impl Strategy<Value = Interval> {
    let bound = || prop_oneof![4 => key(keys), 1 => Just(Bytes::new())];
    prop_oneof![
        Just(Interval::all()),
        bound().prop_map(Interval::prefix),
        (bound(), option::of(bound())).prop_map(|(start, end)| Interval { start, end }),
    ]
}

fn limit() -> impl Strategy<Value = u32> {
    prop_oneof![1u32..10, 1u32..=RANGE_LIMIT_MAX]
}

fn action(keys: u32, lengths: &'static [usize]) -> impl Strategy<Value = Action> {
    let put =
        (key(keys), value(lengths), any::<bool>()).prop_map(|(key, value, previous)| Action::Put {
            key,
            value,
            previous,
        });
    let delete =
        (key(keys), any::<bool>()).prop_map(|(key, previous)| Action::Delete { key, previous });
    let after = option::of(key(keys));
    let range = (interval(keys), after, limit(), any::<bool>()).prop_map(
        |(interval, after, limit, keys_only)| {
            Action::Range(Range {
                interval,
                after,
                limit,
                keys_only,
            })
        },
    );
    let delete_range = (interval(keys), 1u32..30)
        .prop_map(|(interval, limit)| Action::DeleteRange { interval, limit });
    prop_oneof![
        12 => put,
        5 => delete,
        2 => key(keys).prop_map(Action::get),
        2 => range,
        1 => delete_range,
        1 => interval(keys).prop_map(Action::Count),
    ]
}

fn txn(keys: u32, lengths: &'static [usize]) -> impl Strategy<Value = Txn> {
    let relation = prop::sample::select(vec![
        Relation::Equal,
        Relation::Greater,
        Relation::Less,
        Relation::NotEqual,
    ]);
    let target = prop_oneof![
        (0u64..60).prop_map(Target::CreateRevision),
        (0u64..60).prop_map(Target::ModRevision),
        value(lengths).prop_map(Target::Value),
        (0u64..3).prop_map(Target::Version),
    ];
    let compare = (key(keys), relation, target).prop_map(|(key, relation, target)| Compare {
        key,
        relation,
        target,
    });
    let branch = || vec(action(keys, lengths), 0..6);
    (vec(compare, 0..3), branch(), branch()).prop_map(|(compares, success, failure)| Txn {
        compares,
        success,
        failure,
    })
}
