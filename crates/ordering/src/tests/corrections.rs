//! One test per correction to the protocol's text that concerns this crate, each failing without
//! its repair. (9, on vouches, is in the replica.)

use super::blocks::*;
use super::harness::*;
use crate::*;
use bytes::Bytes;
use maftia_codec::Wire;
use maftia_protocol::{Event, Protocol, Step, plant};
use maftia_types::{Epoch, FaultModel, Resilience, Round, SiteId, Time};

/// L, the block of leader 3 at round 2, has one vote, its author's. A site that lacks the round-3
/// block of 2 cannot skip directly and asks an anchor; one that has it skips.
#[test]
fn correction_1_one_vote_is_no_evidence_of_a_commit() {
    let verdict_of_slot_2 = |with_all_votes: bool| {
        let mut dag = full_dag(2);
        for author in [0, 1] {
            add(&mut dag, author, 3, &[0, 1, 2]);
        }
        if with_all_votes {
            add(&mut dag, 2, 3, &[0, 1, 2]);
        }
        add(&mut dag, 3, 3, &[0, 1, 3]);
        for round in 4..=8 {
            for author in [0, 1, 3] {
                add(&mut dag, author, round, &[0, 1, 3]);
            }
        }
        let leaders: Vec<SiteId> = (0..12).map(|r| site(if r == 2 { 3 } else { 0 })).collect();
        let resilience = Resilience::largest(FaultModel::Arbitrary, 4).unwrap();
        let mut committer = Committer::new(
            Rule::new(resilience, false).unwrap(),
            Schedule::fixed(leaders),
            Round(0),
        );
        let prefix = committer.advance(&dag).unwrap();
        prefix
            .into_iter()
            .find(|(round, _)| *round == Round(2))
            .map(|(_, verdict)| verdict)
    };
    assert_eq!(verdict_of_slot_2(false), Some(Verdict::Skip));
    assert_eq!(verdict_of_slot_2(true), Some(Verdict::Skip));
    let wrong = plant("indirect accepts any vote", || verdict_of_slot_2(false));
    assert!(matches!(wrong, Some(Verdict::Commit(_))), "{wrong:?}");
}

/// Four sites go on; another starts from an encoded frontier of theirs with the blocks above it.
fn digests_from_a_frontier(net: &Net) -> Vec<(u64, maftia_types::Digest)> {
    let commit = &net.commits[0][12];
    // What a commit delivered so far, as a checkpoint would have it.
    let mut frontier = Frontier::start();
    let cut = parameters(4).delivery_cut(commit.leader.round);
    for earlier in &net.commits[0][..=12] {
        frontier.index = earlier.index;
        frontier.digest = earlier.digest;
        frontier.time_ms = earlier.time_ms;
        frontier.settled = earlier.leader.round;
        frontier.leader_round = earlier.leader.round;
        let blocks = earlier.blocks.iter().map(|(block, _)| block.reference());
        frontier
            .delivered
            .extend(blocks.filter(|block| block.round > cut));
    }
    let frontier = Frontier::from_bytes(frontier.to_bytes()).unwrap();
    let boot = Boot {
        frontier,
        records: net.records[0].clone(),
        ..fresh_boot()
    };
    let (_, step) = Engine::boot(parameters(4), identity(4, 0), boot, Time::ZERO);
    let commits = step.outputs.into_iter().filter_map(|output| match output {
        Output::Commit(commit) => Some((commit.index, commit.digest)),
        _ => None,
    });
    commits.collect()
}

#[test]
fn correction_2_a_checkpoint_holds_the_delivered_set() {
    let mut net = Net::new(4);
    for i in 0..30u8 {
        net.submit(usize::from(i % 4), &[i]);
        net.run(12);
    }
    let expected: Vec<_> = net.commits[0]
        .iter()
        .map(|c| (c.index, c.digest))
        .skip(13)
        .collect();
    assert!(expected.len() > 5);
    assert_eq!(digests_from_a_frontier(&net), expected);
    let wrong = plant("checkpoint without the delivered set", || {
        digests_from_a_frontier(&net)
    });
    assert_ne!(wrong, expected);
}

