//! How a key comes to be, and how its shares are exchanged for others, on the log.
//!
//! # Guarantees
//! - *Secrecy*: f intruded sites, with everything they ever saw and the whole log, know less than a
//!   threshold of points of every correct dealer's polynomial, and of every sharing.
//! - *Agreement*: all sites have the same sharing, since the log orders what it is made of.
//! - *Completeness*: every correct member gets its share of every sharing, however late it comes and
//!   however often it restarts, as long as its vault is there.
//! - *Termination*: a ceremony ends once as many correct dealers and members as a quorum has answer.
//! - *Permanence*: no resharing alters the public key, and at every instant the sharing in use is held
//!   by the members: the former one until a quorum has said that it holds the next, then that. This
//!   holds from one committee to the next, whatever their sizes and however few they have in common.
//! - *Blame*: a convicted dealer has signed a block with a DEAL that is wrong for all to see. A
//!   correct site is never convicted. A wrong share sent in private, and silence, convict nobody.
//!
//! # Model
//! n ≥ 3f + 2c + 1 ([`Resilience::hides_dealt_secrets`]), threshold q. The log orders what sites put
//! into it; links between two sites are authenticated and encrypted, and lose, repeat and reorder.
//! No time is assumed: time decides only when something is sent again.
//!
//! # Intuition
//! A dealer cannot tell a member that is slow from one that lies about its share. It need not: the
//! few that have not acknowledged get theirs in public. With a high threshold, those points and the
//! intruders' together are still too few, and nobody has to complain or to be waited for.
//!
//! # Messages
//! - `Deal` (to one member): my dealing, and your share of it.
//! - `Ack` (to the dealer; a signature): I have my share of that dealing on my disk.
//! - `DEAL` (in the log): my dealing, the acks of at least q members, the shares of all others.
//! - `HAVE` (in the log): my share of the new sharing is on my disk.
//!
//! # Rules
//! 1. Upon a ceremony in the ordered state, a dealer draws a seed, keeps it, and sends `Deal` to each
//!    member, again and again until it is acknowledged.
//! 2. Upon the first good `Deal` of a dealer, a member keeps the share and acknowledges it; upon the
//!    same one again, it acknowledges again. Once all have acknowledged, or q have and the others
//!    have had [`PATIENCE`], the dealer fixes its `DEAL`, keeps it, and puts it into the log until
//!    it is ordered. It never makes another: two would publish two sets of shares.
//! 3. Upon a valid `DEAL`, it counts; upon an invalid one, its dealer is convicted. q acks mean that
//!    at most f + c shares are public.
//! 4. The first q valid `DEAL`s are the qualified ones: at least q − f > f of them are of dealers
//!    that keep their secrets. Their sum, or at a refresh their interpolation, is the new sharing.
//! 5. Every member combines its shares, acknowledged or published, keeps the result, and says `HAVE`.
//! 6. Upon `HAVE` of q members the new sharing is in use; one for the next committee, once the epoch
//!    ends. Sites then erase every share of the former one, and what is left of the ceremony; nothing
//!    accepts the former one any more.
//!
//! # From one committee to the next
//! The dealers are who shares the key, as many as it takes to use it; the members are the next
//! committee, with its own q. The next one tolerates its own f: an adversary may have had f members of
//! the former committee and take others of the next one, and still knows too few points of either
//! sharing, since correct members have erased the former shares. All keys go over at once, at a point
//! of the log at which q of the next committee hold each ([`Ordered::enter`]). Until then nothing is
//! changed, so that an attempt may be abandoned ([`Ordered::abandon`]): the next one deals anew, and
//! members erase what the abandoned one has given them. Sites are numbered otherwise afterwards; what
//! is kept of a ceremony for late members names everybody by place in its committees.
//!
//! # Bounds
//! One ceremony per key. A site keeps one dealt share per dealer and ceremony, and one refused dealer
//! is not listened to again; a `DEAL` has at most [`DEAL_BYTES_MAX`]; the ordered state keeps the
//! qualified dealings of a sharing until all members hold it or the next one replaces it.
//!
//! # Deviations
//! From \[DXKR23\], whose technique this is: dealings need no agreement of their own, since the log
//! orders them, and no proof beyond that of the secret. `protocols.md` §4.5 erases old shares at the
//! first stable checkpoint of the next epoch; here, when q members have certified that they hold new
//! ones, and the epoch ends at no other point (corrections 12 and 25). Acks are signatures although the link is authenticated, because a DEAL's
//! validity must be checkable by everybody.
//!
//! # Complexity
//! Per ceremony n² private messages, n DEALs of O(n) elements and acks each, n HAVEs.
//!
//! # Duties of the caller
//! Those of [`keys`](crate::keys). Rolling a vault back to an earlier state during a ceremony makes
//! the site deal, or publish, anew: it then counts among the f + c.
//!
//! [`Ordered::abandon`]: super::Ordered::abandon
//! [`Ordered::enter`]: super::Ordered::enter
//! [`Resilience::hides_dealt_secrets`]: maftia_types::Resilience::hides_dealt_secrets

