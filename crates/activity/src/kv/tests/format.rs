//! The bytes of operations, answers and chunks. Clients and stored snapshots depend on them: if one
//! of these tests fails, the format has changed.

use maftia_crypto::Domain;

use super::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Bytes {
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    let pairs = digits.chunks(2).map(|pair| pair.iter().collect::<String>());
    pairs
        .map(|pair| u8::from_str_radix(&pair, 16).unwrap())
        .collect()
}

fn check<T: Wire + PartialEq + std::fmt::Debug>(value: &T, expected: &str) {
    let expected = unhex(expected);
    assert_eq!(hex(&value.to_bytes()), hex(&expected), "{value:?}");
    assert_eq!(T::from_bytes(expected).as_ref(), Ok(value));
}

fn operation(operation: impl Into<Operation>, expected: &str) {
    check(&operation.into(), expected);
}

#[test]
fn operations() {
    let interval = || Interval::between("a", "c");
    operation(Action::Count(Interval::all()), "01 00000000 00");
    operation(previous(Action::delete("k")), "02 01000000 6b 01");
    operation(
        Action::DeleteRange {
            interval: interval(),
            limit: 9,
        },
        "03 01000000 61 01 01000000 63 09000000",
    );
    operation(Operation::get("k"), "04 01000000 6b");
    operation(
        Operation::put("key", "value"),
        "05 03000000 6b6579 05000000 76616c7565 00",
    );
    operation(
        Range {
            interval: interval(),
            after: Some("b".into()),
            limit: 1000,
            keys_only: true,
        },
        "06 01000000 61 01 01000000 63 01 01000000 62 e8030000 01",
    );
    operation(
        Txn::default()
            .when("k", Relation::Equal, Target::CreateRevision(1))
            .when("k", Relation::Greater, Target::ModRevision(2))
            .when("k", Relation::Less, Target::Value("v".into()))
            .when("k", Relation::NotEqual, Target::Version(3))
            .then(Action::put("k", "v"))
            .otherwise(Action::get("k")),
        "07 04000000
         01000000 6b 01 01 0100000000000000
         01000000 6b 02 02 0200000000000000
         01000000 6b 03 03 01000000 76
         01000000 6b 04 04 0300000000000000
         01000000 05 01000000 6b 01000000 76 00
         01000000 04 01000000 6b",
    );
}

#[test]
fn answers() {
    let entry = || KeyValue {
        key: "k".into(),
        value: "v".into(),
        create_revision: 2,
        mod_revision: 4,
        version: 3,
    };
    let encoded = "01000000 6b 01000000 76 0200000000000000 0400000000000000 0300000000000000";
    check(&entry(), encoded);
    check(
        &Response::Action {
            revision: 5,
            outcome: Outcome::Count(6),
        },
        "01 0500000000000000 01 0600000000000000",
    );
    let outcomes = vec![
        Outcome::Delete {
            deleted: true,
            previous: None,
        },
        Outcome::DeleteRange {
            deleted: 2,
            more: true,
        },
        Outcome::Get(Some(entry())),
        Outcome::Put(None),
        Outcome::Range {
            entries: vec![entry()],
            more: false,
        },
    ];
    check(
        &Response::Txn {
            revision: 5,
            succeeded: true,
            outcomes,
        },
        &format!(
            "03 0500000000000000 01 05000000
             02 01 00
             03 02000000 01
             04 01 {encoded}
             05 00
             06 01000000 {encoded} 00"
        ),
    );
}

#[test]
fn refusals() {
    for (code, refusal) in [
        (1, Refusal::DuplicateKey),
        (2, Refusal::KeyEmpty),
        (3, Refusal::KeyTooLong),
        (4, Refusal::LimitOutOfRange),
        (5, Refusal::Malformed),
        (6, Refusal::NoSpace),
        (7, Refusal::OperationTooLarge),
        (8, Refusal::ResponseTooLarge),
        (9, Refusal::TooManyCompares),
        (10, Refusal::TooManyOperations),
        (11, Refusal::ValueTooLong),
        (12, Refusal::NotPermitted),
    ] {
        check(&Response::Refused(refusal), &format!("02 {code:02x}"));
    }
    for code in [0, 13, 255] {
        assert!(Response::from_bytes(vec![2, code].into()).is_err());
    }
}

#[test]
fn snapshots() {
    let mut store = Store::new(1 << 20);
    ask(&mut store, Operation::put("k", "v"));
    ask(&mut store, Operation::put("k", "w"));
    let snapshot = store.snapshot();
    let chunks = chunks(&snapshot);
    assert_eq!(
        hex(&chunks[0]),
        hex(&unhex(
            "01 0300000000000000 0100000000000000 8200000000000000 0000100000000000
             0100000000000000"
        ))
    );
    assert_eq!(
        hex(&chunks[1]),
        hex(&unhex(
            "02 01000000 01000000 6b 01000000 77
             0200000000000000 0300000000000000 0200000000000000"
        ))
    );
    // The page's digest covers the length of the key, the entry, and its value by length and digest.
    let page = [
        &*unhex("0100000000000000 6b 0200000000000000 0300000000000000 0200000000000000"),
        &*unhex("0100000000000000"),
        Domain::new("kv value").digest(b"w").as_bytes(),
    ]
    .concat();
    let manifest = [
        Domain::new("kv meta").digest(&chunks[0]),
        Domain::new("kv page").digest(&page),
    ];
    assert_eq!(snapshot.manifest(), manifest);
    let root = "f4fbd3eaa87dd2f671f52ab69bd82a8bdfe8e59b7f097d79c39747c22f70768a";
    assert_eq!(snapshot.root().to_string(), root);
}
