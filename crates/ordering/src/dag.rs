//! The accepted blocks: a dense window of rounds × authors.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use maftia_types::{Digest, Epoch, Round, SiteId, SiteSet};

use crate::block::{Block, BlockRef};
use crate::support::Table;

/// A causally closed set of blocks above a base round. Twins of one author and round are kept side
/// by side, in the order they were accepted.
#[derive(Clone, Debug)]
pub struct Dag {
    pub(crate) sites: usize,
    base: Round,
    layers: VecDeque<Layer>,
    inserted: u64,
    pub(crate) keeps_support: bool,
}

#[derive(Clone, Debug)]
struct Layer {
    slots: Vec<Vec<Entry>>,
    authors: SiteSet,
}

/// An accepted block.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The block.
    pub block: Arc<Block>,
    /// Its payload; `None` once it is no longer needed here.
    pub payload: Option<Bytes>,
    /// Whether a commit has delivered it.
    pub delivered: bool,
    /// Per author, the highest round of a block of that author in this block's history, itself
    /// included.
    seen: Box<[Round]>,
    pub(crate) support: Table,
}

impl Dag {
    /// The implicit blocks of round 0.
    pub fn genesis(config: Digest, epoch: Epoch, sites: usize) -> Self {
        let mut dag = Self::empty(sites, Round(0));
        for author in SiteId::all(sites) {
            let block = Block::genesis(config, epoch, author);
            dag.insert(block, Some(Bytes::new()), true);
        }
        dag
    }

    /// No blocks at all; rounds below `base` will be taken for granted.
    pub const fn empty(sites: usize, base: Round) -> Self {
        Self {
            sites,
            base,
            layers: VecDeque::new(),
            inserted: 0,
            keeps_support: false,
        }
    }

    /// Adds an accepted block, unless it is there already or below the base. The caller has
    /// checked its validity and that its parents are accepted or exempt.
    pub fn insert(&mut self, block: Arc<Block>, payload: Option<Bytes>, delivered: bool) -> bool {
        let Some(offset) = self.offset(block.round()) else {
            return false;
        };
        if self.contains(&block.reference()) {
            return false;
        }
        let seen = self.merge_seen(&block);
        let support = self.merge_support(&block);
        while self.layers.len() <= offset {
            self.layers.push_back(Layer {
                slots: vec![Vec::new(); self.sites],
                authors: SiteSet::EMPTY,
            });
        }
        let author = block.author();
        let Some(layer) = self.layers.get_mut(offset) else {
            return false;
        };
        let Some(slot) = layer.slots.get_mut(author.index()) else {
            return false;
        };
        slot.push(Entry {
            block,
            payload,
            delivered,
            seen,
            support,
        });
        layer.authors.insert(author);
        self.inserted += 1;
        true
    }

    fn merge_seen(&self, block: &Block) -> Box<[Round]> {
        let mut seen = vec![Round(0); self.sites].into_boxed_slice();
        let mut raise = |author: SiteId, round: Round| {
            if let Some(slot) = seen.get_mut(author.index()) {
                *slot = round.max(*slot);
            }
        };
        raise(block.author(), block.round());
        for parent in &block.header().parents {
            raise(parent.author, parent.round);
            if let Some(entry) = self.get(parent) {
                for (author, round) in SiteId::all(self.sites).zip(entry.seen.iter()) {
                    raise(author, *round);
                }
            }
        }
        seen
    }

    /// Forgets the rounds below `base`.
    pub fn prune(&mut self, base: Round) {
        while self.base < base && self.layers.pop_front().is_some() {
            self.base = self.base.next();
        }
        self.base = self.base.max(base);
    }

    /// How many blocks were ever inserted: tells whether there is anything new.
    pub const fn inserted(&self) -> u64 {
        self.inserted
    }

    /// The lowest retained round.
    pub const fn base(&self) -> Round {
        self.base
    }

