//! What a client and a site say to each other.

use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::Domain;
use maftia_membership::Certificate;
use maftia_membership::evidence::EXHIBIT_BYTES_MAX;
use maftia_types::{Digest, Epoch, Incarnation, Sequence};

use crate::batch::{Bodies, Span};
use crate::epochs::passage::CERTIFICATES_MAX;
use crate::lending::{PIECE_BYTES_MAX, Wanted};
use crate::limits::RESULT_BYTES_MAX;
use crate::proof::PROOF_BYTES_MAX;

const RESULT: Domain = Domain::new("request result");

/// Most batches, vouches or replies in one message.
pub const BATCH_MAX: usize = 4096;

/// From a client to a site. The link has authenticated the client's key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClientMessage {
    /// "Order these": full bodies, to one site.
    Submit {
        /// Which of the key's sessions.
        session: u32,
        /// In which life.
        incarnation: Incarnation,
        /// Numbers and bodies of each batch.
        batches: Vec<(Span, Bodies)>,
    },
    /// "I asked for these": digests, to 2f+1 sites.
    Vouch {
        /// Which of the key's sessions.
        session: u32,
        /// In which life.
        incarnation: Incarnation,
        /// Numbers and [`crate::BatchId::digest`] of each batch.
        digests: Vec<(Span, Digest)>,
    },
    /// Asks for a proof in the ordered state. The number comes back with the answer.
    Evidence {
        /// Chosen by the client.
        nonce: u64,
        /// The proof's name.
        id: Digest,
    },
    /// Asks the site to prove what the state says about a question. The number comes back with the
    /// answer.
    Prove {
        /// Chosen by the client.
        nonce: u64,
        /// For the key-value store, a key.
        question: Bytes,
    },
    /// Asks for a piece of a whole state that the group has signed. The number comes back with the
    /// answer.
    Lend {
        /// Chosen by the client.
        nonce: u64,
        /// Which piece.
        wanted: Wanted,
    },
    /// Asks the site how it sees the group. The number comes back with the answer.
    Status {
        /// Chosen by the client.
        nonce: u64,
    },
    /// "I know the group's sites up to this epoch: what came after it?"
    Views {
        /// The epoch.
        epoch: Epoch,
    },
}

/// From a site to a client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SiteMessage {
    /// Executed requests.
    Replies {
        /// Which of the key's sessions.
        session: u32,
        /// In which life.
        incarnation: Incarnation,
        /// One for each.
        replies: Vec<Reply>,
    },
    /// A proof in the ordered state, if it is there; one site's word, but for the proof itself.
    Evidence {
        /// The question's number.
        nonce: u64,
        /// An encoded `maftia_membership::evidence::Exhibit`.
        exhibit: Option<Bytes>,
    },
    /// The newest proof that the site has; none if it has none. It speaks for itself.
    Proof {
        /// The question's number.
        nonce: u64,
        /// At most [`PROOF_BYTES_MAX`] bytes.
        proof: Option<Bytes>,
    },
    /// A piece of a signed state; none if the site does not have it, or the client may not read it
    /// all. It is checked by whoever asked.
    Piece {
        /// The question's number.
        nonce: u64,
        /// At most [`PIECE_BYTES_MAX`] bytes.
        piece: Option<Bytes>,
    },
    /// How the site sees the group, as JSON text; one site's word.
    Status {
        /// The question's number.
        nonce: u64,
        /// The text.
        json: Bytes,
    },
    /// The certificates that lead on from the epoch asked about, in order: at most
    /// [`CERTIFICATES_MAX`], the rest when asked again. None if there is no later epoch, or if it is
    /// so long past that nobody keeps them. Nothing is believed of a site: each is verified.
    Views(Vec<Certificate>),
}

