//! Measures a log on a disk: `cargo run --release -p maftia-storage --example measure -- DIR`.
#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use maftia_storage::{AppendError, Log, Options};

const RECORD: [u8; 512] = [0xa7; 512];

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args_os().nth(1).ok_or("usage: measure DIR")?;
    let dir = Path::new(&dir);
    let mut log = Log::create(dir, Options::default())?;
    one_at_a_time("lone record, inline", &mut log, 2000, |log| {
        log.commit_inline()?;
        Ok(())
    })?;
    one_at_a_time("lone record, flusher", &mut log, 2000, |log| {
        log.flush()?;
        Ok(())
    })?;
    one_at_a_time("64 KiB batch, flusher", &mut log, 500, |log| {
        for _ in 0..127 {
            log.append(&[&RECORD])?;
        }
        log.flush()?;
        Ok(())
    })?;
    saturated(&mut log, 600_000)?;
    let start = Instant::now();
    drop(log);
    let (_log, recovered) = Log::open(dir, Options::default())?;
    let mib = f64_of(recovered.end.0) / f64::from(1 << 20);
    println!("recovery of {mib:.0} MiB: {:?}", start.elapsed());
    Ok(())
}

type Commit = fn(&mut Log) -> Result<(), Box<dyn Error>>;

fn one_at_a_time(
    name: &str,
    log: &mut Log,
    rounds: usize,
    commit: Commit,
) -> Result<(), Box<dyn Error>> {
    let mut times: Vec<Duration> = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let start = Instant::now();
        log.append(&[&RECORD])?;
        commit(log)?;
        times.push(start.elapsed());
    }
    times.sort();
    let at = |percent: usize| times.get(rounds * percent / 100).copied();
    let (median, high) = (at(50).unwrap_or_default(), at(99).unwrap_or_default());
    println!("{name}: median {median:?}, 99th percentile {high:?}");
    Ok(())
}

fn saturated(log: &mut Log, records: u32) -> Result<(), Box<dyn Error>> {
    let (before, start) = (log.stats(), Instant::now());
    for _ in 0..records {
        while let Err(error) = log.append(&[&RECORD]) {
            match error {
                AppendError::Full { .. } => log.flush()?,
                other => return Err(other.into()),
            };
        }
        log.commit();
    }
    log.flush()?;
    let (seconds, after) = (start.elapsed().as_secs_f64(), log.stats());
    let rate = f64::from(records) / seconds;
    let mib = f64_of(after.bytes - before.bytes) / f64::from(1 << 20);
    let syncs = after.syncs - before.syncs;
    println!(
        "saturated: {rate:.0} records/s, {:.0} MiB/s, {syncs} syncs",
        mib / seconds
    );
    Ok(())
}

fn f64_of(value: u64) -> f64 {
    value as f64
}
