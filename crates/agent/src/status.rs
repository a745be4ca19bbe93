//! How the group stands, from every site's own word.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::State;
use maftia_client::Client;
use maftia_config::GroupFile;
use maftia_types::TrustedBase;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::server::Interface;

/// How the group stands.
#[derive(Clone, Debug, Serialize)]
pub struct GroupStatus {
    /// f.
    pub tolerance: usize,
    /// f less the sites that are faulty, unreachable, diverged or recovering; not below zero.
    pub remaining_tolerance: usize,
    /// Sites convicted by proof, as f+1 sites say.
    pub compromised: Vec<String>,
    /// The view. There is one until membership changes.
    pub view: u64,
    /// The fault model.
    pub model: String,
    /// What safety rests on beside the bound on faulty sites.
    pub trusted_base: String,
    /// The sites in order.
    pub sites: Vec<SiteEntry>,
    /// The proofs, as the sites list them.
    pub evidence: Vec<Value>,
}

/// How one site stands.
#[derive(Clone, Debug, Serialize)]
pub struct SiteEntry {
    /// Its name.
    pub name: String,
    /// `serving`, `recovering`, `fetching H/N`, `diverged`, `halted`, `silent`, `compromised` or
    /// `unreachable`.
    pub state: String,
    /// Requests it has executed.
    pub position: Option<u64>,
    /// Digest of the state at its newest stable checkpoint.
    pub digest: Option<String>,
    /// The commit of that checkpoint.
    pub checkpoint: Option<u64>,
    /// Where it is.
    pub address: String,
    /// Its process, under `demo` and `dev`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
}

/// What a site says.
#[derive(Clone, Debug, Deserialize)]
struct Word {
    state: String,
    position: u64,
    checkpoint: Option<Checkpoint>,
    convicted: Vec<String>,
    evidence: Vec<Value>,
    peers: Vec<PeerWord>,
    pid: u32,
}

#[derive(Clone, Debug, Deserialize)]
struct Checkpoint {
    index: u64,
    digest: String,
}

#[derive(Clone, Debug, Deserialize)]
struct PeerWord {
    name: String,
    link: String,
    state: String,
}

/// `GET /v1/status`.
pub(crate) async fn status(State(interface): State<Interface>) -> Json<GroupStatus> {
    Json(GroupStatus::ask(interface.client(), interface.show_pids).await)
}

impl GroupStatus {
    /// Asks every site and believes what f+1 of them say.
    pub async fn ask(client: &Client, show_pids: bool) -> Self {
        let group = client.group();
        let answers = client.status().await.into_iter();
        let words: Vec<(String, Option<Word>)> = answers
            .map(|(site, json)| {
                let word = json.and_then(|json| serde_json::from_slice(&json).ok());
                (group.site_name(site).to_owned(), word)
            })
            .collect();
        Self::merge(group, &words, show_pids)
    }

    fn merge(group: &GroupFile, words: &[(String, Option<Word>)], show_pids: bool) -> Self {
        let needed = group.resilience().one_correct();
        let convicted = believed(needed, words, |word| word.convicted.clone());
        let silent = believed(needed, words, |word| {
            let ill = word
                .peers
                .iter()
                .filter(|p| p.state == "silent" || p.link == "down");
            ill.map(|peer| peer.name.clone()).collect()
        });
        let entries = group.sites().zip(words);
        let sites: Vec<SiteEntry> = entries
            .map(|((_, site), (name, word))| SiteEntry {
                name: name.clone(),
                state: state(name, word.as_ref(), &convicted, &silent),
                position: word.as_ref().map(|word| word.position),
                digest: checkpoint(word.as_ref()).map(|checkpoint| checkpoint.digest.clone()),
                checkpoint: checkpoint(word.as_ref()).map(|checkpoint| checkpoint.index),
                address: site.address.to_string(),
                pid: word.as_ref().map(|word| word.pid).filter(|_| show_pids),
            })
            .collect();
        let faulty = sites.iter().filter(|site| site.state != "serving").count();
        let tolerance = group.resilience().intruded_max();
        let evidence = words
            .iter()
            .filter_map(|(_, word)| word.as_ref())
            .find(|word| word.convicted.iter().cloned().collect::<BTreeSet<_>>() == convicted)
            .map(|word| word.evidence.clone());
        Self {
            tolerance,
            remaining_tolerance: tolerance.saturating_sub(faulty),
            compromised: convicted.into_iter().collect(),
            view: 0,
            model: group.group().model.to_string(),
            trusted_base: TrustedBase::None.to_string(),
            sites,
            evidence: evidence.unwrap_or_default(),
        }
    }
}

fn checkpoint(word: Option<&Word>) -> Option<&Checkpoint> {
    word.and_then(|word| word.checkpoint.as_ref())
}

/// The names that at least `needed` sites give.
fn believed(
    needed: usize,
    words: &[(String, Option<Word>)],
    names: impl Fn(&Word) -> Vec<String>,
) -> BTreeSet<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for word in words.iter().filter_map(|(_, word)| word.as_ref()) {
        for name in names(word).into_iter().collect::<BTreeSet<_>>() {
            *counts.entry(name).or_default() += 1;
        }
    }
    counts
        .into_iter()
        .filter(|(_, count)| *count >= needed)
        .map(|(name, _)| name)
        .collect()
}

fn state(
    name: &String,
    word: Option<&Word>,
    convicted: &BTreeSet<String>,
    silent: &BTreeSet<String>,
) -> String {
    match word {
        _ if convicted.contains(name) => "compromised".into(),
        None => "unreachable".into(),
        Some(word) if word.state == "serving" && silent.contains(name) => "silent".into(),
        Some(word) => word.state.clone(),
    }
}