/// Parents at or below the horizon are taken for granted, one above it is fetched: whatever a site
/// retains.
#[test]
fn correction_5_the_acceptance_horizon_is_a_formula_not_what_is_retained() {
    let mut net = Net::new(4);
    net.cut = vec![site(3)];
    for i in 0..80u8 {
        net.submit(0, &[i]);
        net.run(12);
    }
    let settled = net.engines[0].frontier().settled;
    let horizon = parameters(4).acceptance_horizon(settled).unwrap();
    assert_eq!(horizon, settled.minus(32));
    assert_eq!(net.engines[0].dag().base(), Round(0), "nothing was pruned");
    let mut block_above = |parents_at: Round| {
        let mut fake = at_round(net.engines[0].dag(), parents_at.0);
        fake.iter_mut().for_each(|parent| parent.digest = CONFIG);
        let block = Block::sign(header(3, parents_at.0 + 1, own_first(3, &fake)), &key(3));
        let reference = block.reference();
        let message = Message::Block {
            block,
            payload: None,
        };
        let from = site(3);
        let now = net.now;
        let step = net.engines[0].handle(now, Event::Message { from, message });
        assert!(step.faults.is_empty());
        net.engines[0].dag().contains(&reference)
    };
    assert!(block_above(horizon));
    assert!(!block_above(horizon.next()));
}

/// A block of a hostile site that leaves a round out, sent to one site only; its next block does not
/// continue it, so that the tips of all show nothing.
#[test]
fn correction_5_who_has_settled_less_is_sent_what_no_tip_shows() {
    let is_sent = |settled: u64| {
        let mut engine = Engine::boot(parameters(4), identity(4, 0), fresh_boot(), Time::ZERO).0;
        engine.dag = full_dag(9);
        let beside = add(&mut engine.dag, 3, 10, &[0, 1, 2]).reference();
        for author in 0..3 {
            add(&mut engine.dag, author, 10, &[0, 1, 2, 3]);
        }
        for author in 0..4 {
            add(&mut engine.dag, author, 11, &[0, 1, 2]);
        }
        let _ = engine.handle(Time::ZERO, Event::Timeout);
        let knowledge = Knowledge {
            tips: vec![Round(11); 4],
            base: Round(0),
            settled: Round(settled),
            ask: true,
        };
        let message = Message::Knowledge(knowledge);
        let from = site(1);
        let step = engine.handle(Time::ZERO, Event::Message { from, message });
        assert_eq!(engine.frontier().settled, Round(10));
        let shows =
            |m: &Message| matches!(m, Message::Block { block, .. } if block.reference() == beside);
        step.messages.iter().any(|out| shows(&out.message))
    };
    assert!(is_sent(9));
    assert!(!is_sent(10), "it has settled as much");
    assert!(!plant("no heads pushed", || is_sent(9)));
}

/// Of the twins of a slot a site takes two from their author, and more from each other site: it may
/// have settled something with them.
#[test]
fn correction_5_each_site_may_pass_on_as_many_more_twins_as_decide() {
    let mut engine = Engine::boot(parameters(4), identity(4, 0), fresh_boot(), Time::ZERO).0;
    let genesis = own_first(3, &at_round(engine.dag(), 0));
    let mut took = |from: u8, time_ms: u64| {
        let header = Header {
            time_ms,
            ..header(3, 1, genesis.clone())
        };
        let block = Block::sign(header, &key(3));
        let reference = block.reference();
        let message = Message::Block {
            block,
            payload: None,
        };
        let from = site(from);
        let _ = engine.handle(Time::ZERO, Event::Message { from, message });
        engine.dag().contains(&reference)
    };
    assert_eq!([1, 2, 3].map(|twin| took(3, twin)), [true, true, false]);
    let most = crate::heads::PASSED_ON_MAX as u64;
    for (from, first) in [(1, 3), (2, 3 + most)] {
        assert!((first..first + most).all(|twin| took(from, twin)));
        assert!(!took(from, first + most), "{from}");
    }
}

