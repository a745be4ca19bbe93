//! The demo's own clients: a mix of operations on a few keys, so that they meet.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use maftia_activity::kv::{Action, Operation, Relation, Response, Target, Txn};
use maftia_client::{Client, Outcome};
use maftia_codec::Wire;
use rand::RngExt;
use tokio::task::JoinSet;

use crate::demo::history::Observed;

/// Keys that all workers share: few, so that they meet.
const KEYS: u32 = 48;
/// Concurrent workers, each one request at a time.
const WORKERS: usize = 32;
/// The keys' prefix: nobody else writes there.
const PREFIX: &str = "demo/";

/// What the workers have seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) history: Vec<Observed>,
    /// Operations without a definite outcome.
    pub(crate) unknown: usize,
    /// Operations that were refused before they were sent.
    pub(crate) rejected: usize,
}

/// A running workload.
#[derive(Debug)]
pub(crate) struct Workload {
    stop: Arc<AtomicBool>,
    workers: JoinSet<Seen>,
}

impl Workload {
    pub(crate) fn start(client: &Client) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let origin = Instant::now();
        let mut workers = JoinSet::new();
        for _ in 0..WORKERS {
            workers.spawn(work(client.clone(), origin, Arc::clone(&stop)));
        }
        Self { stop, workers }
    }

    /// Lets the operations under way end and gathers what was seen.
    pub(crate) async fn finish(mut self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Seen::default();
        while let Some(seen) = self.workers.join_next().await {
            let Ok(seen) = seen else {
                all.unknown += 1;
                continue;
            };
            all.history.extend(seen.history);
            all.unknown += seen.unknown;
            all.rejected += seen.rejected;
        }
        all
    }
}

async fn work(client: Client, origin: Instant, stop: Arc<AtomicBool>) -> Seen {
    let mut seen = Seen::default();
    let mut number = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let operation = draw(number);
        let invoked = origin.elapsed();
        let outcome = client.execute(operation.to_bytes()).await.outcome;
        let returned = origin.elapsed();
        match outcome {
            Outcome::Committed { position, result } => match Response::from_bytes(result) {
                Ok(response) => {
                    let observed = Observed {
                        invoked,
                        returned,
                        position,
                        operation,
                        response,
                    };
                    seen.history.push(observed);
                }
                Err(_) => seen.unknown += 1,
            },
            Outcome::Forgotten | Outcome::Unknown => seen.unknown += 1,
            Outcome::Rejected(_) => {
                seen.rejected += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
    seen
}

fn draw(number: u64) -> Operation {
    let mut rng = rand::rng();
    let key = Bytes::from(format!("{PREFIX}{}", rng.random_range(0..KEYS)));
    let value = Bytes::from(format!("{number}-{:016x}", rng.random::<u64>()));
    match rng.random_range(0..100) {
        0..45 => Operation::put(key, value),
        45..80 => Operation::get(key),
        80..90 => Operation::delete(key),
        _ => Txn::default()
            .when(key.clone(), Relation::Greater, Target::Version(2))
            .then(Action::delete(key.clone()))
            .otherwise(Action::put(key, value))
            .into(),
    }
}
