//! What ceremonies cost: `cargo run --release -p maftia-activity --example ceremony_cost [N...]`.
//!
//! Sites in one process, with real cryptography and simulated time. Each site has one processor,
//! which is charged what its part takes on this machine: the time of this thread on a processor, so
//! that others who use the machine disturb the caches and nothing else. What all sites do alike,
//! taking a word of the log in, is done once and charged to each. A link takes [`DELAY`] one way; a
//! site sends [`BYTES_PER_SECOND`] in all. A word is in the log of all sites [`ORDERING`] link
//! delays after it has left its site for every other one. A vault that is written takes [`DISK`] of
//! waiting.
//!
//! Prints a row for each scheme, size and ceremony. Of [`RUNS`] runs it shows the median of the
//! time and the least processor time.
#![allow(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement of our own making, which prints"
)]

#[path = "ceremony_cost/processor.rs"]
mod processor;
#[path = "ceremony_cost/sites.rs"]
mod sites;

use std::time::Duration;

use maftia_activity::keys::Scheme;
use sites::{Cost, Sites};

/// Of a link, one way: sites in neighbouring countries.
const DELAY: Duration = Duration::from_millis(20);
/// What a site sends to all others together: 100 Mbit/s.
const BYTES_PER_SECOND: u32 = 12_500_000;
/// Link delays from a site's block to its place in the log: what `maftia bench` sees of a request.
const ORDERING: u32 = 4;
/// A short write and its sync, as measured with the group on a disk.
const DISK: Duration = Duration::from_micros(200);
/// Of each ceremony.
const RUNS: usize = 3;

const SCHEMES: [(&str, Scheme); 3] = [
    ("BLS", Scheme::Bls),
    ("Ed25519", Scheme::Ed25519),
    ("sealing", Scheme::Seal),
];

fn main() {
    let sizes: Vec<usize> = std::env::args()
        .skip(1)
        .filter_map(|word| word.parse().ok())
        .collect();
    let sizes = if sizes.is_empty() {
        vec![4, 7, 16, 31]
    } else {
        sizes
    };
    println!("| scheme | n | ceremony | time s | processor ms a site | KiB sent a site | words |");
    println!("|---|---|---|---|---|---|---|");
    for (name, scheme) in SCHEMES {
        for n in &sizes {
            let runs: Vec<_> = (0..RUNS).map(|seed| ceremonies(*n, scheme, seed)).collect();
            for (place, what) in ["generation", "refresh", "one replaced"].iter().enumerate() {
                let costs = runs.iter().map(|run| run[place]);
                row(&format!("{name} | {n} | {what}"), costs);
            }
        }
    }
}

/// A key generation, a refresh, and the replacement of one site.
fn ceremonies(n: usize, scheme: Scheme, seed: usize) -> [Cost; 3] {
    let mut sites = Sites::new(n, scheme, seed);
    let generation = sites.until_done();
    sites.refresh();
    let refresh = sites.until_done();
    sites.replace_one();
    [generation, refresh, sites.until_done()]
}

fn row(what: &str, costs: impl Iterator<Item = Cost> + Clone) {
    let mut times: Vec<_> = costs.clone().map(|cost| cost.time).collect();
    times.sort_unstable();
    let least = costs.min_by_key(|cost| cost.processor).unwrap();
    println!(
        "| {what} | {:.2} | {:.1} | {} | {} |",
        times[times.len() / 2].as_secs_f64(),
        least.processor.as_secs_f64() * 1000.0,
        least.bytes / 1024,
        least.words
    );
}
