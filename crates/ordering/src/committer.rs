use std::collections::{BTreeMap, BTreeSet};

use maftia_protocol::planted;
use maftia_types::{Alarm, Round, SiteId};

use crate::block::BlockRef;
use crate::heads::TWINS_MAX;
use crate::modes::Modes;
use crate::rule::{Mode, Rule, Verdict};
use crate::schedule::{Leaders, Schedule};
use crate::view::View;

/// What [`Committer::first`] has found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum First<B> {
    /// This verdict.
    Verdict(Verdict<B>),
    /// Nothing: these coins are needed.
    Wants(Vec<Round>),
}

/// Turns the accepted blocks into the sequence of slot verdicts. Idempotent: asking again with the
/// same blocks changes nothing, and a settled verdict never changes.
#[derive(Clone, Debug)]
pub struct Committer<B = BlockRef> {
    rule: Rule,
    schedule: Schedule,
    modes: Modes,
    /// Whom the coin names in the rounds above the settled prefix, as far as is known.
    coins: BTreeMap<Round, SiteId>,
    settled: Round,
    decided: BTreeMap<Round, Verdict<B>>,
    /// On which blocks direct verdicts rest, by the blocks' round, of authors with many there.
    deciders: BTreeMap<Round, BTreeSet<B>>,
    /// How many blocks the view had received at the last decision; none if something else has
    /// become known since.
    seen: Option<u64>,
}

impl<B: Copy + Ord + std::fmt::Debug> Committer<B> {
    /// Starts above `settled`, the last slot whose verdict has been acted upon. Decides by the S
    /// rule.
    pub const fn new(rule: Rule, schedule: Schedule, settled: Round) -> Self {
        Self {
            rule,
            schedule,
            modes: Modes::all(Mode::S),
            coins: BTreeMap::new(),
            settled,
            decided: BTreeMap::new(),
            deciders: BTreeMap::new(),
            seen: None,
        }
    }

    /// Decides each slot by the rule that `modes` says, and none of which it says nothing.
    #[must_use]
    pub fn with_modes(self, modes: Modes) -> Self {
        Self { modes, ..self }
    }

    /// Whom the coin names as the leader of a round. It must never be another one.
    pub fn learn_coin(&mut self, round: Round, leader: SiteId) {
        if round > self.settled && self.coins.insert(round, leader).is_none() {
            self.seen = None;
        }
    }

    /// Which rule decides an interval's slots. It must never be another one.
    pub fn learn_mode(&mut self, interval: u64, mode: Mode) {
        self.modes.learn(interval, mode);
        self.seen = None;
    }

    /// Who leads an interval's slots of the S rule, from now on. Must never be another.
    pub(crate) fn learn_leaders(&mut self, interval: u64, length: u64, leaders: Leaders) {
        self.schedule.learn(interval, length, leaders);
        self.seen = None;
    }

    /// Forgets the modes and leaders of settled intervals.
    pub(crate) fn forget(&mut self, before: u64) {
        self.modes.forget(before);
        self.schedule.forget(before);
    }

    /// The verdict of the first slot above the settled prefix, and no more work for it than needed:
    /// later slots are looked at only if it needs an anchor. For logs in which few slots matter.
    ///
    /// # Errors
    /// As [`Self::advance`].
    pub(crate) fn first(&mut self, view: &impl View<Block = B>) -> Result<First<B>, Alarm> {
        let round = self.settled.next();
        let direct = match self.decided.get(&round) {
            Some(verdict) => *verdict,
            None => {
                let direct = self.direct(view, round)?;
                self.note_deciders(view, round, &direct);
                direct
            }
        };
        if direct != Verdict::Undecided || !self.rule.coin_is_readable(view, round) {
            return Ok(First::Verdict(direct));
        }
        let mut wanted = self.wanted_coins(view);
        if wanted.first() == Some(&round) {
            wanted.truncate(1);
            return Ok(First::Wants(wanted));
        }
        wanted.retain(|above| *above >= round.plus(self.wave(Mode::A)));
        if !wanted.is_empty() {
            return Ok(First::Wants(wanted));
        }
        if self.seen != Some(view.inserted()) {
            self.decide(view)?;
            self.seen = Some(view.inserted());
        }
        let verdict = self.decided.get(&round).copied();
        Ok(First::Verdict(verdict.unwrap_or(Verdict::Undecided)))
    }

    /// Takes the slots up to a round as settled.
    pub(crate) fn pass(&mut self, round: Round) {
        self.settled = self.settled.max(round);
        self.decided = self.decided.split_off(&self.settled.next());
        self.coins = self.coins.split_off(&self.settled.next());
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
        if self.seen != Some(view.inserted()) {
            self.decide(view)?;
            self.seen = Some(view.inserted());
        }
        let mut prefix = Vec::new();
        while let Some(verdict) = self.decided.remove(&self.settled.next()) {
            self.settled = self.settled.next();
            self.coins.remove(&self.settled);
            prefix.push((self.settled, verdict));
        }
        Ok(prefix)
    }