/// All first blocks are lost; nobody has a quorum of parents; nothing would ever be sent again.
#[test]
fn correction_6_a_group_whose_blocks_were_all_lost_goes_on() {
    let commits_after_total_loss = || {
        let mut net = Net::new(4);
        net.submit(0, b"x");
        net.lose_queue_for(40);
        net.run(60);
        net.payloads(1).len()
    };
    assert_eq!(commits_after_total_loss(), 1);
    assert_eq!(plant("no retransmission", commits_after_total_loss), 0);
}

#[test]
fn correction_7_a_site_far_behind_the_novelty_budget_catches_up() {
    let mut net = Net::new(4);
    net.cut = vec![site(3)];
    for i in 0..60u8 {
        net.submit(0, &[i]);
        net.run(12);
    }
    let behind = net.engines[0].dag().inserted();
    let budget = parameters(4).resilience.novelty_budget();
    assert!(
        behind > 2 * budget as u64,
        "{behind} blocks, budget {budget}"
    );
    net.cut.clear();
    net.run(400);
    let items = |at| net.payloads(at).iter().map(Vec::len).sum::<usize>();
    assert_eq!(items(3), items(0));
}

/// The settled frontier trails by 96 rounds: a block with a payload may still be referenced; by 97
/// not.
#[test]
fn correction_8_payload_is_refused_when_the_frontier_trails_too_far() {
    let is_refused = |rounds: u64| {
        let mut engine = Engine::boot(parameters(4), identity(4, 0), fresh_boot(), Time::ZERO).0;
        engine.dag = full_dag(rounds);
        let below = own_first(3, &at_round(&engine.dag, rounds));
        let payload = with_payload(header(3, rounds + 1, below), b"load");
        engine.is_over_limit(&Block::sign(payload, &key(3)))
    };
    assert!(!is_refused(96));
    assert!(is_refused(97));
    assert!(!plant("lagging payload accepted", || is_refused(97)));
}

fn recovering() -> Engine {
    let boot = Boot {
        lost: true,
        ..fresh_boot()
    };
    let mut engine = Engine::boot(parameters(4), identity(4, 3), boot, Time::ZERO).0;
    for round in 1..=8 {
        for author in 0..3 {
            add(&mut engine.dag, author, round, &[0, 1, 2]);
        }
    }
    engine
}

fn answer(engine: &mut Engine, from: usize, nonce: u64, highest: u64) -> Step<Engine> {
    let statement = RecoveryStatement {
        config: CONFIG,
        epoch: Epoch(0),
        requester: site(3),
        nonce,
        highest: Round(highest),
    };
    let message = Message::RecoveryAnswer(statement.seal(&key(from)));
    engine.handle(
        Time::ZERO,
        Event::Message {
            from: site(from as u8),
            message,
        },
    )
}

fn floor(engine: &Engine) -> Option<Round> {
    match engine.standing() {
        Standing::Returning { floor, .. } => Some(*floor),
        Standing::Active | Standing::Recovering { .. } | Standing::Observing => None,
    }
}

/// This site's last block, at round 7, is known to site 1 only.
#[test]
fn correction_10_a_recovery_takes_2f_plus_c_plus_1_answers() {
    let recover = |answers: &[(usize, u64)]| {
        let mut engine = recovering();
        for (from, highest) in answers {
            let _ = answer(&mut engine, *from, 7, *highest);
        }
        floor(&engine)
    };
    assert_eq!(parameters(4).resilience.amnesia_responders(), 3);
    assert_eq!(recover(&[(0, 4), (2, 4)]), None);
    assert_eq!(recover(&[(0, 4), (2, 4), (1, 7)]), Some(Round(8)));
    assert_eq!(
        recover(&[(0, 4), (2, 4), (2, 5)]),
        None,
        "one site counts once"
    );
    assert_eq!(
        recover(&[(0, 4), (2, 4), (1, 9)]),
        None,
        "nobody here has seen round 9"
    );
    let wrong = plant("recovery with one answer too few", || {
        recover(&[(0, 4), (2, 4)])
    });
    assert_eq!(wrong, Some(Round(5)), "it would sign for round 7 again");
}

