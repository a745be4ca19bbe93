//! Vector, multi-valued and validated agreement.

use std::collections::BTreeSet;
use std::sync::Arc;

use maftia_agreement::binary::{self, CrusaderMessage, GradedMessage};
use maftia_agreement::coin::{Coin, LocalCoin};
use maftia_agreement::multivalued::Multivalued;
use maftia_agreement::reliable::{self, PlainMessage, Rule};
use maftia_agreement::validated::{self, Chosen, Validated};
use maftia_agreement::vector::{self, Vector};
use maftia_agreement::{Context as Place, Instance, Misbehaviour, Predicate};
use maftia_codec::Bytes;
use maftia_protocol::plant;
use maftia_simulator::{Dice, check};
use maftia_types::{Resilience, SiteId, SiteSet};

use crate::arena::{Case, Scenario, largest};
use crate::coins::{Simulated, SimulatedShare, zeroize_of};
use crate::keys::site;
use crate::lockstep;

/// Where a group's coins come from.
pub(crate) trait Coins: Clone + 'static {
    type Coin: Coin<Share: std::fmt::Debug>;
    fn of(&self, place: Place) -> Arc<Self::Coin>;
    fn share(dice: &mut Dice) -> Option<<Self::Coin as Coin>::Share>;
}

#[derive(Clone)]
pub(crate) struct Strong(u64);

impl Coins for Strong {
    type Coin = Simulated;
    fn of(&self, place: Place) -> Arc<Simulated> {
        let threshold = place.resilience().quorum();
        Arc::new(Simulated {
            seed: self.0,
            threshold,
        })
    }
    fn share(dice: &mut Dice) -> Option<SimulatedShare> {
        Some(SimulatedShare(dice.chance(700)))
    }
}

#[derive(Clone)]
struct Own(u64);

impl Coins for Own {
    type Coin = LocalCoin;
    fn of(&self, place: Place) -> Arc<LocalCoin> {
        let byte = place.own().as_u8().wrapping_add(self.0.to_le_bytes()[0]);
        Arc::new(LocalCoin::new(zeroize_of(byte)))
    }
    fn share(_: &mut Dice) -> Option<maftia_agreement::coin::NoShare> {
        None
    }
}

/// Payloads that begin with 255 are valid to nobody.
fn predicate() -> Predicate {
    Arc::new(|_, payload| payload.first() != Some(&255))
}

/// What a site proposes: alike in every other run of a campaign.
fn proposal(seed: u64, own: SiteId) -> Bytes {
    let alike = seed.is_multiple_of(2);
    vec![if alike { 7 } else { own.as_u8() % 3 + 1 }].into()
}

fn is_proposed(seed: u64, correct: SiteSet, value: &Bytes) -> bool {
    correct.iter().any(|site| proposal(seed, site) == *value)
}

fn lie_broadcast(dice: &mut Dice, instead: &reliable::Message) -> reliable::Message {
    let value = *dice.pick(&[0, 0, 0, 0, 0, 0, 7, 8, 255]).unwrap();
    let body: Bytes = vec![0, value].into();
    let is_proposal = matches!(instead, reliable::Message::Plain(PlainMessage::Propose(_)));
    reliable::Message::Plain(if is_proposal || dice.chance(200) {
        PlainMessage::Propose(body)
    } else {
        PlainMessage::Echo(body)
    })
}

fn lie_binary<C: Coins>(dice: &mut Dice) -> Option<binary::Message<<C::Coin as Coin>::Share>> {
    let (round, value) = (u32::try_from(dice.between(1, 3)).unwrap(), dice.chance(500));
    let round_message = |message| binary::Message::Round(round, GradedMessage::Crusader(message));
    Some(match dice.below(6) {
        0 => binary::Message::Decide(value),
        1 => binary::Message::Share(round, C::share(dice)?),
        2 => round_message(CrusaderMessage::Echo1(value)),
        3 => round_message(CrusaderMessage::Echo2(value)),
        4 => round_message(CrusaderMessage::Echo3(None)),
        _ => round_message(CrusaderMessage::Echo3(Some(value))),
    })
}

#[derive(Clone)]
pub(crate) struct Vectors<C> {
    coins: C,
    seed: u64,
}

impl<C: Coins> Vectors<C> {
    fn lie(
        dice: &mut Dice,
        message: &vector::Message<<C::Coin as Coin>::Share>,
    ) -> Option<vector::Message<<C::Coin as Coin>::Share>> {
        Some(match message {
            vector::Message::Broadcast(of, instead) => {
                let of = if dice.chance(20) { site(63) } else { *of };
                vector::Message::Broadcast(of, lie_broadcast(dice, instead))
            }
            vector::Message::Agree(of, _) => vector::Message::Agree(*of, lie_binary::<C>(dice)?),
        })
    }
}

impl<C: Coins> Scenario for Vectors<C> {
    type Service = Vector<C::Coin>;

    fn make(&self, place: Place, number: u64) -> Self::Service {
        let instance = Instance::new(&place, "vector", number);
        Vector::new(
            place,
            instance,
            &self.coins.of(place),
            Rule::Bracha,
            predicate(),
        )
        .unwrap()
    }

