//! What sites put into the log in a ceremony.

use std::collections::BTreeMap;

use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::{Domain, Hasher, Signature};
use maftia_threshold::Index;
use maftia_types::{Digest, SITES_MAX, SiteId};

use crate::keys::sessions::put_in_order;

use super::RunName;

/// The longest body of a DEAL: at 64 sites, a dealing of 4.3 KiB and as much for acknowledgements.
pub const DEAL_BYTES_MAX: usize = 16 * 1024;

/// The longest dealing: as many elements of G2 as there may be sites, and a proof.
pub(super) const DEALING_BYTES_MAX: usize = (SITES_MAX + 1) * 96 + 32;

const ACK: Domain = Domain::new("ceremony ack");
const DEALING: Domain = Domain::new("ceremony dealing");

/// A site's word in a ceremony.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Contribution {
    /// "These are my dealing, the members that have their share of it, and the shares of all
    /// others." The body is read apart from the envelope, so that an unreadable one has an author.
    Deal { ceremony: RunName, body: Bytes },
    /// "My share of the new sharing is on my disk."
    Have { ceremony: RunName },
}

/// The body of a DEAL.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Deal {
    pub(super) dealing: Bytes,
    /// In the order of sites, one for each.
    pub(super) acks: Vec<(SiteId, Signature)>,
    /// In the order of sites: all members that are not among the acks.
    pub(super) published: Vec<(SiteId, [u8; 32])>,
}

/// A valid DEAL, as far as it will be needed. Names everybody by place in a committee, since sites
/// may be numbered otherwise by the time a late member needs it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct DealRecord {
    pub(super) dealer: Index,
    pub(super) dealing: Bytes,
    /// In the order of places.
    pub(super) published: BTreeMap<Index, [u8; 32]>,
}

/// How a DEAL in the log proves its dealer wrong: the dealer has signed the block that it is in,
/// and everybody can see the fault. At least one test for each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Misdealing {
    /// An acknowledgement is not the member's, or not of this dealing in this ceremony.
    #[error("an acknowledgement is not the member's, or is of something else")]
    BadAck,
    /// Too few acknowledgements, or a member that neither acknowledged nor has its share published.
    #[error("a member neither acknowledged nor has its share published, or too few acknowledged")]
    BadCover,
    /// The polynomial's degree is not the threshold less one.
    #[error("the polynomial has another degree")]
    BadDegree,
    /// What was committed to are not elements of the group, or zero.
    #[error("the commitment is none to a polynomial")]
    BadElement,
    /// The dealer does not show that it knows the secret, or shows it for another ceremony.
    #[error("no proof that the dealer knows the secret, for this ceremony")]
    BadProof,
    /// A published share is not what was committed to.
    #[error("a published share is not the one committed to")]
    BadShare,
    /// The body is no DEAL.
    #[error("not readable")]
    Malformed,
    /// The site has no part in this ceremony as a dealer.
    #[error("not a dealer of this ceremony")]
    NotADealer,
    /// In a resharing: the secret dealt is not the dealer's share.
    #[error("the secret dealt is not the dealer's share of the key")]
    OtherSecret,
}

/// The name of a dealing, by which it is acknowledged.
pub(in crate::keys) fn dealing_digest(dealing: &[u8]) -> Digest {
    DEALING.digest(dealing)
}

/// "My share of that dealing, in that run, is good and on my disk": what a member signs.
pub(super) struct Ack {
    pub(super) run: Digest,
    pub(super) dealer: SiteId,
    pub(super) dealing: Digest,
}

impl Ack {
    pub(super) const DOMAIN: Domain = ACK;

    pub(super) fn statement(&self) -> Vec<u8> {
        let (run, dealing) = (self.run.as_bytes(), self.dealing.as_bytes());
        [&run[..], &[self.dealer.as_u8()], dealing].concat()
    }
}

impl DealRecord {
    pub(in crate::keys) const fn dealer(&self) -> Index {
        self.dealer
    }

    pub(in crate::keys) const fn dealing(&self) -> &Bytes {
        &self.dealing
    }

    /// The share of that member, if it was published.
    pub(super) fn published_for(&self, member: Index) -> Option<&[u8; 32]> {
        self.published.get(&member)
    }
}

