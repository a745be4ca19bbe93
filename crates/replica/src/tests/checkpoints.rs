use std::sync::{Arc, Weak};

use maftia_activity::kv;
use maftia_activity::replication::StateMachine;
use maftia_ordering::{Frontier, IndexedDigest};
use maftia_types::{Digest, Epoch, SiteId};

use crate::checkpoint::{Checkpoint, Checkpoints, Tally};
use crate::head::Realm;

const NEEDED: usize = 2;

fn checkpoint(index: u64) -> Arc<Checkpoint> {
    let frontier = Frontier {
        index,
        ..Frontier::start()
    };
    let app = kv::Store::default().snapshot();
    let realm = Realm {
        group: Digest::ZERO,
        epoch: Epoch(0),
        members: Digest::ZERO,
    };
    let ledger = index.to_be_bytes().to_vec().into();
    Arc::new(Checkpoint::new(realm, frontier, &ledger, app, None))
}

/// Checkpoints 1 to `count`, and which of them still have their bytes.
fn added(count: u64) -> (Checkpoints, Vec<Weak<Checkpoint>>) {
    let mut checkpoints = Checkpoints::default();
    let add = |index| {
        let checkpoint = checkpoint(index);
        let weak = Arc::downgrade(&checkpoint);
        checkpoints.add(checkpoint);
        weak
    };
    let weak = (1..=count).map(add).collect();
    (checkpoints, weak)
}

fn alive(weak: &[Weak<Checkpoint>]) -> Vec<u64> {
    let alive = weak.iter().filter_map(Weak::upgrade);
    alive.map(|checkpoint| checkpoint.index).collect()
}

fn vote(checkpoints: &mut Checkpoints, vote: IndexedDigest) -> Tally {
    let mut sites = SiteId::all(NEEDED);
    let mut count = || checkpoints.count(sites.next().unwrap(), vote, NEEDED);
    assert_eq!(count(), Tally::Nothing, "one vote");
    count()
}

#[test]
fn only_the_oldest_and_the_newest_own_checkpoint_keep_their_bytes() {
    for (count, expected) in [
        (1, vec![1]),
        (2, vec![1, 2]),
        (3, vec![1, 3]),
        (8, vec![1, 8]),
    ] {
        let (_checkpoints, weak) = added(count);
        assert_eq!(alive(&weak), expected);
    }
    let (_checkpoints, weak) = added(9);
    assert_eq!(alive(&weak), [9], "the oldest made room");
}

#[test]
fn the_oldest_and_the_newest_become_stable() {
    for index in [1, 4] {
        let (mut checkpoints, weak) = added(4);
        let tally = vote(&mut checkpoints, checkpoint(index).vote());
        assert_eq!(tally, Tally::Stable(index));
        assert!(alive(&weak).contains(&index));
    }
}

#[test]
fn one_agreed_on_without_bytes_makes_way_for_the_next() {
    let (mut checkpoints, weak) = added(4);
    assert_eq!(vote(&mut checkpoints, checkpoint(2).vote()), Tally::Nothing);
    assert_eq!(alive(&weak), [4]);
    checkpoints.add(checkpoint(5));
    assert_eq!(
        vote(&mut checkpoints, checkpoint(4).vote()),
        Tally::Stable(4)
    );
    assert_eq!(
        vote(&mut checkpoints, checkpoint(5).vote()),
        Tally::Stable(5)
    );
}

#[test]
fn divergence_is_seen_also_without_bytes() {
    let (mut checkpoints, _) = added(4);
    let theirs = IndexedDigest {
        index: 2,
        digest: checkpoint(9).vote().digest,
    };
    assert!(matches!(
        vote(&mut checkpoints, theirs),
        Tally::Diverged { index: 2, .. }
    ));
}
