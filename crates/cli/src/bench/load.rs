use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use maftia_activity::kv::Operation;
use maftia_client::{Client, Outcome};
use maftia_codec::Wire;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::bench::work::Work;
use crate::failure::{Exit, Failure};

/// How the clients ask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) outstanding: usize,
    pub(crate) rate: Option<f64>,
    pub(crate) lasting: Duration,
    pub(crate) warm_up: Duration,
}

/// What the clients saw while it was measured.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Of each committed request, in microseconds.
    pub(crate) latencies_us: Vec<u32>,
    pub(crate) errors: u64,
    pub(crate) seconds: f64,
}

/// A load under way.
#[derive(Debug)]
pub(crate) struct Load {
    workers: JoinSet<Seen>,
    measured_from: Instant,
    until: Instant,
}

/// Waits until the group answers.
pub(crate) async fn ready(client: &Client, patience: Duration) -> Result<(), Failure> {
    let deadline = Instant::now() + patience;
    loop {
        let probe = Operation::get("bench/ready").to_bytes();
        match client.execute(probe).await.outcome {
            Outcome::Committed { .. } => return Ok(()),
            Outcome::Forgotten | Outcome::Rejected(_) | Outcome::Unknown
                if Instant::now() < deadline => {}
            Outcome::Forgotten | Outcome::Rejected(_) | Outcome::Unknown => {
                let text = "the group does not answer";
                return Err(Failure::new(Exit::Unknown, text).next("look at the sites' logs"));
            }
        }
    }
}

impl Load {
    pub(crate) fn start(clients: &[Client], work: &Work, shape: Shape) -> Self {
        let measured_from = Instant::now() + shape.warm_up;
        let until = measured_from + shape.lasting;
        let numbers = Arc::new(AtomicU64::new(0));
        let mut workers = JoinSet::new();
        let total = clients.len() * shape.outstanding;
        for (index, client) in clients.iter().cycle().take(total).enumerate() {
            let worker = Worker {
                client: client.clone(),
                numbers: Arc::clone(&numbers),
                work: work.clone(),
                measured_from,
                until,
            };
            let pace = shape.rate.map(|rate| Pace {
                every: Duration::from_secs_f64(total as f64 / rate),
                first: Instant::now() + Duration::from_secs_f64(index as f64 / rate),
            });
            workers.spawn(worker.run(pace));
        }
        Self {
            workers,
            measured_from,
            until,
        }
    }

    pub(crate) async fn warmed_up(&self) {
        tokio::time::sleep_until(self.measured_from).await;
    }

    pub(crate) async fn finish(mut self) -> Seen {
        let mut all = Seen::default();
        while let Some(seen) = self.workers.join_next().await {
            match seen {
                Ok(seen) => {
                    all.latencies_us.extend(seen.latencies_us);
                    all.errors += seen.errors;
                }
                Err(_) => all.errors += 1,
            }
        }
        all.seconds = (self.until - self.measured_from).as_secs_f64();
        all.latencies_us.sort_unstable();
        all
    }
}

/// When a worker of an open loop asks, whether or not it was answered in time.
#[derive(Clone, Copy, Debug)]
struct Pace {
    every: Duration,
    first: Instant,
}

struct Worker {
    client: Client,
    numbers: Arc<AtomicU64>,
    work: Work,
    measured_from: Instant,
    until: Instant,
}

impl Worker {
    async fn run(self, pace: Option<Pace>) -> Seen {
        let mut seen = Seen::default();
        let mut intended = pace.map(|pace| pace.first);
        loop {
            if let Some(at) = intended {
                tokio::time::sleep_until(at).await;
            }
            // Latency counts from when the request should have started, so that a stall is charged
            // to all requests it delayed.
            let from = intended.unwrap_or_else(Instant::now);
            if from >= self.until {
                return seen;
            }
            let number = self.numbers.fetch_add(1, Ordering::Relaxed);
            let answered = self.work.once(&self.client, number).await;
            let now = Instant::now();
            if now >= self.measured_from && now < self.until {
                let latency = u32::try_from((now - from).as_micros()).unwrap_or(u32::MAX);
                match answered {
                    true => seen.latencies_us.push(latency),
                    false => seen.errors += 1,
                }
            }
            intended = intended.zip(pace).map(|(at, pace)| at + pace.every);
        }
    }
}
