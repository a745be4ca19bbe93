//! Scenarios and plain facts of the model: one hand-made DAG per claim, the stall, the generator.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::reference::Mutation::EvidenceWithoutFastPath;
use crate::reference::{
    Dag, Mode, Options, Pattern, Row, Schedule, Verdict, View, frontier, generate, stall,
};

const SEED: u64 = 5;
const NO_OPTIONS: Options = Options { weak_links: false };
const WEAK: Options = Options { weak_links: true };

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
    let schedule = Schedule {
        known: vec![0, 3, 0, 0, 0, 1, 0, 1, 0],
        coin: vec![0; 9],
    };
    let without = dag.closure(below);
    let mut with = without.clone();
    with.insert(c);
    with.union(&dag.blocks[c].cone);
    let verdict =
        |row: &Row, mask| View::new(&dag, row, mask).decide(|_| Some(Mode::S), &schedule)[1];
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
