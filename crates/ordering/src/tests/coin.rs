//! The engine with a coin: shares out of and into blocks, reconstruction, asking, delivery.

use std::collections::BTreeMap;

use maftia_protocol::{Event, Protocol, Step, plant};
use maftia_threshold::bls::{Purpose, Tag};
use maftia_threshold::{Bls12381G2, Ceremony, Committee, Index, Scope, Share, Sharing};
use maftia_types::{Digest, Epoch, Round, SiteId, Time};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::blocks::{self, at_round, own_first};
use super::harness::*;
use crate::coin::*;
use crate::*;

const SEED: u64 = 11;

fn simulated(n: usize, me: usize) -> SimulatedCoin {
    let quorum = parameters(n).resilience.quorum();
    SimulatedCoin::new(SEED, quorum, SiteId::new(me as u8))
}

fn always(n: usize, me: usize) -> Parameters {
    with(n, simulated(n, me))
}

fn with(n: usize, coin: SimulatedCoin) -> Parameters {
    let mut parameters = parameters(n);
    // Without it the first of equally early sites would be served for ever.
    parameters.pacing.block_interval_min = maftia_types::Duration::from_millis(1);
    parameters.asynchronous = Asynchronous::Always(Coin::new(coin));
    parameters
}

fn engine(me: usize) -> Engine {
    Engine::boot(always(4, me), identity(4, me), fresh_boot(), Time::ZERO).0
}

fn net(n: usize) -> Net {
    let mut net = Net::new(n);
    for (me, engine) in net.engines.iter_mut().enumerate() {
        *engine = Engine::boot(always(n, me), identity(n, me), fresh_boot(), Time::ZERO).0;
    }
    net
}

fn work(net: &mut Net, items: u8) {
    for i in 0..items {
        let at = usize::from(i) % net.engines.len();
        if !net.cut.contains(&site(at as u8)) {
            net.submit(at, &[i]);
        }
        net.run(12);
    }
}

fn agree(net: &Net) -> usize {
    let logs = || net.commits.iter().map(|c| c.iter().map(|c| c.digest));
    let longest = logs().max_by_key(ExactSizeIterator::len).unwrap();
    let longest: Vec<Digest> = longest.collect();
    for log in logs() {
        let log: Vec<Digest> = log.collect();
        assert_eq!(log[..], longest[..log.len()]);
    }
    longest.len()
}

#[test]
fn every_item_is_delivered_once_in_one_order_with_coin_leaders() {
    let mut net = net(4);
    work(&mut net, 40);
    net.run(400);
    let expected: Vec<_> = net.payloads(0);
    assert_eq!(expected.len(), 40);
    for at in 1..4 {
        assert_eq!(net.payloads(at), expected);
    }
    let leaders: Vec<_> = net.commits[0].iter().map(|c| c.leader).collect();
    for leader in leaders {
        let named = simulated(4, 0).value(leader.round).leader(4);
        assert_eq!(leader.author, named, "{leader:?}");
    }
    for engine in &net.engines {
        let lag = engine.dag().tip().0 - engine.frontier().settled.0;
        assert!(lag <= 8, "the frontier trails by {lag}");
    }
}

#[test]
fn b05_a_silent_site_does_not_stop_coin_leaders() {
    let mut net = net(4);
    net.cut = vec![site(2)];
    work(&mut net, 40);
    net.run(400);
    let delivered = net.payloads(0);
    assert_eq!(delivered.len(), 30);
    assert!(agree(&net) > 5);
}

/// Replaces a site's share of the coin's key.
fn with_coin(net: &mut Net, at: usize, coin: SimulatedCoin) {
    let parameters = with(4, coin);
    net.engines[at] = Engine::boot(parameters, identity(4, at), fresh_boot(), Time::ZERO).0;
}

#[test]
fn t11_a_site_whose_shares_are_all_bad_stops_nobody_and_is_blamed() {
    let mut net = net(4);
    net.intruded = Some(site(2));
    with_coin(&mut net, 2, SimulatedCoin::new(SEED + 1, 3, SiteId::new(2)));
    work(&mut net, 40);
    net.run(400);
    let expected = net.payloads(0);
    assert!(expected.len() >= 30);
    for at in [1, 3] {
        assert_eq!(net.payloads(at), expected);
    }
    assert!(net.blamed.len() > 10);
    let is_share = |blamed: &Misbehaviour| *blamed == Misbehaviour::BadCoinShare;
    assert!(net.blamed.iter().all(is_share));
}

