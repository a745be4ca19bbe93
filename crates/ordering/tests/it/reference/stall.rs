//! A network that delivers everything except that each known leader gets too few votes.

use std::collections::BTreeSet;

use rand::{RngExt, SeedableRng, seq::IteratorRandom};
use rand_chacha::ChaCha8Rng;

use super::dag::Dag;
use super::modes::control;
use super::row::{Family, Row};
use super::view::{Mode, Schedule, View, frontier};

/// Rounds before, during and after the attack.
const PHASES: [usize; 3] = [60, 100, 60];
/// Rounds of an interval.
pub(crate) const INTERVAL: usize = 10;
/// Rounds between two observations.
const STRIDE: usize = 20;

/// What a member sees as the run goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct StallReport {
    /// Mode by interval at the end of the run.
    pub(crate) modes: Vec<Mode>,
    /// (highest round, last settled slot), every 20 rounds.
    pub(crate) progress: Vec<(usize, usize)>,
}

/// Runs 60 calm rounds, 100 under attack and 60 calm ones.
pub(crate) fn stall(seed: u64, row: &Row) -> StallReport {
    let (dag, schedule) = attacked(seed, row);
    observe(&dag, row, &schedule)
}

/// The DAG of such a run, with who leads.
pub(crate) fn attacked(seed: u64, row: &Row) -> (Dag, Schedule) {
    let (n, rounds) = (row.n, PHASES.iter().sum::<usize>());
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let author = |index: usize| u8::try_from(index % n).unwrap();
    let margin = row.wave_a() + INTERVAL;
    let schedule = Schedule {
        known: (0..rounds + margin).map(author).collect(),
        coin: (0..rounds + margin)
            .map(|_| author(rng.random_range(0..n)))
            .collect(),
    };
    let mut dag = Dag::new(n, row.q);
    for round in 1..=rounds {
        let attacked = (PHASES[0] + 1..=PHASES[0] + PHASES[1]).contains(&round);
        let leader = schedule.leader(Mode::S, round - 1);
        // The leader and f others vote (f − 1 where f + 1 votes would commit).
        let others = row.f - usize::from(row.family == Family::Single);
        let mut voters: BTreeSet<usize> = (0..n)
            .filter(|&a| a != leader)
            .sample(&mut rng, others)
            .into_iter()
            .collect();
        voters.insert(leader);
        for author in 0..n {
            let votes = !attacked || voters.contains(&author);
            let chosen = (0..n).filter(|&parent| votes || parent != leader);
            let mut parents: Vec<_> = chosen.map(|parent| dag.by(parent, round - 1)[0]).collect();
            let own = parents
                .iter()
                .position(|&p| dag.blocks[p].author == author)
                .unwrap();
            parents.swap(0, own);
            assert!(dag.is_valid(author, round, &parents, row.excludes_equivocators()));
            dag.add(author, round, parents);
        }
    }
    (dag, schedule)
}

fn observe(dag: &Dag, row: &Row, schedule: &Schedule) -> StallReport {
    let mut report = StallReport {
        modes: Vec::new(),
        progress: Vec::new(),
    };
    for tip in (STRIDE..=dag.top()).step_by(STRIDE) {
        let view = View::new(dag, row, &dag.closure(dag.at[tip].iter().copied()));
        let control = control(&view, INTERVAL, schedule);
        let verdicts = view.decide(|round| control.mode(INTERVAL, round), schedule);
        report.progress.push((tip, frontier(&verdicts)));
        assert!(
            control.modes.starts_with(&report.modes),
            "modes are agreed and never change"
        );
        report.modes = control.modes;
    }
    report
}
