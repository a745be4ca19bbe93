use std::collections::BTreeSet;
use std::sync::Arc;

use maftia_agreement::binary::{Agreement, CrusaderMessage, GradedMessage, Message};
use maftia_agreement::coin::{Coin, LocalCoin, ThresholdCoin};
use maftia_agreement::{Context as Place, Instance, Misbehaviour};
use maftia_codec::Wire;
use maftia_protocol::{Event, Protocol, plant};
use maftia_simulator::{Dice, check};
use maftia_threshold::bls::Purpose;
use maftia_types::{FaultModel, Resilience, SiteId, SiteSet, Time};

use crate::arena::{Case, Scenario, largest, place};
use crate::coins::{Simulated, SimulatedShare, zeroize_of};
use crate::keys::{shared_keys, site};
use crate::lockstep;

/// Run 0: site i proposes bit i of `inputs`. Run 1: all propose 1.
#[derive(Clone)]
pub(crate) struct Common {
    resilience: Resilience,
    seed: u64,
    inputs: u64,
}

fn inputs_of(inputs: u64, own: SiteId) -> Vec<(u64, bool)> {
    vec![(0, inputs >> own.index() & 1 == 1), (1, true)]
}

/// What a correct site proposed may be decided, and 1 where all propose it.
fn allows(inputs: u64, correct: SiteSet, number: u64, output: bool) -> bool {
    let proposed = |site: SiteId| inputs_of(inputs, site)[usize::from(number == 1)].1;
    correct.iter().any(|site| proposed(site) == output)
}

fn lie(dice: &mut Dice) -> GradedMessage {
    let value = dice.chance(500);
    let third = (!dice.chance(300)).then_some(value);
    match dice.below(4) {
        0 => GradedMessage::Crusader(CrusaderMessage::Echo1(value)),
        1 => GradedMessage::Crusader(CrusaderMessage::Echo2(value)),
        2 => GradedMessage::Crusader(CrusaderMessage::Echo3(third)),
        _ => GradedMessage::Echo4(third),
    }
}

fn round_of<S>(message: &Message<S>) -> u32 {
    match message {
        Message::Decide(_) => 1,
        Message::Round(round, _) | Message::Share(round, _) => *round,
    }
}

impl Scenario for Common {
    type Service = Agreement<Simulated>;

    fn make(&self, place: Place, number: u64) -> Self::Service {
        let instance = Instance::new(&place, "binary", number);
        let threshold = self.resilience.quorum();
        let coin = Simulated {
            seed: self.seed,
            threshold,
        };
        Agreement::new(place, instance, Arc::new(coin))
    }

    fn commands(&self, own: SiteId) -> Vec<(u64, bool)> {
        inputs_of(self.inputs, own)
    }

    fn must(&self, _: SiteSet) -> BTreeSet<u64> {
        [0, 1].into()
    }

    fn allows(&self, correct: SiteSet, number: u64, output: &bool) -> bool {
        allows(self.inputs, correct, number, *output)
    }

    fn forge(
        &self,
        dice: &mut Dice,
        _: SiteId,
        _: u64,
        message: &Message<SimulatedShare>,
    ) -> Option<Message<SimulatedShare>> {
        let round = round_of(message) + u32::from(dice.chance(100));
        Some(match dice.below(8) {
            0 => Message::Decide(dice.chance(500)),
            1 => Message::Share(round, SimulatedShare(dice.chance(500))),
            2 => Message::Share(65, SimulatedShare(true)),
            _ => Message::Round(round, lie(dice)),
        })
    }
}

/// The same over local coins.
#[derive(Clone)]
struct Local {
    seed: u64,
    inputs: u64,
}

impl Scenario for Local {
    type Service = Agreement<LocalCoin>;

    fn make(&self, place: Place, number: u64) -> Self::Service {
        let instance = Instance::new(&place, "binary", number);
        let own = place.own().as_u8().wrapping_add(self.seed.to_le_bytes()[0]);
        Agreement::new(place, instance, Arc::new(LocalCoin::new(zeroize_of(own))))
    }

    fn commands(&self, own: SiteId) -> Vec<(u64, bool)> {
        inputs_of(self.inputs, own)
    }

    fn must(&self, _: SiteSet) -> BTreeSet<u64> {
        [0, 1].into()
    }

    fn allows(&self, correct: SiteSet, number: u64, output: &bool) -> bool {
        allows(self.inputs, correct, number, *output)
    }

