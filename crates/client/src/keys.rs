//! The group's shared keys through a client.
//!
//! A key is used in sessions: the request opens one, and the result is asked for until it is there.
//! The id of an [`Answer`] that took several requests is that of the first, which did the deed:
//! asked for again under it, the same session, or ceremony, is waited for on.

use std::time::Duration;

use bytes::Bytes;
use maftia_activity::keys::channels;
use maftia_activity::keys::sessions::{self, Request, SessionId};
use maftia_activity::keys::{Act, KeyId, Operation, Reply};
use maftia_activity::suite::{channels_request, keys_operation, keys_request};
use maftia_codec::Wire;
use maftia_types::Digest;
use tokio::time::{Instant, sleep};

use crate::{Answer, Client, Outcome, Patience, RequestId};

/// The pause before a result is asked for a second time: about one round of the group on one
/// machine. It doubles each time.
const PAUSE_FIRST: Duration = Duration::from_millis(20);
/// The longest pause: asking costs the group a place in the log.
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// The keys that the sites of a group hold together.
#[derive(Clone, Debug)]
pub struct Keys {
    client: Client,
}

/// f+1 sites agree on bytes that are no answer: the group runs other services.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the group's answer is not that of a group with keys")]
pub struct NoKeys;

/// The answer to an [`Operation`].
pub type Told = Result<Answer<Reply>, NoKeys>;

/// The answer to a [`Request`].
pub type Answered = Result<Answer<sessions::Answer>, NoKeys>;

/// The answer to a [`channels::Request`].
pub type Said = Result<Answer<channels::Answer>, NoKeys>;

impl Keys {
    /// The keys of a client's group.
    #[must_use]
    pub const fn new(client: Client) -> Self {
        Self { client }
    }

    /// The client.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Any operation on keys; with an id, one that was asked for before.
    ///
    /// # Errors
    /// [`NoKeys`].
    pub async fn execute(
        &self,
        operation: &Operation,
        id: Option<RequestId>,
        patience: Patience,
    ) -> Told {
        self.ask(keys_operation(operation), id, patience).await
    }

    /// Any use of a key, without waiting for what comes of it; with an id, one that was asked for
    /// before.
    ///
    /// # Errors
    /// [`NoKeys`].
    pub async fn request(
        &self,
        request: &Request,
        id: Option<RequestId>,
        patience: Patience,
    ) -> Answered {
        self.ask(keys_request(request), id, patience).await
    }

    /// Anything about channels. What is sent twice is ordered once: its sequence is used then.
    ///
    /// # Errors
    /// [`NoKeys`].
    pub async fn channel(&self, request: &channels::Request, patience: Patience) -> Said {
        self.ask(channels_request(request), None, patience).await
    }

    /// The signature of a message. [`sessions::Answer::Pending`] says that time was up before it.
    ///
    /// # Errors
    /// [`NoKeys`].
    pub async fn sign(
        &self,
        key: KeyId,
        message: Bytes,
        id: Option<RequestId>,
        patience: Patience,
    ) -> Answered {
        let request = Request::Sign {
            key,
            message,
            slot: None,
        };
        self.session_of(&request, id, patience).await
    }

    /// What comes of the session that a request opens, as [`Keys::wait`] gives it.
    ///
    /// # Errors
    /// [`NoKeys`].
    pub async fn session_of(
        &self,
        request: &Request,
        id: Option<RequestId>,
        patience: Patience,
    ) -> Answered {
        let deadline = self.deadline(patience);
        let answer = self.request(request, id, patience).await?;
        let Outcome::Committed {
            result: sessions::Answer::Session(session),
            ..
        } = answer.outcome
        else {
            return Ok(answer);
        };
        let waited = self.wait(session, left(deadline)).await?;
        Ok(Answer {
            id: answer.id,
            outcome: done_before(waited.outcome),
        })
    }

    /// Asks for a session's result until there is one, or a refusal, with short pauses that grow.
    /// [`sessions::Answer::Pending`] says that time was up before, and whom it waits for.
    ///
    /// # Errors
    /// [`NoKeys`].
    pub async fn wait(&self, session: SessionId, patience: Patience) -> Answered {
        let deadline = self.deadline(patience);
        let mut pause = PAUSE_FIRST;
        loop {
            let request = Request::Result { session };
            let answer = self.request(&request, None, left(deadline)).await?;
            let pending = matches!(
                answer.outcome,
                Outcome::Committed {
                    result: sessions::Answer::Pending { .. },
                    ..
                } | Outcome::Forgotten
            );
            if !pending || !rest(&mut pause, deadline).await {
                return Ok(answer);
            }
        }
    }

