use std::collections::BTreeMap;

use maftia_protocol::planted;
use maftia_types::{Fault, SiteId, SiteSet};

use super::{Certificate, Handover, Vote};
use crate::view::View;

/// Gathers what the sites of one view say of the next, until a quorum says the same. Votes may come
/// before this site knows the next view itself.
///
/// Bounded: one vote for each seat.
#[derive(Clone, Debug)]
pub struct Collector {
    former: View,
    votes: BTreeMap<SiteId, Vote>,
}

/// What a site of the former view can be blamed for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Misbehaviour {
    /// It sent a vote that it has not signed.
    #[error("a vote for the next view that is not signed by its sender")]
    BadVote,
    /// It signed two statements of the same epoch.
    #[error("two statements of who is in the next view")]
    TwoVotes,
    /// It signed another statement than the log's, which it claims to have executed.
    #[error("another next view, or other history, than the log's")]
    WrongVote,
}

impl Collector {
    /// Of what the sites of `former` say of the next view.
    #[must_use]
    pub const fn new(former: View) -> Self {
        let votes = BTreeMap::new();
        Self { former, votes }
    }

    /// The view whose sites vote.
    #[must_use]
    pub const fn former(&self) -> &View {
        &self.former
    }

    /// Takes a vote that came from the site of this seat in the former view; true if it is news.
    /// A vote of another epoch or group is late or early, which is nobody's fault: it is passed over.
    ///
    /// # Errors
    /// What the site is to blame for. Its first vote stays.
    pub fn add(&mut self, from: SiteId, vote: Vote) -> Result<bool, Misbehaviour> {
        let of_next = vote.statement.group == *self.former.group()
            && vote.statement.epoch == self.former.epoch().next();
        if !of_next {
            return Ok(false);
        }
        if self.votes.get(&from) == Some(&vote) {
            return Ok(false);
        }
        if !vote.is_by(&self.former, from) {
            return Err(Misbehaviour::BadVote);
        }
        match self.votes.get(&from) {
            Some(first) if first.statement == vote.statement => Ok(false),
            Some(_) => Err(Misbehaviour::TwoVotes),
            None => {
                self.votes.insert(from, vote);
                Ok(true)
            }
        }
    }

    /// The certificate of what this site has executed itself, once a quorum says the same.
    #[must_use]
    pub fn certificate(&self, handover: &Handover) -> Option<Certificate> {
        let statement = handover.statement();
        let equal = self
            .votes
            .iter()
            .filter(|(_, vote)| vote.statement == statement);
        let signatures: Vec<_> = equal.map(|(seat, vote)| (*seat, vote.signature)).collect();
        let missing = usize::from(planted("handover by less than a quorum"));
        let enough = signatures.len() + missing >= self.former.resilience().quorum();
        enough.then(|| Certificate::new(handover.clone(), signatures))
    }

    /// Who has voted for something else than what this site has executed itself.
    pub fn faults(&self, handover: &Handover) -> impl Iterator<Item = Fault<Misbehaviour>> {
        let statement = handover.statement();
        let votes = self.votes.iter();
        let other = votes.filter(move |(_, vote)| vote.statement != statement);
        other.map(|(seat, _)| Fault {
            culprit: *seat,
            misbehaviour: Misbehaviour::WrongVote,
        })
    }

    /// Whose votes are here.
    #[must_use]
    pub fn voters(&self) -> SiteSet {
        self.votes.keys().copied().collect()
    }

    /// This site's or another's vote, to be sent again to who asks.
    #[must_use]
    pub fn vote(&self, seat: SiteId) -> Option<&Vote> {
        self.votes.get(&seat)
    }
}