    fn forge(
        &self,
        dice: &mut Dice,
        _: SiteId,
        _: u64,
        message: &<Self::Service as Protocol>::Message,
    ) -> Option<<Self::Service as Protocol>::Message> {
        let round = round_of(message) + u32::from(dice.chance(100));
        Some(match dice.below(6) {
            0 => Message::Decide(dice.chance(500)),
            _ => Message::Round(round, lie(dice)),
        })
    }
}

pub(crate) fn common(n: usize, seed: u64) -> Case<Common> {
    let scenario = Common {
        resilience: largest(n),
        seed,
        inputs: seed,
    };
    Case::new(scenario, n)
}

/// A site of four by itself.
pub(crate) fn alone(own: usize) -> Agreement<Simulated> {
    let resilience = largest(4);
    let common = Common {
        resilience,
        seed: 1,
        inputs: 0,
    };
    common.make(place(resilience, site(own)), 0)
}

fn local(n: usize, seed: u64) -> Case<Local> {
    Case::new(Local { seed, inputs: seed }, n)
}

#[test]
fn a06_a08_b02_b05_b29_over_a_common_coin_it_keeps_its_promises_against_the_rude() {
    for (n, seeds) in [(4, 400), (7, 40)] {
        let seen = check("binary", 0..seeds, |seed| common(n, seed).run(seed));
        let seen = seen.unwrap_or_else(|e| panic!("{e}"));
        assert!(seen.counters.crashes > seeds / 3 && seen.counters.tampered > seeds);
    }
}

#[test]
fn a06_a08_over_local_coins_it_keeps_them_too() {
    for (n, seeds) in [(4, 300), (7, 20)] {
        let seen = check("local", 0..seeds, |seed| local(n, seed).run(seed));
        seen.unwrap_or_else(|e| panic!("{e}"));
    }
}

