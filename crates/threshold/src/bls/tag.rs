use maftia_pairing::G1;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// The most bytes of a group's name in a [`Tag`]. RFC 9380 hashes tags above 255 bytes down; with
/// this bound ours never are.
pub const GROUP_NAME_BYTES_MAX: usize = 64;

/// The tag of drand's quicknet, scheme `bls-unchained-g1-rfc9380`.
const QUICKNET: &[u8] = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";

/// What drand's quicknet signs, under [`Tag::quicknet`], for a round: SHA-256 of its number.
#[must_use]
pub fn quicknet_message(round: u64) -> [u8; 32] {
    Sha256::digest(round.to_be_bytes()).into()
}

/// The randomness of a round of drand's quicknet: SHA-256 of its signature.
#[must_use]
pub fn quicknet_randomness(signature: &[u8; 48]) -> [u8; 32] {
    Sha256::digest(signature).into()
}

/// What a signature under a group's key is for. One key serves them all, because none of their
/// signatures is another's: each hashes messages under its own tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// The coin of a binary agreement.
    Aba,
    /// A round of the group's own beacon.
    Beacon,
    /// A checkpoint of the replicated state.
    Checkpoint,
    /// What a client has asked the group to sign.
    Client,
    /// The coin that chooses a round's leader.
    Coin,
    /// The key that opens a site's block once it is ordered.
    IbeBlock,
    /// The key that opens a client's request once it is ordered.
    IbeClient,
    /// What the group says of a ceremony of its keys.
    Transcript,
    /// A vote of the group towards others.
    Vote,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 9] = [
        Self::Aba,
        Self::Beacon,
        Self::Checkpoint,
        Self::Client,
        Self::Coin,
        Self::IbeBlock,
        Self::IbeClient,
        Self::Transcript,
        Self::Vote,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Aba => "aba",
            Self::Beacon => "beacon",
            Self::Checkpoint => "ckpt",
            Self::Client => "client",
            Self::Coin => "coin",
            Self::IbeBlock => "ibe-block",
            Self::IbeClient => "ibe-client",
            Self::Transcript => "transcript",
            Self::Vote => "vote",
        }
    }
}

/// The domain in which a message is hashed: `group-name | purpose`.
///
/// No two pairs of name and purpose share a tag, because no purpose contains the separator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag(Vec<u8>);

/// Text that cannot name a group in a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a group's name has 1 to {GROUP_NAME_BYTES_MAX} bytes")]
pub struct NotAGroupName;

impl Tag {
    /// The domain of a purpose within a group.
    ///
    /// # Errors
    /// The name is empty or too long.
    pub fn new(group: &str, purpose: Purpose) -> Result<Self, NotAGroupName> {
        if group.is_empty() || group.len() > GROUP_NAME_BYTES_MAX {
            return Err(NotAGroupName);
        }
        Ok(Self(format!("{group} | {}", purpose.name()).into_bytes()))
    }

    /// The domain of drand's quicknet, which names no group and no purpose. **Only for a key that
    /// signs nothing but beacon rounds**, so that ordinary drand clients accept them.
    #[must_use]
    pub fn quicknet() -> Self {
        Self(QUICKNET.to_vec())
    }

    pub(super) fn hash(&self, message: &[u8]) -> G1 {
        G1::hash(message, &self.0)
    }
}
