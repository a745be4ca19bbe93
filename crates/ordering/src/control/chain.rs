use maftia_types::{Alarm, Round, SiteId};

use crate::committer::{Committer, First};
use crate::modes::Modes;
use crate::rule::{Mode, Rule, Verdict};
use crate::schedule::Schedule;
use crate::view::View;

/// The log that only finds anchors: every round a slot of the A rule, read no further than needed.
#[derive(Clone, Debug)]
pub(super) struct Chain<B>(Committer<B>);

/// What the chain says of an interval.
pub(super) enum Found<B> {
    /// Not yet.
    Nothing,
    /// The coins of these rounds are needed first.
    Wants(Vec<Round>),
    /// The anchor and its round.
    Anchor(B, Round),
    /// Every slot of the interval is skipped.
    NoAnchor,
}

impl<B: Copy + Ord + std::fmt::Debug> Chain<B> {
    /// Starts above a round.
    pub(super) fn new(rule: Rule, below: Round) -> Self {
        let nobody_known = Schedule::fixed(Vec::new());
        let committer = Committer::new(rule, nobody_known, below);
        Self(committer.with_modes(Modes::all(Mode::A)))
    }

    pub(super) fn learn_coin(&mut self, round: Round, leader: SiteId) {
        self.0.learn_coin(round, leader);
    }

    /// The anchor of the interval that ends with round `last`.
    pub(super) fn anchor(
        &mut self,
        view: &impl View<Block = B>,
        last: u64,
    ) -> Result<Found<B>, Alarm> {
        loop {
            let round = self.0.settled().next();
            if round.0 > last {
                return Ok(Found::NoAnchor);
            }
            match self.0.first(view)? {
                First::Verdict(Verdict::Commit(block)) => return Ok(Found::Anchor(block, round)),
                First::Verdict(Verdict::Skip) => self.0.pass(round),
                First::Verdict(Verdict::Undecided) => return Ok(Found::Nothing),
                First::Wants(rounds) => return Ok(Found::Wants(rounds)),
            }
        }
    }

    /// Whether a verdict of the chain rests on a block, of an author with many at its round.
    pub(super) fn is_decider(&self, round: Round, block: &B) -> bool {
        self.0.is_decider(round, block)
    }

    /// Forgets what verdicts rest on at or below a round.
    pub(super) fn forget_deciders(&mut self, round: Round) {
        self.0.forget_deciders(round);
    }

    /// Reads on above a round.
    pub(super) fn go_to(&mut self, below: Round) {
        self.0.pass(below);
    }
}
