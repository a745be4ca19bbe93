//! What an attacker does who owns the network and no site.

use std::collections::VecDeque;

use maftia_ordering::{BlockRef, Message as Ordering, Standing};
use maftia_replica::{Message, Replica};
use maftia_types::SiteId;

/// Most messages held at one site. A round has one leader, whose block comes from its author and from
/// whom it is fetched, so that a handful is held; of more the oldest goes through, as nothing is ever lost.
pub const HELD_MAX: usize = 256;

/// A scheduler that aims at known leaders (`protocols.md` T3), at the door of one site.
///
/// # Guarantees
/// At a correct site nothing is lost, forged or held for ever: it is delayed.
///
/// # Intuition
/// The S rule commits a leader whose block a quorum votes for and skips one that a quorum does not
/// vote for. So the attacker lets the leader's block through to f others at once, who vote for it with
/// its author, and to the rest only after they have made their next block without it: f + 1 votes are
/// too few for the one and too many for the other. Who leads is public; when a site has made its next
/// block shows on its links.
///
/// # Duties of the caller
/// One at each site of the group, or there are more votes. Give it every message from a site
/// ([`Self::hold`]), pass on what it gives back, and after every step of the replica what it lets go
/// ([`Self::let_go`]), until there is nothing more.
#[derive(Debug, Default)]
pub struct AimAtLeaders {
    is_on: bool,
    held: VecDeque<(SiteId, Message)>,
}

impl AimAtLeaders {
    /// Begins, or ends: then everything may go.
    pub const fn set(&mut self, is_on: bool) {
        self.is_on = is_on;
    }

    /// A message arrives. None if it is held.
    #[must_use]
    pub fn hold(&mut self, site: &Replica, from: SiteId, message: Message) -> Option<Message> {
        if !self.is_too_early(site, &message) {
            return Some(message);
        }
        let is_known = self.held.iter().any(|(_, held)| *held == message);
        // The same once more, fetched from another: it comes once.
        if !is_known {
            self.held.push_back((from, message));
        }
        None
    }

    /// The next message that need not be held any longer.
    #[must_use]
    pub fn let_go(&mut self, site: &Replica) -> Option<(SiteId, Message)> {
        if self.held.len() > HELD_MAX {
            return self.held.pop_front();
        }
        let due = |(_, message): &(SiteId, Message)| !self.is_too_early(site, message);
        let place = self.held.iter().position(due)?;
        self.held.remove(place)
    }

    /// Forgets what is held: the sites have other ids now, and it would come under the wrong ones.
    /// Whatever of it is still of use the sites send again.
    pub fn forget(&mut self) {
        self.held.clear();
    }

    /// Whether this is of a block by a known leader that this site is not to vote for, and may.
    fn is_too_early(&self, site: &Replica, message: &Message) -> bool {
        let engine = site.engine();
        let Some(block) = block_of(message).filter(|_| self.is_on) else {
            return false;
        };
        let is_of_now = matches!(message, Message::Ordering(epoch, _)
            if *epoch == engine.parameters().epoch);
        let votes = matches!(engine.standing(), Standing::Active);
        let leader = engine.known_leader(block.round);
        if !is_of_now || !votes || block.author != leader {
            return false;
        }
        let own = engine.dag().newest(engine.me());
        let may_vote = own.is_none_or(|own| own.block.round() <= block.round);
        may_vote && self.is_far(site, leader)
    }

    /// Whether a site is none of the f next to a leader, in the order of their ids, nor itself.
    fn is_far(&self, site: &Replica, leader: SiteId) -> bool {
        let engine = site.engine();
        let resilience = engine.parameters().resilience;
        let (n, near) = (resilience.sites(), resilience.intruded_max());
        let distance = (engine.me().index() + n - leader.index()) % n;
        distance > near
    }
}

/// The block that a message brings, or whose payload it brings.
fn block_of(message: &Message) -> Option<BlockRef> {
    match message {
        Message::Ordering(_, Ordering::Block { block, .. }) => Some(block.reference()),
        Message::Ordering(_, Ordering::Payload { block, .. }) => Some(*block),
        _ => None,
    }
}
