//! The site failure detector: which sites are late or rude.
//!
//! # Guarantees
//! - **Eventual completeness.** A watched site that makes no more blocks while the group's round goes
//!   on is suspected once the group is more than [`Threshold::rounds`], at most
//!   [`Bounds::rounds_max`], beyond its last block for [`Threshold::patience`], at most
//!   [`Bounds::patience_max`].
//! - **Eventual accuracy, as far as there is any.** A site whose blocks keep coming, however late,
//!   moves its own threshold above that lateness and ceases to be suspected. Under asynchrony
//!   nothing more can be had: suspicion may be wrong at any time.
//! - **Harmless.** Suspicion is local and revocable. It feeds displays and accusations; no rule of
//!   agreement, validity or execution reads it.
//! - **Convictions stay.** [`Detector::report_evidence`] takes only a proof that holds.
//!
//! # Model
//! Any number of watched sites may be hostile; the group's round is the q-th highest of all
//! authors', so that f of them do not move it. Time is the caller's monotonic clock; if it runs
//! backwards, rounds alone decide, at twice the distance, and suspicions are marked as untimed.
//!
//! # Intuition
//! Crash detectors count silence in seconds; a Byzantine site can be as silent as it likes toward
//! the protocol while it answers every ping. So what counts is the protocol's own message: a block
//! for every round that a quorum goes through [DGGS99]. How late is
//! normal is learnt for each site: mean + 4σ, doubled each time a suspicion proves wrong. Beside
//! it, quality looks at what no slow link explains: invalid messages, refused bytes, blocks that
//! take far longer than others' to be delivered.
//!
//! # Bounds
//! A few words for each watched site, [`Settings::universe_max`] of them.
//!
//! # Duties of the caller
//! Report what happens ([`Detector::observe`]) and call [`Detector::tick`] now and then: suspicion
//! begins and ends only there, and its times are as fine as its calls.
//!
//! ```
//! use maftia_membership::detector::{Detector, Level, Observation, Settings};
//! use maftia_types::{Round, SiteId, Time};
//!
//! let (b, mut detector) = (SiteId::parse("B").ok_or("no site")?, Detector::new(Settings::default()));
//! detector.monitor(Time::ZERO, [b].into_iter().collect())?;
//! for second in 0..20 {
//!     let (now, round) = (Time::from_nanos(second * 1_000_000_000), Round(second));
//!     detector.observe(now, Observation::Group { round });
//!     if second < 5 {
//!         detector.observe(now, Observation::Block { site: b, round });
//!     }
//!     let _changes = detector.tick(now);
//! }
//! assert!(matches!(detector.level(b), Some(Level::Suspected(_))));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod level;
mod mute;
mod quality;
mod threshold;

use std::collections::BTreeMap;

use maftia_crypto::PublicKey;
use maftia_types::{Digest, Round, SITES_MAX, SiteId, SiteSet, Time};

use crate::evidence::{NoProof, Proof};
use mute::{Moment, Mute};
use quality::Quality;

pub use level::{Level, Reason, Suspected};
pub use quality::Limits;
pub use threshold::{Bounds, Threshold};

/// What a detector is built with.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// When a site is late.
    pub bounds: Bounds,
    /// When a site is rude.
    pub limits: Limits,
    /// Most sites watched at once.
    pub universe_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            bounds: Bounds::default(),
            limits: Limits::default(),
            universe_max: SITES_MAX,
        }
    }
}

/// Something that happened. What is of sites that are not watched is ignored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Observation {
    /// The q-th highest round of all authors' blocks.
    Group {
        /// The round.
        round: Round,
    },
    /// A block was accepted.
    Block {
        /// Its author.
        site: SiteId,
        /// Its round.
        round: Round,
    },
    /// A block was delivered.
    Delivered {
        /// Its author.
        site: SiteId,
        /// Rounds from its own to that of the leader that delivered it.
        rounds: u64,
    },
    /// A message came over a site's link.
    Message {
        /// Whose link.
        site: SiteId,
        /// Whether no correct site would have sent it.
        invalid: bool,
    },
    /// Bytes came over a site's link.
    Bytes {
        /// Whose link.
        site: SiteId,
        /// Bytes that were of use.
        taken: u64,
        /// Bytes that had to be thrown away.
        refused: u64,
    },
}

/// A level that has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Change {
    /// Whose.
    pub site: SiteId,
    /// To what. Of a suspicion only the reason counts as a change.
    pub level: Level,
}

/// Why a universe is not watched.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MonitorError {
    /// It would be too large.
    #[error("{asked} sites to watch are more than {max}")]
    TooMany {
        /// How many there would be.
        asked: usize,
        /// [`Settings::universe_max`].
        max: usize,
    },
}

/// One site's view of others. See the module's documentation.
#[derive(Clone, Debug)]
pub struct Detector {
    settings: Settings,
    group: Round,
    latest: Time,
    watched: BTreeMap<SiteId, Watched>,
}

#[derive(Clone, Debug)]
struct Watched {
    mute: Mute,
    quality: Quality,
    convicted: Option<Digest>,
    /// What the last tick told.
    told: Told,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Told {
    Trusted,
    Suspected(Reason),
    Convicted,
}

impl Detector {
    /// Watches nobody yet.
    pub const fn new(settings: Settings) -> Self {
        Self {
            settings,
            group: Round(0),
            latest: Time::ZERO,
            watched: BTreeMap::new(),
        }
    }

