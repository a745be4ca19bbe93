//! One client session as a pure state machine.

mod batch;
mod outbox;
mod request;
mod resend;
mod tally;
mod timing;
mod view;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use maftia_replica::{Reply, RequestId, Span, request_digest};
use maftia_types::{ClientId, Digest, Incarnation, Resilience, Sequence, SiteId, SiteSet, Time};

use crate::{Outcome, Rejection};
use batch::Batch;
use outbox::Outbox;
use request::Request;
use tally::{Claim, Verdict};
use timing::Latency;

pub use outbox::Outgoing;
pub use request::Standing;
pub use timing::Timing;

/// Most requests from the first without a verdict to the newest. Half the window in which sites
/// take requests and keep replies, so that neither ever turns one away.
pub const WINDOW: usize = 512;
/// Most requests of other lives asked for again at once.
pub const STRAYS_MAX: usize = 64;
/// Executed requests that are remembered to see which sites contradict the outcome afterwards.
const RECENT: usize = 1024;

/// One client session: gives requests their numbers, decides which site gets what, and believes
/// what f+1 sites agree on.
///
/// The caller submits, feeds replies, link changes and time, and after each batch of those calls
/// [`Session::flush`] for what is to be sent and [`Session::settled`] for what was decided.
#[derive(Debug)]
pub struct Session {
    settings: Settings,
    incarnation: Incarnation,
    /// The number of the first slot.
    first: Sequence,
    slots: VecDeque<Slot>,
    /// How many slots from the front have been sent.
    sent: usize,
    /// The bodies of the others.
    unsent: VecDeque<Bytes>,
    /// What was sent and has requests without a verdict, by the first number. No two overlap.
    batches: BTreeMap<Sequence, Batch>,
    strays: BTreeMap<(Incarnation, Sequence), Stray>,
    up: SiteSet,
    preferred: SiteId,
    outbox: Outbox,
    settled: Vec<Settled>,
    recent: VecDeque<(u64, Digest)>,
    /// The number after the last of `recent`.
    recent_end: Sequence,
    held: Vec<usize>,
    /// Per site, the number after the largest that it has answered in this life.
    heard: Vec<Sequence>,
    liars: Vec<u64>,
    latency: Latency,
    /// Not later than anything that is due.
    wake: Time,
    busy_at: Time,
    closed: bool,
}

/// What a session is built with.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The client's key and the session's number.
    pub client: ClientId,
    /// The group's thresholds.
    pub resilience: Resilience,
    /// How patient it is.
    pub timing: Timing,
}

/// A decided request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settled {
    /// Its name.
    pub id: RequestId,
    /// [`request_digest`] of it.
    pub digest: Digest,
    /// What became of it. After [`Outcome::Unknown`], another one may follow.
    pub outcome: Outcome,
}

/// The session takes no further request now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the session's window is full")]
pub struct Full;

/// A request of another life, or one decided long ago.
#[derive(Debug)]
struct Stray {
    request: Request,
    batch: Batch,
}

#[derive(Debug)]
enum Slot {
    Open(Box<Request>),
    /// Executed at this position with this result.
    Done(u64, Digest),
    /// Executed, with the result forgotten.
    Lost,
}

impl Session {
    /// A session in a fresh life. Sites differ in which is preferred by the session's number.
    pub fn new(settings: Settings, incarnation: Incarnation, now: Time) -> Self {
        let n = settings.resilience.sites();
        Self {
            settings,
            incarnation,
            first: Sequence(1),
            slots: VecDeque::new(),
            sent: 0,
            unsent: VecDeque::new(),
            batches: BTreeMap::new(),
            strays: BTreeMap::new(),
            up: SiteSet::EMPTY,
            preferred: view::preferred(settings.client.session, n),
            outbox: Outbox::default(),
            settled: Vec::new(),
            recent: VecDeque::new(),
            recent_end: Sequence(1),
            held: vec![0; n],
            heard: vec![Sequence(1); n],
            liars: vec![0; n],
            latency: Latency::default(),
            wake: Time::MAX,
            busy_at: now,
            closed: false,
        }
    }