#[test]
fn b06_a_site_that_withholds_its_share_each_time_stops_nobody() {
    let mut net = net(4);
    with_coin(&mut net, 3, SimulatedCoin::new(SEED, 3, None));
    work(&mut net, 40);
    net.run(400);
    assert_eq!(net.payloads(0).len(), 40);
    assert!(agree(&net) > 5);
    let lag = net.engines[0].dag().tip().0 - net.engines[0].frontier().settled.0;
    assert!(lag <= 8, "the frontier trails by {lag}");
}

#[test]
fn a_log_restores_the_coins_and_what_they_decided() {
    let mut net = net(4);
    work(&mut net, 20);
    let boot = Boot {
        records: net.records[1].clone(),
        ..fresh_boot()
    };
    let (engine, step) = Engine::boot(always(4, 1), identity(4, 1), boot, net.now);
    let again = step.outputs.iter().filter_map(|output| match output {
        Output::Commit(commit) => Some(commit.digest),
        _ => None,
    });
    let before = net.commits[1].iter().map(|commit| commit.digest);
    assert_eq!(again.collect::<Vec<_>>(), before.collect::<Vec<_>>());
    let settled = net.engines[1].frontier().settled;
    assert_eq!(engine.frontier().settled, settled);
}

fn tell(engine: &mut Engine, from: usize, message: Message) -> Step<Engine> {
    let from = site(from as u8);
    engine.handle(Time::ZERO, Event::Message { from, message })
}

/// Full rounds up to `top` by sites 1 to 3, with the shares that `share` makes of the right ones.
fn feed(
    engine: &mut Engine,
    top: u64,
    share: impl Fn(usize, Round, CoinShare) -> Option<CoinShare>,
) -> Vec<Step<Engine>> {
    let mut steps = Vec::new();
    for round in 1..=top {
        for author in 1..4 {
            let below: Vec<BlockRef> = at_round(engine.dag(), round - 1);
            let below: Vec<_> = below
                .into_iter()
                .filter(|parent| round == 1 || parent.author != site(0))
                .collect();
            let mut header = blocks::header(author, round, own_first(author, &below));
            if round > 4 {
                let of = Round(round - 4);
                let bytes = simulated(4, author).share(of).unwrap();
                let right = CoinShare {
                    round: of,
                    share: bytes,
                };
                header.coin_shares.extend(share(author, of, right));
            }
            let block = Block::sign(header, &key(author));
            let message = Message::Block {
                block,
                payload: None,
            };
            steps.push(tell(engine, author, message));
        }
    }
    steps
}

fn settled_with(share: impl Fn(usize, Round, CoinShare) -> Option<CoinShare>) -> u64 {
    let mut engine = engine(0);
    feed(&mut engine, 20, share);
    engine.committer.settled().0
}

#[test]
fn a03_a_coin_is_known_with_q_shares_and_not_with_one_less() {
    assert!(settled_with(|_, _, right| Some(right)) > 10);
    // Site 0, which has come to no round, adds no share; site 1 withholds its own.
    assert_eq!(
        settled_with(|author, _, right| (author != 1).then_some(right)),
        0
    );
}

#[test]
fn a02_bad_shares_are_dropped_and_their_author_is_blamed_with_evidence() {
    let mut engine = engine(0);
    let steps = feed(&mut engine, 9, |author, round, mut right| {
        if author == 2 && round == Round(1) {
            right.share = [7; 48];
        }
        Some(right)
    });
    assert_eq!(engine.committer.settled(), Round(0));
    let faults: Vec<_> = steps.iter().flat_map(|step| &step.faults).collect();
    let blamed: Vec<_> = faults.iter().map(|f| (f.culprit, f.misbehaviour)).collect();
    assert_eq!(blamed, [(site(2), Misbehaviour::BadCoinShare)]);
    let evidence = steps.iter().flat_map(|step| &step.outputs);
    let evidence: Vec<_> = evidence
        .filter_map(|output| match output {
            Output::BadCoinShare { block, round } => Some((block, *round)),
            _ => None,
        })
        .collect();
    let [(block, round)] = evidence[..] else {
        panic!("{evidence:?}")
    };
    assert_eq!(
        (block.author(), block.round(), round),
        (site(2), Round(5), Round(1))
    );
    assert!(block.verify(&key(2).public()).is_ok());
}

#[test]
fn t11_a_site_that_lacks_shares_asks_and_goes_on_with_the_answers() {
    let mut engine = engine(0);
    feed(&mut engine, 9, |author, _, right| {
        (author != 1).then_some(right)
    });
    assert_eq!(engine.committer.settled(), Round(0));
    let mut asked = Vec::new();
    while asked.is_empty() {
        let now = engine.next_timeout().unwrap();
        let step = engine.handle(now, Event::Timeout);
        for out in step.messages {
            if let Message::CoinQuery { rounds } = out.message {
                asked = rounds;
            }
        }
    }
    assert_eq!(asked[0], Round(1));
    let share = |round: &Round| CoinShare {
        round: *round,
        share: simulated(4, 1).share(*round).unwrap(),
    };
    let shares = asked.iter().map(share).collect();
    let _ = tell(&mut engine, 1, Message::CoinShares { shares });
    assert!(engine.committer.settled() > Round(0));
}

