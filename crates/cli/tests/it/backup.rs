//! Backups, and groups that are made of them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::harness::{Process, alone, command, free, last_json, maftia, text, until};

/// The names of the sites, as `maftia init` gives them.
const SITES: [&str; 4] = ["A", "B", "C", "D"];

/// A folder as `maftia init` or `maftia backup restore` writes it.
struct Home(PathBuf);

impl Home {
    fn init(path: &Path) -> Self {
        let mut init = command(&["init", "--json", "--dir"]);
        init.arg(path);
        for address in free(4) {
            init.args(["--address", &address.to_string()]);
        }
        let made = init.output().unwrap();
        assert!(made.status.success(), "{made:?}");
        Self(path.to_owned())
    }

    fn site(&self, name: &str) -> PathBuf {
        self.0.join("sites").join(name)
    }

    fn start(&self, name: &str) -> Process {
        let log = self.0.join(format!("{name}.log"));
        let log = File::options().append(true).create(true).open(log).unwrap();
        let child = command(&["site", "run", "--config"])
            .arg(self.site(name).join("site.toml"))
            .stderr(log)
            .spawn();
        Process(child.unwrap())
    }

    fn start_all(&self, names: &[&str]) -> Vec<Process> {
        names.iter().map(|name| self.start(name)).collect()
    }

    /// An agent of this group, with the client's key of the first one.
    fn agent(&self, key: &Path) -> Agent {
        let address = free(1)[0].to_string();
        let child = command(&["agent", "run", "--http", &address, "--group"])
            .arg(self.0.join("group.toml"))
            .arg("--key")
            .arg(key)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let agent = Agent {
            _process: Process(child.unwrap()),
            http: format!("http://{address}"),
        };
        until("the agent answers", || {
            agent.run(&["status"]).status.success().then_some(())
        });
        agent
    }
}

struct Agent {
    _process: Process,
    http: String,
}

impl Agent {
    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = command(arguments);
        command.env("MAFTIA_ENDPOINT", &self.http).output().unwrap()
    }

    fn put(&self, key: &str, value: &str) {
        let put = self.run(&["kv", "put", key, value, "--timeout", "60"]);
        assert!(put.status.success(), "{put:?}");
    }

    fn get(&self, key: &str) -> Option<String> {
        let got = self.run(&["kv", "get", key, "--timeout", "60"]);
        match got.status.code() {
            Some(0) => Some(text(&got.stdout).trim_end().to_owned()),
            _ => {
                assert!(text(&got.stderr).contains("no-such-key"), "{got:?}");
                None
            }
        }
    }

    /// Nothing is confirmed: too few sites of this client's group answer.
    fn is_cut_off(&self) {
        let put = self.run(&["kv", "put", "mixed", "never", "--timeout", "3"]);
        assert!(!put.status.success(), "two groups were mixed: {put:?}");
    }
}

fn path(of: &Path) -> &str {
    of.to_str().unwrap()
}

