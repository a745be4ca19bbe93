//! Every limit: at it, and one above.

use super::*;

fn bytes(length: usize) -> Bytes {
    vec![b'x'; length].into()
}

fn check(operation: impl Into<Operation>, expected: Option<Refusal>) {
    assert_eq!(refusal(&mut Store::default(), operation), expected);
}

#[test]
fn keys_have_one_to_1024_bytes() {
    type Make = fn(Bytes) -> Operation;
    let makes: [Make; 4] = [
        Operation::get,
        Operation::delete,
        |key| Operation::put(key, "v"),
        |key| {
            Txn::default()
                .when(key, Relation::Equal, Target::Version(0))
                .into()
        },
    ];
    for make in makes {
        check(make(bytes(0)), Some(Refusal::KeyEmpty));
        check(make(bytes(1)), None);
        check(make(bytes(KEY_BYTES_MAX)), None);
        check(make(bytes(KEY_BYTES_MAX + 1)), Some(Refusal::KeyTooLong));
    }
}

#[test]
fn bounds_of_intervals_have_up_to_1024_bytes() {
    let too_long = Some(Refusal::KeyTooLong);
    for (length, expected) in [(KEY_BYTES_MAX, None), (KEY_BYTES_MAX + 1, too_long)] {
        let bound = bytes(length);
        check(
            Action::Count(Interval::between(bound.clone(), "")),
            expected,
        );
        check(
            Action::Count(Interval::between("", bound.clone())),
            expected,
        );
        let range = Range {
            after: Some(bound),
            ..Range::over(Interval::all())
        };
        check(range, expected);
    }
}

#[test]
fn values_have_up_to_a_mebibyte() {
    check(Operation::put("k", bytes(0)), None);
    let longest = Operation::put(bytes(KEY_BYTES_MAX), bytes(VALUE_BYTES_MAX));
    check(longest, None);
    let above = bytes(VALUE_BYTES_MAX + 1);
    check(
        Operation::put("k", above.clone()),
        Some(Refusal::ValueTooLong),
    );
    let txn = |value| Txn::default().when("k", Relation::Less, Target::Value(value));
    check(txn(bytes(VALUE_BYTES_MAX)), None);
    check(txn(above), Some(Refusal::ValueTooLong));
}

#[test]
fn operations_have_up_to_1280_kibibytes() {
    let txn = |second| {
        Txn::default()
            .then(Action::put("a", bytes(VALUE_BYTES_MAX)))
            .then(Action::put("b", bytes(second)))
    };
    let size = |second| Operation::from(txn(second)).to_bytes().len();
    let fits = OPERATION_BYTES_MAX - size(0);
    assert_eq!(size(fits), OPERATION_BYTES_MAX);
    check(txn(fits), None);
    check(txn(fits + 1), Some(Refusal::OperationTooLarge));
}

#[test]
fn transactions_have_up_to_128_compares_and_actions_a_branch() {
    let compares = |count| {
        let txn = Txn::default();
        (0..count).fold(txn, |txn, _| {
            txn.when("k", Relation::Equal, Target::Version(0))
        })
    };
    check(compares(TXN_COMPARES_MAX), None);
    check(
        compares(TXN_COMPARES_MAX + 1),
        Some(Refusal::TooManyCompares),
    );
    let success =
        |count| (0..count).fold(Txn::default(), |txn, i| txn.then(Action::put(key(i), "v")));
    let failure = |count| (0..count).fold(Txn::default(), |txn, _| txn.otherwise(Action::get("k")));
    let too_many = Some(Refusal::TooManyOperations);
    check(success(TXN_OPERATIONS_MAX), None);
    check(success(TXN_OPERATIONS_MAX + 1), too_many);
    check(failure(TXN_OPERATIONS_MAX), None);
    check(failure(TXN_OPERATIONS_MAX + 1), too_many);
}

#[test]
fn limits_are_one_to_a_thousand() {
    let range = |limit| Range {
        limit,
        ..Range::over(Interval::all())
    };
    let delete = |limit| Action::DeleteRange {
        interval: Interval::all(),
        limit,
    };
    let refused = Some(Refusal::LimitOutOfRange);
    for (limit, expected) in [
        (0, refused),
        (1, None),
        (RANGE_LIMIT_MAX, None),
        (RANGE_LIMIT_MAX + 1, refused),
        (u32::MAX, refused),
    ] {
        check(range(limit), expected);
        check(delete(limit), expected);
    }
    let two = |limit| Txn::default().then(delete(limit)).then(delete(500));
    check(two(500), None);
    check(two(501), refused);
    let counts = |count| {
        let count_all = || Action::Count(Interval::all());
        (0..count).fold(Txn::default(), |txn, _| txn.then(count_all()))
    };
    check(counts(TXN_COUNTS_MAX), None);
    check(counts(TXN_COUNTS_MAX + 1), refused);
}

#[test]
fn a_transaction_inside_a_transaction_is_malformed() {
    let inner = Operation::from(Txn::default()).to_bytes();
    let outer = Operation::from(Txn::default().then(Action::get("k"))).to_bytes();
    let action = Operation::get("k").to_bytes();
    let at = outer
        .windows(action.len())
        .position(|window| window == action)
        .unwrap();
    let mut nested = outer[..at].to_vec();
    nested.extend(&inner);
    nested.extend(&outer[at + action.len()..]);
    let answer = ask_bytes(&mut Store::default(), &nested.into());
    assert_eq!(answer.refusal(), Some(Refusal::Malformed));
}

