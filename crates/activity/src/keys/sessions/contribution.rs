use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_threshold::bls;
use maftia_threshold::frost::{SentCommitment, SignatureShare};

use super::SessionId;
use crate::keys::channels::ChannelShare;
use crate::keys::record::KeyId;
use crate::keys::sealing::ENVELOPE_BYTES;
use crate::keys::signing::COMMITMENTS_AHEAD;
use crate::keys::transcripts::{Of, read_of, write_of};

/// A site's part in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::keys) enum Contribution {
    /// To a round of a beacon.
    Beacon {
        key: KeyId,
        version: u32,
        round: u64,
        share: Bytes,
    },
    /// To the certificate of a checkpoint, by its commit.
    Certificate {
        key: KeyId,
        version: u32,
        commit: u64,
        share: Bytes,
    },
    /// To a message of a channel: [`Site::channel_share`](crate::keys::Site::channel_share).
    Channel(ChannelShare),
    /// To a BLS signature.
    Bls {
        session: SessionId,
        version: u32,
        share: Bytes,
    },
    /// To an attempt at an Ed25519 signature, which is of one version of the key.
    Frost {
        session: SessionId,
        attempt: u32,
        share: SignatureShare,
    },
    /// Nonce commitments, ahead of need.
    Nonces(Vec<SentCommitment>),
    /// To a decryption, sealed to its reader.
    Opening {
        session: SessionId,
        version: u32,
        sealed: Bytes,
    },
    /// To the signature under a transcript: by which sharing, about which.
    Transcript { by: Of, about: Of, share: Bytes },
}

impl Wire for Contribution {
    fn encode(&self, w: &mut Writer) {
        match self {
            Self::Beacon {
                key,
                version,
                round,
                share,
            } => {
                w.u8(32);
                key.encode(w);
                w.u32(*version);
                w.u64(*round);
                w.bytes(share);
            }
            Self::Certificate {
                key,
                version,
                commit,
                share,
            } => {
                w.u8(37);
                key.encode(w);
                w.u32(*version);
                w.u64(*commit);
                w.bytes(share);
            }
            Self::Channel(own) => {
                w.u8(39);
                own.encode(w);
            }
            Self::Bls {
                session,
                version,
                share,
            } => {
                w.u8(33);
                session.encode(w);
                w.u32(*version);
                w.bytes(share);
            }
            Self::Frost {
                session,
                attempt,
                share,
            } => {
                w.u8(34);
                session.encode(w);
                w.u32(*attempt);
                share.encode(w);
            }
            Self::Nonces(commitments) => {
                w.u8(35);
                w.list(commitments);
            }
            Self::Opening {
                session,
                version,
                sealed,
            } => {
                w.u8(36);
                session.encode(w);
                w.u32(*version);
                w.bytes(sealed);
            }
            Self::Transcript { by, about, share } => {
                w.u8(38);
                write_of(w, *by);
                write_of(w, *about);
                w.bytes(share);
            }
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match r.u8()? {
            32 => Self::Beacon {
                key: KeyId::decode(r)?,
                version: r.u32()?,
                round: r.u64()?,
                share: r.bytes("share", bls::SignatureShare::BYTES)?,
            },
            33 => Self::Bls {
                session: SessionId::decode(r)?,
                version: r.u32()?,
                share: r.bytes("share", bls::SignatureShare::BYTES)?,
            },
            34 => Self::Frost {
                session: SessionId::decode(r)?,
                attempt: r.u32()?,
                share: SignatureShare::decode(r)?,
            },
            35 => Self::Nonces(r.list("commitments", COMMITMENTS_AHEAD)?),
            36 => Self::Opening {
                session: SessionId::decode(r)?,
                version: r.u32()?,
                sealed: r.bytes("sealed share", ENVELOPE_BYTES)?,
            },
            37 => Self::Certificate {
                key: KeyId::decode(r)?,
                version: r.u32()?,
                commit: r.u64()?,
                share: r.bytes("share", bls::SignatureShare::BYTES)?,
            },
            39 => Self::Channel(ChannelShare::decode(r)?),
            38 => Self::Transcript {
                by: read_of(r)?,
                about: read_of(r)?,
                share: r.bytes("share", bls::SignatureShare::BYTES)?,
            },
            _ => {
                return Err(DecodeError::Invalid {
                    field: "contribution",
                });
            }
        })
    }
}
