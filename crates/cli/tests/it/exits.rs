use crate::harness::{Group, alone, free, last_json, maftia, text};

#[test]
fn without_an_agent_the_exit_code_is_1_and_the_next_step_is_named() {
    let endpoint = format!("http://{}", free(1)[0]);
    for arguments in [
        &["kv", "get", "k"][..],
        &["kv", "put", "k", "v"],
        &["status"],
    ] {
        let output = maftia(&[arguments, &["--endpoint", &endpoint]].concat());
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let stderr = text(&output.stderr);
        assert!(
            stderr.contains(&format!("no agent answers at {endpoint}")),
            "{stderr}"
        );
        assert!(stderr.contains("next: maftia demo"), "{stderr}");
        assert!(output.stdout.is_empty(), "{output:?}");
    }
}

#[test]
fn what_is_typed_wrongly_has_exit_code_2() {
    for arguments in [
        &["kv"][..],
        &["kv", "put", "only-a-key"],
        &["kv", "get", "k", "--endpoint", "ftp://x"],
        &["attack", "no-such-attack", "--site", "A"],
        &["init", "--dir", "/nonexistent", "--address", "127.0.0.1:1"],
        &["demo", "--for", "1"],
        &["no-such-command"],
    ] {
        let output = maftia(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(
            !output.stderr.is_empty() || !output.stdout.is_empty(),
            "{arguments:?}"
        );
    }
}

#[test]
fn an_unknown_outcome_has_exit_code_3_and_its_id_resolves_it_once() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let group = Group::dev(dir.path());
    assert!(group.kv(&["put", "before", "1"]).status.success());
    let revision = |output: &std::process::Output| last_json(output)["revision"].as_u64().unwrap();
    let before = revision(&group.kv(&["get", "before", "--json"]));
    for site in ["A", "B"] {
        group.attack("pause", site, Some(15));
    }
    // The agent gives up before the command does, however short its time.
    let doubtful = group.kv(&["put", "doubtful", "once", "--timeout", "1", "--json"]);
    assert_eq!(doubtful.status.code(), Some(3), "{doubtful:?}");
    let problem = last_json(&doubtful);
    let id = problem["error"]["request_id"]
        .as_str()
        .expect("an id to try again with");
    assert!(
        text(&doubtful.stderr).contains(&format!("--request-id {id}")),
        "{doubtful:?}"
    );
    let again = [
        "put",
        "doubtful",
        "once",
        "--request-id",
        id,
        "--timeout",
        "60",
        "--json",
    ];
    let (second, third) = (group.kv(&again), group.kv(&again));
    assert!(second.status.success(), "{second:?}");
    assert!(third.status.success(), "{third:?}");
    assert_eq!(revision(&second), before + 1);
    assert_eq!(revision(&third), before + 1);
    let listed = group.kv(&["list", "doubtful", "--json"]);
    let now = last_json(&group.kv(&["get", "doubtful", "--json"]));
    assert_eq!(
        now["revision"],
        before + 1,
        "it happened once: {now:#} {listed:?}"
    );
    assert_eq!(now["mod_revision"], before + 1, "{now:#}");
    let status = group.settled();
    assert_eq!(status["compromised"], serde_json::json!([]), "{status:#}");
}
