//! Whatever arrives at the real ports, the group goes on and stays small.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rand::Rng;
use rand::RngExt;
use serde_json::Value;

use crate::harness::{Group, Process, alone, command, free, maftia, text, until};
use crate::raw::{request, status_of};

const MEMORY_GROWTH_MAX: u64 = 200 * 1024;
const NAMES: [&str; 4] = ["A", "B", "C", "D"];

/// Resident memory in KiB.
fn memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn links(group: &Group) -> Vec<SocketAddr> {
    let sites = group.ready["sites"].as_array().unwrap();
    let address = |site: &Value| site["address"].as_str().unwrap().parse().unwrap();
    sites.iter().map(address).collect()
}

fn answers(group: &Group, key: &str) {
    let output = group.kv(&["put", key, "value", "--timeout", "30"]);
    assert!(output.status.success(), "after {key}: {output:?}");
}

/// What a stranger may send instead of a handshake.
fn garbage() -> Vec<Vec<u8>> {
    let mut random = vec![0; 1 << 20];
    rand::rng().fill_bytes(&mut random);
    let record = |kind: u8, length: u16, body: &[u8]| {
        let length = length.to_be_bytes();
        [&[kind, 3, 3][..], &length, body].concat()
    };
    let many = record(22, 16, &[1, 0, 0, 12, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).repeat(1000);
    vec![
        random.clone(),
        vec![0; 1 << 20],
        record(22, 0x4000, &random[..0x4000]),
        record(22, 0xffff, &random[..1000]),
        // A hello that claims 16 MiB.
        record(22, 4, &[1, 0xff, 0xff, 0xff]),
        record(23, 100, &random[..100]),
        record(21, 2, &[2, 80]),
        many,
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
    ]
}

#[test]
fn garbage_at_the_link_ports_changes_nothing() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let group = Group::dev(dir.path());
    answers(&group, "before");
    let pids = NAMES.map(|name| group.site_pid(name));
    let before = pids.map(memory);
    let mut held = Vec::new();
    for address in links(&group) {
        for bytes in garbage() {
            for _ in 0..5 {
                let mut stream = TcpStream::connect(address).unwrap();
                let timeout = Some(Duration::from_secs(5));
                stream.set_write_timeout(timeout).unwrap();
                // The site may close before it has read everything.
                let _ = stream.write_all(&bytes);
            }
        }
        // Half open: said something or nothing, and never more.
        for index in 0..200 {
            let mut stream = TcpStream::connect(address).unwrap();
            if index % 2 == 0 {
                let _ = stream.write_all(&[22, 3, 1]);
            }
            held.push(stream);
        }
    }
    answers(&group, "garbage and half-open links");
    for stream in &mut held {
        let timeout = Some(Duration::from_secs(60));
        stream.set_read_timeout(timeout).unwrap();
        let read = stream.read(&mut [0; 64]);
        let still = read.as_ref().err().map(std::io::Error::kind);
        assert_ne!(
            still,
            Some(std::io::ErrorKind::WouldBlock),
            "a half-open link is never closed"
        );
    }
    for (name, (pid, before)) in NAMES.iter().zip(pids.iter().zip(before)) {
        assert_eq!(group.site_pid(name), *pid, "{name} was restarted");
        let grown = memory(*pid).saturating_sub(before);
        assert!(grown < MEMORY_GROWTH_MAX, "{name} grew by {grown} KiB");
    }
    let status = group.settled();
    assert_eq!(status["remaining_tolerance"], 1, "{status:#}");
}

