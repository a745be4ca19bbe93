//! Ordered accusations: when a suspicion becomes the group's.
//!
//! # Guarantees
//! - **Equal at all sites.** The state changes through the log only and is part of every checkpoint.
//! - **One correct site at least.** Nobody becomes *official* without f+1 distinct authors having
//!   accused it within one interval of [`INTERVAL_COMMITS`]; f hostile sites accomplish nothing.
//! - **At most f.** No more than f sites are official at once, whoever is accused by whomever: first
//!   come, first served, then by name (`corrections.md` 15).
//! - **It ends.** A suspicion that is not renewed by f+1 accusers within an interval expires
//!   [`EXPIRY_INTERVALS`] after the last time it was; it ends at once when accusers take their words
//!   back and fewer than f+1 remain. A conviction replaces it.
//!
//! # Rules
//! 1. Upon ACCUSE(s) by a: unless either is convicted or no member, or they are the same, a's
//!    accusation of s stands from this commit on. Its newest accusation replaces the one before.
//! 2. Upon RETRACT(s) by a: a's accusation stands no more; if fewer than f+1 of any age stand, s is
//!    official no more.
//! 3. Whenever f+1 accusations of s are younger than an interval, s is a candidate; an official one
//!    is thereby renewed, another becomes official if fewer than f are.
//!
//! # Why at least f+1, and why no exclusion
//! f+1 accusers contain a correct one, so some correct site has really found s late. Under asynchrony
//! that may happen to a correct s at any time: so this demotes and displays, and excludes nobody.
//!
//! # Bounds
//! One accusation for each ordered pair of sites, f officials.

use std::collections::BTreeMap;
use std::ops::Bound;

use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_types::{Resilience, SITES_MAX, SiteId, SiteSet};

use crate::detector::Reason;

/// Commits within which f+1 accusations have to come, and a site's least distance between two
/// accusations of the same site. About a second under load, a minute in an idle group.
pub const INTERVAL_COMMITS: u64 = 64;
/// Intervals after which a suspicion that is not renewed expires.
pub const EXPIRY_INTERVALS: u64 = 4;

const EXPIRY_COMMITS: u64 = INTERVAL_COMMITS * EXPIRY_INTERVALS;

/// Who accuses whom. Part of the ordered state.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Accusations {
    /// By (accused, accuser).
    standing: BTreeMap<(SiteId, SiteId), Accusation>,
    official: BTreeMap<SiteId, Official>,
}

/// One site's word against another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Accusation {
    /// The commit that ordered it.
    pub commit: u64,
    /// Why.
    pub reason: Reason,
}

/// A site that the group suspects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Official {
    /// The commit with which it became so.
    pub since: u64,
    /// The last commit with which f+1 accusations were younger than an interval.
    pub renewed: u64,
}

/// Where a word is said.
#[derive(Clone, Copy, Debug)]
pub struct Session<'a> {
    /// n, f and the thresholds.
    pub resilience: &'a Resilience,
    /// The convicted: they accuse nobody, and nobody needs to accuse them.
    pub convicted: SiteSet,
    /// The commit.
    pub commit: u64,
}

impl Accusations {
    /// Rule 1, of which [`Self::settle`] drops what involves the convicted and strangers.
    pub fn accuse(&mut self, commit: u64, by: SiteId, accused: SiteId, reason: Reason) {
        if by == accused {
            return;
        }
        let accusation = Accusation { commit, reason };
        self.standing.insert((accused, by), accusation);
    }

    /// Rule 2, the first half.
    pub fn retract(&mut self, by: SiteId, accused: SiteId) {
        self.standing.remove(&(accused, by));
    }

