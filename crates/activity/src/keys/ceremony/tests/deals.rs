//! Where exactly a DEAL stops being valid.

use bytes::Bytes;
use maftia_codec::Wire as _;
use maftia_threshold::Index;
use maftia_types::{Digest, SiteId, Time};
use rand::{Rng as _, RngExt as _};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use zeroize::Zeroizing;

use super::super::deal::{Ack, Contribution, Deal, dealing_digest};
use super::super::message::Message;
use super::super::rules::OwnDealing;
use super::super::{Misdealing, RunName};
use super::world::{World, setup, signing_key, site};
use crate::keys::{Ordered, Scheme};
use crate::replication::Effects;

const KEYS: &[(&str, Scheme)] = &[("a", Scheme::Ed25519), ("b", Scheme::Ed25519)];

fn dealing(ordered: &Ordered, dealer: SiteId) -> OwnDealing {
    another_dealing(ordered, dealer, 7)
}

fn another_dealing(ordered: &Ordered, dealer: SiteId, seed: u8) -> OwnDealing {
    let run = ordered.run(1).unwrap();
    run.deal(dealer, &Zeroizing::new([seed; 32]), None).unwrap()
}

fn first_run(ordered: &Ordered) -> RunName {
    ordered.run(1).unwrap().ceremony.run_name()
}

/// What site 1 does when site 0 sends it that dealing with that member's share.
fn hear(world: &mut World, own: &OwnDealing, member: usize) -> Effects {
    let message = Message::Deal {
        ceremony: first_run(world.ordered()),
        dealing: own.dealing.clone(),
        share: own.shares[member].1.clone(),
    };
    let (ordered, mut out) = (world.ordered().clone(), Effects::default());
    let receiver = &mut world.actors[1].site;
    receiver.hear(Time::ZERO, site(0), &message.to_bytes(), &ordered, &mut out);
    out
}

/// A DEAL of site 0 in ceremony 1, with acks of the first sites and the others' shares.
fn deal(ordered: &Ordered, acks: usize) -> Deal {
    let dealer = site(0);
    let own = dealing(ordered, dealer);
    let ack = Ack {
        run: ordered.run(1).unwrap().ceremony.run,
        dealer,
        dealing: dealing_digest(&own.dealing),
    };
    let (acked, left) = own.shares.split_at(acks);
    let sign = |member: &SiteId| signing_key(*member).sign(Ack::DOMAIN, &ack.statement());
    Deal {
        dealing: own.dealing.clone(),
        acks: acked.iter().map(|(own, _)| (*own, sign(own))).collect(),
        published: left.iter().map(|(own, share)| (*own, **share)).collect(),
    }
}

fn check(ordered: &Ordered, deal: &Deal) -> Result<(), Misdealing> {
    ordered.run(1).unwrap().check(site(0), deal).map(|_| ())
}

#[test]
fn a_deal_is_valid_from_a_quorum_of_acks_upwards() {
    for (n, quorum) in [(4, 3), (7, 5), (10, 7)] {
        let ordered = Ordered::new(setup(n), KEYS);
        for acks in 0..=n {
            let expected = (acks >= quorum).then_some(()).ok_or(Misdealing::BadCover);
            assert_eq!(
                check(&ordered, &deal(&ordered, acks)),
                expected,
                "{acks} of {n}"
            );
        }
    }
}

#[test]
fn every_member_is_covered_once_and_in_order() {
    let ordered = Ordered::new(setup(4), KEYS);
    let mut changed: Vec<(&str, Deal)> = Vec::new();
    let mut change = |name, change: &dyn Fn(&mut Deal)| {
        let mut deal = deal(&ordered, 3);
        change(&mut deal);
        changed.push((name, deal));
    };
    change("a member left out", &|deal| deal.published.clear());
    change("an ack in place of the member left out", &|deal| {
        deal.published.clear();
        deal.acks.push(deal.acks[2]);
    });
    change("an ack twice", &|deal| deal.acks.push(deal.acks[2]));
    change("acks out of order", &|deal| deal.acks.swap(0, 1));
    change("published and acknowledged", &|deal| {
        let share = deal.published[0].1;
        deal.published.insert(0, (site(2), share));
    });
    change("an outsider in a member's place", &|deal| {
        deal.published[0].0 = site(4)
    });
    change("an outsider besides", &|deal| {
        deal.acks.push((site(5), deal.acks[0].1))
    });
    for (name, deal) in changed {
        assert_eq!(check(&ordered, &deal), Err(Misdealing::BadCover), "{name}");
    }
}

