//! Which site gets what, and when it is asked again.

use bytes::Bytes;
use maftia_replica::Span;
use maftia_types::{Sequence, SiteId, SiteSet, Time};

use super::batch::{BATCH_BYTES, BATCH_REQUESTS, Batch};
use super::request::{Request, Standing};
use super::{Outgoing, Session, Settled, Slot, Stray};
use crate::{Outcome, Rejection};

impl Session {
    /// Puts what is to be sent at the end of a tick into `out`. New requests go in full to the
    /// preferred site and as digests to 2f others.
    pub fn flush(&mut self, now: Time, out: &mut Vec<Outgoing>) {
        self.send_new(now);
        if !self.outbox.is_empty() {
            self.outbox.drain(self.settings.client.session, out);
        }
    }

    /// A link has come up or gone down. What was sent over it may be lost; what too few sites have
    /// is sent to a new one.
    pub fn on_link(&mut self, now: Time, site: SiteId, standing: Standing) {
        match standing {
            Standing::Up => self.up.insert(site),
            Standing::Down => {
                self.up.remove(site);
                true
            }
        };
        let enough = self.settings.resilience.correct_majority();
        let mut lost = false;
        for batch in self.batches.values_mut() {
            match standing {
                Standing::Down => lost |= batch.lost(site, now),
                Standing::Up => batch.reach(&mut self.outbox, self.incarnation, site, enough),
            }
        }
        for stray in self.strays.values_mut() {
            stray.batch.retry_at = now;
            lost = true;
        }
        if lost {
            self.wake = now;
        }
    }

    /// The moment of [`Session::next_timeout`] has come.
    pub fn on_timeout(&mut self, now: Time) {
        if now < self.wake {
            return;
        }
        self.reject_unsent(now);
        let (mut wake, mut failed) = (Time::MAX, SiteSet::EMPTY);
        let route = Route {
            up: self.up,
            sites: self.held.len(),
        };
        for batch in self.take_due(now) {
            failed.insert(batch.holder());
            let wait = self.latency.wait(&self.settings.timing, batch.attempts + 1);
            for mut batch in self.still_open(batch) {
                batch.ask(&route, &mut self.outbox, self.incarnation, now + wait);
                self.batches.insert(batch.span.first(), batch);
            }
        }
        for (sequence, request) in open(self.first, &mut self.slots) {
            if !request.told && request.deadline <= now {
                request.told = true;
                let id = maftia_replica::RequestId {
                    client: self.settings.client,
                    incarnation: self.incarnation,
                    sequence,
                };
                self.settled.push(Settled {
                    id,
                    digest: request.digest,
                    outcome: Outcome::Unknown,
                });
            }
            wake = wake.min(request.due());
        }
        for batch in self.batches.values() {
            wake = wake.min(batch.retry_at);
        }
        // The preferred site has let a request wait: the next one is as good as it.
        if failed.contains(self.preferred) {
            self.preferred = route.after(self.preferred).unwrap_or(self.preferred);
        }
        self.wake = wake.min(self.strays_due(now, &route));
    }

    /// The batches that have waited long enough.
    fn take_due(&mut self, now: Time) -> Vec<Batch> {
        let due = self.batches.extract_if(.., |_, b| b.retry_at <= now);
        due.map(|(_, batch)| batch).collect()
    }

    /// The batch itself, or single ones if some of its requests have their verdicts: sites would
    /// give all results again.
    fn still_open(&self, batch: Batch) -> Vec<Batch> {
        if batch.open == batch.span.count() {
            return vec![batch];
        }
        let open = |sequence: Sequence| {
            let offset = sequence.0.checked_sub(self.first.0);
            let slot = offset.and_then(|o| self.slots.get(usize::try_from(o).ok()?));
            matches!(slot, Some(Slot::Open(_)))
        };
        batch.apart(self.settings.client, self.incarnation, open)
    }

    fn strays_due(&mut self, now: Time, route: &Route) -> Time {
        let mut wake = Time::MAX;
        let (held, settled, client) = (&mut self.held, &mut self.settled, self.settings.client);
        self.strays.retain(|(incarnation, sequence), stray| {
            let request = &mut stray.request;
            let alive = now < request.deadline;
            if !alive {
                request.tally.free(held);
                let id = maftia_replica::RequestId {
                    client,
                    incarnation: *incarnation,
                    sequence: *sequence,
                };
                settled.push(Settled {
                    id,
                    digest: request.digest,
                    outcome: Outcome::Unknown,
                });
            }
            alive
        });
        for ((life, _), Stray { request, batch }) in &mut self.strays {
            if batch.retry_at <= now {
                let wait = self.latency.wait(&self.settings.timing, batch.attempts + 1);
                batch.ask(route, &mut self.outbox, *life, now + wait);
            }
            wake = wake.min(request.due()).min(batch.retry_at);
        }
        wake
    }

