use bytes::Bytes;
use maftia_replica::RequestId;
use maftia_types::{ClientId, Incarnation, Sequence};

/// What became of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome<R = Bytes> {
    /// It was executed, once: f+1 sites say so and agree on the result.
    Committed {
        /// Its index among all executed requests of the group.
        position: u64,
        /// The result.
        result: R,
    },
    /// A request of this id was executed, once, but its result is no longer kept by the sites: it
    /// cannot be learned any more.
    Forgotten,
    /// Nothing happened and never will.
    Rejected(Rejection),
    /// It may have been executed, may be executed later, or never. Ask again with the same id.
    Unknown,
}

/// Why a request was not sent at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// As many requests wait for their outcome as may.
    #[error("too many requests of this client wait for an outcome")]
    Busy,
    /// The id stands for another body.
    #[error("this id was given to another request")]
    IdMismatch,
    /// This client has never given out the id.
    #[error("this client has never given out this id")]
    IdUnknown,
    /// The body is longer than [`maftia_replica::REQUEST_BYTES_MAX`].
    #[error("the request is too long")]
    TooLong,
    /// The client has been shut down.
    #[error("the client has been shut down")]
    Stopped,
    /// No site could be reached before the deadline.
    #[error("no site of the group could be reached")]
    Unreachable,
}

/// A request's name and outcome.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer<R = Bytes> {
    /// Its name, with which it can be asked for again. None if it was rejected before it had one.
    pub id: Option<RequestId>,
    /// What became of it.
    pub outcome: Outcome<R>,
}

impl<R> Outcome<R> {
    /// Changes the result.
    pub fn map<S>(self, change: impl FnOnce(R) -> S) -> Outcome<S> {
        match self {
            Self::Committed { position, result } => Outcome::Committed {
                position,
                result: change(result),
            },
            Self::Forgotten => Outcome::Forgotten,
            Self::Rejected(rejection) => Outcome::Rejected(rejection),
            Self::Unknown => Outcome::Unknown,
        }
    }

    /// The result, if there is one.
    pub fn committed(self) -> Option<R> {
        match self {
            Self::Committed { result, .. } => Some(result),
            Self::Forgotten | Self::Rejected(_) | Self::Unknown => None,
        }
    }
}

/// The text form of a request's name: `key.session.incarnation.sequence`.
pub fn id_text(id: &RequestId) -> String {
    format!("{}.{}.{}", id.client, id.incarnation, id.sequence)
}

/// Reads what [`id_text`] prints, and nothing else.
pub fn parse_id(text: &str) -> Option<RequestId> {
    let mut parts = text.split('.');
    let mut number = || parts.next()?.parse::<u64>().ok();
    let id = RequestId {
        client: ClientId {
            key: u32::try_from(number()?).ok()?,
            session: u32::try_from(number()?).ok()?,
        },
        incarnation: Incarnation(number()?),
        sequence: Sequence(number()?),
    };
    (id_text(&id) == text).then_some(id)
}
