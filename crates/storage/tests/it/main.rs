//! The log as its users meet it: on a disk, in processes that die.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use maftia_storage::{Log, OpenError, Options, Position, Snapshots, Tail};

/// Tells the test binary, started again, to be the process that is killed.
const CHILD_DIR: &str = "STORAGE_TEST_CHILD_DIR";

/// Small enough that a run goes over several segments.
fn options() -> Options {
    Options {
        segment_bytes: 1 << 18,
        ..Options::default()
    }
}

/// Record number `n`: its length and content follow from the number.
fn record(n: u64) -> Vec<u8> {
    let length = 8 + usize::try_from(n * 7919 % 3000).expect("less than 3000");
    n.to_le_bytes().into_iter().cycle().take(length).collect()
}

/// Appends until it is killed and prints every position that became durable.
#[test]
fn child_process() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else {
        return;
    };
    let out = Mutex::new(std::io::stdout());
    let say = move |position: Position| {
        let mut out = out.lock().unwrap();
        writeln!(out, "durable {}", position.0).unwrap();
        out.flush().unwrap();
    };
    let say = Arc::new(say);
    let options = Options {
        on_durable: Arc::clone(&say) as _,
        ..options()
    };
    let (mut log, recovered) = Log::open(Path::new(&dir), options).unwrap();
    let mut n = 0;
    recovered
        .replay(recovered.start, &mut |_, _| n += 1)
        .unwrap();
    loop {
        if log.append(&[&record(n)]).is_err() {
            assert!(log.failed().is_none(), "{:?}", log.failed());
            log.flush().unwrap();
            continue;
        }
        n += 1;
        match n % 5 {
            0 => log.commit(),
            3 => say(log.commit_inline().unwrap()),
            _ => {}
        }
    }
}

#[test]
fn what_a_killed_process_reported_durable_is_there() {
    let dir = tempfile::tempdir().unwrap();
    drop(Log::create(dir.path(), options()).unwrap());
    for round in 1..=8 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_process", "--nocapture"])
            .env(CHILD_DIR, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let durable = lines.map_while(Result::ok).filter_map(|line| {
            let position = line.rsplit_once("durable ")?.1;
            Some(Position(position.parse().ok()?))
        });
        let mut last = Position::ZERO;
        for (count, position) in durable.enumerate() {
            last = last.max(position);
            // After that, whatever it still manages to say is read as well.
            if count == round * 9 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let (_log, recovered) = Log::open(dir.path(), options()).unwrap();
        assert!(!matches!(recovered.tail, Tail::Damaged { .. }));
        assert!(recovered.end >= last && last > Position::ZERO);
        let mut n = 0;
        let mut check = |_, found| {
            assert_eq!(found, record(n));
            n += 1;
        };
        recovered.replay(Position::ZERO, &mut check).unwrap();
    }
}

#[test]
fn a_log_in_use_by_another_process_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(Log::create(dir.path(), options()).unwrap());
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_process", "--nocapture"])
        .env(CHILD_DIR, dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("durable ")));
    let refused = Log::open(dir.path(), options());
    assert!(matches!(refused, Err(OpenError::Locked { .. })));
    child.kill().unwrap();
    child.wait().unwrap();
    // The system gives the lock up for the dead process.
    Log::open(dir.path(), options()).unwrap();
}

#[test]
fn a_snapshot_lets_the_log_shrink() {
    let dir = tempfile::tempdir().unwrap();
    let snapshots = Snapshots::open(&dir.path().join("snapshots")).unwrap();
    let mut log = Log::create(&dir.path().join("log"), options()).unwrap();
    for n in 0..1000 {
        log.append(&[&record(n)]).unwrap();
    }
    let covered = log.flush().unwrap();
    let state = [bytes::Bytes::from_static(b"state after 1000")];
    snapshots.save(covered, 1000, state.into_iter()).unwrap();
    log.release(covered);
    log.append(&[&record(1000)]).unwrap();
    log.close().unwrap();
    let snapshot = snapshots.latest().unwrap().unwrap();
    let (_log, recovered) = Log::open(&dir.path().join("log"), options()).unwrap();
    assert!(recovered.start > Position::ZERO);
    let mut rest = Vec::new();
    recovered
        .replay(snapshot.position, &mut |_, found| rest.push(found))
        .unwrap();
    assert_eq!(rest, [record(1000)]);
}
