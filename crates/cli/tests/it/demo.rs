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