#[test]
fn bad_shares_over_the_link_blame_the_peer_without_evidence() {
    let mut engine = engine(0);
    feed(&mut engine, 9, |author, _, right| {
        (author != 1).then_some(right)
    });
    let share = CoinShare {
        round: Round(1),
        share: [1; 48],
    };
    let step = tell(
        &mut engine,
        1,
        Message::CoinShares {
            shares: vec![share],
        },
    );
    let faults: Vec<_> = step
        .faults
        .iter()
        .map(|f| (f.culprit, f.misbehaviour))
        .collect();
    assert_eq!(faults, [(site(1), Misbehaviour::BadCoinShare)]);
    let is_evidence = |output: &Output| matches!(output, Output::BadCoinShare { .. });
    assert!(!step.outputs.iter().any(is_evidence));
}

#[test]
fn a_question_for_shares_is_answered_with_eight_at_a_time() {
    let mut net = net(4);
    work(&mut net, 10);
    let engine = &mut net.engines[0];
    let newest = engine.dag().newest(site(0)).unwrap().block.round();
    let rounds = (0..=newest.0).map(Round).collect();
    let now = Time::ZERO + maftia_types::Duration::from_secs(100);
    let message = Message::CoinQuery { rounds };
    let step = engine.handle(
        now,
        Event::Message {
            from: site(1),
            message,
        },
    );
    let answered = step.messages.iter().find_map(|out| match &out.message {
        Message::CoinShares { shares } => Some(shares.iter().map(|s| s.round)),
        _ => None,
    });
    // The oldest eight of those that blocks have revealed.
    let expected: Vec<Round> = (1..=8).map(Round).collect();
    assert_eq!(answered.unwrap().collect::<Vec<_>>(), expected);
}

#[test]
fn a04_no_share_is_told_before_the_own_block_that_reveals_it() {
    let mut net = net(4);
    work(&mut net, 10);
    let engine = &mut net.engines[0];
    let newest = engine.dag().newest(site(0)).unwrap().block.round();
    let rounds = vec![newest.minus(4), newest.minus(3), newest, Round(u64::MAX)];
    let now = Time::ZERO + maftia_types::Duration::from_secs(100);
    let message = Message::CoinQuery { rounds };
    let step = engine.handle(
        now,
        Event::Message {
            from: site(1),
            message,
        },
    );
    let answered = step.messages.iter().find_map(|out| match &out.message {
        Message::CoinShares { shares } => Some(shares.iter().map(|s| s.round)),
        _ => None,
    });
    let answered = answered.unwrap();
    assert_eq!(answered.collect::<Vec<_>>(), [newest.minus(4)]);
}

#[test]
fn v7_refuses_shares_that_do_not_belong_in_a_block() {
    let header = |rounds: &[u64]| {
        let genesis = at_round(&blocks::genesis(), 0);
        let mut header = blocks::header(1, 9, own_first(1, &genesis));
        header.parents.iter_mut().for_each(|p| p.round = Round(8));
        let share = |round: &u64| CoinShare {
            round: Round(*round),
            share: [0; 48],
        };
        header.coin_shares = rounds.iter().map(share).collect();
        header
    };
    let check = |rounds: &[u64]| check_alone(&always(4, 0), &header(rounds));
    assert_eq!(check(&[]), Ok(()));
    assert_eq!(check(&[5]), Ok(()));
    assert_eq!(check(&[5, 4, 1]), Ok(()));
    for wrong in [&[6][..], &[4, 5], &[5, 5], &[1, 0]] {
        assert_eq!(check(wrong), Err(Invalid::V7Coin), "{wrong:?}");
    }
    let without = check_alone(&parameters(4), &header(&[5]));
    assert_eq!(without, Err(Invalid::V7Coin));
    assert_eq!(check_alone(&parameters(4), &header(&[])), Ok(()));
}

#[test]
fn a_share_a_round_early_is_refused_by_everyone() {
    let mut net = net(4);
    work(&mut net, 10);
    let engine = &net.engines[0];
    let newest = engine.dag().newest(site(0)).unwrap().block.round();
    let mut parents = at_round(&blocks::genesis(), 0);
    parents.iter_mut().for_each(|parent| parent.round = newest);
    let mut header = blocks::header(0, newest.0 + 1, own_first(0, &parents));
    header.coin_shares = engine.shares_for(newest.next());
    assert_eq!(check_alone(&always(4, 0), &header), Ok(()));
    let early = plant("coin share a round early", || {
        engine.shares_for(newest.next())
    });
    header.coin_shares = early;
    assert_eq!(check_alone(&always(4, 0), &header), Err(Invalid::V7Coin));
}

