use maftia_replica::ClientMessage;
use maftia_types::Digest;

/// What all sites are asked alike, each for its own word.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Inquiry {
    /// For a proof in the ordered state.
    Evidence(Digest),
    /// How it sees the group.
    Status,
}

impl Inquiry {
    pub(crate) const fn numbered(self, nonce: u64) -> ClientMessage {
        match self {
            Self::Evidence(id) => ClientMessage::Evidence { nonce, id },
            Self::Status => ClientMessage::Status { nonce },
        }
    }
}
