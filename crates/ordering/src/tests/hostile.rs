//! What one hostile peer can make a site do with messages alone.

use super::harness::*;
use crate::*;
use maftia_protocol::{Event, Protocol, Step};
use maftia_types::{Duration, Round, Time};

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
