//! What the key-value store costs: `cargo run --release -p maftia-activity --example kv_cost`.
//!
//! Fills a store with distinct keys, then measures puts of further keys with and without snapshots
//! between them, and the snapshots. Prints one line per measure.
#![allow(
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "a measurement reads the clock and prints"
)]

use std::time::{Duration, Instant};

use bytes::Bytes;
use maftia_activity::kv::{Action, Interval, Operation, Store};
use maftia_activity::replication::{Context, StateMachine};
use maftia_codec::Wire;
use maftia_types::ClientId;

const KEYS: u64 = 1_000_000;
const BATCH: u64 = 10_000;
const VALUE_BYTES: usize = 512;

fn main() {
    let mut bench = Bench {
        store: Store::default(),
        reply: Vec::new(),
        next: 0,
    };
    let fill = bench.puts(KEYS);
    println!("fill with {KEYS} keys: {}", per(fill, KEYS));
    timed("first snapshot, every page hashed", || {
        bench.store.snapshot()
    });

    let plain = bench.puts(BATCH);
    println!("put, warm pages: {}", per(plain, BATCH));
    let mut held = bench.store.snapshot();
    timed("snapshot, nothing changed", || bench.store.snapshot());
    bench.puts(100);
    held = timed("snapshot after 100 puts", || {
        drop(held);
        bench.store.snapshot()
    });
    let copied = bench.puts(BATCH);
    println!(
        "put after a snapshot, most copy a page: {}",
        per(copied, BATCH)
    );
    held = timed("snapshot after 10000 puts", || {
        drop(held);
        bench.store.snapshot()
    });
    timed("count of half of the keys", || {
        bench.ask(&Operation::Action(Action::Count(Interval::between(
            "", "8",
        ))));
    });
    drop(held);
}

struct Bench {
    store: Store,
    reply: Vec<u8>,
    next: u64,
}

impl Bench {
    /// Puts this many new keys, in an order like random; the time does not include encoding.
    fn puts(&mut self, count: u64) -> Duration {
        let operations: Vec<Bytes> = (self.next..self.next + count).map(put).collect();
        self.next += count;
        let start = Instant::now();
        for operation in &operations {
            self.reply.clear();
            self.store.apply(&CONTEXT, operation, &mut self.reply);
        }
        start.elapsed()
    }

    fn ask(&mut self, operation: &Operation) {
        self.reply.clear();
        self.store
            .apply(&CONTEXT, &operation.to_bytes(), &mut self.reply);
    }
}

const CONTEXT: Context = Context {
    position: 1,
    commit_time_ms: 0,
    client: ClientId { key: 0, session: 0 },
};

fn put(number: u64) -> Bytes {
    let key = format!("{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut value = vec![7; VALUE_BYTES];
    value.splice(..8, number.to_le_bytes());
    Operation::put(key, value).to_bytes()
}

fn per(time: Duration, count: u64) -> String {
    format!("{:.2} µs each", time.as_secs_f64() * 1e6 / count as f64)
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    println!("{what}: {:.2} ms", start.elapsed().as_secs_f64() * 1e3);
    result
}
