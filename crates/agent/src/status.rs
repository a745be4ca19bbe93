//! The state of the group, merged from the words of its sites.
//!
//! No site is believed alone, but for what it says against itself. With f the number of sites that
//! may be intruded:
//! - *convicted*: f+1 sites hold a proof against it. Stays counted until it is replaced.
//! - *diverged*, *recovering*, *fetching*, *halted*: it says so itself; *diverged* also if f+1
//!   other sites agree on another digest of the same checkpoint.
//! - *suspected*: f+1 sites say that f+1 have accused it in the log.
//! - *silent*: f+1 other sites have not heard from it for long, although it answers the agent.
//! - *unreachable*: it does not answer the agent, and there are not f+1 other sites that say it is
//!   fine.
//! - *no answer*: it does not answer the agent, but f+1 others say that it is fine: the trouble is
//!   on this side, and it is not counted.
//!
//! `remaining_tolerance` is f less the sites that are not *serving* or *no answer*, at least 0;
//! `beyond_tolerance` says that there are more of them than f.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use maftia_client::Client;
use maftia_config::{GroupFile, Kind};
use maftia_types::{FaultModel, SiteId};
use serde::Serialize;
use tokio::time::timeout;

use crate::reports::Report;
pub use crate::reports::{Checkpoint, KeyReport};
use crate::ruling;
pub use crate::ruling::RulingReport;
use crate::serve::Shared;

/// The state of the group.
#[derive(Clone, Debug, Serialize)]
pub struct GroupStatus {
    /// The group's name.
    pub group: String,
    /// f.
    pub tolerance: usize,
    /// How many further sites may be intruded without harm.
    pub remaining_tolerance: usize,
    /// Whether more sites are faulty than the group tolerates.
    pub beyond_tolerance: bool,
    /// The sites convicted by proof.
    pub compromised: Vec<String>,
    /// The sites that the group suspects, and why: what f+1 sites say that the log says.
    pub suspected: Vec<Suspicion>,
    /// The epoch of the membership.
    pub view: u64,
    /// What is assumed of the sites.
    pub model: String,
    /// What else has to be trusted.
    pub trusted_base: &'static str,
    /// By which rule f+1 sites say that the log is decided.
    pub ruling: Option<RulingReport>,
    /// The newest checkpoint that f+1 sites agree on.
    pub checkpoint: Option<Checkpoint>,
    /// The keys that f+1 sites show alike: shared among the sites, held by none.
    pub keys: Vec<KeyReport>,
    /// The sites.
    pub sites: Vec<SiteStatus>,
}

/// A suspicion that is the group's. It may be withdrawn.
#[derive(Clone, Debug, Serialize)]
pub struct Suspicion {
    /// Whose.
    pub site: String,
    /// `mute`, `late`, `invalid` or `abusive`.
    pub reason: String,
}

/// The state of a site.
#[derive(Clone, Debug, Serialize)]
pub struct SiteStatus {
    /// Its name.
    pub name: String,
    /// See the module's documentation.
    pub state: String,
    /// How many requests it has executed, by its own word.
    pub position: Option<u64>,
    /// The digest of its newest stable checkpoint, by its own word.
    pub digest: Option<String>,
    /// The commit of that checkpoint.
    pub checkpoint: Option<u64>,
    /// Where it is dialed.
    pub address: String,
    /// Its process, in groups that are for show or development.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
}

/// How long a status waits for the client to come to the view that sites speak of: as long as for
/// the sites' own answers.
const FOLLOW_WAIT: Duration = Duration::from_secs(1);
const SERVING: &str = "serving";
const NO_ANSWER: &str = "no answer";
/// Keys that are looked at in a site's word: more than a group has, retired ones included.
const KEYS_MAX: usize = 256;
/// The longest state that a site may give itself.
const STATE_BYTES_MAX: usize = 64;

