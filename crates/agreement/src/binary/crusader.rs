use maftia_protocol::{Event, Protocol, Step, Target, planted};
use maftia_types::{Resilience, SiteSet, Time};

use super::{AgreementError, CrusaderMessage};
use crate::coin::Bound;
use crate::votes::{Votes, taken};
use crate::{Misbehaviour, Taken};

/// Binding crusader agreement. See the [module](super).
pub struct Crusader {
    resilience: Resilience,
    has_input: bool,
    echo1: Pair<SiteSet>,
    sent1: Pair<bool>,
    approved: Pair<bool>,
    echo2: Votes<bool>,
    sent2: bool,
    echo3: Votes<Option<bool>>,
    sent3: bool,
    is_through: bool,
}

/// What a crusader or graded agreement gives.
#[derive(Debug)]
pub struct Crusade {
    /// w, or none.
    pub value: Option<bool>,
    /// Whether every correct site holds at least this value (graded agreement only).
    pub is_certain: bool,
    /// w is fixed: the coin may be released.
    pub bound: Bound,
}

/// Something for each of the two values.
#[derive(Clone, Copy, Default)]
struct Pair<T>([T; 2]);

impl<T: Copy> Pair<T> {
    const fn of(&self, value: bool) -> T {
        let [no, yes] = self.0;
        if value { yes } else { no }
    }

    const fn at(&mut self, value: bool) -> &mut T {
        let [no, yes] = &mut self.0;
        if value { yes } else { no }
    }
}

impl Crusader {
    /// One in which nothing has happened.
    pub fn new(resilience: Resilience) -> Self {
        Self {
            resilience,
            has_input: false,
            echo1: Pair::default(),
            sent1: Pair::default(),
            approved: Pair::default(),
            echo2: Votes::new(),
            sent2: false,
            echo3: Votes::new(),
            sent3: false,
            is_through: false,
        }
    }

    /// Whether this site has given its input.
    pub const fn has_input(&self) -> bool {
        self.has_input
    }

    /// Whether a quorum vouches for both values.
    pub(super) const fn both_approved(&self) -> bool {
        self.approved.of(false) && self.approved.of(true)
    }

    /// Whether a correct site has said `Echo3` of that value.
    pub(super) fn is_third_of_one_correct(&self, value: bool) -> bool {
        self.echo3.count(|echo| *echo == Some(value)) >= self.resilience.one_correct()
    }

    fn progress(&mut self, step: &mut Step<Self>) {
        if !self.has_input {
            return;
        }
        for value in [false, true] {
            self.first(step, value);
        }
        let quorum = self.resilience.quorum();
        for value in [false, true] {
            // G2
            if self.approved.of(value) && !self.sent2 {
                self.sent2 = true;
                step.send(Target::All, CrusaderMessage::Echo2(value));
            }
        }
        for value in [false, true] {
            let seconds = self.echo2.count(|echo| *echo == value);
            if self.approved.of(value) && seconds >= quorum {
                self.third(step, Some(value)); // G3
            }
        }
        if self.both_approved() {
            self.third(step, None); // G3
        }
        for value in [false, true] {
            let thirds = self.echo3.count(|echo| *echo == Some(value));
            if self.approved.of(value) && thirds >= quorum {
                self.give(step, Some(value)); // G4
            }
        }
        if self.both_approved() && self.echo3.len() >= quorum {
            self.give(step, None); // G4
        }
        if planted("no binding") {
            self.give_unbound(step);
        }
    }

    /// G1
    fn first(&mut self, step: &mut Step<Self>, value: bool) {
        let echoes = self.echo1.of(value).len();
        let amplify = echoes >= self.resilience.one_correct() && !planted("no echo1 amplification");
        if amplify && !self.sent1.of(value) {
            *self.sent1.at(value) = true;
            step.send(Target::All, CrusaderMessage::Echo1(value));
        }
        let slack = usize::from(planted("approval at f")) * (self.resilience.quorum() - 1);
        if echoes >= self.resilience.quorum() - slack {
            *self.approved.at(value) = true;
        }
    }

    fn third(&mut self, step: &mut Step<Self>, value: Option<bool>) {
        if !self.sent3 {
            self.sent3 = true;
            step.send(Target::All, CrusaderMessage::Echo3(value));
        }
    }

    fn give(&mut self, step: &mut Step<Self>, value: Option<bool>) {
        if !self.is_through {
            self.is_through = true;
            step.outputs.push(Crusade {
                value,
                is_certain: false,
                bound: Bound::fixed(),
            });
        }
    }

    /// The planted bug: crusader agreement as of 2014, without `Echo3`.
    fn give_unbound(&mut self, step: &mut Step<Self>) {
        let quorum = self.resilience.quorum();
        let of = |value| self.echo2.count(|echo| *echo == value);
        let counted: usize = [false, true]
            .into_iter()
            .filter(|value| self.approved.of(*value))
            .map(of)
            .sum();
        let (no, yes) = (of(false), of(true));
        if counted >= quorum {
            let value = match (no >= quorum, yes >= quorum) {
                (true, _) => Some(false),
                (_, true) => Some(true),
                _ => None,
            };
            self.give(step, value);
        }
    }
}

impl Protocol for Crusader {
    type Command = bool;
    type Message = CrusaderMessage;
    type Output = Crusade;
    type Record = Taken;
    type Misbehaviour = Misbehaviour;
    type Error = AgreementError;

    fn command(&mut self, _: Time, value: bool) -> Result<Step<Self>, AgreementError> {
        if self.has_input {
            return Err(AgreementError::AlreadyProposed);
        }
        self.has_input = true;
        *self.sent1.at(value) = true;
        let mut step = Step::none();
        step.send(Target::All, CrusaderMessage::Echo1(value));
        self.progress(&mut step);
        Ok(step)
    }

    fn handle(&mut self, _: Time, event: Event<CrusaderMessage>) -> Step<Self> {
        let mut step = Step::none();
        let Event::Message { from, message } = event else {
            return step;
        };
        let counts = match message {
            CrusaderMessage::Echo1(value) => {
                let counts = self.echo1.at(value).insert(from);
                if counts {
                    step.records.push(Taken);
                }
                counts
            }
            CrusaderMessage::Echo2(value) => taken(&mut step, from, self.echo2.cast(from, value)),
            CrusaderMessage::Echo3(value) => taken(&mut step, from, self.echo3.cast(from, value)),
        };
        if counts {
            self.progress(&mut step);
        }
        step
    }
}
