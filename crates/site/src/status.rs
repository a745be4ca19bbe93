//! How a site says it sees the group.

use maftia_activity::keys::{KeyRecord, Scheme, State};
use maftia_membership::detector::Level;
use maftia_membership::evidence::Exhibit;
use maftia_ordering::Mode;
use maftia_replica::{Activity, GroupSuspicion, Replica, Ruling};
use maftia_types::{Digest, SiteId, SiteSet};
use serde::Serialize;

use crate::sites::Sites;

/// Proofs listed, the newest: the text stays within its bound. Older ones are asked for by name.
const EVIDENCE_LISTED_MAX: usize = 48;

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
    /// By which rule the log is decided.
    pub ruling: RulingStatus,
    /// Newest stable checkpoint.
    pub checkpoint: Option<CheckpointStatus>,
    /// Sites convicted by proof.
    pub convicted: Vec<String>,
    /// Sites that f+1 have accused in the log.
    pub suspected: Vec<SuspicionStatus>,
    /// The newest proofs in the log, and how many there are.
    pub evidence: Vec<EvidenceStatus>,
    /// All of them.
    pub evidence_total: usize,
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

/// By which rule the log is decided, and why.
#[derive(Clone, Debug, Serialize)]
pub struct RulingStatus {
    /// When a coin is to name leaders: `never`, `auto` or `always`.
    pub asynchronous: &'static str,
    /// `S`, known leaders, or `A`, leaders that a coin names.
    pub rule: &'static str,
    /// Why it is that one.
    pub why: &'static str,
    /// Whether the epoch has a coin.
    pub has_coin: bool,
    /// Since which commit, as far as this site remembers.
    pub since_commit: Option<u64>,
    /// Time of that commit, in milliseconds since 1970.
    pub since_ms: Option<u64>,
    /// How often known leaders were given up.
    pub failovers: u32,
    /// Commits that the coin has decided since the site started.
    pub commits_by_coin: u64,
    /// Coins that the site has put together in this epoch since it started.
    pub coins: u64,
}

/// A checkpoint the group agrees on.
#[derive(Clone, Debug, Serialize)]
pub struct CheckpointStatus {
    /// Its commit.
    pub index: u64,
    /// Digest of the whole state after it.
    pub digest: String,
}

/// A suspicion that is the group's.
#[derive(Clone, Debug, Serialize)]
pub struct SuspicionStatus {
    /// Who is suspected.
    pub site: String,
    /// What most accusers say: `mute`, `late`, `invalid` or `abusive`.
    pub reason: &'static str,
    /// Who accuses it.
    pub accusers: Vec<String>,
    /// The commit with which f+1 had accused it.
    pub since: u64,
}

/// A proof in the log.
#[derive(Clone, Debug, Serialize)]
pub struct EvidenceStatus {
    /// Whom it convicts.
    pub site: String,
    /// The culprit's public key, in hexadecimal digits.
    pub key: String,
    /// Of what.
    pub kind: &'static str,
    /// For which round two blocks were signed.
    pub round: u64,
    /// Names the proof.
    pub digest: String,
    /// The commit that brought it.
    pub commit: u64,
    /// Time of that commit, in milliseconds since 1970.
    pub time_ms: u64,
    /// Whose block it was in.
    pub reporter: String,
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
    /// `live`, `convicted`, or of what this site suspects it: `mute`, `late`, `invalid` or `abusive`.
    pub state: &'static str,
    /// Highest round of a block of its.
    pub newest: u64,
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
            Scheme::Coin => "coin",
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

fn evidence(
    (digest, exhibit): (&Digest, &Exhibit),
    name: impl Fn(&SiteId) -> String,
    site_of: impl Fn(&[u8; 32]) -> String,
) -> EvidenceStatus {
    EvidenceStatus {
        site: site_of(&exhibit.key),
        key: Digest(exhibit.key).to_string(),
        kind: exhibit.proof.kind(),
        round: exhibit.proof.round().0,
        digest: digest.to_string(),
        commit: exhibit.report.commit,
        time_ms: exhibit.report.time_ms,
        reporter: name(&exhibit.report.reporter),
    }
}

const fn ruling(own: Ruling) -> RulingStatus {
    RulingStatus {
        asynchronous: own.wanted.as_str(),
        rule: match own.mode {
            Mode::S => "S",
            Mode::A => "A",
        },
        why: own.why.text(own.mode),
        has_coin: own.has_coin,
        since_commit: match own.since {
            Some(since) => Some(since.commit),
            None => None,
        },
        since_ms: match own.since {
            Some(since) => Some(since.time_ms),
            None => None,
        },
        failovers: own.failovers,
        commits_by_coin: own.commits_by_coin,
        coins: own.coins,
    }
}

fn suspicion(of: &GroupSuspicion, name: impl Fn(&SiteId) -> String) -> SuspicionStatus {
    SuspicionStatus {
        site: name(&of.site),
        reason: of.reason.as_str(),
        accusers: of.accusers.iter().map(|site| name(&site)).collect(),
        since: of.official.since,
    }
}

const fn held(level: Level) -> &'static str {
    match level {
        Level::Trusted => "live",
        Level::Suspected(suspected) => suspected.reason.as_str(),
        Level::Convicted(_) => "convicted",
    }
}

impl SiteStatus {
    pub(crate) fn of(replica: &Replica, sites: &Sites, links: SiteSet) -> Self {
        let status = replica.status();
        let me = replica.me();
        let name = |site: &SiteId| sites.name(*site).to_owned();
        let level = |site| {
            let known = status.levels.iter().find(|(of, _)| *of == site);
            known.map_or("live", |(_, level)| held(*level))
        };
        let proofs = replica.evidence();
        let older = proofs.len().saturating_sub(EVIDENCE_LISTED_MAX);
        let members = replica.engine().parameters().resilience.sites();
        let peers = SiteId::all(members)
            .filter(|site| *site != me)
            .map(|site| PeerStatus {
                name: name(&site),
                link: if links.contains(site) { "up" } else { "down" },
                state: level(site),
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
            ruling: ruling(replica.ruling()),
            checkpoint: status.checkpoint.map(|(index, digest)| CheckpointStatus {
                index,
                digest: digest.to_string(),
            }),
            convicted: status.convicted.iter().map(name).collect(),
            suspected: status
                .suspected
                .iter()
                .map(|own| suspicion(own, name))
                .collect(),
            evidence: proofs
                .iter()
                .skip(older)
                .map(|own| evidence(own, name, |key| sites.name_of(key)))
                .collect(),
            evidence_total: proofs.len(),
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
