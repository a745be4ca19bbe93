//! Engines under schedulers that aim at known leaders: what stops the S rule for ever, the A rule
//! and the mode rule survive.

use maftia_types::{Digest, Duration, Round, SiteId, Time};

use super::harness::*;
use crate::coin::{Coin, SimulatedCoin};
use crate::*;

/// I = 16 with this depth.
const DEPTH: u64 = 40;
pub(super) const INTERVAL: u64 = 16;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum When {
    Never,
    Auto,
    Always,
}

pub(super) fn with(when: When, n: usize, me: usize) -> Parameters {
    let mut parameters = parameters(n);
    parameters.delivery_depth = DEPTH;
    parameters.checkpoints.commits = 8;
    // Without it the first of equally early sites would be served for ever.
    parameters.pacing.block_interval_min = Duration::from_millis(1);
    let quorum = parameters.resilience.quorum();
    let coin = Coin::new(SimulatedCoin::new(5, quorum, SiteId::new(me as u8)));
    parameters.asynchronous = match when {
        When::Never => Asynchronous::Never,
        When::Auto => Asynchronous::Auto(coin),
        When::Always => Asynchronous::Always(coin),
    };
    parameters
}

pub(super) fn net(when: When, n: usize) -> Net {
    let mut net = Net::new(n);
    for (me, engine) in net.engines.iter_mut().enumerate() {
        let parameters = with(when, n, me);
        assert_eq!(parameters.interval(), INTERVAL);
        *engine = Engine::boot(parameters, identity(n, me), fresh_boot(), Time::ZERO).0;
    }
    net
}

/// The block of each known leader comes to all but f others only after they have made their next
/// block without it: f + 1 vote, which is too few to commit and too many to skip.
pub(super) fn aim_at_leaders() -> Hold {
    Box::new(|engines, to, message| {
        let Message::Block { block, .. } = message else {
            return false;
        };
        let engine = &engines[to.index()];
        let leader = engine.committer.schedule().leader(block.round());
        if block.author() != leader || leader == to {
            return false;
        }
        let (n, f) = (engines.len(), engine.parameters.resilience.intruded_max());
        let distance = (to.index() + n - leader.index()) % n;
        distance > f && engine.last_own <= block.round()
    })
}

fn tip(net: &Net) -> u64 {
    net.engines[0].dag().tip().0
}

pub(super) fn settled(net: &Net) -> u64 {
    net.engines[0].frontier().settled.0
}

/// Runs, with work, until the tip has come to a round. The longest lag seen.
pub(super) fn run_to(net: &mut Net, round: u64) -> u64 {
    let (mut lag, mut steps) = (0, 0);
    while tip(net) < round {
        if net.engines[0].draft_bytes() == 0 {
            let at = steps % net.engines.len();
            net.submit(at, &[1]);
        }
        net.run(1);
        steps += 1;
        assert!(steps < 100_000, "the tip stands at {} of {round}", tip(net));
        lag = lag.max(tip(net) - settled(net));
    }
    lag
}

/// All logs are prefixes of the longest, and all sites know the same modes.
pub(super) fn agree(net: &Net) {
    let logs = net.commits.iter().map(|commits| {
        let digests = commits.iter().map(|commit| commit.digest);
        digests.collect::<Vec<Digest>>()
    });
    let logs: Vec<_> = logs.collect();
    let longest = logs.iter().max_by_key(|log| log.len()).unwrap();
    for log in &logs {
        assert_eq!(log[..], longest[..log.len()]);
    }
    for round in settled(net)..=tip(net) {
        let modes = net.engines.iter().filter_map(|e| e.mode(Round(round)));
        let modes: Vec<_> = modes.collect();
        assert!(modes.windows(2).all(|pair| pair[0] == pair[1]), "{modes:?}");
    }
}

