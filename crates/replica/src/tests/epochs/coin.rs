//! The coin that names leaders, in whole replicas with real keys (ADR 14).

use maftia_activity::keys::{Ordered, Site};
use maftia_membership::membership::Outcome;
use maftia_ordering::Mode;
use maftia_ordering::coin::Coin;
use maftia_protocol::plant;
use maftia_types::{CoinUse, Epoch, SiteId};

use super::super::harness::CONFIG;
use super::change::replace;
use super::machine::{Machine, key, vault};
use super::world::World;
use crate::Why;

fn coin(own: &Machine) -> Option<&Coin> {
    own.replica.engine().parameters().asynchronous.coin()
}

/// Whether it is in that epoch, and adds its shares to the epoch's coins.
fn tosses(own: &Machine, epoch: u64) -> bool {
    own.is_in(epoch) && coin(own).is_some_and(Coin::is_held)
}

/// A group in its first epoch with a coin, which it has come to by itself.
fn tossing(use_: CoinUse) -> World {
    let mut world = World::with_coin(4, use_);
    world.run_until("tossing", |own| tosses(own, 1));
    world
}

/// Requests are executed, and by the coin.
fn serves(world: &mut World) {
    let before = by_coin(&world.machines[0]);
    for i in 0..4 {
        world.put(&format!("{i}"));
        world.run(10);
    }
    world.finish();
    assert!(by_coin(&world.machines[0]) > before, "the coin decides");
}

fn by_coin(own: &Machine) -> u64 {
    own.replica.ruling().commits_by_coin
}

#[test]
fn a_group_that_wants_a_coin_changes_epoch_by_itself_and_is_decided_by_it() {
    let mut world = World::with_coin(4, CoinUse::Always);
    let first = world.machines[0].replica.ruling();
    assert_eq!((first.mode, first.why), (Mode::S, Why::NoCoin));
    world.run_until("tossing", |own| tosses(own, 1));
    serves(&mut world);
    world.run_until("certified", |own| own.is_certified());
    for own in &world.machines {
        let ruling = own.replica.ruling();
        assert_eq!((ruling.mode, ruling.why), (Mode::A, Why::Configured));
        assert!(ruling.since.is_some() && ruling.coins > 0);
        let state = own.replica.membership().unwrap();
        let [entry] = &state.history().collect::<Vec<_>>()[..] else {
            panic!("one change")
        };
        assert!(entry.change.is_renewal() && entry.approvals.is_empty());
        assert_eq!(entry.outcome, Outcome::Entered(Epoch(1)));
        assert!(state.pending().is_none(), "and no second one");
    }
}

#[test]
fn a_group_that_wants_none_makes_no_coin_and_stays_in_its_epoch() {
    let mut world = World::new(4, true);
    let keyed = |own: &Machine| own.replica.shared_keys().unwrap().ceremonies().count() == 0;
    world.run_until("keyed", keyed);
    world.run(500);
    world.put("a");
    world.finish();
    let own = &world.machines[0];
    assert!(
        own.is_in(0)
            && own
                .replica
                .shared_keys()
                .unwrap()
                .key_named("coin")
                .is_none()
    );
    let ruling = own.replica.ruling();
    assert_eq!((ruling.mode, ruling.why), (Mode::S, Why::Configured));
}

#[test]
fn with_auto_known_leaders_decide_as_long_as_they_do() {
    let mut world = tossing(CoinUse::Auto);
    for i in 0..10 {
        world.put(&format!("{i}"));
        world.run(20);
    }
    world.finish();
    let ruling = world.machines[0].replica.ruling();
    assert_eq!((ruling.mode, ruling.why), (Mode::S, Why::Agreed));
    assert_eq!((ruling.commits_by_coin, ruling.failovers), (0, 0));
    assert!(
        ruling.coins > 0,
        "the control chain reads coins all the time"
    );
}

#[test]
fn a_group_comes_to_its_coin_although_all_lose_power_at_each_phase_on_the_way() {
    for steps in [10, 80, 160, 220, 280, 340] {
        let mut world = World::with_coin(4, CoinUse::Always);
        world.run(steps);
        world.restart_all();
        world.run_until("tossing", |own| tosses(own, 1));
        world.restart_all();
        serves(&mut world);
    }
}