    /// Takes a request. It leaves with the next [`Session::flush`], or once a link is up.
    ///
    /// # Errors
    /// [`Full`] while the window is full or the session is closed.
    pub fn submit(&mut self, now: Time, body: Bytes) -> Result<RequestId, Full> {
        self.submit_until(now, now + self.settings.timing.deadline, body)
    }

    /// As [`Session::submit`], with a deadline of its own.
    ///
    /// # Errors
    /// [`Full`] while the window is full or the session is closed.
    pub fn submit_until(
        &mut self,
        now: Time,
        deadline: Time,
        body: Bytes,
    ) -> Result<RequestId, Full> {
        if self.closed || self.slots.len() >= WINDOW {
            return Err(Full);
        }
        let id = self.id(self.first.plus(self.slots.len() as u64));
        let digest = request_digest(&id, &body);
        let request = Request::new(digest, now, deadline);
        self.slots.push_back(Slot::Open(Box::new(request)));
        self.unsent.push_back(body);
        self.wake = self.wake.min(deadline);
        self.busy_at = now;
        Ok(id)
    }

    /// Asks for a request of an earlier life, or one decided long ago. It is given up at its
    /// deadline.
    ///
    /// # Errors
    /// [`Full`] if [`STRAYS_MAX`] are being asked for.
    ///
    /// # Panics
    /// For an id that this session has not given out: it could close the session.
    pub fn ask_again(&mut self, now: Time, id: &RequestId, body: Bytes) -> Result<(), Full> {
        let past = (id.incarnation, id.sequence) < (self.incarnation, self.first);
        assert!(past, "an id of the future could close the session");
        let key = (id.incarnation, id.sequence);
        if self.strays.contains_key(&key) {
            return Ok(());
        }
        if self.strays.len() >= STRAYS_MAX {
            return Err(Full);
        }
        let digest = request_digest(id, &body);
        let deadline = now + self.settings.timing.deadline;
        let request = Request::new(digest, now, deadline);
        let (client, span) = (self.settings.client, Span::one(id.sequence));
        let batch = Batch::new(client, id.incarnation, span, [&body], now);
        self.strays.insert(key, Stray { request, batch });
        self.wake = now;
        Ok(())
    }

    /// Starts a new life. What was outstanding is unknown if it may have been sent.
    ///
    /// # Panics
    /// If `incarnation` is not larger than the present one.
    pub fn reopen(&mut self, now: Time, incarnation: Incarnation) {
        assert!(incarnation > self.incarnation, "lives follow each other");
        for offset in 0..self.slots.len() {
            let sequence = self.first.plus(offset as u64);
            let Some(Slot::Open(request)) = self.slots.get_mut(offset) else {
                continue;
            };
            request.tally.free(&mut self.held);
            let outcome = match offset < self.sent {
                true => Outcome::Unknown,
                false => Outcome::Rejected(Rejection::Unreachable),
            };
            let digest = request.digest;
            if !request.told {
                let id = self.id(sequence);
                self.settled.push(Settled {
                    id,
                    digest,
                    outcome,
                });
            }
        }
        self.slots.clear();
        self.heard.fill(Sequence(1));
        self.unsent.clear();
        self.batches.clear();
        self.recent.clear();
        self.outbox = Outbox::default();
        (self.sent, self.first, self.recent_end) = (0, Sequence(1), Sequence(1));
        (self.incarnation, self.closed, self.busy_at) = (incarnation, false, now);
    }

    /// Takes the replies of a site.
    pub fn on_replies(
        &mut self,
        now: Time,
        site: SiteId,
        incarnation: Incarnation,
        replies: &[Reply],
    ) {
        if site.index() >= self.held.len() {
            return;
        }
        for reply in replies {
            if self.strays.contains_key(&(incarnation, reply.sequence)) {
                self.on_stray_reply(site, incarnation, reply);
            } else if incarnation == self.incarnation {
                self.notice_gap(now, site, reply.sequence);
                self.on_reply(now, site, reply);
            }
        }
        self.pop_settled();
    }