    /// The rounds whose coin may be read in the view and would help to decide.
    pub fn wanted_coins(&self, view: &impl View<Block = B>) -> Vec<Round> {
        let lowest = self.settled.next().0;
        let highest = view.tip().minus(self.wave(Mode::A) - 1).0;
        let rounds = (lowest..=highest).map(Round);
        rounds
            .filter(|round| self.modes.of(*round) == Some(Mode::A))
            .filter(|round| !self.coins.contains_key(round))
            .filter(|round| self.rule.coin_is_readable(view, *round))
            .collect()
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
                    self.note_deciders(view, round, &verdict);
                    self.decided.insert(round, verdict);
                }
            }
            round = round.minus(1);
        }
        Ok(())
    }

    /// Keeps in mind on which blocks a direct verdict rests, where an author has more than others
    /// are sent in any case.
    fn note_deciders(&mut self, view: &impl View<Block = B>, round: Round, verdict: &Verdict<B>) {
        let Some((mode, leader)) = self.leader(view, round) else {
            return;
        };
        let slot = (mode, leader, round);
        for (at, block) in self.rule.deciders(view, TWINS_MAX, slot, verdict) {
            self.deciders.entry(at).or_default().insert(block);
        }
    }

    /// After a start: on which blocks the verdicts rest that were settled before, as far as it is
    /// known who led those slots.
    pub(crate) fn recall(&mut self, view: &impl View<Block = B>, from: Round) {
        let has_twins = |round: u64| {
            let authors = view.authors(Round(round)).len();
            view.blocks(Round(round)).nth(authors).is_some()
        };
        for round in from.next().0..=self.settled.0 {
            // Nearly always there is nothing to recall.
            let mut above = round + 1..round + self.wave(Mode::A);
            if above.any(has_twins)
                && let Ok(verdict) = self.direct(view, Round(round))
            {
                self.note_deciders(view, Round(round), &verdict);
            }
        }
    }

    /// Whether a direct verdict rests on a block, of an author with many at its round.
    pub(crate) fn is_decider(&self, round: Round, block: &B) -> bool {
        let here = self.deciders.get(&round);
        here.is_some_and(|deciders| deciders.contains(block))
    }

    /// Forgets what verdicts rest on at or below a round.
    pub(crate) fn forget_deciders(&mut self, round: Round) {
        self.deciders = self.deciders.split_off(&round.next());
    }

    /// Which rule decides a slot, and who leads it. None while either is unknown, or the coin may
    /// not be read yet.
    fn leader(&self, view: &impl View<Block = B>, round: Round) -> Option<(Mode, SiteId)> {
        let mode = self.modes.of(round)?;
        let leader = match mode {
            Mode::S => self.schedule.leader(round),
            Mode::A if !self.rule.coin_is_readable(view, round) => return None,
            Mode::A => *self.coins.get(&round)?,
        };
        Some((mode, leader))
    }

    fn direct(&self, view: &impl View<Block = B>, round: Round) -> Result<Verdict<B>, Alarm> {
        let Some((mode, leader)) = self.leader(view, round) else {
            return Ok(Verdict::Undecided);
        };
        let direct = self.rule.direct(view, mode, leader, round);
        direct.map_err(|contradiction| {
            let text = format!("slot {round}: {contradiction:?}: more than f sites are intruded");
            Alarm { text }
        })
    }

    /// The first slot at the anchor floor or above that is not skipped decides, if it is committed.
    /// The floor is that of the slot's own rule, not of the anchor's.
    fn through_anchor(&self, view: &impl View<Block = B>, round: Round, top: Round) -> Verdict<B> {
        let Some((mode, leader)) = self.leader(view, round) else {
            return Verdict::Undecided;
        };
        let mut floor = self.wave(mode) - u64::from(planted("anchor floor one too low"));
        if planted("coin anchors at the S floor") {
            floor = self.wave(Mode::S);
        }
        let mut above = round.plus(floor);
        while above <= top {
            match self.decided.get(&above) {
                Some(Verdict::Skip) => above = above.next(),
                Some(Verdict::Commit(anchor)) => {
                    return self.rule.indirect(view, anchor, (mode, leader), round);
                }
                Some(Verdict::Undecided) | None => return Verdict::Undecided,
            }
        }
        Verdict::Undecided
    }

    const fn wave(&self, mode: Mode) -> u64 {
        mode.wave(self.rule.resilience())
    }

    /// The last slot whose verdict has been given out.
    pub const fn settled(&self) -> Round {
        self.settled
    }

    /// Who leads a round.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// Which rule decides a round's slot, if it is known.
    pub fn mode(&self, round: Round) -> Option<Mode> {
        self.modes.of(round)
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
