//! What a start finds after kills, damage and losses. Dropping a store is a kill: what was not
//! committed is gone.

use std::fs;

use maftia_activity::kv;
use maftia_crypto::SigningKey;
use maftia_ordering::{Block, CheckpointPolicy, Identity, Pacing, Parameters, Record};
use maftia_protocol::{Event, Protocol};
use maftia_replica::{Bodies, ClientMessage, Command, Limits, Replica, Settings, Span};
use maftia_types::{
    CoinUse, Digest, Epoch, FaultModel, Incarnation, Resilience, Round, Sequence, SiteId, Time,
};
use tempfile::TempDir;

use super::*;

const CONFIG: Digest = Digest([1; 32]);
const MIB: usize = 1 << 20;
/// By this commit of a group of one, all that was asked of it at first has been delivered.
const SETTLED: u64 = 20;

fn replica(boot: Boot) -> Replica {
    let parameters = Parameters {
        config: CONFIG,
        epoch: Epoch(0),
        resilience: Resilience::largest(FaultModel::Arbitrary, 1).unwrap(),
        fast_path: false,
        asynchronous: maftia_ordering::Asynchronous::Never,
        seals: None,
        delivery_depth: 16,
        checkpoints: CheckpointPolicy {
            commits: 1,
            ..CheckpointPolicy::default()
        },
        pacing: Pacing::default(),
    };
    let settings = Settings {
        limits: Limits {
            hold_bytes: 8 * MIB,
            ..Limits::default()
        },
        coin: CoinUse::Never,
        image_bytes: 0,
    };
    let key = SigningKey::from_seed([7; 32]);
    let identity = Identity {
        me: SiteId::new(0).unwrap(),
        keys: vec![key.public()],
        key,
    };
    let machine = Box::new(kv::Store::default());
    let booted = Replica::boot(parameters, settings, identity, machine, boot, Time::ZERO);
    booted.unwrap().0
}

/// An image of a group of one, with so many requests of one MiB in its ledger that wait for a gap
/// to close.
fn image(waiting: u32) -> Arc<Image> {
    let mut replica = replica(Boot::default());
    for key in 0..waiting {
        let message = ClientMessage::Submit {
            session: 0,
            incarnation: Incarnation(1),
            batches: vec![(Span::one(Sequence(2)), Bodies::new([&vec![7; MIB].into()]))],
        };
        let Ok(_) = replica.command(Time::ZERO, Command::Client { key, message });
    }
    for _ in 0..1000 {
        let now = replica
            .next_timeout()
            .expect("a site never sleeps for good");
        let records = replica.handle(now, Event::Timeout).records;
        let image = sort(records).image;
        if let Some(image) = image.filter(|image| image.index() >= SETTLED) {
            return image;
        }
    }
    panic!("no image of commit {SETTLED}");
}

/// A record that is told from others by its payload.
fn record(payload: impl Into<Bytes>) -> Record {
    Record::Block {
        block: Block::genesis(CONFIG, Epoch(0), SiteId::new(0).unwrap()),
        payload: Some(payload.into()),
    }
}

fn named(records: &[Record]) -> String {
    let payload = |record: &Record| match record {
        Record::Block { payload, .. } => payload.clone().unwrap_or_default(),
        _ => Bytes::new(),
    };
    let all: Vec<u8> = records.iter().flat_map(payload).collect();
    String::from_utf8(all).unwrap()
}

struct Disk(TempDir);

impl Disk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        create(dir.path()).unwrap();
        Self(dir)
    }

    fn open(&self) -> (Store, Boot) {
        Store::open(self.0.path(), Arc::new(|_| {})).unwrap()
    }

    /// Opens the store and makes a record of each letter durable.
    fn write(&self, letters: &str) -> (Store, Boot) {
        let (mut store, boot) = self.open();
        for letter in letters.chars() {
            store.append(&record(letter.to_string())).unwrap();
        }
        store.log.flush().unwrap();
        (store, boot)
    }
}

#[test]
fn a_start_gives_the_records_that_the_image_does_not_cover() {
    let disk = Disk::new();
    let (mut store, boot) = disk.write("ab");
    assert!(!boot.lost && boot.image.is_none() && boot.records.is_empty());
    store.save_now(&image(0)).unwrap();
    drop(store);
    let (_, boot) = disk.write("c");
    assert!(!boot.lost && boot.image.is_some());
    assert_eq!(named(&boot.records), "");
    assert_eq!(named(&disk.open().1.records), "c");
}

