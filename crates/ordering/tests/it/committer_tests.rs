//! The engine's committer against the reference model: equal verdicts on every view of every DAG.

use maftia_crypto::SigningKey;
use maftia_ordering::{
    Block, BlockRef, Committer, Dag, Header, Mode, Modes, Rule, Schedule, Verdict, payload_digest,
};
use maftia_protocol::plant;
use maftia_types::{Digest, Epoch, FaultModel, Resilience, Round, SiteId};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

use crate::reference::Mode as ModelMode;
use crate::reference::{self, Bits, Family, Generated, Mutation, Options, Pattern, Row, generate};

const CONFIG: Digest = Digest([4; 32]);
const ROUNDS: usize = 13;
/// Waves of five rounds need more of them to be seen.
const COIN_ROUNDS: usize = 16;
/// Views drawn per DAG, besides the one that holds everything.
const VIEWS: usize = 6;
/// DAGs per row in the quick run, and per planted bug.
const DAGS: u64 = 300;
const SLOW_FACTOR: u64 = 50;

/// The engine's own form of a generated DAG.
pub(crate) struct Twin {
    pub(crate) generated: Generated,
    pub(crate) model: reference::Dag,
    blocks: Vec<Arc<Block>>,
}

impl Twin {
    /// Signs a block for each of the model's, and gives the model their digests: so both break ties
    /// alike.
    pub(crate) fn new(generated: Generated) -> Self {
        let n = generated.row.n;
        let mut blocks: Vec<Arc<Block>> = SiteId::all(n)
            .map(|author| Block::genesis(CONFIG, Epoch(0), author))
            .collect();
        for (place, spec) in generated.dag.specs().iter().enumerate().skip(n) {
            let header = Header {
                config: CONFIG,
                epoch: Epoch(0),
                round: Round(spec.round),
                author: SiteId::new(spec.author).unwrap(),
                parents: spec
                    .parents
                    .iter()
                    .map(|p| blocks[*p].reference())
                    .collect(),
                payload_digest: payload_digest(&[]),
                payload_len: 0,
                commit_vote: None,
                checkpoint_vote: None,
                time_ms: place as u64,
                coin_shares: Vec::new(),
            };
            blocks.push(Block::sign(header, &SigningKey::mock(spec.author.into())));
        }
        let digests: Vec<[u8; 32]> = blocks.iter().map(|b| *b.digest().as_bytes()).collect();
        let model = generated.dag.with_digests(&digests);
        Self {
            generated,
            model,
            blocks,
        }
    }

    /// Knows every coin: what keeps it from reading one is the view alone.
    fn committer(&self) -> Committer {
        let Row {
            n, f, c, fast_path, ..
        } = self.generated.row;
        let site = |index: &u8| SiteId::new(*index).unwrap();
        let schedule = &self.generated.schedule;
        let known = Schedule::fixed(schedule.known.iter().map(site).collect());
        let resilience = Resilience::new(self.model(), n, f, c).unwrap();
        let rule = Rule::new(resilience, fast_path).unwrap();
        let mut modes = Modes::by_interval(1);
        for (interval, mode) in (0..).zip(self.generated.modes.iter().skip(1)) {
            let mode = match mode {
                ModelMode::S => Mode::S,
                ModelMode::A => Mode::A,
            };
            modes.learn(interval, mode);
        }
        let mut committer = Committer::new(rule, known, Round(0)).with_modes(modes);
        for (round, leader) in (0..).map(Round).zip(&schedule.coin) {
            committer.learn_coin(round, site(leader));
        }
        committer
    }

    fn model(&self) -> FaultModel {
        let row = &self.generated.row;
        match row.family {
            Family::Arbitrary => FaultModel::Arbitrary,
            Family::Single if row.c > 0 => FaultModel::Crash,
            Family::Single => FaultModel::Hybrid,
        }
    }

    pub(crate) fn empty_dag(&self) -> Dag {
        Dag::genesis(CONFIG, Epoch(0), self.generated.row.n).with_support()
    }

    /// The blocks of a view above the geneses, parents first.
    pub(crate) fn view<'a>(&'a self, mask: &'a Bits) -> impl Iterator<Item = &'a Arc<Block>> {
        let held = |(place, _): &(usize, &Arc<Block>)| mask.contains(*place);
        let geneses = self.generated.row.n;
        self.blocks
            .iter()
            .enumerate()
            .skip(geneses)
            .filter(held)
            .map(|(_, block)| block)
    }

