//! What correct sites sign.

use std::collections::BTreeMap;

use maftia_ordering::Block;
use maftia_protocol::Target;
use maftia_replica::Message;
use maftia_simulator::{Observation, Property, Violation};
use maftia_types::{Digest, Epoch, Round, SiteId, Time};

use super::{Seen, broken};
use crate::views::estate::key;
use crate::views::history::Shared;
use crate::views::host::Host;

/// What correct sites sign in their blocks: one block a round of an epoch for ever, one chain of
/// commits, one digest per checkpoint; and the same commits are executed everywhere.
pub(crate) struct Signed {
    history: Shared,
    blocks: BTreeMap<(SiteId, Epoch, Round), Digest>,
    commits: BTreeMap<u64, Digest>,
    checkpoints: BTreeMap<u64, Digest>,
    at: BTreeMap<SiteId, u64>,
}

impl Signed {
    pub(crate) fn new(history: &Shared) -> Self {
        Self {
            history: history.clone(),
            blocks: BTreeMap::new(),
            commits: BTreeMap::new(),
            checkpoints: BTreeMap::new(),
            at: BTreeMap::new(),
        }
    }

    /// Whether that machine had that seat.
    fn is_own(&self, site: SiteId, epoch: Epoch, seat: SiteId) -> bool {
        let history = self.history.borrow();
        let view = history.views.get(&epoch.0).map(|(view, _)| view);
        view.and_then(|view| view.member(seat))
            .is_some_and(|member| member.key == key(site).public())
    }

    fn block(&mut self, site: SiteId, epoch: Epoch, block: &Block) -> Result<(), Violation> {
        if !self.is_own(site, epoch, block.author()) {
            return Ok(());
        }
        let (round, digest) = (block.round(), block.digest());
        match self.blocks.insert((site, epoch, round), digest) {
            Some(other) if other != digest => {
                let text = format!("{site} signed {other:?} and {digest:?} in {round} of {epoch}");
                return broken("no self-contradiction", text);
            }
            Some(_) => return Ok(()),
            None => {}
        }
        let header = block.header();
        if let Some(vote) = header.commit_vote {
            self.commit(site, vote.index, vote.digest)?;
        }
        if let Some(vote) = header.checkpoint_vote {
            let known = *self.checkpoints.entry(vote.index).or_insert(vote.digest);
            if known != vote.digest {
                let text = format!(
                    "checkpoint {} is {known:?} and {:?}",
                    vote.index, vote.digest
                );
                return broken("state agreement", text);
            }
        }
        Ok(())
    }

    fn commit(&mut self, site: SiteId, index: u64, digest: Digest) -> Result<(), Violation> {
        let known = *self.commits.entry(index).or_insert(digest);
        if known != digest {
            let text = format!("{site}: commit {index} is {known:?} and {digest:?}");
            return broken("agreement", text);
        }
        Ok(())
    }
}

impl Property<Host> for Signed {
    fn name(&self) -> &str {
        "no self-contradiction"
    }

    fn observe(&mut self, _: Time, seen: &Seen<'_>) -> Result<(), Violation> {
        match seen {
            Observation::Sent {
                site,
                message: Message::Ordering(epoch, maftia_ordering::Message::Block { block, .. }),
                target: Target::One(_),
            } => self.block(*site, *epoch, block),
            Observation::Stepped { site, replica } => {
                let Some(replica) = replica.replica() else {
                    return Ok(());
                };
                let frontier = replica.engine().frontier();
                let hollow = replica.membership().is_none();
                if hollow || self.at.insert(*site, frontier.index) == Some(frontier.index) {
                    return Ok(());
                }
                self.commit(*site, frontier.index, frontier.digest)
            }
            _ => Ok(()),
        }
    }
}