/// The image must not cover what the first kill takes: after the second one, records of the second
/// life would stand there and be hidden, own blocks among them.
#[test]
fn an_image_covers_only_what_a_kill_leaves() {
    for is_awaited in [true, false] {
        let disk = Disk::new();
        let (mut store, _) = disk.write("a");
        for lost in ["b", "c"] {
            store.append(&record(lost)).unwrap();
        }
        if is_awaited {
            store.save_now(&image(0)).unwrap();
        } else {
            store.save(image(0), |saved| saved.unwrap());
            let (_, thread) = store.saving.take().unwrap();
            thread.join().unwrap();
        }
        drop(store);
        let (store, boot) = disk.write("def");
        assert!(!boot.lost, "nothing that was durable is missing");
        drop(store);
        let (_, boot) = disk.open();
        assert!(!boot.lost);
        assert_eq!(named(&boot.records), "def");
    }
}

/// The second of two in quick succession is left out, and a later one is saved.
#[test]
fn s06_images_in_quick_succession_are_saved_one_at_a_time() {
    let disk = Disk::new();
    let (mut store, _) = disk.write("a");
    let (sent, saved) = std::sync::mpsc::channel();
    let images = [image(0), image(1), image(2)];
    let save = |store: &mut Store, which: usize| {
        let sent = sent.clone();
        store.save(Arc::clone(&images[which]), move |done| {
            done.unwrap();
            sent.send(which).unwrap();
        });
    };
    save(&mut store, 0);
    save(&mut store, 1);
    assert_eq!(saved.recv(), Ok(0));
    store.saved();
    save(&mut store, 2);
    assert_eq!(saved.recv(), Ok(2));
    store.saved();
    drop(store);
    let (_, boot) = disk.open();
    assert!(!boot.lost && boot.image.is_some());
    assert!(saved.try_recv().is_err(), "nothing else was saved");
}

#[test]
fn an_image_of_an_earlier_log_hides_nothing_in_the_next() {
    let disk = Disk::new();
    let (mut store, _) = disk.write("abc");
    store.save_now(&image(0)).unwrap();
    drop(store);
    fs::remove_dir_all(log_dir(disk.0.path())).unwrap();
    let (store, boot) = disk.write("defg");
    assert!(boot.lost && boot.image.is_some());
    drop(store);
    let (mut store, boot) = disk.open();
    assert!(boot.lost, "no recovery has been completed");
    assert_eq!(named(&boot.records), "defg");
    store.append(&Record::Floor(Round(9))).unwrap();
    store.log.flush().unwrap();
    drop(store);
    let (_, boot) = disk.open();
    assert!(!boot.lost && boot.records.contains(&Record::Floor(Round(9))));
}

/// As `open` makes it, killed before it could say in the log that one was lost.
#[test]
fn a_kill_while_a_missing_log_is_replaced_does_not_make_the_site_a_new_one() {
    let disk = Disk::new();
    drop(disk.write("abc"));
    let log = log_dir(disk.0.path());
    fs::remove_dir_all(&log).unwrap();
    drop(Log::create_after_loss(&log, options(Arc::new(|_| {}))).unwrap());
    for _ in 0..2 {
        assert!(disk.open().1.lost);
    }
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn a_log_that_ends_before_its_image_counts_as_lost_until_recovered() {
    let disk = Disk::new();
    drop(disk.write("a"));
    let (log, old) = (log_dir(disk.0.path()), disk.0.path().join("old"));
    copy_dir(&log, &old);
    let (mut store, _) = disk.write("bc");
    store.save_now(&image(0)).unwrap();
    drop(store);
    fs::remove_dir_all(&log).unwrap();
    fs::rename(&old, &log).unwrap();
    let (store, boot) = disk.open();
    assert!(boot.lost);
    assert_eq!(named(&boot.records), "a");
    drop(store);
    let (store, boot) = disk.write("def");
    assert!(boot.lost, "a kill does not make it forget");
    drop(store);
    let (_, boot) = disk.open();
    assert!(boot.lost);
    assert_eq!(named(&boot.records), "adef");
}

/// The files of the snapshots.
fn saved(disk: &Disk) -> Vec<PathBuf> {
    let entries = fs::read_dir(snapshot_dir(disk.0.path())).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.is_file()).collect()
}

