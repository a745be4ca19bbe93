//! The sites of a group change while it works.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::harness::{Group, Process, alone, command, free, last_json, slow, text, until};

/// Makes a site that can join, as its own operator would; gives its folder's name.
fn make(group: &Group, name: &str) -> String {
    let dir = group.dir.join(format!("joiner-{name}"));
    let dir = dir.to_str().unwrap().to_owned();
    let address = free(1)[0].to_string();
    let made = [
        "init",
        "joiner",
        "--name",
        name,
        "--address",
        &address,
        "--dir",
        &dir,
    ];
    let made = group.run(&made);
    assert!(made.status.success(), "{made:?}");
    dir
}

/// Hands it the group's file of today and starts it.
fn start(group: &Group, dir: &str) -> Process {
    let file = format!("{dir}/group.toml");
    let exported = group.run(&["group", "export", "--out", &file]);
    assert!(exported.status.success(), "{exported:?}");
    let run = ["site", "run", "--config", &format!("{dir}/site.toml")];
    let child = command(&run).stderr(Stdio::null()).spawn();
    Process(child.unwrap())
}

fn shown(group: &Group) -> Value {
    last_json(&group.run(&["group", "show", "--json"]))
}

fn epoch(group: &Group) -> u64 {
    shown(group)["epoch"].as_u64().unwrap()
}

fn propose(group: &Group, arguments: &[&str]) {
    let base = ["group", "propose"];
    let proposed = group.run(&[&base, arguments, &["--yes"]].concat());
    assert!(proposed.status.success(), "{proposed:?}");
}

/// Adds a site and waits until it has its seat.
fn add(group: &Group, name: &str, f: &str) -> Process {
    let (before, dir) = (epoch(group), make(group, name));
    propose(group, &["add", &format!("{dir}/join.toml"), "--f", f]);
    let site = start(group, &dir);
    until("the site has its seat", || {
        (epoch(group) > before).then_some(())
    });
    site
}

fn public_keys(group: &Group) -> Vec<Value> {
    let status = group.status();
    let keys = status["keys"].as_array().unwrap();
    keys.iter().map(|key| key["public_key"].clone()).collect()
}

/// Puts numbered keys until told to stop; all must be confirmed. Gives how many.
fn load(group: &Group, stop: &AtomicBool) -> usize {
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        let (key, value) = (format!("load/{count}"), format!("value {count}"));
        let put = group.kv(&["put", &key, &value]);
        assert!(put.status.success(), "{key}: {}", text(&put.stderr));
        count += 1;
    }
    count
}

/// Ends the load, also when the test fails.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Changes the group under load; nothing that was confirmed is lost.
fn under_load(group: &Group, change: impl FnOnce()) {
    let stop = AtomicBool::new(false);
    let count = thread::scope(|scope| {
        let load = scope.spawn(|| load(group, &stop));
        let ending = Ending(&stop);
        change();
        drop(ending);
        load.join().unwrap()
    });
    assert!(count > 0, "there was load");
    for number in 0..count {
        let got = group.kv(&["get", &format!("load/{number}")]);
        let value = format!("value {number}");
        assert_eq!(text(&got.stdout).trim_end(), value, "{got:?}");
    }
}

#[test]
fn a_site_is_replaced_under_load_and_its_former_self_stops_for_good() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let group = Group::dev(dir.path());
    until("three keys", || {
        (public_keys(&group).len() == 3).then_some(())
    });
    let keys = until("the keys are made", || {
        let keys = public_keys(&group);
        keys.iter().all(|key| !key.is_null()).then_some(keys)
    });
    let gone = group.site_pid("C");
    let mut fresh = None;
    under_load(&group, || {
        let joiner = make(&group, "E");
        let preview = [
            "group",
            "propose",
            "replace",
            "C",
            &format!("{joiner}/join.toml"),
        ];
        assert!(group.run(&preview).status.success());
        assert_eq!(
            shown(&group)["change"],
            Value::Null,
            "a preview changes nothing"
        );
        propose(&group, &["replace", "C", &format!("{joiner}/join.toml")]);
        fresh = Some(start(&group, &joiner));
        until("E has the seat", || (epoch(&group) == 1).then_some(()));
    });
    let status = group.settled();
    assert_eq!(status["remaining_tolerance"], 1, "{status:#}");
    let names: BTreeSet<&str> = status["sites"]
        .as_array()
        .unwrap()
        .iter()
        .map(|site| site["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, BTreeSet::from(["A", "B", "D", "E"]));
    assert_eq!(public_keys(&group), keys, "the group's keys stay");
    until("C has stopped", || {
        let running = std::path::Path::new(&format!("/proc/{gone}")).exists();
        (!running).then_some(())
    });
    // What it says does not count any more, and it is not started again, nor let in.
    assert!(group.site_dir("C").join("left").exists());
    let config = group.site_dir("C").join("site.toml");
    let again = command(&["site", "run", "--config", config.to_str().unwrap()]).output();
    assert_eq!(again.unwrap().status.code(), Some(6));
    // Power loss of all: it comes back as it is now.
    drop(fresh);
    let joiner = group.dir.join("joiner-E/site.toml");
    group.kill_all();
    let group = Group::dev(dir.path());
    let run = ["site", "run", "--config", joiner.to_str().unwrap()];
    let _fresh = Process(command(&run).stderr(Stdio::null()).spawn().unwrap());
    let got = group.kv(&["get", "load/0"]);
    assert_eq!(text(&got.stdout).trim_end(), "value 0", "{got:?}");
    group.settled();
    assert_eq!(epoch(&group), 1);
    assert_eq!(public_keys(&group), keys);
}

#[test]
fn a_change_that_would_break_the_bound_is_refused_with_the_numbers() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let group = Group::dev(dir.path());
    let refused = group.run(&["group", "propose", "remove", "D", "--f", "1", "--yes"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let said = text(&refused.stderr);
    assert!(said.contains("3 sites") && said.contains("f=1"), "{said}");
    assert_eq!(epoch(&group), 0);
    assert_eq!(shown(&group)["proposals"], json!([]));
}

#[test]
fn n_and_f_rise_from_4_1_to_7_2_and_fall_again_under_load_slow() {
    let _alone = alone();
    if !slow() {
        println!("skipped: MAFTIA_SLOW=1 runs it");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let group = Group::dev(dir.path());
    let keys = until("the keys are made", || {
        let keys = public_keys(&group);
        (keys.len() == 3 && keys.iter().all(|key| !key.is_null())).then_some(keys)
    });
    let mut sites = Vec::new();
    under_load(&group, || {
        for (name, f) in [("E", "1"), ("F", "1"), ("G", "2")] {
            sites.push(add(&group, name, f));
        }
        until("the agent follows", || {
            (group.settled()["view"] == 3).then_some(())
        });
        assert_eq!(group.settled()["tolerance"], 2);
        for name in ["A", "G", "E"] {
            let before = epoch(&group);
            propose(&group, &["remove", name, "--f", "1"]);
            until("the site is gone", || {
                (epoch(&group) > before).then_some(())
            });
        }
    });
    let status = until("the agent follows", || {
        Some(group.settled()).filter(|own| own["view"] == 6)
    });
    assert_eq!(
        (&status["tolerance"], &status["view"]),
        (&json!(1), &json!(6))
    );
    assert_eq!(public_keys(&group), keys, "the group's keys stay");
}
