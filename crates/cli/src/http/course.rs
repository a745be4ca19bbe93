use std::time::Duration;

use super::{Answer, Problem};
use crate::failure::Exit;

/// A request that was rejected is sent this often before we say so: a queue that is full for a
/// moment is not worth a person's time, one that stays full is.
const REJECTIONS_MAX: u32 = 8;
/// Executed, with the answer no longer kept.
const GONE: u16 = 410;
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// What sending a request twice would do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Effect {
    /// It changes nothing.
    Reads,
    /// It may be sent any number of times.
    WritesAlike,
    /// Only the id the agent gives makes a repetition safe.
    WritesOnce,
}

/// What came of one attempt.
#[derive(Debug)]
pub(super) enum Reply {
    Answer(Answer),
    /// It cannot have reached the agent.
    NotReached(String),
    /// It may have reached the agent, and no answer came.
    Lost(String),
}

#[derive(Debug)]
pub(super) enum Next {
    Return(Result<Answer, Problem>),
    Again { after: Duration },
}

/// The attempts at one request so far.
#[derive(Debug)]
pub(super) struct Course {
    effect: Effect,
    request_id: Option<String>,
    /// An attempt may have happened.
    in_doubt: bool,
    rejections: u32,
    attempts: u32,
}

impl Course {
    /// A request repeated under an id was in doubt before.
    pub(super) fn new(effect: Effect, request_id: Option<String>) -> Self {
        Self {
            effect,
            in_doubt: request_id.is_some(),
            request_id,
            rejections: 0,
            attempts: 0,
        }
    }

    pub(super) fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// What to do after a reply with this much time left.
    pub(super) fn judge(&mut self, reply: Reply, left: Duration) -> Next {
        self.attempts += 1;
        let answer = match reply {
            Reply::Answer(answer) => answer,
            Reply::NotReached(why) if self.in_doubt => return self.doubt(&why, left),
            Reply::NotReached(why) => return Next::Return(Err(Problem::no_agent(&why))),
            Reply::Lost(why) => return self.doubt(&why, left),
        };
        match answer.status {
            200..=299 => Next::Return(Ok(answer)),
            429 | 503 => self.rejected(&answer, left),
            504 => {
                self.request_id = answer.request_id().or(self.request_id.take());
                let why = Problem::answered(&answer).to_string();
                self.doubt(&why, left)
            }
            GONE => Next::Return(Err(self.gone(&answer))),
            400..=499 => Next::Return(Err(self.refused(&answer))),
            _ if self.effect == Effect::Reads => Next::Return(Err(Problem::answered(&answer))),
            _ => {
                let id = answer.request_id().or(self.request_id.take());
                let why = Problem::answered(&answer).to_string();
                Next::Return(Err(Problem::unknown(&why, id)))
            }
        }
    }

    /// It was executed, and what came of it is no longer known.
    fn gone(&self, answer: &Answer) -> Problem {
        let mut problem = Problem::answered(answer);
        if self.effect != Effect::Reads {
            problem.exit = Exit::Unknown;
        }
        problem
    }

    /// A refusal says what became of the request, unless the agent has lost track of it.
    fn refused(&self, answer: &Answer) -> Problem {
        let problem = Problem::answered(answer);
        if problem.is_id_unknown() {
            return Problem::unknown(&problem.to_string(), None);
        }
        problem
    }

    /// This attempt did not happen; an earlier one may have.
    fn rejected(&mut self, answer: &Answer, left: Duration) -> Next {
        self.rejections += 1;
        let after = self.pause();
        let problem = Problem::answered(answer);
        if problem.is_transient() && self.rejections < REJECTIONS_MAX && after < left {
            return Next::Again { after };
        }
        if !self.in_doubt {
            return Next::Return(Err(problem));
        }
        let why = problem.to_string();
        Next::Return(Err(Problem::unknown(&why, self.request_id.take())))
    }

    fn doubt(&mut self, why: &str, left: Duration) -> Next {
        let harmless = self.effect != Effect::WritesOnce || self.request_id.is_some();
        self.in_doubt |= self.effect != Effect::Reads;
        let after = self.pause();
        if harmless && after < left {
            return Next::Again { after };
        }
        Next::Return(Err(match self.effect {
            Effect::Reads => Problem::failed("no-answer", format!("no answer in time: {why}"))
                .next("maftia status; a longer --timeout"),
            Effect::WritesAlike | Effect::WritesOnce => {
                Problem::unknown(why, self.request_id.take())
            }
        }))
    }

    /// Doubles, and differs between threads that were rejected together.
    fn pause(&self) -> Duration {
        let doublings = self.attempts.saturating_sub(1).min(10);
        let pause = (PAUSE_FIRST * 2u32.pow(doublings)).min(PAUSE_MAX);
        pause.mul_f64(rand::random_range(0.5..=1.0))
    }
}

impl Problem {
    /// Whether the outcome is open.
    pub(crate) fn is_unknown(&self) -> bool {
        self.exit == Exit::Unknown
    }
}

#[cfg(test)]
#[path = "course_tests.rs"]
mod tests;
