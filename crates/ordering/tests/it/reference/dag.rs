//! Blocks, their histories, validity (V3, V4, V6) and the canonical support table.

use std::collections::{BTreeMap, BTreeSet};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Rounds of history a support table reaches back (a vote at r + 3 needs entries of r).
const SUPPORT_DEPTH: usize = 4;

/// A set of block indices.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    pub(crate) fn insert(&mut self, index: usize) {
        if self.0.len() <= index / 64 {
            self.0.resize(index / 64 + 1, 0);
        }
        self.0[index / 64] |= 1 << (index % 64);
    }

    pub(crate) fn union(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }

    pub(crate) fn contains(&self, index: usize) -> bool {
        self.0
            .get(index / 64)
            .is_some_and(|word| word >> (index % 64) & 1 == 1)
    }
}

/// Neutral description of a block, by position in a list that starts with the n geneses of
/// round 0 and lists parents before children. The first parent is the self-parent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct BlockSpec {
    pub(crate) author: u8,
    pub(crate) round: u64,
    pub(crate) parents: Vec<usize>,
}

#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) author: usize,
    pub(crate) round: usize,
    pub(crate) parents: Vec<usize>,
    pub(crate) digest: [u8; 32],
    /// The block and its causal history.
    pub(crate) cone: Bits,
    /// For (author, round): the least-digest block of it in the cone.
    support: BTreeMap<(usize, usize), usize>,
}

/// A set of blocks closed under parents. A block's index is its position of insertion.
#[derive(Clone, Debug)]
pub(crate) struct Dag {
    pub(crate) n: usize,
    pub(crate) q: usize,
    pub(crate) blocks: Vec<Block>,
    /// Block indices by round.
    pub(crate) at: Vec<Vec<usize>>,
}

impl Dag {
    /// The n genesis blocks, which have indices 0 to n − 1.
    pub(crate) fn new(n: usize, q: usize) -> Self {
        let mut dag = Self {
            n,
            q,
            blocks: Vec::new(),
            at: Vec::new(),
        };
        for author in 0..n {
            dag.add(author, 0, Vec::new());
        }
        dag
    }

    /// Adds a block under an arbitrary digest. Validity is the caller's business.
    pub(crate) fn add(&mut self, author: usize, round: usize, parents: Vec<usize>) -> usize {
        let digest = arbitrary_digest(self.blocks.len(), 0);
        self.add_with_digest(author, round, parents, digest)
    }

    fn add_with_digest(
        &mut self,
        author: usize,
        round: usize,
        parents: Vec<usize>,
        digest: [u8; 32],
    ) -> usize {
        let index = self.blocks.len();
        let mut cone = Bits::default();
        cone.insert(index);
        let mut support = BTreeMap::new();
        for &parent in &parents {
            let block = &self.blocks[parent];
            cone.union(&block.cone);
            let own = ((block.author, block.round), parent);
            for (key, candidate) in block.support.iter().map(|(k, v)| (*k, *v)).chain([own]) {
                if key.1 + SUPPORT_DEPTH < round {
                    continue;
                }
                let least = support.entry(key).or_insert(candidate);
                if self.blocks[candidate].digest < self.blocks[*least].digest {
                    *least = candidate;
                }
            }
        }
        if self.at.len() <= round {
            self.at.resize(round + 1, Vec::new());
        }
        self.at[round].push(index);
        self.blocks.push(Block {
            author,
            round,
            parents,
            digest,
            cone,
            support,
        });
        index
    }

    /// The same DAG under the given digests, one per block in index order: ties between twins are
    /// then broken as by whoever computed those digests.
    pub(crate) fn with_digests(&self, digests: &[[u8; 32]]) -> Self {
        assert_eq!(digests.len(), self.blocks.len(), "one digest per block");
        let mut dag = Self {
            n: self.n,
            q: self.q,
            blocks: Vec::new(),
            at: Vec::new(),
        };
        for (block, digest) in self.blocks.iter().zip(digests) {
            dag.add_with_digest(block.author, block.round, block.parents.clone(), *digest);
        }
        dag
    }

