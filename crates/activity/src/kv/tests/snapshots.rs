use std::sync::Arc;

use super::*;
use crate::kv::page::PAGE_ENTRIES_MAX;
use crate::replication::{RestoreError, root_of};

fn filled(keys: u32) -> Store {
    let mut store = Store::default();
    for i in 0..keys {
        ask(&mut store, Operation::put(format!("k{i:05}"), "value"));
    }
    store
}

fn pages(store: &mut Store) -> usize {
    store.snapshot().manifest().len() - 1
}

#[test]
fn an_empty_store_is_one_chunk_and_restores() {
    let snapshot = Store::new(5).snapshot();
    assert_eq!(snapshot.manifest().len(), 1);
    let mut store = filled(10);
    store.restore(&chunks(&snapshot)).unwrap();
    assert_eq!(store.snapshot().root(), snapshot.root());
    assert_eq!((store.entries(), store.bytes_max()), (0, 5));
}

#[test]
fn a_page_splits_above_64_entries() {
    let mut store = filled(64);
    assert_eq!(PAGE_ENTRIES_MAX, 64);
    assert_eq!(pages(&mut store), 1);
    ask(&mut store, Operation::put("x", ""));
    assert_eq!(pages(&mut store), 2);
}

#[test]
fn a_page_splits_above_256_kibibytes_unless_it_is_one_entry() {
    let mut store = Store::default();
    ask(&mut store, Operation::put("a", vec![0; VALUE_BYTES_MAX]));
    assert_eq!(pages(&mut store), 1);
    ask(&mut store, Operation::put("b", ""));
    assert_eq!(pages(&mut store), 2);
    let half = 128 * 1024 - 1 - 128;
    let mut store = Store::default();
    ask(&mut store, Operation::put("a", vec![0; half]));
    ask(&mut store, Operation::put("b", vec![0; half]));
    assert_eq!(pages(&mut store), 1);
    ask(&mut store, Operation::put("b", vec![0; half + 1]));
    assert_eq!(pages(&mut store), 2);
}

#[test]
fn pages_join_when_they_empty_and_go_when_they_are_empty() {
    let mut store = filled(2000);
    let full = pages(&mut store);
    assert!(full >= 2000 / 64);
    for i in (0..2000).filter(|i| i % 20 != 0) {
        ask(&mut store, Operation::delete(format!("k{i:05}")));
        store.assert_invariants();
    }
    assert_eq!(store.entries(), 100);
    assert!(pages(&mut store) <= 100 / 8, "{}", pages(&mut store));
    for i in 0..2000 {
        ask(&mut store, Operation::delete(format!("k{i:05}")));
    }
    assert_eq!((pages(&mut store), store.bytes()), (0, 0));
}

#[test]
fn values_that_shrink_leave_no_lonely_pages() {
    let mut store = Store::default();
    for value in [200 * 1024, 0] {
        for i in 0..60 {
            ask(
                &mut store,
                Operation::put(format!("{i:02}"), vec![0; value]),
            );
        }
    }
    assert!(pages(&mut store) <= 6, "{}", pages(&mut store));
}

#[test]
fn a_full_page_that_a_snapshot_holds_is_copied_whole() {
    let mut store = filled(64);
    let snapshot = store.snapshot();
    ask(&mut store, Operation::put("k00007", "other"));
    store.assert_invariants();
    assert_eq!(store.entries(), 64);
    assert_eq!(chunks(&snapshot), chunks(&filled(64).snapshot()));
}

#[test]
fn s06_snapshots_in_a_row_stay_what_they_were_while_operations_go_on() {
    let mut store = filled(200);
    let mut taken = Vec::new();
    for turn in ["first", "second", "third"] {
        let snapshot = store.snapshot();
        taken.push((chunks(&snapshot), snapshot));
        for i in 0..200 {
            ask(&mut store, Operation::put(format!("k{i:05}"), turn));
        }
    }
    for (before, snapshot) in taken {
        assert_eq!(chunks(&snapshot), before);
        let mut other = Store::default();
        other.restore(&before).unwrap();
        assert_eq!(other.snapshot().root(), snapshot.root());
    }
}

#[test]
fn a_small_change_changes_the_first_chunk_and_one_page() {
    let mut store = filled(2000);
    let before = store.snapshot();
    ask(&mut store, Operation::put("k01000", "other"));
    let after = store.snapshot();
    let both = before.manifest().iter().zip(after.manifest());
    let differing = both.filter(|(a, b)| a != b).count();
    assert_eq!(differing, 2);
    assert_ne!(before.root(), after.root());
}

#[test]
fn the_root_covers_each_part_of_an_entry() {
    let base = || {
        let mut store = filled(3);
        // A history of which every number can be another one.
        for key in ["k", "l", "k"] {
            ask(&mut store, Operation::put(key, "a"));
        }
        store
    };
    // Whatever byte is changed, the chunk is refused or has another digest.
    let snapshot = base().snapshot();
    for (index, chunk) in chunks(&snapshot).iter().enumerate() {
        for at in 0..chunk.len() {
            let mut changed = chunk.to_vec();
            changed[at] ^= 1;
            let digest = base().chunk_digest(&changed.into());
            assert_ne!(digest, Some(snapshot.manifest()[index]), "{index}, {at}");
        }
    }
}

