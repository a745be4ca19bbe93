//! What clients ask of the keyed services, and the answers.

use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_types::{Digest, Power};

use super::ceremony::Status;
use super::management::{Act, PROPOSALS_MAX, Proposal};
use super::ordered::KEYS_MAX;
use super::record::wire;
use super::sessions::Policy;
use super::setup::{decode_power, encode_power};
use super::transcripts::Transcript;
use super::{KeyId, Scheme, State};

/// The longest encoding of a public key: an element of G2.
const PUBLIC_KEY_BYTES_MAX: usize = 96;

/// What a client asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Operation {
    /// Approve what another client has proposed. Needs the power to approve keys.
    Approve {
        /// Its number.
        proposal: u64,
        /// [`Proposal::digest`]: nobody approves what he has not seen.
        digest: Digest,
    },
    /// Which ceremonies are under way, and what they wait for.
    Ceremonies,
    /// Change the keys: at once, or as soon as enough approve. Needs the power to approve keys.
    Change(Act),
    /// All keys.
    List,
    /// What waits for approvals.
    Proposals,
    /// Exchange all shares of the key for others. Needs the power to approve keys, and no second
    /// client, since it changes neither the key nor who may use it.
    Refresh(KeyId),
    /// One key.
    Show(KeyId),
    /// What the group has signed of the ceremony that made the key's latest sharing.
    Transcript(KeyId),
}

/// The answer to an [`Operation`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// To [`Act::Create`], [`Act::Rotate`] and [`Operation::Refresh`]: the ceremony has begun.
    Begun {
        /// The key.
        key: KeyId,
        /// The ceremony.
        ceremony: u64,
    },
    /// To [`Operation::Ceremonies`], in the order in which they began.
    Ceremonies(Vec<Status>),
    /// To [`Operation::Show`].
    Key(KeySummary),
    /// To [`Operation::List`], in the order in which they were created.
    Keys(Vec<KeySummary>),
    /// To [`Act::Permit`].
    Permitted(KeyId),
    /// To [`Operation::Proposals`], in the order in which they were made.
    Proposals(Vec<Proposal>),
    /// To a change that needs more approvals.
    Proposed(Proposal),
    /// Nothing was done.
    Refused(Refusal),
    /// To [`Act::Retire`].
    Retired(KeyId),
    /// To [`Operation::Transcript`].
    Transcript(Transcript),
}

/// A key as shown to clients.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeySummary {
    /// The key.
    pub id: KeyId,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub scheme: Scheme,
    /// Where it is in its life.
    pub state: State,
    /// The sharing in use.
    pub version: Option<u32>,
    /// The public key as its group encodes it: 32 bytes, or 96 for BLS.
    pub public_key: Option<Vec<u8>>,
    /// The digest of the qualified dealings of that sharing.
    pub transcript: Option<Digest>,
    /// How many sites have said that they hold a share.
    pub holders: u8,
    /// How many sites' shares are as good as public, because dealers had to publish their parts.
    pub exposed: u8,
    /// Who may use it, and how.
    pub policy: Policy,
}

/// Why nothing was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// This client has approved it already.
    #[error("this client has approved it already; another one must")]
    Approved,
    /// A ceremony of that key is under way.
    #[error("a ceremony of that key is under way")]
    Busy,
    /// The group's members are changing. Ask again when they have changed.
    #[error("the group's members are changing; ask again when they have changed")]
    Changing,
    /// The key is the group's own coin, or would be another one: it comes with the group, and only a
    /// change of the members shares it anew.
    #[error(
        "a coin is the group's own: nobody makes, refreshes, rotates or retires one, or uses it"
    )]
    Coin,
    /// The bytes are no operation.
    #[error("the bytes are no operation")]
    Malformed,
    /// Names have 1 to 64 bytes and no control characters.
    #[error("a key's name has 1 to 64 bytes and no control characters")]
    Name,
    /// Another key that is in use has this name.
    #[error("another key has this name")]
    NameTaken,
    /// This client lacks a power.
    #[error("this client has not the power `{0}`")]
    NoPower(Power),
    /// There is no such key.
    #[error("there is no such key")]
    NoSuchKey,
    /// There is no such proposal: it was carried out, or nobody approved it in time.
    #[error("there is no such proposal")]
    NoSuchProposal,
    /// The proposal of that number is another one than was approved.
    #[error("the proposal is not the one with this digest")]
    OtherProposal,
    /// This client, or all together, have begun enough ceremonies in this minute.
    #[error("enough ceremonies were begun in this minute")]
    RateLimited,
    /// The key is retired.
    #[error("the key is retired")]
    Retired,
    /// There are as many keys as there may be; retire one.
    #[error("there are {KEYS_MAX} keys already; retire one first")]
    TooManyKeys,
    /// As many proposals wait as may wait, of this client or in all.
    #[error("too many proposals wait for approvals")]
    TooManyProposals,
    /// What was encrypted to the key could not be opened by another.
    #[error("a key that decrypts is not rotated: create another, and keep this one")]
    Unrotatable,
    /// Under the group's fault model, what dealers must publish would give the key away.
    #[error("the group's fault model carries no shared keys; they need n >= 3f+2c+1")]
    Unshareable,
    /// The group has not signed the transcript yet, or has no key to do so.
    #[error("the group has not signed the transcript yet")]
    Unsigned,
}

