use std::cell::RefCell;
use std::ops::Range;
use std::time::{Duration, SystemTime};

use maftia_simulator::{Statistics, check};

use crate::book::Sometimes;
use crate::case::{Case, Weather};

/// Runs every seed twice and gives what was seen in all.
fn campaign(name: &str, case: Case, seeds: Range<u64>) -> (Statistics, Sometimes) {
    let sometimes = RefCell::new(Sometimes::default());
    let run = |seed| {
        let (report, seen) = case.run(seed);
        sometimes.borrow_mut().add(&seen);
        report
    };
    let statistics = check(name, seeds, run).unwrap_or_else(|error| panic!("{error}"));
    let sometimes = sometimes.into_inner();
    println!("{name}: {statistics:?} {sometimes:?}");
    (statistics, sometimes)
}

#[test]
fn explore() {
    let get = |name: &str, or: u64| std::env::var(name).map_or(or, |v| v.parse().unwrap());
    let (from, to) = (get("FROM", 0), get("TO", 20));
    let weather = if get("SLEEPER", 0) == 1 {
        Weather::Sleeper
    } else {
        Weather::Storm
    };
    let mut case = Case::new(
        usize::try_from(get("N", 4)).unwrap(),
        usize::try_from(get("BAD", 0)).unwrap(),
        weather,
    );
    if get("LOG", 0) == 1 {
        case.keep_log = true;
        let (mut world, _) = case.world(from);
        let outcome = world.run();
        for line in world.log() {
            println!("{line}");
        }
        println!("{outcome:?}");
        return;
    }
    let start = SystemTime::now();
    let mut failures = 0;
    let mut total = Sometimes::default();
    for seed in from..to {
        let run = std::panic::catch_unwind(|| case.run(seed));
        match run {
            Ok((Ok(report), seen)) => {
                total.add(&seen);
                if get("LIST", 0) == 1 {
                    println!(
                        "{seed}: {:?} {:?} {:?}",
                        report.healed, report.ended, report.counters
                    );
                }
            }
            Ok((Err(failure), _)) => {
                failures += 1;
                println!("{failure}");
            }
            Err(_) => {
                failures += 1;
                println!("seed {seed} panics");
            }
        }
        if failures > 10 {
            break;
        }
    }
    let spent: Duration = start.elapsed().unwrap();
    println!(
        "{failures} failures, {spent:?} for {} seeds; {total:?}",
        to - from
    );
    let _ = campaign;
}
