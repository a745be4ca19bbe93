use std::sync::Arc;

use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::Envelope;
use maftia_types::{Round, SITES_MAX};

use crate::block::{Block, BlockRef};
use crate::coin::{COIN_SHARES_MAX, CoinShare};
use crate::parameters::PAYLOAD_BYTES_MAX;

/// Most blocks one fetch asks for.
pub const FETCH_MAX: usize = 64;
/// Payloads up to this length travel with their header.
pub const INLINE_PAYLOAD_BYTES_MAX: usize = 4 * 1024;

/// What the engines of two sites say to each other. Untrusted until the engine has verified it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// A block, and its payload if that is short or the receiver is catching up. From the author
    /// it asserts "this is my only block of this round".
    Block {
        /// The signed header.
        block: Arc<Block>,
        /// The payload, if it travels along.
        payload: Option<Bytes>,
    },
    /// The payload of a block whose header went before.
    Payload {
        /// Which block.
        block: BlockRef,
        /// The payload.
        payload: Bytes,
    },
    /// Asks for blocks; asserts nothing.
    Fetch {
        /// Headers, with short payloads.
        blocks: Vec<BlockRef>,
        /// Payloads of blocks whose header is here.
        payloads: Vec<BlockRef>,
    },
    /// How far the sender has come.
    Knowledge(Knowledge),
    /// "My log is lost: what is the highest block you hold?"
    RecoveryQuery {
        /// Fresh at each boot.
        nonce: u64,
    },
    /// The answer, signed by the answering site over a [`crate::RecoveryStatement`].
    RecoveryAnswer(Envelope),
    /// Asks for the receiver's own coin shares; asserts nothing.
    CoinQuery {
        /// Of these rounds.
        rounds: Vec<Round>,
    },
    /// The sender's own coin shares, asked for.
    CoinShares {
        /// A share for each round.
        shares: Vec<CoinShare>,
    },
    /// A site to itself, once its log holds the draft of its block of a round: it may be sealed. Of
    /// another site it says nothing.
    Drafted {
        /// The round.
        round: Round,
    },
}

/// How far a site has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Knowledge {
    /// Per author, the highest round of an accepted block.
    pub tips: Vec<Round>,
    /// A site that has delivered up to this leader's round is served all that it lacks.
    pub base: Round,
    /// The last settled slot, or where the control chain's prefix ends if that is lower: what the
    /// acceptance horizon is measured from.
    pub settled: Round,
    /// Whether the sender wants the blocks it lacks.
    pub ask: bool,
}

impl Wire for Message {
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
            Self::Payload { block, payload } => {
                writer.u8(1);
                block.encode(writer);
                writer.bytes(payload);
            }
            Self::Fetch { blocks, payloads } => {
                writer.u8(2);
                writer.list(blocks);
                writer.list(payloads);
            }
            Self::Knowledge(knowledge) => {
                writer.u8(3);
                writer.length(knowledge.tips.len());
                knowledge.tips.iter().for_each(|tip| writer.round(*tip));
                writer.round(knowledge.base);
                writer.round(knowledge.settled);
                writer.bool(knowledge.ask);
            }
            Self::RecoveryQuery { nonce } => {
                writer.u8(4);
                writer.u64(*nonce);
            }
            Self::RecoveryAnswer(envelope) => {
                writer.u8(5);
                envelope.encode(writer);
            }
            Self::CoinQuery { rounds } => {
                writer.u8(6);
                writer.length(rounds.len());
                rounds.iter().for_each(|round| writer.round(*round));
            }
            Self::CoinShares { shares } => {
                writer.u8(7);
                writer.list(shares);
            }
            Self::Drafted { round } => {
                writer.u8(8);
                writer.round(*round);
            }
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            0 => {
                let block = Arc::new(Block::decode(reader)?);
                let payload = match reader.bool()? {
                    true => Some(reader.bytes("payload", PAYLOAD_BYTES_MAX)?),
                    false => None,
                };
                Self::Block { block, payload }
            }
            1 => Self::Payload {
                block: BlockRef::decode(reader)?,
                payload: reader.bytes("payload", PAYLOAD_BYTES_MAX)?,
            },
            2 => Self::Fetch {
                blocks: reader.list("blocks", FETCH_MAX)?,
                payloads: reader.list("payloads", FETCH_MAX)?,
            },
            3 => {
                let count = reader.length("tips", SITES_MAX)?;
                let tips = (0..count)
                    .map(|_| reader.round())
                    .collect::<Result<_, _>>()?;
                Self::Knowledge(Knowledge {
                    tips,
                    base: reader.round()?,
                    settled: reader.round()?,
                    ask: reader.bool()?,
                })
            }
            4 => Self::RecoveryQuery {
                nonce: reader.u64()?,
            },
            5 => Self::RecoveryAnswer(Envelope::decode(reader)?),
            6 => {
                let count = reader.length("rounds", COIN_SHARES_MAX)?;
                let rounds = (0..count).map(|_| reader.round());
                Self::CoinQuery {
                    rounds: rounds.collect::<Result<_, _>>()?,
                }
            }
            7 => Self::CoinShares {
                shares: reader.list("shares", COIN_SHARES_MAX)?,
            },
            8 => Self::Drafted {
                round: reader.round()?,
            },
            _ => return Err(DecodeError::Invalid { field: "message" }),
        })
    }
}
