use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::bench::args::Bench;
use crate::bench::load::Seen;
use crate::bench::measure::Sites;

/// What a measurement gave.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) ops_per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p999_ms: f64,
    pub(crate) committed: usize,
    pub(crate) errors: u64,
    /// Processors used by each site, on average.
    pub(crate) cpu_per_site: BTreeMap<String, f64>,
    pub(crate) syncs_per_round: f64,
    pub(crate) rounds_per_second: f64,
    /// What a reply stands for.
    pub(crate) durability: &'static str,
    pub(crate) clients: u32,
    pub(crate) outstanding: usize,
    pub(crate) size: u32,
    /// What was counted.
    pub(crate) unit: &'static str,
}

impl Report {
    pub(crate) fn of(typed: &Bench, seen: &Seen, before: &Sites, after: &Sites) -> Self {
        let elapsed = (after.at - before.at).as_secs_f64();
        let (mut cpu_per_site, mut syncs, mut rounds) = (BTreeMap::new(), 0, 0);
        for (before, after) in before.sites.iter().zip(&after.sites) {
            let cpu = (after.cpu_seconds - before.cpu_seconds) / elapsed;
            cpu_per_site.insert(after.name.clone(), two_digits(cpu));
            syncs += after.syncs.saturating_sub(before.syncs);
            rounds += after.round.saturating_sub(before.round);
        }
        let sites = after.sites.len().max(1) as f64;
        let committed = seen.latencies_us.len();
        Self {
            ops_per_second: (committed as f64 / seen.seconds).round(),
            p50_ms: percentile(&seen.latencies_us, 500),
            p99_ms: percentile(&seen.latencies_us, 990),
            p999_ms: percentile(&seen.latencies_us, 999),
            committed,
            errors: seen.errors,
            cpu_per_site,
            syncs_per_round: two_digits(syncs as f64 / rounds.max(1) as f64),
            rounds_per_second: two_digits(rounds as f64 / sites / elapsed),
            durability: "synced at every site before it counts; f+1 equal replies checked",
            clients: typed.clients,
            outstanding: typed.outstanding(),
            unit: typed.unit(),
            size: typed.size,
        }
    }
}

fn percentile(sorted_us: &[u32], per_mille: usize) -> f64 {
    let index = (sorted_us.len() * per_mille / 1000).min(sorted_us.len().saturating_sub(1));
    sorted_us
        .get(index)
        .map_or(0.0, |us| two_digits(f64::from(*us) / 1000.0))
}

fn two_digits(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:.0} {}/s of {} B   p50 {} ms   p99 {} ms   p99.9 {} ms   {} errors",
            self.ops_per_second,
            self.unit,
            self.size,
            self.p50_ms,
            self.p99_ms,
            self.p999_ms,
            self.errors
        )?;
        writeln!(
            f,
            "{} clients with {} requests under way each; {:.0} rounds/s, {} syncs a round and site",
            self.clients, self.outstanding, self.rounds_per_second, self.syncs_per_round
        )?;
        write!(f, "processors used:")?;
        for (name, cpu) in &self.cpu_per_site {
            write!(f, "  {name} {cpu}")?;
        }
        write!(f, "\ndurability: {}", self.durability)
    }
}
