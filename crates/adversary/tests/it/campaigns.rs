//! The campaigns: many seeds of each kind of world, each run twice; rare things must be reached.

use std::cell::RefCell;
use std::ops::Range;

use maftia_simulator::{Counters, Statistics, check};
use maftia_types::FaultModel;

use crate::book::Sometimes;
use crate::case::{Case, Weather};
use crate::site::{Asynchrony, Keys};

/// The rounds that every run reaches.
const ROUNDS: u64 = 60;
/// Seeds of a campaign in the quick run, and how many times more in the slow one.
const QUICK: u64 = 40;
/// Seeds of the campaigns at the bound: as many hostile sites as a group of four, and of seven,
/// stands.
const SLOW_HOSTILE: u64 = 20_000;
/// Seeds of each of the others.
const SLOW: u64 = 2_000;
/// Real signatures cost a hundred times more.
const SLOW_REAL: u64 = 500;

/// What a campaign has seen.
struct Seen {
    statistics: Statistics,
    sometimes: Sometimes,
    /// The least of any run.
    least: Sometimes,
}

/// Runs every seed twice; all must keep their promises and give the same trace both times.
fn campaign(name: &str, case: Case, seeds: Range<u64>) -> Seen {
    let sometimes = RefCell::new((Sometimes::default(), None::<Sometimes>));
    let run = |seed| {
        let (report, seen) = case.run(seed);
        let (sum, least) = &mut *sometimes.borrow_mut();
        sum.add(&seen);
        *least = Some(least.map_or(seen, |least| least.least(&seen)));
        report
    };
    let statistics = check(name, seeds, run).unwrap_or_else(|error| panic!("{error}"));
    let (sometimes, least) = sometimes.into_inner();
    let least = least.unwrap_or_default();
    println!("{name}: {statistics:?}\n  {sometimes:?}\n  at least {least:?}");
    Seen {
        statistics,
        sometimes,
        least,
    }
}

fn reached(seen: &Seen, rare: &[(&str, u64)]) {
    assert!(seen.least.rounds >= ROUNDS, "each run has {ROUNDS} rounds");
    assert!(
        seen.least.checkpoints >= 1,
        "each run has a stable checkpoint"
    );
    let Counters { crashes, .. } = seen.statistics.counters;
    assert!(
        crashes >= seen.statistics.seeds,
        "each run has a crash and a restart"
    );
    for (what, count) in rare {
        assert!(*count > 0, "{what} never happened");
    }
}

fn storm(case: Case, seeds: Range<u64>) {
    let Case { n, corrupted, .. } = case;
    let form = match (case.fast_path, case.asynchrony) {
        (true, _) => "-fast",
        (false, Asynchrony::Never) => "",
        (false, Asynchrony::Auto) => "-auto",
        (false, Asynchrony::Always) => "-always",
    };
    let row = match case.model {
        FaultModel::Arbitrary => String::new(),
        row => format!("-{row}"),
    };
    let name = format!("replica-{n}-{corrupted}-storm{form}{row}");
    let seen = campaign(&name, case, seeds);
    let (counters, sometimes) = (seen.statistics.counters, seen.sometimes);
    let mut rare = vec![
        ("a crash while writing", counters.crashes_writing),
        ("a lost record", counters.records_lost),
        ("a power loss", counters.power_losses),
        ("a pause", counters.pauses),
        ("a partition", counters.partitions),
        ("a duplicate", counters.duplicated),
        ("a loss", counters.lost),
        ("an image", sometimes.images),
        ("a request asked again", sometimes.resent),
        ("a client that started again", sometimes.reincarnations),
        ("a reply by digest", sometimes.digest_replies),
        (
            "a request of the hostile client",
            sometimes.hostile_executed,
        ),
    ];
    if case.fast_path {
        rare.push(("a fast commit", sometimes.fast_commits));
    }
    if case.asynchrony != Asynchrony::Never {
        rare.push(("a commit of the coin's leader", sometimes.coin_commits));
    }
    if case.asynchrony == Asynchrony::Auto {
        rare.push(("a commit of a known leader", sometimes.known_commits));
    }
    match corrupted {
        0 => rare.extend([
            ("a wiped disk", counters.wipes),
            ("a transfer", sometimes.transfers),
        ]),
        _ => rare.push(("a word of the intruder", counters.tampered)),
    }
    if corrupted > 0 && case.model == FaultModel::Arbitrary {
        rare.push(("a conviction", sometimes.convictions));
    }
    // Its device has kept him from it.
    assert!(case.model == FaultModel::Arbitrary || sometimes.convictions == 0);
    reached(&seen, &rare);
    assert!(
        50 * sometimes.forgotten <= seen.statistics.seeds + 50,
        "sites give up results only where a client's key has too many under way"
    );
}

