//! Blocks that no tip shows (`protocols.md` §2.8, corrections 5 and 6).
//!
//! A site tells the others the round of the newest block that it has of each author, and is sent what
//! lies above. Of an author that forks its chain or leaves rounds out, a tip says nothing about the
//! blocks beside it. A site may have settled a slot with such a block that it alone was sent: its
//! acceptance horizon is then ahead of the others', it builds on blocks whose parents are exempt for
//! itself alone, and the group stands still. So whoever has settled less is also sent the *heads*,
//! the ends of all branches; what lies below them it fetches as missing parents.
//!
//! Of the twins of a slot not all are sent on, or hostile sites, which can show each site others of
//! their own, would have every site hold what all were shown together. What a site has of a slot and
//! another must be able to get is:
//! 1. what any block builds on, however many there are: it is fetched as a missing parent, and a
//!    parent always has room (`accept.rs`). So no block of a correct site waits for a twin in vain;
//! 2. what a verdict rests on, though no block builds on it (`rule/deciders.rs`): at most
//!    [`DECIDERS_MAX`] of a slot. Without these the other might settle less for ever, with f ≥ 2: its
//!    own share of the slot is used up by what two hostile sites have sent it;
//! 3. the first [`TWINS_MAX`], since nothing may be decided yet: that the author has a block there,
//!    and that it has two, is what all must come to know.
//!
//! So one takes [`PASSED_ON_MAX`] from each other that passes twins on: never fewer than a correct
//! site sends. After a restart the second kind is known again of the slots whose leaders are; with a
//! coin these are the ones above the image.

use std::collections::BTreeSet;

use maftia_protocol::{Step, Target, planted};
use maftia_types::{Digest, Round, SiteId};

use crate::block::BlockRef;
use crate::dag::Entry;
use crate::engine::Engine;
use crate::message::INLINE_PAYLOAD_BYTES_MAX;
use crate::rule::DECIDERS_MAX;
use crate::synchroniser::{ANSWER_BYTES_MAX, HEADER_BYTES, block_message};

/// Twins of a slot that a site takes from their author, and sends on in any case.
pub(crate) const TWINS_MAX: usize = 2;

/// Twins of a slot that a site takes from each other that passes them on, when it has two: as many as
/// a correct one does. A slot never holds more than these for each site, and what blocks build on.
pub(crate) const PASSED_ON_MAX: usize = TWINS_MAX + DECIDERS_MAX;

/// The twins that other sites than their author have passed on, where there were two already.
#[derive(Debug, Default)]
pub(crate) struct Relayed(BTreeSet<(Round, SiteId, SiteId, Digest)>);

impl Relayed {
    /// Takes one more twin from a site, or says that it has passed on enough of this slot.
    pub(crate) fn admit(&mut self, from: SiteId, twin: &BlockRef) -> bool {
        let entry = |digest| (twin.round, twin.author, from, digest);
        let all = entry(Digest([0; 32]))..=entry(Digest([u8::MAX; 32]));
        let known = self.0.contains(&entry(twin.digest));
        let room = self.0.range(all).count() < PASSED_ON_MAX;
        known || (from != twin.author && room && self.0.insert(entry(twin.digest)))
    }

    /// Forgets slots at or below a round.
    pub(crate) fn prune(&mut self, round: Round) {
        self.0.retain(|(of, ..)| *of > round);
    }
}

impl Engine {
    /// The blocks from a round on that are sent to others unasked, in an order in which parents come
    /// first: all but those twins on which no verdict rests.
    pub(crate) fn passed_on(&self, from: Round) -> impl Iterator<Item = &Entry> {
        let decides = |entry: &Entry| {
            let (at, block) = (entry.block.round(), entry.block.reference());
            let control = self.control.as_ref();
            let decides = self.committer.is_decider(at, &block)
                || control.is_some_and(|control| control.is_decider(at, &block));
            decides && !planted("deciders not passed on")
        };
        let chosen = move |(place, entry): &(usize, &Entry)| *place < TWINS_MAX || decides(entry);
        let slots = self.dag.slots(from);
        slots.flat_map(move |slot| {
            slot.iter()
                .enumerate()
                .filter(chosen)
                .map(|(_, entry)| entry)
        })
    }

    /// Of these, those that none of them has as its self-parent, oldest first.
    fn heads(&self, from: Round) -> impl Iterator<Item = &Entry> {
        let blocks = self.passed_on(from);
        let continued: BTreeSet<BlockRef> = blocks
            .filter_map(|entry| entry.block.self_parent())
            .collect();
        self.passed_on(from)
            .filter(|entry| entry.block.round() > Round(0))
            .filter(move |entry| !continued.contains(&entry.block.reference()))
    }

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
        let (mut bytes, mut sent, mut left) = (0, cursor, false);
        for entry in self.heads(lowest) {
            let (author, round) = (entry.block.author(), entry.block.round());
            if round < cursor || author == peer {
                continue;
            }
            if round > sent && bytes > ANSWER_BYTES_MAX {
                left = true;
                break;
            }
            bytes += HEADER_BYTES + INLINE_PAYLOAD_BYTES_MAX;
            sent = round;
            let message = block_message(entry, INLINE_PAYLOAD_BYTES_MAX);
            step.send(Target::One(peer), message);
        }
        let sent = if left { sent } else { Round(0) };
        self.peers.set_heads_sent(peer, sent);
        bytes
    }
}
