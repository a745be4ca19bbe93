//! Decryption for a reader, by the sites together.
//!
//! # Guarantees
//! - **Secrecy.** Nobody but the reader learns a plaintext from the log, from the state or at a
//!   site: sites contribute *shares*, each sealed to the ephemeral key that the reader named. Fewer
//!   than the threshold of intruded sites learn nothing, since they see no more than their own
//!   shares.
//! - **Agreed release.** A correct site releases a share only for a session, that is for an agreed
//!   request that the key's policy permits, of a client within its limit, for a ciphertext whose
//!   proof holds. Each is in the audit list, which nobody can change.
//! - **Availability.** A threshold of good shares is among those handed out, however slow correct
//!   sites are: shares are taken until all sites have answered, or for ten minutes. While more than
//!   half of the places for sessions are taken, once there are enough, for [`LATE_SHARES_MS`]. Ask
//!   for the result again if [`open`] says that more are needed.
//! - **Blame.** [`open`] checks every share and names the sites whose ones are wrong. Only the reader
//!   can see that: it is no evidence for others.
//!
//! # Model
//! Threshold decryption of [`maftia_threshold::tdh2`]; shares are sealed by an ephemeral
//! Diffie–Hellman key on ristretto255 with ChaCha20-Poly1305, bound to group, key, version, session,
//! ciphertext and site.
//!
//! # Duties of the reader
//! A key pair of its own for each request; the group's answer as f + 1 sites agree on it; the public
//! key from a trusted source.

use std::collections::BTreeMap;

use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_threshold::tdh2::{self, Checked, Ciphertext, CiphertextError, EncryptionKey};
use maftia_threshold::{Group as _, Ristretto255, Scope, Secret, Sharing};
use maftia_types::{Digest, Epoch, SITES_MAX, SiteId};
use thiserror::Error;
use zeroize::Zeroizing;

use super::record::{KeyId, Version, index_of, wire};
use super::sessions::SessionId;

mod audit;
mod envelope;
mod opening;
mod site;

pub use audit::{AUDIT_ENTRIES_MAX, AUDIT_PAGE_MAX, AuditEntry, AuditPage, Deed};
pub use envelope::{ENVELOPE_BYTES, Recipient};

pub(super) use audit::Audit;
pub(super) use envelope::SHARE_BYTES;
pub(super) use opening::Opening;

/// The longest plaintext: seal a key for what is longer.
pub const PLAINTEXT_BYTES_MAX: usize = 64 * 1024;

/// The longest ciphertext, with its label. Kept in the state until the session ends.
pub const CIPHERTEXT_BYTES_MAX: usize =
    PLAINTEXT_BYTES_MAX + tdh2::LABEL_BYTES_MAX + tdh2::OVERHEAD_BYTES;

/// How long, in commit time, shares are taken after there are enough for a reader who trusts every
/// site, if others need the place: several times what a correct site takes that is not far behind.
pub const LATE_SHARES_MS: u64 = 30_000;

/// The longest encoding of a sharing on ristretto255.
const SHARING_BYTES_MAX: usize = 2 + SITES_MAX * 32;

/// What the group hands out to a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handed {
    /// The session.
    pub session: SessionId,
    /// The key.
    pub key: KeyId,
    /// The version of its sharing.
    pub version: u32,
    /// Who holds shares: the site at place `i` has index `i + 1`. Sites are numbered as in the epoch
    /// in which this was handed out.
    pub members: Vec<SiteId>,
    /// That version's public part, encoded.
    pub sharing: Bytes,
    /// The members' shares, each sealed to the reader.
    pub shares: BTreeMap<SiteId, Bytes>,
}

/// A ciphertext that was opened.
#[derive(Clone, PartialEq, Eq)]
pub struct Opened {
    /// What was encrypted; wiped on drop.
    pub plaintext: Zeroizing<Vec<u8>>,
    /// Who sent something wrong.
    pub culprits: Vec<SiteId>,
}

/// Why what was handed out does not open the ciphertext.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The ciphertext is not sound under the key.
    #[error("the ciphertext is not sound under this key")]
    Ciphertext(#[source] CiphertextError),
    /// The sharing is not one of the key.
    #[error("the sharing that was handed out is not one of the key")]
    Sharing,
    /// More shares may help: ask for the result again, or decrypt again.
    #[error("{sound} sound shares, {needed} are needed")]
    TooFew {
        /// How many shares are sound.
        sound: usize,
        /// How many are needed.
        needed: usize,
        /// Who sent something wrong.
        culprits: Vec<SiteId>,
    },
    /// Whoever made the ciphertext made it so that it has no plaintext.
    #[error("the ciphertext was made not to be readable")]
    Unreadable,
}

