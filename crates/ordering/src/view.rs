use maftia_types::{Round, SiteId, SiteSet};

use crate::block::BlockRef;
use crate::dag::Dag;
use crate::history::History;

/// What the decision rules read of the accepted blocks, and nothing else: a causally closed set.
///
/// [`Dag`] is one; the property runner of the rules has another, which holds a million of them in
/// the time that a signature takes.
pub trait View {
    /// Names a block. Of two by one author and round the lesser comes first in a tie, so that the
    /// order must be the same at all members.
    type Block: Copy + Ord + std::fmt::Debug;

    /// The highest round that holds a block.
    fn tip(&self) -> Round;

    /// How many blocks there ever were: tells whether there is anything new.
    fn inserted(&self) -> u64;

    /// The authors that have a block at a round.
    fn authors(&self, round: Round) -> SiteSet;

    /// Who made a block.
    fn author(&self, block: &Self::Block) -> SiteId;

    /// All blocks of one round.
    fn blocks(&self, round: Round) -> impl Iterator<Item = Self::Block>;

    /// The blocks of one author at one round: a leader's candidates.
    fn candidates(&self, leader: SiteId, round: Round) -> impl Iterator<Item = Self::Block>;

    /// What a block votes for: its strong parent by `leader`.
    fn vote(&self, voter: &Self::Block, leader: SiteId) -> Option<Self::Block>;

    /// The votes of a block's strong parents, one per author that votes.
    fn votes_seen(
        &self,
        reader: &Self::Block,
        leader: SiteId,
    ) -> impl Iterator<Item = Self::Block> + Clone;

    /// The parents of a block that are of the round below.
    fn strong_parents(&self, block: &Self::Block) -> impl Iterator<Item = Self::Block>;

    /// sup(x, author, r): the least block of an author and round in the history of `reader`, which
    /// is at most w_A − 1 rounds above.
    fn support(&self, reader: &Self::Block, author: SiteId, round: Round) -> Option<Self::Block>;

    /// Says which blocks at `floor` and above are in a block's causal history.
    fn history(&self, tip: &Self::Block, floor: Round) -> impl Fn(&Self::Block) -> bool;
}

impl View for Dag {
    type Block = BlockRef;

    fn tip(&self) -> Round {
        self.tip()
    }

    fn inserted(&self) -> u64 {
        self.inserted()
    }

    fn authors(&self, round: Round) -> SiteSet {
        self.authors(round)
    }

    fn author(&self, block: &BlockRef) -> SiteId {
        block.author
    }

    fn blocks(&self, round: Round) -> impl Iterator<Item = BlockRef> {
        self.round(round).map(|entry| entry.block.reference())
    }

    fn candidates(&self, leader: SiteId, round: Round) -> impl Iterator<Item = BlockRef> {
        let slot = self.slot(leader, round).iter();
        slot.map(|entry| entry.block.reference())
    }

    fn vote(&self, voter: &BlockRef, leader: SiteId) -> Option<BlockRef> {
        let mut strong = self.get(voter)?.block.strong_parents();
        strong.find(|parent| parent.author == leader).copied()
    }

    fn votes_seen(
        &self,
        reader: &BlockRef,
        leader: SiteId,
    ) -> impl Iterator<Item = BlockRef> + Clone {
        let strong = self.get(reader).into_iter();
        let strong = strong.flat_map(|entry| entry.block.strong_parents());
        strong.filter_map(move |parent| self.vote(parent, leader))
    }

    fn strong_parents(&self, block: &BlockRef) -> impl Iterator<Item = BlockRef> {
        let entry = self.get(block).into_iter();
        entry.flat_map(|entry| entry.block.strong_parents().copied())
    }

    fn support(&self, reader: &BlockRef, author: SiteId, round: Round) -> Option<BlockRef> {
        self.support(reader, author, round)
    }

    fn history(&self, tip: &BlockRef, floor: Round) -> impl Fn(&BlockRef) -> bool {
        let history = History::of(self, tip, floor, |_| true);
        move |block| history.contains(block)
    }
}
