//! Who is in the group, and changes of that, through a client.
//!
//! What is proposed, approved and withdrawn is ordered in the log like any request: an [`Answer`]
//! that is [`crate::Outcome::Unknown`] may have been executed, and is asked for again under its id.
//! Whether a proposal is under way, made or aborted is asked with [`Members::show`] and
//! [`Members::history`]; that the sites have changed, a client notices by itself
//! ([`Client::known`]).

use bytes::{BufMut as _, BytesMut};
use maftia_codec::Wire as _;
use maftia_membership::membership::{self, Entry, Operation, Refusal, Standing, State};
use maftia_membership::{Change, MEMBERSHIP};

use crate::{Answer, Client, Outcome, Patience, RequestId};

/// The membership of a client's group.
#[derive(Clone, Debug)]
pub struct Members {
    client: Client,
}

/// How a proposal stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decision {
    /// Its number.
    pub proposal: u64,
    /// Whether its change is under way, or how many approvals it lacks.
    pub standing: Standing,
}

/// f+1 sites agree on bytes that are no answer: the group's sites cannot change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the group's answer is not that of a group whose sites can change")]
pub struct NoViews;

/// What came of a request about members; a refusal means that nothing was done.
pub type Told<R> = Result<Answer<Result<R, Refusal>>, NoViews>;

impl Members {
    /// The membership of a client's group.
    #[must_use]
    pub const fn new(client: Client) -> Self {
        Self { client }
    }

    /// The client.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// The view, the change under way, and the open proposals.
    ///
    /// # Errors
    /// [`NoViews`].
    pub async fn show(&self, patience: Patience) -> Told<State> {
        let answer = self.execute(&Operation::Show, None, patience).await?;
        read(answer, |answer| match answer {
            membership::Answer::State(state) => Some(*state),
            _ => None,
        })
    }

    /// Changes made and aborted, the oldest first.
    ///
    /// # Errors
    /// [`NoViews`].
    pub async fn history(&self, patience: Patience) -> Told<Vec<Entry>> {
        let answer = self.execute(&Operation::History, None, patience).await?;
        read(answer, |answer| match answer {
            membership::Answer::History(entries) => Some(entries),
            _ => None,
        })
    }

    /// Proposes a change of the sites; with an id, one that was asked for before.
    ///
    /// # Errors
    /// [`NoViews`].
    pub async fn propose(
        &self,
        change: Change,
        id: Option<RequestId>,
        patience: Patience,
    ) -> Told<Decision> {
        let operation = Operation::Propose(change);
        let answer = self.execute(&operation, id, patience).await?;
        read(answer, |answer| match answer {
            membership::Answer::Proposed { proposal, standing } => {
                Some(Decision { proposal, standing })
            }
            _ => None,
        })
    }

    /// Agrees to an open proposal; with an id, what was asked for before.
    ///
    /// # Errors
    /// [`NoViews`].
    pub async fn approve(
        &self,
        proposal: u64,
        id: Option<RequestId>,
        patience: Patience,
    ) -> Told<Decision> {
        let operation = Operation::Approve(proposal);
        let answer = self.execute(&operation, id, patience).await?;
        read(answer, |answer| match answer {
            membership::Answer::Approved { proposal, standing } => {
                Some(Decision { proposal, standing })
            }
            _ => None,
        })
    }

    /// Takes an own proposal back; with an id, what was asked for before.
    ///
    /// # Errors
    /// [`NoViews`].
    pub async fn withdraw(
        &self,
        proposal: u64,
        id: Option<RequestId>,
        patience: Patience,
    ) -> Told<()> {
        let operation = Operation::Withdraw(proposal);
        let answer = self.execute(&operation, id, patience).await?;
        read(answer, |answer| match answer {
            membership::Answer::Withdrawn(_) => Some(()),
            _ => None,
        })
    }

    async fn execute(
        &self,
        operation: &Operation,
        id: Option<RequestId>,
        patience: Patience,
    ) -> Result<Answer<membership::Answer>, NoViews> {
        let mut body = BytesMut::new();
        body.put_u8(MEMBERSHIP);
        body.put(operation.to_bytes());
        let body = body.freeze();
        let Answer { id, outcome } = match id {
            None => self.client.execute_within(body, patience).await,
            Some(id) => self.client.execute_as_within(id, body, patience).await,
        };
        let outcome = outcome.map(membership::Answer::from_bytes);
        transpose(outcome)
            .map(|outcome| Answer { id, outcome })
            .map_err(|_| NoViews)
    }
}

/// What is meant by an answer: a refusal, or what the operation gives.
fn read<R>(
    answer: Answer<membership::Answer>,
    meant: impl FnOnce(membership::Answer) -> Option<R>,
) -> Told<R> {
    let Answer { id, outcome } = answer;
    let outcome = outcome.map(|answer| match answer {
        membership::Answer::Refused(refusal) => Ok(Err(refusal)),
        other => meant(other).map(Ok).ok_or(NoViews),
    });
    transpose(outcome).map(|outcome| Answer { id, outcome })
}

fn transpose<R, E>(outcome: Outcome<Result<R, E>>) -> Result<Outcome<R>, E> {
    Ok(match outcome {
        Outcome::Committed { position, result } => Outcome::Committed {
            position,
            result: result?,
        },
        Outcome::Forgotten => Outcome::Forgotten,
        Outcome::Rejected(rejection) => Outcome::Rejected(rejection),
        Outcome::Unknown => Outcome::Unknown,
    })
}
