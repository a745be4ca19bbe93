use std::collections::VecDeque;

use maftia_codec::{DecodeError, Reader, Wire, Writer};

use super::{Answer, FINISHED_MAX, FINISHED_MS_MAX, SessionId};

/// The results of sessions that ended, in the order in which they did.
#[derive(Default, Debug, Clone, PartialEq, Eq)]
pub(super) struct Finished(VecDeque<Ended>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Ended {
    session: SessionId,
    at_ms: u64,
    answer: Answer,
}

impl Finished {
    /// Keeps a result, at the price of the oldest one if there are too many.
    pub(super) fn push(&mut self, now_ms: u64, session: SessionId, answer: Answer) {
        if self.0.len() == FINISHED_MAX {
            self.0.pop_front();
        }
        self.0.push_back(Ended {
            session,
            at_ms: now_ms,
            answer,
        });
    }

    /// Forgets results that were kept long enough.
    pub(super) fn forget(&mut self, now_ms: u64) {
        let old = |own: &Ended| now_ms.saturating_sub(own.at_ms) >= FINISHED_MS_MAX;
        while self.0.front().is_some_and(old) {
            self.0.pop_front();
        }
    }

    /// The result of a session.
    pub(super) fn get(&self, session: SessionId) -> Option<&Answer> {
        let mut ended = self.0.iter();
        ended
            .find(|own| own.session == session)
            .map(|own| &own.answer)
    }
}

impl Wire for Finished {
    fn encode(&self, writer: &mut Writer) {
        writer.length(self.0.len());
        for own in &self.0 {
            own.session.encode(writer);
            writer.u64(own.at_ms);
            own.answer.encode(writer);
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let mut finished = VecDeque::new();
        for _ in 0..reader.length("finished sessions", FINISHED_MAX)? {
            finished.push_back(Ended {
                session: SessionId::decode(reader)?,
                at_ms: reader.u64()?,
                answer: Answer::decode(reader)?,
            });
        }
        Ok(Self(finished))
    }
}
