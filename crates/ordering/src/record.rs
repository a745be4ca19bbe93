use std::sync::Arc;

use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_types::{Epoch, Round};

use crate::block::Block;
use crate::block::Header;
use crate::parameters::PAYLOAD_BYTES_MAX;
use crate::seal::Seal;

/// What the engine keeps in the log. Records are replayed in the order they were written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record {
    /// An accepted block with its payload, own blocks included: an own block here is the lock that
    /// keeps this site from signing another one for its round.
    Block {
        /// The block.
        block: Arc<Block>,
        /// The payload; absent if the block will not be delivered from here any more.
        payload: Option<Bytes>,
    },
    /// Never again a block at this round or below: outcome of a recovery from amnesia.
    Floor(Round),
    /// The log was lost or lost its tail: no own block until a later [`Record::Floor`]. Without it
    /// a crash in the middle of a recovery would look like an ordinary restart.
    Recovering,
    /// What follows is of this epoch: rounds begin anew. For the replica, which hands each epoch's
    /// records to the engine of that epoch.
    Epoch(Epoch),
    /// What this site is about to have sealed (correction 20): if its device has sealed it, no other
    /// block of this round ever will be.
    Draft {
        /// The header.
        header: Box<Header>,
        /// The payload.
        payload: Bytes,
    },
    /// The seal of the draft before: the two are an own block.
    Sealed(Seal),
}

impl Wire for Record {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Block { block, payload } => {
                writer.u8(0);
                block.encode(writer);
                writer.bool(payload.is_some());
                if let Some(payload) = payload {
                    writer.bytes(payload);
                }
            }
            Self::Floor(round) => {
                writer.u8(1);
                writer.round(*round);
            }
            Self::Recovering => writer.u8(2),
            Self::Epoch(epoch) => {
                writer.u8(3);
                writer.epoch(*epoch);
            }
            Self::Draft { header, payload } => {
                writer.u8(4);
                header.encode(writer);
                writer.bytes(payload);
            }
            Self::Sealed(seal) => {
                writer.u8(5);
                seal.encode(writer);
            }
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        match reader.u8()? {
            0 => {
                let block = Arc::new(Block::decode(reader)?);
                let payload = match reader.bool()? {
                    true => Some(reader.bytes("payload", PAYLOAD_BYTES_MAX)?),
                    false => None,
                };
                Ok(Self::Block { block, payload })
            }
            1 => Ok(Self::Floor(reader.round()?)),
            2 => Ok(Self::Recovering),
            3 => Ok(Self::Epoch(reader.epoch()?)),
            4 => Ok(Self::Draft {
                header: Box::new(Header::decode(reader)?),
                payload: reader.bytes("payload", PAYLOAD_BYTES_MAX)?,
            }),
            5 => Ok(Self::Sealed(Seal::decode(reader)?)),
            _ => Err(DecodeError::Invalid { field: "record" }),
        }
    }
}
