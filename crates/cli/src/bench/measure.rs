use std::fs;
use std::time::Instant;

use maftia_client::Client;
use serde::Deserialize;

/// The clock ticks in which Linux counts a process's time.
const TICKS_PER_SECOND: f64 = 100.0;

/// What the sites had used at one moment.
#[derive(Debug)]
pub(crate) struct Sites {
    pub(crate) at: Instant,
    pub(crate) sites: Vec<Site>,
}

/// What one site had used.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) name: String,
    /// Processor time; zero if the site runs elsewhere.
    pub(crate) cpu_seconds: f64,
    pub(crate) syncs: u64,
    pub(crate) round: u64,
}

#[derive(Deserialize)]
struct Status {
    site: String,
    pid: u32,
    syncs: u64,
    tip: u64,
}

impl Sites {
    pub(crate) async fn read(client: &Client) -> Self {
        let at = Instant::now();
        let answers = client.status().await;
        let sites = answers
            .into_iter()
            .filter_map(|(_, json)| serde_json::from_slice::<Status>(&json?).ok())
            .map(|status| Site {
                cpu_seconds: cpu_seconds(status.pid).unwrap_or(0.0),
                name: status.site,
                syncs: status.syncs,
                round: status.tip,
            })
            .collect();
        Self { at, sites }
    }
}

/// User and system time of a process of this machine.
fn cpu_seconds(pid: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) as f64 / TICKS_PER_SECOND)
}