/// Runs a command that must succeed, for its JSON.
fn done(arguments: &[&str]) -> Value {
    let output = maftia(&[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    last_json(&output)
}

/// Runs a command that must be refused, for the error's id.
fn refused(arguments: &[&str]) -> String {
    let output = maftia(&[arguments, &["--json"]].concat());
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
    let id = &last_json(&output)["error"]["id"];
    id.as_str().unwrap().to_owned()
}

/// What was altered, cut off or checked under another key is refused, and nothing is written.
fn refuses_bad_files(backup: &Path, scratch: &Path) {
    let (bytes, bad) = (fs::read(backup).unwrap(), scratch.join("bad.backup"));
    let verify = ["backup", "verify", path(&bad)];
    for at in [20, bytes.len() / 2, bytes.len() - 1] {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        fs::write(&bad, altered).unwrap();
        assert_eq!(refused(&verify), "bad-backup", "altered at {at}");
    }
    for length in [0, 10, 17, 1000, bytes.len() - 1] {
        fs::write(&bad, &bytes[..length]).unwrap();
        assert_eq!(refused(&verify), "bad-backup", "cut off at {length}");
    }
    fs::write(&bad, [&bytes[..], b"more"].concat()).unwrap();
    assert_eq!(refused(&verify), "bad-backup", "something follows");
    let into = scratch.join("never");
    let restore = [
        "backup",
        "restore",
        path(&bad),
        "--dir",
        path(&into),
        "--yes",
    ];
    assert_eq!(refused(&restore), "bad-backup");
    assert!(!into.exists());
}

/// A group, and where its backup and its key go.
struct Scene {
    files: tempfile::TempDir,
    old: Home,
    client: PathBuf,
    backup: PathBuf,
    key: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let files = tempfile::tempdir().unwrap();
        let of = |name: &str| files.path().join(name);
        let old = Home::init(&of("old"));
        Self {
            client: old.0.join("clients/agent.key"),
            backup: of("vault.backup"),
            key: of("group.key"),
            old,
            files,
        }
    }

    fn of(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// Fills the store, makes a key, and a backup; then comes what that does not have.
    fn write(&self, agent: &Agent) {
        for number in 0..50 {
            agent.put(&format!("key/{number}"), &format!("value {number}"));
        }
        export_key(agent, &self.key);
        agent.put("last", "before the backup");
        // Changes nothing in the store, and is confirmed before the backup too.
        let vault = ["key", "create", "vault", "--scheme", "seal"];
        let used = ["--user", "agent", "--timeout", "60"];
        let made = agent.run(&[&vault[..], &used].concat());
        assert!(made.status.success(), "{made:?}");
        let create = ["backup", "create", path(&self.backup), "--timeout", "60"];
        let created = agent.run(&create);
        assert!(created.status.success(), "{created:?}");
        assert!(!self.of("vault.backup.part").exists());
        agent.put("late", "after the backup");
    }

    /// What is in the backup, and what a new group would lose.
    fn examine(&self) {
        let verify = ["backup", "verify", path(&self.backup), "--key"];
        let facts = done(&[&verify[..], &[path(&self.key)]].concat());
        let valid = (&facts["valid"], &facts["signed"]);
        assert_eq!(valid, (&true.into(), &true.into()));
        assert_eq!(facts["entries"], 51);
        refuses_bad_files(&self.backup, self.files.path());
        let survivor = self.old.site("B");
        let restore = ["backup", "restore", path(&self.backup), "--survivor"];
        let shown = done(&[&restore[..], &[path(&survivor)]].concat());
        assert_eq!(shown["restored"], false);
        let later = &shown["lost"]["known"][0];
        assert_eq!(later["site"], "B");
        let requests = later["requests"].as_u64();
        assert!(requests.is_some_and(|count| count > 0), "{shown:#}");
        assert_eq!(shown["lost"]["keys"].as_array().unwrap().len(), 4);
        assert_eq!(shown["lost"]["sealed_to"], serde_json::json!(["vault"]));
    }
}

fn export_key(agent: &Agent, to: &Path) {
    until("the group's key is made", || {
        let export = ["key", "export", "group", "--format", "raw", "-o", path(to)];
        agent.run(&export).status.success().then_some(())
    });
}

/// The new group has what was confirmed, and makes backups under a key of its own.
fn lives(scene: &Scene, agent: &Agent) {
    for number in 0..50 {
        let value = format!("value {number}");
        assert_eq!(agent.get(&format!("key/{number}")), Some(value));
    }
    assert_eq!(agent.get("last").as_deref(), Some("before the backup"));
    assert_eq!(agent.get("late"), None);
    agent.put("new", "life");
    let (next, key) = (scene.of("next.backup"), scene.of("new.key"));
    export_key(agent, &key);
    assert_ne!(fs::read(&key).unwrap(), fs::read(&scene.key).unwrap());
    let reuse = ["--reuse", path(&scene.backup), "--timeout", "60"];
    let create = ["backup", "create", path(&next)];
    let created = agent.run(&[&create[..], &reuse].concat());
    assert!(created.status.success(), "{created:?}");
    let verify = ["backup", "verify", path(&next), "--key"];
    let facts = done(&[&verify[..], &[path(&key)]].concat());
    assert_eq!(facts["incarnation"], 1);
    let former = [&verify[..], &[path(&scene.key)]].concat();
    assert_eq!(refused(&former), "wrong-key");
}

#[test]
fn s9_a_group_made_of_a_backup_has_what_was_confirmed_and_refuses_the_former() {
    let _alone = alone();
    let scene = Scene::new();
    let old = &scene.old;
    let sites = old.start_all(&SITES);
    let agent = old.agent(&scene.client);
    scene.write(&agent);
    // While it lives, nothing is made of its backup by mistake.
    let again = scene.of("again");
    let restore = [
        "backup",
        "restore",
        path(&scene.backup),
        "--dir",
        path(&again),
        "--yes",
        "--key",
        path(&scene.key),
    ];
    assert_eq!(refused(&restore), "alive");
    // Nor of what anybody may have signed.
    assert_eq!(refused(&restore[..6]), "key-unknown");
    assert!(!again.exists());

    // Two of four sites are gone for good: more than f.
    drop((sites, agent));
    fs::remove_dir_all(old.site("C")).unwrap();
    fs::remove_dir_all(old.site("D")).unwrap();
    scene.examine();
    let made = done(&restore);
    let new = Home(again);
    assert_eq!(made["new"]["incarnation"], 1);
    assert_ne!(made["new"]["group"], made["from"]["group"]);
    // Two of the new and two of the former are at the addresses of four, and are no quorum.
    let mut running = new.start_all(&["C", "D"]);
    let former = old.start_all(&["A", "B"]);
    let (agent, stale) = (new.agent(&scene.client), old.agent(&scene.client));
    agent.is_cut_off();
    stale.is_cut_off();
    drop(former);
    running.extend(new.start_all(&["A", "B"]));
    lives(&scene, &agent);
    stale.is_cut_off();
}

/// The site begins with a snapshot; a newer one of it is damaged.
fn takes_an_older_snapshot_only_if_told_to(site: &Path, backup: &Path) {
    let newest = site.join("data/snapshots/snapshot-0000000000000002");
    fs::write(&newest, "no snapshot").unwrap();
    let create = ["backup", "create", path(backup), "--from-site", path(site)];
    let output = maftia(&create);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(path(&newest)) && said.contains("--older-snapshot"));
    assert!(!backup.exists());
    assert_eq!(refused(&create), "older-snapshot");
    let made = done(&[&create[..], &["--older-snapshot"]].concat());
    let verified = done(&["backup", "verify", path(backup)]);
    let survivor = ["--survivor", path(site)];
    let shown = done(&[&["backup", "restore", path(backup)], &survivor[..]].concat());
    for facts in [&made, &verified, &shown["from"]] {
        assert_eq!(facts["older_snapshot"], true, "{facts:#}");
    }
    assert_eq!(shown["lost"]["known"][0]["damaged"], true);
    fs::remove_file(newest).unwrap();
    let whole = done(&create);
    assert_eq!(whole["older_snapshot"], false);
}

#[test]
fn o3_a_backup_restored_twice_makes_two_groups_that_refuse_each_other() {
    let _alone = alone();
    let files = tempfile::tempdir().unwrap();
    let of = |name: &str| files.path().join(name);
    let (old, backup) = (Home::init(&of("old")), of("last.backup"));
    let client = old.0.join("clients/agent.key");
    let sites = old.start_all(&SITES);
    let agent = old.agent(&client);
    agent.put("greeting", "hello");
    // Its site has executed it when it is in its log; the others may be late.
    drop((agent, sites));
    let from = |site: &str| {
        let site = old.site(site);
        done(&[
            "backup",
            "create",
            path(&backup),
            "--from-site",
            path(&site),
        ])
    };
    let most = SITES
        .into_iter()
        .max_by_key(|site| from(site)["requests"].as_u64());
    assert_eq!(from(most.unwrap())["signed"], false);
    let (one, two) = (of("one"), of("two"));
    let restore = |dir: &Path| {
        let dir = [
            "backup",
            "restore",
            path(&backup),
            "--yes",
            "--dir",
            path(dir),
        ];
        assert_eq!(refused(&dir), "unsigned");
        done(&[&dir[..], &["--accept-unsigned"]].concat())["new"]["group"].clone()
    };
    assert_ne!(restore(&one), restore(&two));
    let (one, two) = (Home(one), Home(two));
    takes_an_older_snapshot_only_if_told_to(&two.site("A"), &of("older.backup"));

    let mut running = one.start_all(&["A", "B"]);
    let others = two.start_all(&["C", "D"]);
    let (agent, other) = (one.agent(&client), two.agent(&client));
    agent.is_cut_off();
    other.is_cut_off();
    drop(others);
    running.push(one.start("C"));
    assert_eq!(agent.get("greeting").as_deref(), Some("hello"));
    // A site that lost the state it was to begin with fetches it.
    fs::remove_dir_all(one.site("D").join("data")).unwrap();
    running.push(one.start("D"));
    until("D serves", || {
        let status = last_json(&agent.run(&["status", "--json"]));
        let sites = status["sites"].as_array()?;
        let serves = |site: &&Value| site["name"] == "D" && site["state"] == "serving";
        sites.iter().find(serves).map(|_| ())
    });
    agent.put("greeting", "again");
    other.is_cut_off();
}