#[test]
fn correction_10_a_crash_during_a_recovery_does_not_end_it() {
    let boot = Boot {
        lost: true,
        ..fresh_boot()
    };
    let (_, step) = Engine::boot(parameters(4), identity(4, 3), boot, Time::ZERO);
    assert_eq!(step.records, [Record::Recovering]);
    let again = |records| {
        let boot = Boot {
            records,
            ..fresh_boot()
        };
        Engine::boot(parameters(4), identity(4, 3), boot, Time::ZERO).0
    };
    let engine = again(step.records.clone());
    assert!(matches!(engine.standing(), Standing::Recovering { .. }));
    let window = engine.window(&Frontier::start());
    assert!(matches!(
        again(window).standing(),
        Standing::Recovering { .. }
    ));
    let engine = again(vec![Record::Recovering, Record::Floor(Round(9))]);
    assert_eq!(floor(&engine), Some(Round(9)));
}

#[test]
fn correction_11_a_site_that_lost_its_log_answers_nobody() {
    let answers = |engine: &mut Engine| {
        let query = Message::RecoveryQuery { nonce: 5 };
        let event = Event::Message {
            from: site(0),
            message: query,
        };
        let step = engine.handle(Time::ZERO, event);
        let is_answer = |m: &Message| matches!(m, Message::RecoveryAnswer(_));
        step.messages
            .iter()
            .filter(|out| is_answer(&out.message))
            .count()
    };
    let mut engine = recovering();
    assert_eq!(answers(&mut engine), 0);
    assert_eq!(plant("amnesiac answers", || answers(&mut recovering())), 1);
    for from in 0..3 {
        let _ = answer(&mut engine, from, 7, 8);
    }
    assert_eq!(floor(&engine), Some(Round(9)));
    assert_eq!(answers(&mut engine), 0, "not before its first new block");
    let mut intact = Engine::boot(parameters(4), identity(4, 3), fresh_boot(), Time::ZERO).0;
    assert_eq!(answers(&mut intact), 1);
}

#[test]
fn correction_11_an_answer_to_another_question_does_not_count() {
    let recover = || {
        let mut engine = recovering();
        for from in 0..3 {
            let _ = answer(&mut engine, from, 6, 4);
        }
        floor(&engine)
    };
    assert_eq!(recover(), None);
    assert_eq!(
        plant("recovery answer without nonce", recover),
        Some(Round(5))
    );
}

#[test]
fn correction_13_checkpoints_are_a_function_of_the_log() {
    let mut net = Net::new(4);
    for i in 0..40u8 {
        net.submit(usize::from(i % 4), &[i; 200]);
        net.run(12);
    }
    net.run(200);
    let checkpoints = |at: usize| -> Vec<u64> {
        let taken = net.commits[at]
            .iter()
            .filter(|commit| commit.checkpoint.is_some());
        taken.map(|commit| commit.index).collect()
    };
    let first = checkpoints(0);
    assert!(!first.is_empty(), "commit time passes in an idle group");
    for other in 1..4 {
        let common = first.len().min(checkpoints(other).len());
        assert_eq!(checkpoints(other)[..common], first[..common]);
    }
}

/// A block accepted with exempt parents comes back from the log of an older checkpoint too.
#[test]
fn a_restart_brings_back_own_blocks_that_nobody_else_has() {
    let mut net = Net::new(4);
    net.cut = vec![site(3)];
    for i in 0..80u8 {
        net.submit(0, &[i]);
        net.run(12);
    }
    let settled = net.engines[0].frontier().settled;
    let horizon = parameters(4).acceptance_horizon(settled).unwrap();
    let mut fake = at_round(net.engines[0].dag(), horizon.0);
    fake.iter_mut().for_each(|parent| parent.digest = CONFIG);
    let block = Block::sign(header(3, horizon.0 + 1, own_first(3, &fake)), &key(3));
    let message = Message::Block {
        block: block.clone(),
        payload: Some(Bytes::new()),
    };
    let now = net.now;
    let step = net.engines[0].handle(
        now,
        Event::Message {
            from: site(3),
            message,
        },
    );
    net.records[0].extend(step.records);
    let boot = Boot {
        records: net.records[0].clone(),
        ..fresh_boot()
    };
    let (engine, _) = Engine::boot(parameters(4), identity(4, 0), boot, Time::ZERO);
    assert!(engine.dag().contains(&block.reference()));
}