#[test]
fn a_site_that_starts_again_in_mid_epoch_decides_from_its_log_with_the_coin() {
    let mut world = tossing(CoinUse::Always);
    serves(&mut world);
    let commit = world.machines[0].replica.status().commit;
    // Nothing is heard: what is decided is decided by what is on the disk.
    world.lost = Box::new(|_, _, _| true);
    world.restart(0);
    let own = &world.machines[0];
    assert!(tosses(own, 1));
    assert_eq!(own.replica.status().commit, commit);
    assert!(by_coin(own) > 0);
    world.lost = Box::new(|_, _, _| false);
    serves(&mut world);
    world.restart_all();
    serves(&mut world);
}

/// A group whose site 2 is being replaced by machine 4, some steps after that one has come.
fn changing(steps: usize) -> World {
    let mut world = tossing(CoinUse::Always);
    world.put("before");
    world.propose(replace("s2", 4), None);
    world.invite(0);
    world.put("during");
    world.run(steps);
    world
}

#[test]
fn a_change_between_two_epochs_with_coins_completes_although_all_lose_power() {
    for steps in [0, 60, 120, 180, 240] {
        let mut world = changing(steps);
        world.restart_all();
        world.run_until("tossing", |own| tosses(own, 2) || own.has_left());
        // The log is read across the turn, with the shares of the former coin erased.
        world.restart_all();
        world.run_until("tossing", |own| tosses(own, 2) || own.has_left());
        world.machines[2].off = true;
        serves(&mut world);
    }
}

#[test]
fn a_replaced_site_leaves_the_coin_to_the_one_in_its_place() {
    let mut world = tossing(CoinUse::Always);
    let of_then = world.machines[0].replica.shared_keys().unwrap().clone();
    assert!(
        share(&world.machines[0], 0, &of_then),
        "as long as it is used"
    );
    world.propose(replace("s2", 4), None);
    world.invite(0);
    for i in 0..10 {
        world.put(&format!("during {i}"));
        world.run(10);
    }
    let gone = |own: &Machine| own.has_left();
    world.run_until("tossing anew", |own| tosses(own, 2) || gone(own));
    world.run_until("certified", |own| own.is_certified());
    world.machines[2].off = true;
    // A former share is with nobody, neither on a disk nor in an engine that answers stragglers.
    world.run_until("agreed", has_no_former);
    for (of, seat) in [(0, 0), (1, 1), (2, 2), (3, 3)] {
        assert!(!share(&world.machines[of], seat, &of_then), "{of}");
    }
    // The coin takes all three that are left, the new one among them.
    world.machines[0].off = true;
    let before = by_coin(&world.machines[1]);
    world.put("after");
    world.finish();
    assert!(by_coin(&world.machines[1]) > before);
    assert!(coin(&world.machines[4]).unwrap().is_held());
}

fn has_no_former(own: &Machine) -> bool {
    own.replica.epochs.as_ref().unwrap().former.is_none()
}

/// Whether a machine's disk holds the share of the coin of a former state, as the site it was then.
fn share(own: &Machine, seat: u8, of_then: &Ordered) -> bool {
    let seat = SiteId::new(seat).unwrap();
    let of = key_of(own);
    let bytes = vault(&own.records).unwrap().expose().to_vec();
    let half = Site::new(seat, CONFIG, key(of), Some(&bytes), [7; 32]).unwrap();
    half.coin_share(seat, of_then).is_some()
}

fn key_of(own: &Machine) -> usize {
    let public = own.replica.engine().key().public();
    (0..8).find(|of| key(*of).public() == public).unwrap()
}

/// A group, one of whose sites was off while the keys were made and shared, and comes back when the
/// others have no blocks of that time any more.
fn late() -> World {
    let mut world = World::with_coin(4, CoinUse::Always);
    world.machines[3].off = true;
    world.run_until("tossing", |own| tosses(own, 1));
    for i in 0..10 {
        world.put(&format!("meanwhile {i}"));
        world.run(20);
    }
    world.run_until("agreed", has_no_former);
    world.restart(3);
    world.run_until("there", |own| own.is_in(1));
    world.run(500);
    world
}

#[test]
fn a_share_that_comes_late_is_tossed_with_at_once() {
    let mut world = late();
    assert!(tosses(&world.machines[3], 1));
    // Without its share there are too few.
    world.machines[0].off = true;
    let before = by_coin(&world.machines[1]);
    world.put("after");
    world.finish();
    assert!(by_coin(&world.machines[1]) > before);
    let wrong = plant("late share of the coin kept back", late);
    assert!(!tosses(&wrong.machines[3], 1));
}