    /// Watches these sites too. Those watched already stay as they are.
    ///
    /// # Errors
    /// [`MonitorError::TooMany`]; then nothing changes.
    pub fn monitor(&mut self, now: Time, sites: SiteSet) -> Result<(), MonitorError> {
        let watched: SiteSet = self.watched.keys().copied().collect();
        let (asked, max) = (watched.union(sites).len(), self.settings.universe_max);
        if asked > max {
            return Err(MonitorError::TooMany { asked, max });
        }
        for site in sites.iter() {
            self.watched.entry(site).or_insert_with(|| Watched {
                mute: Mute::new(self.settings.bounds, now, self.group),
                quality: Quality::new(now),
                convicted: None,
                told: Told::Trusted,
            });
        }
        Ok(())
    }

    /// Watches these sites no more, and forgets them.
    pub fn unmonitor(&mut self, sites: SiteSet) {
        self.watched.retain(|site, _| !sites.contains(*site));
    }

    /// Takes note of what happened.
    pub fn observe(&mut self, now: Time, observation: Observation) {
        let group = self.group;
        match observation {
            Observation::Group { round } => self.group = round.max(group),
            Observation::Block { site, round } => {
                self.with(site, |own| own.mute.block(now, round, group));
            }
            Observation::Delivered { site, rounds } => {
                self.with(site, |own| own.quality.delivered(rounds));
            }
            Observation::Message { site, invalid } => {
                self.with(site, |own| own.quality.message(invalid));
            }
            Observation::Bytes {
                site,
                taken,
                refused,
            } => self.with(site, |own| own.quality.bytes(taken, refused)),
        }
    }

    /// A proof that a watched site misbehaved; convicts it for as long as it is watched.
    ///
    /// # Errors
    /// [`NoProof`] if it does not hold under the site's key.
    pub fn report_evidence(&mut self, proof: &Proof, key: &PublicKey) -> Result<SiteId, NoProof> {
        let culprit = proof.verify(key)?;
        let digest = proof.digest();
        self.with(culprit, |own| {
            own.convicted = own.convicted.or(Some(digest))
        });
        Ok(culprit)
    }

    /// Judges anew, and tells what has changed.
    pub fn tick(&mut self, now: Time) -> Vec<Change> {
        let timed = now >= self.latest;
        self.latest = self.latest.max(now);
        let at = Moment {
            now: self.latest,
            timed,
        };
        let median = self.median_latency();
        let mut changes = Vec::new();
        for (site, own) in &mut self.watched {
            own.mute.tick(at, self.group);
            own.quality.tick(&self.settings.limits, at.now, median);
            let level = own.level(self.group);
            if own.told != told(level) {
                own.told = told(level);
                changes.push(Change { site: *site, level });
            }
        }
        changes
    }

    /// What is held of a site; `None` if it is not watched.
    pub fn level(&self, site: SiteId) -> Option<Level> {
        self.watched.get(&site).map(|own| own.level(self.group))
    }

    /// The watched sites with what is held of them.
    pub fn levels(&self) -> impl Iterator<Item = (SiteId, Level)> {
        let watched = self.watched.iter();
        watched.map(|(site, own)| (*site, own.level(self.group)))
    }

    /// Whether a site is watched, trusted and has been heard since: enough to take a suspicion back.
    pub fn is_fine(&self, site: SiteId) -> bool {
        self.watched.get(&site).is_some_and(|own| {
            own.mute.is_fine() && own.quality.suspected().is_none() && own.convicted.is_none()
        })
    }

    /// The bound of a watched site's lateness.
    pub fn threshold(&self, site: SiteId) -> Option<&Threshold> {
        self.watched.get(&site).map(|own| own.mute.threshold())
    }

    fn with(&mut self, site: SiteId, act: impl FnOnce(&mut Watched)) {
        if let Some(own) = self.watched.get_mut(&site) {
            act(own);
        }
    }

    /// The lower median: half of the sites are not all late together.
    fn median_latency(&self) -> u64 {
        let latency = |own: &Watched| own.quality.latency();
        let mut all: Vec<u64> = self.watched.values().map(latency).collect();
        all.sort_unstable();
        let middle = all.len().saturating_sub(1) / 2;
        all.get(middle).copied().unwrap_or(0)
    }
}

impl Watched {
    fn level(&self, group: Round) -> Level {
        if let Some(proof) = self.convicted {
            return Level::Convicted(proof);
        }
        if let Some((since, degree, timed)) = self.mute.suspected(group) {
            let reason = Reason::Mute;
            return Level::Suspected(Suspected {
                reason,
                degree,
                since,
                timed,
            });
        }
        match self.quality.suspected() {
            None => Level::Trusted,
            Some((reason, since, degree)) => Level::Suspected(Suspected {
                reason,
                degree,
                since,
                timed: true,
            }),
        }
    }
}

const fn told(level: Level) -> Told {
    match level {
        Level::Trusted => Told::Trusted,
        Level::Suspected(suspected) => Told::Suspected(suspected.reason),
        Level::Convicted(_) => Told::Convicted,
    }
}

#[cfg(test)]
mod tests;
