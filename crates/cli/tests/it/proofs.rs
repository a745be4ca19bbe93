//! Proofs that outlive the group.

use std::fs;

use serde_json::Value;

use crate::harness::{Group, alone, last_json, maftia, text, until};

#[test]
fn a_proof_is_valid_when_the_group_is_gone_and_no_forgery_is() {
    let _alone = alone();
    let (home, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
    let (there, absent, key) = (path("there"), path("absent"), path("group.key"));
    let mut group = Group::dev(home.path());
    // The keys may still be under way, and the first checkpoint is to be signed.
    let run = |arguments: &[&str]| group.run(&[arguments, &["--json", "--timeout", "60"]].concat());
    let done = |arguments: &[&str]| -> Value {
        let output = run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        last_json(&output)
    };
    done(&["kv", "put", "greeting", "hello"]);
    until("the group's key is made", || {
        let export = ["key", "export", "group", "--format", "raw", "-o", &key];
        run(&export).status.success().then_some(())
    });
    // What equivocates cannot lie in a proof.
    group.attack("equivocate", "C", None);
    let read = done(&["kv", "get", "greeting", "--proof", &there]);
    assert_eq!(read["text"], "hello");
    let missing = run(&["kv", "get", "nobody", "--proof", &absent]);
    assert_eq!(missing.status.code(), Some(1), "{missing:?}");
    assert!(
        text(&missing.stderr).contains("[no-such-key]"),
        "{missing:?}"
    );
    group.stop();

    let verify = |file: &str, key: &str| maftia(&["verify", file, "--group-key", key, "--json"]);
    let proven = last_json(&verify(&there, &key));
    assert_eq!(
        (&proven["valid"], &proven["text"]),
        (&true.into(), &"hello".into())
    );
    assert_eq!(proven["key_text"], "greeting");
    let proven = last_json(&verify(&absent, &key));
    assert_eq!(
        (&proven["valid"], &proven["present"]),
        (&true.into(), &false.into())
    );
    // In hexadecimal too, for people, and with the value in a file.
    let hex: String = fs::read(&key)
        .unwrap()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let (value, typed) = (path("value"), ["--group-key", &hex, "-o", &path("value")]);
    let shown = maftia(&[&["verify", &there][..], &typed].concat());
    assert!(
        text(&shown.stdout).starts_with("valid: greeting was hello\n"),
        "{shown:?}"
    );
    assert_eq!(fs::read(value).unwrap(), b"hello");
    // Altered, or under another key.
    let mut forged = fs::read(&there).unwrap();
    let at = forged.windows(5).position(|part| part == b"hello").unwrap();
    forged[at..at + 5].copy_from_slice(b"hallo");
    fs::write(&there, forged).unwrap();
    let refused = verify(&there, &key);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(last_json(&refused)["error"]["id"], "bad-proof");
    let wrong = maftia(&["verify", &absent, "--group-key", &"0".repeat(192)]);
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
}

#[test]
fn a_ceremony_has_a_transcript_that_outsiders_verify_and_no_altered_one() {
    let _alone = alone();
    let (home, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
    let (file, key) = (path("signing.transcript"), path("group.key"));
    let mut group = Group::dev(home.path());
    let run = |arguments: &[&str]| group.run(&[arguments, &["--json", "--timeout", "60"]].concat());
    until("the group's key is made", || {
        let export = ["key", "export", "group", "--format", "raw", "-o", &key];
        run(&export).status.success().then_some(())
    });
    let said = until("the sites have signed it", || {
        let output = run(&["ceremony", "transcript", "signing", "-o", &file]);
        output.status.success().then(|| last_json(&output))
    });
    let listed = last_json(&run(&["key", "show", "signing"]));
    for name in ["public_key", "transcript", "group", "version"] {
        assert_eq!(said[name], listed[name], "{name}");
    }
    let missing = run(&["ceremony", "transcript", "nobody"]);
    assert!(
        text(&missing.stderr).contains("[no-such-key]"),
        "{missing:?}"
    );
    group.stop();

    let verify = |file: &str| maftia(&["verify", file, "--group-key", &key, "--json"]);
    let verified = last_json(&verify(&file));
    assert_eq!(verified, said);
    assert_eq!(verified["members"].as_array().unwrap().len(), 4);
    let dealers = verified["dealers"].as_array().unwrap();
    let qualified = dealers.iter().filter(|own| own["outcome"] == "qualified");
    assert_eq!(qualified.count(), 3);
    let shown = maftia(&["verify", &file, "--group-key", &key]);
    assert!(
        text(&shown.stdout).starts_with("valid: ceremony "),
        "{shown:?}"
    );
    // Altered.
    let mut forged = fs::read(&file).unwrap();
    let at = forged.len() / 2;
    forged[at] ^= 1;
    fs::write(&file, forged).unwrap();
    let refused = verify(&file);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(last_json(&refused)["error"]["id"], "bad-proof");
}