    /// The highest round that holds a block, or the base.
    pub fn tip(&self) -> Round {
        self.base.plus((self.layers.len() as u64).saturating_sub(1))
    }

    /// The highest round that holds blocks of `quorum` authors, or the base.
    pub fn quorum_tip(&self, quorum: usize) -> Round {
        let full = self
            .layers
            .iter()
            .rposition(|layer| layer.authors.len() >= quorum);
        self.base.plus(full.unwrap_or(0) as u64)
    }

    /// An accepted block by name.
    pub fn get(&self, reference: &BlockRef) -> Option<&Entry> {
        self.slot(reference.author, reference.round)
            .iter()
            .find(|entry| entry.block.digest() == reference.digest)
    }

    /// An accepted block by name, to be changed.
    pub fn get_mut(&mut self, reference: &BlockRef) -> Option<&mut Entry> {
        let offset = self.offset(reference.round)?;
        self.layers
            .get_mut(offset)?
            .slots
            .get_mut(reference.author.index())?
            .iter_mut()
            .find(|entry| entry.block.digest() == reference.digest)
    }

    /// Whether a block is accepted.
    pub fn contains(&self, reference: &BlockRef) -> bool {
        self.get(reference).is_some()
    }

    /// The blocks of one author at one round, oldest acceptance first.
    pub fn slot(&self, author: SiteId, round: Round) -> &[Entry] {
        self.layer(round)
            .and_then(|layer| layer.slots.get(author.index()))
            .map_or(&[], Vec::as_slice)
    }

    /// All blocks of one round, by author, then by acceptance.
    pub fn round(&self, round: Round) -> impl Iterator<Item = &Entry> {
        self.layer(round)
            .into_iter()
            .flat_map(|layer| layer.slots.iter().flatten())
    }

    /// The authors that have a block at a round.
    pub fn authors(&self, round: Round) -> SiteSet {
        self.layer(round)
            .map_or(SiteSet::EMPTY, |layer| layer.authors)
    }

    /// All blocks at `from` and above, in an order in which parents come first.
    pub fn from(&self, from: Round) -> impl Iterator<Item = &Entry> {
        let skip = usize::try_from(from.0.saturating_sub(self.base.0)).unwrap_or(usize::MAX);
        self.layers
            .iter()
            .skip(skip)
            .flat_map(|layer| layer.slots.iter().flatten())
    }

    /// The slots at `from` and above, by round, then by author.
    pub(crate) fn slots(&self, from: Round) -> impl Iterator<Item = &[Entry]> {
        let skip = usize::try_from(from.0.saturating_sub(self.base.0)).unwrap_or(usize::MAX);
        let layers = self.layers.iter().skip(skip);
        layers.flat_map(|layer| layer.slots.iter().map(Vec::as_slice))
    }

    /// The newest block of an author, if one is retained.
    pub fn newest(&self, author: SiteId) -> Option<&Entry> {
        self.layers
            .iter()
            .rev()
            .find_map(|layer| layer.slots.get(author.index())?.first())
    }

    /// Forgets payloads of delivered blocks below `round`.
    pub fn drop_payloads(&mut self, below: Round) {
        let count = usize::try_from(below.0.saturating_sub(self.base.0)).unwrap_or(usize::MAX);
        for layer in self.layers.iter_mut().take(count) {
            for entry in layer
                .slots
                .iter_mut()
                .flatten()
                .filter(|entry| entry.delivered)
            {
                entry.payload = None;
            }
        }
    }

    fn layer(&self, round: Round) -> Option<&Layer> {
        self.layers.get(self.offset(round)?)
    }

    fn offset(&self, round: Round) -> Option<usize> {
        usize::try_from(round.0.checked_sub(self.base.0)?).ok()
    }
}

impl Entry {
    /// The highest round of a block of `author` in this block's history.
    pub fn seen(&self, author: SiteId) -> Round {
        self.seen.get(author.index()).copied().unwrap_or(Round(0))
    }
}
