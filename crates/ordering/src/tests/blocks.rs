//! Blocks and DAGs made by hand.

use std::sync::Arc;

use maftia_types::{Epoch, Round};

use super::harness::*;
use crate::*;

/// An empty block that its author's clock has made in the `round`th millisecond.
pub(super) fn header(author: usize, round: u64, parents: Vec<BlockRef>) -> Header {
    Header {
        config: CONFIG,
        epoch: Epoch(0),
        round: Round(round),
        author: site(author as u8),
        parents,
        payload_digest: payload_digest(&[]),
        payload_len: 0,
        commit_vote: None,
        checkpoint_vote: None,
        time_ms: round,
        coin_shares: Vec::new(),
    }
}

pub(super) fn with_payload(header: Header, payload: &[u8]) -> Header {
    Header {
        payload_digest: payload_digest(payload),
        payload_len: payload.len() as u32,
        ..header
    }
}

/// The order that V4 asks for.
pub(super) fn own_first(author: usize, parents: &[BlockRef]) -> Vec<BlockRef> {
    let mut parents = parents.to_vec();
    parents.sort_by_key(|parent| parent.author.index() != author);
    parents
}

pub(super) fn genesis() -> Dag {
    Dag::genesis(CONFIG, Epoch(0), 4)
}

pub(super) fn at_round(dag: &Dag, round: u64) -> Vec<BlockRef> {
    dag.round(Round(round))
        .map(|entry| entry.block.reference())
        .collect()
}

/// Adds a block of `author` whose strong parents are those of these authors.
pub(super) fn add(dag: &mut Dag, author: usize, round: u64, parents: &[usize]) -> Arc<Block> {
    let parent = |of: &usize| {
        let slot = dag.slot(site(*of as u8), Round(round - 1));
        slot[0].block.reference()
    };
    let parents: Vec<BlockRef> = parents.iter().map(parent).collect();
    let header = header(author, round, own_first(author, &parents));
    let block = Block::sign(header, &key(author));
    assert!(dag.insert(block.clone(), None, false));
    block
}

/// Full rounds of four sites; every block has all blocks below as parents.
pub(super) fn full_dag(rounds: u64) -> Dag {
    let mut dag = genesis();
    for round in 1..=rounds {
        for author in 0..4 {
            add(&mut dag, author, round, &[0, 1, 2, 3]);
        }
    }
    dag
}
