use std::collections::BTreeSet;
use std::sync::Arc;

use maftia_agreement::consistent::{
    Certified, Certifier, CertifierError, Echo, EchoMessage, MultiSignature, SharedKeyCertifier,
    SignatureCertifier, Verifiable, VerifiableMessage, statement_of,
};
use maftia_agreement::{Context as Place, Instance, Misbehaviour, Predicate, SharedKey};
use maftia_codec::Bytes;
use maftia_crypto::{PublicKey, Signature, SigningKey};
use maftia_protocol::{Event, Protocol, plant};
use maftia_simulator::{Dice, check};
use maftia_threshold::bls::{Purpose, Tag};
use maftia_types::{SiteId, SiteSet, Time};

use crate::arena::{Case, Scenario, largest, place};
use crate::keys::{keys, shared_keys, sharing, site};
use crate::lockstep;

fn payload(number: u64, face: u8) -> Bytes {
    vec![u8::try_from(number).unwrap() * 2 + face; 9].into()
}

fn sender(n: usize, number: u64) -> SiteId {
    site(usize::try_from(number).unwrap() % n)
}

/// Every site is the sender of one run.
#[derive(Clone)]
struct Echoes(usize);

impl Scenario for Echoes {
    type Service = Echo;

    fn make(&self, place: Place, number: u64) -> Echo {
        let instance = Instance::new(&place, "echo", number);
        Echo::new(place, instance, sender(self.0, number))
    }

    fn commands(&self, own: SiteId) -> Vec<(u64, Bytes)> {
        let number = own.index() as u64;
        vec![(number, payload(number, 0))]
    }

    fn must(&self, correct: SiteSet) -> BTreeSet<u64> {
        correct.iter().map(|site| site.index() as u64).collect()
    }

    fn allows(&self, correct: SiteSet, number: u64, output: &Bytes) -> bool {
        !correct.contains(sender(self.0, number)) || *output == payload(number, 0)
    }

    fn is_total(&self) -> bool {
        false
    }

    fn forge(
        &self,
        dice: &mut Dice,
        _: SiteId,
        number: u64,
        _: &EchoMessage,
    ) -> Option<EchoMessage> {
        let payload = payload(number, u8::from(dice.chance(500)));
        let instance = Instance::new(&place(largest(self.0), site(0)), "echo", number);
        Some(match dice.below(2) {
            0 => EchoMessage::Echo(statement_of(instance, &payload)),
            _ => EchoMessage::Send(payload),
        })
    }
}

/// The same with certificates of the sites' own (mock) signatures.
#[derive(Clone)]
struct Certificates(usize);

fn certifier(place: Place) -> SignatureCertifier {
    let (own, all) = keys(place.resilience().sites());
    let own = Arc::clone(&own[place.own().index()]);
    SignatureCertifier::new(place, own, all).unwrap()
}

/// Payloads that begin with 255 are valid to nobody.
fn predicate() -> Predicate {
    Arc::new(|_, payload| payload.first() != Some(&255))
}

type Said = VerifiableMessage<Signature, MultiSignature>;

impl Scenario for Certificates {
    type Service = Verifiable<SignatureCertifier>;

    fn make(&self, place: Place, number: u64) -> Self::Service {
        let instance = Instance::new(&place, "certified", number);
        let sender = sender(self.0, number);
        Verifiable::new(place, instance, sender, certifier(place), predicate())
    }

    fn commands(&self, own: SiteId) -> Vec<(u64, Bytes)> {
        Echoes(self.0).commands(own)
    }

    fn must(&self, correct: SiteSet) -> BTreeSet<u64> {
        Echoes(self.0).must(correct)
    }

    /// What is delivered convinces others.
    fn allows(&self, correct: SiteSet, number: u64, output: &Certified<MultiSignature>) -> bool {
        let place = place(largest(self.0), site(0));
        let statement = statement_of(Instance::new(&place, "certified", number), &output.payload);
        certifier(place).verify(&statement, &output.certificate)
            && Echoes(self.0).allows(correct, number, &output.payload)
    }