/// Opens a ciphertext with the shares that the group handed out, on the reader's machine.
///
/// `public_key` is the key's, 32 bytes, and `secret` that behind the [`Recipient`] of the request.
///
/// # Errors
/// Each of [`OpenError`].
pub fn open(
    group: Digest,
    public_key: &[u8; 32],
    handed: &Handed,
    secret: &Secret<Ristretto255>,
    ciphertext: Ciphertext,
) -> Result<Opened, OpenError> {
    let sharing = Sharing::<Ristretto255>::from_bytes(&handed.sharing);
    let sharing = sharing.map_err(|_| OpenError::Sharing)?;
    if Ristretto255::encode(&sharing.key()) != *public_key {
        return Err(OpenError::Sharing);
    }
    let scope = scope(group, handed.version);
    let keys = tdh2::Keys::new(scope, sharing);
    let checked = check(keys.encryption_key(), ciphertext).map_err(OpenError::Ciphertext)?;
    let mut shares = BTreeMap::new();
    let mut culprits = Vec::new();
    for (site, sealed) in &handed.shares {
        let binding = envelope::Binding {
            scope: &scope,
            key: handed.key,
            session: handed.session,
            ciphertext: checked.digest(),
            from: *site,
        };
        let share = binding.open(secret, sealed);
        let share = share.and_then(|share| {
            let share = Bytes::copy_from_slice(&share);
            tdh2::DecryptionShare::from_bytes(share).ok()
        });
        let sound = share.zip(index_of(&handed.members, *site));
        match sound.filter(|(own, index)| keys.verify_share(&checked, *index, own).is_ok()) {
            Some((share, index)) => {
                shares.insert(index, share);
            }
            None => culprits.push(*site),
        }
    }
    match tdh2::combine(&keys, &checked, &shares) {
        Ok(opened) => Ok(Opened {
            plaintext: opened.plaintext,
            culprits,
        }),
        Err(tdh2::CombineError::TooFew { sound, needed, .. }) => Err(OpenError::TooFew {
            sound,
            needed,
            culprits,
        }),
        Err(_) => Err(OpenError::Unreadable),
    }
}

/// Checks a ciphertext under the label that it carries: what the label must be is the reader's
/// business, and stands in the audit list as part of the ciphertext's digest.
pub(super) fn check(
    key: &EncryptionKey,
    ciphertext: Ciphertext,
) -> Result<Checked, CiphertextError> {
    let label = ciphertext.label().to_vec();
    key.check(&label, ciphertext)
}

/// What decryption shares are bound to: a version of a sharing is never used in two epochs, so that
/// its number says in which span the shares hold.
pub(super) fn scope(group: Digest, version: u32) -> Scope {
    Scope {
        group,
        epoch: Epoch(version.into()),
    }
}

/// The public side of a version of a key for decryption.
pub(super) fn keys(group: Digest, version: &Version) -> Option<tdh2::Keys> {
    let sharing = version.sharing_in::<Ristretto255>()?;
    Some(tdh2::Keys::new(
        scope(group, version.number),
        sharing.clone(),
    ))
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened")
            .field("bytes", &self.plaintext.len())
            .field("culprits", &self.culprits)
            .finish_non_exhaustive()
    }
}

impl Handed {
    pub(super) fn new(
        (session, key): (SessionId, KeyId),
        version: &Version,
        shares: BTreeMap<SiteId, Bytes>,
    ) -> Self {
        let sharing = version.sharing_in::<Ristretto255>().map(Sharing::to_bytes);
        Self {
            session,
            key,
            version: version.number,
            members: version.members.clone(),
            sharing: sharing.unwrap_or_default().into(),
            shares,
        }
    }
}

impl Wire for Handed {
    fn encode(&self, writer: &mut Writer) {
        self.session.encode(writer);
        self.key.encode(writer);
        writer.u32(self.version);
        wire::sites(writer, &self.members);
        writer.bytes(&self.sharing);
        opening::encode_shares(&self.shares, writer);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            session: SessionId::decode(reader)?,
            key: KeyId::decode(reader)?,
            version: reader.u32()?,
            members: wire::read_sites(reader)?,
            sharing: reader.bytes("sharing", SHARING_BYTES_MAX)?,
            shares: opening::decode_shares(reader)?,
        })
    }
}

#[cfg(test)]
mod tests;
