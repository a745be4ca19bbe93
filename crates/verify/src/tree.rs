use crate::hash::digest;
use crate::{Head, ProofError};

const ARITY: usize = 8;

/// The top of the tree, from one leaf: the siblings of `path` are the others of each family of
/// eight, from below.
pub(crate) fn top(
    head: &Head,
    place: u32,
    leaf: [u8; 32],
    path: &[u8],
) -> Result<[u8; 32], ProofError> {
    let count = |number: u32| usize::try_from(number).map_err(|_| ProofError::Path);
    let (mut place, mut width) = (count(place)?, count(head.chunks)?);
    if place >= width {
        return Err(ProofError::Path);
    }
    let (siblings, stray) = path.as_chunks::<32>();
    let (mut siblings, mut node) = (siblings.iter(), leaf);
    while width > 1 {
        let first = place / ARITY * ARITY;
        let family = ARITY.min(width - first);
        let mut children = [[0; 32]; ARITY];
        for (at, child) in children.iter_mut().enumerate().take(family) {
            *child = if first + at == place {
                node
            } else {
                *siblings.next().ok_or(ProofError::Path)?
            };
        }
        let (children, _) = children.split_at(family);
        node = digest("checkpoint node", &[children.as_flattened()]);
        (place, width) = (place / ARITY, width.div_ceil(ARITY));
    }
    if siblings.next().is_some() || !stray.is_empty() {
        return Err(ProofError::Path);
    }
    Ok(node)
}
