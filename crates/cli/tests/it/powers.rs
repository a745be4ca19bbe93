//! Clients that may do one thing and not another.

use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::harness::{Group, Process, alone, command, free, last_json, text, until};

/// A group whose client `load` may approve and nothing else, and that wants two approvals.
fn split(home: &Path) -> Group {
    let mut group = Group::dev(home);
    assert!(group.stop().success());
    let path = home.join("group/group.toml");
    let file = fs::read_to_string(&path).unwrap();
    let all = r#"powers = ["approve-keys", "approve-members", "audit", "operate", "use-keys"]"#;
    let (agent, load) = file.rsplit_once(all).expect("clients have all powers");
    let file = format!("{agent}powers = [\"approve-keys\", \"approve-members\"]{load}");
    let file = file.replace("approvals = 1", "approvals = 2");
    fs::write(&path, file).unwrap();
    // It is another group now.
    for site in ["A", "B", "C", "D"] {
        let data = group.site_dir(site).join("data");
        fs::remove_dir_all(&data).unwrap();
        // An empty log: a lost one would make the site ask the others first.
        maftia_site::create(&data).unwrap();
    }
    drop(group);
    Group::dev(home)
}

/// The agent of `load`, and where it listens.
fn other_agent(home: &Path) -> (Process, String) {
    let dir = home.join("group");
    let (file, key) = (dir.join("group.toml"), dir.join("clients/load.key"));
    let address = free(1)[0].to_string();
    let agent = command(&["agent", "run", "--http", &address, "--group"])
        .arg(file)
        .arg("--key")
        .arg(key)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    (Process(agent), format!("http://{address}"))
}

fn at(endpoint: &str, arguments: &[&str]) -> Output {
    let mut command = command(arguments);
    command.env("MAFTIA_ENDPOINT", endpoint).output().unwrap()
}

/// The agent of `load` says what power is wanted, and what to do.
fn refuses_all_but_approving(home: &Path, load: &str) {
    let notes = home.join("notes");
    fs::write(&notes, b"notes\n").unwrap();
    let sign = ["key", "sign", "signing", notes.to_str().unwrap()];
    for (refused, power) in [
        (&sign[..], "use-keys"),
        (&["key", "audit"], "audit"),
        (&["kv", "put", "a", "1"], "operate"),
        (&["kv", "get", "a"], "operate"),
    ] {
        let output = at(load, refused);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = text(&output.stderr);
        assert!(
            said.contains("[no-power]") && said.contains(power),
            "{said}"
        );
        assert!(said.contains("next: "), "{said}");
    }
}

/// Waits until the keys that a group makes by itself can be used; the agent may start meanwhile.
fn await_keys(endpoint: &str) {
    until("the first keys are made", || {
        let listed = at(endpoint, &["key", "list", "--json"]);
        let ready = listed.status.success() && {
            let keys = last_json(&listed)["keys"].clone();
            let keys = keys.as_array().unwrap();
            keys.len() == 3 && keys.iter().all(|key| key["state"] == "active")
        };
        ready.then_some(())
    });
}

#[test]
fn a_client_is_refused_what_it_may_not_and_two_make_what_takes_two() {
    let _alone = alone();
    let home = tempfile::tempdir().unwrap();
    let group = split(home.path());
    let (_agent, load) = other_agent(home.path());
    let long = ["--json", "--timeout", "60"];
    await_keys(&load);
    refuses_all_but_approving(home.path(), &load);
    let create = ["key", "create", "releases", "--scheme", "ed25519"];
    let proposed = group.run(&[&create[..], &long].concat());
    assert!(proposed.status.success(), "{proposed:?}");
    let proposal = last_json(&proposed)["proposal"].clone();
    assert_eq!(proposal["missing"], 1);
    let number = proposal["number"].to_string();
    let digest = proposal["digest"].as_str().unwrap();
    let wrong = "0".repeat(64);
    for (endpoint, digest, problem) in [
        (&group.http, digest, "[approved]"),
        (&load, &wrong, "[other-proposal]"),
    ] {
        let output = at(endpoint, &["key", "approve", &number, digest]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(text(&output.stderr).contains(problem), "{output:?}");
    }
    let shown = text(&at(&load, &["key", "proposals"]).stdout);
    assert!(
        shown.contains("create releases") && shown.contains(digest),
        "{shown}"
    );
    let approve = ["key", "approve", &number, digest];
    let made = at(&load, &[&approve[..], &long].concat());
    assert!(made.status.success(), "{made:?}");
    assert_eq!(last_json(&made)["state"], "active");
    let audit = last_json(&group.run(&["key", "audit", "--json"]));
    let deeds = audit["entries"].as_array().unwrap().iter();
    let deeds: Vec<_> = deeds
        .map(|own| {
            [
                own["client"].as_str().unwrap(),
                own["deed"].as_str().unwrap(),
            ]
        })
        .collect();
    let expected = [
        ["agent", "propose"],
        ["load", "create"],
        ["load", "approve"],
    ];
    assert_eq!(deeds, expected);
}

#[test]
fn a_change_of_the_sites_waits_for_the_second_of_two_and_can_be_taken_back() {
    let _alone = alone();
    let home = tempfile::tempdir().unwrap();
    let group = split(home.path());
    let (_agent, load) = other_agent(home.path());
    await_keys(&load);
    let done = |endpoint: &str, arguments: &[&str]| {
        let output = at(endpoint, &[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{output:?}");
        last_json(&output)
    };
    let shown = || done(&load, &["group", "show"]);
    assert_eq!(shown()["policy"]["approvals"], 2);
    let remove = ["group", "propose", "remove", "D", "--f", "0"];
    for (number, waits) in [("1", "withdraw"), ("2", "vote")] {
        let decision = done(&group.http, &remove);
        assert_eq!(
            (decision["proposal"].to_string(), &decision["missing"]),
            (number.to_owned(), &1.into())
        );
        // The same client's word again counts once.
        let again = done(&group.http, &["group", "approve", number]);
        assert_eq!(again["standing"], "waiting");
        let state = shown();
        assert_eq!(state["change"], Value::Null);
        assert_eq!(state["proposals"][0]["approved_by"], json!(["agent"]));
        if waits == "withdraw" {
            done(&group.http, &["group", "withdraw", number]);
            assert_eq!(shown()["proposals"], json!([]));
        }
    }
    let gone = at(&load, &["group", "vote", "1"]);
    assert!(
        text(&gone.stderr).contains("[no-such-proposal]"),
        "{gone:?}"
    );
    let made = done(&load, &["group", "vote", "2", "--wait"]);
    assert_eq!(
        (&made["outcome"], &made["epoch"]),
        (&"entered".into(), &1.into())
    );
    let state = shown();
    assert_eq!(
        (&state["n"], &state["policy"]["approvals"]),
        (&3.into(), &2.into())
    );
    let history = done(&load, &["group", "history"]);
    let approved = &history["history"][0]["approved_by"];
    assert_eq!(*approved, json!(["agent", "load"]));
}
