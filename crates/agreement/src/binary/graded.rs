use maftia_protocol::{Event, Protocol, Step, Target};
use maftia_types::{Resilience, Time};

use super::{AgreementError, Crusade, Crusader, CrusaderMessage, GradedMessage};
use crate::votes::{Votes, taken};
use crate::{Misbehaviour, Taken};

/// A crusader agreement that also says whether its value is everybody's. See the [module](super).
pub struct Graded {
    resilience: Resilience,
    crusader: Crusader,
    /// Whether G5 follows: not over a common coin, and no more once it has given.
    is_graded: bool,
    /// What G4 gave, until G5 gives.
    crusade: Option<Crusade>,
    echo4: Votes<Option<bool>>,
}

impl Graded {
    /// With G5.
    pub fn new(resilience: Resilience) -> Self {
        Self::with(resilience, true)
    }

    /// With or without G5.
    pub(super) fn with(resilience: Resilience, is_graded: bool) -> Self {
        Self {
            resilience,
            crusader: Crusader::new(resilience),
            is_graded,
            crusade: None,
            echo4: Votes::new(),
        }
    }

    /// Whether this site has given its input.
    pub const fn has_input(&self) -> bool {
        self.crusader.has_input()
    }

    fn absorb(&mut self, step: &mut Step<Self>, child: Step<Crusader>) {
        for crusade in step.absorb(child, GradedMessage::Crusader, |taken| taken) {
            if self.is_graded {
                step.send(Target::All, GradedMessage::Echo4(crusade.value));
                self.crusade = Some(crusade);
            } else {
                step.outputs.push(crusade);
            }
        }
        self.grade(step);
    }

    /// G5
    fn grade(&mut self, step: &mut Step<Self>) {
        if self.crusade.is_none() {
            return;
        }
        let counted = |value: bool| {
            let counts = self.crusader.is_third_of_one_correct(value);
            usize::from(counts) * self.echo4.count(|echo| *echo == Some(value))
        };
        let (no, yes) = (counted(false), counted(true));
        let nothing =
            usize::from(self.crusader.both_approved()) * self.echo4.count(Option::is_none);
        let quorum = self.resilience.quorum();
        if no + yes + nothing < quorum {
            return;
        }
        let value = match (no, yes) {
            (0, 0) => None,
            _ => Some(yes > no),
        };
        if let Some(crusade) = self.crusade.take() {
            step.outputs.push(Crusade {
                value,
                is_certain: no.max(yes) >= quorum,
                ..crusade
            });
            self.is_graded = false;
        }
    }
}

impl Protocol for Graded {
    type Command = bool;
    type Message = GradedMessage;
    type Output = Crusade;
    type Record = Taken;
    type Misbehaviour = Misbehaviour;
    type Error = AgreementError;

    fn command(&mut self, now: Time, value: bool) -> Result<Step<Self>, AgreementError> {
        let child = self.crusader.command(now, value)?;
        let mut step = Step::none();
        self.absorb(&mut step, child);
        Ok(step)
    }

    fn handle(&mut self, now: Time, event: Event<GradedMessage>) -> Step<Self> {
        let mut step = Step::none();
        let Event::Message { from, message } = event else {
            return step;
        };
        match message {
            GradedMessage::Crusader(message) => {
                let child = self
                    .crusader
                    .handle(now, Event::<CrusaderMessage>::Message { from, message });
                self.absorb(&mut step, child);
            }
            GradedMessage::Echo4(value) => {
                // Over a common coin, and once G5 has given, it says nothing: no record of it.
                if self.is_graded && taken(&mut step, from, self.echo4.cast(from, value)) {
                    self.grade(&mut step);
                }
            }
        }
        step
    }
}