    /// Makes a change of the keys, and waits until it is made: [`Reply::Key`] shows the key that was
    /// created, while [`Reply::Ceremonies`] says that time was up before, and whom the ceremony waits
    /// for; [`Reply::Proposed`] says that others must approve.
    ///
    /// # Errors
    /// [`NoKeys`].
    pub async fn change(&self, act: Act, id: Option<RequestId>, patience: Patience) -> Told {
        self.begin(&Operation::Change(act), id, patience).await
    }

    /// Approves a proposal by its number and digest, and waits as [`Keys::change`] does.
    ///
    /// # Errors
    /// [`NoKeys`].
    pub async fn approve(
        &self,
        (proposal, digest): (u64, Digest),
        id: Option<RequestId>,
        patience: Patience,
    ) -> Told {
        let approve = Operation::Approve { proposal, digest };
        self.begin(&approve, id, patience).await
    }

    /// Has all shares of a key exchanged for others, and waits as [`Keys::change`] does.
    ///
    /// # Errors
    /// [`NoKeys`].
    pub async fn refresh(&self, key: KeyId, id: Option<RequestId>, patience: Patience) -> Told {
        self.begin(&Operation::Refresh(key), id, patience).await
    }

    /// Waits until a ceremony has ended, and then shows its key; see [`Keys::change`].
    ///
    /// # Errors
    /// [`NoKeys`].
    pub async fn made(&self, key: KeyId, ceremony: u64, patience: Patience) -> Told {
        let deadline = self.deadline(patience);
        let mut pause = PAUSE_FIRST;
        loop {
            let answer = self.execute(&Operation::Ceremonies, None, left(deadline));
            let mut answer = answer.await?;
            let under_way = match &mut answer.outcome {
                Outcome::Committed {
                    result: Reply::Ceremonies(all),
                    ..
                } => {
                    all.retain(|own| own.ceremony == ceremony);
                    !all.is_empty()
                }
                Outcome::Forgotten => true,
                _ => return Ok(answer),
            };
            if !under_way {
                let show = Operation::Show(key);
                return self.execute(&show, None, left(deadline)).await;
            }
            if !rest(&mut pause, deadline).await {
                return Ok(answer);
            }
        }
    }

    /// The latest round of a beacon.
    ///
    /// # Errors
    /// [`NoKeys`].
    pub async fn beacon_latest(&self, key: KeyId, patience: Patience) -> Answered {
        self.request(&Request::Latest { key }, None, patience).await
    }

    /// A round of a beacon.
    ///
    /// # Errors
    /// [`NoKeys`].
    pub async fn beacon_get(&self, key: KeyId, round: u64, patience: Patience) -> Answered {
        let request = Request::Get { key, round };
        self.request(&request, None, patience).await
    }

    /// What may begin a ceremony, and what comes of it.
    async fn begin(
        &self,
        operation: &Operation,
        id: Option<RequestId>,
        patience: Patience,
    ) -> Told {
        let deadline = self.deadline(patience);
        let begun = self.execute(operation, id, patience).await?;
        let Outcome::Committed {
            result: Reply::Begun { key, ceremony },
            ..
        } = begun.outcome
        else {
            return Ok(begun);
        };
        let made = self.made(key, ceremony, left(deadline)).await?;
        Ok(Answer {
            id: begun.id,
            outcome: done_before(made.outcome),
        })
    }

    async fn ask<R: Wire>(
        &self,
        body: Bytes,
        id: Option<RequestId>,
        patience: Patience,
    ) -> Result<Answer<R>, NoKeys> {
        let Answer { id, outcome } = match id {
            None => self.client.execute_within(body, patience).await,
            Some(id) => self.client.execute_as_within(id, body, patience).await,
        };
        let outcome = match outcome {
            Outcome::Committed { position, result } => Outcome::Committed {
                position,
                result: R::from_bytes(result).map_err(|_| NoKeys)?,
            },
            Outcome::Forgotten => Outcome::Forgotten,
            Outcome::Rejected(rejection) => Outcome::Rejected(rejection),
            Outcome::Unknown => Outcome::Unknown,
        };
        Ok(Answer { id, outcome })
    }

    fn deadline(&self, patience: Patience) -> Instant {
        Instant::now() + self.client.patience(patience)
    }
}

fn left(deadline: Instant) -> Patience {
    Patience(Some(deadline.saturating_duration_since(Instant::now())))
}

/// Pauses, for longer the next time. Not if the deadline comes first.
async fn rest(pause: &mut Duration, deadline: Instant) -> bool {
    let until = Instant::now() + *pause;
    if until >= deadline {
        return false;
    }
    sleep(*pause).await;
    *pause = (*pause * 2).min(PAUSE_MAX);
    true
}

/// The outcome of a deed that was done, if only asking what came of it has failed: not that nothing
/// happened.
fn done_before<R>(asked: Outcome<R>) -> Outcome<R> {
    match asked {
        Outcome::Rejected(_) | Outcome::Forgotten => Outcome::Unknown,
        other => other,
    }
}