/// `GET /v1/status`.
pub(crate) async fn status(State(shared): State<Shared>) -> Json<GroupStatus> {
    let status = of(shared.store.client()).await;
    shared.metrics.tolerance(status.remaining_tolerance);
    Json(status)
}

/// Asks all sites. If the group is further than the client, as f+1 sites say, the client follows
/// first: a status of sites that are not the group's any more would deceive.
pub async fn of(client: &Client) -> GroupStatus {
    let mut known = client.known();
    known.mark_unchanged();
    let mut reports = reports(client).await;
    if is_ahead_of(&client.group(), &reports) {
        client.follow().await;
        if let Ok(Ok(())) = timeout(FOLLOW_WAIT, known.changed()).await {
            reports = self::reports(client).await;
        }
    }
    merge(&client.group(), &reports)
}

async fn reports(client: &Client) -> BTreeMap<SiteId, Report> {
    let answers = client.status().await.into_iter();
    let reports = answers.filter_map(|(site, json)| {
        let report = serde_json::from_slice(&json?).ok()?;
        Some((site, report))
    });
    reports.collect()
}

/// Whether f+1 sites say that the sites have changed since.
pub(crate) fn is_ahead_of(group: &GroupFile, reports: &BTreeMap<SiteId, Report>) -> bool {
    let later = reports.values().filter(|own| own.epoch > group.epoch().0);
    later.count() >= group.resilience().one_correct()
}

pub(crate) fn merge(group: &GroupFile, reports: &BTreeMap<SiteId, Report>) -> GroupStatus {
    let merge = Merge {
        reports,
        needed: group.resilience().one_correct(),
        sites: group.sites().map(|(_, site)| site.name.as_str()).collect(),
    };
    let checkpoint = merge.checkpoint();
    let states: Vec<String> = group
        .sites()
        .map(|(id, site)| merge.state(id, &site.name))
        .collect();
    let counted = |state: &&String| !matches!(state.as_str(), SERVING | NO_ANSWER);
    let faulty = states.iter().filter(counted).count();
    let convicted = group
        .sites()
        .zip(&states)
        .filter(|(_, state)| *state == "convicted");
    let compromised = convicted.map(|((_, site), _)| site.name.clone()).collect();
    let suspected = group
        .sites()
        .filter_map(|(_, site)| merge.suspected(&site.name));
    // In the row `crash` sites may stop, and none be intruded.
    let tolerance = group.resilience().faulty_max();
    let shows_pid = group.group().kind != Kind::Production;
    let sites = group.sites().zip(states).map(|((id, site), state)| {
        let report = reports.get(&id);
        let own = report.and_then(|report| report.checkpoint.as_ref());
        SiteStatus {
            name: site.name.clone(),
            state,
            position: report.map(|report| report.position),
            digest: own.map(|checkpoint| checkpoint.digest.clone()),
            checkpoint: own.map(|checkpoint| checkpoint.index),
            address: site.address.to_string(),
            pid: report.and_then(|report| report.pid).filter(|_| shows_pid),
        }
    });
    GroupStatus {
        group: group.group().name.clone(),
        tolerance,
        remaining_tolerance: tolerance.saturating_sub(faulty),
        beyond_tolerance: faulty > tolerance,
        compromised,
        suspected: suspected.collect(),
        view: group.view().epoch().0,
        model: group.resilience().model().to_string(),
        trusted_base: match group.resilience().model() {
            FaultModel::Arbitrary => "none",
            FaultModel::Hybrid => "a sealing device at every site",
            FaultModel::Crash => "every site: they may stop, and do nothing wrong",
        },
        ruling: merge.ruling(),
        checkpoint,
        keys: merge.keys(),
        sites: sites.collect(),
    }
}

struct Merge<'a> {
    reports: &'a BTreeMap<SiteId, Report>,
    /// f+1.
    needed: usize,
    sites: Vec<&'a str>,
}

