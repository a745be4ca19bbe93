use std::fmt;
use std::time::Duration;

use maftia_types::{CoinUse, FaultModel};
use serde::Serialize;
use serde_json::Value;

use crate::coin::Coin;
use crate::demo::history::{Observed, check};
use crate::demo::workload::Seen;

/// How a demo with `--for` ended; with `--json` the last line of standard output.
#[derive(Debug, Serialize)]
pub(crate) struct Verdict {
    pub(crate) verdict: &'static str,
    pub(crate) sites: usize,
    pub(crate) model: String,
    /// When a coin was to name leaders, and how many commits it has decided since the oldest of the
    /// sites started.
    pub(crate) asynchronous: &'static str,
    pub(crate) commits_by_coin: u64,
    pub(crate) committed: usize,
    pub(crate) linearizable: bool,
    pub(crate) digests_equal: bool,
    pub(crate) tolerance: i64,
    pub(crate) remaining_tolerance: i64,
    pub(crate) compromised: Vec<String>,
    /// The site that was convicted and replaced, and the one in its place.
    pub(crate) replaced: String,
    pub(crate) by: String,
    pub(crate) evidence: Vec<Value>,
    /// The public key that the sites made together.
    pub(crate) group_key: String,
    pub(crate) ops_per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// What was not as it should be; empty if the verdict is `ok`.
    pub(crate) problems: Vec<String>,
}

/// What was done to the group.
#[derive(Debug)]
pub(crate) struct Drill {
    /// The site that was made to misbehave.
    pub(crate) intruded: String,
    /// The site that took its place.
    pub(crate) fresh: String,
    pub(crate) keys: Keys,
    pub(crate) model: FaultModel,
    pub(crate) coin: Coin,
    /// For how long there was load.
    pub(crate) ran: Duration,
}

/// The group's public key before the attack and when all was over.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) before: String,
    pub(crate) after: String,
}

/// What the group said when all was over.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) sites: usize,
    pub(crate) tolerance: i64,
    pub(crate) remaining_tolerance: i64,
    pub(crate) compromised: Vec<String>,
    pub(crate) evidence: Vec<Value>,
    /// Whether all sites came to show the same state.
    pub(crate) digests_equal: bool,
    /// What each said last.
    pub(crate) words: Vec<String>,
}

impl Verdict {
    /// Weighs what clients saw and what the group says.
    pub(crate) fn reach(seen: Seen, end: End, drill: Drill) -> Self {
        let Drill {
            intruded,
            fresh,
            keys,
            model,
            coin,
            ran,
        } = drill;
        let mut problems = Vec::new();
        let committed = seen.history.len();
        let (p50_ms, p99_ms) = latencies(&seen.history);
        let checked = check(seen.history);
        if let Err(violation) = &checked {
            problems.push(format!("not linearizable: {violation}"));
        }
        let mut require = |holds: bool, problem: String| {
            if !holds {
                problems.push(problem);
            }
        };
        require(committed > 0, "nothing was committed".into());
        require(
            seen.unknown == 0,
            format!("{} operations without an outcome", seen.unknown),
        );
        require(
            seen.rejected == 0,
            format!("{} operations were refused", seen.rejected),
        );
        require(
            end.digests_equal,
            format!("the sites do not show the same state: {:?}", end.words),
        );
        let still = format!("still convicted members: {:?}", end.compromised);
        require(end.compromised.is_empty(), still);
        let proven = end
            .evidence
            .iter()
            .any(|own| own.get("site") == Some(&intruded.as_str().into()));
        require(proven, format!("no evidence against {intruded} was kept"));
        let full = end.remaining_tolerance == end.tolerance;
        require(full, "the group does not tolerate as much as before".into());
        let same = keys.before == keys.after;
        require(same, "the group's public key has changed".into());
        let led = coin.wanted != CoinUse::Always || coin.commits > 0;
        require(led, "the coin has decided nothing".into());
        Self {
            verdict: if problems.is_empty() { "ok" } else { "failed" },
            sites: end.sites,
            model: model.to_string(),
            asynchronous: coin.wanted.as_str(),
            commits_by_coin: coin.commits,
            committed,
            linearizable: checked.is_ok(),
            digests_equal: end.digests_equal,
            tolerance: end.tolerance,
            remaining_tolerance: end.remaining_tolerance,
            compromised: end.compromised,
            replaced: intruded,
            by: fresh,
            evidence: end.evidence,
            group_key: keys.after,
            ops_per_second: round(committed as f64 / ran.as_secs_f64()),
            p50_ms,
            p99_ms,
            problems,
        }
    }

    pub(crate) fn is_ok(&self) -> bool {
        self.problems.is_empty()
    }
}

fn latencies(history: &[Observed]) -> (f64, f64) {
    let mut all: Vec<Duration> = history
        .iter()
        .map(|seen| seen.returned.saturating_sub(seen.invoked))
        .collect();
    all.sort_unstable();
    let at = |percent: usize| {
        let index = (all.len() * percent / 100).min(all.len().saturating_sub(1));
        all.get(index)
            .map_or(0.0, |latency| round(latency.as_secs_f64() * 1000.0))
    };
    (at(50), at(99))
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let yes = |good: bool| if good { "yes" } else { "NO" };
        writeln!(f, "verdict: {}", self.verdict)?;
        writeln!(f, "  committed            {}", self.committed)?;
        if self.asynchronous != CoinUse::Never.as_str() {
            let (coin, when) = (self.commits_by_coin, self.asynchronous);
            writeln!(
                f,
                "  by the coin          {coin} commits (asynchronous {when})"
            )?;
        }
        writeln!(f, "  linearizable         {}", yes(self.linearizable))?;
        writeln!(f, "  states equal         {}", yes(self.digests_equal))?;
        writeln!(f, "  convicted, replaced  {} by {}", self.replaced, self.by)?;
        writeln!(
            f,
            "  remaining tolerance  {} of {}",
            self.remaining_tolerance, self.tolerance
        )?;
        write!(
            f,
            "  {} requests/s, p50 {} ms, p99 {} ms, attack and restart included",
            self.ops_per_second, self.p50_ms, self.p99_ms
        )?;
        for problem in &self.problems {
            write!(f, "\n  problem: {problem}")?;
        }
        Ok(())
    }
}
