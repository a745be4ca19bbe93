use crate::harness::{alone, last_json, maftia};

#[test]
fn demo_gives_the_verdict_ok() {
    let _alone = alone();
    let output = maftia(&["demo", "--for", "8", "--http", "127.0.0.1:0", "--json"]);
    let verdict = last_json(&output);
    assert_eq!(verdict["verdict"], "ok", "{verdict:#}");
    let none = serde_json::json!([]);
    assert_eq!(verdict["compromised"], none, "{verdict:#}");
    assert_eq!(verdict["replaced"], "C", "{verdict:#}");
    assert_eq!(verdict["by"], "E", "{verdict:#}");
    assert_eq!(verdict["evidence"][0]["site"], "C", "{verdict:#}");
    assert_eq!(verdict["remaining_tolerance"], 1, "{verdict:#}");
    assert_eq!(verdict["linearizable"], true, "{verdict:#}");
    assert_eq!(verdict["digests_equal"], true, "{verdict:#}");
    assert!(verdict["committed"].as_u64() > Some(0), "{verdict:#}");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_demo_whose_leaders_a_coin_names_gives_the_verdict_ok() {
    let _alone = alone();
    let mut typed = vec!["demo", "--model", "arbitrary", "--sites", "4"];
    typed.extend(["--asynchronous", "always", "--for", "8"]);
    typed.extend(["--http", "127.0.0.1:0", "--json"]);
    let output = maftia(&typed);
    let verdict = last_json(&output);
    assert_eq!(verdict["verdict"], "ok", "{verdict:#}");
    assert_eq!(verdict["asynchronous"], "always", "{verdict:#}");
    assert_eq!(verdict["model"], "arbitrary", "{verdict:#}");
    let by_coin = verdict["commits_by_coin"].as_u64();
    assert!(by_coin > Some(0), "{verdict:#}");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_demo_of_a_model_that_only_the_simulator_has_is_refused() {
    for model in ["hybrid", "crash", "lenient"] {
        let output = maftia(&["demo", "--model", model, "--for", "8"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("arbitrary"), "{said}");
    }
}
