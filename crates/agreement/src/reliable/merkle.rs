//! A hash tree over n shards, so that one can be checked without the others.
//!
//! The leaves are filled up to a power of two with a digest that no shard has; every path has the
//! same length, which n determines, and leaves and nodes have domains of their own. So neither a
//! node passes for a leaf, nor one leaf for two, nor a path of another length (row B27).

use maftia_crypto::{Domain, Hasher};
use maftia_types::Digest;

const NODE: Domain = Domain::new("reliable broadcast node");

/// In the place of leaves beyond the last one: no digest of anything known.
const NOTHING: Digest = Digest::ZERO;

/// The root over these leaves, and each leaf's path to it, lowest first.
pub(super) fn tree(leaves: &[Digest]) -> (Digest, Vec<Vec<Digest>>) {
    let mut paths = vec![Vec::new(); leaves.len()];
    let mut level = leaves.to_vec();
    level.resize(leaves.len().next_power_of_two(), NOTHING);
    let mut height = 0;
    while level.len() > 1 {
        for (index, path) in paths.iter_mut().enumerate() {
            let neighbour = level.get((index >> height) ^ 1);
            path.push(*neighbour.expect("levels above the leaves have even lengths"));
        }
        level = level.chunks(2).map(node).collect();
        height += 1;
    }
    (level.first().copied().unwrap_or(NOTHING), paths)
}

/// The root that a leaf at `index` of `count` has by this path; none if the path's length is wrong.
pub(super) fn root(index: usize, count: usize, leaf: Digest, path: &[Digest]) -> Option<Digest> {
    let height = count.next_power_of_two().trailing_zeros();
    if index >= count || u32::try_from(path.len()) != Ok(height) {
        return None;
    }
    let climb = |(node_here, place): (Digest, usize), neighbour: &Digest| {
        let pair = if place % 2 == 0 {
            [node_here, *neighbour]
        } else {
            [*neighbour, node_here]
        };
        (node(&pair), place / 2)
    };
    Some(path.iter().fold((leaf, index), climb).0)
}

fn node(pair: &[Digest]) -> Digest {
    let mut hasher = Hasher::new(NODE);
    for digest in pair {
        hasher.update(digest.as_bytes());
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: u8) -> Vec<Digest> {
        (1..=count).map(|number| Digest([number; 32])).collect()
    }

    #[test]
    fn every_leaf_has_a_path_to_the_root_and_to_no_other_place() {
        for count in 1..=20 {
            let leaves = leaves(count);
            let (top, paths) = tree(&leaves);
            for (index, path) in paths.iter().enumerate() {
                for place in 0..leaves.len() + 1 {
                    let found = root(place, leaves.len(), leaves[index], path);
                    assert_eq!(
                        found == Some(top),
                        place == index,
                        "{count} {index} {place}"
                    );
                }
            }
        }
    }

    #[test]
    fn b27_a_path_of_another_length_or_a_doubled_last_leaf_is_refused() {
        let leaves = leaves(5);
        let (top, paths) = tree(&leaves);
        assert_eq!(root(0, 5, leaves[0], &paths[0][..2]), None);
        let longer = [&paths[0][..], &[top]].concat();
        assert_eq!(root(0, 5, leaves[0], &longer), None);
        let inner = node(&leaves[..2]);
        assert_eq!(root(0, 5, inner, &paths[0][1..]), None);
        let doubled = [&leaves[..], &leaves[4..]].concat();
        assert_ne!(tree(&doubled).0, top);
        assert_eq!(root(0, 0, NOTHING, &[]), None);
    }
}