/// A disk whose log was cut by an image.
fn cut() -> Disk {
    let disk = Disk::new();
    let (mut store, _) = disk.open();
    let long = vec![b'x'; 2 * MIB];
    for _ in 0..2 * SEGMENT_BYTES / (2 * MIB as u64) {
        store.append(&record(long.clone())).unwrap();
        store.log.flush().unwrap();
    }
    store.save_now(&image(0)).unwrap();
    drop(store);
    disk
}

#[test]
fn a_log_cut_by_an_image_that_is_gone_counts_as_lost() {
    let disk = cut();
    assert!(!disk.open().1.lost);
    for path in saved(&disk) {
        fs::remove_file(path).unwrap();
    }
    let (_, boot) = disk.open();
    assert!(boot.lost && boot.image.is_none());
    let kept = named(&boot.records).len();
    assert!(0 < kept && kept < 2 * usize::try_from(SEGMENT_BYTES).unwrap());
}

#[test]
fn an_image_with_a_long_ledger_is_saved_and_read_back() {
    let disk = Disk::new();
    let (mut store, _) = disk.open();
    let image = image(5);
    store.save_now(&image).unwrap();
    let loaded = store.snapshots.latest().unwrap().unwrap();
    assert!(loaded.chunks == image.chunks().collect::<Vec<_>>());
    let bytes: usize = loaded.chunks.iter().map(Bytes::len).sum();
    assert!(bytes > 5 * MIB, "{bytes}");
    drop(store);
    let (_, boot) = disk.open();
    assert!(boot.image.is_some());
    let replica = replica(boot);
    assert!(replica.engine().frontier().index >= image.index());
}

/// Why what a stopped site has left is refused.
fn refusal(disk: &Disk) -> Incomplete {
    match peek(disk.0.path()) {
        Err(StoppedError::Incomplete(why)) => why,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn of_a_stopped_site_without_an_image_the_whole_log_is_read() {
    let disk = Disk::new();
    drop(disk.write("abc"));
    let Peeked { boot, damaged } = peek(disk.0.path()).unwrap();
    assert!(boot.image.is_none() && damaged.is_empty());
    assert_eq!(named(&boot.records), "abc");
}

#[test]
fn of_a_stopped_site_whose_newest_snapshot_is_damaged_the_older_is_read_and_it_is_said() {
    let disk = Disk::new();
    let (mut store, _) = disk.write("abc");
    store.save_now(&image(0)).unwrap();
    store.save_now(&image(1)).unwrap();
    drop(store);
    let whole = peek(disk.0.path()).unwrap();
    assert!(whole.damaged.is_empty());
    let newest = saved(&disk).into_iter().max().unwrap();
    fs::write(&newest, "no snapshot").unwrap();
    let older = peek(disk.0.path()).unwrap();
    assert_eq!(older.damaged, [newest]);
    assert!(older.boot.image.is_some());
}

#[test]
fn a_stopped_site_whose_snapshots_are_all_damaged_is_refused() {
    let disk = Disk::new();
    let (mut store, _) = disk.write("abc");
    store.save_now(&image(0)).unwrap();
    drop(store);
    assert!(peek(disk.0.path()).unwrap().boot.image.is_some());
    for path in saved(&disk) {
        let mut bytes = fs::read(&path).unwrap();
        if let Some(last) = bytes.last_mut() {
            *last ^= 1;
        }
        fs::write(&path, bytes).unwrap();
    }
    assert!(matches!(refusal(&disk), Incomplete::SnapshotsDamaged));
}

#[test]
fn a_stopped_site_without_log_and_image_is_refused() {
    let disk = Disk::new();
    drop(disk.write("abc"));
    fs::remove_dir_all(log_dir(disk.0.path())).unwrap();
    assert!(matches!(refusal(&disk), Incomplete::LogMissing));
}

#[test]
fn a_stopped_site_whose_log_follows_an_image_that_is_gone_is_refused() {
    let disk = cut();
    for path in saved(&disk) {
        fs::remove_file(path).unwrap();
    }
    assert!(matches!(refusal(&disk), Incomplete::LogCut { .. }));
}

#[test]
fn a_stopped_site_that_lost_its_log_and_did_not_recover_is_refused() {
    let disk = Disk::new();
    drop(disk.write("abc"));
    fs::remove_dir_all(log_dir(disk.0.path())).unwrap();
    drop(disk.write("d"));
    assert!(matches!(refusal(&disk), Incomplete::LogLost));
}