#[test]
fn trailing_bytes_are_malformed() {
    let mut longer = Operation::get("k").to_bytes().to_vec();
    longer.push(0);
    let answer = ask_bytes(&mut Store::default(), &longer.into());
    assert_eq!(answer.refusal(), Some(Refusal::Malformed));
}

#[test]
fn the_quota_refuses_what_grows_beyond_it_and_nothing_else() {
    let one = 1 + 10 + ENTRY_BYTES_OVERHEAD;
    let mut store = Store::new(2 * one);
    let full = Some(Refusal::NoSpace);
    assert_eq!(refusal(&mut store, Operation::put("a", bytes(10))), None);
    assert_eq!(refusal(&mut store, Operation::put("b", bytes(11))), full);
    assert_eq!(refusal(&mut store, Operation::put("b", bytes(10))), None);
    assert_eq!(store.bytes(), store.bytes_max());
    assert_eq!(refusal(&mut store, Operation::put("c", "")), full);
    assert_eq!(refusal(&mut store, Operation::put("a", bytes(11))), full);
    assert_eq!(refusal(&mut store, Operation::put("a", bytes(10))), None);
    let swap = Txn::default()
        .then(Action::put("c", bytes(10)))
        .then(Action::delete("a"));
    assert_eq!(refusal(&mut store, swap), None);
    let grow = Txn::default()
        .then(Action::delete("c"))
        .then(Action::put("d", bytes(11)));
    assert_eq!(refusal(&mut store, grow), full);
    assert_eq!(refusal(&mut store, Operation::delete("b")), None);
    assert_eq!(refusal(&mut store, Operation::put("e", bytes(10))), None);
}

/// A store of ten values of this many bytes each.
fn large_values(length: usize) -> Store {
    let mut store = Store::default();
    for i in 0..10 {
        ask(&mut store, Operation::put(key(i), bytes(length)));
    }
    store
}

fn key(i: usize) -> String {
    format!("k{i:03}")
}

#[test]
fn a_range_is_cut_where_the_answer_is_full() {
    let mut store = large_values(300 * 1024);
    let mut range = Range::over(Interval::all());
    for expected in [(5, true), (5, false)] {
        let response = ask(&mut store, range.clone());
        let Some(Outcome::Range { entries, more }) = response.outcome(0) else {
            panic!("{response:?}");
        };
        assert_eq!((entries.len(), *more), expected);
        range.after = entries.last().map(|entry| entry.key.clone());
    }
    range.after = None;
    range.keys_only = true;
    let response = ask(&mut store, range);
    let Some(Outcome::Range { entries, more }) = response.outcome(0) else {
        panic!("{response:?}");
    };
    assert_eq!((entries.len(), *more), (10, false));
}

#[test]
fn the_longest_entry_always_fits_a_range() {
    let mut store = Store::default();
    let longest = bytes(KEY_BYTES_MAX);
    ask(&mut store, Operation::put(longest, bytes(VALUE_BYTES_MAX)));
    let response = ask(&mut store, Range::over(Interval::all()));
    let Some(Outcome::Range { entries, more }) = response.outcome(0) else {
        panic!("{response:?}");
    };
    assert_eq!((entries.len(), *more), (1, false));
}

#[test]
fn an_answer_is_filled_to_its_last_byte_or_refused() {
    let mut store = Store::default();
    ask(&mut store, Operation::put("a", bytes(VALUE_BYTES_MAX)));
    // 1 + 8 + 1 + 4 bytes of answer, 9 reserved for each of two actions, 32 for each entry.
    let fits = RESPONSE_BYTES_MAX - VALUE_BYTES_MAX - 14 - 2 * 9 - 2 * (32 + 1);
    let both = || Txn::default().then(Action::get("a")).then(Action::get("b"));
    ask(&mut store, Operation::put("b", bytes(fits)));
    assert_eq!(refusal(&mut store, both()), None);
    assert_eq!(entries_of(&mut store, fits), (2, false));
    ask(&mut store, Operation::put("b", bytes(fits + 1)));
    let too_large = Some(Refusal::ResponseTooLarge);
    assert_eq!(refusal(&mut store, both()), too_large);
    assert_eq!(entries_of(&mut store, fits + 1), (1, true));
}

/// What a range gives beside another action in one transaction, so that as much is reserved as for
/// two gets.
fn entries_of(store: &mut Store, second: usize) -> (usize, bool) {
    assert_eq!(
        store.bytes(),
        (VALUE_BYTES_MAX + second + 2 + 2 * 128) as u64
    );
    let txn = Txn::default()
        .then(Range::over(Interval::all()))
        .then(Action::get("absent"));
    match ask(store, txn).outcome(0) {
        Some(Outcome::Range { entries, more }) => (entries.len(), *more),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_transaction_whose_answer_does_not_fit_writes_nothing() {
    let mut store = large_values(300 * 1024);
    let txn = |count| {
        (0..count).fold(Txn::default(), |txn, i| {
            txn.then(previous(Action::put(key(i), "small")))
        })
    };
    let too_large = Some(Refusal::ResponseTooLarge);
    assert_eq!(refusal(&mut store, txn(6)), too_large);
    assert_eq!(refusal(&mut store, txn(5)), None);
}
