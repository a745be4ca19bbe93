//! etcd's semantics, one by one.

use super::*;

fn entry(key: &'static str, value: &'static str, history: (u64, u64, u64)) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: value.into(),
        create_revision: history.0,
        mod_revision: history.1,
        version: history.2,
    }
}

fn get(store: &mut Store, key: &'static str) -> Option<KeyValue> {
    match ask(store, Operation::get(key)).outcome(0) {
        Some(Outcome::Get(found)) => found.clone(),
        other => panic!("{other:?}"),
    }
}

fn succeeds(store: &mut Store, key: &'static str, relation: Relation, target: Target) -> bool {
    match ask(store, Txn::default().when(key, relation, target)) {
        Response::Txn { succeeded, .. } => succeeded,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_empty_store_has_revision_one_and_reads_do_not_raise_it() {
    let mut store = Store::default();
    assert_eq!(ask(&mut store, Operation::get("a")).revision(), Some(1));
    assert_eq!(ask(&mut store, Operation::delete("a")).revision(), Some(1));
    assert_eq!(ask(&mut store, Txn::default()).revision(), Some(1));
    assert_eq!(ask(&mut store, Operation::put("a", "")).revision(), Some(2));
}

#[test]
fn a_put_keeps_creation_and_counts_versions_until_deletion() {
    let mut store = Store::default();
    ask(&mut store, Operation::put("a", "1"));
    ask(&mut store, Operation::put("b", "1"));
    ask(&mut store, Operation::put("a", "2"));
    assert_eq!(get(&mut store, "a"), Some(entry("a", "2", (2, 4, 2))));
    ask(&mut store, Operation::delete("a"));
    assert_eq!(get(&mut store, "a"), None);
    ask(&mut store, Operation::put("a", "3"));
    assert_eq!(get(&mut store, "a"), Some(entry("a", "3", (6, 6, 1))));
}

#[test]
fn a_put_of_the_same_value_is_a_change() {
    let mut store = Store::default();
    ask(&mut store, Operation::put("a", "1"));
    assert_eq!(
        ask(&mut store, Operation::put("a", "1")).revision(),
        Some(3)
    );
}

#[test]
fn previous_entries_are_answered_if_asked_for() {
    let mut store = Store::default();
    let outcome = |response: Response| response.outcome(0).unwrap().clone();
    let put = |value: &'static str| previous(Action::put("a", value));
    assert_eq!(outcome(ask(&mut store, put("1"))), Outcome::Put(None));
    let old = Some(entry("a", "1", (2, 2, 1)));
    assert_eq!(outcome(ask(&mut store, put("2"))), Outcome::Put(old));
    let old = Some(entry("a", "2", (2, 3, 2)));
    assert_eq!(
        outcome(ask(&mut store, previous(Action::delete("a")))),
        Outcome::Delete {
            deleted: true,
            previous: old
        }
    );
}

#[test]
fn all_writes_of_a_transaction_share_one_revision_and_its_reads_see_them() {
    let mut store = Store::default();
    let txn = Txn::default()
        .then(Action::put("a", "1"))
        .then(Action::put("b", "2"))
        .then(Action::get("a"))
        .then(Action::Count(Interval::all()));
    let response = ask(&mut store, txn);
    assert_eq!(response.revision(), Some(2));
    let a = entry("a", "1", (2, 2, 1));
    assert_eq!(response.outcome(2), Some(&Outcome::Get(Some(a.clone()))));
    assert_eq!(response.outcome(3), Some(&Outcome::Count(2)));
    assert_eq!(get(&mut store, "a"), Some(a));
    assert_eq!(get(&mut store, "b"), Some(entry("b", "2", (2, 2, 1))));
}

#[test]
fn an_absent_key_compares_as_zero_and_its_value_as_nothing() {
    let mut store = Store::default();
    use Relation::{Equal, Greater, Less, NotEqual};
    for target in [Target::CreateRevision, Target::ModRevision, Target::Version] {
        assert!(succeeds(&mut store, "a", Equal, target(0)));
        assert!(succeeds(&mut store, "a", Less, target(1)));
        assert!(!succeeds(&mut store, "a", NotEqual, target(0)));
    }
    for relation in [Equal, Greater, Less, NotEqual] {
        assert!(!succeeds(
            &mut store,
            "a",
            relation,
            Target::Value(Bytes::new())
        ));
    }
}

#[test]
fn a_relation_reads_from_the_key_to_the_given_value() {
    let mut store = Store::default();
    ask(&mut store, Operation::put("a", "m"));
    assert!(succeeds(
        &mut store,
        "a",
        Relation::Greater,
        Target::Value("l".into())
    ));
    assert!(succeeds(
        &mut store,
        "a",
        Relation::Less,
        Target::Value("ma".into())
    ));
    assert!(succeeds(
        &mut store,
        "a",
        Relation::Greater,
        Target::ModRevision(1)
    ));
}

#[test]
fn a_key_is_changed_once_in_a_branch_but_may_be_in_both() {
    let mut store = Store::default();
    let put = || Action::put("b", "1");
    let over = |interval| Action::DeleteRange { interval, limit: 1 };
    for other in [
        put(),
        Action::delete("b"),
        over(Interval::prefix("b")),
        over(Interval::between("a", "c")),
        over(Interval::all()),
    ] {
        for txn in [
            Txn::default().then(put()).then(other.clone()),
            Txn::default().otherwise(other.clone()).otherwise(put()),
        ] {
            assert_eq!(refusal(&mut store, txn), Some(Refusal::DuplicateKey));
        }
        let apart = Txn::default().then(put()).otherwise(other);
        assert_eq!(refusal(&mut store, apart), None);
    }
    for other in [
        over(Interval::between("a", "b")),
        over(Interval::between("b0", "c")),
        Action::delete("a"),
    ] {
        let txn = Txn::default().then(put()).then(other);
        assert_eq!(refusal(&mut store, txn), None);
    }
}

#[test]
fn ranges_go_on_after_the_last_key() {
    let mut store = Store::default();
    for i in 0..250 {
        ask(&mut store, Operation::put(format!("k{i:03}"), "v"));
    }
    ask(&mut store, Operation::put("l", "v"));
    let mut range = Range {
        limit: 100,
        ..Range::over(Interval::prefix("k"))
    };
    let mut seen = Vec::new();
    for expected_more in [true, true, false] {
        let response = ask(&mut store, range.clone());
        let Some(Outcome::Range { entries, more }) = response.outcome(0) else {
            panic!("{response:?}");
        };
        assert_eq!(*more, expected_more);
        range.after = entries.last().map(|entry| entry.key.clone());
        seen.extend(entries.iter().map(|entry| entry.key.clone()));
    }
    let expected: Vec<Bytes> = (0..250).map(|i| format!("k{i:03}").into()).collect();
    assert_eq!(seen, expected);
}

#[test]
fn a_prefix_ends_at_the_next_string_of_its_length_or_less() {
    for (prefix, end) in [
        (&b"a"[..], Some(&b"b"[..])),
        (b"a\xff", Some(b"b")),
        (b"a\xfe\xff\xff", Some(b"a\xff")),
        (b"\xff\xff", None),
        (b"", None),
    ] {
        let interval = Interval::prefix(prefix);
        assert_eq!(interval.start, prefix);
        assert_eq!(interval.end.as_deref(), end, "{prefix:?}");
    }
}

#[test]
fn reversed_and_empty_intervals_hold_nothing() {
    let mut store = Store::default();
    ask(&mut store, Operation::put("b", "1"));
    for interval in [
        Interval::between("c", "a"),
        Interval::between("b", "b"),
        Interval::between("", ""),
    ] {
        let count = ask(&mut store, Action::Count(interval.clone()));
        assert_eq!(count.outcome(0), Some(&Outcome::Count(0)));
        let range = Range {
            after: Some("b".into()),
            ..Range::over(interval)
        };
        let nothing = Outcome::Range {
            entries: Vec::new(),
            more: false,
        };
        assert_eq!(ask(&mut store, range).outcome(0), Some(&nothing));
    }
}
