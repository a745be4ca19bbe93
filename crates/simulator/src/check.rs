use std::any::Any;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use maftia_types::{Duration, Time};

use crate::{Counters, Failure, Report};

/// What a campaign saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Seeds that passed, each run twice.
    pub seeds: u64,
    /// Simulated time of one run of each seed.
    pub simulated: Duration,
    /// What happened in one run of each seed.
    pub counters: Counters,
}

/// Why a campaign stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// A promise was broken.
    #[error("{failure}\n  cargo xtask replay {scenario} {}", failure.seed)]
    Broken {
        /// Of the campaign.
        scenario: String,
        /// Which, and how.
        failure: Box<Failure>,
    },
    /// The same seed gave two different runs.
    #[error(
        "seed {seed} is not deterministic: traces {first:016x} and {second:016x}\n  \
         cargo xtask replay {scenario} {seed}"
    )]
    Diverged {
        /// Of the campaign.
        scenario: String,
        /// The seed.
        seed: u64,
        /// Trace of the first run.
        first: u64,
        /// Trace of the second run.
        second: u64,
    },
    /// The code under test panicked.
    #[error("seed {seed}: panic: {text}\n  cargo xtask replay {scenario} {seed}")]
    Panicked {
        /// Of the campaign.
        scenario: String,
        /// The seed.
        seed: u64,
        /// What the panic said.
        text: String,
    },
}

/// Runs every seed twice; all must keep their promises and give the same trace both times.
///
/// # Errors
/// With the first seed that does not, and the command that shows it.
pub fn check(
    scenario: &str,
    seeds: Range<u64>,
    mut run: impl FnMut(u64) -> Result<Report, Box<Failure>>,
) -> Result<Statistics, CheckError> {
    let mut statistics = Statistics::default();
    for seed in seeds {
        let mut once = || {
            let outcome = catch_unwind(AssertUnwindSafe(|| run(seed)));
            outcome.map_err(|panic| CheckError::Panicked {
                scenario: scenario.to_owned(),
                seed,
                text: text_of(panic.as_ref()),
            })
        };
        let (first, second) = (once()?, once()?);
        let (one, two) = (trace_of(&first), trace_of(&second));
        if one != two {
            return Err(CheckError::Diverged {
                scenario: scenario.to_owned(),
                seed,
                first: one,
                second: two,
            });
        }
        let report = first.map_err(|failure| CheckError::Broken {
            scenario: scenario.to_owned(),
            failure,
        })?;
        statistics.seeds += 1;
        statistics.simulated = statistics.simulated + report.ended.since(Time::ZERO);
        statistics.counters.add(&report.counters);
    }
    Ok(statistics)
}

/// The negative control: the first failure that names `property`, none if the planted bug survives
/// all seeds.
pub fn caught(
    property: &str,
    mut seeds: Range<u64>,
    mut run: impl FnMut(u64) -> Result<Report, Box<Failure>>,
) -> Option<Box<Failure>> {
    seeds.find_map(|seed| {
        let failure = run(seed).err()?;
        (failure.violation.property == property).then_some(failure)
    })
}

fn trace_of(outcome: &Result<Report, Box<Failure>>) -> u64 {
    match outcome {
        Ok(report) => report.trace,
        Err(failure) => failure.trace,
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("(no text)").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Violation;

    fn report(trace: u64) -> Report {
        Report {
            trace,
            healed: Time::ZERO,
            ended: Time::from_nanos(3),
            counters: Counters::default(),
        }
    }

    fn failure(seed: u64) -> Box<Failure> {
        Box::new(Failure {
            seed,
            at: Time::ZERO,
            trace: 0,
            violation: Violation::new("agreement", "A and B differ"),
            counters: Counters::default(),
        })
    }

    #[test]
    fn a_campaign_sums_what_it_saw() {
        let statistics = check("any", 0..4, |seed| Ok(report(seed))).unwrap();
        assert_eq!(statistics.seeds, 4);
        assert_eq!(statistics.simulated, Duration::from_nanos(12));
    }

    #[test]
    fn a_failure_prints_the_seed_and_one_command() {
        let run = |seed| {
            if seed < 7 {
                Ok(report(1))
            } else {
                Err(failure(seed))
            }
        };
        let text = check("bracha", 0..9, run).unwrap_err().to_string();
        assert!(
            text.contains("seed 7: agreement is violated: A and B differ"),
            "{text}"
        );
        assert!(text.ends_with("cargo xtask replay bracha 7"), "{text}");
        assert_eq!(caught("agreement", 0..9, run).unwrap().seed, 7);
        assert!(caught("validity", 0..9, run).is_none());
    }

    #[test]
    fn two_runs_that_differ_are_reported() {
        let mut runs = 0;
        let error = check("any", 5..6, |_| {
            runs += 1;
            Ok(report(runs))
        });
        assert!(matches!(error, Err(CheckError::Diverged { seed: 5, .. })));
    }

    #[test]
    fn a_panic_is_reported_with_its_seed() {
        let error = check("any", 5..6, |seed| panic!("boom {seed}"));
        let text = error.unwrap_err().to_string();
        assert!(text.starts_with("seed 5: panic: boom 5"), "{text}");
    }
}