fn sleeper(n: usize, corrupted: usize, seeds: Range<u64>) {
    let name = format!("replica-{n}-{corrupted}-sleeper");
    let seen = campaign(&name, Case::new(n, corrupted, Weather::Sleeper), seeds);
    if corrupted == 0 {
        // A sleeper on the fastest links may still find all it lacks with the others.
        let seeds = seen.statistics.seeds;
        assert!(
            10 * seen.sometimes.transfers >= 9 * seeds,
            "nine runs of ten transfer a state"
        );
    }
    let rare = [
        ("a transfer", seen.sometimes.transfers),
        ("a wiped disk", seen.statistics.counters.wipes),
        ("a pause", seen.statistics.counters.pauses),
    ];
    reached(&seen, &rare);
}

pub(crate) fn is_slow() -> bool {
    let slow = std::env::var_os("MAFTIA_SLOW").is_some();
    if !slow {
        println!("skipped: set MAFTIA_SLOW=1");
    }
    slow
}

/// Part of the slow seeds, for several processes: `MAFTIA_SLOW_PART=2/4`.
pub(crate) fn part(seeds: u64) -> Range<u64> {
    let part = std::env::var("MAFTIA_SLOW_PART").unwrap_or_else(|_| "1/1".to_owned());
    let (index, of) = part.split_once('/').expect("a part is given as 1/4");
    let (index, of): (u64, u64) = (index.parse().unwrap(), of.parse().unwrap());
    QUICK + seeds * (index - 1) / of..QUICK + seeds * index / of
}

#[test]
fn four_correct_sites_weather_any_storm() {
    storm(Case::new(4, 0, Weather::Storm), 0..QUICK);
}

#[test]
fn four_sites_weather_any_storm_with_an_intruder_among_them() {
    storm(Case::new(4, 1, Weather::Storm), 0..QUICK);
}

#[test]
fn four_sites_weather_any_storm_with_an_intruder_and_the_fast_path() {
    storm(Case::new(4, 1, Weather::Storm).with_fast_path(), 0..QUICK);
}

#[test]
fn seven_sites_weather_any_storm_with_two_intruders_and_the_fast_path() {
    let case = Case::new(7, 2, Weather::Storm).with_fast_path();
    storm(case, 0..QUICK / 2);
}

#[test]
fn four_sites_weather_any_storm_with_an_intruder_and_coin_leaders() {
    let case = Case::new(4, 1, Weather::Storm);
    storm(case.with_coin(Asynchrony::Always), 0..QUICK);
}

#[test]
fn four_sites_weather_any_storm_with_an_intruder_and_either_rule() {
    let case = Case::new(4, 1, Weather::Storm);
    storm(case.with_coin(Asynchrony::Auto), 0..QUICK);
}

#[test]
fn seven_sites_weather_any_storm_with_two_intruders_and_either_rule() {
    let case = Case::new(7, 2, Weather::Storm);
    storm(case.with_coin(Asynchrony::Auto), 0..QUICK / 2);
}

fn hybrid(n: usize, corrupted: usize) -> Case {
    Case::new(n, corrupted, Weather::Storm).of_model(FaultModel::Hybrid)
}

fn crash(n: usize) -> Case {
    Case::new(n, 0, Weather::Storm).of_model(FaultModel::Crash)
}

#[test]
fn three_sites_that_only_stop_weather_any_storm() {
    storm(crash(3), 0..QUICK);
}

#[test]
fn five_sites_that_only_stop_weather_any_storm() {
    storm(crash(5), 0..QUICK / 2);
}

#[test]
fn three_sites_with_devices_weather_any_storm() {
    storm(hybrid(3, 0), 0..QUICK);
}

#[test]
fn three_sites_with_devices_weather_any_storm_with_an_intruder_among_them() {
    storm(hybrid(3, 1), 0..QUICK);
}

#[test]
fn five_sites_with_devices_weather_any_storm_with_two_intruders_among_them() {
    storm(hybrid(5, 2), 0..QUICK);
}

#[test]
fn three_sites_with_devices_weather_any_storm_with_an_intruder_and_either_rule() {
    storm(hybrid(3, 1).with_coin(Asynchrony::Auto), 0..QUICK / 2);
}

#[test]
fn sites_that_only_stop_slow() {
    if is_slow() {
        storm(crash(3), part(SLOW));
        storm(crash(5), part(SLOW));
        storm(crash(3).with_coin(Asynchrony::Auto), part(SLOW));
    }
}

#[test]
fn sites_with_devices_slow() {
    if is_slow() {
        storm(hybrid(3, 0), part(SLOW));
        storm(hybrid(3, 1), part(SLOW));
        storm(hybrid(5, 2), part(SLOW));
        storm(hybrid(3, 1).with_coin(Asynchrony::Always), part(SLOW));
        storm(hybrid(5, 2).with_coin(Asynchrony::Auto), part(SLOW));
    }
}

