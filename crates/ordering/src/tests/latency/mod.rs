//! How long a block takes from its making until f + 1 correct sites have delivered it, by rule, network,
//! size and place: the latencies of `docs/performance.md`.

mod network;
mod world;

use maftia_types::{Duration, FaultModel, Resilience};

use network::Network;
use world::World;

/// What rules a run. Another row of the engine is another of these.
#[derive(Clone, Copy, Debug)]
struct Row {
    name: &'static str,
    model: FaultModel,
    fast_path: bool,
    coin: bool,
}

const S_SLOW: Row = Row {
    name: "S slow",
    model: FaultModel::Arbitrary,
    fast_path: false,
    coin: false,
};
const S_FAST: Row = Row {
    name: "S fast",
    fast_path: true,
    ..S_SLOW
};
const A: Row = Row {
    name: "A",
    coin: true,
    ..S_SLOW
};
const ROWS: [Row; 3] = [S_SLOW, S_FAST, A];

/// Latencies of blocks that led their slot, and of the others; sorted.
#[derive(Debug, Default)]
struct Seen {
    leaders: Vec<Duration>,
    others: Vec<Duration>,
}

fn run(row: Row, network: Network, n: usize, is_silent: bool, rounds: u64) -> Seen {
    let resilience = Resilience::largest(row.model, n).unwrap();
    let silent = if is_silent {
        resilience.intruded_max()
    } else {
        0
    };
    let mut seen = World::new(row, resilience, network, silent).run(rounds);
    seen.leaders.sort_unstable();
    seen.others.sort_unstable();
    seen
}

fn percentile(sorted: &[Duration], per_cent: usize) -> Duration {
    let place = (sorted.len() * per_cent / 100).min(sorted.len() - 1);
    sorted[place]
}

/// The median in message delays, to a hundredth, of links that are all equally long.
fn delays(sorted: &[Duration]) -> u64 {
    percentile(sorted, 50).as_nanos() * 100 / network::LAN_DELAY.as_nanos()
}

#[test]
fn leaders_and_others_take_as_many_message_delays_as_their_rule_says() {
    let of = |row| {
        let seen = run(row, Network::Lan, 4, false, 120);
        (delays(&seen.leaders), delays(&seen.others))
    };
    assert_eq!(of(S_SLOW), (300, 400));
    assert_eq!(of(S_FAST), (200, 300));
    assert_eq!(of(A), (500, 600));
}

fn cell(sorted: &[Duration], network: Network) -> String {
    if sorted.is_empty() {
        return "–".into();
    }
    let ms = |per_cent| percentile(sorted, per_cent).as_nanos() as f64 / 1e6;
    match network {
        Network::Lan => {
            let delays = delays(sorted) as f64 / 100.0;
            format!("{delays:.1}δ, {:.2} / {:.2}", ms(50), ms(99))
        }
        Network::Wan => format!("{:.0} / {:.0}", ms(50), ms(99)),
    }
}

#[test]
fn latency_table_slow() {
    if std::env::var_os("MAFTIA_SLOW").is_none() {
        println!("skipped: set MAFTIA_SLOW=1");
        return;
    }
    for network in [Network::Lan, Network::Wan] {
        println!("\n| {network:?} | n | leaders | others | leaders, f silent | others, f silent |");
        println!("|---|---|---|---|---|---|");
        for row in ROWS {
            for n in [4, 7, 10, 16, 31] {
                let rounds = 120.max(2_000 / n as u64);
                let [correct, silent] =
                    [false, true].map(|is_silent| run(row, network, n, is_silent, rounds));
                let cells = [
                    correct.leaders,
                    correct.others,
                    silent.leaders,
                    silent.others,
                ];
                let cells = cells.map(|sorted| cell(&sorted, network));
                println!("| {} | {n} | {} |", row.name, cells.join(" | "));
            }
        }
    }
}
