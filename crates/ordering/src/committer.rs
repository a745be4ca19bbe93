use std::collections::BTreeMap;

use maftia_protocol::planted;
use maftia_types::{Alarm, Round};

use crate::block::BlockRef;
use crate::rule::{self, Rule, Verdict};
use crate::schedule::Schedule;
use crate::view::View;

/// Turns the accepted blocks into the sequence of slot verdicts. Idempotent: asking again with the
/// same blocks changes nothing, and a settled verdict never changes.
#[derive(Clone, Debug)]
pub struct Committer<B = BlockRef> {
    rule: Rule,
    schedule: Schedule,
    settled: Round,
    decided: BTreeMap<Round, Verdict<B>>,
    /// How many blocks the view had received at the last decision.
    seen: u64,
}

impl<B: Copy + Ord + std::fmt::Debug> Committer<B> {
    /// Starts above `settled`, the last slot whose verdict has been acted upon.
    pub const fn new(rule: Rule, schedule: Schedule, settled: Round) -> Self {
        Self {
            rule,
            schedule,
            settled,
            decided: BTreeMap::new(),
            seen: 0,
        }
    }

    /// Decides what can be decided and gives the verdicts that extend the settled prefix, in slot
    /// order. Each is given once. Always of one view, to which blocks are added.
    ///
    /// # Errors
    /// An [`Alarm`] if a decided slot would change its verdict, or has what commits two blocks or
    /// both commits and skips it: impossible while at most f sites are faulty.
    pub fn advance(
        &mut self,
        view: &impl View<Block = B>,
    ) -> Result<Vec<(Round, Verdict<B>)>, Alarm> {
        if self.seen != view.inserted() {
            self.decide(view)?;
            self.seen = view.inserted();
        }
        let mut prefix = Vec::new();
        while let Some(verdict) = self.decided.remove(&self.settled.next()) {
            self.settled = self.settled.next();
            prefix.push((self.settled, verdict));
        }
        Ok(prefix)
    }

    /// The verdict of every slot above the settled prefix, highest first considered, as `decide()`
    /// of `protocols.md` §2.3. A skipped or otherwise committed slot never gains a direct commit.
    fn decide(&mut self, view: &impl View<Block = B>) -> Result<(), Alarm> {
        let top = view.tip();
        let mut round = top;
        while round > self.settled {
            let direct = self.direct(view, round)?;
            match (self.decided.get(&round), direct) {
                (Some(_), Verdict::Undecided) => {}
                (Some(before), now) if *before == now => {}
                (Some(before), now) => {
                    let text = format!(
                        "slot {round} was decided {before:?} and is now {now:?}: more than f sites \
                         are intruded"
                    );
                    return Err(Alarm { text });
                }
                (None, Verdict::Undecided) => {
                    let verdict = self.through_anchor(view, round, top);
                    if verdict != Verdict::Undecided {
                        self.decided.insert(round, verdict);
                    }
                }
                (None, verdict) => {
                    self.decided.insert(round, verdict);
                }
            }
            round = round.minus(1);
        }
        Ok(())
    }

    fn direct(&self, view: &impl View<Block = B>, round: Round) -> Result<Verdict<B>, Alarm> {
        let leader = self.schedule.leader(round);
        let direct = self.rule.direct(view, leader, round);
        direct.map_err(|contradiction| {
            let text = format!("slot {round}: {contradiction:?}: more than f sites are intruded");
            Alarm { text }
        })
    }

    /// The first slot at the anchor floor or above that is not skipped decides, if it is committed.
    fn through_anchor(&self, view: &impl View<Block = B>, round: Round, top: Round) -> Verdict<B> {
        let floor = rule::WAVE - u64::from(planted("anchor floor one too low"));
        let mut above = round.plus(floor);
        while above <= top {
            match self.decided.get(&above) {
                Some(Verdict::Skip) => above = above.next(),
                Some(Verdict::Commit(anchor)) => {
                    let leader = self.schedule.leader(round);
                    return self.rule.indirect(view, anchor, leader, round);
                }
                Some(Verdict::Undecided) | None => return Verdict::Undecided,
            }
        }
        Verdict::Undecided
    }

    /// The last slot whose verdict has been given out.
    pub const fn settled(&self) -> Round {
        self.settled
    }

    /// Who leads a round.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// Whether a slot above the settled prefix is decided.
    pub fn is_decided(&self, round: Round) -> bool {
        round <= self.settled || self.decided.contains_key(&round)
    }

    /// The verdicts above the settled prefix that are known already.
    pub const fn undelivered(&self) -> &BTreeMap<Round, Verdict<B>> {
        &self.decided
    }
}
