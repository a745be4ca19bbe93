use axum::http::HeaderMap;
use maftia_activity::keys::{KeySummary, Operation, Reply, State};
use maftia_client::{Answer, Outcome, Patience, RequestId};
use tokio::time::Instant;

use super::{of_name, refusal};
use crate::ApiError;
use crate::error::REQUEST_ID;
use crate::kv::{TIMEOUT, patience, request_id, unfit};
use crate::serve::Shared;

/// A caller's request: under which id it was made before, and until when it waits.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    shared: &'a Shared,
    id: Option<RequestId>,
    asked: Patience,
    since: Instant,
}

impl<'a> Ask<'a> {
    pub(crate) fn new(shared: &'a Shared, headers: &HeaderMap) -> Result<Self, ApiError> {
        let asked = headers.get(TIMEOUT).map(patience).transpose()?;
        Ok(Self {
            shared,
            id: headers.get(REQUEST_ID).map(request_id).transpose()?,
            asked: asked.unwrap_or_default(),
            since: Instant::now(),
        })
    }

    pub(crate) const fn id(&self) -> Option<RequestId> {
        self.id
    }

    /// What is left of the caller's time.
    pub(crate) fn patience(&self) -> Patience {
        let asked = self.asked.0;
        Patience(asked.map(|asked| asked.saturating_sub(self.since.elapsed())))
    }

    /// Reads, before anything is done.
    pub(crate) async fn look(&self, operation: &Operation) -> Result<Reply, ApiError> {
        let keys = &self.shared.keys;
        let Answer { id, outcome } = keys.execute(operation, None, self.patience()).await?;
        self.shared.metrics.outcome(&outcome);
        match outcome {
            Outcome::Committed { result, .. } => match result {
                Reply::Refused(refusal) => Err(refusal::key_refused(refusal)),
                reply => Ok(reply),
            },
            // A caller that repeats something does not know what has happened.
            _ if self.id.is_some() => Err(ApiError::unknown().of_request(self.id)),
            Outcome::Rejected(rejection) => Err(ApiError::rejected(rejection).of_request(id)),
            Outcome::Forgotten | Outcome::Unknown => Err(ApiError::no_answer()),
        }
    }

    pub(crate) async fn list(&self) -> Result<Vec<KeySummary>, ApiError> {
        match self.look(&Operation::List).await? {
            Reply::Keys(keys) => Ok(keys),
            _ => Err(unfit(None)),
        }
    }

    /// The key of that name; a retired one only if there is no other.
    pub(crate) async fn named(&self, name: &str) -> Result<KeySummary, ApiError> {
        let key = of_name(self.list().await?, name);
        key.ok_or_else(|| refusal::key_refused(maftia_activity::keys::Refusal::NoSuchKey))
    }

    /// The key of that name, if it can be used.
    pub(crate) async fn usable(&self, name: &str) -> Result<KeySummary, ApiError> {
        let key = self.named(name).await?;
        match key.state {
            State::Active => Ok(key),
            State::Generating => Err(refusal::generating()),
            State::Retired => Err(refusal::key_refused(
                maftia_activity::keys::Refusal::Retired,
            )),
        }
    }

    /// What was answered to what is done, and under which id.
    pub(crate) fn settle<R>(&self, answer: Answer<R>) -> Result<(Option<RequestId>, R), ApiError> {
        let Answer { id, outcome } = answer;
        self.shared.metrics.outcome(&outcome);
        match outcome {
            Outcome::Committed { result, .. } => Ok((id, result)),
            Outcome::Forgotten => Err(ApiError::forgotten()),
            Outcome::Rejected(rejection) => Err(ApiError::rejected(rejection)),
            Outcome::Unknown => Err(ApiError::unknown()),
        }
        .map_err(|error| error.of_request(id))
    }
}