use std::collections::BTreeMap;

use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::{Domain, Hasher};
use maftia_types::{Digest, Epoch, SITES_MAX, SiteId, SiteSet};

use super::record::{index_of, site_at, wire};
use super::{KeyId, KeyRecord, Scheme, Setup, Version};
use crate::replication::Context;

mod deal;
mod dealer;
mod message;
mod ordered;
mod rules;
mod site;
#[cfg(test)]
mod tests;
mod verified;

pub(super) use deal::dealing_digest;
pub(crate) use deal::{Contribution, DealRecord};
pub use deal::{DEAL_BYTES_MAX, Misdealing};
pub use dealer::PATIENCE;
pub(super) use site::Part;
use verified::VerifiedDealings;

/// One run in which the members get shares of a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ceremony {
    /// Counts all ceremonies of the group.
    pub number: u64,
    /// The key.
    pub key: KeyId,
    /// The key's scheme.
    pub scheme: Scheme,
    /// The version that is being made.
    pub version: u32,
    /// What tells this run from every other, of other groups and of other pasts too.
    pub run: Digest,
    /// How many members will use the key together.
    pub threshold: u8,
    /// Who may deal: for a new key the members, at a refresh those who share the key now.
    pub dealers: Vec<SiteId>,
    /// Who gets shares.
    pub members: Vec<SiteId>,
    /// Dealers proven to have dealt wrongly.
    pub culprits: BTreeMap<SiteId, Misdealing>,
    /// The new sharing, once enough dealings were ordered. Not in use yet.
    pub made: Option<Version>,
    /// How many dealings it takes.
    dealings_needed: u8,
    /// The valid dealings so far, in the log's order; empty once the sharing is made.
    dealings: Vec<DealRecord>,
    verified: VerifiedDealings,
}

/// Which run of which ceremony a word is about. A number is given anew where the log has another
/// past; a word of one run never counts in another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct RunName {
    pub(crate) number: u64,
    /// The beginning of the run's digest.
    tag: [u8; 8],
}

/// What began a ceremony: makes every run different.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Origin {
    /// A commit at which the group turned to another committee.
    Commit {
        commit: u64,
        commit_time_ms: u64,
    },
    Genesis,
    Request(Context),
}

/// Whom a ceremony gives shares to.
pub(super) struct Target {
    /// In which they will be used.
    pub(super) epoch: Epoch,
    /// In the numbering of the present epoch.
    pub(super) members: Vec<SiteId>,
    pub(super) threshold: u8,
}

/// How far a ceremony is, for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Status {
    /// The ceremony.
    pub ceremony: u64,
    /// The key.
    pub key: KeyId,
    /// The version that is being made.
    pub version: u32,
    /// Whose valid dealings are in the log.
    pub dealt: SiteSet,
    /// How many more dealings it takes; 0 once they are qualified.
    pub dealings_missing: u8,
    /// Who has said that its share is on its disk.
    pub holders: SiteSet,
    /// How many more must say so.
    pub holders_missing: u8,
    /// Who could bring the ceremony forward and has not: dealers, later members.
    pub awaited: SiteSet,
    /// The digest of the qualified dealings.
    pub transcript: Option<Digest>,
    /// Dealers proven to have dealt wrongly, and how.
    pub culprits: BTreeMap<SiteId, Misdealing>,
}

