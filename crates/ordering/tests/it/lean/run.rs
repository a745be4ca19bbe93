use std::ops::Range;

use maftia_ordering::{Committer, Mode, Modes, Rule, Schedule, Verdict, View};
use maftia_types::{Round, SiteSet};

use super::dag::{Bits, Held, LeanDag, ROUNDS};
use super::dice::Dice;
use super::grow::{Committee, Generator};

/// Views drawn per DAG, besides the one that holds everything.
const VIEWS: usize = 6;

/// Which rule decides the slots. Known leaders and the coin's are the same, those that the
/// adversary aims at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rules {
    Known,
    Coin,
    /// Drawn for each slot.
    Mixed,
}

impl Rules {
    fn modes(self, seed: u64) -> Modes {
        match self {
            Self::Known => Modes::all(Mode::S),
            Self::Coin => Modes::all(Mode::A),
            Self::Mixed => {
                let (mut modes, mut dice) = (Modes::by_interval(1), Dice::new(seed ^ 0x5A));
                for interval in 0..ROUNDS as u64 {
                    modes.learn(interval, dice.pick(&[Mode::S, Mode::A]));
                }
                modes
            }
        }
    }
}

/// What a range of seeds showed.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Seen {
    pub(crate) dags: u64,
    /// Seeds on which a view settles a slot unlike the view that holds everything.
    pub(crate) disagreements: u64,
    pub(crate) first_disagreement: Option<u64>,
    /// Sums over the DAGs, of the view that holds everything.
    pub(crate) rounds: u64,
    pub(crate) decided: u64,
    pub(crate) skipped: u64,
    pub(crate) committed_fast: u64,
}

impl Seen {
    pub(crate) fn add(&mut self, more: &Self) {
        self.dags += more.dags;
        self.disagreements += more.disagreements;
        self.first_disagreement = self.first_disagreement.or(more.first_disagreement);
        self.rounds += more.rounds;
        self.decided += more.decided;
        self.skipped += more.skipped;
        self.committed_fast += more.committed_fast;
    }

    pub(crate) fn mean(&self, sum: u64) -> f64 {
        sum as f64 / self.dags as f64
    }
}

type Verdicts = [Verdict<u8>; ROUNDS + 1];

/// Checks the DAGs of some seeds. Stops at the first disagreement if `hasty`.
pub(crate) fn run(committee: &Committee, rules: Rules, seeds: Range<u64>, hasty: bool) -> Seen {
    let rule = Rule::new(committee.resilience(), true).unwrap();
    let mut seen = Seen::default();
    for seed in seeds {
        let agree = check(committee, (rule, rules), seed, &mut seen);
        seen.dags += 1;
        if !agree {
            seen.disagreements += 1;
            seen.first_disagreement = seen.first_disagreement.or(Some(seed));
            if hasty {
                break;
            }
        }
    }
    seen
}

fn check(committee: &Committee, (rule, rules): (Rule, Rules), seed: u64, seen: &mut Seen) -> bool {
    let generator = Generator::of(committee, seed);
    let dag = &generator.dag;
    let schedule = Schedule::fixed(generator.leaders());
    let committer = Committer::new(rule, schedule, Round(0));
    let mut committer = committer.with_modes(rules.modes(seed));
    if rules != Rules::Known {
        for (round, leader) in (0..).map(Round).zip(generator.leaders()) {
            committer.learn_coin(round, leader);
        }
    }
    let mut everything = Bits::default();
    for block in &dag.blocks {
        everything.unite(&block.cone);
    }
    let everything = Held::new(dag, everything);
    let Some(full) = verdicts(&committer, &everything) else {
        return false;
    };
    note(&generator, &everything, &full, seen);
    let mut dice = Dice::new(!seed);
    (0..VIEWS).all(|_| {
        let view = Held::new(dag, sub_view(committee, dag, &mut dice));
        verdicts(&committer, &view).is_some_and(|verdicts| agree(&verdicts, &full))
    })
}

/// What the engine's committer makes of a view, from nothing. `None` if it raises the alarm.
fn verdicts(committer: &Committer<u8>, view: &Held) -> Option<Verdicts> {
    let mut committer = committer.clone();
    let prefix = committer.advance(view).ok()?;
    let mut verdicts = [Verdict::Undecided; ROUNDS + 1];
    let above = committer.undelivered().iter().map(|(r, v)| (*r, *v));
    for (round, verdict) in prefix.into_iter().chain(above) {
        verdicts[round.0 as usize] = verdict;
    }
    Some(verdicts)
}

/// Whatever a view settles, a larger one settles alike.
fn agree(view: &Verdicts, full: &Verdicts) -> bool {
    let mut both = view.iter().zip(full);
    both.all(|(view, full)| *view == Verdict::Undecided || view == full)
}

fn note(generator: &Generator, view: &Held, verdicts: &Verdicts, seen: &mut Seen) {
    seen.rounds += generator.dag.top() as u64;
    for (round, verdict) in (0..).map(Round).zip(verdicts) {
        seen.decided += u64::from(*verdict != Verdict::Undecided);
        seen.skipped += u64::from(*verdict == Verdict::Skip);
        let Verdict::Commit(block) = verdict else {
            continue;
        };
        let leader = view.author(block);
        assert_eq!(
            leader.index(),
            generator.leader(round),
            "the leader's block"
        );
        let votes = |voter: &u8| view.vote(voter, leader) == Some(*block);
        let voters = view.blocks(round.next()).filter(votes);
        let voters: SiteSet = voters.map(|voter| view.author(&voter)).collect();
        let missing = generator.committee.sites - voters.len();
        seen.committed_fast += u64::from(missing <= generator.committee.slack);
    }
}

/// The histories of one to four blocks of two adjacent rounds, of a quorum of blocks of one round,
/// or of more of them.
fn sub_view(committee: &Committee, dag: &LeanDag, dice: &mut Dice) -> Bits {
    let round = 4 + dice.below(dag.top().max(4) - 3);
    let kind = dice.below(10);
    let (lowest, count) = match kind {
        0..3 => (round, committee.quorum),
        3..5 => (round, committee.quorum + dice.below(committee.sites)),
        _ => (round - 1, 1 + dice.below(4)),
    };
    let (first, last) = (dag.round(lowest).start, dag.round(round).end);
    let mut held = Bits::default();
    for _ in 0..count {
        let tip = first + dice.below((last - first).into()) as u8;
        held.unite(&dag.block(tip).cone);
    }
    held
}