    fn agree(&self, one: &Certified<MultiSignature>, other: &Certified<MultiSignature>) -> bool {
        one.payload == other.payload
    }

    fn is_total(&self) -> bool {
        false
    }

    /// The mock signatures of correct sites are not forged: a liar signs as itself, or as nobody.
    fn forge(&self, dice: &mut Dice, _: SiteId, number: u64, message: &Said) -> Option<Said> {
        let own = place(largest(self.0), dice.site(self.0));
        let instance = Instance::new(&own, "certified", number);
        let payload = payload(number, u8::from(dice.chance(500)));
        let statement = statement_of(instance, &payload);
        Some(match (dice.below(6), message) {
            (0, _) => VerifiableMessage::Send(vec![255].into()),
            (1, _) => VerifiableMessage::Request(statement),
            (2, VerifiableMessage::Final(_, by)) => VerifiableMessage::Final(statement, by.clone()),
            (3, _) => VerifiableMessage::Answer(payload),
            (4, VerifiableMessage::Vote(vote)) => {
                let mut vote = *vote;
                vote.0[0] ^= 1;
                VerifiableMessage::Vote(vote)
            }
            _ => VerifiableMessage::Send(payload),
        })
    }
}

#[test]
fn b01_echo_broadcast_is_consistent_against_the_rude() {
    for (n, seeds) in [(4, 300), (7, 40)] {
        let case = Case::new(Echoes(n), n);
        check("echo", 0..seeds, |seed| case.run(seed)).unwrap_or_else(|e| panic!("{e}"));
    }
}

#[test]
fn b01_verifiable_broadcast_is_consistent_against_the_rude() {
    for (n, seeds) in [(4, 300), (7, 40)] {
        let case = Case::new(Certificates(n), n);
        check("certified", 0..seeds, |seed| case.run(seed)).unwrap_or_else(|e| panic!("{e}"));
    }
}

#[test]
fn a_quorum_less_by_one_is_caught() {
    let broken = plant("consistent quorum minus one", || {
        Case::new(Echoes(4), 4).breaks(2_000)
    });
    assert!(broken.is_some());
}

#[test]
fn b33_two_intruders_of_four_break_consistency() {
    let case = Case {
        corrupted: 2,
        ..Case::new(Echoes(4), 4)
    };
    assert!(maftia_simulator::caught("agreement", 0..3_000, |seed| case.run(seed)).is_some());
}

#[test]
fn steps_and_messages_of_the_good_case_are_those_stated() {
    for n in [4, 7, 31] {
        let others = n - 1;
        let ask = |own: SiteId| (own.index() == 0).then(|| payload(0, 0));
        let seen = lockstep::run(largest(n), &[], |place| Echoes(n).make(place, 0), ask);
        assert_eq!(
            (seen.steps_of_last(), seen.messages),
            (2, others + n * others)
        );
        let make = |place| Certificates(n).make(place, 0);
        let seen = lockstep::run(largest(n), &[], make, ask);
        assert_eq!((seen.steps_of_last(), seen.messages), (3, 3 * others));
    }
}

#[test]
fn certificates_of_a_shared_key_are_one_whoever_votes_and_bad_votes_are_found() {
    let four = largest(4);
    let shared = shared_keys(4, 3, Purpose::Vote, 1);
    let certifier = |own: usize| SharedKeyCertifier::new(Arc::clone(&shared[own]));
    let instance = Instance::new(&place(four, site(0)), "certified", 0);
    let statement = statement_of(instance, b"payload");
    let other = statement_of(instance, b"another");
    let votes = |sites: &[usize]| {
        let vote = |own: &usize| (site(*own), certifier(*own).vote(&statement));
        sites.iter().map(vote).collect()
    };
    let first = certifier(0)
        .combine(&statement, &votes(&[0, 1, 2]))
        .unwrap();
    let second = certifier(3)
        .combine(&statement, &votes(&[1, 2, 3]))
        .unwrap();
    assert_eq!(first, second);
    assert!(certifier(3).verify(&statement, &first) && !certifier(3).verify(&other, &first));
    assert_eq!(
        certifier(0).combine(&statement, &votes(&[0, 1])),
        Err(SiteSet::EMPTY)
    );
    let mut bad = votes(&[0, 1, 2]);
    bad.insert(site(2), certifier(2).vote(&other));
    let culprits = certifier(0).combine(&statement, &bad).unwrap_err();
    assert_eq!(culprits.iter().collect::<Vec<_>>(), [site(2)]);
}

