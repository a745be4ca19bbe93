//! Sessions and beacons go on when the members change.

use bytes::Bytes;
use maftia_codec::Wire as _;
use maftia_threshold::bls::SignatureShare;
use maftia_threshold::frost::SentCommitment;
use maftia_threshold::{Bls12381G2, Share};

use super::world::{GROUP, Habit, World, site};
use crate::keys::sessions::{Answer, Contribution, Request, Standing};
use crate::keys::signing::{client_tag, tests as signing};
use crate::keys::{KeyId, Scheme};

const KEYS: [Scheme; 3] = [Scheme::Ed25519, Scheme::Bls, Scheme::Beacon];

/// Replaced, grown, shrunk, and others altogether.
const CHANGES: [(u8, &[u8]); 5] = [
    (4, &[0, 1, 4, 3]),
    (4, &[3, 1, 0, 2]),
    (4, &[0, 1, 2, 3, 4, 5, 6]),
    (7, &[6, 0, 3, 1]),
    (4, &[4, 5, 6, 7]),
];

fn latest(world: &mut World) -> u64 {
    match world.ask(&Request::Latest { key: KeyId(3) }) {
        Answer::Round(round) => round.number,
        other => panic!("no round but {other:?}"),
    }
}

#[test]
fn signatures_asked_for_before_and_after_a_change_of_members_are_made_and_nobody_is_blamed() {
    for (n, members) in CHANGES {
        // At the change, sites have seen nothing of the session, contributed, or been heard.
        for commits in 0..3 {
            let mut world = World::new(n, &KEYS);
            world.commits(2);
            let before = [world.sign(1, b"a"), world.sign(2, b"b")];
            world.commits(commits);
            world.change(members);
            world.restore();
            let after = [world.sign(1, b"c"), world.sign(2, b"d")];
            let ed25519 = [(before[0], b"a"), (after[0], b"c")];
            let bls = [(before[1], b"b"), (after[1], b"d")];
            for (session, message) in ed25519 {
                let signature = world.signature(session, 8);
                signing::verify_ed25519(&world, message, &signature);
            }
            for (session, message) in bls {
                let signature = world.signature(session, 8);
                signing::verify_bls(&world, KeyId(2), message, &signature);
            }
            assert_eq!(world.ordered.evidence().len(), 0);
        }
    }
}

#[test]
fn a_beacon_makes_every_round_through_a_change_of_members() {
    for (n, members) in CHANGES {
        let mut world = World::new(n, &KEYS);
        world.commits(40);
        let before = latest(&mut world);
        world.change(members);
        world.commits(40);
        let after = latest(&mut world);
        assert!(after > before);
        for round in 1..=after {
            let key = KeyId(3);
            let made = world.ask(&Request::Get { key, round });
            assert!(matches!(made, Answer::Round(_)), "{round}: {made:?}");
        }
        assert_eq!(world.ordered.evidence().len(), 0);
    }
}

#[test]
fn what_is_known_against_a_site_follows_it_to_its_seat_and_leaves_with_it() {
    let mut world = World::new(7, &KEYS);
    world.habits[1] = Habit::Lying;
    world.habits[2] = Habit::Lying;
    world.commits(2);
    let session = world.sign(2, b"a");
    world.signature(session, 8);
    assert_eq!(world.ordered.standing(site(1)), Standing::Convicted);
    assert_eq!(world.ordered.standing(site(2)), Standing::Convicted);
    world.change(&[0, 7, 3, 2]);
    let standings = [0, 1, 2, 3].map(|seat| world.ordered.standing(site(seat)));
    let good = Standing::Good;
    assert_eq!(standings, [good, good, good, Standing::Convicted]);
    assert!(world.ordered.evidence().len() > 0);
    assert!(world.ordered.evidence().all(|own| own.site == site(3)));
    world.restore();
}

#[test]
fn c23_a_share_of_the_former_epoch_is_passed_over_or_convicts_who_calls_it_a_new_one() {
    let mut world = World::new(4, &[Scheme::Ed25519, Scheme::Bls]);
    let record = world.ordered.key(KeyId(2)).unwrap().clone();
    let former: Share<Bls12381G2> = world.sites[3].share(&record).unwrap();
    world.change(&[0, 1, 4, 3]);
    world.habits[3] = Habit::Silent;
    let session = world.sign(2, b"a");
    let share = SignatureShare::sign(&former, &client_tag(GROUP), b"a");
    let under = |version| Contribution::Bls {
        session,
        version,
        share: Bytes::copy_from_slice(&share.to_bytes()),
    };
    world.deliver(site(3), &under(0).to_bytes());
    world.commits(1);
    assert_eq!(world.ordered.standing(site(3)), Standing::Good);
    world.deliver(site(3), &under(1).to_bytes());
    let signature = world.signature(session, 4);
    signing::verify_bls(&world, KeyId(2), b"a", &signature);
    assert_eq!(world.ordered.standing(site(3)), Standing::Convicted);
}

#[test]
fn c12_nonces_of_the_former_epoch_are_void() {
    let mut world = World::new(4, &KEYS);
    world.commits(3);
    let stock = world.ordered.sessions.pool.stock(site(0)).unwrap();
    let unused = stock.unused().map(|own| SentCommitment::from(*own));
    let former = Contribution::Nonces(unused.collect());
    world.change(&[0, 1, 4, 3]);
    world.deliver(site(0), &former.to_bytes());
    let stock = world.ordered.sessions.pool.stock(site(0));
    assert!(stock.is_none_or(|stock| stock.unused().len() == 0));
    // The sites begin a new life, and sign.
    let lives = world.sites[0].vault.lives;
    let session = world.sign(1, b"a");
    let signature = world.signature(session, 6);
    signing::verify_ed25519(&world, b"a", &signature);
    assert_eq!(world.sites[0].vault.lives, lives + 1);
}
