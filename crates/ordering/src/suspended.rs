use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use maftia_protocol::planted;
use maftia_types::{Duration, SiteId, Time};

use crate::block::{Block, BlockRef};
use crate::parameters::PAYLOAD_BYTES_MAX;

/// Most payload bytes held for blocks of one author that are not accepted yet: two full blocks.
/// Beyond it a payload is dropped and fetched again when its turn comes.
const PAYLOAD_BYTES_PER_AUTHOR: usize = 2 * PAYLOAD_BYTES_MAX;

/// Blocks that wait for parents or a payload, and what is being fetched for them.
#[derive(Debug, Default)]
pub(crate) struct Suspended {
    waiting: BTreeMap<BlockRef, Waiting>,
    children: BTreeMap<BlockRef, BTreeSet<BlockRef>>,
    wants: BTreeMap<BlockRef, Want>,
    /// Something is waited for that is neither here nor wanted.
    has_forgotten: bool,
}

/// A block that is not accepted yet.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) block: Arc<Block>,
    pub(crate) payload: Option<Bytes>,
    /// Who sent it: the first to be asked for what it lacks.
    pub(crate) from: SiteId,
}

#[derive(Debug)]
struct Want {
    payload: bool,
    ask: SiteId,
    at: Time,
    tries: u32,
}

/// What to fetch from whom now.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) blocks: Vec<BlockRef>,
    pub(crate) payloads: Vec<BlockRef>,
}

impl Suspended {
    pub(crate) fn insert(&mut self, waiting: Waiting) {
        let reference = waiting.block.reference();
        self.wants.remove(&reference);
        self.waiting.insert(reference, waiting);
    }

    pub(crate) fn get(&self, reference: &BlockRef) -> Option<&Waiting> {
        self.waiting.get(reference)
    }

    pub(crate) fn contains(&self, reference: &BlockRef) -> bool {
        self.waiting.contains_key(reference)
    }

    /// Takes a block out; it is accepted or refused.
    pub(crate) fn remove(&mut self, reference: &BlockRef) -> Option<Waiting> {
        self.wants.remove(reference);
        self.waiting.remove(reference)
    }

    /// Notes a payload, within the author's bound.
    pub(crate) fn set_payload(&mut self, reference: &BlockRef, payload: Bytes) {
        let held: usize = self
            .of_author(reference.author)
            .filter_map(|waiting| waiting.payload.as_ref().map(Bytes::len))
            .sum();
        if held + payload.len() <= PAYLOAD_BYTES_PER_AUTHOR {
            self.take_payload(reference, payload);
        }
    }

    /// Notes a payload whatever else waits.
    pub(crate) fn take_payload(&mut self, reference: &BlockRef, payload: Bytes) {
        self.wants.remove(reference);
        if let Some(waiting) = self.waiting.get_mut(reference) {
            waiting.payload = Some(payload);
        }
    }

    /// Makes `child` wait for `parent`.
    pub(crate) fn wait_for(&mut self, parent: BlockRef, child: BlockRef) {
        self.children.entry(parent).or_default().insert(child);
    }

    /// The blocks that waited for `parent`.
    pub(crate) fn wake(&mut self, parent: &BlockRef) -> BTreeSet<BlockRef> {
        self.wants.remove(parent);
        self.children.remove(parent).unwrap_or_default()
    }

    /// Wants a block (or only its payload) from `ask` at `at`, unless it is wanted already.
    pub(crate) fn want(&mut self, reference: BlockRef, payload: bool, ask: SiteId, at: Time) {
        self.wants.entry(reference).or_insert(Want {
            payload,
            ask,
            at,
            tries: 0,
        });
    }

    /// Whether somebody waits for this block.
    pub(crate) fn is_wanted(&self, reference: &BlockRef) -> bool {
        self.children.contains_key(reference) || self.wants.contains_key(reference)
    }

