//! The key-value store through a client.

use bytes::Bytes;
use maftia_activity::kv::{Operation, Range, Refusal, Response, Txn};
use maftia_codec::Wire;

use crate::{Answer, Client, Outcome, RequestId};

/// A key-value store replicated by a group.
#[derive(Clone, Debug)]
pub struct Store(Client);

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
    pub const fn new(client: Client) -> Self {
        Self(client)
    }

    /// The client.
    pub const fn client(&self) -> &Client {
        &self.0
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
        let body = operation.to_bytes();
        Operation::read(&body)?;
        let Answer { id, outcome } = match id {
            None => self.0.execute(body).await,
            Some(id) => self.0.execute_as(id, body).await,
        };
        let outcome = match outcome {
            Outcome::Committed { position, result } => {
                let result = Response::from_bytes(result).map_err(|_| StoreError::NotAStore)?;
                Outcome::Committed { position, result }
            }
            Outcome::Rejected(rejection) => Outcome::Rejected(rejection),
            Outcome::Unknown => Outcome::Unknown,
        };
        Ok(Answer { id, outcome })
    }
}
