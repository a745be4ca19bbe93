//! What one hostile peer can make a site do with messages alone.

use super::blocks::*;
use super::harness::*;
use crate::*;
use bytes::Bytes;
use maftia_crypto::{Domain, Envelope};
use maftia_protocol::{Event, Protocol, Step};
use maftia_types::{Duration, Epoch, Round, SiteId, Time};
use proptest::prelude::*;

fn claim(engine: &mut Engine, now: Time, from: u8, round: u64, ask: bool) -> Step<Engine> {
    let knowledge = Knowledge {
        tips: vec![Round(round); 4],
        base: Round(0),
        settled: Round(0),
        ask,
    };
    let message = Message::Knowledge(knowledge);
    let from = site(from);
    engine.handle(now, Event::Message { from, message })
}

fn questions(step: &Step<Engine>) -> usize {
    let is_question = |m: &Message| matches!(m, Message::Knowledge(knowledge) if knowledge.ask);
    step.messages
        .iter()
        .filter(|out| is_question(&out.message))
        .count()
}

/// Questions that claims of these peers bring about in the next second, in which no round passes.
fn asked_after_claims_of(peers: &[u8], above_tip: u64) -> usize {
    let mut engine = Engine::boot(parameters(4), identity(4, 0), fresh_boot(), Time::ZERO).0;
    let round = engine.dag().tip().0.saturating_add(above_tip);
    let mut asked = 0;
    for peer in peers {
        asked += questions(&claim(&mut engine, Time::ZERO, *peer, round, false));
    }
    while let Some(at) = engine.sync.next_timeout() {
        if at > Time::ZERO + Duration::from_secs(1) {
            break;
        }
        let mut step = Step::none();
        engine.synchronise(at, &mut step);
        asked += questions(&step);
        engine.arm(at);
    }
    asked
}

#[test]
fn f_liars_cannot_make_a_site_ask_for_rounds_that_do_not_exist() {
    assert_eq!(parameters(4).resilience.one_correct(), 2);
    for above_tip in [3, 1000, u64::MAX] {
        assert_eq!(asked_after_claims_of(&[3], above_tip), 0);
        assert_eq!(asked_after_claims_of(&[3, 3], above_tip), 0, "one site");
        assert!(asked_after_claims_of(&[2, 3], above_tip) > 0);
    }
    assert_eq!(asked_after_claims_of(&[1, 2, 3], 2), 0, "not behind");
}

/// Whether a question for a range is answered.
fn is_answered(engine: &mut Engine, now: Time, from: u8) -> bool {
    let step = claim(engine, now, from, 0, true);
    let is_answer = |m: &Message| matches!(m, Message::Knowledge(knowledge) if !knowledge.ask);
    step.messages.iter().any(|out| is_answer(&out.message))
}

#[test]
fn a_peer_that_asks_without_end_is_answered_at_its_own_rate_only() {
    let mut net = Net::new(4);
    net.run(20);
    let (engine, now) = (&mut net.engines[0], net.now + Duration::from_secs(1));
    for _ in 0..4 {
        assert!(is_answered(engine, now, 3));
    }
    assert!(!is_answered(engine, now, 3), "four ranges in one period");
    assert!(
        is_answered(engine, now, 2),
        "another peer has its own share"
    );
    let soon = now + Duration::from_millis(19);
    assert!(!is_answered(engine, soon, 3));
    let later = now + Duration::from_millis(20);
    assert!(is_answered(engine, later, 3), "the next period");
}

#[test]
fn fetches_are_answered_from_the_same_share_as_ranges() {
    let mut net = Net::new(4);
    net.run(20);
    let (engine, now) = (&mut net.engines[0], net.now + Duration::from_secs(1));
    let block = engine.dag().newest(site(1)).unwrap().block.reference();
    let mut answers = |from: u8, blocks: Vec<BlockRef>| {
        let message = Message::Fetch {
            blocks,
            payloads: Vec::new(),
        };
        let from = site(from);
        let step = engine.handle(now, Event::Message { from, message });
        step.messages.len()
    };
    let questions = (0..10_000).take_while(|_| answers(3, vec![block]) > 0);
    let cost = 4 * 1024 + 512 + 4 * 1024;
    assert_eq!(questions.count(), (4_usize << 20).div_ceil(cost));
    assert_eq!(answers(2, vec![block; FETCH_MAX]), FETCH_MAX);
    assert!(!is_answered(engine, now, 3));
    // Asking for what does not exist costs as well.
    let unknown = BlockRef {
        digest: CONFIG,
        ..block
    };
    let ask = Message::Fetch {
        blocks: vec![unknown],
        payloads: Vec::new(),
    };
    let from = site(1);
    for _ in 0..1024 {
        let message = ask.clone();
        let _ = engine.handle(now, Event::Message { from, message });
    }
    assert!(!is_answered(engine, now, 1));
}

