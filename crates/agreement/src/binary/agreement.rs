use std::collections::BTreeMap;
use std::sync::Arc;

use maftia_protocol::{Event, Protocol, Step, Target, planted};
use maftia_types::{SiteId, Time};

use super::{Crusade, Graded, GradedMessage, Message};
use crate::coin::{Bound, Coin, Flip};
use crate::votes::{Votes, taken};
use crate::{Context, Instance, Misbehaviour, Taken};

/// Binary agreement over a coin. See the [module](super).
pub struct Agreement<C: Coin> {
    context: Context,
    instance: Instance,
    coin: Arc<C>,
    /// The coin of the first round, if all know it beforehand: that value is decided in one round
    /// where all propose it.
    opening: Option<bool>,
    /// The round this site is in; 0 before its proposal.
    round: u32,
    rounds: BTreeMap<u32, RoundOf<C>>,
    decides: Votes<bool>,
    decision: Option<bool>,
    is_halted: bool,
}

struct RoundOf<C: Coin> {
    graded: Graded,
    flip: Flip<C>,
    given: Option<(Option<bool>, bool)>,
}

/// What a local caller can get wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgreementError {
    /// It has proposed in this instance.
    #[error("this site has proposed already")]
    AlreadyProposed,
}

impl<C: Coin> Agreement<C> {
    /// An instance in which nothing has happened.
    pub const fn new(context: Context, instance: Instance, coin: Arc<C>) -> Self {
        Self {
            context,
            instance,
            coin,
            opening: None,
            round: 0,
            rounds: BTreeMap::new(),
            decides: Votes::new(),
            decision: None,
            is_halted: false,
        }
    }

    /// With a coin of the first round that is this value for everybody: a bias towards it. All sites
    /// must say the same. For a common coin; over a local one it changes nothing.
    #[must_use]
    pub const fn opening_with(mut self, value: bool) -> Self {
        self.opening = Some(value);
        self
    }

    /// Whether this site has proposed.
    pub const fn has_proposed(&self) -> bool {
        self.round > 0
    }

    /// The round that this site is in, 0 before its proposal.
    pub const fn round(&self) -> u32 {
        self.round
    }

    /// Whether nobody needs this site's part in the rounds any more.
    pub const fn is_halted(&self) -> bool {
        self.is_halted
    }

    fn of(&mut self, round: u32) -> &mut RoundOf<C> {
        let resilience = *self.context.resilience();
        let (coin, instance) = (&self.coin, self.instance);
        self.rounds.entry(round).or_insert_with(|| RoundOf {
            graded: Graded::with(
                resilience,
                !C::IS_COMMON && !planted("a local coin taken for common"),
            ),
            flip: Flip::new(Arc::clone(coin), instance.part("round", round.into())),
            given: None,
        })
    }

    /// A4
    fn enter(&mut self, step: &mut Step<Self>, now: Time, round: u32, value: bool) {
        self.round = round;
        let child = self.of(round).graded.command(now, value);
        let child = child.expect("a round is entered once");
        self.absorb(step, round, child);
    }

    fn absorb(&mut self, step: &mut Step<Self>, round: u32, child: Step<Graded>) {
        let lift = |message: GradedMessage| Message::Round(round, message);
        for crusade in step.absorb(child, lift, |taken| taken) {
            let Crusade {
                value,
                is_certain,
                bound,
            } = crusade;
            self.of(round).given = Some((value, is_certain));
            self.release(step, round, bound);
        }
    }

    /// A1
    fn release(&mut self, step: &mut Step<Self>, round: u32, bound: Bound) {
        if self.known(round).is_some() {
            return;
        }
        if let Some(share) = self.of(round).flip.release(bound) {
            step.send(Target::All, Message::Share(round, share));
        }
    }

    /// The coin of a round that everybody knows.
    fn known(&self, round: u32) -> Option<bool> {
        self.opening.filter(|_| round == 1 && C::IS_COMMON)
    }