    /// What the engine decides in a view, by round, from nothing.
    fn engine(&self, mask: &Bits) -> Result<Vec<Verdict>, String> {
        let mut dag = self.empty_dag();
        for block in self.view(mask) {
            dag.insert(Arc::clone(block), None, false);
        }
        let mut committer = self.committer();
        let prefix = committer.advance(&dag).map_err(|alarm| alarm.text)?;
        Ok(verdicts(dag.tip(), &prefix, &committer))
    }

    /// The same with a decision after each block.
    fn engine_step_by_step(&self, mask: &Bits) -> Result<Vec<Verdict>, String> {
        let mut dag = self.empty_dag();
        let (mut committer, mut prefix) = (self.committer(), Vec::new());
        for block in self.view(mask) {
            dag.insert(Arc::clone(block), None, false);
            prefix.extend(committer.advance(&dag).map_err(|alarm| alarm.text)?);
        }
        Ok(verdicts(dag.tip(), &prefix, &committer))
    }

    /// What the model decides in the same view.
    fn reference(&self, mask: &Bits) -> Vec<Verdict> {
        let name = |block: usize| -> BlockRef { self.blocks[block].reference() };
        let verdicts = self.generated.verdicts_on(&self.model, mask);
        verdicts
            .into_iter()
            .map(|verdict| match verdict {
                reference::Verdict::Commit(block) => Verdict::Commit(name(block)),
                reference::Verdict::Skip => Verdict::Skip,
                reference::Verdict::Undecided => Verdict::Undecided,
            })
            .collect()
    }
}

/// By round, index 0 unused, up to the view's highest round.
fn verdicts(tip: Round, prefix: &[(Round, Verdict)], committer: &Committer) -> Vec<Verdict> {
    let mut all = vec![Verdict::Undecided; usize::try_from(tip.0).unwrap() + 1];
    let above = committer
        .undelivered()
        .iter()
        .map(|(round, verdict)| (*round, *verdict));
    for (round, verdict) in prefix.iter().copied().chain(above) {
        all[usize::try_from(round.0).unwrap()] = verdict;
    }
    all
}

/// A group, the rules of its slots, and what correct members do.
type Case = (Row, Pattern, Options);

/// The first DAG on which the engine and the model differ.
fn first_difference((row, pattern, options): &Case, seeds: std::ops::Range<u64>) -> Option<String> {
    let rounds = match pattern {
        Pattern::S => ROUNDS,
        Pattern::A | Pattern::Mixed => COIN_ROUNDS,
    };
    seeds.into_iter().find_map(|seed| {
        let twin = Twin::new(generate(seed, row, rounds, *pattern, *options));
        let mut rng = ChaCha8Rng::seed_from_u64(!seed);
        let everything = twin.model.everything();
        let views = (0..VIEWS).map(|_| twin.generated.sub_view(&mut rng));
        let views: Vec<Bits> = views.chain([everything]).collect();
        views.iter().find_map(|mask| {
            let expected = Ok(twin.reference(mask));
            let got = [twin.engine(mask), twin.engine_step_by_step(mask)];
            let wrong = got.into_iter().find(|got| *got != expected)?;
            Some(format!("seed {seed}: {wrong:?} instead of {expected:?}"))
        })
    })
}

const PLAIN: Options = Options { weak_links: false };
const WEAK: Options = Options { weak_links: true };

fn slow_rows() -> Vec<Case> {
    let four = Row::arbitrary(4, 1, 0).slow_path_only();
    let seven = Row::arbitrary(7, 2, 0).slow_path_only();
    let rows = [(four.clone(), PLAIN), (four, WEAK), (seven, PLAIN)];
    rows.map(|(row, options)| (row, Pattern::S, options)).into()
}

fn fast_rows() -> Vec<Case> {
    let four = Row::arbitrary(4, 1, 0);
    let rows = [
        (four.clone(), PLAIN),
        (four, WEAK),
        (Row::arbitrary(7, 2, 0), PLAIN),
        (Row::arbitrary(6, 1, 1), PLAIN),
        (Row::arbitrary(10, 3, 0), PLAIN),
    ];
    rows.map(|(row, options)| (row, Pattern::S, options)).into()
}

