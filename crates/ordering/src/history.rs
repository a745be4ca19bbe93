use maftia_types::Round;

use crate::block::BlockRef;
use crate::dag::{Dag, Entry};

/// The causal history of a block, itself included, from a lowest round upwards.
#[derive(Debug)]
pub(crate) struct History {
    floor: Round,
    layers: Vec<Vec<BlockRef>>,
}

impl History {
    /// The blocks reachable from `tip` at `floor` and above. `expand` says through which blocks to
    /// go on; the blocks themselves are always included. Costs one look-up per edge.
    pub(crate) fn of(
        dag: &Dag,
        tip: &BlockRef,
        floor: Round,
        expand: impl Fn(&Entry) -> bool,
    ) -> Self {
        let depth = tip.round.0.saturating_sub(floor.0);
        let mut layers = vec![Vec::new(); usize::try_from(depth).unwrap_or(0) + 1];
        let index = |round: Round| usize::try_from(round.0.saturating_sub(floor.0)).unwrap_or(0);
        if let Some(top) = layers.last_mut() {
            top.push(*tip);
        }
        for round in (floor.0..=tip.round.0).rev().map(Round) {
            let layer = layers.get(index(round)).cloned().unwrap_or_default();
            for entry in layer
                .iter()
                .filter_map(|r| dag.get(r))
                .filter(|e| expand(e))
            {
                for parent in entry
                    .block
                    .header()
                    .parents
                    .iter()
                    .filter(|p| p.round >= floor)
                {
                    let Some(below) = layers.get_mut(index(parent.round)) else {
                        continue;
                    };
                    if !below.contains(parent) {
                        below.push(*parent);
                    }
                }
            }
        }
        Self { floor, layers }
    }

    /// Whether a block is in the history.
    pub(crate) fn contains(&self, reference: &BlockRef) -> bool {
        let Some(depth) = reference.round.0.checked_sub(self.floor.0) else {
            return false;
        };
        usize::try_from(depth)
            .ok()
            .and_then(|depth| self.layers.get(depth))
            .is_some_and(|layer| layer.contains(reference))
    }

    /// All blocks, ordered by round, author and digest.
    pub(crate) fn into_ordered(self) -> Vec<BlockRef> {
        let mut all: Vec<BlockRef> = self.layers.into_iter().flatten().collect();
        all.sort_unstable();
        all
    }
}