/// The answer must name the last own block: the asker's lost block may build on it, and after a
/// state transfer it may be above all that is here.
#[test]
fn a_recovery_answer_counts_own_blocks_above_the_tip() {
    let mut net = Net::new(4);
    net.run(40);
    let (engine, now) = (&mut net.engines[0], net.now);
    let own = engine.dag().newest(site(0)).unwrap().block.round();
    let settled = own.minus(2);
    engine.install(
        now,
        Frontier {
            settled,
            leader_round: settled,
            ..Frontier::start()
        },
    );
    assert!(engine.dag().tip() < own);
    let message = Message::RecoveryQuery { nonce: 5 };
    let from = site(3);
    let step = engine.handle(now, Event::Message { from, message });
    let answer = step.messages.iter().find_map(|out| match &out.message {
        Message::RecoveryAnswer(answer) => RecoveryStatement::open(answer, &key(0).public()),
        _ => None,
    });
    assert_eq!(answer.expect("this site's log is intact").highest, own);
}

/// Numbers of which one more or two more is none, and those around a young group's rounds.
fn extreme() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..40u64,
        (0..4u64).prop_map(|below| u64::MAX - below),
        (0..4u64).prop_map(|off| (1 << 63) - 2 + off),
    ]
}

fn any_site() -> impl Strategy<Value = SiteId> {
    prop_oneof![0..5u8, Just(63)].prop_map(site)
}

fn reference() -> impl Strategy<Value = BlockRef> {
    (any_site(), extreme()).prop_map(|(author, round)| BlockRef {
        author,
        round: Round(round),
        digest: CONFIG,
    })
}

/// A block signed by site 3: with a quorum of strong parents if `legal`, else with any.
fn block() -> impl Strategy<Value = Message> {
    let vote = || {
        proptest::option::of(extreme()).prop_map(|index| {
            index.map(|index| IndexedDigest {
                index,
                digest: CONFIG,
            })
        })
    };
    let parents = proptest::collection::vec(reference(), 0..6);
    let fields = (extreme(), parents, vote(), vote(), extreme());
    (fields, any::<(bool, bool)>()).prop_map(|(fields, (legal, payload))| {
        let (round, mut parents, commit_vote, checkpoint_vote, time_ms) = fields;
        if legal {
            let strong = |author: usize| BlockRef {
                author: site(author as u8),
                round: Round(round.saturating_sub(1)),
                digest: CONFIG,
            };
            parents = [3, 0, 1, 2].map(strong).to_vec();
        }
        let header = Header {
            commit_vote,
            checkpoint_vote,
            time_ms,
            ..with_payload(header(3, round, parents), b"x")
        };
        Message::Block {
            block: Block::sign(header, &key(3)),
            payload: payload.then(|| Bytes::from_static(b"x")),
        }
    })
}

fn message() -> impl Strategy<Value = Message> {
    let tips = prop_oneof![
        proptest::collection::vec(extreme().prop_map(Round), 3..6),
        extreme().prop_map(|tip| vec![Round(tip); 4]),
    ];
    let knowledge = (tips, extreme(), extreme(), any::<bool>());
    let knowledge = knowledge.prop_map(|(tips, base, settled, ask)| {
        Message::Knowledge(Knowledge {
            tips,
            base: Round(base),
            settled: Round(settled),
            ask,
        })
    });
    let references = || proptest::collection::vec(reference(), 0..4);
    let answer = (extreme(), any::<bool>()).prop_map(|(highest, genuine)| {
        let statement = RecoveryStatement {
            config: CONFIG,
            epoch: Epoch(0),
            requester: site(0),
            nonce: 7,
            highest: Round(highest),
        };
        Message::RecoveryAnswer(match genuine {
            true => statement.seal(&key(3)),
            false => Envelope::seal(&key(3), Domain::new("something else"), Bytes::new()),
        })
    });
    prop_oneof![
        3 => block(),
        3 => knowledge,
        1 => answer,
        1 => extreme().prop_map(|nonce| Message::RecoveryQuery { nonce }),
        1 => (references(), references())
            .prop_map(|(blocks, payloads)| Message::Fetch { blocks, payloads }),
        1 => reference().prop_map(|block| Message::Payload {
            block,
            payload: Bytes::from_static(b"x"),
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Overflow checks are on, in tests as in releases.
    #[test]
    fn no_number_in_a_message_stops_a_site(
        messages in proptest::collection::vec((message(), any::<bool>()), 1..20),
        lost: bool,
    ) {
        let mut net = Net::new(4);
        net.run(20);
        let boot = Boot { lost, records: net.records[0].clone(), ..fresh_boot() };
        net.engines[0] = Engine::boot(parameters(4), identity(4, 0), boot, net.now).0;
        for (message, is_late) in messages {
            let from = site(3);
            let event = Event::Message { from, message };
            let mut step = net.engines[0].handle(net.now, event);
            step.faults.clear();
            net.perform(0, step);
            if is_late {
                net.run(1);
            }
        }
        net.submit(1, b"after");
        net.run(80);
        prop_assert!(net.payloads(0).contains(&b"after".to_vec()));
        prop_assert!(!net.engines[0].is_halted());
    }
}