    fn commands(&self, own: SiteId) -> Vec<(u64, Bytes)> {
        vec![(0, proposal(self.seed, own))]
    }

    fn must(&self, _: SiteSet) -> BTreeSet<u64> {
        [0].into()
    }

    /// In every run in which a correct site proposes, only its proposal stands for it.
    fn allows(&self, correct: SiteSet, number: u64, output: &Vec<Option<Bytes>>) -> bool {
        let mut entries = SiteId::all(output.len()).zip(output);
        let own = |(site, entry): (SiteId, &Option<Bytes>)| match entry {
            Some(entry) if correct.contains(site) => *entry == proposal(self.seed, site),
            Some(entry) => entry.first() != Some(&255),
            None => true,
        };
        let n = output.len();
        let filled = output.iter().flatten().count();
        number == 0 && entries.all(own) && filled >= n - (n - 1) / 3
    }

    fn forge(
        &self,
        dice: &mut Dice,
        _: SiteId,
        _: u64,
        message: &vector::Message<<C::Coin as Coin>::Share>,
    ) -> Option<vector::Message<<C::Coin as Coin>::Share>> {
        Self::lie(dice, message)
    }
}

#[derive(Clone)]
struct Values<C>(Vectors<C>);

impl<C: Coins> Scenario for Values<C> {
    type Service = Multivalued<C::Coin>;

    fn make(&self, place: Place, number: u64) -> Self::Service {
        let instance = Instance::new(&place, "value", number);
        let coin = self.0.coins.of(place);
        Multivalued::new(place, instance, &coin, Rule::Bracha, predicate()).unwrap()
    }

    fn commands(&self, own: SiteId) -> Vec<(u64, Bytes)> {
        self.0.commands(own)
    }

    fn must(&self, correct: SiteSet) -> BTreeSet<u64> {
        self.0.must(correct)
    }

    fn allows(&self, correct: SiteSet, _: u64, output: &Option<Bytes>) -> bool {
        match output {
            Some(value) => is_proposed(self.0.seed, correct, value),
            None => !self.0.seed.is_multiple_of(2),
        }
    }

    fn forge(
        &self,
        dice: &mut Dice,
        _: SiteId,
        _: u64,
        message: &vector::Message<<C::Coin as Coin>::Share>,
    ) -> Option<vector::Message<<C::Coin as Coin>::Share>> {
        Vectors::<C>::lie(dice, message)
    }
}

#[derive(Clone)]
pub(crate) struct Choices<C>(pub(crate) Vectors<C>);

impl<C: Coins> Scenario for Choices<C> {
    type Service = Validated<C::Coin>;

    fn make(&self, place: Place, number: u64) -> Self::Service {
        let instance = Instance::new(&place, "choice", number);
        let coin = self.0.coins.of(place);
        Validated::new(place, instance, coin, Rule::Bracha, predicate()).unwrap()
    }

    fn commands(&self, own: SiteId) -> Vec<(u64, Bytes)> {
        self.0.commands(own)
    }

    fn must(&self, correct: SiteSet) -> BTreeSet<u64> {
        self.0.must(correct)
    }

    fn allows(&self, correct: SiteSet, _: u64, output: &Chosen) -> bool {
        let Chosen {
            of,
            proposal: value,
        } = output;
        let is_own = *value == proposal(self.0.seed, *of);
        value.first() != Some(&255) && (is_own || !correct.contains(*of))
    }

    fn forge(
        &self,
        dice: &mut Dice,
        _: SiteId,
        _: u64,
        message: &validated::Message<<C::Coin as Coin>::Share>,
    ) -> Option<validated::Message<<C::Coin as Coin>::Share>> {
        let of = match message {
            validated::Message::Broadcast(of, instead) if dice.chance(700) => {
                let lie = lie_broadcast(dice, instead);
                return Some(validated::Message::Broadcast(*of, lie));
            }
            validated::Message::Broadcast(of, _) | validated::Message::Have(of, _) => *of,
            validated::Message::Agree(..) | validated::Message::Elect(_) => dice.site(4),
        };
        let set: Bytes = dice.between(0, 31).to_le_bytes().to_vec().into();
        Some(match dice.below(6) {
            0 => validated::Message::Agree(200, lie_binary::<C>(dice)?),
            1..=2 => validated::Message::Agree(0, lie_binary::<C>(dice)?),
            3 => validated::Message::Elect(C::share(dice)?),
            4 => validated::Message::Have(of, PlainMessage::Propose(set)),
            _ => validated::Message::Have(of, PlainMessage::Echo(set)),
        })
    }
}

pub(crate) fn strong(seed: u64) -> Vectors<Strong> {
    Vectors {
        coins: Strong(seed),
        seed,
    }
}

fn own(seed: u64) -> Vectors<Own> {
    Vectors {
        coins: Own(seed),
        seed,
    }
}