    /// The same DAG under digests that depend on `salt`.
    pub(crate) fn with_salt(&self, salt: u64) -> Self {
        let digests: Vec<_> = (0..self.blocks.len())
            .map(|i| arbitrary_digest(i, salt))
            .collect();
        self.with_digests(&digests)
    }

    /// Rebuilds a DAG from its description, under arbitrary digests.
    pub(crate) fn from_specs(n: usize, q: usize, specs: &[BlockSpec]) -> Self {
        let mut dag = Self::new(n, q);
        for spec in &specs[n..] {
            let round = usize::try_from(spec.round).unwrap();
            dag.add(spec.author.into(), round, spec.parents.clone());
        }
        dag
    }

    /// Description of every block, geneses included; positions are block indices.
    pub(crate) fn specs(&self) -> Vec<BlockSpec> {
        let spec = |block: &Block| BlockSpec {
            author: block.author.try_into().unwrap(),
            round: block.round.try_into().unwrap(),
            parents: block.parents.clone(),
        };
        self.blocks.iter().map(spec).collect()
    }

    pub(crate) fn top(&self) -> usize {
        self.at.len() - 1
    }

    /// All blocks of one author and round.
    pub(crate) fn by(&self, author: usize, round: usize) -> Vec<usize> {
        let at = self.at.get(round).into_iter().flatten().copied();
        at.filter(|&block| self.blocks[block].author == author)
            .collect()
    }

    /// The block of (author, round) that `block` supports: the least-digest one in its history.
    pub(crate) fn support(&self, block: usize, author: usize, round: usize) -> Option<usize> {
        self.blocks[block].support.get(&(author, round)).copied()
    }

    /// Parents of the round directly below.
    pub(crate) fn strong(&self, block: usize) -> impl Iterator<Item = usize> {
        let Block { round, parents, .. } = &self.blocks[block];
        parents
            .iter()
            .copied()
            .filter(|&parent| self.blocks[parent].round + 1 == *round)
    }

    /// Authors of whom the strong parents of a block at `round` reference two blocks at
    /// `round − 2` (V6).
    pub(crate) fn exposed(&self, parents: &[usize], round: usize) -> BTreeSet<usize> {
        let (mut seen, mut exposed) = (BTreeMap::new(), BTreeSet::new());
        for &parent in parents
            .iter()
            .filter(|&&parent| self.blocks[parent].round + 1 == round)
        {
            for grandparent in self.strong(parent) {
                let author = self.blocks[grandparent].author;
                if *seen.entry(author).or_insert(grandparent) != grandparent {
                    exposed.insert(author);
                }
            }
        }
        exposed
    }

    /// Validity V2 (rounds, distinct authors), V3, V4 and, when `exclusion`, V6.
    pub(crate) fn is_valid(
        &self,
        author: usize,
        round: usize,
        parents: &[usize],
        exclusion: bool,
    ) -> bool {
        let authors: BTreeSet<_> = parents.iter().map(|&p| self.blocks[p].author).collect();
        let exposed = self.exposed(parents, round);
        let rounds = || parents.iter().map(|&parent| self.blocks[parent].round);
        authors.len() == parents.len()
            && parents
                .first()
                .is_some_and(|&parent| self.blocks[parent].author == author)
            && rounds().all(|below| below < round)
            && rounds().filter(|below| below + 1 == round).count() >= self.q
            && !(exclusion && authors.iter().any(|author| exposed.contains(author)))
    }

    /// The histories of the given blocks together.
    pub(crate) fn closure(&self, tips: impl IntoIterator<Item = usize>) -> Bits {
        let mut mask = Bits::default();
        for tip in tips {
            mask.union(&self.blocks[tip].cone);
        }
        mask
    }

    /// Every block.
    pub(crate) fn everything(&self) -> Bits {
        self.closure(0..self.blocks.len())
    }
}

/// A digest that carries no information about arrival order.
fn arbitrary_digest(index: usize, salt: u64) -> [u8; 32] {
    let seed = u64::try_from(index).unwrap() | salt << 32;
    let mut digest = [0; 32];
    ChaCha8Rng::seed_from_u64(seed).fill_bytes(&mut digest);
    digest
}
