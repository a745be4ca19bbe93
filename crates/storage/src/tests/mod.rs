//! Tests that need to look at its files or to make the disk fail.

mod damage;
mod failure;
mod life;
mod snapshots;
mod torn;

use std::fs;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tempfile::TempDir;

use crate::{Log, Options, Position, Recovered, Tail};

/// Small segments, so that few records use several.
const SEGMENT: u64 = 16 << 10;
const BLOCK: usize = 4096;

fn options() -> Options {
    Options {
        segment_bytes: SEGMENT,
        ..Options::default()
    }
}

/// Options whose callback sends what it is told.
fn reporting() -> (Options, Receiver<Position>) {
    let (sender, receiver) = channel();
    let sender = Mutex::new(sender);
    let on_durable = Arc::new(move |position| {
        let _gone = sender.lock().unwrap().send(position);
    });
    let options = Options {
        on_durable,
        ..options()
    };
    (options, receiver)
}

/// In memory where that is possible: these tests open a log thousands of times, and none of them
/// cuts the power. The tests of the public interface use the disk.
fn temporary() -> TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

/// Makes each record durable alone.
fn put(log: &mut Log, records: &[&[u8]]) -> Vec<Position> {
    let put_one = |record: &&[u8]| {
        log.append(&[record]).unwrap();
        log.flush().unwrap()
    };
    records.iter().map(put_one).collect()
}

/// A fresh log holding these records, each in a frame of its own.
fn log_of(records: &[&[u8]]) -> TempDir {
    let dir = temporary();
    let mut log = Log::create(dir.path(), options()).unwrap();
    put(&mut log, records);
    dir
}

fn all(recovered: &Recovered) -> Vec<Bytes> {
    let mut records = Vec::new();
    let mut visit = |_, record| records.push(record);
    recovered.replay(recovered.start, &mut visit).unwrap();
    records
}

/// Opens, reads and drops a log.
fn read(dir: &Path) -> (Vec<Bytes>, Tail) {
    let (_log, recovered) = Log::open(dir, options()).unwrap();
    (all(&recovered), recovered.tail)
}

fn segment(dir: &Path, number: u64) -> std::path::PathBuf {
    dir.join(format!("segment-{number:016x}"))
}

/// Changes a file in place.
fn alter(path: &Path, change: impl FnOnce(&mut [u8])) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// A copy to play with.
fn copy(dir: &Path) -> TempDir {
    let target = temporary();
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), target.path().join(entry.file_name())).unwrap();
    }
    target
}