#[test]
fn wrong_requests_at_the_agent_get_the_documented_statuses() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let group = Group::dev(dir.path());
    let host = group.http.strip_prefix("http://").unwrap();
    let agent: SocketAddr = host.parse().unwrap();
    let status =
        |method, path: &str, body: &[u8]| status_of(agent, &request(method, path, host, body));
    let (largest, too_large) = (vec![b'v'; 1 << 20], vec![b'v'; (1 << 20) + 1]);
    assert_eq!(status("PUT", "/v1/kv/largest", &largest), Some(200));
    assert_eq!(status("PUT", "/v1/kv/too-large", &too_large), Some(413));
    assert_eq!(status("PUT", "/v1/kv/huge", &vec![0; 64 << 20]), Some(413));
    let key = |length| format!("/v1/kv/{}", "k".repeat(length));
    assert_eq!(status("PUT", &key(1024), b"v"), Some(200));
    assert_eq!(status("PUT", &key(1025), b"v"), Some(413));
    for path in ["/v1/kv/%", "/v1/kv/%zz", "/v1/kv/a%f", "/v1/kv/"] {
        assert_eq!(status("PUT", path, b"v"), Some(400), "{path}");
    }
    assert_eq!(status("POST", "/v1/kv/txn", b"{\"compare\":"), Some(400));
    assert_eq!(status("GET", "/v1/kv/no-such-key", b""), Some(404));
    for host in ["attacker.example", "attacker.example:7077", ""] {
        let foreign = request("GET", "/v1/kv/largest", host, b"");
        assert_eq!(status_of(agent, &foreign), Some(403), "{host}");
    }
    let mut random = vec![0; 1 << 16];
    rand::rng().fill_bytes(&mut random);
    let said = status_of(agent, &random);
    assert!(matches!(said, None | Some(400..=499)), "{said:?}");
    answers(&group, "wrong requests");
}

#[test]
fn a_site_of_another_group_gets_no_link() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let group = Group::dev(dir.path());
    let pid = group.site_pid("A");
    let before = memory(pid);
    // Site A of another group, which takes ours for its peers.
    let other = dir.path().join("other");
    let own = free(1)[0].to_string();
    let peers: Vec<String> = links(&group)[1..]
        .iter()
        .map(SocketAddr::to_string)
        .collect();
    let mut arguments = vec!["init", "--dir", other.to_str().unwrap(), "--address", &own];
    arguments.extend(peers.iter().flat_map(|peer| ["--address", peer.as_str()]));
    let output = maftia(&arguments);
    assert!(output.status.success(), "{output:?}");
    let config = other.join("sites/A/site.toml");
    let http = free(1)[0];
    let file = fs::read_to_string(&config).unwrap() + &format!("\nhttp = \"{http}\"\n");
    fs::write(&config, file).unwrap();
    let log = fs::File::create(dir.path().join("stranger.txt")).unwrap();
    let child = command(&["site", "run", "--config"])
        .arg(&config)
        .stderr(log)
        .spawn();
    let _stranger = Process(child.unwrap());
    until("the stranger runs", || crate::raw::body_of(http, "/livez"));
    for index in 0..20 + rand::rng().random_range(0..5) {
        answers(&group, &format!("stranger-{index}"));
    }
    let word: Value = until("the stranger's word", || {
        serde_json::from_slice(&crate::raw::body_of(http, "/v1/site")?).ok()
    });
    let up = text(word["peers"].to_string().as_bytes());
    assert!(!up.contains("\"up\""), "{up}");
    let grown = memory(pid).saturating_sub(before);
    assert!(grown < MEMORY_GROWTH_MAX, "A grew by {grown} KiB");
    let status = group.settled();
    assert_eq!(status["remaining_tolerance"], 1, "{status:#}");
}

#[test]
fn an_open_http_listener_without_a_token_does_not_start() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("group");
    let own: Vec<String> = free(4).iter().map(SocketAddr::to_string).collect();
    let mut arguments = vec!["init", "--dir", folder.to_str().unwrap()];
    arguments.extend(
        own.iter()
            .flat_map(|address| ["--address", address.as_str()]),
    );
    assert!(maftia(&arguments).status.success());
    let config = folder.join("sites/A/site.toml");
    let file = fs::read_to_string(&config).unwrap() + "\nhttp = \"0.0.0.0:0\"\n";
    fs::write(&config, file).unwrap();
    let output = maftia(&["site", "run", "--config", config.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = text(&output.stderr);
    assert!(said.contains("names no token file"), "{said}");
    let (file, key) = (folder.join("group.toml"), folder.join("clients/agent.key"));
    let [file, key] = [&file, &key].map(|path| path.to_str().unwrap());
    let agent = ["agent", "run", "--group", file, "--key", key, "--http"];
    let output = maftia(&[&agent[..], &["0.0.0.0:0"]].concat());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = text(&output.stderr);
    assert!(said.contains("name a token file"), "{said}");
    let group = dir.path().join("dev");
    let arguments = [
        "dev",
        "--dir",
        group.to_str().unwrap(),
        "--http",
        "0.0.0.0:0",
    ];
    let output = maftia(&arguments);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = text(&output.stderr);
    assert!(said.contains("name a token file"), "{said}");
    crate::harness::end_all(&group);
}
