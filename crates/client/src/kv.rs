//! The key-value store through a client.

mod answers;
mod prove;

use bytes::Bytes;
use maftia_activity::kv::{Operation, Range, Refusal, Response, Txn};
use maftia_codec::Wire;

use crate::{Answer, Client, Outcome, Patience, RequestId};
use answers::{Answers, Kind};

pub use answers::ANSWER_BYTES_MAX;

/// A key-value store replicated by a group.
///
/// Its clones bound together how much of longer answers is under way: the sites keep only so much
/// of them for a client that asks again. A read whose answer they no longer keep is made again.
#[derive(Clone, Debug)]
pub struct Store {
    client: Client,
    answers: Answers,
}

/// How often a read is made again because its answer is no longer kept.
const READS_AGAIN_MAX: usize = 3;

/// Why the store gives no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The operation breaks a rule of the store. It was not sent.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// f+1 sites agree on bytes that are no answer: the group runs another service.
    #[error("the group's answer is not that of a key-value store")]
    NotAStore,
}

impl Store {
    /// The store of a client's group.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            answers: Answers::default(),
        }
    }

    /// The client.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Sets a key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put(&self, key: Bytes, value: Bytes) -> Result<Answer<Response>, StoreError> {
        self.execute(&Operation::put(key, value), None).await
    }

    /// Reads a key: the value as of a moment between call and answer.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self, key: Bytes) -> Result<Answer<Response>, StoreError> {
        self.execute(&Operation::get(key), None).await
    }

    /// Removes a key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete(&self, key: Bytes) -> Result<Answer<Response>, StoreError> {
        self.execute(&Operation::delete(key), None).await
    }

    /// Reads a part of the keys.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn range(&self, range: Range) -> Result<Answer<Response>, StoreError> {
        self.execute(&range.into(), None).await
    }

    /// Several actions, all or none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn txn(&self, txn: Txn) -> Result<Answer<Response>, StoreError> {
        self.execute(&txn.into(), None).await
    }

    /// Any operation; with an id, one that was asked for before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn execute(
        &self,
        operation: &Operation,
        id: Option<RequestId>,
    ) -> Result<Answer<Response>, StoreError> {
        self.execute_within(operation, id, Patience::default())
            .await
    }

    /// As [`Store::execute`], with a deadline of its own.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn execute_within(
        &self,
        operation: &Operation,
        id: Option<RequestId>,
        patience: Patience,
    ) -> Result<Answer<Response>, StoreError> {
        let body = operation.to_bytes();
        Operation::read(&body)?;
        let kind = Kind::of(operation);
        let deadline = tokio::time::Instant::now() + self.client.patience(patience);
        let left = || {
            Patience(Some(
                deadline.saturating_duration_since(tokio::time::Instant::now()),
            ))
        };
        let Some(_room) = self.answers.admit(kind, deadline).await else {
            let outcome = match id {
                // Nothing is known of what happened before.
                Some(_) => Outcome::Unknown,
                None => Outcome::Rejected(crate::Rejection::Busy),
            };
            return Ok(Answer { id, outcome });
        };
        let mut answer = match id {
            None => self.client.execute_within(body.clone(), left()).await,
            Some(id) => {
                self.client
                    .execute_as_within(id, body.clone(), left())
                    .await
            }
        };
        for _ in 0..READS_AGAIN_MAX {
            if kind != Kind::Read || answer.outcome != Outcome::Forgotten {
                break;
            }
            answer = self.client.execute_within(body.clone(), left()).await;
        }
        let Answer { id, outcome } = answer;
        let outcome = match outcome {
            Outcome::Committed { position, result } => {
                self.answers.learn(kind, result.len());
                let result = Response::from_bytes(result).map_err(|_| StoreError::NotAStore)?;
                Outcome::Committed { position, result }
            }
            Outcome::Forgotten => Outcome::Forgotten,
            Outcome::Rejected(rejection) => Outcome::Rejected(rejection),
            Outcome::Unknown => Outcome::Unknown,
        };
        Ok(Answer { id, outcome })
    }
}
