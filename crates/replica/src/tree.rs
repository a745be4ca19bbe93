//! A hash tree over the chunks of a checkpoint, so that one chunk can be shown without the others.
//!
//! # Shape
//! The leaves are the digests of the chunks, in order. As long as a level has more than one node,
//! each [`ARITY`] neighbours, the last ones of a level maybe fewer, have a parent: the digest of
//! their digests. The number of leaves, which a checkpoint's [`Head`](crate::head::Head) states,
//! determines the shape, so that no inner node can pass for a leaf.
//!
//! # Cost
//! Between two checkpoints most chunks stay as they were: a parent whose children are those of the
//! tree before, at the same place, is copied. Where chunks moved (a page was split), a level has
//! n/8 digests of 256 bytes: 1.4 ms for the 30 000 pages of a million keys.

use maftia_crypto::Domain;
use maftia_types::Digest;

const NODE: Domain = Domain::new("checkpoint node");

/// Children of a node. More make fewer digests to compute and longer proofs: with eight, a chunk of
/// 30 000 is shown by 36 digests; with two it were 15, for four times the work.
pub(crate) const ARITY: usize = 8;

/// The tree of a checkpoint. Has at least one leaf.
#[derive(Debug)]
pub(crate) struct Tree {
    /// The leaves, then each level above, up to the single node at the top.
    levels: Vec<Vec<Digest>>,
}

impl Tree {
    /// The tree over these leaves, with the help of an earlier one.
    ///
    /// # Panics
    /// If there are no leaves.
    pub(crate) fn new(leaves: Vec<Digest>, before: Option<&Self>) -> Self {
        assert!(!leaves.is_empty(), "a checkpoint has chunks");
        let mut levels = vec![leaves];
        while let Some(below) = levels.last().filter(|level| level.len() > 1) {
            let height = levels.len();
            let known = before.and_then(|tree| {
                let below = tree.levels.get(height - 1)?;
                Some(below.chunks(ARITY).zip(tree.levels.get(height)?))
            });
            let mut known = known.into_iter().flatten();
            let parent = |children: &[Digest]| match known.next() {
                Some((same, parent)) if same == children => *parent,
                _ => parent_of(children),
            };
            let level = below.chunks(ARITY).map(parent).collect();
            levels.push(level);
        }
        Self { levels }
    }

    /// The digests of the chunks.
    pub(crate) fn leaves(&self) -> &[Digest] {
        self.levels.first().map_or(&[], Vec::as_slice)
    }

    /// The same, without the rest.
    pub(crate) fn into_leaves(self) -> Vec<Digest> {
        self.levels.into_iter().next().unwrap_or_default()
    }

    /// The node that stands for all of them.
    pub(crate) fn top(&self) -> Digest {
        let top = self.levels.last().and_then(|level| level.first());
        *top.expect("there is at least one leaf")
    }

    /// What leads from a leaf to the top: the siblings at each level, from below, in order. None
    /// for a leaf that is not there.
    pub(crate) fn path(&self, leaf: usize) -> Option<Vec<Digest>> {
        self.leaves().get(leaf)?;
        let mut path = Vec::new();
        let mut place = leaf;
        for level in self.levels.iter().take_while(|level| level.len() > 1) {
            let siblings = level.chunks(ARITY).nth(place / ARITY)?;
            let others = (0..).zip(siblings).filter(|(at, _)| *at != place % ARITY);
            path.extend(others.map(|(_, digest)| *digest));
            place /= ARITY;
        }
        Some(path)
    }
}

fn parent_of(children: &[Digest]) -> Digest {
    let mut bytes = [0; 32 * ARITY];
    for (to, child) in bytes.as_chunks_mut().0.iter_mut().zip(children) {
        *to = child.0;
    }
    let (used, _) = bytes.split_at(32 * children.len().min(ARITY));
    NODE.digest(used)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: u64) -> Vec<Digest> {
        let leaf = |number: u64| NODE.digest(&number.to_le_bytes());
        (0..count).map(leaf).collect()
    }

    /// Leads up a path, as the documentation says.
    fn climb(leaf: usize, mut width: usize, mut node: Digest, path: &[Digest]) -> Digest {
        let (mut place, mut rest) = (leaf, path.iter());
        while width > 1 {
            let first = place / ARITY * ARITY;
            let family = ARITY.min(width - first);
            let mut bytes = Vec::new();
            for at in 0..family {
                let digest = if first + at == place {
                    node
                } else {
                    *rest.next().unwrap()
                };
                bytes.extend_from_slice(digest.as_bytes());
            }
            node = NODE.digest(&bytes);
            (place, width) = (place / ARITY, width.div_ceil(ARITY));
        }
        assert!(rest.next().is_none(), "the path ends at the top");
        node
    }

    #[test]
    fn every_leaf_leads_to_the_top_around_each_change_of_height() {
        for count in [1, 2, 7, 8, 9, 63, 64, 65, 511, 512, 513] {
            let tree = Tree::new(leaves(count), None);
            for (place, leaf) in tree.leaves().iter().enumerate() {
                let path = tree.path(place).unwrap();
                let top = climb(place, tree.leaves().len(), *leaf, &path);
                assert_eq!(top, tree.top(), "{place} of {count}");
            }
            assert_eq!(tree.path(tree.leaves().len()), None);
        }
    }

    #[test]
    fn a_tree_made_with_the_help_of_another_is_the_same() {
        let mut changed = leaves(700);
        changed[3] = Digest([1; 32]);
        changed[699] = Digest([2; 32]);
        let mut inserted = leaves(700);
        inserted.insert(350, Digest([3; 32]));
        for new in [changed, inserted, leaves(64), leaves(65), leaves(1)] {
            for before in [1, 8, 9, 600, 700, 800] {
                let before = Tree::new(leaves(before), None);
                let helped = Tree::new(new.clone(), Some(&before));
                assert_eq!(helped.top(), Tree::new(new.clone(), None).top());
            }
        }
    }

    #[test]
    fn the_top_covers_number_order_and_content_of_the_leaves() {
        let (a, b) = (Digest([1; 32]), Digest([2; 32]));
        let tops = [vec![a], vec![a, b], vec![b, a], vec![a, a], vec![a, b, a]];
        let tops = tops.map(|leaves| Tree::new(leaves, None).top());
        for (i, top) in tops.iter().enumerate() {
            assert!(!tops[..i].contains(top), "{i}");
        }
    }
}
