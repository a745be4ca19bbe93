use maftia_types::{SiteId, SiteSet};

use super::verify;
use crate::keys::Scheme;
use crate::keys::sessions::tests::world::{COMMIT_MS, Habit, World, site};
use crate::keys::sessions::{Answer, Standing, Work};
use crate::keys::signing::ANSWER_WINDOW_MS;

const SCHEMES: [Scheme; 2] = [Scheme::Ed25519, Scheme::Bls];

/// Commits in one window.
fn window() -> usize {
    usize::try_from(ANSWER_WINDOW_MS.div_ceil(COMMIT_MS)).unwrap()
}

fn world(n: u8, scheme: Scheme, faulty: &[u8], habit: Habit) -> World {
    let mut world = World::new(n, &[scheme]);
    world.commits(2);
    faulty
        .iter()
        .for_each(|own| world.habits[usize::from(*own)] = habit);
    world
}

#[test]
fn all_correct_sites_sign_in_one_round_of_contributions() {
    for scheme in SCHEMES {
        for n in [4, 7] {
            let mut world = world(n, scheme, &[], Habit::Honest);
            let session = world.sign(1, b"hello");
            // One commit to be seen, the next one orders the shares.
            let signature = world.signature(session, 3);
            verify(scheme, &world, b"hello", &signature);
        }
    }
}

#[test]
fn f_silent_sites_cost_windows_but_no_signature() {
    for scheme in SCHEMES {
        for (n, faulty) in [(4, &[0][..]), (7, &[0, 1])] {
            let mut world = world(n, scheme, faulty, Habit::Silent);
            let session = world.sign(1, b"hello");
            let signature = world.signature(session, (faulty.len() + 1) * (window() + 2));
            verify(scheme, &world, b"hello", &signature);
            assert_eq!(world.ordered.evidence().len(), 0, "silence convicts nobody");
        }
    }
}

#[test]
fn a_silent_site_is_left_out_of_the_next_session_until_it_has_answered() {
    let mut world = world(4, Scheme::Ed25519, &[0], Habit::Silent);
    let first = world.sign(1, b"first");
    world.signature(first, 2 * window());
    assert_eq!(world.ordered.standing(site(0)), Standing::Silent);
    let second = world.sign(1, b"second");
    world.signature(second, 3);
    // Another one falls silent: the first is needed, answers, and is in good standing again.
    world.habits[0] = Habit::Honest;
    world.habits[1] = Habit::Silent;
    let third = world.sign(1, b"third");
    world.signature(third, 2 * window());
    assert_eq!(world.ordered.standing(site(0)), Standing::Good);
    assert_eq!(world.ordered.standing(site(1)), Standing::Silent);
}

#[test]
fn c17_f_lying_sites_are_convicted_and_no_other_and_the_signature_comes() {
    for scheme in SCHEMES {
        for (n, faulty) in [(4, &[0][..]), (7, &[0, 1])] {
            let mut world = world(n, scheme, faulty, Habit::Lying);
            let session = world.sign(1, b"hello");
            let signature = world.signature(session, 3 * (faulty.len() + 1));
            verify(scheme, &world, b"hello", &signature);
            world.commits(2);
            let convicted: SiteSet = world.ordered.evidence().map(|own| own.site).collect();
            let liars: SiteSet = faulty.iter().map(|own| site(*own)).collect();
            assert_eq!(convicted, liars, "{scheme:?}");
        }
    }
}

#[test]
fn one_silent_and_one_lying_site_of_seven_do_not_prevent_a_signature() {
    for scheme in SCHEMES {
        let mut world = world(7, scheme, &[0], Habit::Silent);
        world.habits[3] = Habit::Lying;
        let session = world.sign(1, b"hello");
        let signature = world.signature(session, 4 * window());
        verify(scheme, &world, b"hello", &signature);
    }
}

#[test]
fn beyond_f_silent_sites_a_session_waits_and_says_for_whom() {
    for scheme in SCHEMES {
        let mut world = world(4, scheme, &[0, 1], Habit::Silent);
        let session = world.sign(1, b"hello");
        world.commits(3 * window());
        let Answer::Pending { awaited } = world.result(session) else {
            panic!("a result of two sites");
        };
        let silent: SiteSet = [site(0), site(1)].into_iter().collect();
        assert_eq!(awaited, silent, "{scheme:?}");
        // One returns and answers: that is enough.
        world.habits[1] = Habit::Honest;
        world.signature(session, 2 * window());
    }
}

#[test]
fn no_more_attempts_are_open_than_can_be_stuck() {
    // n − t + 1 = 3 of 7 sites' attempts; two silent ones hold up two, the third goes through.
    let mut world = world(7, Scheme::Ed25519, &[0, 1], Habit::Silent);
    let session = world.sign(1, b"hello");
    let mut most = 0;
    while let Answer::Pending { .. } = world.result(session) {
        if let Work::Frost(frost) = &world.ordered.sessions.open[&session].work {
            most = most.max(frost.attempts().len());
        }
        world.commit();
    }
    assert!((2..=3).contains(&most), "{most}");
}

#[test]
fn the_first_in_delivery_order_are_named() {
    let mut world = world(7, Scheme::Ed25519, &[], Habit::Honest);
    let session = world.sign(1, b"hello");
    let Work::Frost(frost) = &world.ordered.sessions.open[&session].work else {
        panic!("not FROST");
    };
    let named: Vec<SiteId> = frost.awaited().iter().collect();
    assert_eq!(named, (0..5).map(site).collect::<Vec<_>>());
}
