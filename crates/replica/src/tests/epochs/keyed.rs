//! The group's keys over a change of the view.

use bytes::Bytes;
use maftia_activity::keys::sessions::{Answer, Request};
use maftia_activity::keys::{GENESIS_KEYS, Site, State};
use maftia_activity::replication::Effects;
use maftia_activity::suite::keys_request;
use maftia_codec::Wire;
use maftia_types::SiteId;

use super::super::harness::CONFIG;
use super::change::replace;
use super::machine::{Machine, key, vault};
use super::world::World;
use crate::Replica;

/// Public key, version, and how many hold their shares, by name.
fn facts(replica: &Replica) -> Vec<(Vec<u8>, u32, usize)> {
    let keys = GENESIS_KEYS.iter().filter_map(|(name, _)| {
        let record = replica.shared_keys()?.key_named(name)?;
        let version = record
            .current
            .as_ref()
            .filter(|_| record.state == State::Active)?;
        assert!(version.culprits.is_empty(), "nobody has dealt wrongly");
        Some((
            version.sharing.key_bytes(),
            version.number,
            version.holders.len(),
        ))
    });
    keys.collect()
}

fn is_held_by(machine: &Machine, holders: usize) -> bool {
    let facts = facts(&machine.replica);
    facts.len() == GENESIS_KEYS.len() && facts.iter().all(|(_, _, held)| *held == holders)
}

fn sign(world: &mut World, name: &str) -> Bytes {
    let keys = world.machines[1].replica.shared_keys().unwrap();
    let request = Request::Sign {
        key: keys.key_named(name).unwrap().id,
        message: Bytes::from_static(b"a message"),
        slot: None,
    };
    let answer = Answer::from_bytes(world.answer(&keys_request(&request))).unwrap();
    let Answer::Session(session) = answer else {
        panic!("no session but {answer:?}");
    };
    for _ in 0..50 {
        let request = Request::Result { session };
        match Answer::from_bytes(world.answer(&keys_request(&request))).unwrap() {
            Answer::Signature(signature) => return signature,
            Answer::Pending { .. } => world.run(20),
            other => panic!("no signature but {other:?}"),
        }
    }
    panic!("no signature of `{name}`");
}

/// What is on the disk of a site that holds nothing.
fn empty_vault(of: usize) -> Vec<u8> {
    let id = SiteId::new(0).unwrap();
    let mut site = Site::new(id, CONFIG, key(of), None, [0; 32]).unwrap();
    let mut effects = Effects::default();
    site.retire(&mut effects);
    effects.vault.unwrap().to_vec()
}

#[test]
fn keys_keep_their_public_half_when_a_site_is_replaced_and_the_next_committee_uses_them() {
    let mut world = World::new(4, true);
    world.run_until("keyed", |own| is_held_by(own, 4));
    let before = facts(&world.machines[0].replica);
    world.propose(replace("s2", 4), None);
    world.invite(0);
    for i in 0..20 {
        world.put(&format!("during {i}"));
        world.run(10);
    }
    world.run_until("in the next epoch", |own| own.is_in(1));
    world.run_until("held by all", |own| {
        is_held_by(own, 4) || own.replica.me().index() > 3
    });
    let after = facts(&world.machines[4].replica);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before.0, after.0, "the public key stays");
        assert!(before.1 < after.1, "the shares do not");
    }
    let left = vault(&world.machines[2].records).unwrap();
    let kept = left.expose().len();
    assert_eq!(kept, empty_vault(2).len(), "who leaves keeps no share");
    // Every share of the other three is needed.
    (world.machines[2].off, world.machines[0].off) = (true, true);
    assert_eq!(sign(&mut world, "signing").len(), 64);
    assert_eq!(sign(&mut world, "group").len(), 48);
}

#[test]
fn a_joiner_that_falls_silent_while_keys_are_shared_holds_up_nobody() {
    let mut world = World::new(4, true);
    world.run_until("keyed", |own| is_held_by(own, 4));
    world.propose(replace("s2", 4), None);
    world.invite(0);
    let ready = |own: &Machine| {
        let pending = own.replica.membership().and_then(|state| state.pending());
        pending.is_none_or(|pending| !pending.ready.is_empty())
    };
    for _ in 0..2000 {
        if ready(&world.machines[0]) {
            break;
        }
        world.run(1);
    }
    assert_eq!(world.machines[0].epoch(), 0, "keys take longer than this");
    world.machines[4].off = true;
    world.run_until("in the next epoch", |own| own.is_in(1));
    world.machines[2].off = true;
    world.restart(4);
    world.run_until("there", |own| own.is_in(1));
    world.run_until("held by all", |own| is_held_by(own, 4));
    assert_eq!(sign(&mut world, "signing").len(), 64);
}
