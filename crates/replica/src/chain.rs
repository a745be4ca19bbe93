use std::collections::VecDeque;

use maftia_ordering::Commit;
use maftia_types::{Digest, SiteSet};

/// How many commit digests are remembered, to compare them with what others vote for.
const REMEMBERED: usize = 1024;

/// The latest commits of this site, held against those that delivered blocks vote for.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    commits: VecDeque<(u64, Digest)>,
    disputed: SiteSet,
}

impl Chain {
    /// Notes a commit; gives the sites that have voted for other commits than this site's.
    pub(crate) fn add(&mut self, commit: &Commit) -> SiteSet {
        self.commits.push_back((commit.index, commit.digest));
        if self.commits.len() > REMEMBERED {
            self.commits.pop_front();
        }
        let first = self.commits.front().map_or(0, |(index, _)| *index);
        for (block, _) in &commit.blocks {
            let Some(vote) = block.header().commit_vote else {
                continue;
            };
            let offset = vote
                .index
                .checked_sub(first)
                .and_then(|o| usize::try_from(o).ok());
            let ours = offset.and_then(|offset| self.commits.get(offset));
            if ours.is_some_and(|(_, digest)| *digest != vote.digest) {
                self.disputed.insert(block.author());
            }
        }
        self.disputed
    }

    /// Forgets everything: the state was replaced.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}
