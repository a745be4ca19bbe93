//! By which rule the group decides, merged from the words of its sites.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// By which rule a site, or the group, says that the log is decided.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub struct RulingReport {
    /// When a coin is to name leaders, as the group's file says: `never`, `auto` or `always`.
    pub asynchronous: String,
    /// `S`, known leaders, or `A`, leaders that a coin names.
    pub rule: String,
    /// Why it is that one.
    pub why: String,
    /// Whether the epoch has a coin.
    #[serde(default)]
    pub has_coin: bool,
    /// Since which commit.
    pub since_commit: Option<u64>,
    /// Time of that commit, in milliseconds since 1970.
    pub since_ms: Option<u64>,
    /// How often known leaders were given up.
    pub failovers: u64,
    /// Commits that the coin has decided.
    pub commits_by_coin: u64,
}

/// The longest word or reason that is passed on.
const TEXT_BYTES_MAX: usize = 64;

/// What f+1 (`needed`) sites say alike. Of the numbers, which sites forget when they stop, the one
/// that is surely not beyond the truth: since the commit before which f+1 see no break, and as many
/// commits as f+1 have counted.
pub(crate) fn merge<'a>(
    words: impl Iterator<Item = &'a RulingReport> + Clone,
    needed: usize,
) -> Option<RulingReport> {
    let said = |own: &RulingReport| {
        let texts = [&own.asynchronous, &own.rule, &own.why];
        texts.map(|text| text.chars().take(TEXT_BYTES_MAX).collect::<String>())
    };
    let mut votes: BTreeMap<([String; 3], bool), Vec<&RulingReport>> = BTreeMap::new();
    for own in words.clone() {
        votes
            .entry((said(own), own.has_coin))
            .or_default()
            .push(own);
    }
    let most = votes.into_iter().max_by_key(|(_, who)| who.len());
    let (([asynchronous, rule, why], has_coin), who) =
        most.filter(|(_, who)| who.len() >= needed)?;
    let mut since: Vec<(u64, Option<u64>)> = who
        .iter()
        .filter_map(|own| Some((own.since_commit?, own.since_ms)))
        .collect();
    since.sort_unstable();
    let since = since.get(needed.saturating_sub(1)).copied();
    let counted = |of: fn(&RulingReport) -> u64| {
        let mut all: Vec<u64> = words.clone().map(of).collect();
        all.sort_unstable_by(|a, b| b.cmp(a));
        all.get(needed.saturating_sub(1)).copied().unwrap_or(0)
    };
    Some(RulingReport {
        asynchronous,
        rule,
        why,
        has_coin,
        since_commit: since.map(|(commit, _)| commit),
        since_ms: since.and_then(|(_, time_ms)| time_ms),
        failovers: counted(|own| own.failovers),
        commits_by_coin: counted(|own| own.commits_by_coin),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(rule: &str, since: u64, by_coin: u64) -> RulingReport {
        RulingReport {
            asynchronous: "auto".into(),
            rule: rule.into(),
            why: "known leaders did not do".into(),
            has_coin: true,
            since_commit: Some(since),
            since_ms: Some(1000 + since),
            failovers: 1,
            commits_by_coin: by_coin,
        }
    }

    #[test]
    fn a_ruling_needs_f_plus_one_words_and_no_single_one_moves_its_numbers() {
        let lie = word("A", 0, u64::MAX);
        assert_eq!(merge([&lie].into_iter(), 2), None);
        assert_eq!(merge([&lie, &word("S", 9, 0)].into_iter(), 2), None);
        let (good, late) = (word("A", 7, 20), word("A", 12, 3));
        let merged = merge([&lie, &good, &late].into_iter(), 2).unwrap();
        assert_eq!(
            merged,
            RulingReport {
                commits_by_coin: 20,
                ..good
            }
        );
    }
}