/// The fate of one request. Equal at all correct sites but for the form of the result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// Which request.
    pub sequence: Sequence,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fate {
    /// Executed, with the result in full.
    Executed {
        /// Its index among all executed requests.
        position: u64,
        /// The result.
        result: Bytes,
    },
    /// Executed; the result is left to another site.
    ExecutedDigest {
        /// Its index among all executed requests.
        position: u64,
        /// [`result_digest`] of the result.
        digest: Digest,
    },
    /// A request of this number was executed, and its result is no longer kept. It is never
    /// executed again.
    Forgotten,
    /// The session's incarnation is closed: the request will not be executed from now on. It may
    /// have been before.
    Closed,
    /// Another request was executed under this number: this one was not, and never will be.
    Other,
}

impl Fate {
    /// Length of the result that it carries in full.
    pub(crate) const fn result_bytes(&self) -> usize {
        match self {
            Self::Executed { result, .. } => result.len(),
            Self::ExecutedDigest { .. } | Self::Forgotten | Self::Closed | Self::Other => 0,
        }
    }
}

/// Most bytes of results in one message: a client takes messages of up to 4 MiB.
const BATCH_RESULT_BYTES: usize = 1024 * 1024;

/// Cuts replies into messages: each holds at most [`BATCH_MAX`] of them and one MiB of results, or
/// a single longer one.
pub fn batches(replies: Vec<Reply>) -> Vec<Vec<Reply>> {
    let (mut batches, mut batch, mut bytes) = (Vec::new(), Vec::new(), 0);
    for reply in replies {
        let length = reply.fate.result_bytes();
        let full = batch.len() >= BATCH_MAX || bytes + length > BATCH_RESULT_BYTES;
        if full && !batch.is_empty() {
            batches.push(std::mem::take(&mut batch));
            bytes = 0;
        }
        bytes += length;
        batch.push(reply);
    }
    batches.push(batch);
    batches
}

/// The digest of a result in [`Fate::ExecutedDigest`].
pub fn result_digest(result: &[u8]) -> Digest {
    RESULT.digest(result)
}

fn spans<T>(
    reader: &mut Reader,
    decode: fn(&mut Reader) -> Result<T, DecodeError>,
) -> Result<Vec<(Span, T)>, DecodeError> {
    let count = reader.length("batches", BATCH_MAX)?;
    let mut items = Vec::new();
    for _ in 0..count {
        items.push((Span::decode(reader)?, decode(reader)?));
    }
    Ok(items)
}

impl Wire for ClientMessage {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Submit {
                session,
                incarnation,
                batches,
            } => {
                writer.u8(0);
                writer.u32(*session);
                writer.incarnation(*incarnation);
                writer.length(batches.len());
                for (span, bodies) in batches {
                    span.encode(writer);
                    bodies.encode(writer);
                }
            }
            Self::Vouch {
                session,
                incarnation,
                digests,
            } => {
                writer.u8(1);
                writer.u32(*session);
                writer.incarnation(*incarnation);
                writer.length(digests.len());
                for (span, digest) in digests {
                    span.encode(writer);
                    writer.digest(digest);
                }
            }
            Self::Status { nonce } => {
                writer.u8(2);
                writer.u64(*nonce);
            }
            Self::Evidence { nonce, id } => {
                writer.u8(3);
                writer.u64(*nonce);
                writer.digest(id);
            }
            Self::Views { epoch } => {
                writer.u8(4);
                writer.epoch(*epoch);
            }
            Self::Prove { nonce, question } => {
                writer.u8(5);
                writer.u64(*nonce);
                writer.bytes(question);
            }
            Self::Lend { nonce, wanted } => {
                writer.u8(6);
                writer.u64(*nonce);
                wanted.encode(writer);
            }
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            0 => Self::Submit {
                session: reader.u32()?,
                incarnation: reader.incarnation()?,
                batches: spans(reader, Bodies::decode)?,
            },
            1 => Self::Vouch {
                session: reader.u32()?,
                incarnation: reader.incarnation()?,
                digests: spans(reader, Reader::digest)?,
            },
            2 => Self::Status {
                nonce: reader.u64()?,
            },
            3 => Self::Evidence {
                nonce: reader.u64()?,
                id: reader.digest()?,
            },
            4 => Self::Views {
                epoch: reader.epoch()?,
            },
            5 => Self::Prove {
                nonce: reader.u64()?,
                question: reader.bytes("question", QUESTION_BYTES_MAX)?,
            },
            6 => Self::Lend {
                nonce: reader.u64()?,
                wanted: Wanted::decode(reader)?,
            },
            _ => {
                return Err(DecodeError::Invalid {
                    field: "client message",
                });
            }
        })
    }
}