fn coin_rows() -> Vec<Case> {
    let four = Row::arbitrary(4, 1, 0);
    let rows = [
        (four.clone(), PLAIN),
        (four, WEAK),
        (Row::arbitrary(7, 2, 0), PLAIN),
        (Row::arbitrary(6, 1, 1), PLAIN),
    ];
    rows.map(|(row, options)| (row, Pattern::A, options)).into()
}

fn mixed_rows() -> Vec<Case> {
    let four = Row::arbitrary(4, 1, 0);
    let rows = [
        (four.clone(), PLAIN),
        (four.clone(), WEAK),
        (four.slow_path_only(), PLAIN),
        (Row::arbitrary(7, 2, 0).slow_path_only(), PLAIN),
        (Row::arbitrary(7, 2, 0), PLAIN),
    ];
    let mixed = |(row, options)| (row, Pattern::Mixed, options);
    rows.map(mixed).into()
}

/// The rows in which no site makes two blocks of a round.
fn single_rows(pattern: Pattern) -> Vec<Case> {
    let sizes = [(3, 1), (5, 2), (7, 3)];
    let hybrid = sizes.map(|(n, f)| Row::hybrid(n, f));
    let crash = sizes.map(|(n, c)| Row::crash(n, c));
    let even = [Row::hybrid(4, 1), Row::crash(6, 2)];
    let rows = hybrid.into_iter().chain(crash).chain(even);
    let both = rows.flat_map(|row| [(row.clone(), PLAIN), (row, WEAK)]);
    both.map(|(row, options)| (row, pattern, options)).collect()
}

fn agrees(rows: &[Case], seeds: std::ops::Range<u64>) {
    for case in rows {
        assert_eq!(first_difference(case, seeds.clone()), None, "{case:?}");
    }
}

fn is_caught(bug: &'static str, rows: &[Case]) {
    let found = plant(bug, || {
        rows.iter().find_map(|case| first_difference(case, 0..DAGS))
    });
    assert!(found.is_some(), "\"{bug}\" survives {DAGS} DAGs");
}

fn is_slow() -> bool {
    let slow = std::env::var_os("MAFTIA_SLOW").is_some();
    if !slow {
        println!("skipped: set MAFTIA_SLOW=1");
    }
    slow
}

#[test]
fn the_committer_and_the_reference_give_equal_verdicts() {
    agrees(&slow_rows(), 0..DAGS);
}

#[test]
fn the_committer_and_the_reference_give_equal_verdicts_with_the_fast_path() {
    agrees(&fast_rows(), 0..DAGS);
}

#[test]
fn the_committer_and_the_reference_give_equal_verdicts_with_the_coin() {
    agrees(&coin_rows(), 0..DAGS);
}

#[test]
fn the_committer_and_the_reference_give_equal_verdicts_with_both_rules_mixed() {
    agrees(&mixed_rows(), 0..DAGS);
}

#[test]
fn t18_the_committer_and_the_reference_give_equal_verdicts_in_the_rows_hybrid_and_crash() {
    for pattern in [Pattern::S, Pattern::A, Pattern::Mixed] {
        agrees(&single_rows(pattern), 0..DAGS / 3);
    }
}

/// Two views of which the engine makes two different things, and raises no alarm.
fn disagrees(case: &Case, seeds: std::ops::Range<u64>) -> bool {
    let (row, pattern, options) = case;
    seeds.into_iter().any(|seed| {
        let twin = Twin::new(generate(seed, row, ROUNDS, *pattern, *options));
        let mut rng = ChaCha8Rng::seed_from_u64(!seed);
        let Ok(full) = twin.engine(&twin.model.everything()) else {
            return false;
        };
        (0..VIEWS).any(|_| {
            let view = twin.engine(&twin.generated.sub_view(&mut rng));
            let mut both = view.iter().flatten().zip(&full);
            both.any(|(view, full)| *view != Verdict::Undecided && view != full)
        })
    })
}

#[test]
fn t18_without_seals_the_engine_disagrees_with_itself_in_the_row_hybrid() {
    for (n, f) in [(3, 1), (5, 2), (7, 3)] {
        let case = |row| (row, Pattern::Mixed, PLAIN);
        let broken = Row::hybrid(n, f).with(Mutation::BrokenSeal);
        assert!(
            disagrees(&case(broken), 0..DAGS),
            "n={n}: the seal is not needed"
        );
        assert!(!disagrees(&case(Row::hybrid(n, f)), 0..DAGS), "n={n}");
    }
}

