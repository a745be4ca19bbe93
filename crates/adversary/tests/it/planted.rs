//! The negative control: known bugs, each caught by the property that should catch it; and an
//! assumption broken on purpose.

use std::ops::Range;

use maftia_adversary::Attack;
use maftia_protocol::plant;
use maftia_simulator::{Failure, Report};
use maftia_types::FaultModel;

use crate::case::{Case, Weather};

/// A bug, the world in which it is looked for, and how many seeds that may take.
struct Planted {
    name: &'static str,
    n: usize,
    model: FaultModel,
    corrupted: usize,
    weather: Weather,
    attack: Option<Attack>,
    /// Properties one of which reports it.
    by: &'static [&'static str],
    seeds: u64,
}

impl Planted {
    const fn new(name: &'static str, by: &'static [&'static str], seeds: u64) -> Self {
        Self {
            name,
            n: 4,
            model: FaultModel::Arbitrary,
            corrupted: 0,
            weather: Weather::Storm,
            attack: None,
            by,
            seeds,
        }
    }

    const fn attacked_by(self, attack: Attack) -> Self {
        Self {
            corrupted: 1,
            attack: Some(attack),
            ..self
        }
    }

    const fn asleep(self) -> Self {
        Self {
            weather: Weather::Sleeper,
            ..self
        }
    }

    const fn of_three(self, model: FaultModel) -> Self {
        Self {
            n: 3,
            model,
            ..self
        }
    }

    const fn of_seven(self) -> Self {
        Self { n: 7, ..self }
    }

    fn is_caught(&self) {
        let case = Case {
            attack: self.attack,
            model: self.model,
            ..Case::new(self.n, self.corrupted, self.weather)
        };
        must_be_caught(self.name, self.by, 0..self.seeds, |seed| case.run(seed).0);
    }
}

/// Plants the bug and runs seeds until one of the properties `by` reports it.
pub(crate) fn must_be_caught(
    name: &'static str,
    by: &[&str],
    mut seeds: Range<u64>,
    run: impl Fn(u64) -> Result<Report, Box<Failure>>,
) {
    let last = seeds.end;
    let found = plant(name, || {
        seeds.find_map(|seed| {
            let violation = run(seed).err()?.violation;
            by.contains(&violation.property.as_str())
                .then_some((seed, violation))
        })
    });
    let (seed, violation) = found.unwrap_or_else(|| panic!("\"{name}\" survives {last} seeds"));
    let text: String = violation.to_string().chars().take(200).collect();
    println!("\"{name}\" is caught by seed {seed}: {text}");
}

macro_rules! planted {
    ($($test:ident: $planted:expr;)*) => {$(
        #[test]
        fn $test() {
            $planted.is_caught();
        }
    )*};
}
pub(crate) use planted;

planted! {
    a_vouch_counted_twice_is_caught:
        Planted::new("vouch counted twice", &["integrity"], 200).attacked_by(Attack::Equivocate);
    one_vouch_being_enough_is_caught:
        Planted::new("one vouch is enough", &["integrity", "linearizability"], 200)
            .attacked_by(Attack::Equivocate);
    a_request_executed_again_is_caught:
        Planted::new("request executed again", &["exactly once", "total order"], 20);
    a_checkpoint_without_the_delivered_set_is_caught:
        Planted::new("checkpoint without the delivered set", &["agreement", "state agreement",
            "total order", "no alarm", "exactly once"], 100).asleep();
    an_unchecked_signature_is_caught:
        Planted::new("signature not checked", &["blame soundness", "no lost tail"], 20)
            .attacked_by(Attack::Impersonate);
    an_unchecked_payload_is_caught:
        Planted::new("payload not checked", &["integrity", "total order", "state agreement",
            "linearizability"], 50).attacked_by(Attack::Impersonate);
    a_group_that_never_sends_again_is_caught:
        Planted::new("no retransmission", &["liveness"], 50);
    an_own_block_that_leaves_too_early_is_caught:
        Planted::new("own block leaves before it is durable", &["no self-contradiction",
            "no lost tail"], 400);
    an_unchecked_chunk_is_caught:
        Planted::new("chunk not checked", &["no alarm", "state agreement", "liveness"], 400)
            .of_seven().asleep().attacked_by(Attack::LieAboutState);
    a_device_whose_boot_is_not_checked_is_caught:
        Planted::new("H1 boot not checked", &["no alarm"], 200)
            .of_three(FaultModel::Hybrid).attacked_by(Attack::Equivocate);
    a_majority_less_one_of_three_is_caught:
        Planted::new("majority less one", &["agreement", "no alarm", "state agreement"], 400)
            .of_three(FaultModel::Crash);
    a_checkpoint_by_one_vote_is_caught:
        Planted::new("one checkpoint vote is enough", &["no alarm", "state agreement"], 400)
            .attacked_by(Attack::Equivocate);
}

#[test]
fn two_intruders_of_four_break_agreement() {
    let case = Case {
        attack: Some(Attack::Equivocate),
        ..Case::new(4, 2, Weather::Storm)
    };
    let broken = [
        "agreement",
        "total order",
        "no alarm",
        "state agreement",
        "integrity",
    ];
    let found = (0..400).find_map(|seed| {
        let violation = case.run(seed).0.err()?.violation;
        broken
            .contains(&violation.property.as_str())
            .then_some((seed, violation))
    });
    let (seed, violation) = found.expect("f+1 intruders break what f cannot");
    println!("seed {seed}: {violation}");
}
