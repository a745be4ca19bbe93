use std::collections::{BTreeMap, VecDeque};

use maftia_types::{ClientId, Incarnation};

use crate::batch::{BatchId, RequestId, Span};
use crate::limits::QUEUED_BYTES_PER_KEY;

/// What this site has queued or sent for clients and not seen executed: local, lost at a crash
/// (clients ask again).
#[derive(Debug, Default)]
pub(crate) struct Intake {
    sessions: BTreeMap<ClientId, Queue>,
    bytes: BTreeMap<u32, usize>,
    /// Of lives that are over: since which commit, whose key, and how many bytes.
    superseded: VecDeque<(u64, u32, usize)>,
}

/// Commits after which a batch that was queued and not executed may be queued again: what the
/// log dropped, or a state transfer jumped over, must not lock its client out here.
const REQUEUE_COMMITS: u64 = 256;

#[derive(Debug)]
struct Queue {
    incarnation: Incarnation,
    queued: BTreeMap<Span, Queued>,
}

#[derive(Clone, Copy, Debug)]
struct Queued {
    /// Whether the bodies were queued, or only a vouch.
    body: bool,
    bytes: usize,
    /// The latest commit when it was queued.
    since: u64,
}

impl Intake {
    /// Whether this is news: no vouch was queued yet, or no bodies and here are they. Takes the
    /// bytes from the client key's quota.
    pub(crate) fn admit(&mut self, id: &BatchId, body: bool, bytes: usize, commit: u64) -> bool {
        let used = self.bytes.get(&id.client.key).copied().unwrap_or(0);
        let counted = self.counted(id);
        if used.saturating_sub(counted) + bytes > QUEUED_BYTES_PER_KEY {
            return false;
        }
        let fresh = || Queue {
            incarnation: id.incarnation,
            queued: BTreeMap::new(),
        };
        let queue = self.sessions.entry(id.client).or_insert_with(fresh);
        if queue.incarnation < id.incarnation {
            // What the former life has queued is in the draft or the log all the same: it counts
            // until it is old.
            let left: usize = queue.queued.values().map(|queued| queued.bytes).sum();
            self.superseded.push_back((commit, id.client.key, left));
            *queue = fresh();
        }
        let known = queue.queued.get(&id.span).copied();
        let replaced = known.map_or(0, |queued| queued.bytes);
        let known = known.filter(|known| known.since + REQUEUE_COMMITS > commit);
        if id.incarnation < queue.incarnation || known.is_some_and(|known| known.body || !body) {
            return false;
        }
        let kept = known.map_or(0, |known| known.bytes);
        let queued = Queued {
            body,
            bytes: kept + bytes,
            since: commit,
        };
        queue.queued.insert(id.span, queued);
        let used = self.bytes.entry(id.client.key).or_default();
        *used = (*used + kept + bytes).saturating_sub(replaced);
        true
    }

    /// Bytes that count for this very batch.
    fn counted(&self, id: &BatchId) -> usize {
        let queue = self.sessions.get(&id.client);
        let queue = queue.filter(|queue| queue.incarnation == id.incarnation);
        let queued = queue.and_then(|queue| queue.queued.get(&id.span));
        queued.map_or(0, |queued| queued.bytes)
    }

    /// Forgets what was queued up to that commit: the log has dropped it without naming it.
    pub(crate) fn expire(&mut self, upto: u64) {
        let bytes = &mut self.bytes;
        self.sessions.retain(|client, queue| {
            let old = queue
                .queued
                .extract_if(.., |_, queued| queued.since <= upto);
            let freed: usize = old.map(|(_, queued)| queued.bytes).sum();
            free(bytes, client.key, freed);
            !queue.queued.is_empty()
        });
        while let Some((_, key, left)) = self.superseded.pop_front_if(|(since, ..)| *since <= upto)
        {
            free(bytes, key, left);
        }
    }

