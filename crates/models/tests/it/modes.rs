//! Any two sites know the same modes and settle slots alike (`protocols.md` §2.7 with corrections 3
//! and 4).
//!
//! # Model
//! Four sites, the last of them intruded; intervals of two rounds. The scheduler and the intruder
//! choose, two rounds at a time, how the blocks of the next rounds cite those below: the checker
//! tries every sequence. After each choice the production `Control` and `Committer` decide what they
//! can in every view that a single block gives, in that of all blocks and in that of all blocks
//! before the choice, each from nothing. By induction over the choices, whatever any of these views
//! settles is what all later ones settle.

use maftia_ordering::coin::CoinValue;
use maftia_ordering::control::{Control, ControlState, Outcome};
use maftia_ordering::{Committer, Mode, Modes, Rule, Schedule, Verdict};
use maftia_protocol::plant;
use maftia_types::{FaultModel, Resilience, Round, SiteId};
use stateright::{Checker as _, Model, Property};

use crate::dag::{Blocks, Dag, Held, INTRUDED, SITES};
use crate::slow;

/// The rounds of an interval, and of a choice.
const INTERVAL: usize = 2;

/// How the blocks of a round cite those of the round below. Each cites its author's own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Pattern {
    /// All cite all.
    Calm,
    /// Nobody cites the known leader's.
    KnownStarved,
    /// One site cites it: one vote too few for a commit, one too many for a skip.
    KnownJustShort,
    /// Nobody cites that of the leader whom the coin is going to name.
    CoinStarved,
    /// Nobody but itself cites those of the first site, so that most views lack them.
    Apart,
    /// The intruder has two, and each is cited by one half; then it is silent for a round.
    Twins,
}

const PATTERNS: [Pattern; 6] = [
    Pattern::Calm,
    Pattern::KnownStarved,
    Pattern::KnownJustShort,
    Pattern::CoinStarved,
    Pattern::Apart,
    Pattern::Twins,
];

struct Scheduler {
    intervals: usize,
    /// Whom the coin names in round r: `coin[0] * r + coin[1]`, modulo n.
    coin: [usize; 2],
    planted: Option<&'static str>,
}

/// What a view settles.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Settled {
    modes: Vec<Mode>,
    slots: Vec<Verdict<u8>>,
}

impl Scheduler {
    fn known(round: usize) -> usize {
        round % SITES
    }

    fn named(&self, round: usize) -> usize {
        (self.coin[0] * round + self.coin[1]) % SITES
    }

    fn dag(&self, choices: &[Pattern]) -> Dag {
        let mut dag = Dag::new();
        let patterns = choices.iter().flat_map(|pattern| [*pattern; INTERVAL]);
        for (round, pattern) in (1..).zip(patterns) {
            self.grow(&mut dag, round, pattern);
        }
        dag
    }

    fn grow(&self, dag: &mut Dag, round: usize, pattern: Pattern) {
        let starved = match pattern {
            Pattern::Calm | Pattern::Twins => None,
            Pattern::KnownStarved | Pattern::KnownJustShort => Some(Self::known(round - 1)),
            Pattern::CoinStarved => Some(self.named(round - 1)),
            Pattern::Apart => Some(0),
        };
        let has_twins = pattern == Pattern::Twins && round % INTERVAL == 1;
        for author in 0..SITES {
            if author == INTRUDED && pattern == Pattern::Twins && !has_twins {
                continue;
            }
            let cites = |of: usize| {
                let still = pattern == Pattern::KnownJustShort && author == (of + 1) % SITES;
                of == author || starved != Some(of) || still
            };
            let all = |of| dag.find(of, round - 1, author % 2 == 1);
            let mut parents = std::array::from_fn(|of| all(of).filter(|_| cites(of)));
            if parents.iter().flatten().count() < SITES - 1 {
                parents = std::array::from_fn(all);
            }
            dag.add(author, round, parents);
            if author == INTRUDED && has_twins {
                dag.add(author, round, parents);
            }
        }
    }

    /// All that follows from a view.
    fn settle(&self, view: &Held) -> Settled {
        let judge = || self.judge(view);
        self.planted.map_or_else(judge, |bug| plant(bug, judge))
    }

