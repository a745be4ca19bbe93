//! The model's own tests: no disagreement under the rules, disagreement under every planted bug.
//!
//! Quick tests use a fixed number of seeds per row. The `_slow` ones repeat them with
//! [`SLOW_FACTOR`] times as many when `MAFTIA_SLOW=1`.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::reference::Mutation::{
    self, BrokenSeal, EvidenceWithoutFastPath, LargeSlack, LowFloor, NoExclusion, PrivateTieBreak,
    ShortQuorum, ShortSkip, SkipPerTwin,
};
use crate::reference::{
    Dag, Mode, Options, Pattern, Row, Verdict, check, first_disagreement, frontier, generate, stall,
};

/// DAGs per row in the quick run. Every control listed below shows within as many.
const DAGS: usize = 2000;
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

#[test]
fn correction_1_views_that_hold_one_block_more_or_less() {
    // Member 3's block is cited by nothing but its own next block. Three authors saw one vote
    // each: evidence enough at n = 4, where a view with member 2's vote skips directly.
    let repaired = Row::arbitrary(4, 1, 0).slow_path_only();
    let mut dag = Dag::new(4, 3);
    let genesis = |author: usize| (0..4).map(|i| (author + i) % 4).collect::<Vec<_>>();
    let first: Vec<_> = (0..4)
        .map(|author| dag.add(author, 1, genesis(author)))
        .collect();
    let [a, b, c, l] = first[..] else {
        unreachable!("four blocks")
    };
    let second =
        [vec![a, b, c], vec![b, a, c], vec![c, a, b], vec![l, a, b]].map(|parents| parents);
    let second: Vec<_> = second
        .into_iter()
        .enumerate()
        .map(|(author, p)| dag.add(author, 2, p))
        .collect();
    let [a, b, c, d] = second[..] else {
        unreachable!("four blocks")
    };
    // Members 0, 1 and 3 go on without member 2.
    let mut below = [a, b, d];
    for round in 3..8 {
        below = [(0, 0), (1, 1), (2, 3)].map(|(own, author)| {
            let others = (0..3)
                .filter(|&other| other != own)
                .map(|other| below[other]);
            dag.add(
                author,
                round,
                [below[own]].into_iter().chain(others).collect(),
            )
        });
    }
    let schedule = crate::reference::Schedule {
        known: vec![0, 3, 0, 0, 0, 1, 0, 1, 0],
        coin: vec![0; 9],
    };
    let without = dag.closure(below);
    let mut with = without.clone();
    with.insert(c);
    with.union(&dag.blocks[c].cone);
    let verdict = |row: &Row, mask| {
        crate::reference::View::new(&dag, row, mask).decide(|_| Some(Mode::S), &schedule)[1]
    };
    let literal = repaired.clone().with(EvidenceWithoutFastPath);
    assert_eq!(verdict(&literal, &with), Verdict::Skip);
    assert_eq!(verdict(&literal, &without), Verdict::Commit(l));
    assert_eq!(verdict(&repaired, &with), Verdict::Skip);
    assert_eq!(verdict(&repaired, &without), Verdict::Skip);
}

#[test]
fn stalled_s_rule_fails_over_to_the_coin_and_returns() {
    let rows = [
        Row::arbitrary(4, 1, 0),
        Row::arbitrary(7, 2, 0),
        Row::hybrid(3, 1),
        Row::hybrid(5, 2),
    ];
    for row in rows {
        let report = stall(1, &row);
        println!("n {} {:?}", row.n, report);
        let coin = |mode: &Mode| *mode == Mode::A;
        let first = report.modes.iter().position(coin).expect("fails over");
        let last = report.modes.iter().rposition(coin).expect("fails over");
        // The attack fills intervals 6 to 15.
        assert!(
            (7..=9).contains(&first),
            "fails over within three intervals: {report:?}"
        );
        assert!(
            (16..=18).contains(&last),
            "returns within three intervals: {report:?}"
        );
        for (tip, settled) in report.progress {
            let lag_max = match tip {
                0..=60 | 181.. => 3,
                61..=99 => 40,
                _ => 12,
            };
            assert!(
                settled + lag_max >= tip,
                "settled {settled} at round {tip}, n {}",
                row.n
            );
        }
    }
}

#[test]
fn generation_is_a_function_of_its_arguments() {
    let row = Row::arbitrary(4, 1, 0);
    let run = |seed| {
        let generated = generate(seed, &row, 13, Pattern::Mixed, WEAK);
        (generated.dag.specs(), generated.leaders(), generated.modes)
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn specs_list_valid_blocks_after_their_parents() {
    for seed in 0..50 {
        let row = Row::arbitrary(7, 2, 0);
        let generated = generate(seed, &row, 13, Pattern::Mixed, WEAK);
        let specs = generated.dag.specs();
        assert_eq!(Dag::from_specs(row.n, row.q, &specs).specs(), specs);
        for (index, spec) in specs.iter().enumerate() {
            assert_eq!(spec.round == 0, index < row.n);
            assert!(spec.parents.iter().all(|&parent| parent < index));
            let round = spec.round.try_into().unwrap();
            let author = spec.author.into();
            let is_valid = generated.dag.is_valid(author, round, &spec.parents, true);
            assert!(round == 0 || is_valid, "{spec:?}");
        }
    }
}

#[test]
fn least_of_the_given_digests_is_supported() {
    // Member 0 makes twins, members 1 and 2 cite one each, member 1 then meets both.
    let mut dag = Dag::new(4, 3);
    let twins = [(); 2].map(|()| dag.add(0, 1, vec![0, 1, 2, 3]));
    let others = [1, 2, 3].map(|author| dag.add(author, 1, vec![author, (author + 1) % 4, 0]));
    let one = dag.add(1, 2, vec![others[0], twins[0], others[1]]);
    let two = dag.add(2, 2, vec![others[1], twins[1], others[2]]);
    let both = dag.add(1, 3, vec![one, two]);
    for (least, other) in [(twins[0], twins[1]), (twins[1], twins[0])] {
        let mut digests = vec![[7; 32]; dag.blocks.len()];
        (digests[least], digests[other]) = ([1; 32], [2; 32]);
        assert_eq!(dag.with_digests(&digests).support(both, 0, 1), Some(least));
    }
}

#[test]
fn sub_views_are_causally_closed_and_their_prefix_is_a_prefix() {
    let row = Row::arbitrary(4, 1, 0);
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    for seed in 0..100 {
        let generated = generate(seed, &row, 16, Pattern::Mixed, NO_OPTIONS);
        let full = generated.verdicts(&generated.dag.everything());
        let mask = generated.sub_view(&mut rng);
        for (index, block) in generated.dag.blocks.iter().enumerate() {
            let closed = block.parents.iter().all(|&parent| mask.contains(parent));
            assert!(closed || !mask.contains(index));
        }
        let verdicts = generated.verdicts(&mask);
        let settled = frontier(&verdicts);
        assert_eq!(verdicts[..=settled], full[..=settled]);
    }
}
