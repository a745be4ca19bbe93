use std::collections::BTreeMap;

use maftia_types::{ClientId, Incarnation, Sequence};

use crate::item::RequestId;
use crate::limits::QUEUED_BYTES_PER_KEY;

/// What this site has queued or sent for clients and not seen executed: local, lost at a crash
/// (clients ask again).
#[derive(Debug, Default)]
pub(crate) struct Intake {
    sessions: BTreeMap<ClientId, Queue>,
    bytes: BTreeMap<u32, usize>,
}

/// Commits after which a request that was queued and not executed may be queued again: what the
/// log dropped, or a state transfer jumped over, must not lock its client out here.
const REQUEUE_COMMITS: u64 = 256;

#[derive(Debug)]
struct Queue {
    incarnation: Incarnation,
    queued: BTreeMap<Sequence, Queued>,
}

#[derive(Clone, Copy, Debug)]
struct Queued {
    /// Whether the body was queued, or only a vouch.
    body: bool,
    bytes: usize,
    /// The latest commit when it was queued.
    since: u64,
}

impl Intake {
    /// Whether this is news: no vouch was queued yet, or no body and here is one. Takes the bytes
    /// from the client key's quota.
    pub(crate) fn admit(&mut self, id: &RequestId, body: bool, bytes: usize, commit: u64) -> bool {
        let used = self.bytes.get(&id.client.key).copied().unwrap_or(0);
        if used + bytes > QUEUED_BYTES_PER_KEY {
            return false;
        }
        let fresh = || Queue {
            incarnation: id.incarnation,
            queued: BTreeMap::new(),
        };
        let queue = self.sessions.entry(id.client).or_insert_with(fresh);
        if queue.incarnation < id.incarnation {
            let freed: usize = queue.queued.values().map(|queued| queued.bytes).sum();
            *queue = fresh();
            free(&mut self.bytes, id.client.key, freed);
        }
        let known = queue.queued.get(&id.sequence).copied();
        let fresh = |known: Queued| known.since + REQUEUE_COMMITS > commit;
        let known = known.filter(|known| fresh(*known));
        if id.incarnation < queue.incarnation || known.is_some_and(|known| known.body || !body) {
            return false;
        }
        let replaced = queue
            .queued
            .get(&id.sequence)
            .map_or(0, |queued| queued.bytes);
        let kept = known.map_or(0, |known| known.bytes);
        let queued = Queued {
            body,
            bytes: kept + bytes,
            since: commit,
        };
        queue.queued.insert(id.sequence, queued);
        let used = self.bytes.entry(id.client.key).or_default();
        *used = (*used + kept + bytes).saturating_sub(replaced);
        true
    }

    /// The request was executed, refused or forgotten. Gives whether this site had its body.
    pub(crate) fn settle(&mut self, id: &RequestId) -> bool {
        let Some(queue) = self.sessions.get_mut(&id.client) else {
            return false;
        };
        if queue.incarnation != id.incarnation {
            return false;
        }
        let Some(queued) = queue.queued.remove(&id.sequence) else {
            return false;
        };
        if queue.queued.is_empty() {
            self.sessions.remove(&id.client);
        }
        free(&mut self.bytes, id.client.key, queued.bytes);
        queued.body
    }
}

fn free(bytes: &mut BTreeMap<u32, usize>, key: u32, freed: usize) {
    if let Some(used) = bytes.get_mut(&key) {
        *used = used.saturating_sub(freed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(incarnation: u64, sequence: u64) -> RequestId {
        RequestId {
            client: ClientId { key: 0, session: 0 },
            incarnation: Incarnation(incarnation),
            sequence: Sequence(sequence),
        }
    }

    #[test]
    fn queues_a_vouch_once_and_then_a_body_once() {
        let mut intake = Intake::default();
        assert!(intake.admit(&id(1, 1), false, 50, 0));
        assert!(!intake.admit(&id(1, 1), false, 50, 0));
        assert!(intake.admit(&id(1, 1), true, 500, 0));
        assert!(!intake.admit(&id(1, 1), true, 500, 0));
        assert!(!intake.admit(&id(1, 1), false, 50, 0));
        assert!(intake.settle(&id(1, 1)));
        assert!(!intake.settle(&id(1, 1)));
    }

    #[test]
    fn a_key_cannot_queue_beyond_its_quota_and_gets_it_back() {
        let mut intake = Intake::default();
        assert!(intake.admit(&id(1, 1), true, QUEUED_BYTES_PER_KEY, 0));
        assert!(!intake.admit(&id(1, 2), true, 1, 0));
        assert!(intake.settle(&id(1, 1)));
        assert!(intake.admit(&id(1, 2), true, 1, 0));
        assert!(intake.admit(&id(2, 1), true, QUEUED_BYTES_PER_KEY - 1, 0));
        assert!(
            !intake.admit(&id(1, 3), false, 1, 0),
            "an older incarnation is over"
        );
    }

    #[test]
    fn what_the_log_dropped_may_be_queued_again() {
        let mut intake = Intake::default();
        assert!(intake.admit(&id(1, 1), true, 500, 10));
        assert!(!intake.admit(&id(1, 1), true, 500, 9 + REQUEUE_COMMITS));
        assert!(intake.admit(&id(1, 1), true, 500, 10 + REQUEUE_COMMITS));
        assert!(
            intake.admit(&id(1, 2), true, QUEUED_BYTES_PER_KEY - 500, 0),
            "counted once"
        );
    }

    #[test]
    fn a_key_over_its_quota_leaves_nothing_behind() {
        let mut intake = Intake::default();
        assert!(intake.admit(&id(1, 1), true, QUEUED_BYTES_PER_KEY, 0));
        let mut other = id(1, 1);
        for session in 1..100 {
            other.client.session = session;
            assert!(!intake.admit(&other, true, 1, 0));
        }
        assert_eq!(intake.sessions.len(), 1);
    }
}
