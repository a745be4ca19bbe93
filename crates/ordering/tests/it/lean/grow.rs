use maftia_types::{FaultModel, Resilience, Round, SiteId};

use super::dag::{LeanDag, ROUNDS, site};
use super::dice::Dice;
use super::plan::{Plan, plans};

/// A group whose first members are faulty: the rules do not tell members apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Committee {
    pub(crate) sites: usize,
    pub(crate) intruded: usize,
    pub(crate) quorum: usize,
    pub(crate) slow_quorum: usize,
    pub(crate) slack: usize,
    /// Whether V6 is kept.
    pub(crate) exclusion: bool,
}

impl Committee {
    pub(crate) fn new(sites: usize, intruded: usize) -> Self {
        let model = FaultModel::Arbitrary;
        let resilience = Resilience::new(model, sites, intruded, 0).unwrap();
        Self {
            sites,
            intruded,
            quorum: resilience.quorum(),
            slow_quorum: resilience.slow_path_quorum(),
            slack: resilience.fast_path().unwrap().slack(),
            exclusion: true,
        }
    }

    pub(crate) fn without_exclusion(self) -> Self {
        Self {
            exclusion: false,
            ..self
        }
    }

    pub(crate) fn resilience(&self) -> Resilience {
        Resilience::new(FaultModel::Arbitrary, self.sites, self.intruded, 0).unwrap()
    }
}

/// Grows one DAG that faulty members and a hostile network could have caused.
#[derive(Clone, Debug)]
pub(crate) struct Generator {
    pub(crate) committee: Committee,
    pub(crate) dag: LeanDag,
    pub(crate) dice: Dice,
    pub(crate) plans: [Plan; ROUNDS + 1],
    pub(crate) aimed: bool,
    /// How strictly an aimed run follows its plans, in percent of choices.
    pub(crate) discipline: usize,
    /// Whether members cite old blocks and skip rounds, as far as every round keeps a quorum.
    pub(crate) weak_links: bool,
}

impl Generator {
    /// The DAG of a seed.
    pub(crate) fn of(committee: &Committee, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let aimed = dice.percent(75);
        let plans = plans(committee, aimed, &mut dice);
        let discipline = if aimed { dice.pick(&[80, 95, 100]) } else { 75 };
        let weak_links = dice.percent(25);
        let mut generator = Self {
            committee: *committee,
            dag: LeanDag::new(committee.sites),
            dice,
            plans,
            aimed,
            discipline,
            weak_links,
        };
        for round in 1..=ROUNDS {
            generator.round(round);
        }
        generator
    }

    /// Who leads each round; as many as the rules ever ask about.
    pub(crate) fn leaders(&self) -> Vec<SiteId> {
        self.plans.iter().map(|plan| site(plan.leader)).collect()
    }

    /// The leader of a round.
    pub(crate) fn leader(&self, round: Round) -> usize {
        self.plans[round.0 as usize].leader.into()
    }

    fn round(&mut self, round: usize) {
        for author in 0..self.committee.intruded {
            for copy in 0..self.copies(author, round) {
                self.block(author, round, copy);
            }
        }
        let absent = self.absent(round);
        for author in self.committee.intruded..self.committee.sites {
            if absent >> author & 1 == 0 {
                let made = self.block(author, round, 0);
                assert!(made, "a correct member can always build on a quorum");
            }
        }
    }

    /// How many twins a faulty member makes.
    fn copies(&mut self, author: usize, round: usize) -> usize {
        let plan = &self.plans[round];
        match plan.split && usize::from(plan.leader) == author {
            true => 2,
            false => self.dice.pick(&[0, 1, 2, 2, 3]),
        }
    }

    /// Correct members that make no block: never so many that a round lacks a quorum of authors
    /// that V6 cannot exclude.
    fn absent(&mut self, round: usize) -> u16 {
        let Committee {
            sites, intruded, ..
        } = self.committee;
        if !self.weak_links {
            return 0;
        }
        let is_safe = |author: &usize| {
            let twins_below = self.dag.slot(*author, round - 1).len() > 1;
            !self.dag.slot(*author, round).is_empty() && !twins_below
        };
        let mut spare = (0..intruded).filter(is_safe).count() + sites - intruded;
        spare -= self.committee.quorum;
        let mut absent = 0;
        for author in intruded..sites {
            if spare > 0 && self.dice.percent(10) {
                absent |= 1 << author;
                spare -= 1;
            }
        }
        absent
    }
}
