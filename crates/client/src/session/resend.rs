//! Which site gets what, and when it is asked again.

use maftia_types::{Sequence, SiteId, SiteSet, Time};

use super::outbox::Outbox;
use super::request::{Request, Standing};
use super::{Outgoing, Session, Settled, Slot};
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
        for (id, request) in open(self.first, &mut self.slots) {
            match standing {
                Standing::Down => {
                    request.lost(site, now);
                    lost |= request.retry_at == now;
                }
                Standing::Up if !request.sent() => {}
                Standing::Up => {
                    if !request.held() {
                        self.outbox.body(site, self.incarnation, id, &request.body);
                        request.holder = Some((site, Standing::Up));
                        request.reached.insert(site);
                    } else if request.reached.len() < enough && request.reached.insert(site) {
                        let to = SiteSet::from_iter([site]);
                        self.outbox.digest(to, self.incarnation, id, request.digest);
                    }
                }
            }
        }
        for request in self.strays.values_mut() {
            request.retry_at = now;
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
        for (sequence, request) in open(self.first, &mut self.slots) {
            if request.sent() && request.retry_at <= now {
                failed = failed.union(request.held_by());
                let wait = self
                    .latency
                    .wait(&self.settings.timing, request.attempts + 1);
                let life = self.incarnation;
                request.ask(&route, &mut self.outbox, (life, sequence), now + wait);
            }
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
        // The preferred site has let a request wait: the next one is as good as it.
        if failed.contains(self.preferred) {
            self.preferred = route.after(self.preferred).unwrap_or(self.preferred);
        }
        self.wake = wake.min(self.strays_due(now, &route));
    }

    fn strays_due(&mut self, now: Time, route: &Route) -> Time {
        let mut wake = Time::MAX;
        let (held, settled, client) = (&mut self.held, &mut self.settled, self.settings.client);
        self.strays.retain(|(incarnation, sequence), request| {
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
        for (key, request) in &mut self.strays {
            if request.retry_at <= now {
                let wait = self
                    .latency
                    .wait(&self.settings.timing, request.attempts + 1);
                request.ask(route, &mut self.outbox, *key, now + wait);
            }
            wake = wake.min(request.due());
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
        let mut reached = vouchers;
        reached.insert(holder);
        let retry_at = now + self.latency.wait(&self.settings.timing, 0);
        for offset in self.sent..self.slots.len() {
            let sequence = self.first.plus(offset as u64);
            if let Some(Slot::Open(request)) = self.slots.get_mut(offset) {
                request.holder = Some((holder, Standing::Up));
                (request.reached, request.retry_at) = (reached, retry_at);
                let (life, outbox) = (self.incarnation, &mut self.outbox);
                outbox.body(holder, life, sequence, &request.body);
                outbox.digest(vouchers, life, sequence, request.digest);
            }
        }
        self.sent = self.slots.len();
        self.wake = self.wake.min(retry_at);
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
struct Route {
    up: SiteSet,
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
    fn after(&self, site: SiteId) -> Option<SiteId> {
        self.others(site).next()
    }
}

impl Request {
    /// Asks again: the digest goes to all, the body to the next site.
    fn ask(
        &mut self,
        route: &Route,
        outbox: &mut Outbox,
        (life, number): (maftia_types::Incarnation, Sequence),
        retry_at: Time,
    ) {
        self.attempts = self.attempts.saturating_add(1);
        self.retry_at = retry_at;
        let before = match self.holder {
            Some((site, _)) => site,
            None => SiteId::all(1).next().expect("a group has a site"),
        };
        let holder = route.after(before).or_else(|| route.up.iter().next());
        let Some(holder) = holder else { return };
        let mut others = route.up;
        others.remove(holder);
        outbox.body(holder, life, number, &self.body);
        outbox.digest(others, life, number, self.digest);
        self.holder = Some((holder, Standing::Up));
        self.reached = route.up;
    }

    fn held_by(&self) -> SiteSet {
        self.holder.map(|(site, _)| site).into_iter().collect()
    }
}
