//! Blocks that no tip shows (`protocols.md` §2.8, corrections 5 and 6).
//!
//! A site tells the others the round of the newest block that it has of each author, and is sent what
//! lies above. Of an author that forks its chain or leaves rounds out, a tip says nothing about the
//! blocks beside it. A site may have settled a slot with such a block that it alone was sent: its
//! acceptance horizon is then ahead of the others', it builds on blocks whose parents are exempt for
//! itself alone, and the group stands still. So whoever has settled less is also sent the *heads*,
//! the ends of all branches; what lies below them it fetches as missing parents.

use std::collections::BTreeSet;

use maftia_protocol::{Step, Target, planted};
use maftia_types::{Digest, Round, SiteId};

use crate::block::BlockRef;
use crate::dag::{Dag, Entry};
use crate::engine::Engine;
use crate::message::INLINE_PAYLOAD_BYTES_MAX;
use crate::synchroniser::{ANSWER_BYTES_MAX, HEADER_BYTES, block_message};

/// Twins of a slot that a site takes from their author, and again from each site that passes them
/// on. A correct site accepts no more from the author, so that each has room for what another may
/// have settled a slot with; a slot never holds more than two for each site.
pub(crate) const TWINS_MAX: usize = 2;

/// The twins that other sites than their author have passed on, where there were two already.
#[derive(Debug, Default)]
pub(crate) struct Relayed(BTreeSet<(Round, SiteId, SiteId, Digest)>);

impl Relayed {
    /// Takes one more twin from a site, or says that it has passed on enough of this slot.
    pub(crate) fn admit(&mut self, from: SiteId, twin: &BlockRef) -> bool {
        let entry = |digest| (twin.round, twin.author, from, digest);
        let all = entry(Digest([0; 32]))..=entry(Digest([u8::MAX; 32]));
        let known = self.0.contains(&entry(twin.digest));
        let room = self.0.range(all).count() < TWINS_MAX;
        known || (from != twin.author && room && self.0.insert(entry(twin.digest)))
    }

    /// Forgets slots at or below a round.
    pub(crate) fn prune(&mut self, round: Round) {
        self.0.retain(|(of, ..)| *of > round);
    }
}

/// The accepted blocks from a round on that no accepted block has as its self-parent, oldest first.
fn heads(dag: &Dag, from: Round) -> impl Iterator<Item = &Entry> {
    let continued: BTreeSet<BlockRef> = dag
        .from(from)
        .filter_map(|entry| entry.block.self_parent())
        .collect();
    dag.from(from)
        .filter(|entry| entry.block.round() > Round(0))
        .filter(move |entry| !continued.contains(&entry.block.reference()))
}

impl Engine {
    /// Sends the heads to a peer that has settled less than this site, and gives the bytes. What
    /// does not fit into one answer comes with the next; a round is never divided.
    pub(crate) fn push_heads(
        &mut self,
        peer: SiteId,
        settled: Round,
        step: &mut Step<Self>,
    ) -> usize {
        if settled >= self.read_above() || planted("no heads pushed") {
            return 0;
        }
        let lowest = settled.next().max(self.dag.base());
        let cursor = self.peers.heads_sent(peer).next().max(lowest);
        let (mut bytes, mut sent) = (0, cursor);
        for entry in heads(&self.dag, lowest) {
            let (author, round) = (entry.block.author(), entry.block.round());
            if round < cursor || author == peer {
                continue;
            }
            if round > sent && bytes > ANSWER_BYTES_MAX {
                self.peers.set_heads_sent(peer, sent);
                return bytes;
            }
            bytes += HEADER_BYTES + INLINE_PAYLOAD_BYTES_MAX;
            sent = round;
            let message = block_message(entry, INLINE_PAYLOAD_BYTES_MAX);
            step.send(Target::One(peer), message);
        }
        self.peers.set_heads_sent(peer, Round(0));
        bytes
    }
}
