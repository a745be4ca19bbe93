use maftia_types::{Round, Time};

use super::threshold::{Bounds, Threshold};

/// Whether one site goes on making blocks as a quorum does: the Byzantine analogue of a crash
/// (`protocols.md` §5.2).
#[derive(Clone, Debug)]
pub(super) struct Mute {
    threshold: Threshold,
    newest: Round,
    /// Whether a block of its came since it is watched.
    heard: bool,
    behind: Option<Time>,
    suspected: Option<Suspicion>,
    /// Since when nothing was wrong; moved on by each doubling that is forgotten.
    calm: Time,
}

#[derive(Clone, Copy, Debug)]
struct Suspicion {
    since: Time,
    timed: bool,
}

/// Now, and whether the clock that says so is to be relied on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) now: Time,
    pub(super) timed: bool,
}

impl Mute {
    /// Begins to watch. What came before is not held against the site.
    pub(super) const fn new(bounds: Bounds, now: Time, group: Round) -> Self {
        Self {
            threshold: Threshold::new(bounds),
            newest: group,
            heard: false,
            behind: None,
            suspected: None,
            calm: now,
        }
    }

    /// A block of the site was accepted while the group was at round `group`.
    pub(super) fn block(&mut self, now: Time, round: Round, group: Round) {
        if round <= self.newest {
            return;
        }
        self.heard = true;
        self.newest = round;
        let behind = self.behind_of(group);
        self.threshold.sample(behind);
        if behind > self.threshold.rounds() {
            return;
        }
        self.behind = None;
        if self.suspected.take().is_some() {
            self.threshold.double();
            self.calm = now;
        }
    }

    /// Judges anew.
    pub(super) fn tick(&mut self, at: Moment, group: Round) {
        let (behind, allowed) = (self.behind_of(group), self.threshold.rounds());
        if behind <= allowed {
            self.behind = None;
        } else {
            let since = *self.behind.get_or_insert(at.now);
            let long = at.now.since(since) >= self.threshold.patience();
            // Without a clock only a much larger distance says the same.
            if self.suspected.is_none() && (long || (!at.timed && behind > 2 * allowed)) {
                let (since, timed) = (at.now, at.timed);
                self.suspected = Some(Suspicion { since, timed });
            }
        }
        let decay = self.threshold.bounds().decay;
        let calm = self.suspected.is_none() && at.now.since(self.calm) >= decay;
        if calm && self.threshold.is_doubled() {
            self.threshold.decay();
            self.calm = at.now;
        }
    }

    /// Since when it is suspected, how much beyond the threshold in percent, and whether by time.
    pub(super) fn suspected(&self, group: Round) -> Option<(Time, u64, bool)> {
        let Suspicion { since, timed } = self.suspected?;
        let allowed = self.threshold.rounds().max(1);
        let degree = self.behind_of(group).saturating_mul(100) / allowed;
        Some((since, degree, timed))
    }

    /// Whether it is alive for all that was seen: not suspected, and heard.
    pub(super) const fn is_fine(&self) -> bool {
        self.heard && self.suspected.is_none()
    }

    pub(super) const fn threshold(&self) -> &Threshold {
        &self.threshold
    }

    const fn behind_of(&self, group: Round) -> u64 {
        group.0.saturating_sub(self.newest.0)
    }
}
