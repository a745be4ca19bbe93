//! Sites that follow, and the step from one epoch to the next.

use maftia_types::{Digest, Epoch, Round, SiteId, Time};

use super::harness::*;
use crate::*;

const NEXT: Digest = Digest([10; 32]);

/// Four members and a fifth that follows.
fn followed() -> Net {
    let mut net = Net::new(4);
    net.engines.iter_mut().for_each(|own| own.set_learners(1));
    let identity = Identity {
        me: site(4),
        key: key(4),
        keys: (0..4).map(|i| key(i).public()).collect(),
    };
    let learner = Engine::boot(parameters(4), identity, fresh_boot(), Time::ZERO).0;
    net.add(learner);
    net
}

/// Everybody is after commit `index` of the first epoch, `order` says who has which seat.
fn turn(net: &mut Net, order: &[usize]) {
    let last = (0..net.engines.len()).map(|at| net.engines[at].frontier().index);
    let last = last.min().unwrap();
    let keys: Vec<_> = order.iter().map(|of| key(*of).public()).collect();
    for (at, engine) in net.engines.iter_mut().enumerate() {
        let commit = net.commits[at].iter().find(|own| own.index == last);
        let commit = commit.expect("all have delivered it");
        let (digest, time_ms) = (commit.digest, commit.time_ms);
        net.commits[at].retain(|own| own.index <= last);
        let seat = order.iter().position(|of| *of == at).unwrap_or(order.len());
        let parameters = Parameters {
            config: NEXT,
            epoch: Epoch(1),
            ..parameters(order.len())
        };
        let frontier = Frontier {
            index: last,
            digest,
            time_ms,
            ..Frontier::start()
        };
        let boot = Boot {
            frontier,
            ..fresh_boot()
        };
        let seat = (site(seat as u8), keys.clone());
        let (step, _) = engine.turn(parameters, seat, boot, bytes::Bytes::clone, net.now);
        assert!(step.is_empty());
    }
}

#[test]
fn a_site_without_a_seat_delivers_what_the_members_do_and_signs_nothing() {
    let mut net = followed();
    for i in 0..20u8 {
        net.submit(usize::from(i % 4), &[i]);
        net.run(20);
    }
    net.run(100);
    assert_eq!(net.payloads(0).concat().len(), 20);
    assert_eq!(net.payloads(4), net.payloads(0));
    let blocks = net.records[4].iter().filter_map(|record| match record {
        Record::Block { block, .. } => Some(block.author()),
        _ => None,
    });
    assert!(blocks.clone().count() > 20);
    assert!(blocks.into_iter().all(|author| author.index() < 4));
}

#[test]
fn who_follows_and_comes_late_asks_for_what_it_lacks() {
    let mut net = followed();
    net.cut = vec![site(4)];
    for i in 0..40u8 {
        net.submit(usize::from(i % 4), &[i]);
        net.run(20);
    }
    assert!(net.payloads(4).is_empty());
    net.cut.clear();
    net.run(200);
    assert_eq!(net.payloads(4), net.payloads(0));
}

#[test]
fn who_follows_cannot_speak_as_a_member() {
    let mut net = followed();
    let (now, member) = (net.now, &mut net.engines[0]);
    let tips = vec![Round(1 << 40); 4];
    let knowledge = Message::Knowledge(Knowledge {
        tips,
        base: Round(1 << 40),
        settled: Round(1 << 40),
        ask: false,
    });
    let event = maftia_protocol::Event::Message {
        from: site(4),
        message: knowledge,
    };
    let step = maftia_protocol::Protocol::handle(member, now, event);
    assert!(
        step.outputs.is_empty(),
        "no learner says that we are behind"
    );
}

#[test]
fn the_next_epoch_goes_on_from_the_last_commit_with_another_committee() {
    let mut net = followed();
    for i in 0..20u8 {
        net.submit(usize::from(i % 4), &[i]);
        net.run(20);
    }
    net.run(100);
    let before = net.payloads(0).concat().len();
    // On its way when the epoch ends.
    net.submit(0, b"late");
    // 2 goes; 4 has its seat.
    turn(&mut net, &[0, 1, 4, 3]);
    net.permute(&[0, 1, 4, 3, 2]);
    net.submit(2, b"new");
    net.run(300);
    let after = net.payloads(0);
    assert_eq!(after.concat().len(), before + 7, "late and new, once each");
    for other in 1..4 {
        let commits = |at: usize| net.commits[at].iter().map(|own| own.digest);
        assert!(commits(other).eq(commits(0)) || net.payloads(other) == after);
    }
    let indices: Vec<u64> = net.commits[0].iter().map(|own| own.index).collect();
    assert!(indices.windows(2).all(|pair| pair[1] == pair[0] + 1));
    let authors = net.commits[0].iter().flat_map(|own| &own.blocks);
    let new: Vec<SiteId> = authors
        .filter(|(block, _)| block.header().config == NEXT)
        .map(|(block, _)| block.author())
        .collect();
    assert!(new.contains(&site(2)), "the joiner takes part");
}

#[test]
fn a_block_of_another_epoch_is_no_block() {
    let mut net = followed();
    net.submit(0, b"x");
    net.run(60);
    let old = net.engines[0].dag().newest(site(0)).unwrap().block.clone();
    turn(&mut net, &[0, 1, 4, 3]);
    let message = Message::Block {
        block: old,
        payload: None,
    };
    let event = maftia_protocol::Event::Message {
        from: site(0),
        message,
    };
    let step = maftia_protocol::Protocol::handle(&mut net.engines[1], net.now, event);
    assert_eq!(step.faults.len(), 1);
    assert_eq!(net.engines[1].dag().tip(), Round(0));
}
