//! Group signatures that any Ed25519 verifier accepts: OpenSSH, OpenSSL, TLS need no change.
//!
//! # Guarantees
//! - **Plain output.** [`Keys::aggregate`] gives the 64 bytes of RFC 8032 under the sharing's
//!   public key, or names every participant whose share is wrong.
//! - **Unforgeability** against fewer than the threshold of participants, sessions in parallel
//!   included.
//! - **One nonce, one session.** [`Signer::sign_share`] takes the [`Nonce`] by value, whatever it
//!   answers. A nonce has no copy, no encoding and no printed form, and is wiped on drop; one left
//!   over from before a restart does not exist.
//! - **Bound.** A share answers one session: its message, its signers, their commitments, the group
//!   and the epoch. Elsewhere it is refused without blame.
//!
//! # Model
//! FROST(Ed25519, SHA-512) of [RFC 9591 §6.1], by the crate `frost-ed25519`, of which an earlier
//! version was audited; keys come from our own sharing instead of its key generation. One-more
//! discrete logarithm and SHA-512 as a random oracle. It is not robust: a named participant that
//! stays silent ends the session, and the caller names others in the next one (ROAST).
//!
//! # Bounds
//! Exactly the threshold of participants are named, [`MESSAGE_BYTES_MAX`] bytes are signed.
//!
//! # Deviations
//! RFC 9591 draws each nonce from the share and 32 random bytes. Here these bytes come from the
//! share, the epoch, the participant, its incarnation, a number and fresh randomness, so that
//! randomness that repeats after a restart, as that of a cloned machine does, gives another nonce
//! nevertheless. The message cannot be among them: commitments are published before it is known.
//! Two running copies of one participant in the *same* incarnation are outside the model.
//!
//! # Duties of the caller
//! Agree on a session, that is on message and named commitments, before asking for shares; count a
//! commitment as used when it is *named*; drop nonces when their epoch ends; persist the incarnation
//! before the first [`Signer::commit`] of a run; decide whether the message may be signed at all,
//! since a plain signature carries no purpose ([`export`](crate::export)).

use thiserror::Error;

use crate::Index;

mod keys;
mod nonce;
mod session;

pub use keys::{Keys, KnownSecret, Signer};
pub use nonce::{Nonce, NonceCommitment, NonceNumber, SentCommitment};
pub use session::{SignatureShare, SigningPackage};

/// The longest message: one value of the key-value store. It is hashed twice by every signer.
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;

/// Why there is no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The message is longer than [`MESSAGE_BYTES_MAX`].
    #[error("a message of {0} bytes, at most {MESSAGE_BYTES_MAX} are signed")]
    MessageTooLong(usize),
    /// A commitment was made for the shares of another epoch, which hold no more.
    #[error("participant {0} committed in another epoch")]
    OtherEpoch(Index),
    /// A named participant has no share of this key.
    #[error("participant {0} has no share of this key")]
    Outsider(Index),
    /// Fewer or more participants than the threshold.
    #[error("{named} participants are named, {needed} must be")]
    WrongCount {
        /// How many were named.
        named: usize,
        /// The threshold.
        needed: usize,
    },
}

/// Why a participant does not sign. The nonce is gone in every case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignError {
    /// The session does not name this participant.
    #[error("the session does not name this participant")]
    NotNamed,
    /// The session names another commitment than this nonce's.
    #[error("the session names another commitment of this participant")]
    OtherCommitment,
    /// The session or the nonce belongs to another key, group or epoch.
    #[error("the session or the nonce belongs to another key or epoch")]
    OtherKey,
    /// The commitments cancel out: they were made to.
    #[error("the commitments of the session cancel out")]
    Refused,
}

/// Why a signature share does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ShareError {
    /// It does not fit the participant's commitment and public share: the sender is faulty.
    #[error("the signature share is wrong")]
    BadShare,
    /// The session does not name its sender.
    #[error("the session does not name participant {0}")]
    NotNamed(Index),
    /// It answers another session, and says so; or the session is of another key.
    #[error("the signature share answers another session")]
    OtherSession,
}

/// Why there is no signature.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AggregateError {
    /// Shares are wrong. The session is dead: nobody answers it twice.
    #[error("the signature shares of {} participants are wrong", .culprits.len())]
    BadShares {
        /// Who sent them, all of them.
        culprits: Vec<Index>,
    },
    /// Named participants have not answered this session yet.
    #[error("the signature shares of {} participants are missing", .0.len())]
    Missing(Vec<Index>),
    /// The session is of another key, group or epoch.
    #[error("the session belongs to another key or epoch")]
    OtherKey,
}

#[cfg(test)]
mod tests;