/// A key of four sites with threshold three, as its own generation makes it.
fn bls() -> (Sharing<Bls12381G2>, Vec<Share<Bls12381G2>>) {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let committee = Committee::new(3, 4).unwrap();
    let scope = Scope {
        group: Digest([1; 32]),
        epoch: Epoch(1),
    };
    let ceremony = Ceremony::key_generation(scope, Digest([2; 32]), committee);
    let (mut dealings, mut dealt) = (Vec::new(), BTreeMap::<Index, BTreeMap<_, _>>::new());
    for dealer in committee.indices() {
        let secret = Share::random(dealer, &mut rng);
        let (dealing, shares) = ceremony.deal(&secret, &mut rng).unwrap();
        dealings.push(ceremony.verify(dealer, dealing).unwrap());
        for share in shares {
            dealt
                .entry(share.index())
                .or_default()
                .insert(dealer, share);
        }
    }
    let qualified = ceremony.qualify(dealings).unwrap();
    let shares = dealt
        .iter()
        .map(|(own, dealt)| qualified.share(*own, dealt).unwrap());
    let shares = shares.collect();
    (qualified.sharing().clone(), shares)
}

fn bls_coins(epoch: u64) -> Vec<BlsCoin> {
    let (sharing, shares) = bls();
    let tag = Tag::new("group", Purpose::Coin).unwrap();
    let coin = |share| BlsCoin::new(tag.clone(), Epoch(epoch), sharing.clone(), Some(share));
    shares.into_iter().map(coin).collect()
}

#[test]
fn a05_a_bls_coin_is_the_same_from_any_quorum_of_shares() {
    let coins = bls_coins(1);
    let share = |at: usize| (site(at as u8), coins[at].share(Round(7)).unwrap());
    let all: BTreeMap<SiteId, ShareBytes> = (0..4).map(share).collect();
    let full = coins[0].combine(Round(7), &all);
    assert!(full.value.is_some() && full.culprits.is_empty());
    for left_out in 0..4 {
        let mut some = all.clone();
        some.remove(&site(left_out));
        assert_eq!(coins[1].combine(Round(7), &some), full);
        some.pop_first();
        assert_eq!(coins[1].combine(Round(7), &some).value, None);
    }
    let other_epoch = bls_coins(2);
    assert_ne!(other_epoch[0].share(Round(7)), coins[0].share(Round(7)));
}

#[test]
fn a02_a_bls_coin_names_who_gave_a_bad_share() {
    let coins = bls_coins(1);
    let share = |at: usize| (site(at as u8), coins[at].share(Round(7)).unwrap());
    let mut shares: BTreeMap<SiteId, ShareBytes> = (0..4).map(share).collect();
    let right = coins[0].combine(Round(7), &shares).value;
    for bad in [coins[1].share(Round(8)).unwrap(), [0xFF; 48]] {
        shares.insert(site(1), bad);
        let found = coins[0].combine(Round(7), &shares);
        assert_eq!(found.value, right, "made without the bad one");
        assert_eq!(found.culprits.iter().collect::<Vec<_>>(), [site(1)]);
        let mut few = shares.clone();
        few.remove(&site(3));
        let found = coins[0].combine(Round(7), &few);
        assert_eq!(found.value, None);
        assert_eq!(found.culprits.iter().collect::<Vec<_>>(), [site(1)]);
    }
}

#[test]
fn the_leader_is_the_value_as_a_big_endian_number_modulo_n() {
    let mut value = [0; 64];
    value[63] = 9;
    assert_eq!(CoinValue(value).leader(4), site(1));
    value[62] = 1; // 265
    assert_eq!(CoinValue(value).leader(7), site(6));
    assert_eq!(CoinValue([0xFF; 64]).leader(3), site(0));
}

#[test]
fn four_engines_deliver_with_a_bls_coin() {
    let mut net = Net::new(4);
    for (me, coin) in bls_coins(0).into_iter().enumerate() {
        let parameters = Parameters {
            asynchronous: Asynchronous::Always(Coin::new(coin)),
            ..parameters(4)
        };
        net.engines[me] = Engine::boot(parameters, identity(4, me), fresh_boot(), Time::ZERO).0;
    }
    work(&mut net, 6);
    net.run(200);
    assert_eq!(net.payloads(0).len(), 6);
    assert!(agree(&net) > 1);
}
