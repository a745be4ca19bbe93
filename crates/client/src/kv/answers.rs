//! How much of longer answers may be under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use maftia_activity::kv::{Action, Operation, RESPONSE_BYTES_MAX};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// Bytes of longer answers under way, as far as they can be foreseen: what sites keep of them for a
/// key ([`maftia_replica::Limits::result_bytes`]), and half of what a site queues for a client.
pub const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a read is taken for at least: room for as many as a client has under way at all.
const READ_BYTES_MIN: usize = 512;
/// What reads are taken for before one has been answered.
const READ_BYTES_START: usize = 64 * 1024;

/// What the answer to an operation can be like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Changes nothing, and can be made again. Its answer may be of any length.
    Read,
    /// The answer is short.
    Write,
    /// Changes something, and brings entries back.
    WriteAndRead,
}

#[derive(Clone, Debug)]
pub(super) struct Answers {
    room: Arc<Semaphore>,
    /// The longest answers to reads of late.
    usual: Arc<AtomicUsize>,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            room: Arc::new(Semaphore::new(ANSWER_BYTES_MAX)),
            usual: Arc::new(AtomicUsize::new(READ_BYTES_START)),
        }
    }
}

impl Kind {
    pub(super) fn of(operation: &Operation) -> Self {
        let (mut reads, mut writes) = (false, false);
        let mut look = |action: &Action| match action {
            Action::Count(_) => {}
            Action::Get { .. } | Action::Range(_) => reads = true,
            Action::Delete { previous, .. } | Action::Put { previous, .. } => {
                (reads, writes) = (reads | previous, true);
            }
            Action::DeleteRange { .. } => writes = true,
        };
        match operation {
            Operation::Action(action) => look(action),
            Operation::Txn(txn) => {
                txn.success.iter().chain(&txn.failure).for_each(&mut look);
                // A result for each action adds up to more than a short answer.
                reads |= txn.success.len().max(txn.failure.len()) > SHORT_ACTIONS_MAX;
            }
        }
        match (reads, writes) {
            (_, false) => Self::Read,
            (false, true) => Self::Write,
            (true, true) => Self::WriteAndRead,
        }
    }
}

/// Actions without entries in their answer that surely make a short one.
const SHORT_ACTIONS_MAX: usize = 8;

impl Answers {
    /// Waits for room. None if there is none in time.
    pub(super) async fn admit(
        &self,
        kind: Kind,
        deadline: Instant,
    ) -> Option<Option<OwnedSemaphorePermit>> {
        let cost = match kind {
            Kind::Write => return Some(None),
            Kind::Read => self
                .usual
                .load(Relaxed)
                .clamp(READ_BYTES_MIN, RESPONSE_BYTES_MAX),
            Kind::WriteAndRead => RESPONSE_BYTES_MAX,
        };
        let cost = u32::try_from(cost).unwrap_or(u32::MAX);
        if let Ok(permit) = self.room.clone().try_acquire_many_owned(cost) {
            return Some(Some(permit));
        }
        let waiting = self.room.clone().acquire_many_owned(cost);
        match timeout_at(deadline, waiting).await {
            Ok(Ok(permit)) => Some(Some(permit)),
            Ok(Err(_)) | Err(_) => None,
        }
    }

    /// The length of an answer: a longer one counts at once, shorter ones little by little.
    pub(super) fn learn(&self, kind: Kind, length: usize) {
        if kind == Kind::Read {
            let usual = self.usual.load(Relaxed);
            self.usual.store(length.max(usual - usual / 8), Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use maftia_activity::kv::{Interval, Txn};

    use super::*;

    fn cost(answers: &Answers, before: usize) -> usize {
        before - answers.room.available_permits()
    }

    #[tokio::test]
    async fn reads_cost_what_the_longest_of_late_had() {
        let answers = Answers::default();
        let (kind, soon) = (Kind::Read, Instant::now());
        for (length, expected) in [
            (RESPONSE_BYTES_MAX, RESPONSE_BYTES_MAX),
            (100_000, 1_376_256),
        ] {
            answers.learn(kind, length);
            let before = answers.room.available_permits();
            let _permit = answers.admit(kind, soon).await.unwrap();
            assert_eq!(cost(&answers, before), expected);
        }
        (0..100).for_each(|_| answers.learn(kind, 10));
        let before = answers.room.available_permits();
        let _permit = answers.admit(kind, soon).await.unwrap();
        assert_eq!(cost(&answers, before), READ_BYTES_MIN);
    }

    #[tokio::test]
    async fn no_more_is_under_way_than_sites_keep() {
        let answers = Answers::default();
        let (kind, soon) = (Kind::WriteAndRead, Instant::now());
        let mut permits = Vec::new();
        while let Some(permit) = answers.admit(kind, soon).await {
            permits.push(permit);
        }
        assert_eq!(permits.len(), ANSWER_BYTES_MAX / RESPONSE_BYTES_MAX);
        assert!(
            answers.admit(Kind::Write, soon).await.is_some(),
            "short ones go on"
        );
        permits.pop();
        assert!(answers.admit(kind, soon).await.is_some());
    }

    #[test]
    fn kinds_follow_what_an_answer_can_bring() {
        let put = |previous| Action::Put {
            key: "k".into(),
            value: "v".into(),
            previous,
        };
        let txn = |success: Vec<Action>| {
            Kind::of(&Operation::Txn(Txn {
                success,
                ..Txn::default()
            }))
        };
        assert_eq!(Kind::of(&put(false).into()), Kind::Write);
        assert_eq!(Kind::of(&put(true).into()), Kind::WriteAndRead);
        assert_eq!(Kind::of(&Operation::get("k")), Kind::Read);
        assert_eq!(Kind::of(&Action::Count(Interval::all()).into()), Kind::Read);
        assert_eq!(txn(vec![put(false), Action::get("k")]), Kind::WriteAndRead);
        assert_eq!(txn(vec![put(false); SHORT_ACTIONS_MAX]), Kind::Write);
        assert_eq!(
            txn(vec![put(false); SHORT_ACTIONS_MAX + 1]),
            Kind::WriteAndRead
        );
        assert_eq!(txn(vec![Action::get("k")]), Kind::Read);
    }
}