#[test]
fn the_committer_and_the_reference_give_equal_verdicts_slow() {
    if is_slow() {
        for pattern in [Pattern::S, Pattern::A, Pattern::Mixed] {
            agrees(&single_rows(pattern), DAGS / 3..DAGS * SLOW_FACTOR);
        }
        agrees(&coin_rows(), DAGS..DAGS * SLOW_FACTOR);
        agrees(&mixed_rows(), DAGS..DAGS * SLOW_FACTOR);
        agrees(&slow_rows(), DAGS..DAGS * SLOW_FACTOR);
        agrees(&fast_rows(), DAGS..DAGS * SLOW_FACTOR);
    }
}

/// Bugs of the rule with the fast path off.
macro_rules! caught_on_the_slow_path {
    ($($test:ident: $bug:literal;)*) => {$(
        #[test]
        fn $test() {
            is_caught($bug, &slow_rows());
        }
    )*};
}

caught_on_the_slow_path! {
    a_slow_path_quorum_less_one_is_caught: "slow path quorum less one";
    a_skip_quorum_less_one_is_caught: "skip quorum less one";
    a_skip_before_all_votes_are_in_is_caught: "skip before all votes are in";
    an_anchor_floor_one_too_low_is_caught: "anchor floor one too low";
    an_anchor_that_takes_any_vote_is_caught: "indirect accepts any vote";
    counting_blocks_instead_of_authors_is_caught: "blocks counted instead of authors";
}

/// Bugs of the rule with the fast path on, each looked for in every group by itself.
macro_rules! caught_on_the_fast_path {
    ($($test:ident: $bug:literal;)*) => {$(
        #[test]
        fn $test() {
            for row in fast_rows() {
                is_caught($bug, &[row]);
            }
        }
    )*};
}

caught_on_the_fast_path! {
    a_fast_path_quorum_less_one_is_caught: "fast path quorum less one";
    an_evidence_threshold_less_one_is_caught: "evidence threshold less one";
    evidence_that_ignores_twins_is_caught: "evidence ignores twins";
    fast_votes_counted_by_blocks_are_caught: "fast votes counted by blocks";
    an_anchor_that_reads_no_evidence_is_caught: "indirect without evidence";
    a_skip_quorum_less_one_with_the_fast_path_is_caught: "skip quorum less one";
    a_slow_path_quorum_less_one_with_the_fast_path_is_caught: "slow path quorum less one";
}

/// Bugs of the A rule, each looked for in every group by itself.
macro_rules! caught_with_the_coin {
    ($($test:ident: $bug:literal;)*) => {$(
        #[test]
        fn $test() {
            for row in coin_rows() {
                is_caught($bug, &[row]);
            }
        }
    )*};
}

caught_with_the_coin! {
    a_skip_per_twin_is_caught: "coin skip per twin";
    a_coin_quorum_less_one_is_caught: "coin quorum less one";
    an_anchor_at_the_floor_of_the_other_rule_is_caught: "coin anchors at the S floor";
    support_by_arrival_is_caught: "support by arrival";
}

/// Bugs of the rows without twins, each looked for in every group of both by itself.
macro_rules! caught_in_each_row {
    ($($test:ident: $bug:literal, $pattern:ident;)*) => {$(
        #[test]
        fn $test() {
            for case in single_rows(Pattern::$pattern) {
                is_caught($bug, &[case]);
            }
        }
    )*};
}

caught_in_each_row! {
    a_majority_less_one_is_caught: "majority less one", S;
    a_majority_less_one_is_caught_with_the_coin: "majority less one", A;
    a_skip_by_a_majority_is_caught: "majority skips", S;
    a_skip_by_a_majority_is_caught_with_the_coin: "majority skips", A;
    an_anchor_floor_one_too_low_is_caught_in_each_row: "anchor floor one too low", S;
    an_anchor_floor_one_too_low_is_caught_with_the_coin: "anchor floor one too low", A;
    an_anchor_at_the_other_rules_floor_is_caught_in_each_row:
        "coin anchors at the S floor", Mixed;
}