#[test]
fn an_ack_is_of_one_member_one_dealer_one_dealing_and_one_run() {
    let ordered = Ordered::new(setup(4), KEYS);
    let good = deal(&ordered, 3);
    let right = || Ack {
        run: ordered.run(1).unwrap().ceremony.run,
        dealer: site(0),
        dealing: dealing_digest(&good.dealing),
    };
    let other_run = ordered.run(2).unwrap().ceremony.run;
    let dealing = Digest([1; 32]);
    let wrong = [
        (
            1,
            Ack {
                run: other_run,
                ..right()
            },
        ),
        (
            1,
            Ack {
                dealer: site(1),
                ..right()
            },
        ),
        (1, Ack { dealing, ..right() }),
        (2, right()),
    ];
    for (signer, ack) in wrong {
        let mut deal = good.clone();
        deal.acks[1].1 = signing_key(site(signer)).sign(Ack::DOMAIN, &ack.statement());
        assert_eq!(check(&ordered, &deal), Err(Misdealing::BadAck));
    }
    let mut deal = good.clone();
    deal.acks[1].1 = signing_key(site(1)).sign(Ack::DOMAIN, &right().statement());
    assert_eq!(check(&ordered, &deal), Ok(()));
}

#[test]
fn a_published_share_is_held_to_the_dealing_and_to_its_form() {
    let ordered = Ordered::new(setup(4), KEYS);
    for wrong in [[0; 32], [0xff; 32]] {
        let mut deal = deal(&ordered, 3);
        deal.published[0].1 = wrong;
        assert_eq!(check(&ordered, &deal), Err(Misdealing::BadShare));
    }
}

#[test]
fn only_dealers_deal_and_only_members_hold() {
    let mut world = World::new(4, KEYS, 1);
    let body = deal(world.ordered(), 3);
    let run = world.ordered().run(1).unwrap();
    assert_eq!(
        run.check(site(4), &body).err(),
        Some(Misdealing::NotADealer)
    );
    world.step_until(World::is_made);
    let made = world
        .ordered()
        .ceremonies()
        .find(|own| own.made.is_some())
        .unwrap();
    let (ceremony, holders) = (made.number, made.made.as_ref().unwrap().holders);
    let name = made.run_name();
    for outsider in 4..9 {
        world.append(
            site(outsider),
            Contribution::Have { ceremony: name }.to_bytes(),
        );
    }
    let made = world
        .ordered()
        .ceremonies()
        .find(|own| own.number == ceremony)
        .unwrap();
    assert_eq!(made.made.as_ref().unwrap().holders, holders);
}

#[test]
fn a_dealer_counts_once_and_a_convicted_one_not_at_all() {
    let mut world = World::new(4, KEYS, 1);
    let ceremony = first_run(world.ordered());
    let word = |deal: &Deal| {
        let body = deal.to_bytes();
        Contribution::Deal { ceremony, body }.to_bytes()
    };
    let good = deal(world.ordered(), 3);
    (0..3).for_each(|_| world.append(site(0), word(&good)));
    let status = world.ordered().ceremonies().next().unwrap().status();
    assert_eq!((status.dealings_missing, status.dealt.len()), (2, 1));
    // Site 1 repeats site 0's, and comes too late with anything else.
    world.append(site(1), word(&good));
    world.append(
        site(1),
        Contribution::Deal {
            ceremony,
            body: Bytes::new(),
        }
        .to_bytes(),
    );
    let status = world.ordered().ceremonies().next().unwrap().status();
    assert_eq!(status.culprits.get(&site(1)), Some(&Misdealing::BadProof));
    assert_eq!(status.dealt.len(), 1);
}

