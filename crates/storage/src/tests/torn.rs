use super::*;

/// Copies the files as they are now; used while the log is open.
fn picture(dir: &Path) -> TempDir {
    copy(dir)
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_and_never_comes_back() {
    let dir = log_of(&[b"first"]);
    let before = fs::read(segment(dir.path(), 0)).unwrap();
    let (mut log, _) = Log::open(dir.path(), options()).unwrap();
    let manifest = fs::read(dir.path().join("manifest")).unwrap();
    put(&mut log, &[&[0xa7; 60]]);
    drop(log);
    let after = fs::read(segment(dir.path(), 0)).unwrap();
    let frame = BLOCK..BLOCK + 88 + 64;
    for cut in frame.clone() {
        for ends in [true, false] {
            // Either the front of the frame reached the disk or its rear did.
            let mut torn = before.clone();
            let kept = if ends {
                frame.start..cut
            } else {
                cut + 1..frame.end
            };
            torn[kept.clone()].copy_from_slice(&after[kept.clone()]);
            fs::write(segment(dir.path(), 0), &torn).unwrap();
            fs::write(dir.path().join("manifest"), &manifest).unwrap();
            let (records, tail) = read(dir.path());
            assert_eq!(records, [&b"first"[..]], "cut at {cut}");
            let expected = if kept.is_empty() {
                Tail::Clean
            } else {
                Tail::Torn { cut_bytes: 4096 }
            };
            assert_eq!(tail, expected, "cut at {cut}");
            assert_eq!(fs::read(segment(dir.path(), 0)).unwrap(), before);
            assert_eq!(read(dir.path()), (records, Tail::Clean));
        }
    }
}

#[test]
fn a_cut_log_can_be_continued() {
    let dir = log_of(&[b"first", b"second", b"third"]);
    alter(&segment(dir.path(), 0), |bytes| bytes[2 * BLOCK + 9] ^= 1);
    let (mut log, recovered) = Log::open(dir.path(), options()).unwrap();
    assert_eq!(recovered.tail, Tail::Torn { cut_bytes: 4096 });
    put(&mut log, &[b"other"]);
    drop(log);
    let expected = [&b"first"[..], b"second", b"other"];
    assert_eq!(
        read(dir.path()),
        (expected.map(Bytes::from).to_vec(), Tail::Clean)
    );
}

/// One batch of two frames: the second can reach the disk without the first.
fn two_frames_of_one_batch() -> (TempDir, usize) {
    let dir = temporary();
    let options = Options {
        segment_bytes: 16 << 20,
        ..options()
    };
    let mut log = Log::create(dir.path(), options).unwrap();
    put(&mut log, &[b"first"]);
    log.append(&[&[1; 3 << 20]]).unwrap();
    log.append(&[&[2; 3 << 20]]).unwrap();
    log.flush().unwrap();
    drop(log);
    let second = BLOCK + (3 << 20) + BLOCK;
    (dir, second)
}

#[test]
fn a_later_part_of_the_batch_under_way_does_not_make_damage() {
    let (dir, second) = two_frames_of_one_batch();
    let bytes = fs::read(segment(dir.path(), 0)).unwrap();
    assert_eq!(&bytes[second..second + 4], b"MFR1");
    alter(&segment(dir.path(), 0), |bytes| {
        bytes[BLOCK..2 * BLOCK].fill(0)
    });
    let (records, tail) = read(dir.path());
    assert_eq!(records, [&b"first"[..]]);
    assert!(matches!(tail, Tail::Torn { cut_bytes } if cut_bytes > 6 << 20));
    assert_eq!(read(dir.path()), (records, Tail::Clean));
}

#[test]
fn a_later_batch_that_names_the_bad_one_durable_makes_damage() {
    let (dir, second) = two_frames_of_one_batch();
    let (mut log, recovered) = Log::open(dir.path(), options()).unwrap();
    assert_eq!(all(&recovered).len(), 3);
    put(&mut log, &[b"later"]);
    drop(log);
    alter(&segment(dir.path(), 0), |bytes| bytes[second + 500] ^= 1);
    let (log, recovered) = Log::open(dir.path(), options()).unwrap();
    let at = recovered.end;
    assert_eq!(recovered.tail, Tail::Damaged { at });
    assert_eq!(all(&recovered).len(), 2);
    assert!(log.failed().is_some());
}

#[test]
fn a_header_alone_is_enough_to_prove_damage() {
    let dir = log_of(&[b"first", b"second", &[3; 6000]]);
    alter(&segment(dir.path(), 0), |bytes| {
        bytes[BLOCK] ^= 1;
        bytes[3 * BLOCK..].fill(0);
    });
    let (records, tail) = read(dir.path());
    assert_eq!(records, [&b"first"[..]]);
    assert_eq!(tail, Tail::Damaged { at: Position(9) });
}

#[test]
fn a_torn_tail_in_the_next_segment_is_cut() {
    let record = [9; 3000];
    let dir = log_of(&[&record[..]; 5]);
    alter(&segment(dir.path(), 1), |bytes| bytes[100] ^= 1);
    let (records, tail) = read(dir.path());
    assert_eq!((records.len(), tail), (4, Tail::Torn { cut_bytes: 4096 }));
    assert_eq!(read(dir.path()).1, Tail::Clean);
    let (mut log, _) = Log::open(dir.path(), options()).unwrap();
    put(&mut log, &[&record[..]; 5]);
    drop(log);
    assert_eq!(read(dir.path()).0.len(), 9);
}

#[test]
fn a_crash_at_any_commit_leaves_what_was_durable() {
    let dir = temporary();
    let mut log = Log::create(dir.path(), options()).unwrap();
    for n in 0..30_u8 {
        put(&mut log, &[&[n; 2000]]);
        let picture = picture(dir.path());
        let (records, tail) = read(picture.path());
        assert_eq!(records.len(), usize::from(n) + 1);
        assert_eq!(tail, Tail::Clean);
    }
}