    fn judge(&self, view: &Held) -> Settled {
        let resilience = Resilience::new(FaultModel::Arbitrary, SITES, 1, 0).unwrap();
        let rule = Rule::new(resilience, false).unwrap();
        let site = |site: usize| SiteId::new(site as u8).unwrap();
        let schedule = Schedule::fixed((0..SITES).map(site).collect());
        let mut control = Control::new(
            (rule, SITES),
            schedule.clone(),
            INTERVAL as u64,
            ControlState::start(),
        );
        let mut modes = Modes::by_interval(INTERVAL as u64);
        let mut known = vec![Mode::S];
        modes.learn(0, Mode::S);
        loop {
            match control.advance(view).unwrap() {
                Outcome::Waiting => break,
                Outcome::Wants(rounds) => {
                    for round in rounds {
                        let mut value = [0; 64];
                        value[63] = self.named(round.0 as usize) as u8;
                        control.learn_coin(round, CoinValue(value));
                    }
                }
                Outcome::Turned { interval, mode, .. } => {
                    modes.learn(interval, mode);
                    known.push(mode);
                }
            }
        }
        let mut committer = Committer::new(rule, schedule, Round(0)).with_modes(modes);
        for round in 0..=self.intervals * INTERVAL {
            committer.learn_coin(Round(round as u64), site(self.named(round)));
        }
        let slots = committer.advance(view).unwrap().into_iter();
        Settled {
            modes: known,
            slots: slots.map(|(_, verdict)| verdict).collect(),
        }
    }

    /// Whether all views of a DAG settle what the largest settles, as far as they do.
    fn agree(&self, choices: &[Pattern]) -> bool {
        let dag = self.dag(choices);
        let top = choices.len() * INTERVAL;
        let all = |round: usize| {
            let tips = dag.of(round).chain(dag.of(round.saturating_sub(1)));
            tips.fold(0, |held, tip| held | dag.cone(tip))
        };
        let full = self.settle(&Held {
            dag: &dag,
            held: all(top),
        });
        let rounds = (top + 1).saturating_sub(INTERVAL)..=top;
        let tips = rounds
            .flat_map(|round| dag.of(round))
            .map(|tip| dag.cone(tip));
        let before = all(top.saturating_sub(INTERVAL));
        tips.chain([before]).all(|held: Blocks| {
            let part = self.settle(&Held { dag: &dag, held });
            full.modes.starts_with(&part.modes) && full.slots.starts_with(&part.slots)
        })
    }

    fn settled(&self, choices: &[Pattern]) -> Settled {
        let dag = self.dag(choices);
        let rounds = 0..=choices.len() * INTERVAL;
        let held = rounds
            .flat_map(|round| dag.of(round))
            .fold(0, |held, tip| held | dag.cone(tip));
        self.settle(&Held { dag: &dag, held })
    }
}

impl Model for Scheduler {
    type State = Vec<Pattern>;
    type Action = Pattern;

    fn init_states(&self) -> Vec<Self::State> {
        vec![Vec::new()]
    }

    fn actions(&self, choices: &Self::State, next: &mut Vec<Pattern>) {
        if choices.len() < self.intervals {
            next.extend(PATTERNS);
        }
    }

    fn next_state(&self, choices: &Self::State, next: Pattern) -> Option<Self::State> {
        let mut choices = choices.clone();
        choices.push(next);
        Some(choices)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("views agree", |model: &Self, choices: &Self::State| {
                model.agree(choices)
            }),
            Property::sometimes(
                "the coin takes over",
                |model: &Self, choices: &Self::State| {
                    model.settled(choices).modes.contains(&Mode::A)
                },
            ),
            Property::sometimes(
                "a slot is the coin's",
                |model: &Self, choices: &Self::State| {
                    let Settled { modes, slots } = model.settled(choices);
                    let first = modes.iter().position(|mode| *mode == Mode::A);
                    first.is_some_and(|interval| slots.len() > interval * INTERVAL)
                },
            ),
        ]
    }
}

fn visit(intervals: usize, coin: [usize; 2]) {
    let checker = Scheduler {
        intervals,
        coin,
        planted: None,
    }
    .checker();
    let checker = checker.threads(2).spawn_bfs().join();
    println!(
        "{intervals} intervals, coin {coin:?}: {} states",
        checker.unique_state_count()
    );
    checker.assert_properties();
}

#[test]
fn views_agree_on_modes_and_slots_whatever_the_scheduler_does() {
    visit(5, [1, 1]);
    if slow() {
        for coin in [[1, 1], [1, 0], [2, 1], [0, 0]] {
            visit(6, coin);
        }
    }
}

#[test]
fn t15_modes_judged_by_what_is_held_are_found_out() {
    let planted = Some("modes judged by what is held");
    let model = Scheduler {
        intervals: 5,
        coin: [1, 1],
        planted,
    };
    let checker = model.checker().threads(2).spawn_bfs().join();
    checker.assert_any_discovery("views agree");
}
