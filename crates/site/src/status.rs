//! How a site says it sees the group.

use std::time::{Duration, Instant};

use maftia_activity::keys::{KeyRecord, Scheme, State};
use maftia_codec::Wire;
use maftia_crypto::Domain;
use maftia_ordering::Equivocation;
use maftia_replica::{Activity, Replica};
use maftia_types::{Round, SiteId, SiteSet};
use serde::Serialize;

use crate::sites::Sites;

/// A site without a new block for this long, while the tip moves, is called silent.
const SILENT_AFTER: Duration = Duration::from_secs(3);

/// One site's word on itself and the group, as JSON.
#[derive(Clone, Debug, Serialize)]
pub struct SiteStatus {
    /// The site's name.
    pub site: String,
    /// `serving`, `recovering`, `fetching H/N`, `diverged` or `halted`.
    pub state: String,
    /// How many changes of the view there have been.
    pub epoch: u64,
    /// Links to others that it takes to be of use: a quorum less one.
    pub links_needed: usize,
    /// Requests executed.
    pub position: u64,
    /// Last commit.
    pub commit: u64,
    /// Chain digest of the last commit.
    pub commit_digest: String,
    /// Last settled round.
    pub settled: u64,
    /// Highest round seen.
    pub tip: u64,
    /// Newest stable checkpoint.
    pub checkpoint: Option<CheckpointStatus>,
    /// Sites convicted by proof.
    pub convicted: Vec<String>,
    /// The proofs that convict them.
    pub evidence: Vec<EvidenceStatus>,
    /// The group's keys.
    pub keys: Vec<KeyStatus>,
    /// Ceremonies under way, of which keys get shares.
    pub ceremonies: usize,
    /// The other sites.
    pub peers: Vec<PeerStatus>,
    /// Syncs of the log since the site started.
    pub syncs: u64,
    /// Process id.
    pub pid: u32,
    /// Program version.
    pub version: &'static str,
}

/// A checkpoint the group agrees on.
#[derive(Clone, Debug, Serialize)]
pub struct CheckpointStatus {
    /// Its commit.
    pub index: u64,
    /// Digest of the whole state after it.
    pub digest: String,
}

/// A proof in the log.
#[derive(Clone, Debug, Serialize)]
pub struct EvidenceStatus {
    /// Whom it convicts.
    pub site: String,
    /// Of what.
    pub kind: &'static str,
    /// For which round two blocks were signed.
    pub round: u64,
    /// Names the proof.
    pub digest: String,
}

/// A key that no site holds.
#[derive(Clone, Debug, Serialize)]
pub struct KeyStatus {
    /// What people call it.
    pub name: String,
    /// `ed25519`, `bls`, `seal` or `beacon`.
    pub scheme: &'static str,
    /// `generating`, `active` or `retired`.
    pub state: &'static str,
    /// How often its shares were exchanged for others.
    pub version: Option<u32>,
    /// In hexadecimal digits.
    pub public_key: Option<String>,
    /// How many sites have said that they hold a share.
    pub holders: usize,
}

/// How a site sees another.
#[derive(Clone, Debug, Serialize)]
pub struct PeerStatus {
    /// The other's name.
    pub name: String,
    /// `up` or `down`.
    pub link: &'static str,
    /// `live` or `silent`.
    pub state: &'static str,
    /// Highest round of a block of its.
    pub newest: u64,
}

/// Notes when each site last showed a new block. Suspicion only: revocable, convinces nobody.
#[derive(Debug)]
pub(crate) struct Watch {
    seen: Vec<(Round, Instant)>,
    tip_moved: Instant,
    tip: Round,
}

impl Watch {
    pub(crate) fn new(sites: usize, now: Instant) -> Self {
        Self {
            seen: vec![(Round(0), now); sites],
            tip_moved: now,
            tip: Round(0),
        }
    }

    pub(crate) fn observe(&mut self, replica: &Replica, now: Instant) {
        let status = replica.status();
        for ((round, at), newest) in self.seen.iter_mut().zip(&status.newest) {
            if newest > round {
                (*round, *at) = (*newest, now);
            }
        }
        if status.tip > self.tip {
            (self.tip, self.tip_moved) = (status.tip, now);
        }
    }

    /// A site that stood still for long while the group moved on.
    fn is_silent(&self, site: SiteId) -> bool {
        self.seen
            .get(site.index())
            .is_some_and(|(_, at)| self.tip_moved.saturating_duration_since(*at) > SILENT_AFTER)
    }
}

fn key(record: &KeyRecord) -> KeyStatus {
    let current = record.current.as_ref();
    let hex = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    KeyStatus {
        name: record.name.clone(),
        scheme: match record.scheme {
            Scheme::Ed25519 => "ed25519",
            Scheme::Bls => "bls",
            Scheme::Seal => "seal",
            Scheme::Beacon => "beacon",
        },
        state: match record.state {
            State::Generating => "generating",
            State::Active => "active",
            State::Retired => "retired",
        },
        version: current.map(|version| version.number),
        public_key: current.map(|version| hex(version.sharing.key_bytes())),
        holders: current.map_or(0, |version| version.holders.len()),
    }
}

const PROOF: Domain = Domain::new("evidence name");

fn evidence(proof: &Equivocation, name: impl Fn(&SiteId) -> String) -> EvidenceStatus {
    EvidenceStatus {
        site: name(&proof.culprit()),
        kind: "equivocation",
        round: proof.round().0,
        digest: PROOF.digest(&proof.to_bytes()).to_string(),
    }
}

impl SiteStatus {
    pub(crate) fn of(replica: &Replica, sites: &Sites, links: SiteSet, watch: &Watch) -> Self {
        let status = replica.status();
        let me = replica.me();
        let name = |site: &SiteId| sites.name(*site).to_owned();
        let peers = SiteId::all(sites.len())
            .filter(|site| *site != me)
            .map(|site| PeerStatus {
                name: name(&site),
                link: if links.contains(site) { "up" } else { "down" },
                state: if watch.is_silent(site) {
                    "silent"
                } else {
                    "live"
                },
                newest: status.newest.get(site.index()).map_or(0, |round| round.0),
            });
        Self {
            site: name(&me),
            state: match status.activity {
                Activity::Serving => "serving".into(),
                Activity::Recovering => "recovering".into(),
                Activity::Fetching(here, all) => format!("fetching {here}/{all}"),
                Activity::Joining => "joining".into(),
                Activity::Diverged => "diverged".into(),
                Activity::Halted => "halted".into(),
            },
            epoch: replica.engine().parameters().epoch.0,
            links_needed: replica.engine().parameters().resilience.quorum() - 1,
            position: status.position,
            commit: status.commit,
            commit_digest: status.commit_digest.to_string(),
            settled: status.settled.0,
            tip: status.tip.0,
            checkpoint: status.checkpoint.map(|(index, digest)| CheckpointStatus {
                index,
                digest: digest.to_string(),
            }),
            convicted: status.convicted.iter().map(name).collect(),
            evidence: replica
                .evidence()
                .map(|proof| evidence(proof, name))
                .collect(),
            keys: replica
                .shared_keys()
                .map(|ordered| ordered.keys().map(key).collect())
                .unwrap_or_default(),
            ceremonies: replica
                .shared_keys()
                .map_or(0, |ordered| ordered.ceremonies().count()),
            peers: peers.collect(),
            syncs: 0,
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}
