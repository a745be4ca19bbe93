use maftia_simulator::{Honesty, Violation, check};
use maftia_types::Duration;

use crate::bracha::Thresholds;
use crate::bracha_world::Case;

/// The first violation among these seeds.
fn first_violation(case: Case, seeds: u64) -> Option<Violation> {
    (0..seeds).find_map(|seed| Some(case.run(seed).err()?.violation))
}

#[test]
fn correct_thresholds_survive_with_four_sites() {
    let case = Case::correct(4);
    let seen = check("bracha-4", 0..3_000, |seed| case.run(seed)).unwrap_or_else(|e| panic!("{e}"));
    let counters = seen.counters;
    assert_eq!(seen.seeds, 3_000);
    for (what, count) in [
        ("crashes", counters.crashes),
        ("crashes while writing", counters.crashes_writing),
        ("power losses", counters.power_losses),
        ("pauses", counters.pauses),
        ("partitions", counters.partitions),
        ("records lost", counters.records_lost),
        ("duplicated", counters.duplicated),
        ("tampered", counters.tampered),
    ] {
        assert!(count > 500, "{what} happened only {count} times");
    }
}

#[test]
fn correct_thresholds_survive_with_seven_sites() {
    let case = Case::correct(7);
    check("bracha-7", 0..1_000, |seed| case.run(seed)).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn each_weakened_threshold_is_caught() {
    let correct = Thresholds::correct(4);
    let weakened = [
        Thresholds {
            echo: correct.echo - 1,
            ..correct
        },
        Thresholds {
            amplify: correct.amplify - 1,
            ..correct
        },
        Thresholds {
            deliver: correct.deliver - 1,
            ..correct
        },
    ];
    for thresholds in weakened {
        let case = Case {
            thresholds,
            ..Case::correct(4)
        };
        let violation = first_violation(case, 5_000);
        assert!(violation.is_some(), "{thresholds:?} survives");
    }
}

#[test]
fn one_corrupted_site_too_many_breaks_agreement() {
    let case = Case {
        corrupted: 2,
        ..Case::correct(4)
    };
    let agreement = maftia_simulator::caught("agreement", 0..3_000, |seed| case.run(seed));
    assert!(agreement.is_some());
}

#[test]
fn a_skipped_sync_is_caught_as_self_contradiction() {
    let case = Case {
        honesty: Honesty::Lying(Duration::from_millis(50)),
        ..Case::correct(4)
    };
    let caught = maftia_simulator::caught("no self-contradiction", 0..3_000, |seed| case.run(seed));
    assert!(caught.is_some());
}

#[test]
fn the_same_seed_gives_the_same_log_and_another_seed_another() {
    let log = |seed, keep_log| {
        let case = Case {
            keep_log,
            ..Case::correct(4)
        };
        let mut world = case.world(seed);
        let trace = world.run().unwrap().trace;
        (trace, world.log().to_vec())
    };
    let (trace, lines) = log(1, true);
    assert!(lines.iter().any(|line| line.contains("receives from")));
    assert_eq!((trace, lines), log(1, true));
    assert_eq!(
        log(1, false),
        (trace, Vec::new()),
        "logging changes nothing"
    );
    assert_ne!(trace, log(2, false).0);
}
