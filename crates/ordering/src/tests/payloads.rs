//! A payload that must be delivered and is not here.

use std::sync::Arc;

use super::blocks::*;
use super::harness::*;
use crate::*;
use bytes::Bytes;
use maftia_protocol::{Event, Protocol};
use maftia_types::{Round, Time};

const LOAD: &[u8] = b"load";

/// Eight full rounds; the block of site 1 at round 1 has a payload, which is not here.
fn blocks() -> Vec<Record> {
    let mut dag = genesis();
    let loaded = with_payload(header(1, 1, own_first(1, &at_round(&dag, 0))), LOAD);
    dag.insert(Block::sign(loaded, &key(1)), None, false);
    for author in [0, 2, 3] {
        add(&mut dag, author, 1, &[0, 1, 2, 3]);
    }
    for round in 2..=8 {
        for author in 0..4 {
            add(&mut dag, author, round, &[0, 1, 2, 3]);
        }
    }
    let blocks = dag.from(Round(1)).map(|entry| entry.block.clone());
    let record = |block: Arc<Block>| Record::Block {
        payload: block.is_empty().then(Bytes::new),
        block,
    };
    blocks.map(record).collect()
}

fn delivered(outputs: &[Output]) -> Vec<Bytes> {
    let commits = outputs.iter().filter_map(|output| match output {
        Output::Commit(commit) => Some(commit),
        _ => None,
    });
    let payloads = commits.flat_map(|commit| commit.blocks.iter().map(|(_, payload)| payload));
    payloads
        .filter(|payload| !payload.is_empty())
        .cloned()
        .collect()
}

#[test]
fn a_block_without_its_payload_is_not_delivered_as_empty() {
    let mut engine = Engine::boot(parameters(4), identity(4, 0), fresh_boot(), Time::ZERO).0;
    for record in blocks() {
        if let Record::Block { block, payload } = record {
            engine.insert(block, payload);
        }
    }
    let step = engine.handle(Time::ZERO, Event::Timeout);
    let alarms = |output: &Output| matches!(output, Output::Alarm(_));
    assert!(step.outputs.iter().any(alarms), "{:?}", step.outputs);
    let of_the_loaded = |output: &Output| match output {
        Output::Commit(commit) => commit.blocks.iter().any(|(block, _)| !block.is_empty()),
        _ => false,
    };
    assert!(!step.outputs.iter().any(of_the_loaded));
    assert!(engine.is_halted() && engine.next_timeout().is_none());
}

/// As when the image of a fetched state is gone: the log was written after it had delivered the
/// payload, and the start is from before.
#[test]
fn a_payload_that_the_log_left_out_is_fetched() {
    let boot = Boot {
        records: blocks(),
        ..fresh_boot()
    };
    let (mut engine, step) = Engine::boot(parameters(4), identity(4, 0), boot, Time::ZERO);
    assert!(step.outputs.is_empty(), "{:?}", step.outputs);
    let due = engine.next_timeout().expect("the payload is fetched");
    let step = engine.handle(due, Event::Timeout);
    let wanted = step.messages.iter().find_map(|out| match &out.message {
        Message::Fetch { payloads, .. } => payloads.first().copied(),
        _ => None,
    });
    let message = Message::Payload {
        block: wanted.expect("the payload is fetched"),
        payload: Bytes::from_static(LOAD),
    };
    let from = site(1);
    let step = engine.handle(due, Event::Message { from, message });
    assert_eq!(delivered(&step.outputs), [LOAD]);
}
