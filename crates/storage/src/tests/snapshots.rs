use super::*;
use crate::{CHUNK_BYTES_MAX, LoadedSnapshot, SnapshotError, SnapshotId, Snapshots};

fn chunks(texts: &[&str]) -> impl Iterator<Item = Bytes> {
    let owned: Vec<_> = texts.iter().map(|t| Bytes::from((*t).to_owned())).collect();
    owned.into_iter()
}

/// Snapshots numbered from 1, each saying its number.
fn saved(count: u64) -> (TempDir, Snapshots) {
    let dir = temporary();
    let snapshots = Snapshots::open(dir.path()).unwrap();
    for n in 1..=count {
        let text = format!("state {n}");
        let id = snapshots.save(Position(n * 100), n, chunks(&[&text, ""]));
        assert_eq!(id.unwrap(), SnapshotId(n));
    }
    (dir, snapshots)
}

fn file(dir: &Path, n: u64) -> std::path::PathBuf {
    dir.join(format!("snapshot-{n:016x}"))
}

#[test]
fn the_newest_snapshot_is_loaded_and_two_are_kept() {
    let (dir, snapshots) = saved(4);
    drop(snapshots);
    let snapshots = Snapshots::open(dir.path()).unwrap();
    let expected = LoadedSnapshot {
        id: SnapshotId(4),
        position: Position(400),
        index: 4,
        chunks: chunks(&["state 4", ""]).collect(),
        damaged: Vec::new(),
    };
    assert_eq!(snapshots.latest().unwrap(), Some(expected));
    let kept = (1..=4).map(|n| file(dir.path(), n).exists());
    assert_eq!(kept.collect::<Vec<_>>(), [false, false, true, true]);
}

#[test]
fn a_new_directory_has_no_snapshot() {
    assert_eq!(saved(0).1.latest().unwrap(), None);
}

#[test]
fn a_snapshot_may_have_no_chunks_or_the_longest() {
    let (_dir, snapshots) = saved(0);
    snapshots.save(Position(1), 1, chunks(&[])).unwrap();
    assert!(snapshots.latest().unwrap().unwrap().chunks.is_empty());
    let longest = Bytes::from(vec![7; CHUNK_BYTES_MAX]);
    let twice = [longest.clone(), longest.clone()];
    snapshots.save(Position(2), 2, twice.into_iter()).unwrap();
    let loaded = snapshots.latest().unwrap().unwrap();
    assert_eq!(loaded.chunks, [longest.clone(), longest]);
}

#[test]
fn a_chunk_over_the_limit_is_refused_and_leaves_nothing() {
    let (dir, snapshots) = saved(1);
    let large = Bytes::from(vec![7; CHUNK_BYTES_MAX + 1]);
    let refused = snapshots.save(Position(2), 2, std::iter::once(large));
    assert!(matches!(refused, Err(SnapshotError::ChunkTooLarge { .. })));
    assert!(!dir.path().join("snapshot.tmp").exists());
    assert_eq!(snapshots.latest().unwrap().unwrap().id, SnapshotId(1));
}

#[test]
fn what_a_crash_left_half_written_is_ignored_and_removed() {
    let (dir, snapshots) = saved(1);
    drop(snapshots);
    fs::write(dir.path().join("snapshot.tmp"), b"maftia snap").unwrap();
    let snapshots = Snapshots::open(dir.path()).unwrap();
    assert!(!dir.path().join("snapshot.tmp").exists());
    assert_eq!(snapshots.latest().unwrap().unwrap().id, SnapshotId(1));
}

#[test]
fn damage_anywhere_in_the_newest_falls_back_and_says_so() {
    let (dir, snapshots) = saved(2);
    let good = fs::read(file(dir.path(), 2)).unwrap();
    let falls_back = |bytes: &[u8]| {
        fs::write(file(dir.path(), 2), bytes).unwrap();
        let loaded = snapshots.latest().unwrap().unwrap();
        assert_eq!((loaded.id, loaded.index), (SnapshotId(1), 1));
        assert_eq!(loaded.damaged, [SnapshotId(2)]);
    };
    for at in 0..good.len() {
        falls_back(&good[..at]);
        let mut flipped = good.clone();
        flipped[at] ^= 1 << (at % 8);
        falls_back(&flipped);
    }
    falls_back(&[&good[..], b"x"].concat());
    // Another snapshot under this name.
    falls_back(&fs::read(file(dir.path(), 1)).unwrap());
    let id = snapshots.save(Position(300), 3, chunks(&["new"])).unwrap();
    assert_eq!(snapshots.latest().unwrap().unwrap().id, id);
}

#[test]
fn the_loss_of_all_snapshots_is_told_from_a_new_directory() {
    let (dir, snapshots) = saved(2);
    for n in 1..=2 {
        alter(&file(dir.path(), n), |bytes| bytes[60] ^= 1);
    }
    let Err(SnapshotError::AllDamaged { damaged, .. }) = snapshots.latest() else {
        panic!("damage was not reported");
    };
    assert_eq!(damaged, [SnapshotId(2), SnapshotId(1)]);
}

#[test]
fn two_users_of_one_directory_are_refused() {
    let (dir, _snapshots) = saved(0);
    let refused = Snapshots::open(dir.path());
    assert!(matches!(refused, Err(SnapshotError::Locked { .. })));
}

proptest::proptest! {
    #[test]
    fn arbitrary_bytes_are_no_snapshot(
        noise in proptest::collection::vec(0..=255_u8, 0..200),
        head in 0..60_usize,
    ) {
        let (dir, snapshots) = saved(1);
        let good = fs::read(file(dir.path(), 1)).unwrap();
        let bytes = [&good[..head], &noise].concat();
        proptest::prop_assume!(bytes != good);
        fs::write(file(dir.path(), 1), bytes).unwrap();
        assert!(matches!(snapshots.latest(), Err(SnapshotError::AllDamaged { .. })));
    }
}