    /// A site's replies leave in the order of their numbers, and links keep it: what is jumped over
    /// was lost at a full queue, which has been drained since. It is asked for at once, once for
    /// each site, instead of when its time has come.
    fn notice_gap(&mut self, now: Time, site: SiteId, sequence: Sequence) {
        let offset = |sequence: Sequence| {
            let offset = sequence.0.checked_sub(self.first.0)?;
            usize::try_from(offset).ok()
        };
        let Some(heard) = self.heard.get_mut(site.index()) else {
            return;
        };
        let (from, to) = (offset(*heard).unwrap_or(0), offset(sequence));
        let Some(to) = to.filter(|to| from <= *to && *to < self.slots.len()) else {
            return;
        };
        *heard = sequence.next();
        for offset in from..to {
            if let Some(Slot::Open(_)) = self.slots.get(offset) {
                let sequence = self.first.plus(offset as u64);
                self.hurry(sequence, now, |batch| batch.has_reached(site));
            }
        }
    }

    /// Brings the next asking for a request's batch forward.
    fn hurry(&mut self, sequence: Sequence, at: Time, which: impl Fn(&Batch) -> bool) {
        let batch = self.batches.range_mut(..=sequence).next_back();
        if let Some((_, batch)) = batch.filter(|(_, b)| b.span.contains(sequence) && which(b)) {
            batch.hurry(at);
            self.wake = self.wake.min(at);
        }
    }

    fn on_reply(&mut self, now: Time, site: SiteId, reply: &Reply) {
        if reply.sequence < self.first {
            return self.check_late(site, reply);
        }
        let offset = usize::try_from(reply.sequence.0 - self.first.0).unwrap_or(usize::MAX);
        let request = match self.slots.get_mut(offset) {
            Some(Slot::Open(request)) => request,
            Some(Slot::Done(position, digest)) => {
                let agreed = (*position, *digest);
                return self.compare(site, reply, agreed);
            }
            Some(Slot::Lost) => return,
            // A reply to what was never asked.
            None => return self.blame(SiteSet::from_iter([site])),
        };
        request.tally.add(site, &reply.fate, &mut self.held);
        let needed = self.settings.resilience.one_correct();
        let (slot, outcome, contradicting) = match request.tally.verdict(needed) {
            Verdict::Open => return,
            Verdict::Missing => {
                let wait = self.latency.wait(&self.settings.timing, 0);
                return self.hurry(reply.sequence, now + wait, |_| true);
            }
            Verdict::Closed => {
                self.closed = true;
                return;
            }
            Verdict::Forgotten => (Slot::Lost, Outcome::Forgotten, SiteSet::EMPTY),
            Verdict::Other => {
                let outcome = Outcome::Rejected(Rejection::IdMismatch);
                (Slot::Lost, outcome, SiteSet::EMPTY)
            }
            Verdict::Executed(position, digest, result) => (
                Slot::Done(position, digest),
                Outcome::Committed { position, result },
                request.tally.contradicting(position, digest),
            ),
        };
        request.tally.free(&mut self.held);
        self.latency.sample(now.since(request.submitted));
        let digest = request.digest;
        if let Some(place) = self.slots.get_mut(offset) {
            *place = slot;
        }
        self.blame(contradicting);
        self.close(reply.sequence);
        let id = self.id(reply.sequence);
        self.settled.push(Settled {
            id,
            digest,
            outcome,
        });
    }

    fn on_stray_reply(&mut self, site: SiteId, incarnation: Incarnation, reply: &Reply) {
        let key = (incarnation, reply.sequence);
        let Some(Stray { request, .. }) = self.strays.get_mut(&key) else {
            return;
        };
        request.tally.add(site, &reply.fate, &mut self.held);
        let needed = self.settings.resilience.one_correct();
        let outcome = match request.tally.verdict(needed) {
            Verdict::Open | Verdict::Missing => return,
            Verdict::Closed => Outcome::Unknown,
            Verdict::Forgotten => Outcome::Forgotten,
            Verdict::Other => Outcome::Rejected(Rejection::IdMismatch),
            Verdict::Executed(position, digest, result) => {
                let contradicting = request.tally.contradicting(position, digest);
                self.blame(contradicting);
                Outcome::Committed { position, result }
            }
        };
        let Some(Stray { mut request, .. }) = self.strays.remove(&key) else {
            return;
        };
        request.tally.free(&mut self.held);
        let id = RequestId {
            client: self.settings.client,
            incarnation,
            sequence: reply.sequence,
        };
        self.settled.push(Settled {
            id,
            digest: request.digest,
            outcome,
        });
    }

