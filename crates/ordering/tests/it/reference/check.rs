//! Looks for two views of one DAG that decide a slot differently.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::fuzz::{Generated, Options, Pattern, generate};
use super::row::{Mutation, Row};
use super::view::Verdict;

/// Views drawn per DAG, besides the one that holds everything.
const VIEWS: usize = 10;

/// What a batch of DAGs showed.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Report {
    pub(crate) dags: usize,
    /// Seeds of the DAGs with a view that decides a slot differently from the view that holds
    /// everything, or decides what the larger view leaves undecided.
    pub(crate) disagreements: Vec<u64>,
    /// Mean highest round reached.
    pub(crate) top_mean: f64,
    /// Mean decided slots of the view that holds everything.
    pub(crate) decided_mean: f64,
    /// Mean skipped slots of the same.
    pub(crate) skipped_mean: f64,
}

/// Checks `dags` DAGs of `rounds` rounds.
pub(crate) fn check(
    seed: u64,
    row: &Row,
    rounds: usize,
    pattern: Pattern,
    options: Options,
    dags: usize,
) -> Report {
    let (mut disagreements, mut tops, mut decided, mut skipped) = (Vec::new(), 0, 0, 0);
    for seed in seeds(seed, dags) {
        let generated = generate(seed, row, rounds, pattern, options);
        let full = generated.verdicts(&generated.dag.everything());
        tops += generated.dag.top();
        decided += full.iter().filter(|verdict| verdict.is_decided()).count();
        skipped += full
            .iter()
            .filter(|&&verdict| verdict == Verdict::Skip)
            .count();
        if disagrees(seed, &generated, &full) {
            disagreements.push(seed);
        }
    }
    let mean = |sum: usize| sum as f64 / dags as f64;
    Report {
        dags,
        disagreements,
        top_mean: mean(tops),
        decided_mean: mean(decided),
        skipped_mean: mean(skipped),
    }
}

/// The seed of the first DAG of the same batch on which views disagree.
pub(crate) fn first_disagreement(
    seed: u64,
    row: &Row,
    rounds: usize,
    pattern: Pattern,
    options: Options,
    dags: usize,
) -> Option<u64> {
    seeds(seed, dags).find(|&seed| {
        let generated = generate(seed, row, rounds, pattern, options);
        let full = generated.verdicts(&generated.dag.everything());
        disagrees(seed, &generated, &full)
    })
}

fn seeds(seed: u64, dags: usize) -> impl Iterator<Item = u64> {
    (0..dags).map(move |offset| (seed << 32) + u64::try_from(offset).unwrap())
}

fn disagrees(seed: u64, generated: &Generated, full: &[Verdict]) -> bool {
    let private_tie_break = generated.row.has(Mutation::PrivateTieBreak);
    let private = private_tie_break.then(|| generated.dag.with_salt(1));
    let dag = private.as_ref().unwrap_or(&generated.dag);
    let mut rng = ChaCha8Rng::seed_from_u64(!seed);
    (0..VIEWS).any(|_| {
        let verdicts = generated.verdicts_on(dag, &generated.sub_view(&mut rng));
        verdicts
            .iter()
            .zip(full)
            .any(|(view, full)| view.is_decided() && view != full)
    })
}
