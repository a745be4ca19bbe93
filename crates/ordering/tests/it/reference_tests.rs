//! The model's own tests: no disagreement under the rules, disagreement under every planted bug.
//!
//! Quick tests use a fixed number of seeds per row. The `_slow` ones repeat them with
//! [`SLOW_FACTOR`] times as many when `MAFTIA_SLOW=1`.

use crate::reference::Mutation::{
    self, BrokenSeal, EvidenceWithoutFastPath, LargeSlack, LowFloor, NoExclusion, PrivateTieBreak,
    ShortQuorum, ShortSkip, SkipPerTwin,
};
use crate::reference::{Options, Pattern, Row, check, first_disagreement};

/// DAGs per row in the quick run. Every control listed below shows within as many.
const DAGS: usize = 1500;
const SLOW_FACTOR: usize = 50;
const SEED: u64 = 5;
const NO_OPTIONS: Options = Options { weak_links: false };
const WEAK: Options = Options { weak_links: true };

/// Checks one row and its negative controls with equal numbers of DAGs.
fn row_agrees_and_controls_do_not(
    row: &Row,
    rounds: usize,
    pattern: Pattern,
    options: Options,
    controls: &[Mutation],
    dags: usize,
) {
    let report = check(SEED, row, rounds, pattern, options, dags);
    println!(
        "n {} f {} c {} {pattern:?} {options:?} {report:?}",
        row.n, row.f, row.c
    );
    assert_eq!(
        report.disagreements,
        [],
        "seeds of DAGs on which two views disagree"
    );
    assert!(
        report.top_mean > 0.99 * rounds as f64,
        "the DAG grows to the end: {report:?}"
    );
    assert!(
        report.decided_mean > 0.55 * rounds as f64,
        "most slots are decided: {report:?}"
    );
    assert!(report.skipped_mean > 1.0, "skips are exercised: {report:?}");
    for &mutation in controls {
        let mutant = row.clone().with(mutation);
        let found = first_disagreement(SEED, &mutant, rounds, pattern, options, dags);
        assert!(
            found.is_some(),
            "{mutation:?} is not found: the row above proves nothing"
        );
    }
}

fn slow_path_rows(dags: usize) {
    let controls = [EvidenceWithoutFastPath, ShortSkip];
    let four = Row::arbitrary(4, 1, 0).slow_path_only();
    row_agrees_and_controls_do_not(&four, 13, Pattern::S, NO_OPTIONS, &controls, dags);
    row_agrees_and_controls_do_not(&four, 13, Pattern::S, WEAK, &controls, dags);
    let controls = [EvidenceWithoutFastPath];
    let seven = Row::arbitrary(7, 2, 0).slow_path_only();
    row_agrees_and_controls_do_not(&seven, 13, Pattern::S, NO_OPTIONS, &controls, dags);
}

fn fast_path_rows(dags: usize) {
    let controls = [LargeSlack, NoExclusion, ShortQuorum];
    let four = Row::arbitrary(4, 1, 0);
    row_agrees_and_controls_do_not(&four, 13, Pattern::S, NO_OPTIONS, &controls, dags);
    let seven = Row::arbitrary(7, 2, 0);
    row_agrees_and_controls_do_not(&seven, 13, Pattern::S, NO_OPTIONS, &controls, dags);
}

fn coin_rows(dags: usize) {
    let controls = [SkipPerTwin, LowFloor, PrivateTieBreak];
    let four = Row::arbitrary(4, 1, 0);
    row_agrees_and_controls_do_not(&four, 16, Pattern::A, NO_OPTIONS, &controls, dags);
    let seven = Row::arbitrary(7, 2, 0);
    row_agrees_and_controls_do_not(&seven, 16, Pattern::A, NO_OPTIONS, &controls, dags);
}

