use bytes::Bytes;
use maftia_types::{Digest, SiteId, SiteSet, Time};

use super::tally::Tally;

/// A request without a verdict.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) body: Bytes,
    pub(super) digest: Digest,
    pub(super) submitted: Time,
    pub(super) deadline: Time,
    /// When to ask again.
    pub(super) retry_at: Time,
    /// How often it was asked again.
    pub(super) attempts: u32,
    /// Sites that have its digest or body, as far as links go.
    pub(super) reached: SiteSet,
    /// Who was given the body last; whether the link still stands.
    pub(super) holder: Option<(SiteId, Standing)>,
    /// Whether its outcome was given as unknown.
    pub(super) told: bool,
    pub(super) tally: Tally,
}

/// Whether a link stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Messages go out.
    Up,
    /// It is down.
    Down,
}

impl Request {
    pub(super) fn new(body: Bytes, digest: Digest, now: Time, deadline: Time) -> Self {
        Self {
            body,
            digest,
            submitted: now,
            deadline,
            retry_at: Time::MAX,
            attempts: 0,
            reached: SiteSet::EMPTY,
            holder: None,
            told: false,
            tally: Tally::default(),
        }
    }

    /// Whether it may have left this process.
    pub(super) const fn sent(&self) -> bool {
        self.holder.is_some()
    }

    /// Whether the body is where its link still stands.
    pub(super) const fn held(&self) -> bool {
        matches!(self.holder, Some((_, Standing::Up)))
    }

    /// When something is to be done about it.
    pub(super) fn due(&self) -> Time {
        if self.told {
            self.retry_at
        } else {
            self.retry_at.min(self.deadline)
        }
    }

    /// Brings the next asking forward, as one that does not count: the sites are there.
    pub(super) fn hurry(&mut self, at: Time) {
        if at < self.retry_at {
            self.retry_at = at;
            self.attempts = self.attempts.saturating_sub(1);
        }
    }

    /// What was sent to a site may be lost.
    pub(super) fn lost(&mut self, site: SiteId, now: Time) {
        self.reached.remove(site);
        if self.holder == Some((site, Standing::Up)) {
            self.holder = Some((site, Standing::Down));
            self.retry_at = now;
        }
    }
}
