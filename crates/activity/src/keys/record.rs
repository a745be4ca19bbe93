//! What everybody knows of a shared key.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_threshold::{Bls12381G2, Ed25519, Group, Index, Ristretto255, Sharing, SharingError};
use maftia_types::{Digest, SITES_MAX, SiteId, SiteSet};

use super::ceremony::{DealRecord, Misdealing};
use super::seats::Seats;
use super::transcripts::STATEMENT_BYTES_MAX;

/// The longest name of a key, in bytes: names are typed by people and shown in tables.
pub const NAME_BYTES_MAX: usize = 64;

/// The longest encoding of a sharing: the public polynomial of the largest group, in the group with
/// the longest elements.
pub(super) const SHARING_BYTES_MAX: usize = 2 + SITES_MAX * 96;

/// A key of the group. Never reused, not even when the key is retired.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct KeyId(pub u32);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a key is for, and in which group it lives. A key serves one scheme only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scheme {
    /// FROST: signatures that any Ed25519 verifier accepts.
    Ed25519,
    /// Threshold BLS: signatures in G1 of BLS12-381, keys in G2.
    Bls,
    /// TDH2 on ristretto255: threshold decryption.
    Seal,
    /// BLS in the form of drand's quicknet; a key of its own, because that form has no domain.
    Beacon,
    /// Threshold BLS for the coin that names leaders; see [`coin`](super::coin).
    Coin,
}

/// Where a key is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Its first ceremony is under way; there is no public key yet.
    Generating,
    /// It can be used.
    Active,
    /// It will not be used again, and its shares are erased.
    Retired,
}

/// The public part of a shared key, in the group of its scheme.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PublicSharing {
    /// Of [`Scheme::Bls`], [`Scheme::Beacon`] and [`Scheme::Coin`].
    Bls(Sharing<Bls12381G2>),
    /// Of [`Scheme::Ed25519`].
    Ed25519(Sharing<Ed25519>),
    /// Of [`Scheme::Seal`].
    Ristretto(Sharing<Ristretto255>),
}

/// A group in which keys are shared.
pub trait KeyGroup: Group {
    /// The sharing, if it is in this group.
    fn of(sharing: &PublicSharing) -> Option<&Sharing<Self>>;

    /// The sharing as one of any group.
    fn public(sharing: Sharing<Self>) -> PublicSharing;
}

/// One sharing of a key: the first one, or what a resharing made of the one before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Version {
    /// 0 for the first sharing, then one more each time.
    pub number: u32,
    /// The ceremony that made it.
    pub ceremony: u64,
    /// What tells that ceremony's run from every other.
    pub run: Digest,
    /// Who holds shares: the site at place `i` has [`Index`] `i + 1`. In the numbering of the epoch
    /// in which the key is or was last in use, as are all sites named here.
    pub members: Vec<SiteId>,
    /// The public part.
    pub sharing: PublicSharing,
    /// The digest of the qualified dealings.
    pub transcript: Digest,
    /// What the group says of that ceremony to outsiders. Empty for a sharing that no ceremony on
    /// the log made: of that it says nothing.
    pub(crate) statement: Bytes,
    /// What is added to a share for each unit of its index: see `Qualified::slope`.
    pub(crate) slope: [u8; 32],
    /// Who has said that its share is on its disk.
    pub holders: SiteSet,
    /// Members whose share of this version everybody can know, since too many dealers published
    /// their parts of it. A refresh mends that.
    pub exposed: SiteSet,
    /// Dealers proven to have dealt wrongly, as far as they are in the group.
    pub culprits: BTreeMap<SiteId, Misdealing>,
    /// The qualified dealings, for members that are late; empty once all are holders.
    pub(crate) dealings: Vec<DealRecord>,
}

/// A key, as all sites agree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyRecord {
    /// The key.
    pub id: KeyId,
    /// What people call it; no two keys in use have the same, but for one that is generated to
    /// replace the other.
    pub name: String,
    /// What it is for.
    pub scheme: Scheme,
    /// Where it is in its life.
    pub state: State,
    /// The key of this name before, which is retired when this one can be used.
    pub replaces: Option<KeyId>,
    /// The sharing in use; none while [`State::Generating`]. Shares of the version before are
    /// refused and erased from the moment in which this one came into use: there is no overlap.
    pub current: Option<Version>,
}

impl KeyRecord {
    /// The sharing to use now; none unless the key is [`State::Active`].
    #[must_use]
    pub fn active(&self) -> Option<&Version> {
        let current = self.current.as_ref();
        current.filter(|_| self.state == State::Active)
    }
}

impl Version {
    /// The member's place in the sharing.
    #[must_use]
    pub fn index_of(&self, site: SiteId) -> Option<Index> {
        index_of(&self.members, site)
    }