/// The digest of qualified dealings, in their order.
pub(super) fn transcript(run: &Digest, dealings: &[DealRecord]) -> Digest {
    const TRANSCRIPT: Domain = Domain::new("ceremony transcript");
    let mut hasher = Hasher::new(TRANSCRIPT);
    hasher.update(run.as_bytes());
    hasher.number(dealings.len() as u64);
    for record in dealings {
        let bytes = record.to_bytes();
        hasher.number(bytes.len() as u64).update(&bytes);
    }
    hasher.finish()
}

impl Wire for Contribution {
    fn encode(&self, w: &mut Writer) {
        match self {
            Self::Deal { ceremony, body } => {
                w.u8(1);
                ceremony.encode(w);
                w.bytes(body);
            }
            Self::Have { ceremony } => {
                w.u8(2);
                ceremony.encode(w);
            }
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        match r.u8()? {
            1 => Ok(Self::Deal {
                ceremony: RunName::decode(r)?,
                body: r.bytes("deal", DEAL_BYTES_MAX)?,
            }),
            2 => Ok(Self::Have {
                ceremony: RunName::decode(r)?,
            }),
            _ => Err(DecodeError::Invalid {
                field: "contribution",
            }),
        }
    }
}

impl Wire for Deal {
    fn encode(&self, w: &mut Writer) {
        w.bytes(&self.dealing);
        w.length(self.acks.len());
        for (site, signature) in &self.acks {
            w.site(*site);
            signature.encode(w);
        }
        encode_shares(w, &self.published);
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        let dealing = r.bytes("dealing", DEALING_BYTES_MAX)?;
        let length = r.length("acks", SITES_MAX)?;
        let acks = (0..length)
            .map(|_| Ok((r.site()?, Signature::decode(r)?)))
            .collect::<Result<_, _>>()?;
        let published = decode_shares(r)?;
        Ok(Self {
            dealing,
            acks,
            published,
        })
    }
}

impl Wire for DealRecord {
    fn encode(&self, w: &mut Writer) {
        w.u8(self.dealer.number());
        w.bytes(&self.dealing);
        w.length(self.published.len());
        for (member, share) in &self.published {
            w.u8(member.number());
            w.raw(share);
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        const PUBLISHED: &str = "published shares";
        let dealer = read_index(r)?;
        let dealing = r.bytes("dealing", DEALING_BYTES_MAX)?;
        let mut published = BTreeMap::new();
        for _ in 0..r.length(PUBLISHED, SITES_MAX)? {
            put_in_order(&mut published, read_index(r)?, r.array()?, PUBLISHED)?;
        }
        Ok(Self {
            dealer,
            dealing,
            published,
        })
    }
}

fn read_index(r: &mut Reader) -> Result<Index, DecodeError> {
    Index::new(r.u8()?).map_err(|_| DecodeError::Invalid { field: "place" })
}

fn encode_shares(w: &mut Writer, shares: &[(SiteId, [u8; 32])]) {
    w.length(shares.len());
    for (site, share) in shares {
        w.site(*site);
        w.raw(share);
    }
}

fn decode_shares(r: &mut Reader) -> Result<Vec<(SiteId, [u8; 32])>, DecodeError> {
    let length = r.length("published shares", SITES_MAX)?;
    (0..length).map(|_| Ok((r.site()?, r.array()?))).collect()
}

impl Misdealing {
    /// How bytes name it.
    pub(in crate::keys) const fn number(self) -> u8 {
        match self {
            Self::BadAck => 1,
            Self::BadCover => 2,
            Self::BadDegree => 3,
            Self::BadElement => 4,
            Self::BadProof => 5,
            Self::BadShare => 6,
            Self::Malformed => 7,
            Self::NotADealer => 8,
            Self::OtherSecret => 9,
        }
    }
}

impl Wire for Misdealing {
    fn encode(&self, w: &mut Writer) {
        w.u8(self.number());
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match r.u8()? {
            1 => Self::BadAck,
            2 => Self::BadCover,
            3 => Self::BadDegree,
            4 => Self::BadElement,
            5 => Self::BadProof,
            6 => Self::BadShare,
            7 => Self::Malformed,
            8 => Self::NotADealer,
            9 => Self::OtherSecret,
            _ => {
                return Err(DecodeError::Invalid {
                    field: "misdealing",
                });
            }
        })
    }
}