    /// A request has its verdict: a batch of which all have is not asked for any more.
    fn close(&mut self, sequence: Sequence) {
        let Some((first, batch)) = self.batches.range_mut(..=sequence).next_back() else {
            return;
        };
        let first = *first;
        batch.open = batch.open.saturating_sub(1);
        if batch.open == 0 {
            self.batches.remove(&first);
        }
    }

    /// A reply that comes after f+1 others have decided.
    fn check_late(&mut self, site: SiteId, reply: &Reply) {
        let back = self.recent_end.0.checked_sub(reply.sequence.0);
        let place = back
            .and_then(|back| usize::try_from(back).ok())
            .and_then(|back| self.recent.len().checked_sub(back));
        if let Some(agreed) = place.and_then(|place| self.recent.get(place)).copied() {
            self.compare(site, reply, agreed);
        }
    }

    fn compare(&mut self, site: SiteId, reply: &Reply, agreed: (u64, Digest)) {
        let claim = Claim::of(&reply.fate);
        if matches!(claim, Claim::Executed(..)) && claim != Claim::Executed(agreed.0, agreed.1) {
            self.blame(SiteSet::from_iter([site]));
        }
    }

    fn blame(&mut self, sites: SiteSet) {
        for site in sites.iter() {
            if let Some(count) = self.liars.get_mut(site.index()) {
                *count += 1;
            }
        }
    }

    fn pop_settled(&mut self) {
        while let Some(Slot::Done(..) | Slot::Lost) = self.slots.front() {
            match self.slots.pop_front() {
                Some(Slot::Done(position, digest)) => self.recent.push_back((position, digest)),
                // Position 0 is nobody's: no comparison of it is made.
                _ => self.recent.clear(),
            }
            self.first = self.first.next();
            self.recent_end = self.first;
            self.sent = self.sent.saturating_sub(1);
            if self.recent.len() > RECENT {
                self.recent.pop_front();
            }
        }
    }

    /// What was decided since the last call.
    pub fn settled(&mut self) -> std::vec::Drain<'_, Settled> {
        self.settled.drain(..)
    }

    /// Whether f+1 sites have closed this life: call [`Session::reopen`].
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether a new life should be begun before the next request.
    pub fn is_stale(&self, now: Time) -> bool {
        self.slots.is_empty() && now.since(self.busy_at) > self.settings.timing.idle_max
    }

    /// The present life.
    pub const fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// The number of the first request without a verdict, or of the next one.
    pub const fn first(&self) -> Sequence {
        self.first
    }

    /// How many requests the window holds, of [`WINDOW`].
    pub fn load(&self) -> usize {
        self.slots.len()
    }

    /// Whether a request of the present life is in the window, without a verdict, and has this
    /// digest. None if it is not in the window.
    pub fn holds(&self, sequence: Sequence, digest: &Digest) -> Option<bool> {
        let offset = sequence.0.checked_sub(self.first.0)?;
        match self.slots.get(usize::try_from(offset).ok()?)? {
            Slot::Open(request) => Some(request.digest == *digest),
            Slot::Done(..) | Slot::Lost => None,
        }
    }

    /// Per site, how often it contradicted what f+1 sites agree on.
    pub fn liars(&self) -> &[u64] {
        &self.liars
    }

    /// The client's key and the session's number.
    pub const fn client(&self) -> ClientId {
        self.settings.client
    }

    const fn id(&self, sequence: Sequence) -> RequestId {
        RequestId {
            client: self.settings.client,
            incarnation: self.incarnation,
            sequence,
        }
    }
}