    /// How many members use the key together.
    #[must_use]
    pub fn threshold(&self) -> u8 {
        match &self.sharing {
            PublicSharing::Bls(sharing) => sharing.committee().threshold(),
            PublicSharing::Ed25519(sharing) => sharing.committee().threshold(),
            PublicSharing::Ristretto(sharing) => sharing.committee().threshold(),
        }
    }

    /// The epoch ends, and sites are numbered by their seats in the next one. Shares keep their
    /// indices, and what is left of the ceremony names everybody by index.
    pub(super) fn reseat(&mut self, seats: &Seats) {
        let members = self.members.iter();
        self.members = members.filter_map(|site| seats.of(*site)).collect();
        self.holders = seats.set(self.holders);
        self.exposed = seats.set(self.exposed);
        self.culprits = seats.map(std::mem::take(&mut self.culprits));
    }

    /// The public part, typed.
    #[must_use]
    pub fn sharing_in<G: KeyGroup>(&self) -> Option<&Sharing<G>> {
        G::of(&self.sharing)
    }
}

/// A site's place in a committee: its position, from 1.
pub(crate) fn index_of(committee: &[SiteId], site: SiteId) -> Option<Index> {
    let position = committee.iter().position(|member| *member == site)?;
    Index::new(u8::try_from(position + 1).ok()?).ok()
}

/// Who is at that place of a committee.
pub(crate) fn site_at(committee: &[SiteId], index: Index) -> Option<SiteId> {
    committee.get(usize::from(index.number()) - 1).copied()
}

/// Runs generic code in the group of a scheme.
macro_rules! in_group {
    ($scheme:expr, $group:ident => $body:expr) => {
        match $scheme {
            $crate::keys::Scheme::Bls
            | $crate::keys::Scheme::Beacon
            | $crate::keys::Scheme::Coin => {
                type $group = maftia_threshold::Bls12381G2;
                $body
            }
            $crate::keys::Scheme::Ed25519 => {
                type $group = maftia_threshold::Ed25519;
                $body
            }
            $crate::keys::Scheme::Seal => {
                type $group = maftia_threshold::Ristretto255;
                $body
            }
        }
    };
}
pub(crate) use in_group;

impl PublicSharing {
    /// The public key, as its group encodes it. No resharing changes it.
    #[must_use]
    pub fn key_bytes(&self) -> Vec<u8> {
        match self {
            Self::Bls(sharing) => Bls12381G2::encode(&sharing.key()).to_vec(),
            Self::Ed25519(sharing) => Ed25519::encode(&sharing.key()).to_vec(),
            Self::Ristretto(sharing) => Ristretto255::encode(&sharing.key()).to_vec(),
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Bls(sharing) => sharing.to_bytes(),
            Self::Ed25519(sharing) => sharing.to_bytes(),
            Self::Ristretto(sharing) => sharing.to_bytes(),
        }
    }

    fn from_bytes(scheme: Scheme, bytes: &[u8]) -> Result<Self, SharingError> {
        in_group!(scheme, G => Ok(G::public(Sharing::from_bytes(bytes)?)))
    }
}

impl KeyGroup for Bls12381G2 {
    fn of(sharing: &PublicSharing) -> Option<&Sharing<Self>> {
        match sharing {
            PublicSharing::Bls(sharing) => Some(sharing),
            PublicSharing::Ed25519(_) | PublicSharing::Ristretto(_) => None,
        }
    }

    fn public(sharing: Sharing<Self>) -> PublicSharing {
        PublicSharing::Bls(sharing)
    }
}

impl KeyGroup for Ed25519 {
    fn of(sharing: &PublicSharing) -> Option<&Sharing<Self>> {
        match sharing {
            PublicSharing::Ed25519(sharing) => Some(sharing),
            PublicSharing::Bls(_) | PublicSharing::Ristretto(_) => None,
        }
    }

    fn public(sharing: Sharing<Self>) -> PublicSharing {
        PublicSharing::Ed25519(sharing)
    }
}

impl KeyGroup for Ristretto255 {
    fn of(sharing: &PublicSharing) -> Option<&Sharing<Self>> {
        match sharing {
            PublicSharing::Ristretto(sharing) => Some(sharing),
            PublicSharing::Bls(_) | PublicSharing::Ed25519(_) => None,
        }
    }

    fn public(sharing: Sharing<Self>) -> PublicSharing {
        PublicSharing::Ristretto(sharing)
    }
}

impl Wire for KeyId {
    fn encode(&self, w: &mut Writer) {
        w.u32(self.0);
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        r.u32().map(Self)
    }
}

