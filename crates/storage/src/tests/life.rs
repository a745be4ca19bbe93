use super::*;
use crate::{AppendError, OpenError, RECORD_BYTES_MAX, ReplayError};

#[test]
fn what_was_durable_is_there_after_opening() {
    let dir = log_of(&[b"one", b"", b"three"]);
    let (records, tail) = read(dir.path());
    assert_eq!(records, [&b"one"[..], b"", b"three"]);
    assert_eq!(tail, Tail::Clean);
}

#[test]
fn parts_of_a_record_are_joined() {
    let dir = temporary();
    let mut log = Log::create(dir.path(), options()).unwrap();
    log.append(&[b"he", b"", b"llo"]).unwrap();
    log.close().unwrap();
    assert_eq!(read(dir.path()).0, [&b"hello"[..]]);
}

#[test]
fn positions_go_on_after_opening() {
    let dir = log_of(&[b"one"]);
    let (mut log, recovered) = Log::open(dir.path(), options()).unwrap();
    assert_eq!((log.end(), log.durable()), (Position(7), Position(7)));
    assert_eq!(put(&mut log, &[b"two"]), [Position(14)]);
    assert_eq!(all(&recovered).len(), 1);
    drop(log);
    assert_eq!(read(dir.path()).0, [&b"one"[..], b"two"]);
}

#[test]
fn replay_starts_after_the_given_position() {
    let dir = temporary();
    let mut log = Log::create(dir.path(), options()).unwrap();
    let ends: Vec<_> = (0..40_u8)
        .map(|n| {
            let end = log.append(&[&[n; 3000]]).unwrap();
            if n % 2 == 1 {
                log.flush().unwrap();
            }
            end
        })
        .collect();
    drop(log);
    let (_log, recovered) = Log::open(dir.path(), options()).unwrap();
    for (index, from) in ends.iter().enumerate() {
        let mut seen = Vec::new();
        let mut visit = |end, record: Bytes| seen.push((end, record[0]));
        recovered.replay(*from, &mut visit).unwrap();
        let expected = ends.iter().copied().zip(0_u8..).skip(index + 1);
        assert_eq!(seen, expected.collect::<Vec<_>>());
    }
}

#[test]
fn a_log_goes_over_many_segments() {
    let dir = temporary();
    let mut log = Log::create(dir.path(), options()).unwrap();
    let records: Vec<Vec<u8>> = (0..50_u8).map(|n| vec![n; 150 * usize::from(n)]).collect();
    for (index, record) in records.iter().enumerate() {
        log.append(&[record]).unwrap();
        if index % 7 == 0 {
            log.commit();
        }
    }
    log.close().unwrap();
    assert!(segment(dir.path(), 10).exists());
    assert_eq!(read(dir.path()), (to_bytes(&records), Tail::Clean));
}

#[test]
fn a_batch_longer_than_a_segment_is_split() {
    let dir = temporary();
    let mut log = Log::create(dir.path(), options()).unwrap();
    let records: Vec<Vec<u8>> = (0..100_u8).map(|n| vec![n; 1000]).collect();
    for record in &records {
        log.append(&[record]).unwrap();
    }
    log.close().unwrap();
    assert_eq!(read(dir.path()), (to_bytes(&records), Tail::Clean));
}

fn to_bytes(records: &[Vec<u8>]) -> Vec<Bytes> {
    records.iter().cloned().map(Bytes::from).collect()
}

#[test]
fn the_longest_record_fits_and_a_longer_one_is_refused() {
    let dir = temporary();
    let mut log = Log::create(dir.path(), options()).unwrap();
    let max = log.record_bytes_max();
    let longest = vec![1; max];
    put(&mut log, &[b"before", &longest, &longest]);
    let refused = log.append(&[&longest, b"x"]);
    assert!(matches!(refused, Err(AppendError::TooLarge { bytes, .. }) if bytes == max + 1));
    drop(log);
    assert_eq!(read(dir.path()).0, [&b"before"[..], &longest, &longest]);
}