impl Merge<'_> {
    fn state(&self, site: SiteId, name: &str) -> String {
        let others = |says: &dyn Fn(&Report) -> bool| {
            let of_others = self.reports.iter().filter(|(id, _)| **id != site);
            of_others.filter(|(_, report)| says(report)).count() >= self.needed
        };
        let of_peer = |report: &Report, fine: bool| {
            let mut peers = report.peers.iter();
            peers.any(|peer| peer.name == name && peer.is_fine() == fine)
        };
        if others(&|report| report.convicted.iter().any(|convict| convict == name)) {
            return "convicted".to_owned();
        }
        let Some(own) = self.reports.get(&site) else {
            let fine = others(&|report| of_peer(report, true));
            return if fine { NO_ANSWER } else { "unreachable" }.to_owned();
        };
        if let Some(checkpoint) = &own.checkpoint
            && self
                .agreed(checkpoint.index, site)
                .is_some_and(|agreed| agreed != checkpoint.digest)
        {
            return "diverged".to_owned();
        }
        if own.state != SERVING {
            return own.state.chars().take(STATE_BYTES_MAX).collect();
        }
        if others(&|report| of_peer(report, false)) {
            return "silent".to_owned();
        }
        if self.suspected(name).is_some() {
            return "suspected".to_owned();
        }
        SERVING.to_owned()
    }

    /// The reason for which f+1 sites say that the group suspects a site.
    fn suspected(&self, name: &str) -> Option<Suspicion> {
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for report in self.reports.values().take(self.sites.len()) {
            let of = report.suspected.iter().find(|own| own.site == name);
            of.into_iter()
                .for_each(|own| *votes.entry(&own.reason).or_default() += 1);
        }
        let all: usize = votes.values().sum();
        // Sites that are a commit apart may count the reasons differently.
        let (reason, _) = votes.into_iter().max_by_key(|(_, count)| *count)?;
        (all >= self.needed).then(|| Suspicion {
            site: name.to_owned(),
            reason: reason.chars().take(STATE_BYTES_MAX).collect(),
        })
    }

    /// The digest that f+1 sites other than `but` give for a checkpoint.
    fn agreed(&self, index: u64, but: SiteId) -> Option<&str> {
        let of_others = self.reports.iter().filter(|(id, _)| **id != but);
        let given = of_others.filter_map(|(_, report)| report.checkpoint.as_ref());
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for checkpoint in given.filter(|checkpoint| checkpoint.index == index) {
            *votes.entry(&checkpoint.digest).or_default() += 1;
        }
        let agreed = votes.into_iter().find(|(_, count)| *count >= self.needed);
        agreed.map(|(digest, _)| digest)
    }

    /// The keys that f+1 sites show alike, by name.
    fn keys(&self) -> Vec<KeyReport> {
        let mut votes: BTreeMap<&KeyReport, usize> = BTreeMap::new();
        for report in self.reports.values().take(self.sites.len()) {
            let shown: BTreeSet<&KeyReport> = report.keys.iter().take(KEYS_MAX).collect();
            shown
                .into_iter()
                .for_each(|key| *votes.entry(key).or_default() += 1);
        }
        let agreed = votes.into_iter().filter(|(_, count)| *count >= self.needed);
        agreed.map(|(key, _)| key.clone()).collect()
    }

    fn ruling(&self) -> Option<RulingReport> {
        let words = self.reports.values().take(self.sites.len());
        ruling::merge(words.filter_map(|own| own.ruling.as_ref()), self.needed)
    }

    /// The newest checkpoint that f+1 sites give.
    fn checkpoint(&self) -> Option<Checkpoint> {
        let mut votes: BTreeMap<&Checkpoint, usize> = BTreeMap::new();
        for report in self.reports.values().take(self.sites.len()) {
            if let Some(checkpoint) = &report.checkpoint {
                *votes.entry(checkpoint).or_default() += 1;
            }
        }
        let agreed = votes.into_iter().filter(|(_, count)| *count >= self.needed);
        agreed
            .map(|(checkpoint, _)| checkpoint.clone())
            .max_by_key(|c| c.index)
    }
}
