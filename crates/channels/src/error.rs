use maftia_agreement::ContextError;
use maftia_types::{Resilience, ResilienceError, SiteId};

use crate::frame::PAYLOAD_BYTES_MAX;

/// Why a channel is not opened.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The consistent class needs the members' signing keys.
    #[error("a consistent channel needs a signing key, and one public key for each member")]
    Keys,
    /// A name has 1 to [`NAME_BYTES_MAX`](crate::Opening::NAME_BYTES_MAX) bytes.
    #[error("a channel's name has 1 to 64 bytes")]
    Name,
    /// This site would be no member.
    #[error("{0} is not a member")]
    NotAMember(SiteId),
    /// Too few members for the group's f and c, or more than the group has.
    #[error("the members do not carry the group's faults")]
    Members(#[source] ResilienceError),
    /// A member is no site of the group, or the group's model is another one.
    #[error(transparent)]
    Group(#[from] ContextError),
}

/// Why a message is not sent. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// This member has closed the channel.
    #[error("this member has closed the channel")]
    Closed,
    /// A quorum has yet to deliver what was sent. Try again after the next event.
    #[error("too many messages are under way; send it when a quorum has delivered some")]
    Full,
    /// The payload is too long.
    #[error("a payload has at most {PAYLOAD_BYTES_MAX} bytes, not {0}")]
    TooLarge(usize),
}

/// What a peer can be blamed for. Seen here, over its authenticated link: no proof to others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Misbehaviour {
    /// What the broadcast of a message blames it for.
    Broadcast(maftia_agreement::Misbehaviour),
    /// Its message is of a kind that channels of this class do not have.
    OtherClass,
    /// It sent what no member sends: no payload, or a causal past of another size.
    Unframed,
}

impl From<maftia_agreement::Misbehaviour> for Misbehaviour {
    fn from(own: maftia_agreement::Misbehaviour) -> Self {
        Self::Broadcast(own)
    }
}

/// How many of the members may fail: as many as of the group.
pub(crate) fn resilience_of(group: &Resilience, members: usize) -> Result<Resilience, OpenError> {
    let (f, c) = (group.intruded_max(), group.stopped_max());
    Resilience::new(group.model(), members, f, c).map_err(OpenError::Members)
}