#[test]
fn a_group_with_a_shared_key_delivers_with_certificates_of_it() {
    let shared = shared_keys(4, 3, Purpose::Vote, 2);
    let make = |own: Place| {
        let certifier = SharedKeyCertifier::new(Arc::clone(&shared[own.own().index()]));
        let instance = Instance::new(&own, "certified", 0);
        Verifiable::new(own, instance, site(0), certifier, predicate())
    };
    let ask = |own: SiteId| (own.index() == 0).then(|| payload(0, 0));
    let seen = lockstep::run(largest(4), &[2], make, ask);
    assert_eq!((seen.outputs.len(), seen.steps_of_last()), (3, 3));
}

/// What B, C and D say to A's messages.
fn scripted(told: Vec<(SiteId, SiteId, Said)>) -> lockstep::Seen<Certified<MultiSignature>> {
    lockstep::inject(
        largest(4),
        &[0],
        |place| Certificates(4).make(place, 0),
        told,
    )
}

#[test]
fn a_certificate_of_one_makes_the_others_ask_for_the_payload_and_deliver() {
    let payload = payload(0, 0);
    let instance = Instance::new(&place(largest(4), site(0)), "certified", 0);
    let statement = statement_of(instance, &payload);
    let vote = |own: usize| {
        (
            site(own),
            certifier(place(largest(4), site(own))).vote(&statement),
        )
    };
    let votes = [0, 1, 2].map(vote).into();
    let by = certifier(place(largest(4), site(0)))
        .combine(&statement, &votes)
        .unwrap();
    let to = |to: usize, said| (site(0), site(to), said);
    // B and C got the payload; D gets the certificate only, and from A nothing else.
    let seen = scripted(vec![
        to(1, VerifiableMessage::Send(payload.clone())),
        to(2, VerifiableMessage::Send(payload.clone())),
        to(3, VerifiableMessage::Final(statement, by.clone())),
    ]);
    let delivered: Vec<_> = seen.outputs.keys().copied().collect();
    assert_eq!((delivered, seen.faults.len()), (vec![site(3)], 0));

    let other = statement_of(instance, b"another");
    let seen = scripted(vec![
        to(1, VerifiableMessage::Final(other, by)),
        to(1, VerifiableMessage::Send(vec![255].into())),
    ]);
    let expected = [Misbehaviour::BadCertificate, Misbehaviour::InvalidProposal];
    assert_eq!(seen.faults, expected.map(|what| (site(0), what)));
}