#[test]
fn with_a_site_that_may_stop_besides_it_keeps_them_too() {
    let resilience = Resilience::new(FaultModel::Arbitrary, 6, 1, 1).unwrap();
    let run = |seed| {
        let case = Case {
            resilience,
            ..common(6, seed)
        };
        let scenario = Common {
            resilience,
            ..case.scenario.clone()
        };
        Case {
            scenario,
            corrupted: 1,
            ..case
        }
        .run(seed)
    };
    check("binary", 0..60, run).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn weakened_rules_are_caught() {
    for bug in [
        "adopts a decision of f",
        "decides without the coin",
        "approval at f",
        "no echo1 amplification",
    ] {
        let broken = plant(bug, || {
            (0..3_000).find(|seed| common(4, *seed).run(*seed).is_err())
        });
        assert!(broken.is_some(), "{bug} survives");
    }
    let bug = "a local coin taken for common";
    let broken = plant(bug, || {
        (0..3_000).find(|seed| local(4, *seed).run(*seed).is_err())
    });
    assert!(broken.is_some(), "{bug} survives");
}

#[test]
fn b33_two_intruders_of_four_break_agreement_or_validity() {
    let run = |seed| {
        Case {
            corrupted: 2,
            ..common(4, seed)
        }
        .run(seed)
    };
    let broken = (0..3_000).filter_map(|seed| run(seed).err());
    let safety = |property: &str| property == "agreement" || property == "validity";
    assert!(
        broken
            .into_iter()
            .any(|failure| safety(&failure.violation.property))
    );
}

fn unanimous<C: Coin>(n: usize, coins: impl Fn(usize) -> Arc<C>) -> (usize, BTreeSet<bool>, u32)
where
    C::Share: std::fmt::Debug,
{
    let mut rounds = 0;
    let make = |own: Place| {
        let instance = Instance::new(&own, "binary", 4);
        Agreement::new(own, instance, coins(own.own().index())).opening_with(true)
    };
    let seen = lockstep::run(largest(n), &[], make, |_| Some(true));
    assert_eq!((seen.outputs.len(), seen.faults.len()), (n, 0));
    rounds += 1;
    (
        seen.steps_of_last(),
        seen.outputs.values().map(|(_, value)| *value).collect(),
        rounds,
    )
}

#[test]
fn steps_of_the_good_case_are_those_stated() {
    for n in [4, 7] {
        let simulated = |_| {
            Arc::new(Simulated {
                seed: 1,
                threshold: largest(n).quorum(),
            })
        };
        assert_eq!(
            unanimous(n, simulated),
            (3, [true].into(), 1),
            "the first coin is known"
        );
        let local = |own| Arc::new(LocalCoin::new(zeroize_of(u8::try_from(own).unwrap())));
        assert_eq!(unanimous(n, local), (4, [true].into(), 1));
    }
    // Without: the round in which the coin is the proposal, four steps each.
    let mut last = BTreeSet::new();
    for number in 0..20 {
        let make = |own: Place| {
            let instance = Instance::new(&own, "binary", number);
            Agreement::new(
                own,
                instance,
                Arc::new(Simulated {
                    seed: 1,
                    threshold: 3,
                }),
            )
        };
        last.insert(lockstep::run(largest(4), &[], make, |_| Some(true)).steps_of_last());
    }
    assert!(last.iter().all(|steps| steps % 4 == 0), "{last:?}");
    assert!(last.contains(&4) && last.contains(&8));
}

#[test]
fn over_a_shared_key_four_sites_agree_with_one_silent() {
    let keys = shared_keys(4, 3, Purpose::Aba, 5);
    let make = |own: Place| {
        let coin = ThresholdCoin::new(Arc::clone(&keys[own.own().index()]));
        Agreement::new(own, Instance::new(&own, "binary", 0), Arc::new(coin))
    };
    let seen = lockstep::run(largest(4), &[3], make, |own| Some(own.index() == 0));
    let decided: BTreeSet<_> = seen.outputs.values().map(|(_, value)| *value).collect();
    assert_eq!(
        (seen.outputs.len(), decided.len(), seen.faults.len()),
        (3, 1, 0)
    );
}

#[test]
fn a06_whoever_is_left_behind_decides_and_halts_by_decide_alone() {
    let mut late = alone(3);
    let mut tell = |from: usize, value| {
        let event = Event::Message {
            from: site(from),
            message: Message::Decide(value),
        };
        let step = late.handle(Time::ZERO, event);
        (
            step.outputs,
            step.messages.len(),
            step.faults.len(),
            late.is_halted(),
        )
    };
    assert_eq!(tell(0, true), (vec![], 0, 0, false));
    assert_eq!(tell(0, false), (vec![], 0, 1, false));
    assert_eq!(tell(1, true), (vec![true], 1, 0, false));
    assert_eq!(tell(1, true), (vec![], 0, 0, false));
    assert_eq!(tell(2, true), (vec![], 0, 0, true));
    let step = late.command(Time::ZERO, false).unwrap();
    assert!(step.is_empty(), "it has halted");
}

#[test]
fn b18_a_round_that_does_not_exist_is_blamed_and_not_kept() {
    let mut agreement = alone(0);
    for (round, blamed) in [(0, 1), (1, 0), (64, 0), (65, 1), (u32::MAX, 1)] {
        let message = Message::Share(round, SimulatedShare(true));
        let step = agreement.handle(
            Time::ZERO,
            Event::Message {
                from: site(1),
                message,
            },
        );
        let kinds: Vec<_> = step.faults.iter().map(|fault| fault.misbehaviour).collect();
        assert_eq!(kinds, vec![Misbehaviour::OutOfRange; blamed], "{round}");
        assert_eq!(step.records.len(), 1 - blamed);
    }
}

#[test]
fn b25_messages_have_one_encoding() {
    let mut seen = BTreeSet::new();
    for value in [false, true] {
        let third = [Some(value), None];
        let mut messages = vec![
            GradedMessage::Crusader(CrusaderMessage::Echo1(value)),
            GradedMessage::Crusader(CrusaderMessage::Echo2(value)),
        ];
        messages.extend(third.map(|third| GradedMessage::Crusader(CrusaderMessage::Echo3(third))));
        messages.extend(third.map(GradedMessage::Echo4));
        for message in messages {
            let message: Message<SimulatedShare> = Message::Round(7, message);
            assert_eq!(Message::from_bytes(message.to_bytes()), Ok(message));
            seen.insert(message.to_bytes());
        }
    }
    assert_eq!(seen.len(), 10);
    assert!(GradedMessage::from_bytes(vec![10].into()).is_err());
}

#[test]
fn b15_over_a_common_coin_a_fourth_echo_is_no_record() {
    let mut agreement = alone(0);
    let message = Message::Round(1, GradedMessage::Echo4(Some(true)));
    let from = site(1);
    assert!(
        agreement
            .handle(Time::ZERO, Event::Message { from, message })
            .is_empty()
    );
}
