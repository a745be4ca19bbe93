//! Messages among clients: one order, hidden until then if that is wanted.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{Group, Process, alone, command, last_json, signal, text};

/// Runs a command that must succeed, with JSON lines as its output.
fn done(group: &Group, arguments: &[&str]) -> Value {
    let output = group.run(&[arguments, &["--json", "--timeout", "60"]].concat());
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    last_json(&output)
}

/// The error by which a command fails.
fn refused(group: &Group, arguments: &[&str]) -> String {
    let output = group.run(&[arguments, &["--json"]].concat());
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
    last_json(&output)["error"]["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// The payloads on the lines of a reader, with the cursor behind them.
fn payloads(lines: &str) -> (Vec<String>, String) {
    let (mut payloads, mut cursor) = (Vec::new(), String::new());
    for line in lines.lines() {
        let page: Value = serde_json::from_str(line).unwrap();
        cursor = page["cursor"].as_str().unwrap().to_owned();
        for message in page["messages"].as_array().unwrap() {
            let payload = message["payload"].as_str().unwrap();
            payloads.push(text(&STANDARD.decode(payload).unwrap()));
        }
    }
    (payloads, cursor)
}

fn received(group: &Group, arguments: &[&str]) -> (Vec<String>, String) {
    let arguments = [&["channel", "receive"], arguments, &["--json"]].concat();
    let output = group.run(&arguments);
    assert!(output.status.success(), "{output:?}");
    payloads(&text(&output.stdout))
}

#[test]
fn messages_come_in_one_order_also_hidden_ones_without_a_site_and_the_end_comes_last() {
    let _alone = alone();
    let home = tempfile::tempdir().unwrap();
    let group = Group::dev(home.path());
    let opened = done(&group, &["channel", "open", "news"]);
    assert_eq!(opened["class"], "atomic");
    let sent = done(&group, &["channel", "send", "news", "built 1.2"]);
    assert_eq!(
        (&sent["sequence"], &sent["position"]),
        (&json!(1), &json!(0))
    );
    let again = ["channel", "send", "news", "built 1.2", "--sequence", "1"];
    assert_eq!(refused(&group, &again), "out-of-sequence");
    done(&group, &["channel", "send", "news", "built 1.3"]);
    let (first, cursor) = received(&group, &["news"]);
    assert_eq!(first, ["built 1.2", "built 1.3"]);

    let create = ["key", "create", "bids", "--scheme", "seal"];
    done(&group, &[&create[..], &["--user", "agent"]].concat());
    let open = ["channel", "open", "auction", "--class", "secure-causal"];
    let opened = done(&group, &[&open[..], &["--key", "bids"]].concat());
    assert_eq!(opened["class"], "secure-causal");
    let mut follow = command(&["channel", "receive", "auction", "--follow", "--json"]);
    follow.env("MAFTIA_ENDPOINT", &group.http);
    let mut follower = Process(follow.stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(follower.0.stdout.take().unwrap());
    signal(group.site_pid("B"), Signal::KILL);
    for bid in ["seven", "eight"] {
        done(&group, &["channel", "send", "auction", bid]);
    }
    let mut bids = Vec::new();
    while bids.len() < 2 {
        let mut line = String::new();
        assert!(
            lines.read_line(&mut line).unwrap() > 0,
            "the follower ended"
        );
        bids.extend(payloads(&line).0);
    }
    assert_eq!(bids, ["seven", "eight"]);

    for name in ["news", "auction"] {
        assert_eq!(done(&group, &["channel", "close", name])["closed"], true);
        let late = ["channel", "send", name, "late"];
        assert_eq!(refused(&group, &late), "channel-closed");
    }
    assert!(follower.ended().success(), "the end of the channel ends it");
    assert_eq!(received(&group, &["news", "--cursor", &cursor]).0, [""; 0]);
    assert_eq!(
        refused(&group, &["channel", "show", "olds"]),
        "no-such-channel"
    );
    let listed = done(&group, &["channel", "list"]);
    assert_eq!(listed["channels"].as_array().unwrap().len(), 2);
}