#[test]
fn words_of_another_run_of_that_number_count_for_nothing() {
    let mut world = World::new(4, KEYS, 1);
    let ceremony = first_run(world.ordered());
    let other = RunName::new(1, &Digest([9; 32]));
    assert_ne!(other, ceremony);
    // Neither a good DEAL nor a bad one, which would convict: the site may have meant it then.
    let good = deal(world.ordered(), 3).to_bytes();
    for body in [good.clone(), Bytes::new()] {
        let ceremony = other;
        let before = world.ordered().clone();
        world.append(site(0), Contribution::Deal { ceremony, body }.to_bytes());
        assert_eq!(world.ordered(), &before);
    }
    let own = dealing(world.ordered(), site(0));
    let hear = |world: &mut World, ceremony| {
        let message = Message::Deal {
            ceremony,
            dealing: own.dealing.clone(),
            share: own.shares[1].1.clone(),
        };
        let (ordered, mut out) = (world.ordered().clone(), Effects::default());
        let receiver = &mut world.actors[1].site;
        receiver.hear(Time::ZERO, site(0), &message.to_bytes(), &ordered, &mut out);
        out.messages.len()
    };
    assert_eq!(
        (hear(&mut world, other), hear(&mut world, ceremony)),
        (0, 1)
    );
    world.step_until(World::is_made);
    let made = world.ordered().ceremonies().find(|own| own.made.is_some());
    let made = made.unwrap().number;
    let ceremony = RunName::new(made, &Digest([9; 32]));
    let before = world.ordered().clone();
    (0..4).for_each(|own| {
        world.append(site(own), Contribution::Have { ceremony }.to_bytes());
    });
    assert_eq!(world.ordered(), &before);
}

#[test]
fn bent_bytes_from_peers_do_no_harm() {
    let mut world = World::new(4, KEYS, 2).lossy(20);
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    (0..40).for_each(|_| world.step());
    let deal = deal(world.ordered(), 4);
    let share = dealing(world.ordered(), site(0)).shares[1].1.clone();
    let ceremony = first_run(world.ordered());
    let message = Message::Deal {
        ceremony,
        dealing: deal.dealing.clone(),
        share,
    };
    let (message, ordered) = (message.to_bytes(), world.ordered().clone());
    let body = deal.to_bytes();
    let word = Contribution::Deal { ceremony, body }.to_bytes();
    for _ in 0..400 {
        let mut bend = |bytes: &Bytes| {
            let mut bytes = bytes.to_vec();
            let at = rng.random_range(0..bytes.len());
            bytes[at] ^= 1 << rng.random_range(0..8);
            bytes.truncate(rng.random_range(1..=2 * bytes.len()));
            if rng.next_u32() % 8 == 0 {
                bytes.push(0);
            }
            Bytes::from(bytes)
        };
        let mut out = Effects::default();
        let own = &mut world.actors[1].site;
        own.hear(Time::ZERO, site(0), &bend(&message), &ordered, &mut out);
        assert!(out.vault.is_none() && out.messages.is_empty());
        let mut ordered = ordered.clone();
        let context = crate::replication::SiteContext {
            site: site(3),
            commit: 1,
            commit_time_ms: 0,
        };
        ordered.contribute(&context, &bend(&word));
        let dealt = ordered.ceremonies().next().unwrap().status().dealt;
        assert!(!dealt.contains(site(3)));
    }
}

#[test]
fn c06_a_member_keeps_the_first_dealing_that_it_acknowledged() {
    let mut world = World::new(4, KEYS, 1);
    let first = dealing(world.ordered(), site(0));
    let second = another_dealing(world.ordered(), site(0), 8);
    let effects = hear(&mut world, &first, 1);
    assert!(
        effects.vault.is_some(),
        "on the disk before it is acknowledged"
    );
    let acknowledged = effects.messages;
    assert_eq!(acknowledged.len(), 1);
    let effects = hear(&mut world, &second, 1);
    assert!(effects.messages.is_empty() && effects.vault.is_none());
    // The first one again, since the acknowledgement may have been lost.
    let effects = hear(&mut world, &first, 1);
    assert_eq!(effects.messages, acknowledged);
    assert!(effects.vault.is_none());
    let kept = &world.actors[1].site.vault.works[&1].dealt[&Index::new(1).unwrap()];
    assert_eq!(kept.share, first.shares[1].1);
}

#[test]
fn c06_a_dealer_that_sent_a_wrong_share_is_not_listened_to_again() {
    let mut world = World::new(4, KEYS, 1);
    let own = dealing(world.ordered(), site(0));
    for member in [2, 1] {
        let effects = hear(&mut world, &own, member);
        assert!(effects.messages.is_empty() && effects.vault.is_none());
    }
}
