use std::collections::BTreeSet;
use std::rc::Rc;

use maftia_agreement::reliable::{
    Broadcast, CodedMessage, INLINE_BYTES_MAX, Message, PlainMessage, Rule, Shard, shards_of,
};
use maftia_agreement::{Context as Place, Instance, Misbehaviour};
use maftia_codec::Bytes;
use maftia_crypto::Domain;
use maftia_protocol::plant;
use maftia_simulator::{Dice, check};
use maftia_types::{Digest, FaultModel, Resilience, SiteId, SiteSet};

use crate::arena::{Case, Scenario, largest};
use crate::keys::site;
use crate::lockstep;

/// Every site is the sender of one run; of some runs the payload is large.
#[derive(Clone)]
pub(crate) struct Reliable {
    n: usize,
    rule: Rule,
    bytes: usize,
    /// Per run, what a liar may use.
    faces: Rc<Vec<[Face; 2]>>,
}

/// What a lying sender needs for a payload: its descriptor and the digest of that, its shards and
/// their root.
#[derive(Clone)]
struct Face {
    descriptor: Bytes,
    digest: Digest,
    shards: Vec<Shard>,
    root: Digest,
}

impl Reliable {
    fn payload(&self, number: u64, face: u8) -> Bytes {
        let start = u8::try_from(number).unwrap() * 2 + face;
        vec![start; self.bytes].into()
    }

    fn sender(&self, number: u64) -> SiteId {
        site(usize::try_from(number).unwrap() % self.n)
    }
}

impl Scenario for Reliable {
    type Service = Broadcast;

    fn make(&self, place: Place, number: u64) -> Broadcast {
        let instance = Instance::new(&place, "broadcast", number);
        Broadcast::new(place, instance, self.sender(number), self.rule).unwrap()
    }

    fn commands(&self, own: SiteId) -> Vec<(u64, Bytes)> {
        let number = own.index() as u64;
        vec![(number, self.payload(number, 0))]
    }

    fn must(&self, correct: SiteSet) -> BTreeSet<u64> {
        correct.iter().map(|site| site.index() as u64).collect()
    }

    fn allows(&self, correct: SiteSet, number: u64, output: &Bytes) -> bool {
        !correct.contains(self.sender(number)) || *output == self.payload(number, 0)
    }

    /// Another face, another kind of vote, another's digest, bent or swapped shards.
    fn forge(
        &self,
        dice: &mut Dice,
        to: SiteId,
        number: u64,
        message: &Message,
    ) -> Option<Message> {
        let faces = self.faces.get(usize::try_from(number).ok()?)?;
        let face = dice.pick(faces)?;
        let about_shards = !face.shards.is_empty() && dice.chance(700);
        if about_shards || matches!(message, Message::Coded(_)) {
            return Some(Message::Coded(face.forge(dice, to)?));
        }
        Some(Message::Plain(match dice.below(4) {
            0 => PlainMessage::Propose(face.descriptor.clone()),
            1 => PlainMessage::Echo(face.descriptor.clone()),
            2 => PlainMessage::Ready(face.digest),
            _ => PlainMessage::Vote(face.digest),
        }))
    }
}

impl Face {
    fn forge(&self, dice: &mut Dice, to: SiteId) -> Option<CodedMessage> {
        let mut shard = match dice.below(2) {
            0 => self.shards.get(to.index())?.clone(),
            _ => dice.pick(&self.shards)?.clone(),
        };
        match dice.below(12) {
            0 => shard.length = shard.length.wrapping_add(1),
            1 => shard.path.clear(),
            2 => shard.data = shard.data.slice(1..),
            _ => {}
        }
        Some(match dice.below(5) {
            0..=1 => CodedMessage::Disperse(shard),
            2..=3 => CodedMessage::Echo(shard),
            _ => CodedMessage::Ready(self.root),
        })
    }
}

