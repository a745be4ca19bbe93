use std::cmp::Ordering;
use std::sync::Arc;

use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::{BadSignature, Domain, PublicKey, Signature, SigningKey};
use maftia_types::{Digest, Epoch, Round, SITES_MAX, SiteId};

use crate::coin::{COIN_SHARES_MAX, CoinShare};
use crate::parameters::PAYLOAD_BYTES_MAX;
use crate::seal::{Refused, Request, Seal, Sealer};

const BLOCK: Domain = Domain::new("block header");
const SIGNED_BLOCK: Domain = Domain::new("block signature");
const PAYLOAD: Domain = Domain::new("block payload");

/// The longest encoded header: a control frame (DESIGN D9).
pub const HEADER_BYTES_MAX: usize = 8 * 1024;
/// How a header begins that bears its author's signature alone.
const SIGNED: u8 = 1;
/// How one begins that bears a seal besides: the two never have one digest.
const SEALED: u8 = 2;

/// Names a block. Ordered by round, then author, then digest: the order of delivery within a
/// commit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BlockRef {
    /// Who made it.
    pub author: SiteId,
    /// For which round.
    pub round: Round,
    /// Digest of its header.
    pub digest: Digest,
}

/// What an author states in a block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// The group's configuration.
    pub config: Digest,
    /// The epoch.
    pub epoch: Epoch,
    /// The round.
    pub round: Round,
    /// The author.
    pub author: SiteId,
    /// The author's own previous block first, then one block per author; those of `round - 1` are
    /// *strong*.
    pub parents: Vec<BlockRef>,
    /// Digest of the payload.
    pub payload_digest: Digest,
    /// Length of the payload in bytes.
    pub payload_len: u32,
    /// The author's latest commit: its index and chain digest.
    pub commit_vote: Option<IndexedDigest>,
    /// A checkpoint the author has computed and not yet seen stable.
    pub checkpoint_vote: Option<IndexedDigest>,
    /// The author's wall clock in milliseconds since 1970. Never decides validity beyond V5.
    pub time_ms: u64,
    /// The author's shares of coins, newest first; none in an epoch without a coin (V7).
    pub coin_shares: Vec<CoinShare>,
}

/// A digest of something that has an index: a commit, a checkpoint.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct IndexedDigest {
    /// The index.
    pub index: u64,
    /// The digest.
    pub digest: Digest,
}

/// A header with its author's signature, as received.
#[derive(Debug)]
pub struct Block {
    header: Header,
    digest: Digest,
    signature: Signature,
    /// In the row `hybrid`.
    seal: Option<Seal>,
    encoded: Bytes,
}

/// A signed header of the row `hybrid` that has no seal yet.
#[derive(Debug)]
pub(crate) struct Unsealed {
    header: Header,
    bytes: Bytes,
    digest: Digest,
    signature: Signature,
}

impl BlockRef {
    /// Whether this block is one round below `round`.
    pub const fn is_strong_for(&self, round: Round) -> bool {
        self.round.0 + 1 == round.0
    }
}

impl PartialOrd for BlockRef {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for BlockRef {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.round, self.author, self.digest).cmp(&(other.round, other.author, other.digest))
    }
}

/// The digest a header carries for its payload.
pub fn payload_digest(payload: &[u8]) -> Digest {
    PAYLOAD.digest(payload)
}

impl Block {
    /// Signs a header.
    pub fn sign(header: Header, key: &SigningKey) -> Arc<Self> {
        let bytes = header.to_bytes();
        let digest = BLOCK.digest(&bytes);
        let signature = key.sign(SIGNED_BLOCK, digest.as_bytes());
        Self::assemble(header, &bytes, (digest, signature), None)
    }

    /// Signs a header and has it sealed, at once: for who keeps no log of its own headers. A site
    /// writes them down first (correction 20).
    ///
    /// # Errors
    /// If the device refuses.
    pub fn seal(
        header: Header,
        key: &SigningKey,
        sealer: &dyn Sealer,
    ) -> Result<Arc<Self>, Refused> {
        let block = Unsealed::new(header, key);
        let seal = sealer.seal(&block.request())?;
        Ok(block.sealed(seal))
    }

