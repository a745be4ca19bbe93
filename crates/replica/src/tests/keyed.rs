//! The keyed services in whole replicas.

use maftia_activity::keys::{
    GENESIS_KEYS, KeyRecord, Operation, Ordered, Setup, Site, State, Version,
};
use maftia_activity::replication::StateMachine;
use maftia_activity::suite::{Suite, keys_operation};
use maftia_protocol::Protocol;
use maftia_types::{Epoch, FaultModel, Incarnation, Powers, Resilience, Sequence, SiteId};

use super::harness::{CONFIG, Net, SITES, boot_with, key, site};
use crate::{Bodies, Boot, ClientMessage, Command, Record, Replica, Settings, Span};

fn suite() -> Box<dyn StateMachine> {
    let setup = Setup {
        group: CONFIG,
        epoch: Epoch(0),
        resilience: Resilience::largest(FaultModel::Arbitrary, SITES).unwrap(),
        sites: SiteId::all(SITES).map(|site| key(site).public()).collect(),
        clients: vec![Powers::ALL],
        approvals: 1,
    };
    Box::new(Suite::new(Ordered::new(setup, GENESIS_KEYS)))
}

fn half(me: u8, vault: Option<&[u8]>, life: u8) -> Option<Site> {
    let seed = [10 * life + me; 32];
    Some(Site::new(site(me), CONFIG, key(site(me)), vault, seed).unwrap())
}

/// Starts a site from what its records left on the disk.
pub(super) fn start(net: &mut Net, me: u8, life: u8) {
    let records = std::mem::take(&mut net.records[usize::from(me)]);
    let vault = records.iter().rev().find_map(|record| match record {
        Record::Vault(vault) => Some(vault.clone()),
        _ => None,
    });
    let log = records.iter().filter_map(|record| match record {
        Record::Ordering(record) => Some(record.clone()),
        _ => None,
    });
    let boot = Boot {
        records: log.collect(),
        site_half: half(me, vault.as_ref().map(|vault| vault.expose()), life),
        nonce: u64::from(life),
        ..Boot::default()
    };
    let (replica, step) = boot_with(me, Settings::default(), suite(), boot, net.now);
    net.replicas[usize::from(me)] = replica;
    net.records[usize::from(me)] = records;
    net.perform(site(me), step);
}

pub(super) fn group_key(replica: &Replica) -> &KeyRecord {
    replica.shared_keys().unwrap().key_named("group").unwrap()
}

/// Runs until those sites show what is wanted of the key `group`.
fn run_until(net: &mut Net, sites: &[usize], wanted: impl Fn(&KeyRecord) -> bool) {
    for _ in 0..400 {
        if sites.iter().all(|at| wanted(group_key(&net.replicas[*at]))) {
            return;
        }
        net.run(20);
    }
    panic!("{:?}", group_key(&net.replicas[sites[0]]));
}

pub(super) fn current(record: &KeyRecord) -> &Version {
    record.current.as_ref().unwrap()
}

#[test]
fn a_group_makes_its_keys_and_a_restarted_site_uses_the_share_it_kept() {
    let mut net = Net::new(Settings::default());
    (0..4).for_each(|me| start(&mut net, me, 1));
    run_until(&mut net, &[0, 1, 2, 3], |key| {
        key.state == State::Active && current(key).holders.len() == SITES
    });
    let public: Vec<Vec<u8>> = net
        .replicas
        .iter()
        .map(|replica| current(group_key(replica)).sharing.key_bytes())
        .collect();
    assert!(public.iter().all(|key| *key == public[0]), "one key");

    // Site 0 starts again, site 1 says nothing any more: every share of the others is needed.
    start(&mut net, 0, 2);
    net.mute = Some(site(1));
    let id = group_key(&net.replicas[2]).id;
    let bodies = Bodies::new([&keys_operation(&Operation::Refresh(id))]);
    for at in [0, 2, 3] {
        let message = ClientMessage::Submit {
            session: 0,
            incarnation: Incarnation(1),
            batches: vec![(Span::one(Sequence(1)), bodies.clone())],
        };
        let Ok(step) = net.replicas[at].command(net.now, Command::Client { key: 0, message });
        net.perform(SiteId::all(SITES).nth(at).unwrap(), step);
    }
    run_until(&mut net, &[0, 2, 3], |key| current(key).number == 1);
    for at in [0, 2, 3] {
        let kept = current(group_key(&net.replicas[at])).sharing.key_bytes();
        assert_eq!(kept, public[0], "a refresh leaves the public key");
    }
}
