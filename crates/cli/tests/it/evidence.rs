//! A site that equivocates is convicted, and the proof convinces somebody who has never heard of it.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::harness::{Group, alone, last_json, maftia, text, until};

/// Runs a command offline and gives its exit code, standard output and standard error.
fn offline(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = maftia(arguments);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    (output.status.code(), stdout, stderr)
}

fn verify(file: &Path, trust: [&str; 2]) -> (Option<i32>, String, String) {
    let [option, value] = trust;
    offline(&["evidence", "verify", file.to_str().unwrap(), option, value])
}

#[test]
fn an_equivocating_site_is_convicted_by_a_file_that_anybody_can_check() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let group = Group::dev(dir.path());
    let list = || last_json(&group.run(&["evidence", "list", "--json"]))["evidence"].clone();
    assert_eq!(list(), Value::Array(Vec::new()));
    let none = group.run(&["evidence", "show", "last"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(
        text(&none.stderr).contains("next: maftia evidence list"),
        "{none:?}"
    );

    group.attack("equivocate", "C", None);
    let mut puts = 0;
    let proof = until("a proof against C", || {
        puts += 1;
        assert!(
            group
                .kv(&["put", "load", &puts.to_string()])
                .status
                .success()
        );
        list().as_array()?.first().cloned()
    });
    assert_eq!(
        (&proof["culprit"], &proof["kind"]),
        (&"C".into(), &"equivocation".into())
    );
    let (id, key) = (
        proof["id"].as_str().unwrap(),
        proof["key"].as_str().unwrap(),
    );
    let shown = last_json(&group.run(&["evidence", "show", &id[..8], "--json"]));
    assert_eq!(
        (&shown["verified"], &shown["id"]),
        (&true.into(), &id.into())
    );

    let file = dir.path().join("proof.txt");
    let to = file.to_str().unwrap();
    let exported = group.run(&["evidence", "export", id, "-o", to]);
    assert!(exported.status.success(), "{exported:?}");
    let folder = dir.path().join("group");
    let described = folder.join("group.toml");
    drop(group);

    // Nobody of the group is there any more.
    for trust in [
        ["--group", described.to_str().unwrap()],
        ["--group", folder.to_str().unwrap()],
        ["--site-key", key],
    ] {
        let (code, said, error) = verify(&file, trust);
        assert_eq!(code, Some(0), "{error}");
        assert!(
            said.starts_with("valid: C is convicted of equivocation"),
            "{said}"
        );
    }
    let json = maftia(&["evidence", "verify", to, "--site-key", key, "--json"]);
    assert_eq!(last_json(&json)["valid"], true);
    refuses_what_proves_nothing(&file, &described, key);
}

fn refuses_what_proves_nothing(file: &Path, described: &Path, key: &str) {
    let proof = fs::read_to_string(file).unwrap();
    let altered = file.with_file_name("altered.txt");
    let swapped = |from: &str, to: &str| proof.replacen(from, to, 1);
    let cases = [
        (swapped("BEGIN", "BEGAN"), "does not begin and end as one"),
        (String::new(), "does not begin and end as one"),
        (swapped("\n", "\r\n"), "does not begin and end as one"),
        (proof.clone() + "\n", "does not begin and end as one"),
        (
            proof.chars().rev().collect(),
            "does not begin and end as one",
        ),
        (flipped(&proof, 200), "altered or damaged"),
        (flipped(&proof, proof.len() / 2), "altered or damaged"),
    ];
    for (content, why) in cases {
        fs::write(&altered, content).unwrap();
        let (code, said, error) = verify(&altered, ["--site-key", key]);
        assert_eq!((code, said.as_str()), (Some(1), ""), "{error}");
        assert!(error.contains(why) && error.contains("next: "), "{error}");
    }
    let other = fs::read_to_string(described).unwrap();
    let keys = other
        .lines()
        .filter_map(|line| line.strip_prefix("key = \""));
    let other = keys
        .map(|line| line.trim_end_matches('"'))
        .find(|own| *own != key);
    let (code, _, error) = verify(file, ["--site-key", other.unwrap()]);
    assert_eq!(code, Some(1));
    assert!(error.contains("holder of another key"), "{error}");
    let (code, _, error) = offline(&["evidence", "verify", file.to_str().unwrap()]);
    assert_eq!(code, Some(2), "{error}");
    let (code, _, error) = verify(Path::new("/no/such/file"), ["--site-key", key]);
    assert_eq!(code, Some(1), "{error}");
}

/// Another base64 digit at this place.
fn flipped(text: &str, at: usize) -> String {
    let mut bytes = text.as_bytes().to_vec();
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    String::from_utf8(bytes).unwrap()
}