    /// The implicit block of round 0. It bears no signature and is never sent.
    pub fn genesis(config: Digest, epoch: Epoch, author: SiteId) -> Arc<Self> {
        let header = Header {
            config,
            epoch,
            round: Round(0),
            author,
            parents: Vec::new(),
            payload_digest: payload_digest(&[]),
            payload_len: 0,
            commit_vote: None,
            checkpoint_vote: None,
            time_ms: 0,
            coin_shares: Vec::new(),
        };
        let bytes = header.to_bytes();
        let digest = BLOCK.digest(&bytes);
        Self::assemble(header, &bytes, (digest, Signature([0; 64])), None)
    }

    fn assemble(
        header: Header,
        bytes: &Bytes,
        (digest, signature): (Digest, Signature),
        seal: Option<Seal>,
    ) -> Arc<Self> {
        Arc::new(Self {
            header,
            digest,
            signature,
            seal,
            encoded: encoded(bytes, &signature, seal.as_ref()),
        })
    }

    /// Checks that `key` signed this header.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(&self, key: &PublicKey) -> Result<(), BadSignature> {
        key.verify(SIGNED_BLOCK, self.digest.as_bytes(), &self.signature)
    }

    /// What the author states.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The seal of the author's trusted device, if the block bears one.
    pub const fn bears(&self) -> Option<&Seal> {
        self.seal.as_ref()
    }

    /// What such a seal is over.
    pub const fn request(&self) -> Request {
        request(&self.header, self.digest)
    }

    /// The author.
    pub const fn author(&self) -> SiteId {
        self.header.author
    }

    /// The round.
    pub const fn round(&self) -> Round {
        self.header.round
    }

    /// Digest of the header.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The name of this block.
    pub const fn reference(&self) -> BlockRef {
        BlockRef {
            author: self.header.author,
            round: self.header.round,
            digest: self.digest,
        }
    }

    /// The parents of the round below.
    pub fn strong_parents(&self) -> impl Iterator<Item = &BlockRef> + Clone {
        self.header
            .parents
            .iter()
            .filter(|parent| parent.is_strong_for(self.header.round))
    }

    /// The author's own block that this one continues; none in a re-entry.
    pub fn self_parent(&self) -> Option<BlockRef> {
        let first = self.header.parents.first().copied();
        first.filter(|parent| parent.author == self.header.author)
    }

    /// Whether `candidate` is among the parents.
    pub fn has_parent(&self, candidate: &BlockRef) -> bool {
        self.header.parents.contains(candidate)
    }

    /// Whether the payload is empty.
    pub const fn is_empty(&self) -> bool {
        self.header.payload_len == 0
    }
}

impl PartialEq for Block {
    fn eq(&self, other: &Self) -> bool {
        self.encoded == other.encoded
    }
}

impl Eq for Block {}

impl Unsealed {
    /// Signs a header that a device is to seal.
    pub(crate) fn new(header: Header, key: &SigningKey) -> Self {
        let mut bytes = header.to_bytes().to_vec();
        if let Some(form) = bytes.first_mut() {
            *form = SEALED;
        }
        let bytes = Bytes::from(bytes);
        let digest = BLOCK.digest(&bytes);
        let signature = key.sign(SIGNED_BLOCK, digest.as_bytes());
        Self {
            header,
            bytes,
            digest,
            signature,
        }
    }

    pub(crate) const fn header(&self) -> &Header {
        &self.header
    }

    /// What its seal is to be over.
    pub(crate) const fn request(&self) -> Request {
        request(&self.header, self.digest)
    }

    pub(crate) fn sealed(self, seal: Seal) -> Arc<Block> {
        let signed = (self.digest, self.signature);
        Block::assemble(self.header, &self.bytes, signed, Some(seal))
    }
}