impl Wire for Scheme {
    fn encode(&self, w: &mut Writer) {
        w.u8(match self {
            Self::Ed25519 => 1,
            Self::Bls => 2,
            Self::Seal => 3,
            Self::Beacon => 4,
            Self::Coin => 5,
        });
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        match r.u8()? {
            1 => Ok(Self::Ed25519),
            2 => Ok(Self::Bls),
            3 => Ok(Self::Seal),
            4 => Ok(Self::Beacon),
            5 => Ok(Self::Coin),
            _ => Err(DecodeError::Invalid { field: "scheme" }),
        }
    }
}

impl Wire for State {
    fn encode(&self, w: &mut Writer) {
        w.u8(match self {
            Self::Generating => 1,
            Self::Active => 2,
            Self::Retired => 3,
        });
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        match r.u8()? {
            1 => Ok(Self::Generating),
            2 => Ok(Self::Active),
            3 => Ok(Self::Retired),
            _ => Err(DecodeError::Invalid { field: "key state" }),
        }
    }
}

impl Version {
    pub(crate) fn encode(&self, w: &mut Writer) {
        w.u32(self.number);
        w.u64(self.ceremony);
        w.digest(&self.run);
        wire::sites(w, &self.members);
        w.bytes(&self.sharing.to_bytes());
        w.digest(&self.transcript);
        w.bytes(&self.statement);
        w.raw(&self.slope);
        w.u64(self.holders.bits());
        w.u64(self.exposed.bits());
        wire::culprits(w, &self.culprits);
        w.list(&self.dealings);
    }

    pub(crate) fn decode(scheme: Scheme, r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            number: r.u32()?,
            ceremony: r.u64()?,
            run: r.digest()?,
            members: wire::read_sites(r)?,
            sharing: {
                let bytes = r.bytes("sharing", SHARING_BYTES_MAX)?;
                let sharing = PublicSharing::from_bytes(scheme, &bytes);
                sharing.map_err(|_| DecodeError::Invalid { field: "sharing" })?
            },
            transcript: r.digest()?,
            statement: r.bytes("statement", STATEMENT_BYTES_MAX)?,
            slope: r.array()?,
            holders: SiteSet::from_bits(r.u64()?),
            exposed: SiteSet::from_bits(r.u64()?),
            culprits: wire::read_culprits(r)?,
            dealings: r.list("dealings", SITES_MAX)?,
        })
    }
}

impl Wire for KeyRecord {
    fn encode(&self, w: &mut Writer) {
        self.id.encode(w);
        w.bytes(self.name.as_bytes());
        self.scheme.encode(w);
        self.state.encode(w);
        w.option(self.replaces.as_ref());
        w.bool(self.current.is_some());
        if let Some(current) = &self.current {
            current.encode(w);
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        let id = KeyId::decode(r)?;
        let name = wire::read_name(r)?;
        let scheme = Scheme::decode(r)?;
        let state = State::decode(r)?;
        let replaces = r.option()?;
        let current = match r.bool()? {
            true => Some(Version::decode(scheme, r)?),
            false => None,
        };
        Ok(Self {
            id,
            name,
            scheme,
            state,
            replaces,
            current,
        })
    }
}

/// Encodings of parts that have no type of their own.
pub(crate) mod wire {
    use super::*;

    /// The field by which an operation with a bad name is told from one that is none.
    pub(crate) const NAME: &str = "name";

    pub(crate) fn sites(w: &mut Writer, sites: &[SiteId]) {
        w.length(sites.len());
        for site in sites {
            w.site(*site);
        }
    }

    pub(crate) fn read_sites(r: &mut Reader) -> Result<Vec<SiteId>, DecodeError> {
        let length = r.length("sites", SITES_MAX)?;
        (0..length).map(|_| r.site()).collect()
    }

    pub(crate) fn read_name(r: &mut Reader) -> Result<String, DecodeError> {
        let name = r.bytes(NAME, NAME_BYTES_MAX)?;
        let name = std::str::from_utf8(&name).map_err(|_| DecodeError::Invalid { field: NAME })?;
        Ok(name.to_owned())
    }

    pub(crate) fn culprits(w: &mut Writer, culprits: &BTreeMap<SiteId, Misdealing>) {
        w.length(culprits.len());
        for (site, misdealing) in culprits {
            w.site(*site);
            misdealing.encode(w);
        }
    }

    pub(crate) fn read_culprits(
        r: &mut Reader,
    ) -> Result<BTreeMap<SiteId, Misdealing>, DecodeError> {
        let length = r.length("culprits", SITES_MAX)?;
        let mut culprits = BTreeMap::new();
        for _ in 0..length {
            let site = r.site()?;
            if culprits
                .last_key_value()
                .is_some_and(|(last, _)| *last >= site)
            {
                return Err(DecodeError::Invalid { field: "culprits" });
            }
            culprits.insert(site, Misdealing::decode(r)?);
        }
        Ok(culprits)
    }
}