    /// What is due at `now`, by the site to ask. Each want then turns to the next site, at twice
    /// the distance each time.
    pub(crate) fn due(
        &mut self,
        now: Time,
        delay: Duration,
        next: impl Fn(SiteId) -> SiteId,
    ) -> BTreeMap<SiteId, Wanted> {
        let mut due: BTreeMap<SiteId, Wanted> = BTreeMap::new();
        for (reference, want) in self.wants.iter_mut().filter(|(_, want)| want.at <= now) {
            let wanted = due.entry(want.ask).or_default();
            let list = if want.payload {
                &mut wanted.payloads
            } else {
                &mut wanted.blocks
            };
            list.push(*reference);
            want.ask = next(want.ask);
            want.tries = (want.tries + 1).min(6);
            want.at = now + delay.times(2 << want.tries);
        }
        due
    }

    /// When the next want is due.
    pub(crate) fn next_due(&self) -> Option<Time> {
        self.wants.values().map(|want| want.at).min()
    }

    pub(crate) fn of_author(&self, author: SiteId) -> impl Iterator<Item = &Waiting> {
        self.waiting
            .values()
            .filter(move |waiting| waiting.block.author() == author)
    }

    /// Whether something is waited for that nobody fetches.
    pub(crate) fn must_be_reconsidered(&self) -> bool {
        !self.waiting.is_empty() && (self.has_forgotten || self.wants.is_empty())
    }

    /// All waiting blocks, oldest first, to be looked at anew.
    pub(crate) fn reconsidered(&mut self) -> Vec<BlockRef> {
        self.has_forgotten = false;
        self.references()
    }

    /// All waiting blocks, oldest first.
    pub(crate) fn references(&self) -> Vec<BlockRef> {
        self.waiting.keys().copied().collect()
    }

    /// How many blocks of an author wait.
    pub(crate) fn count(&self, author: SiteId) -> usize {
        self.waiting
            .keys()
            .filter(|reference| reference.author == author)
            .count()
    }

    /// How many blocks wait that a peer has sent.
    pub(crate) fn count_from(&self, from: SiteId) -> usize {
        let waiting = self.waiting.values();
        waiting.filter(|waiting| waiting.from == from).count()
    }

    /// Forgets the newest block that a peer has sent and that is of a later round than this one, best
    /// of all by the same author, and what was wanted for it alone. Who waits for it goes on waiting,
    /// and wants it again when everything is looked at anew: at once, it would push out what waits.
    pub(crate) fn evict_newer(&mut self, from: SiteId, than: &BlockRef) -> bool {
        let sent = self.waiting.iter().filter(|(_, own)| own.from == from);
        let newest = sent
            .map(|(reference, _)| *reference)
            .filter(|own| own.round > than.round)
            .max_by_key(|own| (own.author == than.author, own.round));
        let Some((newest, waiting)) = newest.and_then(|own| Some((own, self.remove(&own)?))) else {
            return false;
        };
        if !planted("evicted blocks leave their wants") {
            for parent in &waiting.block.header().parents {
                self.stop_waiting(parent, &newest);
            }
        }
        self.has_forgotten |= self.children.contains_key(&newest);
        true
    }

    /// `child` waits for `parent` no longer. What nobody waits for is not wanted.
    fn stop_waiting(&mut self, parent: &BlockRef, child: &BlockRef) {
        let Some(children) = self.children.get_mut(parent) else {
            return;
        };
        children.remove(child);
        if children.is_empty() {
            self.children.remove(parent);
            if !self.waiting.contains_key(parent) {
                self.wants.remove(parent);
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// How many blocks are wanted or waited for.
    #[cfg(test)]
    pub(crate) fn missing(&self) -> usize {
        self.wants.len().max(self.children.len())
    }

    /// The waiting twins of a slot.
    pub(crate) fn twins(&self, of: &BlockRef) -> impl Iterator<Item = &Waiting> {
        let (author, round) = (of.author, of.round);
        self.waiting
            .values()
            .filter(move |w| w.block.author() == author && w.block.round() == round)
    }

    /// Forgets everything at or below a round and gives back the blocks that waited for it.
    pub(crate) fn prune(&mut self, horizon: maftia_types::Round) -> BTreeSet<BlockRef> {
        self.waiting
            .retain(|reference, _| reference.round > horizon);
        self.wants.retain(|reference, _| reference.round > horizon);
        let mut woken = BTreeSet::new();
        while let Some(entry) = self.children.first_entry() {
            if entry.key().round > horizon {
                break;
            }
            woken.extend(entry.remove());
        }
        woken
    }
}