#[test]
fn a_bad_vote_is_blamed_and_the_next_good_one_completes_the_certificate() {
    let own = place(largest(4), site(0));
    let mut sender = Certificates(4).make(own, 0);
    let now = Time::ZERO;
    assert!(sender.command(now, payload(0, 0)).is_ok());
    let statement = statement_of(Instance::new(&own, "certified", 0), &payload(0, 0));
    let mut tell = |from: usize, bend: bool| {
        let mut vote = certifier(place(largest(4), site(from))).vote(&statement);
        vote.0[0] ^= u8::from(bend);
        let (from, message) = (site(from), VerifiableMessage::Vote(vote));
        let step = sender.handle(now, Event::Message { from, message });
        (
            step.messages.len(),
            step.faults
                .iter()
                .map(|f| f.misbehaviour)
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(tell(0, false), (0, vec![]));
    assert_eq!(tell(1, true), (0, vec![]));
    assert_eq!(tell(2, false), (0, vec![Misbehaviour::BadVote]));
    assert_eq!(
        tell(1, false),
        (0, vec![]),
        "whose vote was bad has no other"
    );
    assert_eq!(tell(3, false), (1, vec![]));
    assert_eq!(tell(3, false), (0, vec![]), "one certificate is made, once");
}

#[test]
fn a_vote_after_the_quorum_makes_no_second_certificate() {
    let own = place(largest(4), site(0));
    let mut sender = Certificates(4).make(own, 0);
    let now = Time::ZERO;
    let sent = sender.command(now, payload(0, 0)).unwrap();
    assert_eq!(sent.messages.len(), 2);
    let statement = statement_of(Instance::new(&own, "certified", 0), &payload(0, 0));
    let mut given = Vec::new();
    for from in 0..4 {
        let vote = certifier(place(largest(4), site(from))).vote(&statement);
        let (from, message) = (site(from), VerifiableMessage::Vote(vote));
        let step = sender.handle(now, Event::Message { from, message });
        given.push((step.messages.len(), step.outputs.len()));
    }
    assert_eq!(given, [(0, 0), (0, 0), (1, 1), (0, 0)]);
}

#[test]
fn b19_of_who_has_sent_a_bad_certificate_no_other_is_checked() {
    let own = place(largest(4), site(3));
    let statement = statement_of(Instance::new(&own, "certified", 0), &payload(0, 0));
    let vote = |own: usize| certifier(place(largest(4), site(own))).vote(&statement);
    let votes = [0, 1, 2].map(|own| (site(own), vote(own))).into();
    let good = certifier(own).combine(&statement, &votes).unwrap();
    let mut receiver = Certificates(4).make(own, 0);
    let mut tell = |from: usize, of| {
        let (from, message) = (site(from), VerifiableMessage::Final(of, good.clone()));
        let step = receiver.handle(Time::ZERO, Event::Message { from, message });
        (step.faults.len(), step.records.len())
    };
    let other = statement_of(Instance::new(&own, "certified", 0), b"another");
    assert_eq!(tell(1, other), (1, 0));
    assert_eq!(tell(1, other), (0, 0), "not looked at");
    assert_eq!(tell(1, statement), (0, 0));
    assert_eq!(tell(2, statement), (0, 1), "another's is");
}

#[test]
fn keys_that_are_no_groups_are_refused() {
    let own = place(largest(4), site(0));
    let (secret, all) = keys(4);
    let few: Arc<[PublicKey]> = all.iter().take(3).copied().collect();
    assert!(SignatureCertifier::new(own, Arc::clone(&secret[0]), few).is_err());
    assert!(SignatureCertifier::new(own, Arc::clone(&secret[1]), Arc::clone(&all)).is_err());
    let real = Arc::new(SigningKey::from_seed([1; 32]));
    assert!(SignatureCertifier::new(own, real, all).is_err());
}

#[test]
fn a_shared_key_that_too_few_or_more_than_a_quorum_use_is_refused() {
    // n = 7: two quorums of ⌈(7+2+1)/2⌉ = 5 share a correct site; f = 2 need never answer.
    let seven = place(largest(7), site(0));
    let threshold = |threshold: u8| {
        let (sharing, share) = sharing(7, threshold, 1).swap_remove(0);
        SharedKey::new(
            &seven,
            sharing,
            share,
            Tag::new("test", Purpose::Vote).unwrap(),
        )
        .err()
    };
    let refused = |threshold| CertifierError::Threshold {
        threshold,
        least: 5,
        most: 5,
    };
    assert_eq!(threshold(4), Some(refused(4)));
    assert_eq!(threshold(5), None);
    assert_eq!(threshold(6), Some(refused(6)));
}
