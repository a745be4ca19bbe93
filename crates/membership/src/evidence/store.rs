use std::collections::BTreeMap;

use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::PublicKey;
use maftia_ordering::HEADER_BYTES_MAX;
use maftia_types::{Digest, SITES_MAX, SiteId, SiteSet};

use super::Proof;

/// Proofs kept for one key: one convicts, a few show that it was no accident.
pub const PER_CULPRIT_MAX: usize = 4;
/// Proofs kept in all: as many as the members of the largest group can have.
pub const EXHIBITS_MAX: usize = PER_CULPRIT_MAX * SITES_MAX;

/// The longest encoded [`Exhibit`]: two largest headers with their signatures, and what goes with
/// them.
pub const EXHIBIT_BYTES_MAX: usize = 2 * (HEADER_BYTES_MAX + 68) + 128;

/// How a proof came into the ordered state.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Report {
    /// The commit that ordered it.
    pub commit: u64,
    /// Time of that commit, in milliseconds since 1970.
    pub time_ms: u64,
    /// The site whose block brought it.
    pub reporter: SiteId,
}

/// A proof in the ordered state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exhibit {
    /// The proof.
    pub proof: Proof,
    /// The culprit's public key when it was convicted: it names the culprit also when its place has
    /// gone to another site.
    pub key: [u8; 32],
    /// How it came here.
    pub report: Report,
}

/// What became of a proof.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admission {
    /// It does not hold, or its culprit is no member.
    Refused,
    /// It is here already, or enough others against the same key are.
    Known,
    /// It is kept.
    Kept {
        /// Whom it convicts.
        culprit: SiteId,
        /// Whether nothing had convicted its key before.
        first: bool,
    },
}

/// The proofs that the log has brought, by name. Part of the ordered state.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Store {
    exhibits: BTreeMap<Digest, Exhibit>,
}

impl Store {
    /// Takes a proof from the log. `members` are the public keys of the sites, in order.
    pub fn admit(&mut self, members: &[PublicKey], proof: Proof, report: Report) -> Admission {
        let culprit = proof.culprit();
        let Some(key) = members.get(culprit.index()) else {
            return Admission::Refused;
        };
        let (digest, bytes) = (proof.digest(), *key.as_bytes());
        let kept = self.against(&bytes).count();
        if kept >= PER_CULPRIT_MAX || self.exhibits.contains_key(&digest) {
            return Admission::Known;
        }
        if proof.verify(key).is_err() {
            return Admission::Refused;
        }
        if self.exhibits.len() >= EXHIBITS_MAX && !self.make_room(members) {
            return Admission::Known;
        }
        let exhibit = Exhibit {
            proof,
            key: bytes,
            report,
        };
        self.exhibits.insert(digest, exhibit);
        let first = kept == 0;
        Admission::Kept { culprit, first }
    }

    /// The members that a proof convicts.
    pub fn convicted(&self, members: &[PublicKey]) -> SiteSet {
        let sites = SiteId::all(members.len()).zip(members);
        let convicted = sites.filter(|(_, key)| self.against(key.as_bytes()).next().is_some());
        convicted.map(|(site, _)| site).collect()
    }

    /// The proof of this name.
    pub fn get(&self, digest: &Digest) -> Option<&Exhibit> {
        self.exhibits.get(digest)
    }

    /// All proofs with their names, in the order of their commits.
    pub fn iter(&self) -> impl Iterator<Item = (&Digest, &Exhibit)> {
        let mut all: Vec<_> = self.exhibits.iter().collect();
        all.sort_by_key(|(digest, exhibit)| (exhibit.report, **digest));
        all.into_iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.exhibits.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.exhibits.is_empty()
    }

    fn against(&self, key: &[u8; 32]) -> impl Iterator<Item = &Exhibit> {
        self.exhibits.values().filter(move |own| own.key == *key)
    }

    /// Forgets the oldest proof against somebody who is no member any more.
    fn make_room(&mut self, members: &[PublicKey]) -> bool {
        let is_member = |own: &Exhibit| members.iter().any(|key| *key.as_bytes() == own.key);
        let former = self.exhibits.iter().filter(|(_, own)| !is_member(own));
        let oldest = former.min_by_key(|(digest, own)| (own.report, **digest));
        let oldest = oldest.map(|(digest, _)| *digest);
        oldest.is_some_and(|digest| self.exhibits.remove(&digest).is_some())
    }
}

impl Wire for Report {
    fn encode(&self, writer: &mut Writer) {
        writer.u64(self.commit);
        writer.u64(self.time_ms);
        writer.site(self.reporter);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            commit: reader.u64()?,
            time_ms: reader.u64()?,
            reporter: reader.site()?,
        })
    }
}

impl Wire for Exhibit {
    fn encode(&self, writer: &mut Writer) {
        self.proof.encode(writer);
        writer.raw(&self.key);
        self.report.encode(writer);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            proof: Proof::decode(reader)?,
            key: reader.array()?,
            report: Report::decode(reader)?,
        })
    }
}

/// The exhibits in the order of their names.
impl Wire for Store {
    fn encode(&self, writer: &mut Writer) {
        writer.length(self.exhibits.len());
        self.exhibits.values().for_each(|own| own.encode(writer));
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let mut exhibits = BTreeMap::new();
        for _ in 0..reader.length("evidence", EXHIBITS_MAX)? {
            let exhibit = Exhibit::decode(reader)?;
            let digest = exhibit.proof.digest();
            let last = exhibits.last_key_value();
            if last.is_some_and(|(last, _)| *last >= digest) {
                return Err(DecodeError::Invalid { field: "evidence" });
            }
            exhibits.insert(digest, exhibit);
        }
        Ok(Self { exhibits })
    }
}