fn mixed_rows(dags: usize) {
    let four = Row::arbitrary(4, 1, 0);
    let controls = [
        LargeSlack,
        NoExclusion,
        SkipPerTwin,
        LowFloor,
        PrivateTieBreak,
    ];
    row_agrees_and_controls_do_not(&four, 16, Pattern::Mixed, NO_OPTIONS, &controls, dags);
    let controls = [LargeSlack, NoExclusion, SkipPerTwin, PrivateTieBreak];
    row_agrees_and_controls_do_not(&four, 16, Pattern::Mixed, WEAK, &controls, dags);
    let five = Row::arbitrary(5, 1, 0);
    row_agrees_and_controls_do_not(&five, 16, Pattern::Mixed, WEAK, &controls, dags);
    let seven = Row::arbitrary(7, 2, 0);
    row_agrees_and_controls_do_not(&seven, 13, Pattern::Mixed, NO_OPTIONS, &controls, dags);
    let mixed = Row::arbitrary(7, 2, 0).slow_path_only();
    let controls = [SkipPerTwin, PrivateTieBreak];
    row_agrees_and_controls_do_not(&mixed, 13, Pattern::Mixed, NO_OPTIONS, &controls, dags);
}

fn rows_with_stopping_members(dags: usize) {
    let six = Row::arbitrary(6, 1, 1);
    let controls = [LargeSlack, ShortQuorum];
    row_agrees_and_controls_do_not(&six, 13, Pattern::S, NO_OPTIONS, &controls, dags);
    let controls = [LargeSlack, SkipPerTwin];
    row_agrees_and_controls_do_not(&six, 13, Pattern::Mixed, NO_OPTIONS, &controls, dags);
    row_agrees_and_controls_do_not(&six, 13, Pattern::Mixed, WEAK, &controls, dags);
    let eight = Row::arbitrary(8, 1, 2);
    row_agrees_and_controls_do_not(&eight, 13, Pattern::S, WEAK, &[LargeSlack], dags);
}

fn hybrid_rows(dags: usize) {
    let controls = [BrokenSeal, ShortQuorum, ShortSkip];
    let three = Row::hybrid(3, 1);
    row_agrees_and_controls_do_not(&three, 14, Pattern::Mixed, NO_OPTIONS, &controls, dags);
    let controls = [BrokenSeal, ShortSkip];
    let four = Row::hybrid(4, 1);
    row_agrees_and_controls_do_not(&four, 14, Pattern::Mixed, WEAK, &controls, dags);
    let five = Row::hybrid(5, 2);
    row_agrees_and_controls_do_not(&five, 13, Pattern::Mixed, NO_OPTIONS, &controls, dags);
}

fn crash_rows(dags: usize) {
    let controls = [ShortQuorum, ShortSkip];
    let three = Row::crash(3, 1);
    row_agrees_and_controls_do_not(&three, 13, Pattern::Mixed, NO_OPTIONS, &controls, dags);
    let five = Row::crash(5, 2);
    row_agrees_and_controls_do_not(&five, 13, Pattern::Mixed, WEAK, &[ShortSkip], 2 * dags);
}

/// A quick test and its `_slow` companion.
macro_rules! quick_and_slow {
    ($($rows:ident: $quick:ident, $slow:ident;)*) => {$(
        #[test]
        fn $quick() {
            $rows(DAGS);
        }

        #[test]
        fn $slow() {
            if std::env::var("MAFTIA_SLOW").is_ok_and(|value| value == "1") {
                $rows(SLOW_FACTOR * DAGS);
            } else {
                println!("set MAFTIA_SLOW=1 to run");
            }
        }
    )*};
}

quick_and_slow! {
    slow_path_rows: slow_path_rows_agree, slow_path_rows_agree_slow;
    fast_path_rows: fast_path_rows_agree, fast_path_rows_agree_slow;
    coin_rows: coin_rows_agree, coin_rows_agree_slow;
    mixed_rows: mixed_rows_agree, mixed_rows_agree_slow;
    rows_with_stopping_members:
        rows_with_stopping_members_agree, rows_with_stopping_members_agree_slow;
    hybrid_rows: hybrid_rows_agree, hybrid_rows_agree_slow;
    crash_rows: crash_rows_agree, crash_rows_agree_slow;
}

#[test]
fn correction_1_evidence_without_fast_path_disagrees() {
    let literal = Row::arbitrary(4, 1, 0)
        .slow_path_only()
        .with(EvidenceWithoutFastPath);
    let found = first_disagreement(SEED, &literal, 13, Pattern::S, NO_OPTIONS, DAGS);
    assert!(found.is_some());
}