#[test]
fn four_mebibytes_are_the_limit_in_usual_segments() {
    let dir = temporary();
    let mut log = Log::create(dir.path(), Options::default()).unwrap();
    assert_eq!(log.record_bytes_max(), RECORD_BYTES_MAX);
    let longest = vec![7; RECORD_BYTES_MAX];
    log.append(&[&longest]).unwrap();
    log.append(&[&longest]).unwrap();
    log.close().unwrap();
    assert_eq!(read(dir.path()).0, [longest.as_slice(), &longest]);
}

#[test]
fn the_backlog_is_bounded() {
    let dir = temporary();
    let options = Options {
        backlog_bytes_max: 20,
        ..options()
    };
    let mut log = Log::create(dir.path(), options).unwrap();
    log.append(&[&[0; 6]]).unwrap();
    log.append(&[&[0; 6]]).unwrap();
    assert_eq!(log.backlog_bytes(), 20);
    let refused = log.append(&[b""]);
    assert!(matches!(refused, Err(AppendError::Full { max: 20 })));
    log.flush().unwrap();
    assert_eq!(log.backlog_bytes(), 0);
    log.append(&[b""]).unwrap();
}

#[test]
fn nothing_is_durable_before_it_is_committed() {
    let dir = temporary();
    let mut log = Log::create(dir.path(), options()).unwrap();
    put(&mut log, &[b"one"]);
    log.append(&[b"two"]).unwrap();
    assert_eq!(log.durable(), Position(7));
    drop(log);
    assert_eq!(read(dir.path()).0, [&b"one"[..]]);
}

#[test]
fn a_committed_record_is_written_when_the_log_is_dropped() {
    let dir = temporary();
    let mut log = Log::create(dir.path(), options()).unwrap();
    log.append(&[b"one"]).unwrap();
    log.commit();
    drop(log);
    assert_eq!(read(dir.path()).0, [&b"one"[..]]);
}

#[test]
fn an_idle_log_commits_inline_without_calling_back() {
    let dir = temporary();
    let (options, reports) = reporting();
    let mut log = Log::create(dir.path(), options).unwrap();
    for n in 1..=20 {
        let end = log.append(&[b"one"]).unwrap();
        let durable = log.commit_inline().unwrap();
        if n <= 4 {
            assert_eq!(durable, end);
            assert!(reports.try_recv().is_err(), "the flusher has slept");
        }
        // The last ones do not fit into the segment and are left to the flusher.
        assert_eq!(log.flush().unwrap(), end);
    }
    assert_eq!(log.stats().syncs, 20);
    assert_eq!(log.stats().bytes, 20 * 4096);
}

#[test]
fn the_flusher_reports_what_became_durable() {
    let dir = temporary();
    let (options, reports) = reporting();
    let mut log = Log::create(dir.path(), options).unwrap();
    let end = log.append(&[b"one"]).unwrap();
    log.commit();
    assert_eq!(reports.recv().unwrap(), end);
}

#[test]
fn a_missing_log_is_told_from_an_unreadable_one() {
    let dir = temporary();
    let missing = |path: &Path| match Log::open(path, options()) {
        Err(OpenError::Missing { dir }) => dir == path,
        other => panic!("{other:?}"),
    };
    assert!(missing(dir.path()));
    assert!(missing(&dir.path().join("nowhere")));
    fs::write(dir.path().join("file"), b"").unwrap();
    assert!(missing(&dir.path().join("file")));
    fs::create_dir(dir.path().join("manifest")).unwrap();
    let unreadable = Log::open(dir.path(), options());
    assert!(matches!(unreadable, Err(OpenError::Disk(_))));
}

