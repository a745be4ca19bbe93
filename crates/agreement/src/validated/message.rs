use maftia_codec::{Bytes, DecodeError, Reader, Wire, Writer};
use maftia_types::SiteId;

use crate::{binary, reliable};

/// A proposal that was decided, and whose it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chosen {
    /// Who proposed it.
    pub of: SiteId,
    /// What.
    pub proposal: Bytes,
}

/// What sites tell each other; see the [module](super).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message<S> {
    /// In the agreement on the candidate of that rank.
    Agree(u8, binary::Message<S>),
    /// In the broadcast of that site's proposal.
    Broadcast(SiteId, reliable::Message),
    /// A share of the coin that orders the candidates.
    Elect(S),
    /// In the broadcast of the set of proposals that this site holds.
    Have(SiteId, reliable::PlainMessage),
}

impl<S: Wire> Wire for Message<S> {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Agree(rank, message) => {
                writer.u8(0);
                writer.u8(*rank);
                message.encode(writer);
            }
            Self::Broadcast(of, message) => {
                writer.u8(1);
                writer.site(*of);
                message.encode(writer);
            }
            Self::Elect(share) => {
                writer.u8(2);
                share.encode(writer);
            }
            Self::Have(of, message) => {
                writer.u8(3);
                writer.site(*of);
                message.encode(writer);
            }
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            0 => Self::Agree(reader.u8()?, binary::Message::decode(reader)?),
            1 => Self::Broadcast(reader.site()?, reliable::Message::decode(reader)?),
            2 => Self::Elect(S::decode(reader)?),
            3 => Self::Have(reader.site()?, reliable::PlainMessage::decode(reader)?),
            _ => return Err(DecodeError::Invalid { field: "kind" }),
        })
    }
}
