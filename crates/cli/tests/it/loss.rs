//! Nothing acknowledged is lost, whatever is killed or wiped.

use std::fs;

use rand::RngExt;
use rustix::process::Signal;

use crate::harness::{Group, alone, processes, signal, slow, until};
use crate::load::{Load, assert_kept};

fn nobody_is_convicted(group: &Group) {
    let status = group.status();
    assert_eq!(status["compromised"], serde_json::json!([]), "{status:#}");
}

#[test]
fn everything_killed_loses_nothing_acknowledged() {
    let _alone = alone();
    everything_killed(5);
}

#[test]
fn everything_and_single_sites_killed_200_times_loses_nothing_slow() {
    if !slow() {
        return println!("skipped: set MAFTIA_SLOW=1");
    }
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let mut group = Group::dev(dir.path());
    let (mut kills, mut acknowledged) = (0, Vec::new());
    for round in 0.. {
        let load = Load::start(&group, 4);
        under_way(&load);
        if round % 2 == 0 {
            kills += group.kill_all();
            acknowledged.extend(load.finish());
            group = Group::dev(dir.path());
        } else {
            let name = ["A", "B", "C", "D"][round / 2 % 4];
            signal(group.site_pid(name), Signal::KILL);
            kills += 1;
            let reached = load.count() + 50;
            until("the others go on", || {
                (load.count() > reached).then_some(())
            });
            acknowledged.extend(load.finish());
        }
        assert_kept(&group, &acknowledged);
        nobody_is_convicted(&group);
        println!(
            "round {round}: {kills} kills, {} acknowledged",
            acknowledged.len()
        );
        if kills >= 250 {
            break;
        }
    }
    group.settled();
}

fn everything_killed(rounds: usize) {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    let mut group = Group::dev(dir.path());
    for _ in 0..rounds {
        let load = Load::start(&group, 4);
        under_way(&load);
        let killed = group.kill_all();
        assert_eq!(killed, 5, "dev and four sites");
        acknowledged.extend(load.finish());
        group = Group::dev(dir.path());
        assert_kept(&group, &acknowledged);
        nobody_is_convicted(&group);
    }
    group.settled();
    nobody_is_convicted(&group);
}

/// A random moment under load, some writes on.
fn under_way(load: &Load) {
    let wanted = rand::rng().random_range(1..300);
    until("writes are acknowledged", || {
        (load.count() >= wanted).then_some(())
    });
}

#[test]
fn a_wiped_site_rejoins_while_load_goes_on() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let group = Group::dev(dir.path());
    let load = Load::start(&group, 2);
    until("some load", || (load.count() > 100).then_some(()));
    let (data, gone) = (group.site_dir("B").join("data"), dir.path().join("gone"));
    let old = group.site_pid("B");
    // Moved while it runs, so that it cannot come back before its folder is gone.
    fs::rename(&data, &gone).unwrap();
    signal(old, Signal::KILL);
    fs::remove_dir_all(&gone).unwrap();
    let config = group.site_dir("B").join("site.toml");
    until("B runs again", || {
        processes(&config)
            .iter()
            .any(|(pid, _)| *pid != old)
            .then_some(())
    });
    let wiped_at = load.count();
    until("B serves again while writes go on", || {
        let status = group.status();
        let site = status["sites"]
            .as_array()
            .unwrap()
            .iter()
            .find(|it| it["name"] == "B")?
            .clone();
        (site["state"] == "serving" && load.count() > wiped_at + 50).then_some(())
    });
    let acknowledged = load.finish();
    let status = group.settled();
    assert_eq!(status["remaining_tolerance"], 1, "{status:#}");
    nobody_is_convicted(&group);
    assert_kept(&group, &acknowledged);
    // B counts: with another site gone, the group needs it.
    group.attack("pause", "A", Some(60));
    let output = group.kv(&["put", "k/needs-b", "value of k/needs-b "]);
    assert!(output.status.success(), "{output:?}");
}
