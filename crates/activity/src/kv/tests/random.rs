use proptest::prelude::*;

use super::generate::{filling_and_emptying, operations, operations_on};
use super::model::Model;
use super::*;

const SMALL: &[usize] = &[0, 1, 7, 7, 40];
/// Such that pages are split by bytes too, and shrink again; not so large that answers are cut.
const MIXED: &[usize] = &[0, 5, 100, 3000, 70_000, 140_000];

fn agrees_with_model(quota: u64, operations: &[Operation]) {
    let mut store = Store::new(quota);
    let mut model = Model::new(quota);
    for (i, operation) in operations.iter().enumerate() {
        let expected = model.ask(operation);
        let answer = ask(&mut store, operation.clone());
        assert_eq!(answer, expected, "operation {i}: {operation:?}");
        store.assert_invariants();
    }
}

/// Runs two stores, of which one is replaced by a copy restored from a snapshot on the way.
fn restored_goes_on_alike(operations: &[Operation], at: usize) {
    let (first, second) = operations.split_at(at);
    let mut original = Store::default();
    for operation in first {
        ask(&mut original, operation.clone());
    }
    let snapshot = original.snapshot();
    let mut copy = Store::new(77);
    copy.restore(&chunks(&snapshot)).unwrap();
    assert_eq!(copy.snapshot().root(), snapshot.root());
    for operation in second {
        let operation = operation.to_bytes();
        assert_eq!(
            ask_bytes(&mut original, &operation),
            ask_bytes(&mut copy, &operation)
        );
    }
    let (original, copy) = (original.snapshot(), copy.snapshot());
    assert_eq!(original.manifest(), copy.manifest());
    assert_eq!(chunks(&original), chunks(&copy));
}

/// Runs two stores, of which one takes snapshots on the way.
fn snapshots_leave_no_trace(operations: &[Operation], every: usize) {
    let (mut often, mut once) = (Store::default(), Store::default());
    for (i, operation) in operations.iter().enumerate() {
        if i % every == 0 {
            often.snapshot();
        }
        ask(&mut often, operation.clone());
        often.assert_invariants();
        ask(&mut once, operation.clone());
    }
    let (one, other) = (often.snapshot(), once.snapshot());
    assert_eq!(one.manifest(), other.manifest());
    assert_eq!(chunks(&one), chunks(&other));
    // An early difference may be undone by later transactions; a last one is not.
    ask(&mut once, Operation::put("extra", "value"));
    assert_ne!(often.snapshot().root(), once.snapshot().root());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn few_keys_agree_with_the_model(ops in operations(12, SMALL, 0..120)) {
        agrees_with_model(u64::MAX, &ops);
    }

    #[test]
    fn a_full_store_agrees_with_the_model(ops in operations(12, SMALL, 0..120)) {
        agrees_with_model(1000, &ops);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn many_keys_agree_with_the_model(ops in operations(600, SMALL, 1000..2500)) {
        agrees_with_model(u64::MAX, &ops);
    }

    #[test]
    fn keys_that_share_bytes_and_hold_zeros_agree_with_the_model(
        ops in operations_on(generate::similar_key(), 0..1500),
    ) {
        agrees_with_model(u64::MAX, &ops);
    }

    #[test]
    fn a_restored_store_goes_on_as_the_original(ops in operations(600, SMALL, 0..3000)) {
        restored_goes_on_alike(&ops, ops.len() / 2);
    }

    #[test]
    fn a_restored_store_of_large_values_goes_on_as_the_original(
        ops in operations(60, MIXED, 0..600),
    ) {
        restored_goes_on_alike(&ops, ops.len() / 2);
    }

    #[test]
    fn a_snapshot_does_not_change_with_the_store(ops in operations(300, SMALL, 0..1500)) {
        let mut store = Store::default();
        let mut kept = Vec::new();
        for (i, operation) in ops.iter().enumerate() {
            ask(&mut store, operation.clone());
            if i % 200 == 50 {
                let snapshot = store.snapshot();
                kept.push((chunks(&snapshot), snapshot));
            }
        }
        for (before, snapshot) in kept {
            prop_assert_eq!(before, chunks(&snapshot));
        }
    }

    #[test]
    fn roots_follow_the_operations_not_the_snapshots(
        ops in operations(300, SMALL, 1..1500),
        every in 1usize..100,
    ) {
        snapshots_leave_no_trace(&ops, every);
    }

    #[test]
    fn pages_join_alike_with_and_without_snapshots(
        ops in filling_and_emptying(500),
        every in 1usize..300,
    ) {
        snapshots_leave_no_trace(&ops, every);
    }

    #[test]
    fn pages_join_alike_after_a_restore(
        ops in filling_and_emptying(500),
        at in any::<prop::sample::Index>(),
    ) {
        restored_goes_on_alike(&ops, at.index(ops.len()));
    }

    #[test]
    fn every_chunk_has_its_digest_of_the_manifest(ops in operations(300, MIXED, 0..500)) {
        let mut store = Store::default();
        for operation in ops {
            ask(&mut store, operation);
        }
        let snapshot = store.snapshot();
        for (chunk, digest) in chunks(&snapshot).iter().zip(snapshot.manifest()) {
            prop_assert_eq!(store.chunk_digest(chunk), Some(*digest));
            prop_assert!(chunk.len() <= CHUNK_BYTES_MAX);
        }
        prop_assert_eq!(crate::replication::root_of(snapshot.manifest()), snapshot.root());
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_answered_alike(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        answered_alike(bytes);
    }

    #[test]
    fn nearly_valid_operations_are_answered_alike(
        ops in operations(12, SMALL, 1..2),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = ops[0].to_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        answered_alike(bytes);
    }
}

/// Two stores give the same answer; bytes that no operation encodes to are refused.
fn answered_alike(bytes: Vec<u8>) {
    let bytes = Bytes::from(bytes);
    let (mut one, mut other) = (Store::default(), Store::default());
    let answer = ask_bytes(&mut one, &bytes);
    assert_eq!(answer, ask_bytes(&mut other, &bytes));
    match Operation::from_bytes(bytes.clone()) {
        Ok(operation) => assert_eq!(operation.to_bytes(), bytes),
        Err(_) => assert!(answer.refusal().is_some()),
    }
    if answer.refusal().is_some() {
        assert_eq!(one.snapshot().root(), Store::default().snapshot().root());
    }
}
