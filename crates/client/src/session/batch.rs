use bytes::Bytes;
use maftia_replica::{BatchId, Bodies, Span};
use maftia_types::{ClientId, Digest, Incarnation, Sequence, SiteId, SiteSet, Time};

use super::Standing;
use super::outbox::Outbox;
use super::resend::Route;

/// Bodies in one batch of several requests: enough for a digest at full speed, little enough for
/// other sessions' batches to come between.
pub(super) const BATCH_BYTES: usize = 64 * 1024;
/// Requests in one batch.
pub(super) const BATCH_REQUESTS: usize = 128;

/// Requests that were sent and are asked for as one.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) span: Span,
    bodies: Bodies,
    digest: Digest,
    /// When to ask again.
    pub(super) retry_at: Time,
    /// How often it was asked again.
    pub(super) attempts: u32,
    /// Sites that have its digest or bodies, as far as links go.
    reached: SiteSet,
    /// Who was given the bodies last; whether the link still stands.
    holder: (SiteId, Standing),
    /// How many of its requests have no verdict.
    pub(super) open: u32,
}

impl Batch {
    /// A batch that nobody has yet: it is due at once.
    pub(super) fn new<'a>(
        client: ClientId,
        incarnation: Incarnation,
        span: Span,
        bodies: impl IntoIterator<Item = &'a Bytes>,
        now: Time,
    ) -> Self {
        let bodies = Bodies::new(bodies);
        let id = BatchId {
            client,
            incarnation,
            span,
        };
        let first = SiteId::all(1).next().expect("a group has a site");
        Self {
            span,
            digest: id.digest(&bodies),
            bodies,
            retry_at: now,
            attempts: 0,
            reached: SiteSet::EMPTY,
            holder: (first, Standing::Down),
            open: span.count(),
        }
    }

    /// The bodies go to `holder`, the digest to `vouchers`.
    pub(super) fn send(
        &mut self,
        outbox: &mut Outbox,
        life: Incarnation,
        holder: SiteId,
        vouchers: SiteSet,
    ) {
        outbox.bodies(holder, life, self.span, &self.bodies);
        outbox.digest(vouchers, life, self.span, self.digest);
        self.holder = (holder, Standing::Up);
        self.reached = vouchers;
        self.reached.insert(holder);
    }

    /// Asks again: the digest goes to all, the bodies to the next site.
    pub(super) fn ask(
        &mut self,
        route: &Route,
        outbox: &mut Outbox,
        life: Incarnation,
        retry_at: Time,
    ) {
        self.attempts = self.attempts.saturating_add(1);
        self.retry_at = retry_at;
        let holder = route
            .after(self.holder.0)
            .or_else(|| route.up.iter().next());
        let Some(holder) = holder else { return };
        let mut others = route.up;
        others.remove(holder);
        self.send(outbox, life, holder, others);
    }

    /// Whether a site was sent it, as far as links go.
    pub(super) const fn has_reached(&self, site: SiteId) -> bool {
        self.reached.contains(site)
    }

    /// Brings the next asking forward, as one that does not count: the sites are there.
    pub(super) fn hurry(&mut self, at: Time) {
        if at < self.retry_at {
            self.retry_at = at;
            self.attempts = self.attempts.saturating_sub(1);
        }
    }

    /// What was sent to a site may be lost. Gives whether the bodies were.
    pub(super) fn lost(&mut self, site: SiteId, now: Time) -> bool {
        self.reached.remove(site);
        let held = self.holder == (site, Standing::Up);
        if held {
            self.holder = (site, Standing::Down);
            self.retry_at = now;
        }
        held
    }

    /// The sites are others: nobody is known to have it.
    pub(super) fn scatter(&mut self, retry_at: Time) {
        self.reached = SiteSet::EMPTY;
        self.holder.1 = Standing::Down;
        self.retry_at = retry_at;
    }

    /// A link has come up: the site gets what is nowhere, or with fewer than `enough`.
    pub(super) fn reach(
        &mut self,
        outbox: &mut Outbox,
        life: Incarnation,
        site: SiteId,
        enough: usize,
    ) {
        if self.holder.1 == Standing::Down {
            outbox.bodies(site, life, self.span, &self.bodies);
            self.holder = (site, Standing::Up);
            self.reached.insert(site);
        } else if self.reached.len() < enough && self.reached.insert(site) {
            let to = SiteSet::from_iter([site]);
            outbox.digest(to, life, self.span, self.digest);
        }
    }

    /// Who was given the bodies last.
    pub(super) const fn holder(&self) -> SiteId {
        self.holder.0
    }

    /// The batches of one request each that it falls apart into for those that are `open`: those
    /// that were executed need not be asked for again.
    pub(super) fn apart(
        &self,
        client: ClientId,
        life: Incarnation,
        open: impl Fn(Sequence) -> bool,
    ) -> Vec<Self> {
        let bodies = self.bodies.split(self.span.count()).unwrap_or_default();
        let each = self.span.numbers().zip(bodies);
        each.filter(|(number, _)| open(*number))
            .map(|(number, body)| Self {
                attempts: self.attempts,
                holder: self.holder,
                ..Self::new(client, life, Span::one(number), [&body], self.retry_at)
            })
            .collect()
    }
}
