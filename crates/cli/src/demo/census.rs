//! Asking every site how it stands, and what the group is to be believed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use maftia_client::Client;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::demo::verdict::End;

/// How often the sites are asked.
const INTERVAL: Duration = Duration::from_millis(250);

/// One site's word.
#[derive(Clone, Debug, Deserialize)]
struct Word {
    site: String,
    state: String,
    position: u64,
    commit: u64,
    commit_digest: String,
    checkpoint: Option<Checkpoint>,
    convicted: Vec<String>,
    suspected: Vec<Suspicion>,
    evidence: Vec<Value>,
}

#[derive(Clone, Debug, Deserialize)]
struct Suspicion {
    site: String,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
struct Checkpoint {
    index: u64,
    digest: String,
}

impl Word {
    /// What the site said, in short.
    fn summary(&self) -> String {
        let checkpoint = self.checkpoint.as_ref().map_or(0, |own| own.index);
        let suspected: Vec<&String> = self.suspected.iter().map(|own| &own.site).collect();
        format!(
            "{} {} at {} (checkpoint {checkpoint}, suspects {suspected:?})",
            self.site, self.state, self.position
        )
    }
}

/// Waits until all sites serve, none is suspected by the group, and all show the same state: the same
/// executed requests, the same checkpoint, and the same digest wherever two are at the same commit.
pub(crate) async fn agree(client: &Client, patience: Duration) -> End {
    let deadline = Instant::now() + patience;
    let resilience = client.group().resilience();
    let mut commits: BTreeMap<u64, String> = BTreeMap::new();
    let mut forked = false;
    loop {
        let words = ask(client).await;
        for word in &words {
            let digest = commits
                .entry(word.commit)
                .or_insert_with(|| word.commit_digest.clone());
            forked |= *digest != word.commit_digest;
        }
        let equal = !forked && words.len() == resilience.sites() && same_state(&words);
        if equal || forked || Instant::now() >= deadline {
            return end(&words, equal, resilience.intruded_max(), resilience.sites());
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn ask(client: &Client) -> Vec<Word> {
    let answers = client.status().await;
    answers
        .into_iter()
        .filter_map(|(_, json)| serde_json::from_slice(&json?).ok())
        .collect()
}

fn same_state(words: &[Word]) -> bool {
    let Some(first) = words.first() else {
        return false;
    };
    words.iter().all(|word| {
        word.state == "serving"
            && word.suspected.is_empty()
            && word.position == first.position
            && word.checkpoint.is_some()
            && word.checkpoint == first.checkpoint
    })
}

/// What f+1 sites say holds.
fn end(words: &[Word], digests_equal: bool, f: usize, sites: usize) -> End {
    let mut named: BTreeMap<&String, usize> = BTreeMap::new();
    for name in words.iter().flat_map(|word| &word.convicted) {
        *named.entry(name).or_default() += 1;
    }
    let believed = |count: usize| count > f;
    let compromised: Vec<String> = named
        .iter()
        .filter(|(_, count)| believed(**count))
        .map(|(name, _)| (*name).clone())
        .collect();
    let mut accused: BTreeMap<&String, usize> = BTreeMap::new();
    for own in words.iter().flat_map(|word| &word.suspected) {
        *accused.entry(&own.site).or_default() += 1;
    }
    let suspected = accused.into_iter().filter(|(_, count)| believed(*count));
    let ill = words.iter().filter(|word| word.state != "serving");
    let mut faulty: BTreeSet<&String> = suspected.map(|(site, _)| site).collect();
    faulty.extend(ill.map(|word| &word.site).chain(&compromised));
    // Of those that do not answer, some are counted already.
    let answers = |site: &&&String| words.iter().any(|word| word.site == ***site);
    let counted = faulty.len() - faulty.iter().filter(answers).count();
    let absent = sites.saturating_sub(words.len() + counted);
    let tolerance = i64::try_from(f).unwrap_or(0);
    let faulty = i64::try_from(faulty.len() + absent).unwrap_or(i64::MAX);
    let evidence = words
        .iter()
        .find(|word| word.convicted == compromised)
        .map(|word| word.evidence.clone())
        .unwrap_or_default();
    End {
        sites,
        tolerance,
        remaining_tolerance: (tolerance - faulty).max(0),
        compromised,
        evidence,
        digests_equal,
        words: words.iter().map(Word::summary).collect(),
    }
}