#[test]
fn t03_never_stalls_for_good_under_a_leader_aiming_scheduler() {
    let mut net = net(When::Never, 4);
    run_to(&mut net, 30);
    net.hold = Some(aim_at_leaders());
    let before = settled(&net);
    run_to(&mut net, 400);
    assert!(settled(&net) <= before + 4, "settled {}", settled(&net));
    agree(&net);
}

#[test]
fn t03_always_trails_a_leader_aiming_scheduler_by_a_bounded_amount() {
    for n in [4, 7] {
        let mut net = net(When::Always, n);
        net.hold = Some(aim_at_leaders());
        let lag = run_to(&mut net, 400);
        assert!(lag <= 10, "n={n}: the frontier trails by {lag}");
        agree(&net);
    }
}

#[test]
fn t03_auto_trails_a_leader_aiming_scheduler_once_the_coin_has_taken_over() {
    for n in [4, 7] {
        let mut net = net(When::Auto, n);
        let calm = run_to(&mut net, 40);
        assert!(calm <= 4, "n={n}: with known leaders it trails by {calm}");
        assert_eq!(net.engines[0].mode(Round(40)), Some(Mode::S));
        net.hold = Some(aim_at_leaders());
        // Settled again within three intervals, and for good.
        let stall = run_to(&mut net, 40 + 4 * INTERVAL);
        assert!(stall <= 3 * INTERVAL, "n={n}: a stall of {stall}");
        let lag = run_to(&mut net, 400);
        assert!(lag <= 10, "n={n}: the frontier trails by {lag}");
        assert_eq!(net.engines[0].mode(Round(400)), Some(Mode::A));
        agree(&net);
    }
}

/// The block of each known leader comes to all others only after they have made their next block.
fn keep_leaders_from_all() -> Hold {
    Box::new(|engines, to, message| {
        let Message::Block { block, .. } = message else {
            return false;
        };
        let engine = &engines[to.index()];
        let leader = engine.committer.schedule().leader(block.round());
        block.author() == leader && leader != to && engine.last_own <= block.round()
    })
}

#[test]
fn t03_slots_that_are_all_skipped_are_no_progress() {
    let attack = || {
        let mut net = net(When::Auto, 4);
        run_to(&mut net, 40);
        net.hold = Some(keep_leaders_from_all());
        run_to(&mut net, 40 + 4 * INTERVAL);
        let before = net.commits[0].len();
        run_to(&mut net, 300);
        agree(&net);
        (
            net.commits[0].len() - before,
            net.engines[0].mode(Round(300)),
        )
    };
    let (commits, mode) = attack();
    assert!(commits >= 150, "{commits} commits in 196 rounds");
    assert_eq!(mode, Some(Mode::A));
    // As the rule was written: everything is settled, and nothing delivered.
    let (commits, mode) = maftia_protocol::plant("skips are progress", attack);
    assert!(commits <= 10, "{commits} commits in 196 rounds");
    assert_eq!(mode, Some(Mode::S));
}

#[test]
fn t02_a_blip_is_recovered_from_within_three_intervals() {
    let mut net = net(When::Auto, 4);
    run_to(&mut net, 40);
    net.hold = Some(aim_at_leaders());
    run_to(&mut net, 60);
    net.hold = None;
    run_to(&mut net, 60 + 3 * INTERVAL);
    let lag = run_to(&mut net, 60 + 4 * INTERVAL);
    assert!(lag <= 12, "it still trails by {lag}");
    agree(&net);
}

#[test]
fn known_leaders_come_back_after_a_long_attack() {
    let mut net = net(When::Auto, 4);
    net.hold = Some(aim_at_leaders());
    run_to(&mut net, 200);
    assert_eq!(net.engines[0].mode(Round(200)), Some(Mode::A));
    net.hold = None;
    run_to(&mut net, 200 + 6 * INTERVAL);
    let round = Round(200 + 6 * INTERVAL);
    assert_eq!(net.engines[0].mode(round), Some(Mode::S));
    let lag = run_to(&mut net, 400);
    assert!(lag <= 4, "known leaders settle within {lag}");
    assert_eq!(
        net.engines[0].control.as_ref().unwrap().state().failovers(),
        1
    );
    agree(&net);
}

