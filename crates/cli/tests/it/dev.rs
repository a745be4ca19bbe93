use std::path::Path;

use rustix::process::Signal;

use crate::harness::{Group, alone, processes, signal, text, until};

#[test]
fn dev_starts_a_dead_site_again() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let group = Group::dev(dir.path());
    assert_eq!(group.ready["sites"].as_array().unwrap().len(), 4);
    let before = group.site_pid("B");
    signal(before, Signal::KILL);
    until("another process for B", || {
        let config = group.site_dir("B").join("site.toml");
        processes(&config)
            .iter()
            .any(|(pid, _)| *pid != before)
            .then_some(())
    });
    let status = group.settled();
    assert_eq!(status["remaining_tolerance"], 1, "{status:#}");
}

#[test]
fn a_second_dev_in_the_same_folder_is_refused() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let group = Group::dev(dir.path());
    let folder = dir.path().to_str().unwrap();
    let second = group.run(&["dev", "--dir", folder, "--http", "127.0.0.1:0", "--json"]);
    assert_eq!(second.status.code(), Some(1), "{second:?}");
    let stderr = text(&second.stderr);
    assert!(
        stderr.contains("another maftia runs the group in"),
        "{stderr}"
    );
    assert!(stderr.contains("next: "), "{stderr}");
    assert!(group.kv(&["put", "still", "here"]).status.success());
}

#[test]
fn dev_told_to_stop_leaves_no_process_behind() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let mut group = Group::dev(dir.path());
    assert!(group.kv(&["put", "kept", "value"]).status.success());
    assert_eq!(processes(dir.path()).len(), 5);
    assert_eq!(group.stop().code(), Some(0));
    assert_eq!(processes(dir.path()), [], "processes are left");
    drop(group);
    let group = Group::dev(dir.path());
    assert_eq!(group.kv(&["get", "kept"]).stdout, b"value");
}

#[test]
fn a_dev_killed_while_it_makes_its_folder_comes_up_the_next_time() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let first = Group::spawn(dir.path());
    // Keys and logs of some sites are there, and the group file, which comes last, is not.
    let begun = |path: &Path| path.join("group").exists() || path.join("group.new").exists();
    until("the folder is begun", || begun(dir.path()).then_some(()));
    drop(first);
    assert!(
        !dir.path().join("group/group.toml").exists(),
        "it was too fast for this test"
    );
    let group = Group::dev(dir.path());
    assert!(group.kv(&["put", "a", "b"]).status.success());
}
