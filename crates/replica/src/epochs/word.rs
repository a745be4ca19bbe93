//! What a joiner wants in the log: it makes no blocks, so a member's block carries it, signed.

use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::{BadSignature, Domain, PublicKey, Signature, SigningKey};
use maftia_types::{Digest, SiteId};

const WORD: Domain = Domain::new("joiner's word");

/// The longest contribution of a joiner: it deals nothing, and says only what it holds.
pub const WORD_BYTES_MAX: usize = 1024;

/// Words looked at in one block, by everybody alike: each costs a verification. Joiners say few, and
/// say them again.
pub(crate) const WORDS_PER_BLOCK_MAX: usize = 16;

/// Words of joiners that a member puts into its blocks in the time of one commit.
pub(crate) const WORDS_PER_COMMIT_MAX: usize = 8;

/// What a joiner says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Saying {
    /// "I have the state and follow the log."
    Ready,
    /// To the keyed services, as a member's [`Item::Contribution`](crate::Item::Contribution).
    Contribution(Bytes),
}

/// A saying with who says it, on which occasion, and its signature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Word {
    /// Its id in the present epoch.
    pub joiner: SiteId,
    /// The proposal that makes it one: what was said when another change failed counts for nothing.
    pub proposal: u64,
    /// What it says.
    pub saying: Saying,
    signature: Signature,
}

impl Word {
    /// Signs a saying. `config` is what blocks of the present epoch carry.
    pub(crate) fn sign(
        (joiner, proposal): (SiteId, u64),
        saying: Saying,
        config: &Digest,
        key: &SigningKey,
    ) -> Self {
        let statement = statement(joiner, proposal, &saying, config);
        Self {
            joiner,
            proposal,
            saying,
            signature: key.sign(WORD, &statement),
        }
    }

    pub(crate) fn verify(&self, config: &Digest, key: &PublicKey) -> Result<(), BadSignature> {
        let statement = statement(self.joiner, self.proposal, &self.saying, config);
        key.verify(WORD, &statement, &self.signature)
    }
}

fn statement(joiner: SiteId, proposal: u64, saying: &Saying, config: &Digest) -> Bytes {
    let mut writer = Writer::new();
    writer.digest(config);
    writer.site(joiner);
    writer.u64(proposal);
    saying.encode(&mut writer);
    writer.finish()
}

impl Wire for Saying {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Ready => writer.u8(0),
            Self::Contribution(bytes) => {
                writer.u8(1);
                writer.bytes(bytes);
            }
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        match reader.u8()? {
            0 => Ok(Self::Ready),
            1 => Ok(Self::Contribution(reader.bytes("word", WORD_BYTES_MAX)?)),
            _ => Err(DecodeError::Invalid { field: "saying" }),
        }
    }
}

impl Wire for Word {
    fn encode(&self, writer: &mut Writer) {
        writer.site(self.joiner);
        writer.u64(self.proposal);
        self.saying.encode(writer);
        self.signature.encode(writer);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            joiner: reader.site()?,
            proposal: reader.u64()?,
            saying: Saying::decode(reader)?,
            signature: Signature::decode(reader)?,
        })
    }
}
