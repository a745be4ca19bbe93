use std::fs;
use std::path::Path;

use bytes::Bytes;
use maftia_config::{Group, GroupFile, Kind, Plan, SiteFile, consecutive, generate};
use maftia_storage::{Log, Options, Position, Snapshots};
use tempfile::TempDir;

use crate::{join, split};

const SEGMENT_BYTES: u64 = 1 << 16;

/// A group's file reads or is refused, and what was read reads again.
pub(crate) fn group(bytes: &[u8]) -> bool {
    let Some(group) = text(bytes).and_then(|text| toml::from_str::<Group>(text).ok()) else {
        return false;
    };
    let Ok(file) = GroupFile::new(group) else {
        return false;
    };
    let again = toml::to_string(file.group()).expect("a group has a TOML form");
    assert_eq!(toml::from_str::<Group>(&again).as_ref(), Ok(file.group()));
    true
}

/// A site's file, likewise.
pub(crate) fn site(bytes: &[u8]) -> bool {
    let Some(site) = text(bytes).and_then(|text| toml::from_str::<SiteFile>(text).ok()) else {
        return false;
    };
    let again = toml::to_string(&site).expect("a site has a TOML form");
    assert_eq!(toml::from_str::<SiteFile>(&again), Ok(site));
    true
}

/// A log with any manifest and first segment opens or says why not; what opens replays.
pub(crate) fn log(bytes: &[u8]) -> bool {
    let dir = scratch();
    for (name, part) in LOG_FILES.iter().zip(split(bytes)) {
        fs::write(dir.path().join(name), part).expect("a scratch file can be written");
    }
    let Ok((log, recovered)) = Log::open(dir.path(), options()) else {
        return false;
    };
    let mut last = recovered.start;
    let replayed = recovered.replay(recovered.start, &mut |end, record| {
        assert!(end > last && end <= recovered.end, "positions grow");
        assert!(!record.is_empty(), "only empty records were not written");
        last = end;
    });
    log.failed().is_none() && replayed.is_ok() && log.close().is_ok()
}

/// A folder with any snapshot file loads or says why not.
pub(crate) fn snapshot(bytes: &[u8]) -> bool {
    let dir = scratch();
    fs::write(dir.path().join(SNAPSHOT_FILE), bytes).expect("a scratch file can be written");
    let snapshots = Snapshots::open(dir.path()).expect("a fresh folder opens");
    snapshots.latest().is_ok_and(|loaded| loaded.is_some())
}

pub(crate) fn group_seeds() -> Vec<Bytes> {
    let base = "127.0.0.1:7101".parse().expect("an address");
    let http = "127.0.0.1:7201".parse().expect("an address");
    let consecutive = |base| consecutive(base, 4).expect("there are more ports");
    let plan = Plan {
        name: "sample".to_owned(),
        kind: Kind::Dev,
        sites: consecutive(base),
        http: consecutive(http),
        clients: vec!["agent".to_owned(), "bench".to_owned()],
        fast_path: None,
        asynchronous: maftia_types::CoinUse::Never,
        member_approvals: std::num::NonZeroU8::MIN,
    };
    let generated = generate(plan, &mut crate::samples::rng()).expect("the plan is sound");
    let text = toml::to_string(generated.group.group()).expect("a group has a TOML form");
    vec![text.into()]
}

pub(crate) fn site_seeds() -> Vec<Bytes> {
    let text = "group = \"group.toml\"\nname = \"A\"\ndata = \"data\"\nkey = \"site.key\"\n\
        listen = \"127.0.0.1:7101\"\nhttp = \"[::1]:7201\"\ntoken = \"token\"\n";
    vec![Bytes::from_static(text.as_bytes())]
}

pub(crate) fn log_seeds() -> Vec<Bytes> {
    let dir = scratch();
    let mut log = Log::create(dir.path(), options()).expect("a scratch log");
    for length in [1, 100, 5000] {
        log.append(&[&vec![7; length]]).expect("room");
        log.flush().expect("a scratch disk works");
    }
    log.close().expect("a scratch disk works");
    vec![join(LOG_FILES.map(|name| file(&dir.path().join(name))))]
}

pub(crate) fn snapshot_seeds() -> Vec<Bytes> {
    let dir = scratch();
    let chunks = [Bytes::from_static(b"one"), Bytes::from(vec![2; 5000])];
    let snapshots = Snapshots::open(dir.path()).expect("a scratch folder");
    snapshots
        .save(Position(3), 4, chunks.into_iter())
        .expect("a scratch disk works");
    vec![file(&dir.path().join(SNAPSHOT_FILE))]
}

const LOG_FILES: [&str; 2] = ["manifest", "segment-0000000000000000"];
const SNAPSHOT_FILE: &str = "snapshot-0000000000000001";

fn options() -> Options {
    Options {
        segment_bytes: SEGMENT_BYTES,
        ..Options::default()
    }
}

fn scratch() -> TempDir {
    tempfile::tempdir().expect("a scratch folder")
}

fn file(path: &Path) -> Bytes {
    fs::read(path).expect("storage wrote it").into()
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}