/// Every way in which chunks can fail to be one state; the store must not change.
#[test]
fn s11_chunks_that_are_not_one_state_are_refused_and_change_nothing() {
    let good = chunks(&filled(200).snapshot());
    assert!(good.len() >= 4);
    let mut target = filled(7);
    let root = target.snapshot().root();
    let mut refuse = |what: &str, chunks: &[Bytes]| {
        let error = target.restore(chunks).expect_err(what);
        assert_eq!(target.snapshot().root(), root, "{what}");
        assert_eq!(
            ask(&mut target, Operation::get("k00003")).revision(),
            Some(8)
        );
        error
    };
    let inconsistent = |error| matches!(error, RestoreError::Inconsistent { .. });
    assert!(inconsistent(refuse("no chunk", &[])));
    assert!(inconsistent(refuse(
        "a page missing",
        &good[..good.len() - 1]
    )));
    let mut swapped = good.clone();
    swapped.swap(1, 2);
    assert!(inconsistent(refuse("pages swapped", &swapped)));
    let mut doubled = good.clone();
    doubled[2] = good[1].clone();
    assert!(inconsistent(refuse("a page twice", &doubled)));
    let mut other = good.clone();
    other[0] = chunks(&filled(201).snapshot())[0].clone();
    assert!(inconsistent(refuse("the first chunk of another", &other)));
    for index in 0..good.len() {
        let mut broken = good.clone();
        broken[index] = good[index].slice(..good[index].len() - 1);
        let error = refuse("a chunk cut", &broken);
        assert!(matches!(error, RestoreError::Malformed { chunk, .. } if chunk == index));
        assert_eq!(Store::default().chunk_digest(&broken[index]), None);
        let mut longer = good.clone();
        longer[index] = good[index].iter().copied().chain([0]).collect();
        let error = refuse("a chunk lengthened", &longer);
        assert!(matches!(error, RestoreError::Malformed { chunk, .. } if chunk == index));
    }
}

/// The first chunk's fields: tag, revision, entries, bytes, quota, pages.
#[test]
fn a_first_chunk_that_no_store_has_is_refused() {
    let good = chunks(&filled(3).snapshot());
    let bytes = filled(3).bytes();
    for (field, value, sound) in [
        (0, 0, false),
        (0, 3, false),
        (0, 4, true),
        (0, i64::MAX as u64, true),
        (0, i64::MAX as u64 + 1, false),
        (1, 4, false),
        (2, bytes + 1, false),
        (3, bytes - 1, false),
        (3, bytes, true),
        (4, 2, false),
    ] {
        let mut meta = good[0].to_vec();
        meta[1 + 8 * field..9 + 8 * field].copy_from_slice(&u64::to_le_bytes(value));
        let restored = Store::default().restore(&[meta.into(), good[1].clone()]);
        assert_eq!(restored.is_ok(), sound, "field {field} = {value}");
    }
}

#[test]
fn a_page_that_no_store_has_is_refused() {
    let entry = |key: &'static str, create_revision, mod_revision, version| KeyValue {
        key: key.into(),
        value: Bytes::new(),
        create_revision,
        mod_revision,
        version,
    };
    let page = |entries: &[KeyValue]| {
        let mut w = maftia_codec::Writer::new();
        w.u8(2);
        w.list(entries);
        w.finish()
    };
    let many = |count: u32| -> Vec<KeyValue> {
        let keys = (0..count).map(|i| Bytes::from(format!("{i:04}")));
        keys.map(|key| KeyValue {
            key,
            ..entry("", 2, 2, 1)
        })
        .collect()
    };
    let digest = |entries: &[KeyValue]| Store::default().chunk_digest(&page(entries));
    for sound in [(2, 2, 1), (2, 3, 1), (2, 3, 2), (5, 9, 5)] {
        assert!(digest(&[entry("a", sound.0, sound.1, sound.2)]).is_some());
    }
    for unsound in [(1, 1, 1), (3, 2, 1), (2, 2, 0), (2, 2, 2), (2, 3, 3)] {
        assert_eq!(digest(&[entry("a", unsound.0, unsound.1, unsound.2)]), None);
    }
    assert_eq!(digest(&[]), None);
    assert_eq!(digest(&[entry("", 2, 2, 1)]), None);
    assert_eq!(digest(&[entry("b", 2, 2, 1), entry("a", 2, 2, 1)]), None);
    assert_eq!(digest(&[entry("a", 2, 2, 1), entry("a", 2, 2, 1)]), None);
    assert!(digest(&many(64)).is_some());
    assert_eq!(digest(&many(65)), None);
}

#[test]
fn snapshots_can_be_sent_to_other_threads() {
    fn sendable<T: Send + Sync + ?Sized>() {}
    sendable::<Arc<dyn Snapshot>>();
    let snapshot = filled(1).snapshot();
    assert_eq!(snapshot.root(), root_of(snapshot.manifest()));
}
