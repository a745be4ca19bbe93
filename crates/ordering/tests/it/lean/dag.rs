use std::ops::Range;

use maftia_ordering::View;
use maftia_protocol::planted;
use maftia_types::{Round, SiteId, SiteSet};

/// The most sites.
pub(crate) const SITES: usize = 10;
/// A block's parents by author fill one vector register, which is what V6 is computed in.
pub(crate) const LANES: usize = 16;
/// The rounds of a DAG.
pub(crate) const ROUNDS: usize = 13;
/// No block.
pub(crate) const NONE: u8 = u8::MAX;
/// Ten geneses and thirteen rounds of seven correct and three times three faulty blocks are 218.
const WORDS: usize = 4;

/// A set of blocks.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Bits([u64; WORDS]);

impl Bits {
    pub(crate) fn insert(&mut self, block: u8) {
        self.0[usize::from(block >> 6)] |= 1 << (block & 63);
    }

    pub(crate) fn unite(&mut self, other: &Self) {
        for (word, more) in self.0.iter_mut().zip(other.0) {
            *word |= more;
        }
    }

    pub(crate) fn contains(&self, block: u8) -> bool {
        self.0[usize::from(block >> 6)] >> (block & 63) & 1 == 1
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub(crate) author: u8,
    pub(crate) round: u8,
    /// By author: the parent of the round below.
    pub(crate) strong: [u8; LANES],
    /// The block and its history.
    pub(crate) cone: Bits,
}

/// A set of blocks closed under parents, grown round by round and within one author by author, so
/// that a round and a slot are ranges of indices.
#[derive(Clone, Debug)]
pub(crate) struct LeanDag {
    pub(crate) blocks: Vec<Block>,
    slots: [[(u8, u8); SITES]; ROUNDS + 1],
    starts: [u8; ROUNDS + 2],
}

impl LeanDag {
    /// The geneses.
    pub(crate) fn new(sites: usize) -> Self {
        let mut dag = Self {
            blocks: Vec::with_capacity(NONE.into()),
            slots: [[(0, 0); SITES]; ROUNDS + 1],
            starts: [0; ROUNDS + 2],
        };
        for author in 0..sites {
            dag.add(author as u8, 0, [NONE; LANES], Bits::default());
        }
        dag
    }

    /// Adds a block with the union of its parents' histories.
    pub(crate) fn add(&mut self, author: u8, round: u8, strong: [u8; LANES], below: Bits) {
        let index = u8::try_from(self.blocks.len()).unwrap();
        assert!(
            index < NONE,
            "a DAG has fewer blocks than an index has values"
        );
        let mut cone = below;
        cone.insert(index);
        self.blocks.push(Block {
            author,
            round,
            strong,
            cone,
        });
        let slot = &mut self.slots[usize::from(round)][usize::from(author)];
        *slot = (if slot.1 == 0 { index } else { slot.0 }, slot.1 + 1);
        for start in &mut self.starts[usize::from(round) + 1..] {
            *start = index + 1;
        }
    }

    pub(crate) fn block(&self, index: u8) -> &Block {
        &self.blocks[usize::from(index)]
    }

    pub(crate) fn round(&self, round: usize) -> Range<u8> {
        match round {
            0..=ROUNDS => self.starts[round]..self.starts[round + 1],
            _ => 0..0,
        }
    }

    pub(crate) fn slot(&self, author: usize, round: usize) -> Range<u8> {
        match round {
            0..=ROUNDS => {
                let (start, count) = self.slots[round][author];
                start..start + count
            }
            _ => 0..0,
        }
    }

    pub(crate) fn top(&self) -> usize {
        self.blocks.last().map_or(0, |block| block.round.into())
    }
}

/// What one member holds: part of a DAG, closed under parents.
#[derive(Clone, Debug)]
pub(crate) struct Held<'a> {
    dag: &'a LeanDag,
    held: Bits,
    tip: usize,
    /// Rules look at most four rounds above the tip.
    authors: [SiteSet; ROUNDS + 5],
}

impl<'a> Held<'a> {
    pub(crate) fn new(dag: &'a LeanDag, held: Bits) -> Self {
        let (mut authors, mut tip) = ([SiteSet::EMPTY; ROUNDS + 5], 0);
        for (index, block) in (0..).zip(&dag.blocks) {
            if held.contains(index) {
                tip = usize::from(block.round);
                authors[tip].insert(site(block.author));
            }
        }
        Self {
            dag,
            held,
            tip,
            authors,
        }
    }
}

pub(crate) fn site(author: u8) -> SiteId {
    SiteId::new(author).unwrap()
}

fn index(round: Round) -> usize {
    round.0 as usize
}

impl View for Held<'_> {
    type Block = u8;

    fn tip(&self) -> Round {
        Round(self.tip as u64)
    }

    fn inserted(&self) -> u64 {
        self.dag.blocks.len() as u64
    }

    fn authors(&self, round: Round) -> SiteSet {
        self.authors[index(round)]
    }

    fn author(&self, block: &u8) -> SiteId {
        site(self.dag.block(*block).author)
    }

    fn blocks(&self, round: Round) -> impl Iterator<Item = u8> {
        let round = self.dag.round(index(round));
        round.filter(|block| self.held.contains(*block))
    }

    fn candidates(&self, leader: SiteId, round: Round) -> impl Iterator<Item = u8> {
        let slot = self.dag.slot(leader.index(), index(round));
        slot.filter(|block| self.held.contains(*block))
    }

    fn vote(&self, voter: &u8, leader: SiteId) -> Option<u8> {
        let parent = self.dag.block(*voter).strong[leader.index()];
        (parent != NONE).then_some(parent)
    }

    fn votes_seen(&self, reader: &u8, leader: SiteId) -> impl Iterator<Item = u8> + Clone {
        let strong = self.dag.block(*reader).strong.iter();
        let strong = strong.filter(|parent| **parent != NONE);
        strong.filter_map(move |parent| self.vote(parent, leader))
    }

    fn strong_parents(&self, block: &u8) -> impl Iterator<Item = u8> {
        let strong = self.dag.block(*block).strong.iter().copied();
        strong.filter(|parent| *parent != NONE)
    }

    /// The least by index, which is the same in every view. A history holds whole paths: those of a
    /// view need no look at what it holds.
    fn support(&self, reader: &u8, author: SiteId, round: Round) -> Option<u8> {
        let cone = self.dag.block(*reader).cone;
        let mut slot = self.dag.slot(author.index(), index(round));
        if planted("support by arrival") && self.tip % 2 == 1 {
            return slot.rfind(|block| cone.contains(*block));
        }
        slot.find(|block| cone.contains(*block))
    }

    fn history(&self, tip: &u8, _floor: Round) -> impl Fn(&u8) -> bool {
        let cone = self.dag.block(*tip).cone;
        move |block| cone.contains(*block)
    }
}
