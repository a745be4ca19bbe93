use maftia_types::{Round, SiteId};

use crate::block::Block;
use crate::dag::Dag;
use crate::message::Knowledge;

/// What the others have, as far as their blocks and words show.
#[derive(Debug)]
pub(crate) struct Peers {
    /// The members of the view, then those that only follow.
    peers: Vec<Peer>,
    members: usize,
}

#[derive(Clone, Debug)]
struct Peer {
    /// Per author, the highest round the peer has accepted or been sent.
    known: Vec<Round>,
    /// The highest round it has shown or claimed. Its word only.
    claimed: Round,
    /// The leader's round up to which a site must have delivered to be served, by its own word.
    base: Round,
    /// Up to which round it was sent heads, if the rest is still to come.
    heads: Round,
}

impl Peers {
    pub(crate) fn new(sites: usize) -> Self {
        let peer = Peer {
            known: vec![Round(0); sites],
            claimed: Round(0),
            base: Round(0),
            heads: Round(0),
        };
        Self {
            peers: vec![peer; sites],
            members: sites,
        }
    }

    /// How many follow the log besides the members. What they say of themselves counts for nothing
    /// but what they are sent.
    pub(crate) fn set_learners(&mut self, learners: usize) {
        let blank = Peer {
            known: vec![Round(0); self.members],
            claimed: Round(0),
            base: Round(0),
            heads: Round(0),
        };
        self.peers.resize(self.members + learners, blank);
    }

    /// Whether this is a member, or one that follows.
    pub(crate) fn contains(&self, peer: SiteId) -> bool {
        peer.index() < self.peers.len()
    }

    /// The author of an accepted block has everything in that block's history.
    pub(crate) fn has_seen(&mut self, dag: &Dag, block: &Block) {
        let Some(entry) = dag.get(&block.reference()) else {
            return;
        };
        let Some(peer) = self.peers.get_mut(block.author().index()) else {
            return;
        };
        for (author, known) in SiteId::all(64).zip(peer.known.iter_mut()) {
            *known = entry.seen(author).max(*known);
        }
    }

    /// The peer was sent everything of `author` up to `round`.
    pub(crate) fn was_sent(&mut self, peer: SiteId, author: SiteId, round: Round) {
        if let Some(known) = self
            .peers
            .get_mut(peer.index())
            .and_then(|p| p.known.get_mut(author.index()))
        {
            *known = round.max(*known);
        }
    }

    /// The peer has shown a block of this round.
    pub(crate) fn claims_round(&mut self, peer: SiteId, round: Round) {
        if let Some(peer) = self.peers.get_mut(peer.index()) {
            peer.claimed = round.max(peer.claimed);
        }
    }

    /// The peer's own word replaces what we thought: it may have lost something.
    pub(crate) fn says(&mut self, peer: SiteId, knowledge: &Knowledge) {
        let Some(peer) = self.peers.get_mut(peer.index()) else {
            return;
        };
        for (known, tip) in peer.known.iter_mut().zip(&knowledge.tips) {
            *known = *tip;
        }
        peer.claimed = knowledge.tips.iter().max().copied().unwrap_or_default();
        peer.base = knowledge.base;
    }

    /// The highest round of `author` that the peer has.
    pub(crate) fn known(&self, peer: SiteId, author: SiteId) -> Round {
        self.peers
            .get(peer.index())
            .and_then(|p| p.known.get(author.index()))
            .copied()
            .unwrap_or_default()
    }

    /// Up to which round the peer was sent heads in a series of answers that is not complete; 0
    /// before and after one.
    pub(crate) fn heads_sent(&self, peer: SiteId) -> Round {
        self.peers
            .get(peer.index())
            .map(|peer| peer.heads)
            .unwrap_or_default()
    }

    pub(crate) fn set_heads_sent(&mut self, peer: SiteId, round: Round) {
        if let Some(peer) = self.peers.get_mut(peer.index()) {
            peer.heads = round;
        }
    }

    /// How many peers have shown or claimed a round above `round`.
    pub(crate) fn above(&self, round: Round) -> usize {
        self.peers
            .iter()
            .take(self.members)
            .filter(|peer| peer.claimed > round)
            .count()
    }

    /// How many peers cannot serve a site that has delivered up to `round` any more.
    pub(crate) fn beyond(&self, round: Round) -> usize {
        let members = self.peers.iter().take(self.members);
        members.filter(|peer| peer.base > round).count()
    }
}
