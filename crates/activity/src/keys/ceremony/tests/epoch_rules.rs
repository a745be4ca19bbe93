//! What may be asked of a change of committee, and what it leaves.

use maftia_codec::Wire as _;
use maftia_crypto::Domain;
use maftia_threshold::Ed25519;
use maftia_types::{Epoch, FaultModel, Resilience};

use super::epochs::{KEY, REPLACED, changing, settled};
use super::world::{World, signing_key, site};
use crate::keys::{
    Act, GENESIS_KEYS, KeyId, Operation, Ordered, Refusal, Reply, Scheme, Site, State, VaultError,
};
use crate::replication::{Effects, NextCommittee, PrepareError};

#[test]
fn a_key_that_has_no_sharing_yet_is_made_by_the_next_committee_or_after_all_by_this_one() {
    let mut world = World::new(4, GENESIS_KEYS, 15);
    (0..50).for_each(|_| world.step());
    // There is nothing to share, hence nothing to wait for.
    world.prepare(REPLACED).unwrap();
    assert_eq!(world.epoch(), 1);
    assert_eq!(world.ordered().ceremonies().count(), 3);
    world.finish();
    world.check();

    let mut world = World::new(4, GENESIS_KEYS, 16);
    world.entering = false;
    world.prepare(REPLACED).unwrap();
    assert!(world.ordered().is_prepared());
    assert_eq!(world.ordered().ceremonies().count(), 0);
    world.abandon();
    assert_eq!(world.ordered().ceremonies().count(), 3);
    world.finish();
    world.check();
    assert!(world.ordered().keys().all(|own| own.state == State::Active));
}

#[test]
fn while_the_members_change_no_key_is_made_or_refreshed_but_one_may_be_retired() {
    let mut world = settled(World::new(
        4,
        &[("a", Scheme::Ed25519), ("b", Scheme::Bls)],
        17,
    ));
    world.prepare(REPLACED).unwrap();
    let create = Operation::Change(Act::Create {
        name: "c".to_owned(),
        scheme: Scheme::Seal,
        policy: None,
    });
    let retire = |key| Operation::Change(Act::Retire(KeyId(key)));
    let changing = Reply::Refused(Refusal::Changing);
    assert_eq!(world.request(&create), changing);
    assert_eq!(world.request(&Operation::Refresh(KeyId(1))), changing);
    let rotate = Operation::Change(Act::Rotate(KeyId(1)));
    assert_eq!(world.request(&rotate), changing);
    let retired = Reply::Retired(KeyId(1));
    assert_eq!(world.request(&retire(1)), retired);
    assert_eq!(world.ordered().ceremonies().count(), 1);
    world.step_until(|world| world.epoch() == 1);
    world.finish();
    world.check();
    assert!(matches!(world.request(&create), Reply::Begun { .. }));
    // The last key in use goes: there is nothing left to wait for.
    world.finish();
    world.prepare(&[0, 1, 4, 2]).unwrap();
    world.request(&retire(2));
    assert_eq!(world.epoch(), 1);
    world.request(&retire(3));
    assert_eq!(world.epoch(), 2);
}

#[test]
fn a_committee_that_does_not_follow_or_cannot_share_keys_is_refused() {
    let mut world = settled(World::new(4, KEY, 18));
    let before = world.ordered().clone();
    let good = NextCommittee {
        epoch: Epoch(1),
        resilience: Resilience::new(FaultModel::Arbitrary, 4, 1, 0).unwrap(),
        joiners: vec![signing_key(site(4)).public()],
        members: [0, 1, 4, 3].map(site).to_vec(),
    };
    let refused = |change: &dyn Fn(&mut NextCommittee)| {
        let (mut next, mut state) = (good.clone(), before.clone());
        change(&mut next);
        let error = state.prepare(&next, 9, 9).unwrap_err();
        assert_eq!(state, before);
        error
    };
    let inconsistent: [&dyn Fn(&mut NextCommittee); 9] = [
        &|next| next.epoch = Epoch(0),
        &|next| next.epoch = Epoch(2),
        &|next| next.members[0] = site(1),
        &|next| next.members[0] = site(5),
        &|next| next.members[2] = site(2),
        &|next| next.members.truncate(3),
        &|next| next.joiners.clear(),
        &|next| next.joiners[0] = signing_key(site(3)).public(),
        &|next| next.joiners = vec![signing_key(site(4)).public(); 61],
    ];
    for change in inconsistent {
        let error = refused(change);
        assert!(
            matches!(error, PrepareError::Inconsistent { .. }),
            "{error}"
        );
    }
    let hybrid = NextCommittee {
        resilience: Resilience::new(FaultModel::Hybrid, 3, 1, 0).unwrap(),
        joiners: Vec::new(),
        members: [0, 1, 3].map(site).to_vec(),
        ..good.clone()
    };
    assert!(!hybrid.resilience.hides_dealt_secrets());
    let error = refused(&|next| next.clone_from(&hybrid));
    assert_eq!(error, PrepareError::Unshareable);
    // With no key in use, any fault model will do.
    world.request(&Operation::Change(Act::Retire(KeyId(1))));
    let mut state = world.ordered().clone();
    assert_eq!(state.prepare(&hybrid, 9, 9), Ok(()));
    state.enter();
    assert_eq!(state.setup().resilience, hybrid.resilience);
}

