use std::collections::BTreeMap;

use frost_ed25519 as frost;
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_types::Digest;

use super::keys::identifier;
use super::{Keys, MESSAGE_BYTES_MAX, NonceCommitment, SessionError};
use crate::{Index, Scope, Transcript};

/// One attempt to sign: a message and the participants named for it, each with a commitment. All
/// who build it from the same agreed order have the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningPackage {
    scope: Scope,
    public: [u8; 32],
    members: BTreeMap<Index, NonceCommitment>,
    digest: Digest,
    inner: frost::SigningPackage,
}

/// A participant's answer to one session, as received. Whose it is, the link must say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SignatureShare {
    pub(super) session: Digest,
    pub(super) inner: frost::round2::SignatureShare,
}

impl SigningPackage {
    /// A session of the named participants, which are as many as the threshold.
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn new(
        keys: &Keys,
        message: &[u8],
        members: BTreeMap<Index, NonceCommitment>,
    ) -> Result<Self, SessionError> {
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(SessionError::MessageTooLong(message.len()));
        }
        let (named, needed) = (members.len(), keys.threshold());
        if named != needed {
            return Err(SessionError::WrongCount { named, needed });
        }
        for (index, commitment) in &members {
            if !keys.has(*index) {
                return Err(SessionError::Outsider(*index));
            }
            if commitment.epoch != keys.scope().epoch {
                return Err(SessionError::OtherEpoch(*index));
            }
        }
        let commitments = members
            .iter()
            .map(|(index, commitment)| (identifier(*index), commitment.inner))
            .collect();
        Ok(Self {
            scope: *keys.scope(),
            public: *keys.public_key(),
            digest: digest(keys, message, &members),
            inner: frost::SigningPackage::new(commitments, message),
            members,
        })
    }

    /// What is being signed.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        self.inner.message()
    }

    /// The session's name: message, participants and commitments, group and epoch.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Who is named.
    pub fn named(&self) -> impl Iterator<Item = Index> {
        self.members.keys().copied()
    }

    /// What a named participant committed to.
    #[must_use]
    pub fn commitment(&self, index: Index) -> Option<&NonceCommitment> {
        self.members.get(&index)
    }

    pub(super) fn is_of(&self, keys: &Keys) -> bool {
        self.scope == *keys.scope() && self.public == *keys.public_key()
    }

    pub(super) const fn inner(&self) -> &frost::SigningPackage {
        &self.inner
    }
}

impl SignatureShare {
    /// The session it answers: [`SigningPackage::digest`].
    #[must_use]
    pub const fn session(&self) -> Digest {
        self.session
    }
}

impl Wire for SignatureShare {
    fn encode(&self, writer: &mut Writer) {
        writer.digest(&self.session);
        writer.raw(&self.inner.serialize());
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let session = reader.digest()?;
        let bytes: [u8; 32] = reader.array()?;
        let inner = frost::round2::SignatureShare::deserialize(&bytes)
            .map_err(|_| DecodeError::Invalid { field: "share" })?;
        Ok(Self { session, inner })
    }
}

fn digest(keys: &Keys, message: &[u8], members: &BTreeMap<Index, NonceCommitment>) -> Digest {
    let mut transcript = Transcript::new("frost session", keys.scope());
    transcript
        .bytes("public key", keys.public_key())
        .bytes("message", message)
        .list("members", members.len());
    for (index, commitment) in members {
        let number = commitment.number();
        transcript
            .number("participant", index.number().into())
            .number("incarnation", number.incarnation.0)
            .number("number", number.number);
        for point in commitment.points() {
            transcript.bytes("commitment", &point);
        }
    }
    Digest(*transcript.key())
}