impl RunName {
    pub(crate) fn new(number: u64, run: &Digest) -> Self {
        let tag = run.as_bytes().first_chunk();
        let tag = *tag.expect("a digest has 32 bytes");
        Self { number, tag }
    }

    /// Of the ceremony that made a version.
    fn of(version: &Version) -> Self {
        Self::new(version.ceremony, &version.run)
    }
}

impl Ceremony {
    fn begin(
        setup: &Setup,
        target: Target,
        origin: Origin,
        (number, record): (u64, &KeyRecord),
    ) -> Self {
        let mut ceremony = Self {
            number,
            key: record.id,
            scheme: record.scheme,
            version: 0,
            run: Digest::ZERO,
            threshold: target.threshold,
            dealers: target.members.clone(),
            members: target.members,
            culprits: BTreeMap::new(),
            made: None,
            dealings_needed: target.threshold,
            dealings: Vec::new(),
            verified: VerifiedDealings::default(),
        };
        if let Some(current) = &record.current {
            ceremony.version = current.number + 1;
            ceremony.dealers.clone_from(&current.members);
            ceremony.dealings_needed = current.threshold();
        }
        ceremony.run = ceremony.name(setup, target.epoch, origin, record);
        ceremony
    }

    /// What words about it name.
    pub(crate) fn run_name(&self) -> RunName {
        RunName::new(self.number, &self.run)
    }

    /// How far it is.
    #[must_use]
    pub fn status(&self) -> Status {
        let made = self.made.as_ref();
        let dealings = made.map_or(&self.dealings, |made| &made.dealings);
        let dealer = |record: &DealRecord| site_at(&self.dealers, record.dealer);
        let dealt: SiteSet = dealings.iter().filter_map(dealer).collect();
        let holders = made.map_or(SiteSet::EMPTY, |made| made.holders);
        let awaited = match made {
            None => {
                let dealers = self.dealers.iter().copied();
                let silent =
                    |site: &SiteId| !dealt.contains(*site) && !self.culprits.contains_key(site);
                dealers.filter(silent).collect()
            }
            Some(_) => {
                let members = self.members.iter().copied();
                members.filter(|site| !holders.contains(*site)).collect()
            }
        };
        let missing = |needed: u8, found: usize| {
            needed.saturating_sub(u8::try_from(found).expect("a group has at most 64 sites"))
        };
        Status {
            ceremony: self.number,
            key: self.key,
            version: self.version,
            dealt,
            dealings_missing: missing(self.dealings_needed, dealt.len()),
            holders,
            holders_missing: missing(self.threshold, holders.len()),
            awaited,
            transcript: made.map(|made| made.transcript),
            culprits: self.culprits.clone(),
        }
    }

    fn dealings_needed(&self) -> usize {
        self.dealings_needed.into()
    }

    fn has_dealt(&self, site: SiteId) -> bool {
        let place = index_of(&self.dealers, site);
        let mut dealings = self.dealings.iter();
        dealings.any(|record| Some(record.dealer) == place)
    }

    /// Whether the new sharing is made, and as many members as use it together hold their shares.
    pub(super) fn is_held(&self) -> bool {
        let held = |made: &Version| made.holders.len() >= usize::from(self.threshold);
        self.made.as_ref().is_some_and(held)
    }

