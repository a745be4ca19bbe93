use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_types::{Power, SiteSet};

use super::SessionId;
use crate::keys::beacon;
use crate::keys::sealing::{AuditPage, Handed};
use crate::keys::setup::{decode_power, encode_power};
use crate::keys::signing::{REGISTERS_PER_KEY_MAX, Slot};

/// The longest signature: Ed25519's.
const SIGNATURE_BYTES_MAX: usize = 64;

/// The answer to a [`Request`](super::Request).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To `Audit`.
    Audit(AuditPage),
    /// To `Result`: there is no result yet.
    Pending {
        /// Whose contribution would help.
        awaited: SiteSet,
    },
    /// Nothing was done, or nothing came of it.
    Refused(Refusal),
    /// To `Get` and `Latest`.
    Round(beacon::Round),
    /// To `Decrypt` and `Sign`: ask for the result of this session.
    Session(SessionId),
    /// To `Result` of a decryption, as soon as there may be enough shares. More may follow while
    /// not all sites have answered.
    Shares(Handed),
    /// To `Result` of a signature: 64 bytes under an Ed25519 key, 48 under a BLS key.
    Signature(Bytes),
    /// To `Slots`, by name.
    Slots(Vec<Slot>),
}

/// Why nothing was done, or nothing came of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Too much is under way. Ask again later.
    #[error("too much is under way; ask again later")]
    Busy,
    /// The ciphertext is not sound under this key.
    #[error("the ciphertext is not sound under this key")]
    Ciphertext,
    /// Too few sites answered in time.
    #[error("too few sites answered in time")]
    Expired,
    /// The key was retired before the session had a result.
    #[error("the key was retired")]
    KeyGone,
    /// The bytes are no request.
    #[error("the bytes are no request")]
    Malformed,
    /// This client lacks a power.
    #[error("this client has not the power `{0}`")]
    NoPower(Power),
    /// There is no such key, or it has no public key yet, or it is retired.
    #[error("there is no such key in use")]
    NoSuchKey,
    /// There is no such round, not yet or not any more.
    #[error("there is no such round")]
    NoSuchRound,
    /// There is no such session, or its result was kept long enough.
    #[error("there is no such session")]
    NoSuchSession,
    /// The key's policy does not name this client.
    #[error("this client may not use this key")]
    NotPermitted,
    /// The key is for something else.
    #[error("the key is for something else")]
    OtherScheme,
    /// This client has used this key often enough in this minute.
    #[error("this client has used this key often enough in this minute")]
    RateLimited,
    /// The key's policy wants a slot for each message.
    #[error("this key signs one message per slot; say which")]
    SlotNeeded,
    /// A higher slot of this register has been used.
    #[error("slot {last} of this register has been used; numbers must increase")]
    SlotPast {
        /// The highest one used.
        last: u64,
    },
    /// The slot has another message.
    #[error("this slot has another message")]
    SlotTaken,
    /// The key knows no slots.
    #[error("this key knows no slots")]
    SlotUnexpected,
    /// The key has as many registers as it may.
    #[error("this key has as many registers as it may")]
    TooManyRegisters,
}

impl Wire for Answer {
    fn encode(&self, w: &mut Writer) {
        match self {
            Self::Audit(page) => {
                w.u8(32);
                page.encode(w);
            }
            Self::Pending { awaited } => {
                w.u8(34);
                w.u64(awaited.bits());
            }
            Self::Refused(refusal) => {
                w.u8(35);
                refusal.encode(w);
            }
            Self::Round(round) => {
                w.u8(36);
                round.encode(w);
            }
            Self::Session(session) => {
                w.u8(37);
                session.encode(w);
            }
            Self::Shares(handed) => {
                w.u8(38);
                handed.encode(w);
            }
            Self::Signature(signature) => {
                w.u8(39);
                w.bytes(signature);
            }
            Self::Slots(slots) => {
                w.u8(40);
                w.list(slots);
            }
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match r.u8()? {
            32 => Self::Audit(AuditPage::decode(r)?),
            34 => Self::Pending {
                awaited: SiteSet::from_bits(r.u64()?),
            },
            35 => Self::Refused(Refusal::decode(r)?),
            36 => Self::Round(beacon::Round::decode(r)?),
            37 => Self::Session(SessionId::decode(r)?),
            38 => Self::Shares(Handed::decode(r)?),
            39 => Self::Signature(r.bytes("signature", SIGNATURE_BYTES_MAX)?),
            40 => Self::Slots(r.list("slots", REGISTERS_PER_KEY_MAX)?),
            _ => return Err(DecodeError::Invalid { field: "answer" }),
        })
    }
}

impl Wire for Refusal {
    fn encode(&self, w: &mut Writer) {
        w.u8(match self {
            Self::Busy => 1,
            Self::Ciphertext => 2,
            Self::Expired => 3,
            Self::NoPower(_) => 4,
            Self::KeyGone => 5,
            Self::Malformed => 6,
            Self::NoSuchKey => 7,
            Self::NoSuchRound => 8,
            Self::NoSuchSession => 9,
            Self::NotPermitted => 10,
            Self::OtherScheme => 11,
            Self::RateLimited => 12,
            Self::SlotNeeded => 13,
            Self::SlotPast { .. } => 14,
            Self::SlotTaken => 15,
            Self::SlotUnexpected => 16,
            Self::TooManyRegisters => 17,
        });
        match self {
            Self::NoPower(power) => encode_power(w, *power),
            Self::SlotPast { last } => w.u64(*last),
            _ => {}
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match r.u8()? {
            1 => Self::Busy,
            2 => Self::Ciphertext,
            3 => Self::Expired,
            4 => Self::NoPower(decode_power(r)?),
            5 => Self::KeyGone,
            6 => Self::Malformed,
            7 => Self::NoSuchKey,
            8 => Self::NoSuchRound,
            9 => Self::NoSuchSession,
            10 => Self::NotPermitted,
            11 => Self::OtherScheme,
            12 => Self::RateLimited,
            13 => Self::SlotNeeded,
            14 => Self::SlotPast { last: r.u64()? },
            15 => Self::SlotTaken,
            16 => Self::SlotUnexpected,
            17 => Self::TooManyRegisters,
            _ => return Err(DecodeError::Invalid { field: "refusal" }),
        })
    }
}