/// The longest question that is proven: a longest key of the store.
pub const QUESTION_BYTES_MAX: usize = 1024;

/// The longest status text.
pub const STATUS_BYTES_MAX: usize = 64 * 1024;

impl Wire for SiteMessage {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Replies {
                session,
                incarnation,
                replies,
            } => {
                writer.u8(0);
                writer.u32(*session);
                writer.incarnation(*incarnation);
                writer.list(replies);
            }
            Self::Status { nonce, json } => {
                writer.u8(1);
                writer.u64(*nonce);
                writer.bytes(json);
            }
            Self::Evidence { nonce, exhibit } => {
                writer.u8(2);
                writer.u64(*nonce);
                writer.bool(exhibit.is_some());
                exhibit.iter().for_each(|bytes| writer.bytes(bytes));
            }
            Self::Views(chain) => {
                writer.u8(3);
                writer.list(chain);
            }
            Self::Proof { nonce, proof } => {
                writer.u8(4);
                writer.u64(*nonce);
                writer.bool(proof.is_some());
                if let Some(proof) = proof {
                    writer.bytes(proof);
                }
            }
            Self::Piece { nonce, piece } => {
                writer.u8(5);
                writer.u64(*nonce);
                writer.bool(piece.is_some());
                if let Some(piece) = piece {
                    writer.bytes(piece);
                }
            }
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            0 => Self::Replies {
                session: reader.u32()?,
                incarnation: reader.incarnation()?,
                replies: reader.list("replies", BATCH_MAX)?,
            },
            1 => Self::Status {
                nonce: reader.u64()?,
                json: reader.bytes("status", STATUS_BYTES_MAX)?,
            },
            2 => {
                let nonce = reader.u64()?;
                let there = reader.bool()?;
                let mut bytes = || reader.bytes("exhibit", EXHIBIT_BYTES_MAX);
                let exhibit = there.then(&mut bytes).transpose()?;
                Self::Evidence { nonce, exhibit }
            }
            3 => Self::Views(reader.list("certificates", CERTIFICATES_MAX)?),
            4 => Self::Proof {
                nonce: reader.u64()?,
                proof: match reader.bool()? {
                    true => Some(reader.bytes("proof", PROOF_BYTES_MAX)?),
                    false => None,
                },
            },
            5 => Self::Piece {
                nonce: reader.u64()?,
                piece: match reader.bool()? {
                    true => Some(reader.bytes("piece", PIECE_BYTES_MAX)?),
                    false => None,
                },
            },
            _ => {
                return Err(DecodeError::Invalid {
                    field: "site message",
                });
            }
        })
    }
}

impl Wire for Reply {
    fn encode(&self, writer: &mut Writer) {
        writer.sequence(self.sequence);
        match &self.fate {
            Fate::Executed { position, result } => {
                writer.u8(0);
                writer.u64(*position);
                writer.bytes(result);
            }
            Fate::ExecutedDigest { position, digest } => {
                writer.u8(1);
                writer.u64(*position);
                writer.digest(digest);
            }
            Fate::Forgotten => writer.u8(2),
            Fate::Closed => writer.u8(3),
            Fate::Other => writer.u8(4),
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let sequence = reader.sequence()?;
        let fate = match reader.u8()? {
            0 => Fate::Executed {
                position: reader.u64()?,
                result: reader.bytes("result", RESULT_BYTES_MAX)?,
            },
            1 => Fate::ExecutedDigest {
                position: reader.u64()?,
                digest: reader.digest()?,
            },
            2 => Fate::Forgotten,
            3 => Fate::Closed,
            4 => Fate::Other,
            _ => return Err(DecodeError::Invalid { field: "fate" }),
        };
        Ok(Self { sequence, fate })
    }
}