    /// The end of a commit: forgets what is over, and applies rules 2 and 3. Only here, so that a
    /// block full of accusations costs no more than reading it.
    pub fn settle(&mut self, at: Session<'_>) {
        if self.standing.is_empty() && self.official.is_empty() {
            return;
        }
        self.standing.retain(|(accused, by), own| {
            let counts = |site: &SiteId| at.is_member(*site) && !at.convicted.contains(*site);
            counts(accused) && counts(by) && at.is_within(EXPIRY_COMMITS, own.commit)
        });
        let needed = at.resilience.one_correct();
        for site in SiteId::all(SITES_MAX) {
            let Some(own) = self.official.get(&site).copied() else {
                continue;
            };
            if self.recent(at, site) >= needed {
                let renewed = at.commit;
                self.official.insert(site, Official { renewed, ..own });
            } else if self.against(site).count() < needed
                || !at.is_within(EXPIRY_COMMITS, own.renewed)
            {
                self.official.remove(&site);
            }
        }
        for site in SiteId::all(at.resilience.sites()) {
            let is_candidate =
                self.recent(at, site) >= needed && !self.official.contains_key(&site);
            if is_candidate && self.official.len() < at.resilience.intruded_max() {
                let since = at.commit;
                let renewed = since;
                self.official.insert(site, Official { since, renewed });
            }
        }
    }

    /// The sites that the group suspects.
    pub fn official(&self) -> impl Iterator<Item = (SiteId, Official)> {
        self.official.iter().map(|(site, own)| (*site, *own))
    }

    /// Who accuses a site, and of what.
    pub fn against(&self, accused: SiteId) -> impl Iterator<Item = (SiteId, Accusation)> {
        let first = SiteId::all(1).map(move |by| (accused, by)).next();
        let from = first.map_or(Bound::Unbounded, Bound::Included);
        let own = self.standing.range((from, Bound::Unbounded));
        let own = own.take_while(move |((of, _), _)| *of == accused);
        own.map(|((_, by), accusation)| (*by, *accusation))
    }

    /// A site's own word against another.
    pub fn by(&self, by: SiteId, accused: SiteId) -> Option<Accusation> {
        self.standing.get(&(accused, by)).copied()
    }

    /// Accusers within the last interval.
    fn recent(&self, at: Session<'_>, site: SiteId) -> usize {
        let recent = |own: &Accusation| at.is_within(INTERVAL_COMMITS, own.commit);
        self.against(site).filter(|(_, own)| recent(own)).count()
    }
}

impl Session<'_> {
    const fn is_member(&self, site: SiteId) -> bool {
        site.index() < self.resilience.sites()
    }

    /// Whether a commit lies less than so many back.
    const fn is_within(&self, commits: u64, commit: u64) -> bool {
        commit.saturating_add(commits) > self.commit
    }
}

impl Wire for Accusations {
    fn encode(&self, writer: &mut Writer) {
        writer.length(self.standing.len());
        for ((accused, by), own) in &self.standing {
            writer.site(*accused);
            writer.site(*by);
            writer.u64(own.commit);
            own.reason.encode(writer);
        }
        writer.length(self.official.len());
        for (site, own) in &self.official {
            writer.site(*site);
            writer.u64(own.since);
            writer.u64(own.renewed);
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let mut decoded = Self::default();
        for _ in 0..reader.length("accusations", SITES_MAX * SITES_MAX)? {
            let pair = (reader.site()?, reader.site()?);
            let (commit, reason) = (reader.u64()?, Reason::decode(reader)?);
            let last = decoded.standing.last_key_value();
            if last.is_some_and(|(last, _)| *last >= pair) {
                return Err(DecodeError::Invalid {
                    field: "accusations",
                });
            }
            decoded.standing.insert(pair, Accusation { commit, reason });
        }
        for _ in 0..reader.length("official", SITES_MAX)? {
            let site = reader.site()?;
            let (since, renewed) = (reader.u64()?, reader.u64()?);
            let last = decoded.official.last_key_value();
            if last.is_some_and(|(last, _)| *last >= site) {
                return Err(DecodeError::Invalid { field: "official" });
            }
            decoded.official.insert(site, Official { since, renewed });
        }
        Ok(decoded)
    }
}

#[cfg(test)]
mod tests;