    /// Requests that never left because no link is up are taken back at their deadline, and the
    /// later ones with the first: they have numbers that would wait for it.
    fn reject_unsent(&mut self, now: Time) {
        let late = |slot: &Slot| matches!(slot, Slot::Open(request) if request.deadline <= now);
        let mut unsent = self.slots.iter().enumerate().skip(self.sent);
        let Some((first, _)) = unsent.find(|(_, slot)| late(slot)) else {
            return;
        };
        for offset in first..self.slots.len() {
            let id = self.id(self.first.plus(offset as u64));
            if let Some(Slot::Open(request)) = self.slots.get(offset) {
                self.settled.push(Settled {
                    id,
                    digest: request.digest,
                    outcome: Outcome::Rejected(Rejection::Unreachable),
                });
            }
        }
        self.slots.truncate(first);
        self.unsent.truncate(first - self.sent);
    }

    fn send_new(&mut self, now: Time) {
        if self.up.is_empty() || self.sent == self.slots.len() {
            return;
        }
        let route = Route {
            up: self.up,
            sites: self.held.len(),
        };
        if !self.up.contains(self.preferred) {
            self.preferred = route.after(self.preferred).unwrap_or(self.preferred);
        }
        let holder = self.preferred;
        let others = self.settings.resilience.correct_majority() - 1;
        let vouchers: SiteSet = route.others(holder).take(others).collect();
        let retry_at = now + self.latency.wait(&self.settings.timing, 0);
        let mut first = self.first.plus(self.sent as u64);
        while let Some(span) = self.next_span(first) {
            let taken = self.unsent.drain(..span.count() as usize);
            let bodies: Vec<Bytes> = taken.collect();
            let (client, life) = (self.settings.client, self.incarnation);
            let mut batch = Batch::new(client, life, span, &bodies, now);
            batch.send(&mut self.outbox, life, holder, vouchers);
            batch.retry_at = retry_at;
            self.batches.insert(first, batch);
            first = span.last().next();
        }
        self.sent = self.slots.len();
        self.wake = self.wake.min(retry_at);
    }

    /// As many of the unsent requests as make a batch.
    fn next_span(&self, first: Sequence) -> Option<Span> {
        let (mut count, mut bytes) = (0, 0);
        for body in self.unsent.iter().take(BATCH_REQUESTS) {
            bytes += body.len();
            if count > 0 && bytes > BATCH_BYTES {
                break;
            }
            count += 1;
        }
        Span::new(first, count)
    }

    /// When to call [`Session::on_timeout`].
    pub fn next_timeout(&self) -> Option<Time> {
        (self.wake < Time::MAX).then_some(self.wake)
    }
}

/// The open requests of the window, with their numbers.
fn open(
    first: Sequence,
    slots: &mut std::collections::VecDeque<Slot>,
) -> impl Iterator<Item = (Sequence, &mut Request)> {
    slots
        .iter_mut()
        .enumerate()
        .filter_map(move |(offset, slot)| {
            let sequence = first.plus(offset as u64);
            match slot {
                Slot::Open(request) => Some((sequence, request.as_mut())),
                Slot::Done(..) | Slot::Lost => None,
            }
        })
}

/// The sites in a ring, of which some can be reached.
pub(super) struct Route {
    pub(super) up: SiteSet,
    sites: usize,
}

impl Route {
    /// The sites that are up, from the one after `site` round to before it.
    fn others(&self, site: SiteId) -> impl Iterator<Item = SiteId> {
        let (up, all) = (self.up, SiteId::all(self.sites));
        let later = all.clone().filter(move |other| *other > site);
        let earlier = all.filter(move |other| *other < site);
        later
            .chain(earlier)
            .filter(move |other| up.contains(*other))
    }

    /// The next site that is up.
    pub(super) fn after(&self, site: SiteId) -> Option<SiteId> {
        self.others(site).next()
    }
}