    /// Leaves every round that is through and whose coin has fallen.
    fn turn(&mut self, step: &mut Step<Self>, now: Time) {
        while let Some(value) = self.leave(step) {
            self.enter(step, now, self.round + 1, value);
        }
    }

    /// A2, A3: the value of the next round, if this one is over.
    fn leave(&mut self, step: &mut Step<Self>) -> Option<bool> {
        let round = self.round;
        let known = self.known(round);
        let state = self.rounds.get(&round).filter(|_| round < C::ROUNDS_MAX)?;
        let tossed = state.flip.value();
        let tossed = tossed.map(|value| value.as_bytes().first().is_some_and(|byte| byte & 1 == 1));
        let (given, is_certain) = state.given?;
        let coin = known.or(tossed)?;
        let decides = match given {
            Some(_) if planted("decides without the coin") => true,
            Some(value) => is_certain || (value == coin && !self.is_graded()),
            None => false,
        };
        let value = given.unwrap_or(coin);
        if decides {
            self.decide(step, value);
        }
        Some(value)
    }

    fn is_graded(&self) -> bool {
        !C::IS_COMMON && !planted("a local coin taken for common")
    }

    /// A5
    fn decide(&mut self, step: &mut Step<Self>, value: bool) {
        if self.decision.is_none() {
            self.decision = Some(value);
            step.outputs.push(value);
            step.send(Target::All, Message::Decide(value));
        }
    }

    fn on_decide(&mut self, step: &mut Step<Self>, from: SiteId, value: bool) {
        if !taken(step, from, self.decides.cast(from, value)) {
            return;
        }
        let decided = self.decides.count(|decided| *decided == value);
        let slack = usize::from(planted("adopts a decision of f"));
        if decided >= self.context.resilience().one_correct() - slack {
            self.decide(step, value);
        }
        // A6
        if decided >= self.context.resilience().quorum() {
            self.is_halted = true;
            self.rounds.clear();
        }
    }

    fn is_round(&self, step: &mut Step<Self>, from: SiteId, round: u32) -> bool {
        let is_one = (1..=C::ROUNDS_MAX).contains(&round);
        if !is_one {
            step.blame(from, Misbehaviour::OutOfRange);
        }
        is_one && !self.is_halted
    }
}

impl<C: Coin> Protocol for Agreement<C> {
    type Command = bool;
    type Message = Message<C::Share>;
    type Output = bool;
    type Record = Taken;
    type Misbehaviour = Misbehaviour;
    type Error = AgreementError;

    fn command(&mut self, now: Time, value: bool) -> Result<Step<Self>, AgreementError> {
        if self.has_proposed() {
            return Err(AgreementError::AlreadyProposed);
        }
        let mut step = Step::none();
        if self.is_halted {
            self.round = 1;
        } else {
            self.enter(&mut step, now, 1, value);
            self.turn(&mut step, now);
        }
        Ok(step)
    }

    fn handle(&mut self, now: Time, event: Event<Message<C::Share>>) -> Step<Self> {
        let mut step = Step::none();
        let Event::Message { from, message } = event else {
            return step;
        };
        match message {
            Message::Decide(value) => self.on_decide(&mut step, from, value),
            Message::Round(round, message) => {
                if self.is_round(&mut step, from, round) {
                    let event = Event::Message { from, message };
                    let child = self.of(round).graded.handle(now, event);
                    self.absorb(&mut step, round, child);
                    self.turn(&mut step, now);
                }
            }
            Message::Share(round, share) => {
                if self.is_round(&mut step, from, round) {
                    let (counts, faults) = self.of(round).flip.take(from, share);
                    if counts {
                        step.records.push(Taken);
                    }
                    for (culprit, misbehaviour) in faults {
                        step.blame(culprit, misbehaviour);
                    }
                    self.turn(&mut step, now);
                }
            }
        }
        step
    }
}