#[test]
fn in_calm_times_one_coin_is_combined_an_interval() {
    let mut net = net(When::Auto, 4);
    run_to(&mut net, 20 * INTERVAL);
    agree(&net);
    let modes = (17..20 * INTERVAL).filter_map(|r| net.engines[0].mode(Round(r)));
    assert!(modes.into_iter().all(|mode| mode == Mode::S));
    let combined = net.engines[0].coins_combined();
    // An interval now and then begins with a slot whose leader's block the quorum passed over.
    assert!(
        (18..=26).contains(&combined),
        "{combined} coins in 20 intervals"
    );
}

fn sorted(engine: &Engine) -> Frontier {
    let mut frontier = engine.frontier().clone();
    frontier.delivered.sort_unstable();
    frontier
}

/// Restarts site 1 from its log, and site 2 from a checkpoint of another and that one's blocks.
fn restarts(net: &mut Net) {
    let now = net.now;
    let modes = |engine: &Engine| -> Vec<_> {
        let tip = engine.dag().tip().0;
        let settled = engine.frontier().settled.0;
        (settled..=tip)
            .map(|round| engine.mode(Round(round)))
            .collect()
    };
    let boot = Boot {
        records: net.records[1].clone(),
        ..fresh_boot()
    };
    let (engine, step) = Engine::boot(with(When::Auto, 4, 1), identity(4, 1), boot, now);
    let again = step.outputs.iter().filter_map(|output| match output {
        Output::Commit(commit) => Some(commit.digest),
        _ => None,
    });
    let before = net.commits[1].iter().map(|commit| commit.digest);
    assert_eq!(again.collect::<Vec<_>>(), before.collect::<Vec<_>>());
    assert_eq!(modes(&engine), modes(&net.engines[1]));
    assert!(sorted(&engine) == sorted(&net.engines[1]));
    net.engines[1] = engine;

    let commits = net.commits[2].iter();
    let checkpoints: Vec<_> = commits
        .filter_map(|commit| commit.checkpoint.clone())
        .collect();
    let place = checkpoints.len().saturating_sub(3);
    let frontier = checkpoints[place].as_ref();
    let encoded = maftia_codec::Wire::to_bytes(frontier);
    let decoded: Frontier = maftia_codec::Wire::from_bytes(encoded).unwrap();
    let mut expected = frontier.clone();
    expected.delivered.sort_unstable();
    assert!(decoded == expected);
    let boot = Boot {
        frontier: decoded,
        records: net.engines[2].window(frontier),
        ..fresh_boot()
    };
    let (engine, step) = Engine::boot(with(When::Auto, 4, 2), identity(4, 2), boot, now);
    assert!(
        step.outputs.iter().all(|o| matches!(o, Output::Commit(_))),
        "{:?}",
        step.outputs
    );
    assert_eq!(modes(&engine), modes(&net.engines[2]));
    assert!(sorted(&engine) == sorted(&net.engines[2]));
    net.engines[2] = engine;
}

#[test]
fn correction_2_a_checkpoint_holds_what_modes_follow_from() {
    let mut net = net(When::Auto, 4);
    for round in [60, 120, 180] {
        net.hold = (round == 120).then(aim_at_leaders);
        run_to(&mut net, round);
        restarts(&mut net);
    }
    net.hold = None;
    run_to(&mut net, 400);
    agree(&net);
}