fn campaign<S: Scenario>(name: &str, n: usize, seeds: u64, scenario: impl Fn(u64) -> S) {
    let run = |seed| Case::new(scenario(seed), n).run(seed);
    check(name, 0..seeds, run).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn b29_vectors_keep_their_promises_against_the_rude() {
    campaign("vector", 4, 100, strong);
    campaign("vector", 4, 50, own);
    campaign("vector", 7, 4, strong);
}

#[test]
fn a08_values_keep_their_promises_against_the_rude() {
    campaign("value", 4, 100, |seed| Values(strong(seed)));
    campaign("value", 4, 50, |seed| Values(own(seed)));
}

#[test]
fn a08_choices_keep_their_promises_against_the_rude() {
    campaign("choice", 4, 150, |seed| Choices(strong(seed)));
    campaign("choice", 4, 50, |seed| Choices(own(seed)));
    campaign("choice", 7, 4, |seed| Choices(strong(seed)));
}

#[test]
fn weakened_rules_are_caught() {
    let survives = |broken: Option<u64>, bug| assert!(broken.is_some(), "{bug} survives");
    let bug = "a vector of fewer than a quorum";
    let run = |seed: &u64| Case::new(strong(*seed), 4).run(*seed).is_err();
    survives(plant(bug, || (0..2_000).find(run)), bug);
    let bug = "the order is known before the proposals are fixed";
    let run = |seed: &u64| Case::new(Choices(strong(*seed)), 4).run(*seed).is_err();
    survives(plant(bug, || (0..2_000).find(run)), bug);
    let bug = "a value of f";
    let run = |seed: &u64| Case::new(Values(strong(*seed)), 4).run(*seed).is_err();
    survives(plant(bug, || (0..2_000).find(run)), bug);
}

fn good_case<S: Scenario>(scenario: &S, n: usize, silent: &[usize]) -> (usize, usize) {
    let command = |own| Some(scenario.commands(own).remove(0).1);
    let seen = lockstep::run(largest(n), silent, |place| scenario.make(place, 0), command);
    assert_eq!(
        (seen.outputs.len(), seen.faults.len()),
        (n - silent.len(), 0)
    );
    (seen.steps_of_last(), seen.messages)
}

#[test]
fn choices_take_ten_steps_if_the_first_candidate_is_held() {
    // Two broadcasts of three steps, the election's coin, and an agreement whose first coin is 1.
    for n in [4, 7] {
        let (steps, _) = good_case(&Choices(strong(1)), n, &[]);
        assert_eq!(steps, 3 + 3 + 1 + 3, "n={n}");
    }
    // Over local coins: no election, four steps of agreement.
    assert_eq!(good_case(&Choices(own(1)), 4, &[]).0, 3 + 3 + 4);
}

#[test]
fn vectors_take_six_steps_if_all_is_well() {
    for n in [4, 7] {
        assert_eq!(good_case(&strong(1), n, &[]).0, 3 + 3, "n={n}");
        assert_eq!(good_case(&Values(strong(1)), n, &[]).0, 3 + 3, "n={n}");
        assert_eq!(good_case(&own(1), n, &[]).0, 3 + 4, "n={n}");
    }
}

#[test]
fn b05_all_decide_with_f_silent() {
    for n in [4, 7] {
        let silent: Vec<_> = (0..(n - 1) / 3).collect();
        assert!(good_case(&strong(3), n, &silent).0 >= 7);
        good_case(&Values(strong(3)), n, &silent);
        good_case(&Choices(strong(3)), n, &silent);
    }
}

#[test]
fn b26_what_is_about_no_site_or_no_candidate_is_blamed() {
    let told = vec![(site(1), site(0), {
        let lie = binary::Message::Decide(true);
        vector::Message::<SimulatedShare>::Agree(site(4), lie)
    })];
    let make = |place| strong(1).make(place, 0);
    let seen = lockstep::inject(largest(4), &[1, 2, 3], make, told);
    assert_eq!(seen.faults, [(site(1), Misbehaviour::OutOfRange)]);
}

#[test]
fn b18_what_is_too_long_for_a_set_of_sites_is_blamed_and_not_kept() {
    let told = |message| {
        let told = validated::Message::<SimulatedShare>::Have(site(2), message);
        let make = |place| Choices(strong(1)).make(place, 0);
        lockstep::inject(largest(4), &[1, 2, 3], make, vec![(site(1), site(0), told)]).faults
    };
    assert_eq!(told(PlainMessage::Echo(vec![0; 8].into())), []);
    let blamed = [(site(1), Misbehaviour::OutOfRange)];
    assert_eq!(told(PlainMessage::Echo(vec![0; 9].into())), blamed);
}

#[test]
fn too_many_that_may_stop_are_refused() {
    let many = Resilience::new(maftia_types::FaultModel::Arbitrary, 13, 2, 3).unwrap();
    let place = Place::new(
        maftia_types::Digest::ZERO,
        maftia_types::Epoch(0),
        many,
        site(0),
    );
    let place = place.unwrap();
    let coin = Strong(1).of(place);
    let instance = Instance::new(&place, "choice", 0);
    assert!(Validated::new(place, instance, coin, Rule::Bracha, predicate()).is_err());
}
