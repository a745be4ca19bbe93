//! A small DAG of blocks, and the views of it that a site may have.

use maftia_ordering::View;
use maftia_types::{Round, SiteId, SiteSet};

/// The sites, of which one may be intruded: the last.
pub(crate) const SITES: usize = 4;
pub(crate) const INTRUDED: usize = SITES - 1;

/// A set of blocks by index. Four geneses and twenty rounds of at most five blocks fit.
pub(crate) type Blocks = u128;

#[derive(Clone, Copy, Debug)]
struct Block {
    author: usize,
    round: usize,
    /// By author: the parent of the round below.
    parents: [Option<u8>; SITES],
    /// The block and its history.
    cone: Blocks,
}

/// All blocks there are, round by round.
#[derive(Clone, Debug)]
pub(crate) struct Dag {
    blocks: Vec<Block>,
}

impl Dag {
    /// The geneses.
    pub(crate) fn new() -> Self {
        let mut dag = Self { blocks: Vec::new() };
        for author in 0..SITES {
            dag.add(author, 0, [None; SITES]);
        }
        dag
    }

    /// Adds a block and returns its index.
    pub(crate) fn add(&mut self, author: usize, round: usize, parents: [Option<u8>; SITES]) -> u8 {
        let index = self.blocks.len() as u8;
        let below = parents.iter().flatten().map(|parent| self.cone(*parent));
        let cone = below.fold(1 << index, |cone, below| cone | below);
        let block = Block {
            author,
            round,
            parents,
            cone,
        };
        self.blocks.push(block);
        index
    }

    /// The first block of an author in a round, or its second.
    pub(crate) fn find(&self, author: usize, round: usize, second: bool) -> Option<u8> {
        let mut blocks = self
            .of(round)
            .filter(|block| self.at(*block).author == author);
        let first = blocks.next();
        if second {
            blocks.next().or(first)
        } else {
            first
        }
    }

    pub(crate) fn cone(&self, block: u8) -> Blocks {
        self.at(block).cone
    }

    pub(crate) fn of(&self, round: usize) -> impl Iterator<Item = u8> {
        let blocks = (0..).zip(&self.blocks);
        blocks
            .filter(move |(_, block)| block.round == round)
            .map(|(index, _)| index)
    }

    fn at(&self, block: u8) -> &Block {
        &self.blocks[usize::from(block)]
    }
}

/// What a site holds: a set of blocks closed under parents.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held<'a> {
    pub(crate) dag: &'a Dag,
    pub(crate) held: Blocks,
}

impl Held<'_> {
    fn holds(&self, block: u8) -> bool {
        self.held >> block & 1 == 1
    }
}

fn small(round: Round) -> usize {
    round.0 as usize
}

impl View for Held<'_> {
    type Block = u8;

    fn tip(&self) -> Round {
        let highest = (u128::BITS - 1 - self.held.leading_zeros()) as u8;
        Round(self.dag.at(highest).round as u64)
    }

    fn inserted(&self) -> u64 {
        u64::from(self.held.count_ones())
    }

    fn authors(&self, round: Round) -> SiteSet {
        self.blocks(round)
            .map(|block| self.author(&block))
            .collect()
    }

    fn author(&self, block: &u8) -> SiteId {
        SiteId::new(self.dag.at(*block).author as u8).unwrap()
    }

    fn blocks(&self, round: Round) -> impl Iterator<Item = u8> {
        self.dag.of(small(round)).filter(|block| self.holds(*block))
    }

    fn candidates(&self, leader: SiteId, round: Round) -> impl Iterator<Item = u8> {
        self.blocks(round)
            .filter(move |block| self.author(block) == leader)
    }

    fn vote(&self, voter: &u8, leader: SiteId) -> Option<u8> {
        self.dag.at(*voter).parents[leader.index()]
    }

    fn votes_seen(&self, reader: &u8, leader: SiteId) -> impl Iterator<Item = u8> + Clone {
        let parents = self.dag.at(*reader).parents.into_iter().flatten();
        parents.filter_map(move |parent| self.dag.at(parent).parents[leader.index()])
    }

    fn strong_parents(&self, block: &u8) -> impl Iterator<Item = u8> {
        self.dag.at(*block).parents.into_iter().flatten()
    }

    fn support(&self, reader: &u8, author: SiteId, round: Round) -> Option<u8> {
        let cone = self.dag.cone(*reader);
        let mut slot = self.dag.of(small(round));
        slot.find(|block| self.author(block) == author && cone >> block & 1 == 1)
    }

    fn history(&self, tip: &u8, _floor: Round) -> impl Fn(&u8) -> bool {
        let cone = self.dag.cone(*tip);
        move |block| cone >> block & 1 == 1
    }
}