#[test]
#[should_panic(expected = "the next committee holds the keys")]
fn an_epoch_does_not_end_before_the_keys_are_held() {
    let mut state = changing(19).ordered().clone();
    state.enter();
}

#[test]
fn every_state_of_a_change_has_one_encoding() {
    let mut world = changing(20);
    world.step_until(|world| world.epoch() == 1);
    world.finish();
    for state in &world.states {
        let read = Ordered::from_bytes(state.to_bytes()).unwrap();
        assert_eq!(&read, &**state);
    }
    assert!(
        world
            .states
            .iter()
            .any(|state| state.setup().sites.len() == 5)
    );
}

#[test]
fn c23_shares_of_the_former_committee_are_gone_everywhere_and_refused() {
    let mut world = settled(World::new(4, KEY, 21));
    let old = world.ordered().key(KeyId(1)).unwrap().clone();
    let shares = [0, 1, 2, 3].map(|who| world.actors[who].site.share::<Ed25519>(&old).unwrap());
    let backup = world.actors[0].vault.clone();
    world.change(REPLACED);
    let new = world.ordered().key(KeyId(1)).unwrap().clone();
    let sharing = new.active().unwrap().sharing_in::<Ed25519>().unwrap();
    for share in &shares {
        assert!(sharing.check(share).is_err());
        for actor in &world.actors {
            let vault = actor.vault.as_ref().unwrap();
            let bytes = share.to_bytes();
            assert!(!vault.windows(32).any(|window| window == &bytes[..]));
        }
    }
    // One that comes back with its vault of before has no share, and erases what it had.
    world.actors[0].vault = backup;
    world.crash(0);
    world.see_all();
    assert!(world.actors[0].site.share::<Ed25519>(&new).is_none());
    assert!(world.actors[0].site.vault.held.is_empty());
}

#[test]
fn a_site_does_nothing_under_a_number_that_is_not_its_own() {
    let mut world = settled(World::new(4, KEY, 22));
    world.request(&Operation::Refresh(KeyId(1)));
    let state = world.ordered().clone();
    let own = &mut world.actors[0].site;
    let observe = |own: &mut Site| {
        let mut out = Effects::default();
        own.observe(maftia_types::Time::from_nanos(1 << 60), &state, &mut out);
        !out.messages.is_empty() || !out.contributions.is_empty() || out.vault.is_some()
    };
    for number in [1, 4] {
        own.renumber(site(number));
        assert!(!observe(own));
        assert_eq!(own.next_timeout(), None, "nor does it ask for the time");
    }
    own.renumber(site(0));
    assert!(observe(own));
    let mut out = Effects::default();
    own.retire(&mut out);
    let wiped = out.vault.unwrap();
    let key = signing_key(site(0));
    let again = Site::new(site(0), world.setup.group, key, Some(&wiped), [1; 32]).unwrap();
    assert!(again.vault.held.is_empty() && again.vault.works.is_empty());
}

#[test]
fn s09_a_vault_that_is_bound_to_a_seat_is_refused_as_outdated() {
    let body = [3; 60];
    let sum = Domain::new("keys vault").digest(&body);
    let bytes = [&body[..], sum.as_bytes()].concat();
    let key = signing_key(site(0));
    let site = Site::new(
        site(0),
        maftia_types::Digest([1; 32]),
        key,
        Some(&bytes),
        [1; 32],
    );
    assert_eq!(site.err(), Some(VaultError::Outdated));
}