impl Reliable {
    fn new(n: usize, rule: Rule, bytes: usize) -> Self {
        let mut this = Self {
            n,
            rule,
            bytes,
            faces: Rc::new(Vec::new()),
        };
        let faces = (0..n as u64).map(|number| [this.face(number, 0), this.face(number, 1)]);
        this.faces = Rc::new(faces.collect());
        this
    }

    /// Face 1 of a large payload is shards of none under one root.
    fn face(&self, number: u64, face: u8) -> Face {
        let resilience = largest(self.n);
        let place = crate::arena::place(resilience, site(0));
        let instance = Instance::new(&place, "broadcast", number);
        let payload = self.payload(number, face);
        let (descriptor, shards, root) = if payload.len() <= INLINE_BYTES_MAX {
            ([&[0], &payload[..]].concat(), Vec::new(), Digest::ZERO)
        } else {
            let part = instance.part("coded", 0);
            let (root, shards) = match face {
                1 if self.n == 4 => garbled(part, &resilience, &payload),
                _ => shards_of(part, &resilience, &payload),
            };
            ([&[1], &root.as_bytes()[..]].concat(), shards, root)
        };
        let mut hasher = instance
            .part("plain", 0)
            .hasher(Domain::new("reliable broadcast payload"));
        Face {
            digest: hasher.update(&descriptor).finish(),
            descriptor: descriptor.into(),
            shards,
            root,
        }
    }
}

/// Shards of a payload, the last one bent, under the root that commits to them: n = 4 only.
fn garbled(instance: Instance, resilience: &Resilience, payload: &[u8]) -> (Digest, Vec<Shard>) {
    let (_, mut shards) = shards_of(instance, resilience, payload);
    assert_eq!(shards.len(), 4);
    let mut data = shards[3].data.to_vec();
    data[0] ^= 1;
    shards[3].data = data.into();
    let leaf = |(index, shard): (u64, &Shard)| {
        let mut hasher = instance.hasher(Domain::new("reliable broadcast shard"));
        hasher.number(index).number(u64::from(shard.length));
        hasher.update(&shard.data).finish()
    };
    let leaves: Vec<Digest> = (0..).zip(&shards).map(leaf).collect();
    let node = |a: Digest, b: Digest| {
        let both = [&a.as_bytes()[..], &b.as_bytes()[..]].concat();
        Domain::new("reliable broadcast node").digest(&both)
    };
    let (low, high) = (node(leaves[0], leaves[1]), node(leaves[2], leaves[3]));
    for (index, shard) in shards.iter_mut().enumerate() {
        let above = if index < 2 { high } else { low };
        shard.path = vec![leaves[index ^ 1], above];
    }
    (node(low, high), shards)
}

const SMALL: usize = 20;
const LARGE: usize = INLINE_BYTES_MAX + 1;

pub(crate) fn case(n: usize, rule: Rule, bytes: usize) -> Case<Reliable> {
    Case::new(Reliable::new(n, rule, bytes), n)
}

#[test]
fn b01_b04_b05_n_bracha_keeps_its_promises_against_the_rude() {
    for (n, seeds) in [(4, 400), (7, 60)] {
        let case = case(n, Rule::Bracha, SMALL);
        let seen =
            check("reliable", 0..seeds, |seed| case.run(seed)).unwrap_or_else(|e| panic!("{e}"));
        assert!(seen.counters.crashes > seeds / 3 && seen.counters.tampered > seeds);
    }
}

#[test]
fn b01_b04_b05_the_optimistic_rule_keeps_them_too() {
    for (n, seeds) in [(4, 400), (7, 60), (10, 20)] {
        let case = case(n, Rule::Optimistic, SMALL);
        check("reliable", 0..seeds, |seed| case.run(seed)).unwrap_or_else(|e| panic!("{e}"));
    }
}