const fn request(header: &Header, digest: Digest) -> Request {
    Request {
        group: header.config,
        epoch: header.epoch,
        round: header.round,
        digest,
    }
}

fn encoded(header: &Bytes, signature: &Signature, seal: Option<&Seal>) -> Bytes {
    let mut writer = Writer::with_capacity(header.len() + 68);
    writer.bytes(header);
    signature.encode(&mut writer);
    if let Some(seal) = seal {
        seal.encode(&mut writer);
    }
    writer.finish()
}

/// The encoding is the header's bytes with their length, then the signature, then the seal if the
/// header begins as one that has a seal; the digest covers the received bytes.
impl Wire for Block {
    fn encode(&self, writer: &mut Writer) {
        writer.raw(&self.encoded);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let bytes = reader.bytes("header", HEADER_BYTES_MAX)?;
        let mut inner = Reader::new(bytes.clone());
        let form = inner.u8()?;
        let header = Header::decode_stated(&mut inner)?;
        inner.end()?;
        let signature = Signature::decode(reader)?;
        let seal = match form {
            SIGNED => None,
            SEALED => Some(Seal::decode(reader)?),
            _ => return Err(DecodeError::Invalid { field: "version" }),
        };
        Ok(Self {
            header,
            digest: BLOCK.digest(&bytes),
            signature,
            seal,
            encoded: encoded(&bytes, &signature, seal.as_ref()),
        })
    }
}

impl Wire for BlockRef {
    fn encode(&self, writer: &mut Writer) {
        writer.site(self.author);
        writer.round(self.round);
        writer.digest(&self.digest);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            author: reader.site()?,
            round: reader.round()?,
            digest: reader.digest()?,
        })
    }
}

impl Wire for IndexedDigest {
    fn encode(&self, writer: &mut Writer) {
        writer.u64(self.index);
        writer.digest(&self.digest);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            index: reader.u64()?,
            digest: reader.digest()?,
        })
    }
}

impl Wire for Header {
    fn encode(&self, writer: &mut Writer) {
        writer.u8(SIGNED);
        writer.digest(&self.config);
        writer.epoch(self.epoch);
        writer.round(self.round);
        writer.site(self.author);
        writer.list(&self.parents);
        writer.digest(&self.payload_digest);
        writer.u32(self.payload_len);
        writer.option(self.commit_vote.as_ref());
        writer.option(self.checkpoint_vote.as_ref());
        writer.u64(self.time_ms);
        let shares = u8::try_from(self.coin_shares.len());
        writer.u8(shares.expect("a header has few coin shares"));
        self.coin_shares
            .iter()
            .for_each(|share| share.encode(writer));
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        if reader.u8()? != SIGNED {
            return Err(DecodeError::Invalid { field: "version" });
        }
        Self::decode_stated(reader)
    }
}

impl Header {
    /// What follows the first byte.
    fn decode_stated(reader: &mut Reader) -> Result<Self, DecodeError> {
        let mut header = Self {
            config: reader.digest()?,
            epoch: reader.epoch()?,
            round: reader.round()?,
            author: reader.site()?,
            parents: reader.list("parents", SITES_MAX)?,
            payload_digest: reader.digest()?,
            payload_len: reader.u32()?,
            commit_vote: reader.option()?,
            checkpoint_vote: reader.option()?,
            time_ms: reader.u64()?,
            coin_shares: Vec::new(),
        };
        let payload_max = u32::try_from(PAYLOAD_BYTES_MAX).unwrap_or(u32::MAX);
        if header.payload_len > payload_max {
            return Err(DecodeError::Invalid {
                field: "payload_len",
            });
        }
        let shares = usize::from(reader.u8()?);
        if shares > COIN_SHARES_MAX {
            return Err(DecodeError::Invalid {
                field: "coin_shares",
            });
        }
        let shares = (0..shares).map(|_| CoinShare::decode(reader));
        header.coin_shares = shares.collect::<Result<_, _>>()?;
        Ok(header)
    }
}
