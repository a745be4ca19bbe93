//! What hostile authors show to one site only must reach the others when a correct site's word
//! depends on it, whatever room they have filled there (correction 5, `heads.rs`, `accept.rs`).

use std::sync::Arc;

use super::blocks::*;
use super::harness::*;
use crate::*;
use bytes::Bytes;
use maftia_protocol::{Event, Protocol, Step, plant};
use maftia_types::{Digest, Round, SiteId, Time};

fn hears(engine: &mut Engine, from: SiteId, block: &Arc<Block>) -> Step<Engine> {
    let message = Message::Block {
        block: Arc::clone(block),
        payload: None,
    };
    engine.handle(Time::ZERO, Event::Message { from, message })
}

/// A hostile author has filled its room at a site with blocks whose parents do not exist.
#[test]
fn made_up_blocks_do_not_keep_out_what_a_correct_block_builds_on() {
    let is_accepted = || {
        let mut engine = Engine::boot(parameters(4), identity(4, 0), fresh_boot(), Time::ZERO).0;
        let hidden = chain_of(&mut engine, 2);
        // Two of a slot, until no more are taken; then what they wait for.
        let below = |number| made_up(20 + number / 2 * 2, number, CONFIG);
        for number in 0..40 {
            let above = made_up(21 + number / 2 * 2, number, below(number).digest());
            let _ = hears(&mut engine, site(3), &above);
        }
        for number in 0..40 {
            let _ = hears(&mut engine, site(3), &below(number));
        }
        accepts_what_builds_on(&mut engine, &hidden)
    };
    assert!(is_accepted());
    assert!(!plant("waiting blocks counted by author only", is_accepted));
}

/// A hostile author has filled its room at a site with payloads of blocks that wait for ever.
#[test]
fn made_up_payloads_do_not_keep_out_that_of_a_block_whose_parents_are_here() {
    let is_accepted = || {
        let mut engine = Engine::boot(parameters(4), identity(4, 0), fresh_boot(), Time::ZERO).0;
        let payload = vec![7; PAYLOAD_BYTES_MAX];
        let mut hears = |block: Header| {
            let block = Block::sign(with_payload(block, &payload), &key(3));
            let reference = block.reference();
            let message = Message::Block {
                block,
                payload: Some(Bytes::from(payload.clone())),
            };
            let from = site(3);
            let _ = engine.handle(Time::ZERO, Event::Message { from, message });
            engine.dag().contains(&reference)
        };
        for number in 0..2 {
            assert!(!hears(made_up(50, number, CONFIG).header().clone()));
        }
        hears(header(3, 1, own_first(3, &at_round(&genesis(), 0))))
    };
    assert!(is_accepted());
    assert!(!plant("payloads kept out", is_accepted));
}

/// A hostile author has shown a chain of blocks to one site only, longer than any room.
#[test]
fn a_long_chain_that_one_site_was_shown_is_fetched_to_its_beginning() {
    let is_accepted = || {
        let parameters = Parameters {
            delivery_depth: 128,
            ..parameters(4)
        };
        let mut engine = Engine::boot(parameters, identity(4, 0), fresh_boot(), Time::ZERO).0;
        let hidden = chain_of(&mut engine, 100);
        accepts_what_builds_on(&mut engine, &hidden)
    };
    assert_eq!(2 * parameters(4).resilience.novelty_budget(), 64);
    assert!(is_accepted());
    assert!(!plant("waiting blocks counted by author only", is_accepted));
}

/// Three sites have made so many rounds without the fourth; gives the fourth's blocks, which this
/// site has not seen.
fn chain_of(engine: &mut Engine, rounds: u64) -> Vec<Arc<Block>> {
    let mut all = genesis();
    let mut hidden = Vec::new();
    engine.dag = genesis();
    for round in 1..=rounds {
        let own = add(&mut all, 3, round, &[0, 1, 3]);
        hidden.push(own);
        for author in 0..3 {
            let block = add(&mut all, author, round, &[0, 1, 2]);
            assert!(engine.dag.insert(block, None, false));
        }
    }
    hidden
}

/// A block of site 3 that waits for ever, above an own one with that digest.
fn made_up(round: u64, time_ms: u64, own: Digest) -> Arc<Block> {
    let parent = |author: u8| BlockRef {
        author: site(author),
        round: Round(round - 1),
        digest: if author == 3 { own } else { CONFIG },
    };
    let header = header(3, round, [3, 0, 1, 2].map(parent).to_vec());
    Block::sign(Header { time_ms, ..header }, &key(3))
}

/// Site 1 cites the last of the hidden blocks, and answers all that is asked about them.
fn accepts_what_builds_on(engine: &mut Engine, hidden: &[Arc<Block>]) -> bool {
    let round = hidden.len() as u64;
    let mut parents = at_round(engine.dag(), round);
    parents.push(hidden.last().unwrap().reference());
    let citing = Block::sign(header(1, round + 1, own_first(1, &parents)), &key(1));
    let _ = hears(engine, site(1), &citing);
    for _ in 0..1000 {
        let Some(now) = engine.next_timeout() else {
            break;
        };
        let mut wanted = Vec::new();
        let mut step = engine.handle(now, Event::Timeout);
        while let Some(out) = step.messages.pop() {
            if let Message::Fetch { blocks, .. } = out.message {
                wanted.extend(blocks);
            }
        }
        for own in hidden
            .iter()
            .filter(|own| wanted.contains(&own.reference()))
        {
            let _ = hears(engine, site(1), own);
        }
        if engine.dag().contains(&citing.reference()) {
            return true;
        }
    }
    false
}
