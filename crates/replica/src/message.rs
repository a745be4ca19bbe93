use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_types::{Digest, Epoch};

use crate::epochs::passage::Passage;
use crate::limits::PAIR_BYTES_MAX;

/// Most chunks of a checkpoint.
pub const MANIFEST_MAX: usize = 1 << 16;
/// The longest chunk of a checkpoint.
pub const CHUNK_BYTES_MAX: usize = 2 * 1024 * 1024;

/// What sites say to each other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// The ordering engine's, of this epoch.
    Ordering(Epoch, maftia_ordering::Message),
    /// State transfer.
    Transfer(Transfer),
    /// From one site half of the keyed services to another.
    Pair(Bytes),
    /// About epochs.
    Passage(Passage),
}

/// The messages of a state transfer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Transfer {
    /// "What is your newest stable checkpoint?"
    Query,
    /// "This one." Believed when f+1 sites say the same.
    Offer {
        /// Its commit.
        index: u64,
        /// Its digest.
        digest: Digest,
    },
    /// Asks for the digests of the chunks of a checkpoint.
    ManifestRequest {
        /// Which checkpoint.
        index: u64,
    },
    /// The digests, checked against the checkpoint's.
    Manifest {
        /// Which checkpoint.
        index: u64,
        /// How many chunks are the replica's own.
        parts: u32,
        /// Digest of each chunk.
        digests: Vec<Digest>,
    },
    /// Asks for a chunk.
    ChunkRequest {
        /// Of which checkpoint.
        index: u64,
        /// Which one.
        chunk: u32,
    },
    /// A chunk, checked against its digest.
    Chunk {
        /// Of which checkpoint.
        index: u64,
        /// Which one.
        chunk: u32,
        /// Its bytes.
        bytes: Bytes,
    },
}

impl Wire for Message {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Ordering(epoch, message) => {
                writer.u8(0);
                writer.epoch(*epoch);
                message.encode(writer);
            }
            Self::Transfer(message) => {
                writer.u8(1);
                message.encode(writer);
            }
            Self::Pair(bytes) => {
                writer.u8(2);
                writer.bytes(bytes);
            }
            Self::Passage(passage) => {
                writer.u8(3);
                passage.encode(writer);
            }
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        match reader.u8()? {
            0 => {
                let epoch = reader.epoch()?;
                maftia_ordering::Message::decode(reader).map(|own| Self::Ordering(epoch, own))
            }
            1 => Transfer::decode(reader).map(Self::Transfer),
            2 => reader.bytes("pair", PAIR_BYTES_MAX).map(Self::Pair),
            3 => Passage::decode(reader).map(Self::Passage),
            _ => Err(DecodeError::Invalid { field: "message" }),
        }
    }
}

impl Wire for Transfer {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Query => writer.u8(0),
            Self::Offer { index, digest } => {
                writer.u8(1);
                writer.u64(*index);
                writer.digest(digest);
            }
            Self::ManifestRequest { index } => {
                writer.u8(2);
                writer.u64(*index);
            }
            Self::Manifest {
                index,
                parts,
                digests,
            } => {
                writer.u8(3);
                writer.u64(*index);
                writer.u32(*parts);
                writer.length(digests.len());
                digests.iter().for_each(|digest| writer.digest(digest));
            }
            Self::ChunkRequest { index, chunk } => {
                writer.u8(4);
                writer.u64(*index);
                writer.u32(*chunk);
            }
            Self::Chunk {
                index,
                chunk,
                bytes,
            } => {
                writer.u8(5);
                writer.u64(*index);
                writer.u32(*chunk);
                writer.bytes(bytes);
            }
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            0 => Self::Query,
            1 => Self::Offer {
                index: reader.u64()?,
                digest: reader.digest()?,
            },
            2 => Self::ManifestRequest {
                index: reader.u64()?,
            },
            3 => {
                let (index, parts) = (reader.u64()?, reader.u32()?);
                let count = reader.length("manifest", MANIFEST_MAX)?;
                let digests = (0..count)
                    .map(|_| reader.digest())
                    .collect::<Result<_, _>>()?;
                Self::Manifest {
                    index,
                    parts,
                    digests,
                }
            }
            4 => Self::ChunkRequest {
                index: reader.u64()?,
                chunk: reader.u32()?,
            },
            5 => Self::Chunk {
                index: reader.u64()?,
                chunk: reader.u32()?,
                bytes: reader.bytes("chunk", CHUNK_BYTES_MAX)?,
            },
            _ => return Err(DecodeError::Invalid { field: "transfer" }),
        })
    }
}
