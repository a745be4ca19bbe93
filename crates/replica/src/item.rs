use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_membership::detector::Reason;
use maftia_membership::evidence::Proof;
use maftia_types::{Digest, SiteId};

use crate::batch::{BatchId, Bodies};
use crate::epochs::word::Word;
use crate::limits::CONTRIBUTION_BYTES_MAX;

/// One entry of a block's payload. A payload is a sequence of items back to back; what follows a
/// malformed item is ignored, by everybody alike.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Item {
    /// The author received these requests from their client: a vouch, and the bodies.
    Requests {
        /// Which requests.
        id: BatchId,
        /// What to execute.
        bodies: Bodies,
    },
    /// The author received the digest of these requests from their client.
    Vouch {
        /// Which requests.
        id: BatchId,
        /// [`BatchId::digest`] of them.
        digest: Digest,
    },
    /// Convicts a site.
    Evidence(Proof),
    /// The author's own word to the keyed services.
    Contribution(Bytes),
    /// The author can prove to others that the present view is the group's.
    Certified,
    /// A joiner's word, passed on.
    Word(Box<Word>),
    /// The author suspects a site.
    Accuse {
        /// Whom.
        site: SiteId,
        /// Why.
        reason: Reason,
    },
    /// The author suspects a site no more.
    Retract {
        /// Whom.
        site: SiteId,
    },
}

/// The items of a payload, up to the first malformed one.
pub fn items(payload: &Bytes) -> impl Iterator<Item = Item> {
    let mut reader = Reader::new(payload.clone());
    std::iter::from_fn(move || {
        if reader.remaining() == 0 {
            return None;
        }
        Item::decode(&mut reader).ok()
    })
    .fuse()
}

impl Wire for Item {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Requests { id, bodies } => {
                writer.u8(0);
                id.encode(writer);
                bodies.encode(writer);
            }
            Self::Vouch { id, digest } => {
                writer.u8(1);
                id.encode(writer);
                writer.digest(digest);
            }
            Self::Evidence(proof) => {
                writer.u8(2);
                proof.encode(writer);
            }
            Self::Contribution(bytes) => {
                writer.u8(3);
                writer.bytes(bytes);
            }
            Self::Certified => writer.u8(7),
            Self::Word(word) => {
                writer.u8(6);
                word.encode(writer);
            }
            Self::Accuse { site, reason } => {
                writer.u8(4);
                writer.site(*site);
                reason.encode(writer);
            }
            Self::Retract { site } => {
                writer.u8(5);
                writer.site(*site);
            }
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            0 => Self::Requests {
                id: BatchId::decode(reader)?,
                bodies: Bodies::decode(reader)?,
            },
            1 => Self::Vouch {
                id: BatchId::decode(reader)?,
                digest: reader.digest()?,
            },
            2 => Self::Evidence(Proof::decode(reader)?),
            3 => Self::Contribution(reader.bytes("contribution", CONTRIBUTION_BYTES_MAX)?),
            4 => Self::Accuse {
                site: reader.site()?,
                reason: Reason::decode(reader)?,
            },
            5 => Self::Retract {
                site: reader.site()?,
            },
            7 => Self::Certified,
            6 => Self::Word(Box::new(Word::decode(reader)?)),
            _ => return Err(DecodeError::Invalid { field: "item" }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Span;
    use maftia_types::{ClientId, Incarnation, Sequence};

    fn id(first: u64, count: u32) -> BatchId {
        BatchId {
            client: ClientId { key: 1, session: 2 },
            incarnation: Incarnation(3),
            span: Span::new(Sequence(first), count).unwrap(),
        }
    }

    #[test]
    fn a_payload_reads_back_up_to_the_first_malformed_item() {
        let mut writer = Writer::new();
        let first = Item::Requests {
            id: id(1, 2),
            bodies: Bodies::new([&Bytes::from_static(b"one"), &Bytes::new()]),
        };
        let second = Item::Vouch {
            id: id(3, 1),
            digest: Digest([4; 32]),
        };
        first.encode(&mut writer);
        second.encode(&mut writer);
        writer.u8(9);
        first.encode(&mut writer);
        let payload = writer.finish();
        assert_eq!(items(&payload).collect::<Vec<_>>(), [first, second]);
    }
}
