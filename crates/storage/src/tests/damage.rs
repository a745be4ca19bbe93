use super::*;
use crate::{AppendError, LogFailed, OpenError};

const RECORDS: [&[u8]; 6] = [b"one", b"two", &[3; 5000], b"four", &[5; 9000], b"six"];

#[test]
fn a_bad_record_in_the_middle_is_damage_and_nothing_is_touched() {
    let dir = log_of(&RECORDS);
    alter(&segment(dir.path(), 0), |bytes| bytes[BLOCK + 90] ^= 0x10);
    let before = fs::read(segment(dir.path(), 0)).unwrap();
    let (mut log, recovered) = Log::open(dir.path(), options()).unwrap();
    let at = Position(7);
    assert_eq!(recovered.tail, Tail::Damaged { at });
    assert_eq!(all(&recovered), [&b"one"[..]]);
    let refused = log.append(&[b"x"]);
    let damaged = |failure| matches!(failure, LogFailed::Damaged { at: found } if found == at);
    assert!(matches!(refused, Err(AppendError::Failed(failure)) if damaged(failure.clone())));
    assert!(log.commit_inline().is_err_and(damaged));
    assert!(log.flush().is_err_and(damaged));
    log.release(Position(u64::MAX));
    drop(log);
    assert_eq!(fs::read(segment(dir.path(), 0)).unwrap(), before);
    assert_eq!(read(dir.path()).1, Tail::Damaged { at });
}

#[test]
fn a_flipped_bit_never_gives_a_wrong_record() {
    let dir = log_of(&RECORDS);
    let names = [
        "manifest",
        "segment-0000000000000000",
        "segment-0000000000000001",
    ];
    for name in names {
        let work = copy(dir.path());
        let length = fs::read(dir.path().join(name)).unwrap().len();
        // Every byte of what carries meaning, and some of the long bodies and the padding.
        let interesting = |at: &usize| at % BLOCK < 200 || at.is_multiple_of(61);
        for at in (0..length).filter(interesting) {
            for original in [name, "manifest", "segment-0000000000000001"] {
                fs::copy(dir.path().join(original), work.path().join(original)).unwrap();
            }
            alter(&work.path().join(name), |bytes| bytes[at] ^= 1 << (at % 8));
            let (records, tail) = read(work.path());
            assert!(records.len() <= RECORDS.len());
            assert!(records.iter().zip(RECORDS).all(|(found, put)| found == put));
            let lost = records.len() < RECORDS.len();
            assert!(!lost || tail != Tail::Clean, "{name} at {at}");
            // The last record has nothing behind it that says it was durable.
            let last = records.len() + 1 == RECORDS.len();
            assert!(
                !lost || last || matches!(tail, Tail::Damaged { .. }),
                "{name} at {at}"
            );
        }
    }
}

#[test]
fn the_loss_of_the_last_record_of_a_closed_log_is_damage() {
    let dir = temporary();
    let mut log = Log::create(dir.path(), options()).unwrap();
    log.append(&[b"one"]).unwrap();
    log.close().unwrap();
    alter(&segment(dir.path(), 0), |bytes| bytes[..BLOCK].fill(0));
    let at = Position::ZERO;
    assert_eq!(read(dir.path()), (Vec::new(), Tail::Damaged { at }));
}

#[test]
fn the_loss_of_what_was_recovered_once_is_damage() {
    let dir = log_of(&[b"one"]);
    assert_eq!(read(dir.path()).1, Tail::Clean);
    alter(&segment(dir.path(), 0), |bytes| bytes[..BLOCK].fill(0));
    let at = Position::ZERO;
    assert_eq!(read(dir.path()).1, Tail::Damaged { at });
}

#[test]
fn a_record_copied_elsewhere_is_refused() {
    let dir = log_of(&[b"one", b"two"]);
    // To the place where the next is expected, in this segment or in the next.
    for (number, to) in [(0, 2 * BLOCK), (1, 0)] {
        let work = copy(dir.path());
        let frame = fs::read(segment(dir.path(), 0)).unwrap()[BLOCK..2 * BLOCK].to_vec();
        let path = segment(work.path(), number);
        if number == 1 {
            fs::copy(segment(dir.path(), 0), &path).unwrap();
            alter(&path, |bytes| bytes.fill(0));
        }
        alter(&path, |bytes| bytes[to..to + BLOCK].copy_from_slice(&frame));
        let (records, tail) = read(work.path());
        assert_eq!(records, [&b"one"[..], b"two"]);
        assert_eq!(tail, Tail::Torn { cut_bytes: 4096 });
    }
}

#[test]
fn a_header_at_a_wrong_place_proves_nothing() {
    let dir = log_of(&[b"one", b"two"]);
    let bytes = fs::read(segment(dir.path(), 0)).unwrap();
    // A third frame names the second as durable, but only at its own place.
    let longer = copy(dir.path());
    let manifest = fs::read(longer.path().join("manifest")).unwrap();
    let (mut log, _) = Log::open(longer.path(), options()).unwrap();
    put(&mut log, &[b"three"]);
    drop(log);
    let third = fs::read(segment(longer.path(), 0)).unwrap()[2 * BLOCK..3 * BLOCK].to_vec();
    for (place, damaged) in [(2 * BLOCK, true), (3 * BLOCK, false)] {
        let mut torn = bytes.clone();
        torn[BLOCK..2 * BLOCK].fill(0);
        torn[place..place + BLOCK].copy_from_slice(&third);
        fs::write(segment(dir.path(), 0), &torn).unwrap();
        fs::write(dir.path().join("manifest"), &manifest).unwrap();
        let tail = read(dir.path()).1;
        assert_eq!(matches!(tail, Tail::Damaged { .. }), damaged, "{tail:?}");
    }
}

