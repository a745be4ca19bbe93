//! Every target from its seeds: the inputs that are values, cut at every place, changed at random.

use std::panic::catch_unwind;

use maftia_decoders::{Mutator, TARGETS, Target};

/// Mutants of each decoder, times its runs.
const ROUNDS: u32 = 4;
/// How many times as many with `MAFTIA_SLOW=1`.
const SLOW_FACTOR: u32 = 100;
/// Random bytes without a seed, at most this long.
const NOISE_BYTES_MAX: u64 = 512;
/// A seed longer than this is not cut at every place.
const CUTS_MAX: usize = 1000;

#[test]
fn seeds_are_values() {
    for target in TARGETS {
        let seeds = (target.seeds)();
        assert!(!seeds.is_empty(), "{} has no seed", target.name);
        for (number, seed) in seeds.iter().enumerate() {
            assert!(
                run(target, seed),
                "seed {number} of {} is no value",
                target.name
            );
        }
    }
}

#[test]
fn decoders_survive_values_cut_short() {
    for target in TARGETS.iter().filter(|target| target.runs >= 1000) {
        for seed in (target.seeds)() {
            let places = (0..seed.len()).step_by(seed.len().div_ceil(CUTS_MAX).max(1));
            for end in places {
                let _value = run(target, &seed[..end]);
            }
        }
    }
}

#[test]
fn decoders_survive_what_is_not_a_value() {
    let slow = std::env::var("MAFTIA_SLOW").is_ok_and(|value| value == "1");
    let factor = if slow { SLOW_FACTOR } else { 1 };
    for target in TARGETS {
        let seeds = (target.seeds)();
        let mut mutator = Mutator::new(1);
        for _ in 0..target.runs * ROUNDS * factor {
            let _value = run(target, &mutator.mutated(&seeds));
            let _value = run(target, &mutator.noise(NOISE_BYTES_MAX));
        }
    }
}

/// Whether `bytes` are a value. A panic names the target and the bytes.
fn run(target: &Target, bytes: &[u8]) -> bool {
    catch_unwind(|| (target.run)(bytes)).unwrap_or_else(|_| {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        panic!("{} fails on {hex}", target.name);
    })
}