#[test]
fn a_log_is_made_only_in_an_empty_directory() {
    let dir = temporary();
    fs::write(dir.path().join("precious"), b"x").unwrap();
    let refused = Log::create(dir.path(), options()).unwrap_err();
    assert!(
        refused.to_string().ends_with("contains precious"),
        "{refused}"
    );
    let dir = log_of(&[b"one"]);
    let refused = Log::create(dir.path(), options());
    assert!(matches!(refused, Err(OpenError::NotEmpty { .. })));
    assert_eq!(read(dir.path()).0.len(), 1);
}

#[test]
fn a_log_that_was_half_made_is_missing_and_can_be_made() {
    let dir = log_of(&[]);
    fs::rename(dir.path().join("manifest"), dir.path().join("manifest.tmp")).unwrap();
    let missing = Log::open(dir.path(), options());
    assert!(matches!(missing, Err(OpenError::Missing { .. })));
    drop(Log::create(dir.path().join("below/it").as_path(), options()).unwrap());
    fs::remove_dir_all(dir.path().join("below")).unwrap();
    drop(Log::create(dir.path(), options()).unwrap());
    assert_eq!(read(dir.path()), (Vec::new(), Tail::Clean));
}

#[test]
fn segments_of_odd_length_are_refused() {
    for segment_bytes in [0, 4096, 8191, 8193, (1 << 32) + 4096] {
        let options = Options {
            segment_bytes,
            ..options()
        };
        let refused = Log::create(temporary().path(), options);
        assert!(matches!(refused, Err(OpenError::SegmentBytes { .. })));
    }
}

#[test]
fn the_second_opener_is_refused_and_told_the_directory() {
    let dir = temporary();
    let log = Log::create(dir.path(), options()).unwrap();
    let refused = Log::open(dir.path(), options()).unwrap_err();
    let named = refused.to_string().contains(dir.path().to_str().unwrap());
    assert!(matches!(refused, OpenError::Locked { .. }) && named);
    drop(log);
    Log::open(dir.path(), options()).unwrap();
}

#[test]
fn released_segments_go_and_the_rest_stays() {
    let dir = temporary();
    let mut log = Log::create(dir.path(), options()).unwrap();
    let record = [5; 3000];
    let ends = put(&mut log, &[&record[..]; 20]);
    // Four frames in a segment: the ninth record lies in the third.
    log.release(ends[8]);
    log.close().unwrap();
    assert!(!segment(dir.path(), 1).exists() && segment(dir.path(), 2).exists());
    let (mut log, recovered) = Log::open(dir.path(), options()).unwrap();
    assert_eq!((recovered.start, recovered.end), (ends[7], ends[19]));
    assert_eq!(all(&recovered).len(), 12);
    let released = recovered.replay(ends[6], &mut |_, _| {});
    assert!(matches!(released, Err(ReplayError::Released { start }) if start == ends[7]));
    // One below and at the boundary between two segments.
    log.release(Position(ends[11].0 - 1));
    log.release(ends[11]);
    log.close().unwrap();
    let (mut log, recovered) = Log::open(dir.path(), options()).unwrap();
    assert_eq!(recovered.start, ends[11]);
    // The last segment stays whatever is released.
    log.release(Position(u64::MAX));
    put(&mut log, &[b"more"]);
    drop(log);
    let records = read(dir.path()).0;
    assert_eq!((records.len(), &records[4][..]), (5, &b"more"[..]));
}

#[test]
fn a_release_cut_short_by_a_crash_is_finished_in_any_order() {
    let dir = temporary();
    let mut log = Log::create(dir.path(), options()).unwrap();
    let record = [5; 3000];
    let ends = put(&mut log, &[&record[..]; 20]);
    let before = copy(dir.path());
    log.release(ends[15]);
    drop(log);
    for survivors in 0..16_u64 {
        let dir = copy(dir.path());
        for number in (0..4).filter(|number| survivors & (1 << number) != 0) {
            fs::copy(segment(before.path(), number), segment(dir.path(), number)).unwrap();
        }
        let (records, tail) = read(dir.path());
        assert_eq!((records.len(), tail), (4, Tail::Clean));
        assert!((0..4).all(|number| !segment(dir.path(), number).exists()));
    }
}
