use std::path::PathBuf;

use clap::Args;
use maftia_types::CoinUse;

use crate::args::{coin_use, on_or_off};
use crate::bench::work::Signatures;

/// Requests of a client under way, unless it is told.
const OUTSTANDING: usize = 512;
/// Signatures of a client under way: four clients then have half as many sessions as one may.
const SIGNATURES_OUTSTANDING: usize = 16;

#[derive(Debug, Args)]
#[command(
    after_help = "Closed loop: each of --clients keeps --outstanding requests under way.\n\
    Open loop: with --rate, requests start at their intended times and latency counts from them.\n\n\
    Examples:\n  maftia bench --for 10\n  maftia bench --clients 1 --outstanding 1\n  \
    maftia bench --rate 20000 --size 1024 --json\n  maftia bench --keys ed25519 --clients 1 --outstanding 1"
)]
pub(crate) struct Bench {
    /// Clients, each with links of its own
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=16))]
    pub(crate) clients: u32,
    /// Requests that each client keeps under way; 512, or 16 signatures
    #[arg(long)]
    outstanding: Option<usize>,
    /// Measure signatures by the sites together instead of puts, with a key of that scheme
    #[arg(long, value_name = "SCHEME")]
    pub(crate) keys: Option<Signatures>,
    /// Length of the values, or of what is signed, in bytes
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) size: u32,
    /// Requests per second of all clients together; without it as fast as they are answered
    #[arg(long)]
    pub(crate) rate: Option<f64>,
    /// Seconds to measure for
    #[arg(long = "for", default_value_t = 10.0, value_name = "SECONDS")]
    pub(crate) lasting: f64,
    /// Seconds to run before measuring
    #[arg(long, default_value_t = 2.0, value_name = "SECONDS")]
    pub(crate) warm_up: f64,
    /// Parallel sessions of each client
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub(crate) sessions: u8,
    /// Sites of the group that is started for the measurement
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=31))]
    pub(crate) sites: u8,
    /// In that group, final after two message delays where almost all sites agree: on (default) or off
    #[arg(long, value_name = "ON|OFF", value_parser = on_or_off)]
    pub(crate) fast_path: Option<bool>,
    /// In that group, when a coin names leaders, which no scheduler can stop: never, auto or always
    #[arg(long, value_name = "WHEN", value_parser = coin_use)]
    pub(crate) asynchronous: Option<CoinUse>,
    /// Folder on a real disk for the group's files; the system's temporary folder without it
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Measure a running group instead: its group file
    #[arg(long, value_name = "FILE")]
    pub(crate) group: Option<PathBuf>,
    /// Key of one of its clients
    #[arg(long, value_name = "FILE", requires = "group")]
    pub(crate) key: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

impl Bench {
    /// Requests that each client keeps under way.
    pub(crate) fn outstanding(&self) -> usize {
        let usual = match self.keys {
            Some(_) => SIGNATURES_OUTSTANDING,
            None => OUTSTANDING,
        };
        self.outstanding.unwrap_or(usual)
    }

    /// What is counted.
    pub(crate) fn unit(&self) -> &'static str {
        self.keys.map_or("requests", Signatures::name)
    }
}