#[test]
fn b28_a_large_payload_in_shards_keeps_them_too() {
    for (n, rule, seeds) in [(4, Rule::Optimistic, 20), (7, Rule::Bracha, 3)] {
        let case = case(n, rule, LARGE);
        check("reliable", 0..seeds, |seed| case.run(seed)).unwrap_or_else(|e| panic!("{e}"));
    }
}

#[test]
fn weakened_rules_are_caught() {
    for (bug, rule, bytes) in [
        ("an echo counted twice", Rule::Bracha, SMALL),
        ("echoes every proposal", Rule::Bracha, SMALL),
        ("no amplification", Rule::Bracha, SMALL),
        ("delivery quorum minus one", Rule::Bracha, SMALL),
        ("optimistic delivery minus one", Rule::Optimistic, SMALL),
        ("optimistic ready quorum minus one", Rule::Optimistic, SMALL),
    ] {
        let case = case(4, rule, bytes);
        let broken = plant(bug, || case.breaks(3_000));
        assert!(broken.is_some(), "{bug} survives");
    }
}

#[test]
fn b33_one_intruder_too_many_breaks_agreement() {
    for rule in [Rule::Bracha, Rule::Optimistic] {
        let case = Case {
            corrupted: 2,
            ..case(4, rule, SMALL)
        };
        let broken = maftia_simulator::caught("agreement", 0..3_000, |seed| case.run(seed));
        assert!(broken.is_some(), "{rule:?}");
    }
}

fn good_case(resilience: Resilience, rule: Rule, bytes: usize, silent: &[usize]) -> (usize, usize) {
    let scenario = Reliable {
        n: resilience.sites(),
        rule,
        bytes,
        faces: Rc::default(),
    };
    let payload = scenario.payload(0, 0);
    let make = |place| scenario.make(place, 0);
    let seen = lockstep::run(resilience, silent, make, |own| {
        (own.index() == 0).then(|| payload.clone())
    });
    assert_eq!(seen.outputs.len(), resilience.sites() - silent.len());
    assert!(seen.outputs.values().all(|(_, output)| *output == payload));
    (seen.steps_of_last(), seen.messages)
}

#[test]
fn steps_and_messages_of_the_good_case_are_those_stated() {
    for n in [4, 7, 10, 31] {
        let resilience = largest(n);
        let others = n - 1;
        let bracha = good_case(resilience, Rule::Bracha, SMALL, &[]);
        assert_eq!(bracha, (3, others + 2 * n * others), "n={n}");
        let optimistic = good_case(resilience, Rule::Optimistic, SMALL, &[]);
        assert_eq!(
            optimistic,
            (2, others + 2 * others * others + n * others),
            "n={n}"
        );
        let (steps, _) = good_case(resilience, Rule::Optimistic, LARGE, &[]);
        assert_eq!(steps, 3, "n={n}");
    }
}

#[test]
fn b05_with_f_silent_sites_the_optimistic_rule_takes_two_or_four_steps() {
    // n = 4: ⌈(4+2−2)/2⌉ = 2 echoes of the 2 others that speak. n = 7: 5 are needed of 4.
    assert_eq!(good_case(largest(4), Rule::Optimistic, SMALL, &[3]).0, 2);
    assert_eq!(good_case(largest(7), Rule::Optimistic, SMALL, &[6]).0, 2);
    assert_eq!(good_case(largest(7), Rule::Optimistic, SMALL, &[5, 6]).0, 4);
    assert_eq!(good_case(largest(7), Rule::Bracha, SMALL, &[5, 6]).0, 3);
    let stopped = Resilience::new(FaultModel::Arbitrary, 6, 1, 1).unwrap();
    assert_eq!(good_case(stopped, Rule::Optimistic, SMALL, &[4, 5]).0, 4);
    assert_eq!(good_case(stopped, Rule::Bracha, LARGE, &[4, 5]).0, 3);
}

