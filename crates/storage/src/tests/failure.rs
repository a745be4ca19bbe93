use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc::Sender;

use rustix::io::Errno;

use super::*;
use crate::disk::{Disk, Medium};
use crate::{AppendError, LogFailed, OpenError};

/// A disk that fails once, after a number of operations, and then works again.
struct Failing {
    writes_left: AtomicI64,
    syncs_left: AtomicI64,
    error: Errno,
}

const NEVER: i64 = i64::MAX;

impl Failing {
    fn new(writes_left: i64, syncs_left: i64, error: Errno) -> Arc<Self> {
        Arc::new(Self {
            writes_left: writes_left.into(),
            syncs_left: syncs_left.into(),
            error,
        })
    }

    fn spend(&self, left: &AtomicI64) -> io::Result<()> {
        if left.fetch_sub(1, Ordering::SeqCst) == 0 {
            return Err(self.error.into());
        }
        Ok(())
    }
}

impl Medium for Failing {
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.spend(&self.writes_left)?;
        Disk.write_at(file, bytes, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.spend(&self.syncs_left)?;
        Disk.sync(file)
    }
}

/// After one record was durable the disk fails once: nothing is acknowledged from then on.
fn fails_for_good(medium: &Arc<Failing>, inline: bool) {
    let dir = log_of(&[]);
    let (options, reports) = reporting();
    let disk: Arc<dyn Medium> = Arc::clone(medium) as _;
    let (mut log, _) = Log::open_on(disk, dir.path(), options).unwrap();
    let first = put(&mut log, &[b"one"])[0];
    assert_eq!(reports.recv().unwrap(), first);
    medium.writes_left.fetch_sub(NEVER / 2, Ordering::SeqCst);
    medium.syncs_left.fetch_sub(NEVER / 2, Ordering::SeqCst);
    log.append(&[b"two"]).unwrap();
    if inline {
        assert!(log.commit_inline().is_err());
    } else {
        log.commit();
        // The owner is woken, and what is durable has not moved.
        assert_eq!(reports.recv().unwrap(), first);
    }
    for _ in 0..3 {
        assert_eq!(log.durable(), first);
        assert!(matches!(log.failed(), Some(LogFailed::Disk(_))));
        assert!(matches!(log.append(&[b"x"]), Err(AppendError::Failed(_))));
        assert!(log.commit_inline().is_err() && log.flush().is_err());
    }
    assert!(log.close().is_err());
}

#[test]
fn a_failed_write_ends_the_log() {
    let half = NEVER / 2;
    for inline in [true, false] {
        fails_for_good(&Failing::new(half + 1, NEVER, Errno::NOSPC), inline);
    }
}

#[test]
fn a_failed_sync_ends_the_log_and_is_not_tried_again() {
    let half = NEVER / 2;
    for inline in [true, false] {
        // Opening syncs the segment before reading and after cutting; then comes the record.
        let medium = Failing::new(NEVER, half + 3, Errno::IO);
        fails_for_good(&medium, inline);
        assert_eq!(medium.syncs_left.load(Ordering::SeqCst), -1);
    }
}

/// A disk with no room for a segment, for a number of attempts.
struct Full {
    attempts: AtomicI64,
}

impl Medium for Full {
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let fills = bytes.len() > BLOCK;
        if fills && self.attempts.fetch_sub(1, Ordering::SeqCst) > 0 {
            return Err(Errno::NOSPC.into());
        }
        Disk.write_at(file, bytes, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        Disk.sync(file)
    }
}

#[test]
fn a_full_disk_is_met_when_the_next_segment_is_needed() {
    let dir = log_of(&[]);
    // Ahead of time and when it is needed.
    let disk = Arc::new(Full { attempts: 2.into() });
    let (mut log, _) = Log::open_on(disk, dir.path(), options()).unwrap();
    let last = put(&mut log, &[b"1", b"2", b"3", b"4"])[3];
    log.append(&[b"5"]).unwrap();
    let failure = log.flush().unwrap_err();
    let LogFailed::Disk(error) = &failure else {
        panic!("{failure}");
    };
    assert!(
        error.source.to_string().contains("No space left"),
        "{error}"
    );
    assert_eq!(log.durable(), last);
    drop(log);
    assert_eq!(read(dir.path()).0.len(), 4);
}

#[test]
fn a_segment_that_failed_ahead_of_time_is_made_again_when_needed() {
    let dir = log_of(&[]);
    let disk = Arc::new(Full { attempts: 1.into() });
    let (mut log, _) = Log::open_on(disk, dir.path(), options()).unwrap();
    put(&mut log, &[b"1", b"2", b"3", b"4", b"5"]);
    drop(log);
    assert_eq!(read(dir.path()).0.len(), 5);
}

#[test]
fn a_disk_that_fails_at_opening_is_an_error() {
    let dir = log_of(&[b"one"]);
    for syncs in 0..2 {
        let disk = Failing::new(NEVER, syncs, Errno::IO);
        let refused = Log::open_on(disk, dir.path(), options());
        assert!(matches!(refused, Err(OpenError::Disk(_))));
    }
    assert_eq!(read(dir.path()).0.len(), 1);
}

#[test]
fn a_release_that_cannot_be_noted_ends_the_log() {
    let dir = temporary();
    let (options, reports) = reporting();
    let mut log = Log::create(dir.path(), options).unwrap();
    let record = [5; 3000];
    let ends = put(&mut log, &[&record[..]; 8]);
    assert_eq!(reports.iter().take(8).last(), Some(ends[7]));
    fs::create_dir(dir.path().join("manifest.tmp")).unwrap();
    log.release(ends[7]);
    assert_eq!(reports.recv().unwrap(), ends[7]);
    assert!(log.failed().is_some());
    drop(log);
    fs::remove_dir(dir.path().join("manifest.tmp")).unwrap();
    assert_eq!(read(dir.path()).0.len(), 8);
}

/// A disk whose next sync, once armed, waits until it is told to go on.
struct Slow {
    armed: AtomicBool,
    entered: Mutex<Sender<()>>,
    go_on: Mutex<Receiver<()>>,
}

impl Medium for Slow {
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        Disk.write_at(file, bytes, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        if self.armed.swap(false, Ordering::SeqCst) {
            self.entered.lock().unwrap().send(()).unwrap();
            self.go_on.lock().unwrap().recv().unwrap();
        }
        Disk.sync(file)
    }
}

#[test]
fn a_sync_under_way_when_the_log_fails_acknowledges_nothing() {
    let record = [5; 3000];
    let dir = log_of(&[&record[..]; 6]);
    let (entered, has_entered) = channel();
    let (go, go_on) = channel();
    let disk = Arc::new(Slow {
        armed: false.into(),
        entered: Mutex::new(entered),
        go_on: Mutex::new(go_on),
    });
    let (options, reports) = reporting();
    let medium: Arc<dyn Medium> = Arc::clone(&disk) as _;
    let (mut log, recovered) = Log::open_on(medium, dir.path(), options).unwrap();
    disk.armed.store(true, Ordering::SeqCst);
    log.append(&[b"x"]).unwrap();
    log.commit();
    has_entered.recv().unwrap();
    // Meanwhile the other thread fails.
    fs::create_dir(dir.path().join("manifest.tmp")).unwrap();
    log.release(recovered.end);
    assert_eq!(reports.recv().unwrap(), recovered.end);
    go.send(()).unwrap();
    assert_eq!(reports.recv().unwrap(), recovered.end);
    assert_eq!(log.durable(), recovered.end);
    assert!(log.flush().is_err());
}