impl Wire for Operation {
    fn encode(&self, w: &mut Writer) {
        match self {
            Self::Change(act) => tagged(w, 1, act),
            Self::Refresh(key) => tagged(w, 2, key),
            Self::Approve { proposal, digest } => {
                w.u8(3);
                w.u64(*proposal);
                w.digest(digest);
            }
            Self::List => w.u8(4),
            Self::Show(key) => tagged(w, 5, key),
            Self::Ceremonies => w.u8(6),
            Self::Proposals => w.u8(7),
            Self::Transcript(key) => tagged(w, 8, key),
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        match r.u8()? {
            1 => Act::decode(r).map(Self::Change),
            2 => KeyId::decode(r).map(Self::Refresh),
            3 => Ok(Self::Approve {
                proposal: r.u64()?,
                digest: r.digest()?,
            }),
            4 => Ok(Self::List),
            5 => KeyId::decode(r).map(Self::Show),
            6 => Ok(Self::Ceremonies),
            7 => Ok(Self::Proposals),
            8 => KeyId::decode(r).map(Self::Transcript),
            _ => Err(DecodeError::Invalid { field: "operation" }),
        }
    }
}

impl Wire for Reply {
    fn encode(&self, w: &mut Writer) {
        match self {
            Self::Begun { key, ceremony } => {
                tagged(w, 1, key);
                w.u64(*ceremony);
            }
            Self::Ceremonies(all) => {
                w.u8(2);
                w.list(all);
            }
            Self::Key(key) => tagged(w, 3, key),
            Self::Keys(keys) => {
                w.u8(4);
                w.list(keys);
            }
            Self::Refused(refusal) => tagged(w, 5, refusal),
            Self::Retired(key) => tagged(w, 6, key),
            Self::Permitted(key) => tagged(w, 7, key),
            Self::Proposals(all) => {
                w.u8(8);
                w.list(all);
            }
            Self::Proposed(proposal) => tagged(w, 9, proposal),
            Self::Transcript(transcript) => tagged(w, 10, transcript),
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        match r.u8()? {
            1 => Ok(Self::Begun {
                key: KeyId::decode(r)?,
                ceremony: r.u64()?,
            }),
            2 => r.list("ceremonies", KEYS_MAX).map(Self::Ceremonies),
            3 => KeySummary::decode(r).map(Self::Key),
            4 => r.list("keys", 2 * KEYS_MAX).map(Self::Keys),
            5 => Refusal::decode(r).map(Self::Refused),
            6 => KeyId::decode(r).map(Self::Retired),
            7 => KeyId::decode(r).map(Self::Permitted),
            8 => r.list("proposals", PROPOSALS_MAX).map(Self::Proposals),
            9 => Proposal::decode(r).map(Self::Proposed),
            10 => Transcript::decode(r).map(Self::Transcript),
            _ => Err(DecodeError::Invalid { field: "reply" }),
        }
    }
}

fn tagged(w: &mut Writer, tag: u8, value: &impl Wire) {
    w.u8(tag);
    value.encode(w);
}

impl Wire for KeySummary {
    fn encode(&self, w: &mut Writer) {
        self.id.encode(w);
        w.bytes(self.name.as_bytes());
        self.scheme.encode(w);
        self.state.encode(w);
        w.bool(self.version.is_some());
        self.version.iter().for_each(|version| w.u32(*version));
        w.bool(self.public_key.is_some());
        self.public_key.iter().for_each(|key| w.bytes(key));
        w.bool(self.transcript.is_some());
        self.transcript.iter().for_each(|digest| w.digest(digest));
        w.u8(self.holders);
        w.u8(self.exposed);
        self.policy.encode(w);
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        let id = KeyId::decode(r)?;
        let name = wire::read_name(r)?;
        let (scheme, state) = (Scheme::decode(r)?, State::decode(r)?);
        let version = r.bool()?.then(|| r.u32()).transpose()?;
        let key = r
            .bool()?
            .then(|| r.bytes("public key", PUBLIC_KEY_BYTES_MAX));
        let public_key = key.transpose()?.map(Vec::from);
        Ok(Self {
            id,
            name,
            scheme,
            state,
            version,
            public_key,
            transcript: r.bool()?.then(|| r.digest()).transpose()?,
            holders: r.u8()?,
            exposed: r.u8()?,
            policy: Policy::decode(r)?,
        })
    }
}

impl Wire for Refusal {
    fn encode(&self, w: &mut Writer) {
        w.u8(match self {
            Self::Busy => 1,
            Self::Malformed => 2,
            Self::Name => 3,
            Self::NameTaken => 4,
            Self::NoSuchKey => 5,
            Self::Retired => 6,
            Self::TooManyKeys => 7,
            Self::Unshareable => 8,
            Self::NoPower(_) => 9,
            Self::RateLimited => 10,
            Self::Approved => 11,
            Self::NoSuchProposal => 12,
            Self::OtherProposal => 13,
            Self::TooManyProposals => 14,
            Self::Changing => 15,
            Self::Unrotatable => 16,
            Self::Unsigned => 17,
            Self::Coin => 18,
        });
        if let Self::NoPower(power) = self {
            encode_power(w, *power);
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match r.u8()? {
            1 => Self::Busy,
            2 => Self::Malformed,
            3 => Self::Name,
            4 => Self::NameTaken,
            5 => Self::NoSuchKey,
            6 => Self::Retired,
            7 => Self::TooManyKeys,
            8 => Self::Unshareable,
            9 => Self::NoPower(decode_power(r)?),
            10 => Self::RateLimited,
            11 => Self::Approved,
            12 => Self::NoSuchProposal,
            13 => Self::OtherProposal,
            14 => Self::TooManyProposals,
            15 => Self::Changing,
            16 => Self::Unrotatable,
            17 => Self::Unsigned,
            18 => Self::Coin,
            _ => return Err(DecodeError::Invalid { field: "refusal" }),
        })
    }
}
