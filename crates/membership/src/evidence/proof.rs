use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::{Domain, PublicKey};
use maftia_ordering::{Equivocation, NoProof};
use maftia_types::{Digest, Epoch, Round, SiteId};

const NAME: Domain = Domain::new("evidence name");

/// Convinces anybody who has the culprit's public key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Proof {
    /// Two different blocks of one author for one round, both signed by it.
    Equivocation(Box<Equivocation>),
}

/// One of the signed statements that do not go together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Statement {
    /// Digest of the signed header.
    pub header: Digest,
    /// Digest of the payload it names.
    pub payload: Digest,
    /// The signer's clock when it was made, in milliseconds since 1970, by its own word.
    pub time_ms: u64,
}

impl Proof {
    /// Convinces: the statements bear the culprit's signature and contradict each other.
    ///
    /// # Errors
    /// If `key` did not sign them.
    pub fn verify(&self, key: &PublicKey) -> Result<SiteId, NoProof> {
        match self {
            Self::Equivocation(own) => own.verify(key),
        }
    }

    /// Whom it convicts: the place in the membership list of [`Self::epoch`].
    pub fn culprit(&self) -> SiteId {
        match self {
            Self::Equivocation(own) => own.culprit(),
        }
    }

    /// The round that both statements are for.
    pub fn round(&self) -> Round {
        match self {
            Self::Equivocation(own) => own.round(),
        }
    }

    /// The epoch that both statements are for.
    pub fn epoch(&self) -> Epoch {
        match self {
            Self::Equivocation(own) => own.blocks().0.header().epoch,
        }
    }

    /// The configuration of the group that both statements are for.
    pub fn config(&self) -> Digest {
        match self {
            Self::Equivocation(own) => own.blocks().0.header().config,
        }
    }

    /// The two statements, in the order of their digests.
    pub fn statements(&self) -> [Statement; 2] {
        match self {
            Self::Equivocation(own) => {
                let (first, second) = own.blocks();
                [first, second].map(|block| Statement {
                    header: block.digest(),
                    payload: block.header().payload_digest,
                    time_ms: block.header().time_ms,
                })
            }
        }
    }

    /// Of what it convicts, in a word.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Equivocation(_) => "equivocation",
        }
    }

    /// Names the proof.
    pub fn digest(&self) -> Digest {
        NAME.digest(&self.to_bytes())
    }
}

impl From<Equivocation> for Proof {
    fn from(own: Equivocation) -> Self {
        Self::Equivocation(Box::new(own))
    }
}

impl From<Box<Equivocation>> for Proof {
    fn from(own: Box<Equivocation>) -> Self {
        Self::Equivocation(own)
    }
}

impl Wire for Proof {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Equivocation(own) => {
                writer.u8(1);
                own.encode(writer);
            }
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        match reader.u8()? {
            1 => Equivocation::decode(reader).map(Self::from),
            _ => Err(DecodeError::Invalid { field: "proof" }),
        }
    }
}