#[test]
fn s10_a_site_of_four_that_slept_while_logs_were_cut_catches_up_by_state_transfer() {
    sleeper(4, 0, 0..QUICK);
}

#[test]
fn seven_sites_weather_any_storm_with_two_intruders_among_them() {
    storm(Case::new(7, 2, Weather::Storm), 0..QUICK / 2);
}

#[test]
fn a_site_of_seven_that_slept_catches_up_with_an_intruder_in_the_group() {
    sleeper(7, 1, 0..QUICK / 2);
}

#[test]
fn real_signatures_make_no_difference() {
    let case = Case {
        keys: Keys::Real,
        ..Case::new(4, 1, Weather::Storm)
    };
    campaign("replica-4-1-real", case, 0..3);
}

#[test]
fn four_correct_sites_slow() {
    if is_slow() {
        storm(Case::new(4, 0, Weather::Storm), part(SLOW));
        sleeper(4, 0, part(SLOW));
    }
}

#[test]
fn four_sites_with_an_intruder_slow() {
    if is_slow() {
        storm(Case::new(4, 1, Weather::Storm), part(SLOW_HOSTILE));
    }
}

#[test]
fn seven_sites_with_two_intruders_slow() {
    if is_slow() {
        storm(Case::new(7, 2, Weather::Storm), part(SLOW_HOSTILE));
    }
}

#[test]
fn seven_sites_with_an_intruder_slow() {
    if is_slow() {
        storm(Case::new(7, 1, Weather::Storm), part(SLOW));
        sleeper(7, 1, part(SLOW));
    }
}

#[test]
fn four_sites_with_an_intruder_and_the_fast_path_slow() {
    if is_slow() {
        let case = Case::new(4, 1, Weather::Storm).with_fast_path();
        storm(case, part(SLOW_HOSTILE));
    }
}

#[test]
fn seven_sites_with_two_intruders_and_the_fast_path_slow() {
    if is_slow() {
        let case = Case::new(7, 2, Weather::Storm).with_fast_path();
        storm(case, part(SLOW_HOSTILE));
    }
}

#[test]
fn real_signatures_slow() {
    if is_slow() {
        let case = Case {
            keys: Keys::Real,
            ..Case::new(4, 1, Weather::Storm)
        };
        campaign("replica-4-1-real", case, part(SLOW_REAL));
    }
}

/// One seed with its log, or many with what each saw: `MAFTIA_SEED=7 MAFTIA_N=4 MAFTIA_CORRUPTED=1
/// MAFTIA_SLEEPER=1 MAFTIA_FAST_PATH=1 MAFTIA_ASYNCHRONOUS=auto MAFTIA_MODEL=hybrid`; with `MAFTIA_SEEDS=100` that many from there on, without logs.
#[test]
fn replays_a_seed_that_is_asked_for() {
    let get = |name: &str| {
        std::env::var(name)
            .ok()
            .map(|value| value.parse::<u64>().unwrap())
    };
    // Those of changing views have a test of their own.
    let Some(from) = get("MAFTIA_SEED").filter(|_| std::env::var_os("MAFTIA_VIEWS").is_none())
    else {
        return;
    };
    let weather = match get("MAFTIA_SLEEPER") {
        Some(1) => Weather::Sleeper,
        _ => Weather::Storm,
    };
    let size = |name: &str, or: u64| usize::try_from(get(name).unwrap_or(or)).unwrap();
    let mut case = Case::new(size("MAFTIA_N", 4), size("MAFTIA_CORRUPTED", 0), weather);
    case.fast_path = get("MAFTIA_FAST_PATH") == Some(1);
    case.model = match std::env::var("MAFTIA_MODEL").as_deref() {
        Ok("hybrid") => FaultModel::Hybrid,
        Ok("crash") => FaultModel::Crash,
        _ => FaultModel::Arbitrary,
    };
    case.asynchrony = match std::env::var("MAFTIA_ASYNCHRONOUS").as_deref() {
        Ok("auto") => Asynchrony::Auto,
        Ok("always") => Asynchrony::Always,
        _ => Asynchrony::Never,
    };
    let Some(seeds) = get("MAFTIA_SEEDS") else {
        case.keep_log = true;
        let (mut world, _) = case.world(from);
        let outcome = world.run();
        world.log().iter().for_each(|line| println!("{line}"));
        println!("{outcome:?}");
        return;
    };
    let mut total = Sometimes::default();
    for seed in from..from + seeds {
        let (outcome, seen) = case.run(seed);
        total.add(&seen);
        if let Err(failure) = outcome {
            println!("{failure}");
        }
    }
    println!("{seeds} seeds: {total:?}");
}