    /// Everything that makes this run what it is.
    fn name(&self, setup: &Setup, epoch: Epoch, origin: Origin, record: &KeyRecord) -> Digest {
        const RUN: Domain = Domain::new("ceremony run");
        let mut w = Writer::new();
        w.digest(&setup.group);
        w.epoch(setup.epoch);
        w.u64(self.number);
        self.key.encode(&mut w);
        w.bytes(record.name.as_bytes());
        self.scheme.encode(&mut w);
        w.u32(self.version);
        w.u8(self.threshold);
        wire::sites(&mut w, &self.dealers);
        wire::sites(&mut w, &self.members);
        w.epoch(epoch);
        for member in &self.members {
            let key = setup.key_of(*member);
            key.iter().for_each(|key| w.raw(key.as_bytes()));
        }
        origin.encode(&mut w);
        w.bool(record.current.is_some());
        if let Some(current) = &record.current {
            w.digest(&current.run);
        }
        let mut hasher = Hasher::new(RUN);
        hasher.update(w.as_slice()).finish()
    }
}

impl Wire for Origin {
    fn encode(&self, w: &mut Writer) {
        match self {
            Self::Genesis => w.u8(0),
            Self::Request(context) => {
                w.u8(1);
                w.u64(context.position);
                w.u64(context.commit_time_ms);
                w.client(context.client);
            }
            Self::Commit {
                commit,
                commit_time_ms,
            } => {
                w.u8(2);
                w.u64(*commit);
                w.u64(*commit_time_ms);
            }
        }
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match r.u8()? {
            0 => Self::Genesis,
            1 => Self::Request(Context {
                position: r.u64()?,
                commit_time_ms: r.u64()?,
                client: r.client()?,
            }),
            2 => Self::Commit {
                commit: r.u64()?,
                commit_time_ms: r.u64()?,
            },
            _ => return Err(DecodeError::Invalid { field: "origin" }),
        })
    }
}

impl Wire for RunName {
    fn encode(&self, w: &mut Writer) {
        w.u64(self.number);
        w.raw(&self.tag);
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            number: r.u64()?,
            tag: r.array()?,
        })
    }
}

impl Wire for Ceremony {
    fn encode(&self, w: &mut Writer) {
        w.u64(self.number);
        self.key.encode(w);
        self.scheme.encode(w);
        w.u32(self.version);
        w.digest(&self.run);
        w.u8(self.threshold);
        wire::sites(w, &self.dealers);
        wire::sites(w, &self.members);
        wire::culprits(w, &self.culprits);
        w.bool(self.made.is_some());
        self.made.iter().for_each(|made| made.encode(w));
        w.u8(self.dealings_needed);
        w.list(&self.dealings);
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        let (number, key) = (r.u64()?, KeyId::decode(r)?);
        let scheme = Scheme::decode(r)?;
        Ok(Self {
            number,
            key,
            scheme,
            version: r.u32()?,
            run: r.digest()?,
            threshold: r.u8()?,
            dealers: wire::read_sites(r)?,
            members: wire::read_sites(r)?,
            culprits: wire::read_culprits(r)?,
            made: match r.bool()? {
                true => Some(Version::decode(scheme, r)?),
                false => None,
            },
            dealings_needed: r.u8()?,
            dealings: r.list("dealings", SITES_MAX)?,
            verified: VerifiedDealings::default(),
        })
    }
}

impl Wire for Status {
    fn encode(&self, w: &mut Writer) {
        w.u64(self.ceremony);
        self.key.encode(w);
        w.u32(self.version);
        w.u64(self.dealt.bits());
        w.u8(self.dealings_missing);
        w.u64(self.holders.bits());
        w.u8(self.holders_missing);
        w.u64(self.awaited.bits());
        w.bool(self.transcript.is_some());
        self.transcript.iter().for_each(|digest| w.digest(digest));
        wire::culprits(w, &self.culprits);
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            ceremony: r.u64()?,
            key: KeyId::decode(r)?,
            version: r.u32()?,
            dealt: SiteSet::from_bits(r.u64()?),
            dealings_missing: r.u8()?,
            holders: SiteSet::from_bits(r.u64()?),
            holders_missing: r.u8()?,
            awaited: SiteSet::from_bits(r.u64()?),
            transcript: r.bool()?.then(|| r.digest()).transpose()?,
            culprits: wire::read_culprits(r)?,
        })
    }
}
