//! A site that has lost its log never signs a second block for a round (`protocols.md` §2.11 with
//! corrections 10 and 11).
//!
//! # Model
//! A block of round r needs blocks of q authors of round r − 1, its author's own among them if there
//! is one; that is all that is kept of blocks. What a site holds is at least its own blocks: the
//! checker lets it hold no more, since a higher round shown only raises the floor. Intruded sites
//! sign whenever a quorum lets them and answer that they hold nothing. Any correct site may lose its
//! log at any time, again and again, while no more than f + c sites are intruded or recovering.
//! Answers are of the moment after the loss: later ones show no lower rounds.

use maftia_types::{FaultModel, Resilience};
use stateright::{Checker as _, Model, Property};

use crate::slow;

/// The rounds of the controls. Of three rounds a block of the first or second can be lost, and a
/// second one signed for the third.
const ROUNDS: usize = 5;

/// What of the rule is taken away.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Weaker {
    answers: usize,
    floor: usize,
    recovering_sites_answer: bool,
}

struct Amnesia {
    resilience: Resilience,
    /// The last of the sites are.
    intruded: usize,
    weaker: Weaker,
    rounds: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Site {
    /// It holds its own blocks, and others of lower rounds.
    Well { highest: usize },
    /// It has no log, and signs nothing.
    Lost,
    /// It signs above this round only. It still counts as recovering.
    Above { floor: usize },
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Group {
    sites: Vec<Site>,
    /// By round: who has signed a block there.
    signed: Vec<u32>,
    /// A correct site has signed two.
    twins: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Event {
    Signs { site: usize, round: usize },
    Loses { site: usize },
    Hears { site: usize, from: u32 },
}

impl Amnesia {
    fn new(n: usize, (f, c): (usize, usize), intruded: usize, weaker: Weaker) -> Self {
        Self {
            resilience: Resilience::new(FaultModel::Arbitrary, n, f, c).unwrap(),
            intruded,
            weaker,
            rounds: ROUNDS,
        }
    }

    fn with_rounds(self, rounds: usize) -> Self {
        Self { rounds, ..self }
    }

    fn is_intruded(&self, site: usize) -> bool {
        site >= self.resilience.sites() - self.intruded
    }

    /// The round that an answer shows, if one comes.
    fn shown(&self, site: usize, group: &Group) -> Option<usize> {
        match group.sites[site] {
            _ if self.is_intruded(site) => Some(0),
            Site::Well { highest } => Some(highest),
            Site::Lost | Site::Above { .. } => self.weaker.recovering_sites_answer.then_some(0),
        }
    }

    fn may_sign(&self, group: &Group, site: usize, round: usize) -> bool {
        let above = match group.sites[site] {
            Site::Well { highest } => highest,
            Site::Lost => return false,
            Site::Above { floor } => floor,
        };
        let below = if round == 1 {
            u32::MAX
        } else {
            group.signed[round - 2]
        };
        round > above && below.count_ones() as usize >= self.resilience.quorum()
    }

    /// Sets of sites that may have answered: each as large as needed and no larger.
    fn answers(&self, group: &Group, asker: usize) -> Vec<u32> {
        let n = self.resilience.sites();
        let needed = self.resilience.amnesia_responders() - self.weaker.answers;
        let sets = (0..1_u32 << n).filter(|set| set.count_ones() as usize == needed);
        let answers = |site: usize| site != asker && self.shown(site, group).is_some();
        sets.filter(|set| (0..n).all(|site| set >> site & 1 == 0 || answers(site)))
            .collect()
    }
}

impl Model for Amnesia {
    type State = Group;
    type Action = Event;

    fn init_states(&self) -> Vec<Group> {
        vec![Group {
            sites: vec![Site::Well { highest: 0 }; self.resilience.sites()],
            signed: vec![0; self.rounds],
            twins: false,
        }]
    }

    fn actions(&self, group: &Group, events: &mut Vec<Event>) {
        let sites = 0..self.resilience.sites();
        let faulty = |site: &usize| {
            self.is_intruded(*site) || !matches!(group.sites[*site], Site::Well { .. })
        };
        let room = sites.clone().filter(faulty).count() < self.resilience.faulty_max();
        for site in sites {
            let rounds = (1..=self.rounds).filter(|round| self.may_sign(group, site, *round));
            events.extend(rounds.map(|round| Event::Signs { site, round }));
            match group.sites[site] {
                Site::Well { highest } if highest > 0 && room && !self.is_intruded(site) => {
                    events.push(Event::Loses { site });
                }
                Site::Lost => {
                    let answers = self.answers(group, site).into_iter();
                    events.extend(answers.map(|from| Event::Hears { site, from }));
                }
                Site::Well { .. } | Site::Above { .. } => {}
            }
        }
    }

    fn next_state(&self, group: &Group, event: Event) -> Option<Group> {
        let mut next = group.clone();
        match event {
            Event::Signs { site, round } => {
                let signed = &mut next.signed[round - 1];
                next.twins |= *signed >> site & 1 == 1;
                *signed |= 1 << site;
                next.sites[site] = Site::Well { highest: round };
            }
            Event::Loses { site } => next.sites[site] = Site::Lost,
            Event::Hears { site, from } => {
                let heard = (0..self.resilience.sites()).filter(|other| from >> other & 1 == 1);
                let highest = heard.filter_map(|other| self.shown(other, group)).max();
                let floor = highest.unwrap_or(0) + 1 - self.weaker.floor;
                next.sites[site] = Site::Above { floor };
            }
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("one block a round", |_, group: &Group| !group.twins),
            Property::sometimes(
                "a site that lost its log may sign again",
                |model: &Self, group: &Group| {
                    let returns = |site: usize| {
                        let above = matches!(group.sites[site], Site::Above { .. });
                        above && (1..=model.rounds).any(|round| model.may_sign(group, site, round))
                    };
                    (0..model.resilience.sites()).any(returns)
                },
            ),
        ]
    }
}

/// Whether the checker finds two blocks of one correct site in a round.
fn finds_twins(model: Amnesia) -> bool {
    let what = format!(
        "{:?}, {} intruded, {:?}",
        model.resilience, model.intruded, model.weaker
    );
    let checker = model.checker().threads(2).spawn_bfs().join();
    println!("{what}: {} states", checker.unique_state_count());
    checker.assert_any_discovery("a site that lost its log may sign again");
    checker.discovery("one block a round").is_some()
}

const AS_WRITTEN: Weaker = Weaker {
    answers: 0,
    floor: 0,
    recovering_sites_answer: false,
};

#[test]
fn a_site_that_lost_its_log_never_signs_twice_for_a_round() {
    let mut groups = vec![(3, (0, 1), 0, 5), (4, (1, 0), 0, 4), (5, (0, 2), 0, 3)];
    if slow() {
        let large = [
            (4, (1, 0), 0, 5),
            (5, (0, 2), 0, 4),
            (6, (1, 1), 1, 3),
            (6, (1, 1), 0, 3),
        ];
        groups.extend(large);
    }
    for (n, faulty, intruded, rounds) in groups {
        let model = Amnesia::new(n, faulty, intruded, AS_WRITTEN).with_rounds(rounds);
        assert!(!finds_twins(model), "n = {n}, (f, c) = {faulty:?}");
    }
}

#[test]
fn one_answer_fewer_is_too_few() {
    let weaker = Weaker {
        answers: 1,
        ..AS_WRITTEN
    };
    assert!(finds_twins(Amnesia::new(6, (1, 1), 1, weaker)));
}

#[test]
fn a_floor_one_round_lower_is_too_low() {
    let weaker = Weaker {
        floor: 1,
        ..AS_WRITTEN
    };
    assert!(finds_twins(Amnesia::new(4, (1, 0), 0, weaker)));
}

#[test]
fn correction_11_answers_of_recovering_sites_must_not_count() {
    let weaker = Weaker {
        recovering_sites_answer: true,
        ..AS_WRITTEN
    };
    assert!(finds_twins(Amnesia::new(5, (0, 2), 0, weaker)));
}