#[test]
fn a_record_of_another_log_is_refused() {
    let dir = log_of(&[b"one", b"two"]);
    let other = log_of(&[b"bad", b"bad", b"bad"]);
    let frame = fs::read(segment(other.path(), 0)).unwrap()[2 * BLOCK..3 * BLOCK].to_vec();
    alter(&segment(dir.path(), 0), |bytes| {
        bytes[2 * BLOCK..3 * BLOCK].copy_from_slice(&frame);
    });
    assert_eq!(read(dir.path()).0, [&b"one"[..], b"two"]);
}

#[test]
fn a_record_of_a_forgotten_continuation_does_not_join_another() {
    let dir = log_of(&[b"one"]);
    let fork = copy(dir.path());
    let (mut log, _) = Log::open(fork.path(), options()).unwrap();
    put(&mut log, &[b"two", b"bad"]);
    drop(log);
    let (mut log, _) = Log::open(dir.path(), options()).unwrap();
    put(&mut log, &[b"2nd"]);
    drop(log);
    let stale = fs::read(segment(fork.path(), 0)).unwrap()[2 * BLOCK..3 * BLOCK].to_vec();
    alter(&segment(dir.path(), 0), |bytes| {
        bytes[2 * BLOCK..3 * BLOCK].copy_from_slice(&stale);
    });
    assert_eq!(read(dir.path()).0, [&b"one"[..], b"2nd"]);
}

#[test]
fn a_missing_segment_is_damage() {
    let record = [5; 3000];
    for (missing, left) in [(0, 0), (1, 4), (3, 12)] {
        let dir = log_of(&[&record[..]; 20]);
        fs::remove_file(segment(dir.path(), missing)).unwrap();
        let (records, tail) = read(dir.path());
        assert_eq!(records.len(), left);
        assert!(matches!(tail, Tail::Damaged { .. }));
    }
}

#[test]
fn a_log_that_lost_its_manifest_is_damaged_and_not_missing() {
    let dir = log_of(&[b"one"]);
    fs::remove_file(dir.path().join("manifest")).unwrap();
    let at = Position::ZERO;
    assert_eq!(read(dir.path()), (Vec::new(), Tail::Damaged { at }));
    let (log, aside) = Log::recreate(dir.path(), options()).unwrap();
    drop(log);
    assert!(segment(&aside, 0).exists());
    let (_log, recovered) = Log::open(dir.path(), options()).unwrap();
    assert_eq!((recovered.tail, recovered.generation), (Tail::Clean, 1));
}

#[test]
fn a_damaged_log_is_set_aside_whole_and_replaced() {
    let dir = log_of(&RECORDS);
    alter(&segment(dir.path(), 0), |bytes| bytes[90] ^= 1);
    let before = fs::read(segment(dir.path(), 0)).unwrap();
    for generation in 1..=2 {
        let (mut log, aside) = Log::recreate(dir.path(), options()).unwrap();
        assert_eq!(aside, dir.path().join(format!("damaged-{generation}")));
        assert_eq!(put(&mut log, &[b"new"]), [Position(7)]);
        drop(log);
        let (log, recovered) = Log::open(dir.path(), options()).unwrap();
        assert_eq!(recovered.generation, generation);
        assert_eq!(all(&recovered), [&b"new"[..]]);
        drop(log);
    }
    let aside = dir.path().join("damaged-1");
    assert_eq!(fs::read(segment(&aside, 0)).unwrap(), before);
    assert!(matches!(read(&aside).1, Tail::Damaged { .. }));
}

#[test]
fn a_crash_while_setting_aside_leaves_a_damaged_log() {
    let dir = log_of(&RECORDS);
    fs::create_dir(dir.path().join("damaged-1")).unwrap();
    for number in 0..2 {
        let path = segment(dir.path(), number);
        fs::rename(&path, segment(&dir.path().join("damaged-1"), number)).unwrap();
        assert!(matches!(read(dir.path()).1, Tail::Damaged { .. }));
    }
    let (log, aside) = Log::recreate(dir.path(), options()).unwrap();
    drop(log);
    assert_eq!(aside, dir.path().join("damaged-2"));
    assert_eq!(Log::open(dir.path(), options()).unwrap().1.generation, 2);
}

#[test]
fn setting_aside_needs_a_log() {
    let dir = temporary();
    let missing = Log::recreate(dir.path(), options());
    assert!(matches!(missing, Err(OpenError::Missing { .. })));
}

proptest::proptest! {
    #[test]
    fn arbitrary_segments_open(
        noise in proptest::collection::vec(0..=255_u8, 0..300),
        at in 0..3 * BLOCK,
        length in 0..5 * BLOCK,
    ) {
        let dir = log_of(&[b"one", b"two", b"three"]);
        let path = segment(dir.path(), 0);
        alter(&path, |bytes| bytes[at..at + noise.len()].copy_from_slice(&noise));
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_len(length.try_into().unwrap()).unwrap();
        let (records, _) = read(dir.path());
        let put: [&[u8]; 3] = [b"one", b"two", b"three"];
        assert!(records.iter().zip(put).all(|(found, put)| found == put));
        fs::write(dir.path().join("manifest"), &noise).unwrap();
        assert!(read(dir.path()).0.is_empty());
    }
}

#[test]
fn a_log_made_after_a_loss_is_told_from_a_new_one() {
    let dir = temporary();
    drop(Log::create_after_loss(dir.path(), options()).unwrap());
    let (_, recovered) = Log::open(dir.path(), options()).unwrap();
    assert_eq!((recovered.generation, recovered.start), (1, recovered.end));
    let new = temporary();
    drop(Log::create(new.path(), options()).unwrap());
    let (_, recovered) = Log::open(new.path(), options()).unwrap();
    assert_eq!(recovered.generation, 0);
}
