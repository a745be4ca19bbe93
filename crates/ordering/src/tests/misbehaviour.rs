//! One test per kind of misbehaviour: who is blamed, and that nothing changes.

use super::blocks::{self, at_round, genesis, own_first, with_payload};
use super::harness::*;
use crate::*;
use bytes::Bytes;
use maftia_crypto::{Domain, Envelope};
use maftia_protocol::{Event, Protocol, Step};
use maftia_types::{Epoch, Round, SiteId, Time};

fn engine(me: usize) -> Engine {
    Engine::boot(parameters(4), identity(4, me), fresh_boot(), Time::ZERO).0
}

/// A block of round 1.
fn header(author: usize, payload: &[u8]) -> Header {
    let parents = own_first(author, &at_round(&genesis(), 0));
    with_payload(blocks::header(author, 1, parents), payload)
}

fn tell(engine: &mut Engine, from: usize, message: Message) -> Step<Engine> {
    let from = site(from as u8);
    engine.handle(Time::ZERO, Event::Message { from, message })
}

fn blamed(step: &Step<Engine>) -> Vec<(SiteId, Misbehaviour)> {
    step.faults
        .iter()
        .map(|fault| (fault.culprit, fault.misbehaviour))
        .collect()
}

#[test]
fn bad_signature_blames_the_sender_not_the_author() {
    let mut engine = engine(0);
    let block = Block::sign(header(1, b""), &key(2));
    let step = tell(
        &mut engine,
        3,
        Message::Block {
            block,
            payload: None,
        },
    );
    assert_eq!(blamed(&step), [(site(3), Misbehaviour::BadSignature)]);
    assert!(step.records.is_empty());
}

#[test]
fn invalid_block_blames_the_sender() {
    let mut engine = engine(0);
    let mut header = header(1, b"");
    header.parents.truncate(2);
    let block = Block::sign(header, &key(1));
    let step = tell(
        &mut engine,
        1,
        Message::Block {
            block,
            payload: None,
        },
    );
    assert_eq!(
        blamed(&step),
        [(site(1), Misbehaviour::InvalidBlock(Invalid::V3Quorum))]
    );
}

#[test]
fn foreign_payload_blames_the_sender_and_the_true_one_is_still_taken() {
    let mut engine = engine(0);
    let block = Block::sign(header(1, b"true"), &key(1));
    let payload = Some(Bytes::from_static(b"fake"));
    let step = tell(
        &mut engine,
        2,
        Message::Block {
            block: block.clone(),
            payload,
        },
    );
    assert_eq!(blamed(&step), [(site(2), Misbehaviour::ForeignPayload)]);
    assert!(step.records.is_empty());
    let due = engine
        .next_timeout()
        .expect("the true payload is to be fetched");
    let step = engine.handle(due, Event::Timeout);
    let fetch = |m: &Message| matches!(m, Message::Fetch { payloads, .. } if payloads.len() == 1);
    assert!(step.messages.iter().any(|out| fetch(&out.message)));
    let payload = Bytes::from_static(b"true");
    let block = block.reference();
    let step = tell(&mut engine, 1, Message::Payload { block, payload });
    assert!(blamed(&step).is_empty() && step.records.len() == 1);
}

#[test]
fn bad_recovery_answer_blames_the_sender() {
    let boot = Boot {
        lost: true,
        ..fresh_boot()
    };
    let mut engine = Engine::boot(parameters(4), identity(4, 0), boot, Time::ZERO).0;
    let answer = Envelope::seal(&key(2), Domain::new("something else"), Bytes::new());
    let step = tell(&mut engine, 1, Message::RecoveryAnswer(answer));
    assert_eq!(blamed(&step), [(site(1), Misbehaviour::BadRecoveryAnswer)]);
}

#[test]
fn a_late_answer_to_an_earlier_question_blames_nobody() {
    let boot = Boot {
        lost: true,
        ..fresh_boot()
    };
    let mut engine = Engine::boot(parameters(4), identity(4, 0), boot, Time::ZERO).0;
    let old = RecoveryStatement {
        config: CONFIG,
        epoch: Epoch(0),
        requester: site(0),
        nonce: 6,
        highest: Round(0),
    };
    let step = tell(&mut engine, 1, Message::RecoveryAnswer(old.seal(&key(1))));
    assert!(blamed(&step).is_empty());
    assert!(
        matches!(engine.standing(), Standing::Recovering { answers, .. } if answers.is_empty())
    );
}

/// The messenger may have accepted the block when its parents were exempt for him.
#[test]
fn a_messenger_is_not_blamed_for_what_the_parents_show() {
    let mut engine = engine(0);
    let mut first = None;
    for author in 1..4 {
        let block = Block::sign(header(author, b""), &key(author));
        first.get_or_insert(block.reference());
        let _ = tell(
            &mut engine,
            author,
            Message::Block {
                block,
                payload: None,
            },
        );
    }
    let parents = own_first(1, &at_round(engine.dag(), 1));
    for (from, expected) in [(2, 0), (1, 1)] {
        let late = Header {
            round: Round(2),
            parents: parents.clone(),
            ..header(1, b"")
        };
        // V5: a parent's time is 0, so only a twin parent of a later time could be violated; make
        // the own parent's clock run ahead instead.
        let ahead = Header {
            time_ms: 9,
            ..header(1, b"")
        };
        let ahead = Block::sign(ahead, &key(1));
        let _ = tell(
            &mut engine,
            1,
            Message::Block {
                block: ahead.clone(),
                payload: None,
            },
        );
        let mut late = late;
        late.parents[0] = ahead.reference();
        late.time_ms = 8;
        late.commit_vote = Some(IndexedDigest {
            index: from,
            digest: CONFIG,
        });
        let block = Block::sign(late, &key(1));
        let step = tell(
            &mut engine,
            from as usize,
            Message::Block {
                block,
                payload: None,
            },
        );
        assert_eq!(blamed(&step).len(), expected, "from {from}");
    }
}
