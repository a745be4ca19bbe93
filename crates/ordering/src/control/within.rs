use maftia_protocol::planted;
use maftia_types::{Round, SiteId, SiteSet};

use crate::view::View;

/// The causal history of a block as a view: what all who know the block see alike.
pub(super) struct Within<'a, V, F> {
    view: &'a V,
    holds: F,
    tip: Round,
    floor: Round,
    /// From the floor up.
    authors: Vec<SiteSet>,
}

/// The history of `tip`, a block of that round, from `floor` up.
pub(super) fn within<'a, V: View>(
    view: &'a V,
    (tip, round): (&V::Block, Round),
    floor: Round,
) -> Within<'a, V, impl Fn(&V::Block) -> bool> {
    let history = view.history(tip, floor);
    let holds = move |block: &V::Block| history(block) || planted("modes judged by what is held");
    let authors = |round: u64| {
        let held = view.blocks(Round(round)).filter(&holds);
        held.map(|block| view.author(&block)).collect()
    };
    let authors = (floor.0..=round.0).map(authors).collect();
    Within {
        view,
        holds,
        tip: round,
        floor,
        authors,
    }
}

impl<V: View, F: Fn(&V::Block) -> bool> View for Within<'_, V, F> {
    type Block = V::Block;

    fn tip(&self) -> Round {
        self.tip
    }

    /// Nothing is ever added to a history.
    fn inserted(&self) -> u64 {
        0
    }

    fn authors(&self, round: Round) -> SiteSet {
        let offset = round.0.checked_sub(self.floor.0);
        let offset = offset.and_then(|offset| usize::try_from(offset).ok());
        let authors = offset.and_then(|offset| self.authors.get(offset));
        authors.copied().unwrap_or(SiteSet::EMPTY)
    }

    fn author(&self, block: &V::Block) -> SiteId {
        self.view.author(block)
    }

    fn blocks(&self, round: Round) -> impl Iterator<Item = V::Block> {
        let blocks = self.view.blocks(round);
        blocks.filter(move |block| round <= self.tip && (self.holds)(block))
    }

    fn candidates(&self, leader: SiteId, round: Round) -> impl Iterator<Item = V::Block> {
        let candidates = self.view.candidates(leader, round);
        candidates.filter(move |block| round <= self.tip && (self.holds)(block))
    }

    fn vote(&self, voter: &V::Block, leader: SiteId) -> Option<V::Block> {
        self.view.vote(voter, leader)
    }

    fn votes_seen(
        &self,
        reader: &V::Block,
        leader: SiteId,
    ) -> impl Iterator<Item = V::Block> + Clone {
        self.view.votes_seen(reader, leader)
    }

    fn strong_parents(&self, block: &V::Block) -> impl Iterator<Item = V::Block> {
        self.view.strong_parents(block)
    }

    fn support(&self, reader: &V::Block, author: SiteId, round: Round) -> Option<V::Block> {
        self.view.support(reader, author, round)
    }

    fn history(&self, tip: &V::Block, floor: Round) -> impl Fn(&V::Block) -> bool {
        self.view.history(tip, floor)
    }
}