    /// The request was executed, and with it all before it. Gives whether this site had its body.
    pub(crate) fn settle(&mut self, id: &RequestId) -> bool {
        let Some(queue) = self.sessions.get_mut(&id.client) else {
            return false;
        };
        if queue.incarnation != id.incarnation {
            return false;
        }
        // Of batches that overlap, the one that begins last is the one asked for last.
        let upto = Span::longest(id.sequence);
        let newest = queue.queued.range(..=upto).next_back();
        let had = newest.is_some_and(|(span, queued)| queued.body && span.contains(id.sequence));
        let mut freed = 0;
        while let Some(first) = queue.queued.first_entry() {
            if first.key().last() > id.sequence {
                break;
            }
            freed += first.remove().bytes;
        }
        if queue.queued.is_empty() {
            self.sessions.remove(&id.client);
        }
        free(&mut self.bytes, id.client.key, freed);
        had
    }

    /// The batch was refused, or dropped by the log.
    pub(crate) fn forget(&mut self, id: &BatchId) {
        let Some(queue) = self.sessions.get_mut(&id.client) else {
            return;
        };
        if queue.incarnation != id.incarnation {
            return;
        }
        if let Some(queued) = queue.queued.remove(&id.span) {
            free(&mut self.bytes, id.client.key, queued.bytes);
        }
        if queue.queued.is_empty() {
            self.sessions.remove(&id.client);
        }
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
    use maftia_types::Sequence;

    fn batch(incarnation: u64, first: u64, count: u32) -> BatchId {
        BatchId {
            client: ClientId { key: 0, session: 0 },
            incarnation: Incarnation(incarnation),
            span: Span::new(Sequence(first), count).unwrap(),
        }
    }

    fn id(incarnation: u64, sequence: u64) -> BatchId {
        batch(incarnation, sequence, 1)
    }

    fn request(sequence: u64) -> RequestId {
        id(1, sequence).request(Sequence(sequence))
    }

    #[test]
    fn a_batch_is_there_until_its_last_request_is_executed() {
        let mut intake = Intake::default();
        assert!(intake.admit(&batch(1, 1, 3), true, QUEUED_BYTES_PER_KEY, 0));
        for sequence in 1..=3 {
            assert!(!intake.admit(&id(1, 9), true, 1, 0), "{sequence}");
            assert!(intake.settle(&request(sequence)), "{sequence}");
        }
        assert!(intake.admit(&id(1, 9), true, 1, 0));
        assert!(!intake.settle(&request(4)), "this site did not have it");
    }

    #[test]
    fn of_batches_that_overlap_the_later_one_says_who_had_the_body() {
        let mut intake = Intake::default();
        assert!(intake.admit(&batch(1, 1, 3), false, 50, 0));
        assert!(intake.admit(&id(1, 2), true, 500, 0));
        assert!(!intake.settle(&request(1)));
        assert!(intake.settle(&request(2)));
        assert!(!intake.settle(&request(3)));
        assert!(intake.sessions.is_empty());
        assert_eq!(intake.bytes.get(&0), Some(&0));
    }

    #[test]
    fn queues_a_vouch_once_and_then_a_body_once() {
        let mut intake = Intake::default();
        assert!(intake.admit(&id(1, 1), false, 50, 0));
        assert!(!intake.admit(&id(1, 1), false, 50, 0));
        assert!(intake.admit(&id(1, 1), true, 500, 0));
        assert!(!intake.admit(&id(1, 1), true, 500, 0));
        assert!(!intake.admit(&id(1, 1), false, 50, 0));
        assert!(intake.settle(&request(1)));
        assert!(!intake.settle(&request(1)));
    }

    #[test]
    fn a_key_cannot_queue_beyond_its_quota_and_gets_it_back() {
        let mut intake = Intake::default();
        assert!(intake.admit(&id(1, 1), true, QUEUED_BYTES_PER_KEY, 0));
        assert!(!intake.admit(&id(1, 2), true, 1, 0));
        assert!(intake.settle(&request(1)));
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
