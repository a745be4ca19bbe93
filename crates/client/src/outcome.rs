use bytes::Bytes;
use maftia_replica as replica;
use maftia_types::{ClientId, Digest, Incarnation, Sequence};

/// A request's name, and what it names.
///
/// The sites know what was executed by its number, and only of some requests also what was in them.
/// So the name itself says what it stands for: asked for again with another body, even by another
/// process than gave it out, it is refused before it leaves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct RequestId {
    /// Which request.
    pub request: replica::RequestId,
    /// The beginning of its [`request_digest`](replica::request_digest): enough, since only its own
    /// client could profit from two bodies that agree in it.
    pub content: [u8; 8],
}

impl RequestId {
    pub(crate) fn new(request: replica::RequestId, digest: &Digest) -> Self {
        let (content, _) = digest
            .as_bytes()
            .split_first_chunk()
            .expect("a digest has 32 bytes");
        Self {
            request,
            content: *content,
        }
    }

    /// Whether it stands for the request with that digest.
    pub(crate) fn is_of(&self, digest: &Digest) -> bool {
        *self == Self::new(self.request, digest)
    }
}

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

/// The text form of a request's name: `key.session.incarnation.sequence.content`, the last in
/// hexadecimal.
pub fn id_text(id: &RequestId) -> String {
    let replica::RequestId {
        client,
        incarnation,
        sequence,
    } = id.request;
    let content = u64::from_be_bytes(id.content);
    format!("{client}.{incarnation}.{sequence}.{content:016x}")
}

/// Reads what [`id_text`] prints, and nothing else.
pub fn parse_id(text: &str) -> Option<RequestId> {
    let mut parts = text.split('.');
    let mut number = || parts.next()?.parse::<u64>().ok();
    let request = replica::RequestId {
        client: ClientId {
            key: u32::try_from(number()?).ok()?,
            session: u32::try_from(number()?).ok()?,
        },
        incarnation: Incarnation(number()?),
        sequence: Sequence(number()?),
    };
    let content = u64::from_str_radix(parts.next()?, 16).ok()?.to_be_bytes();
    let id = RequestId { request, content };
    (id_text(&id) == text).then_some(id)
}
