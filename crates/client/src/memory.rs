use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use maftia_replica::RequestId;
use maftia_types::{Digest, Time};

use crate::Outcome;
use crate::session::Settled;

/// Most outcomes kept for callers that ask again.
pub const REMEMBERED_MAX: usize = 10_000;
/// Most bytes of results kept with them.
pub const REMEMBERED_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long they are kept.
pub const REMEMBERED_FOR: Duration = Duration::from_secs(600);

/// The latest outcomes.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    outcomes: BTreeMap<RequestId, (Digest, Outcome)>,
    order: VecDeque<(Time, RequestId)>,
    bytes: usize,
}

impl Memory {
    /// Keeps an outcome; a later one replaces an earlier one of the same id.
    pub(crate) fn keep(&mut self, now: Time, settled: &Settled) {
        let size = bytes(&settled.outcome);
        let kept = (settled.digest, settled.outcome.clone());
        match self.outcomes.insert(settled.id, kept) {
            Some((_, before)) => self.bytes = self.bytes.saturating_sub(bytes(&before)),
            None => self.order.push_back((now, settled.id)),
        }
        self.bytes += size;
        self.forget(now);
    }

    /// The digest of the request and its outcome.
    pub(crate) fn get(&self, id: &RequestId) -> Option<&(Digest, Outcome)> {
        self.outcomes.get(id)
    }

    fn forget(&mut self, now: Time) {
        let old = u64::try_from(REMEMBERED_FOR.as_nanos()).unwrap_or(u64::MAX);
        while let Some((at, id)) = self.order.front() {
            let full = self.order.len() > REMEMBERED_MAX || self.bytes > REMEMBERED_BYTES_MAX;
            if !full && now.since(*at).as_nanos() <= old {
                break;
            }
            if let Some((_, outcome)) = self.outcomes.remove(id) {
                self.bytes = self.bytes.saturating_sub(bytes(&outcome));
            }
            self.order.pop_front();
        }
    }
}

fn bytes(outcome: &Outcome) -> usize {
    match outcome {
        Outcome::Committed { result, .. } => result.len(),
        Outcome::Forgotten | Outcome::Rejected(_) | Outcome::Unknown => 0,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use maftia_types::{ClientId, Duration, Incarnation, Sequence};

    use super::*;

    fn settled(sequence: u64, length: usize) -> Settled {
        Settled {
            id: RequestId {
                client: ClientId { key: 0, session: 0 },
                incarnation: Incarnation(1),
                sequence: Sequence(sequence),
            },
            digest: Digest::ZERO,
            outcome: Outcome::Committed {
                position: sequence,
                result: Bytes::from(vec![0; length]),
            },
        }
    }

    #[test]
    fn forgets_the_oldest_beyond_number_bytes_and_age() {
        let mut memory = Memory::default();
        let most = REMEMBERED_MAX as u64;
        (1..=most).for_each(|sequence| memory.keep(Time::ZERO, &settled(sequence, 1)));
        assert!(memory.get(&settled(1, 1).id).is_some());
        memory.keep(Time::ZERO, &settled(most + 1, 1));
        assert!(memory.get(&settled(1, 1).id).is_none());
        assert!(memory.get(&settled(2, 1).id).is_some());

        memory.keep(Time::ZERO, &settled(most + 2, REMEMBERED_BYTES_MAX));
        assert_eq!(memory.outcomes.len(), 1);

        let later = Time::ZERO + Duration::from_secs(601);
        memory.keep(later, &settled(most + 3, 1));
        assert_eq!((memory.outcomes.len(), memory.bytes), (1, 1));
    }
}
