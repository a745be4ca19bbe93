use std::collections::BTreeMap;

use maftia_protocol::planted;
use maftia_types::{Alarm, Resilience, Round};

use crate::dag::Dag;
use crate::history::History;
use crate::rule::{self, Verdict};
use crate::schedule::Schedule;

/// Turns the accepted blocks into the sequence of slot verdicts. Idempotent: asking again with the
/// same blocks changes nothing, and a settled verdict never changes.
#[derive(Clone, Debug)]
pub struct Committer {
    resilience: Resilience,
    schedule: Schedule,
    settled: Round,
    decided: BTreeMap<Round, Verdict>,
    /// How many blocks the DAG had received at the last decision.
    seen: u64,
}

impl Committer {
    /// Starts above `settled`, the last slot whose verdict has been acted upon.
    pub const fn new(resilience: Resilience, schedule: Schedule, settled: Round) -> Self {
        Self {
            resilience,
            schedule,
            settled,
            decided: BTreeMap::new(),
            seen: 0,
        }
    }

    /// Decides what can be decided and gives the verdicts that extend the settled prefix, in slot
    /// order. Each is given once. Always of one DAG, to which blocks are added.
    ///
    /// # Errors
    /// An [`Alarm`] if a decided slot would change its verdict, which is impossible while at most
    /// f sites are faulty.
    pub fn advance(&mut self, dag: &Dag) -> Result<Vec<(Round, Verdict)>, Alarm> {
        if self.seen != dag.inserted() {
            self.decide(dag)?;
            self.seen = dag.inserted();
        }
        let mut prefix = Vec::new();
        while let Some(verdict) = self.decided.remove(&self.settled.next()) {
            self.settled = self.settled.next();
            prefix.push((self.settled, verdict));
        }
        Ok(prefix)
    }

    /// The verdict of every slot above the settled prefix, highest first considered, as `decide()`
    /// of `protocols.md` §2.3.
    fn decide(&mut self, dag: &Dag) -> Result<(), Alarm> {
        let top = dag.tip();
        let mut round = top;
        while round > self.settled {
            if !self.decided.contains_key(&round) {
                let leader = self.schedule.leader(round);
                let mut verdict = rule::direct(dag, &self.resilience, leader, round);
                if verdict == Verdict::Undecided {
                    verdict = self.through_anchor(dag, round, top);
                }
                if verdict != Verdict::Undecided {
                    self.decided.insert(round, verdict);
                }
            }
            round = round.minus(1);
        }
        self.check_certificates(dag)
    }

    /// The first slot at the anchor floor or above that is not skipped decides, if it is committed.
    fn through_anchor(&self, dag: &Dag, round: Round, top: Round) -> Verdict {
        let floor = rule::WAVE - u64::from(planted("anchor floor one too low"));
        let mut above = round.plus(floor);
        while above <= top {
            match self.decided.get(&above) {
                Some(Verdict::Skip) => above = above.next(),
                Some(Verdict::Commit(anchor)) => {
                    let history = History::of(dag, anchor, round, |_| true);
                    let leader = self.schedule.leader(round);
                    return rule::indirect(dag, &self.resilience, &history, leader, round);
                }
                Some(Verdict::Undecided) | None => return Verdict::Undecided,
            }
        }
        Verdict::Undecided
    }

    /// A skipped or otherwise committed slot never gains a direct commit.
    fn check_certificates(&self, dag: &Dag) -> Result<(), Alarm> {
        for (round, verdict) in &self.decided {
            let leader = self.schedule.leader(*round);
            let direct = rule::direct(dag, &self.resilience, leader, *round);
            if direct != Verdict::Undecided && direct != *verdict {
                let text = format!(
                    "slot {round} was decided {verdict:?} and is now {direct:?}: more than f sites \
                     are intruded"
                );
                return Err(Alarm { text });
            }
        }
        Ok(())
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
    pub const fn undelivered(&self) -> &BTreeMap<Round, Verdict> {
        &self.decided
    }
}
