//! A site whose disk is full.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Group, alone, processes, until};

/// A small file system over a folder, with what the folder held.
struct Small(PathBuf);

impl Small {
    /// `None` if this user may not mount.
    fn over(folder: &Path, mebibytes: u32) -> Option<Self> {
        let aside = folder.with_extension("aside");
        fs::rename(folder, &aside).unwrap();
        let mounted = Self::empty(folder, mebibytes)?;
        copy(&aside, folder);
        Some(mounted)
    }

    /// In place of a folder that is gone. `None` if this user may not mount.
    fn empty(folder: &Path, mebibytes: u32) -> Option<Self> {
        fs::create_dir(folder).unwrap();
        let options = format!("size={mebibytes}m");
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(folder);
        if !mount.status().is_ok_and(|status| status.success()) {
            return None;
        }
        Some(Self(folder.to_owned()))
    }
}

fn copy(from: &Path, to: &Path) {
    let mut copy = Command::new("cp");
    let copied = copy.arg("-a").arg(from.join(".")).arg(to).status();
    assert!(copied.unwrap().success(), "the folder fits");
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_stops_one_site_with_its_own_exit_code_and_the_others_serve() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let mut group = Group::dev(dir.path());
    assert_eq!(group.stop().code(), Some(0));
    let data = group.site_dir("D").join("data");
    drop(group);
    // Room for the log's first segment and not for a second.
    let Some(_small) = Small::over(&data, 100) else {
        return println!("skipped: this user may not mount");
    };
    let group = Group::dev(dir.path());
    let value = dir.path().join("value");
    fs::write(&value, vec![b'v'; 1 << 20]).unwrap();
    let value = format!("@{}", value.display());
    let config = group.site_dir("D").join("site.toml");
    for index in 0..200 {
        let output = group.kv(&["put", &format!("large/{index}"), &value, "--timeout", "30"]);
        assert!(output.status.success(), "{index}: {output:?}");
        if processes(&config).is_empty() {
            break;
        }
    }
    until("D has stopped", || {
        processes(&config).is_empty().then_some(())
    });
    until("dev says so", || {
        let stderr = group.stderr();
        let line = stderr
            .lines()
            .find(|line| line.contains("the site stopped for good"))?;
        assert!(
            line.contains("code=Some(4)") || line.contains("code=4"),
            "{line}"
        );
        assert!(
            line.contains("site=\"D\"") || line.contains("site=D"),
            "{line}"
        );
        Some(())
    });
    for index in 0..20 {
        let output = group.kv(&["put", &format!("after/{index}"), "value"]);
        assert!(output.status.success(), "{index}: {output:?}");
    }
    assert!(processes(&config).is_empty(), "it is not started again");
    let status = group.status();
    assert_eq!(status["remaining_tolerance"], 0, "{status:#}");
    assert_eq!(status["compromised"], serde_json::json!([]), "{status:#}");
    for site in ["A", "B", "C"] {
        assert!(!processes(&group.site_dir(site)).is_empty(), "{site} runs");
    }
}

/// Its log is lost, and what the others hold does not fit beside the beginning of a new one.
#[test]
fn s12_a_disk_that_fills_during_a_transfer_stops_the_site_which_catches_up_when_there_is_room() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let mut group = Group::dev(dir.path());
    let value = dir.path().join("value");
    fs::write(&value, vec![b'v'; 1 << 20]).unwrap();
    let value = format!("@{}", value.display());
    for index in 0..100 {
        let output = group.kv(&["put", &format!("large/{index}"), &value, "--timeout", "30"]);
        assert!(output.status.success(), "{index}: {output:?}");
    }
    assert_eq!(group.stop().code(), Some(0));
    let data = group.site_dir("D").join("data");
    let config = group.site_dir("D").join("site.toml");
    drop(group);
    fs::remove_dir_all(&data).unwrap();
    let Some(small) = Small::empty(&data, 100) else {
        return println!("skipped: this user may not mount");
    };
    let mut group = Group::dev(dir.path());
    until("dev says that D has stopped, and why", || {
        let stderr = group.stderr();
        let mut lines = stderr.lines();
        let line = lines.find(|line| line.contains("the site stopped for good"))?;
        assert!(
            line.contains("code=Some(4)") || line.contains("code=4"),
            "{line}"
        );
        Some(())
    });
    assert!(processes(&config).is_empty(), "it is not started again");
    let output = group.kv(&["put", "meanwhile", "value"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(group.stop().code(), Some(0));
    drop(group);
    let rescued = dir.path().join("rescued");
    fs::create_dir(&rescued).unwrap();
    copy(&data, &rescued);
    drop(small);
    copy(&rescued, &data);
    let group = Group::dev(dir.path());
    let status = group.settled();
    assert_eq!(status["remaining_tolerance"], 1, "{status:#}");
    assert_eq!(status["compromised"], serde_json::json!([]), "{status:#}");
    // A site that has lost its log counts again once the rounds have passed those it may have signed.
    for index in 0..20 {
        let output = group.kv(&["put", "again", &index.to_string()]);
        assert!(output.status.success(), "{output:?}");
    }
    // With another site gone, the group needs it.
    group.attack("pause", "A", Some(300));
    let output = group.kv(&["get", "meanwhile", "--timeout", "60"]);
    assert!(output.status.success(), "{output:?}");
}