/// What correct sites do when A, the sender, tells B, C and D these descriptors and shards.
fn scripted(told: [(&Face, usize); 3]) -> lockstep::Seen<Bytes> {
    let scenario = Reliable::new(4, Rule::Bracha, LARGE);
    let mut injected = Vec::new();
    for (to, (face, shard)) in (1..).zip(told) {
        let descriptor = PlainMessage::Propose(face.descriptor.clone());
        injected.push((site(0), site(to), Message::Plain(descriptor)));
        let shard = CodedMessage::Disperse(face.shards[shard].clone());
        injected.push((site(0), site(to), Message::Coded(shard)));
    }
    let make = |place| scenario.make(place, 0);
    lockstep::inject(largest(4), &[0], make, injected)
}

#[test]
fn b28_shards_that_are_no_payloads_are_delivered_by_nobody_and_blamed_on_the_sender() {
    let [good, bad] = Reliable::new(4, Rule::Bracha, LARGE).faces[0].clone();
    let seen = scripted([(&good, 1), (&good, 2), (&good, 3)]);
    assert_eq!((seen.outputs.len(), seen.faults.len()), (3, 0));
    let seen = scripted([(&bad, 1), (&bad, 2), (&bad, 3)]);
    assert!(seen.outputs.is_empty());
    assert_eq!(seen.faults, vec![(site(0), Misbehaviour::Garbled); 3]);
    let seen = plant("the root is not compared", || {
        scripted([(&bad, 1), (&bad, 2), (&bad, 3)])
    });
    assert!(!seen.outputs.is_empty(), "the planted bug shows");
}

#[test]
fn b26_a_misplaced_shard_counts_for_nothing_and_a_malformed_one_is_blamed() {
    let [good, _] = Reliable::new(4, Rule::Bracha, LARGE).faces[0].clone();
    let seen = scripted([(&good, 1), (&good, 2), (&good, 2)]);
    assert!(seen.outputs.is_empty(), "two echoes are no quorum of four");
    let mut bent = good.clone();
    bent.shards[3].path.clear();
    let seen = scripted([(&good, 1), (&good, 2), (&bent, 3)]);
    assert_eq!(seen.faults, [(site(0), Misbehaviour::BadShard)]);
}

#[test]
fn b01_who_speaks_as_the_sender_or_says_two_things_is_blamed() {
    let scenario = Reliable::new(4, Rule::Bracha, SMALL);
    let [one, other] = scenario.faces[0].clone();
    let plain = |from: usize, message| (site(from), site(1), Message::Plain(message));
    let make = |place| scenario.make(place, 0);
    let told = vec![
        plain(2, PlainMessage::Propose(one.descriptor.clone())),
        plain(0, PlainMessage::Propose(one.descriptor.clone())),
        plain(0, PlainMessage::Propose(one.descriptor.clone())),
        plain(0, PlainMessage::Propose(other.descriptor.clone())),
        plain(3, PlainMessage::Ready(one.digest)),
        plain(3, PlainMessage::Ready(other.digest)),
    ];
    let seen = lockstep::inject(largest(4), &[0, 2, 3], make, told);
    let expected = [
        (site(2), Misbehaviour::NotTheSender),
        (site(0), Misbehaviour::Contradiction),
        (site(3), Misbehaviour::Contradiction),
    ];
    assert_eq!(seen.faults, expected);
}

#[test]
fn b26_a_descriptor_that_is_none_is_delivered_by_nobody_and_blamed_on_the_sender() {
    let scenario = Reliable::new(4, Rule::Bracha, SMALL);
    let make = |place| scenario.make(place, 0);
    for none in [vec![], vec![1; 32], vec![1; 34], vec![2, 7]] {
        let body = Bytes::from(none);
        let tell = |to| {
            let message = PlainMessage::Propose(body.clone());
            (site(0), site(to), Message::Plain(message))
        };
        let seen = lockstep::inject(largest(4), &[0], make, [1, 2, 3].map(tell).into());
        assert!(seen.outputs.is_empty());
        assert_eq!(seen.faults, [(site(0), Misbehaviour::OutOfRange); 3]);
    }
}
