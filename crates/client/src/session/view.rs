use maftia_types::{Resilience, Sequence, SiteId, SiteSet, Time};

use super::tally::Tally;
use super::{Outbox, Session, Slot};

impl Session {
    /// The group's sites are others from now on, or have other numbers. What sites have said so far
    /// does not count any more, since nobody knows by which number: all that has no verdict is asked
    /// for again. No link is up until [`Session::on_link`] says so.
    pub fn enter(&mut self, now: Time, resilience: Resilience) {
        let n = resilience.sites();
        self.settings.resilience = resilience;
        for slot in &mut self.slots {
            if let Slot::Open(request) = slot {
                request.tally = Tally::default();
            }
        }
        (self.held, self.liars) = (vec![0; n], vec![0; n]);
        self.heard = vec![Sequence(1); n];
        self.up = SiteSet::EMPTY;
        self.preferred = preferred(self.settings.client.session, n);
        self.outbox = Outbox::default();
        let retry_at = now + self.latency.wait(&self.settings.timing, 0);
        for batch in self.batches.values_mut() {
            batch.scatter(retry_at);
        }
        for stray in self.strays.values_mut() {
            stray.request.tally = Tally::default();
            stray.batch.scatter(retry_at);
        }
        self.wake = now;
    }
}

/// Sessions differ in which site they prefer.
///
/// # Panics
/// If there is no site.
pub(super) fn preferred(session: u32, sites: usize) -> SiteId {
    let place = usize::try_from(session).unwrap_or(0) % sites;
    let site = SiteId::all(sites).nth(place);
    site.expect("a remainder is below n")
}
