//! The campaigns: many seeds of each kind of world, each run twice; rare things must be reached.

use std::cell::RefCell;
use std::ops::Range;

use maftia_simulator::{Statistics, check};
use maftia_types::CoinUse;

use super::case::Case;
use super::history::Rare;
use super::script::Kind;
use crate::campaigns::{is_slow, part};

/// Seeds of the campaign in the quick run, and in the slow one.
const QUICK: u64 = 48;
const SLOW: u64 = 4_000;
/// Real cryptography costs far more.
const QUICK_KEYED: Range<u64> = 2..3;
const SLOW_KEYED: u64 = 100;
const QUICK_COIN: Range<u64> = 1..2;
const SLOW_COIN: u64 = 60;

/// What few seeds reach.
const RAREST: [&str; 4] = [
    "crashes_in_handover",
    "power_losses_in_handover",
    "stopped_again",
    "wipes_after_change",
];

/// Runs every seed twice; all must keep their promises and give the same trace both times.
fn campaign(name: &str, case: Case, seeds: Range<u64>) -> (Statistics, Rare) {
    let rare = RefCell::new(Rare::default());
    let run = |seed| {
        let (report, seen) = case.run(seed);
        rare.borrow_mut().add(&seen);
        report
    };
    let statistics = check(name, seeds, run).unwrap_or_else(|error| panic!("{error}"));
    let rare = rare.into_inner();
    println!("{name}: {statistics:?}\n  {rare:?}");
    (statistics, rare)
}

/// One seed with its log, or many with what each saw: `MAFTIA_VIEWS=storm MAFTIA_SEED=7`; with
/// `MAFTIA_SEEDS=100` that many from there on, without logs.
#[test]
fn replays_a_seed_that_is_asked_for() {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .map(|own| own.parse::<u64>().unwrap())
    };
    let (Ok(name), Some(from)) = (std::env::var("MAFTIA_VIEWS"), number("MAFTIA_SEED")) else {
        return;
    };
    let mut case = Case {
        keyed: ["keyed", "auto", "always"].contains(&name.as_str()),
        coin: name.parse().unwrap_or_default(),
        kind: number("MAFTIA_KIND").map(|kind| Kind::ALL[kind as usize]),
        ..Case::ANY
    };
    let Some(seeds) = number("MAFTIA_SEEDS") else {
        case.keep_log = true;
        let (mut world, _) = case.world(from);
        let outcome = world.run();
        world.log().iter().for_each(|line| println!("{line}"));
        println!("{outcome:?}");
        return;
    };
    let mut total = Rare::default();
    for seed in from..from + seeds {
        let (outcome, seen) = case.run(seed);
        total.add(&seen);
        if let Err(failure) = outcome {
            println!("{failure}");
        }
    }
    println!("{seeds} seeds: {total:?}");
}

fn storm(seeds: Range<u64>) -> Rare {
    let (statistics, rare) = campaign("views-storm", Case::ANY, seeds);
    let counters = statistics.counters;
    for (what, count) in [
        ("a crash while writing", counters.crashes_writing),
        ("a lost record", counters.records_lost),
        ("a power loss", counters.power_losses),
        ("a pause", counters.pauses),
        ("a partition", counters.partitions),
        ("a wiped disk", counters.wipes),
        ("a word of the intruder", counters.tampered),
    ] {
        assert!(count > 0, "{what} never happened");
    }
    rare
}

/// All of them but those that are for thousands of seeds.
fn all_reached(rare: &Rare, rarest: &[&str]) {
    // Of the campaign with real keys.
    let keyed = ["keys_reshared", "signatures", "renewals", "coins"];
    for (name, count) in rare.named() {
        let spared = keyed.contains(&name) || rarest.contains(&name);
        assert!(count > 0 || spared, "never happened: {name}");
    }
}

#[test]
fn views_change_in_any_storm() {
    let rare = storm(0..QUICK);
    all_reached(&rare, &RAREST);
}

#[test]
fn views_change_in_any_storm_slow() {
    if is_slow() {
        let rare = storm(part(SLOW));
        all_reached(&rare, &[]);
    }
}

fn keyed(seeds: Range<u64>) {
    let case = Case {
        keyed: true,
        ..Case::ANY
    };
    let (_, rare) = campaign("views-keyed", case, seeds);
    let all = [
        ("a change", rare.changes),
        ("a key shared anew", rare.keys_reshared),
        ("a signature", rare.signatures),
    ];
    for (what, count) in all {
        assert!(count > 0, "{what} never happened");
    }
}

#[test]
fn views_change_with_real_keys() {
    keyed(QUICK_KEYED);
}

#[test]
fn views_change_with_real_keys_slow() {
    if is_slow() {
        keyed(part(SLOW_KEYED));
    }
}

/// The group changes epoch for its coin first, and then as its operator wants.
fn led_by_a_coin(seeds: &Range<u64>) {
    for coin in [CoinUse::Auto, CoinUse::Always] {
        let case = Case {
            keyed: true,
            coin,
            ..Case::ANY
        };
        let (_, rare) = campaign(&format!("views-{coin}"), case, seeds.clone());
        assert!(rare.renewals > 0, "no epoch for a coin");
        assert!(rare.coins > 0, "no coin");
    }
}

#[test]
fn views_change_in_groups_with_a_coin() {
    led_by_a_coin(&QUICK_COIN);
}

#[test]
fn views_change_in_groups_with_a_coin_slow() {
    if is_slow() {
        led_by_a_coin(&part(SLOW_COIN));
    }
}
