//! Misbehaviour is reachable only through the channel that `demo` and `dev` hand down.

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{MAFTIA, Process, alone, command, free, maftia, until};
use crate::raw::body_of;

const NAMES: [&str; 4] = ["A", "B", "C", "D"];

/// A folder made by `init`, of a kind.
struct Plain {
    dir: tempfile::TempDir,
    http: Vec<SocketAddr>,
}

impl Plain {
    fn init(kind: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("group");
        let addresses = free(8);
        let (links, http) = addresses.split_at(4);
        let links: Vec<String> = links.iter().map(SocketAddr::to_string).collect();
        let mut arguments = vec!["init", "--dir", folder.to_str().unwrap()];
        arguments.extend(links.iter().flat_map(|link| ["--address", link.as_str()]));
        let output = maftia(&arguments);
        assert!(output.status.success(), "{output:?}");
        let group = fs::read_to_string(folder.join("group.toml")).unwrap();
        let of_kind = group.replace("\"production\"", &format!("{kind:?}"));
        assert!(kind == "production" || of_kind != group, "{group}");
        fs::write(folder.join("group.toml"), of_kind).unwrap();
        let plain = Self {
            dir,
            http: http.to_vec(),
        };
        for (name, http) in NAMES.iter().zip(&plain.http) {
            let mut site = fs::read_to_string(plain.config(name)).unwrap();
            site += &format!("\nhttp = \"{http}\"\n");
            fs::write(plain.config(name), site).unwrap();
        }
        plain
    }

    fn config(&self, name: &str) -> PathBuf {
        self.dir
            .path()
            .join(format!("group/sites/{name}/site.toml"))
    }

    fn log(&self, name: &str) -> String {
        fs::read_to_string(self.config(name).with_file_name("log.txt")).unwrap()
    }

    /// What a site says of itself and the others.
    fn word_of(&self, index: usize) -> Option<Value> {
        serde_json::from_slice(&body_of(self.http[index], "/v1/site")?).ok()
    }

    fn tip(&self, index: usize) -> u64 {
        until("a site answers", || self.word_of(index)?["tip"].as_u64())
    }
}

/// A site with a socket pair as standard input, whose other end is ours.
fn site(config: &Path, flags: &[&str]) -> (Process, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let log = fs::File::create(config.with_file_name("log.txt")).unwrap();
    let child = command(&[&["site", "run"], flags, &["--config"]].concat())
        .arg(config)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stderr(log)
        .spawn()
        .unwrap();
    (Process(child), ours)
}

/// Runs a site that has to refuse, and returns what it says.
fn refused(command: &mut Command) -> String {
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut child = Process(child);
    let status = child.ended();
    let mut said = String::new();
    let stderr = child.0.stderr.as_mut().unwrap();
    stderr.read_to_string(&mut said).unwrap();
    assert_eq!(status.code(), Some(2), "{said}");
    said
}

#[test]
fn a_production_group_refuses_the_harness_even_from_the_parent() {
    let _alone = alone();
    let plain = Plain::init("production");
    let (_ours, theirs) = UnixStream::pair().unwrap();
    let mut run = command(&["site", "run", "--harness", "--config"]);
    run.arg(plain.config("A"))
        .stdin(Stdio::from(OwnedFd::from(theirs)));
    let said = refused(&mut run);
    assert!(said.contains("this group is a production group"), "{said}");
    assert!(said.contains("next: leave --harness out"), "{said}");
}

#[test]
fn the_harness_needs_a_socket_that_the_parent_made() {
    let _alone = alone();
    let plain = Plain::init("dev");
    let harness = |stdin: Stdio| {
        let mut run = command(&["site", "run", "--harness", "--config"]);
        run.arg(plain.config("A")).stdin(stdin);
        refused(&mut run)
    };
    for stdin in [Stdio::null(), Stdio::piped()] {
        let said = harness(stdin);
        assert!(said.contains("standard input is not a socket"), "{said}");
    }
    // The shell is the site's parent, and this process has made the socket.
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    ours.write_all(b"equivocate\n").unwrap();
    let mut shell = Command::new("sh");
    shell
        .args([
            "-c",
            "\"$0\" site run --harness --config \"$1\"; exit $?",
            MAFTIA,
        ])
        .arg(plain.config("A"))
        .stdin(Stdio::from(OwnedFd::from(theirs)));
    let said = refused(&mut shell);
    assert!(
        said.contains("was not made by the parent process"),
        "{said}"
    );
}

#[test]
fn a_plain_site_run_cannot_be_made_to_misbehave() {
    let _alone = alone();
    let plain = Plain::init("dev");
    let run = |name: &str, flags: &[&str]| site(&plain.config(name), flags);
    let mut running: Vec<_> = NAMES.iter().map(|name| run(name, &[])).collect();
    for (_, orders) in &mut running {
        let both = b"equivocate forge-replies\nschedule-leader\n";
        orders.write_all(both).unwrap();
    }
    let convicted = |index| {
        let word = until("a site's word", || plain.word_of(index));
        word["convicted"].as_array().cloned().unwrap()
    };
    let tip = plain.tip(0);
    let number = |field: &str| until("a site answers", || plain.word_of(0)?[field].as_u64());
    let commit = number("commit");
    until("twenty further rounds", || {
        for (name, (site, _)) in NAMES.iter().zip(&mut running) {
            let ended = site.0.try_wait().unwrap();
            assert_eq!(ended, None, "{name} ended: {}", plain.log(name));
        }
        (plain.tip(0) > tip + 20).then_some(())
    });
    for (index, name) in NAMES.iter().enumerate() {
        assert_eq!(convicted(index), Vec::<Value>::new(), "by {name}");
    }
    // Had the second line done anything, known leaders would have committed nothing (schedule.rs).
    let committed = number("commit") - commit;
    assert!(committed >= 10, "{committed} commits in 20 rounds");
    // The same line does it for a site whose parent is what `dev` is: this test can fail.
    drop(running.pop());
    // In an idle group a site may equivocate for long before anybody sees both blocks, so it is
    // started anew now and then.
    let mut hostile = None;
    until("D is convicted", || {
        let (site, since) = hostile.get_or_insert_with(|| {
            let (site, mut orders) = run("D", &["--harness"]);
            orders.write_all(b"equivocate forge-replies\n").unwrap();
            ((site, orders), Instant::now())
        });
        let ended = site.0.0.try_wait().unwrap();
        assert_eq!(ended, None, "D ended: {}", plain.log("D"));
        if since.elapsed() > Duration::from_secs(10) {
            hostile = None;
        }
        (convicted(0) == ["D"]).then_some(())
    });
    for (site, _) in &mut running {
        assert_eq!(site.0.try_wait().unwrap(), None, "the others go on");
    }
}