#[test]
fn a_frontier_without_a_control_chain_is_encoded_as_ever() {
    let plain = Frontier::start();
    let bytes = maftia_codec::Wire::to_bytes(&plain);
    assert_eq!(
        bytes.len(),
        7 * 8 + 32 + 4 - 8,
        "six numbers, a digest, no blocks"
    );
    let control = Some(Box::new(crate::control::ControlState::start()));
    let mut with = plain.clone();
    with.control = control;
    let encoded: Vec<u8> = maftia_codec::Wire::to_bytes(&with).to_vec();
    assert!(encoded.ends_with(&bytes));
    let decoded: Frontier = maftia_codec::Wire::from_bytes(encoded.clone().into()).unwrap();
    assert_eq!(decoded, with);
    // Two in a row are no frontier.
    let twice = [&encoded[..encoded.len() - bytes.len()], &encoded[..]].concat();
    assert!(<Frontier as maftia_codec::Wire>::from_bytes(twice.into()).is_err());
}

/// Sites that have settled as far hold the same control state, however far each has read ahead.
#[test]
fn correction_2_checkpoints_of_one_commit_are_equal() {
    let mut net = net(When::Auto, 4);
    net.hold = Some(aim_at_leaders());
    run_to(&mut net, 200);
    net.hold = None;
    run_to(&mut net, 300);
    let shortest = net.commits.iter().map(Vec::len).min().unwrap();
    assert!(shortest > 100);
    for at in 1..4 {
        for (ours, theirs) in net.commits[0].iter().zip(&net.commits[at]) {
            assert_eq!(ours.checkpoint, theirs.checkpoint);
        }
    }
}

/// Correction 3: control lags behind what is settled here, and what it reads is not pruned.
#[test]
fn correction_3_nothing_is_pruned_that_the_control_chain_may_read() {
    let mut net = net(When::Auto, 4);
    run_to(&mut net, 200);
    let engine = &mut net.engines[0];
    engine.prune(Round(u64::MAX));
    let lowest = engine.control.as_ref().unwrap().lowest();
    assert!(engine.dag().base() < lowest);
    let needed = engine.read_above().minus(2 * DEPTH);
    assert_eq!(engine.dag().base(), needed);
    run_to(&mut net, 300);
    agree(&net);
}

#[test]
fn t12_modes_and_leaders_begin_anew_with_the_epoch() {
    let mut net = net(When::Auto, 4);
    net.hold = Some(aim_at_leaders());
    run_to(&mut net, 120);
    assert_eq!(net.engines[0].mode(Round(120)), Some(Mode::A));
    net.hold = None;
    let last = net.commits.iter().map(Vec::len).min().unwrap();
    let keys: Vec<_> = (0..4).map(|of| key(of).public()).collect();
    for (at, engine) in net.engines.iter_mut().enumerate() {
        let commit = &net.commits[at][last - 1];
        let frontier = Frontier {
            index: commit.index,
            digest: commit.digest,
            time_ms: commit.time_ms,
            ..Frontier::start()
        };
        net.commits[at].truncate(last);
        let parameters = Parameters {
            config: Digest([10; 32]),
            epoch: maftia_types::Epoch(1),
            ..with(When::Auto, 4, at)
        };
        let boot = Boot {
            frontier,
            ..fresh_boot()
        };
        let seat = (site(at as u8), keys.clone());
        let (step, _) = engine.turn(parameters, seat, boot, bytes::Bytes::clone, net.now);
        assert!(step.is_empty());
        assert_eq!(engine.mode(Round(1)), Some(Mode::S));
        assert_eq!(engine.frontier().control, None);
    }
    // What was under way is of the former epoch, for whose blocks senders would be blamed: the
    // replica keeps them apart.
    net.lose();
    run_to(&mut net, 100);
    assert_eq!(net.engines[0].mode(Round(100)), Some(Mode::S));
    agree(&net);
    assert!(net.commits[0].len() > last + 80);
}

#[test]
fn t05_a_site_cut_off_for_long_catches_up_with_the_modes() {
    let mut net = net(When::Auto, 4);
    run_to(&mut net, 40);
    net.cut = vec![site(3)];
    run_to(&mut net, 100);
    net.cut = Vec::new();
    run_to(&mut net, 400);
    agree(&net);
    assert!(net.engines[3].frontier().settled.0 > 380);
}
