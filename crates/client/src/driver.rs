use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use maftia_codec::Wire;
use maftia_multipoint::{Class, Network, NetworkEvent, Peer};
use maftia_replica as replica;
use maftia_replica::{ClientMessage, SiteMessage, request_digest};
use maftia_types::{ClientId, Duration, Incarnation, Sequence, SiteId, Time};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use crate::inquiry::{Inquiry, Question};
use crate::life::{clock, next_life};
use crate::links::Links;
use crate::memory::Memory;
use crate::session::{Outgoing, Session, Settings, Settled, Standing, Timing};
use crate::shared::Shared;
use crate::views::Views;
use crate::{Answer, Outcome, Rejection, RequestId};

/// Commands and events taken in one tick: what they cause leaves in one message per site.
const BATCH: usize = 512;
/// Callers that wait for one request besides the first.
const WAITERS_MAX: usize = 64;

/// What callers ask of the driver.
#[derive(Debug)]
pub(crate) enum Command {
    Execute {
        body: Bytes,
        patience: std::time::Duration,
        permit: OwnedSemaphorePermit,
        reply: oneshot::Sender<Answer>,
    },
    Again {
        id: RequestId,
        body: Bytes,
        permit: OwnedSemaphorePermit,
        reply: oneshot::Sender<Answer>,
    },
    /// Asks those whom it is for; the number is put in.
    Ask {
        what: Inquiry,
        reply: oneshot::Sender<Vec<Option<Bytes>>>,
    },
    /// Asks for later views now.
    Follow,
    Stop {
        done: oneshot::Sender<()>,
    },
}

/// The one task of a client: feeds commands and events to the sessions and sends what they say.
pub(crate) struct Driver {
    pub(crate) network: Network,
    pub(crate) shared: Arc<Shared>,
    pub(crate) views: Views,
    pub(crate) links: Links,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) sites: usize,
    origin: Instant,
    first_session: u32,
    memory: Memory,
    pub(crate) questions: BTreeMap<u64, Question>,
    pub(crate) nonce: u64,
    outgoing: Vec<Outgoing>,
    stopped: Option<oneshot::Sender<()>>,
}

/// A session and who waits for its requests.
pub(crate) struct Lane {
    pub(crate) session: Session,
    /// Of the window.
    entries: Entries,
    /// Of what was asked for again and is not in the window.
    strays: Entries,
    /// Lives that the sites closed since the last one in which something was executed.
    closed: u32,
}

type Entries = BTreeMap<(Incarnation, Sequence), Entry>;

struct Entry {
    waiters: Vec<oneshot::Sender<Answer>>,
    /// Given back when the window has moved on: it stands for a place there, too.
    _permit: OwnedSemaphorePermit,
}

impl Driver {
    pub(crate) fn new(
        network: Network,
        shared: Arc<Shared>,
        timing: Timing,
        (key, first_session, sessions): (u32, u32, usize),
    ) -> Self {
        let life = next_life(Incarnation(0), clock(), 0);
        let known = shared.known();
        let resilience = known.group.resilience();
        let lane = |session| {
            let settings = Settings {
                client: ClientId { key, session },
                resilience,
                timing,
            };
            Lane {
                session: Session::new(settings, life, Time::ZERO),
                entries: BTreeMap::new(),
                strays: BTreeMap::new(),
                closed: 0,
            }
        };
        Self {
            network,
            shared,
            views: Views::new(known),
            links: Links::default(),
            lanes: (first_session..).take(sessions).map(lane).collect(),
            sites: resilience.sites(),
            origin: Instant::now(),
            first_session,
            memory: Memory::default(),
            questions: BTreeMap::new(),
            nonce: 0,
            outgoing: Vec::new(),
            stopped: None,
        }
    }

    pub(crate) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut events: mpsc::Receiver<NetworkEvent>,
    ) {
        let (mut asked, mut heard) = (Vec::new(), Vec::new());
        loop {
            let wake = self.next_timeout();
            let alarm = wake.map(|at| self.origin + at.since(Time::ZERO).into());
            tokio::select! {
                n = commands.recv_many(&mut asked, BATCH) => {
                    if n == 0 {
                        break;
                    }
                }
                n = events.recv_many(&mut heard, BATCH) => {
                    if n == 0 {
                        break;
                    }
                }
                () = sleep_until(alarm.unwrap_or(self.origin)), if alarm.is_some() => {}
            }
            let now = self.now();
            for event in heard.drain(..) {
                self.on_event(now, event);
            }
            for command in asked.drain(..) {
                self.on_command(now, command);
            }
            self.on_time(now);
            self.settle(now);
            self.send(now);
            if self.stopped.is_some() {
                break;
            }
        }
        self.network.shutdown().await;
        if let Some(done) = self.stopped.take() {
            // Whoever asked may have gone.
            let _ = done.send(());
        }
    }

    fn on_event(&mut self, now: Time, event: NetworkEvent) {
        match event {
            NetworkEvent::Up {
                peer, key, link, ..
            } => {
                let known = self.views.place(&key);
                if let Some(site) = known.filter(|site| peer == Peer::Site(*site)) {
                    self.links.up(link, site, key);
                    self.on_link(now, site, Standing::Up);
                    self.ask_view(site);
                }
            }
            NetworkEvent::Down { link, .. } => {
                if let Some(site) = self.links.down(link) {
                    self.on_link(now, site, Standing::Down);
                    self.ask_views_soon(now);
                }
            }
            NetworkEvent::Message(message) => {
                if let Some(site) = self.links.site(message.link) {
                    self.on_message(now, site, message.bytes);
                }
            }
            _ => {}
        }
    }

    fn on_link(&mut self, now: Time, site: SiteId, standing: Standing) {
        debug!(%site, ?standing, "link");
        if standing == Standing::Down {
            self.answer_questions(|question| question.waiting.remove(site));
        }
        self.shared.set_up(self.links.sites());
        for lane in &mut self.lanes {
            lane.session.on_link(now, site, standing);
        }
    }

    fn on_message(&mut self, now: Time, site: SiteId, bytes: Bytes) {
        match SiteMessage::from_bytes(bytes) {
            Ok(SiteMessage::Replies {
                session,
                incarnation,
                replies,
            }) => {
                if let Some(lane) = self.lane(session) {
                    lane.session.on_replies(now, site, incarnation, &replies);
                }
            }
            Ok(SiteMessage::Status { nonce, json }) => self.on_answer(site, nonce, json),
            // No exhibit is empty.
            Ok(SiteMessage::Evidence { nonce, exhibit }) => {
                self.on_answer(site, nonce, exhibit.unwrap_or_default());
            }
            // Nor is any proof.
            Ok(SiteMessage::Proof { nonce, proof }) => {
                self.on_answer(site, nonce, proof.unwrap_or_default());
            }
            // Nor any piece of a state.
            Ok(SiteMessage::Piece { nonce, piece }) => {
                self.on_answer(site, nonce, piece.unwrap_or_default());
            }
            Ok(SiteMessage::Views(chain)) => self.on_views(now, site, chain),
            Err(error) => debug!(%site, %error, "malformed message"),
        }
    }

    fn on_command(&mut self, now: Time, command: Command) {
        match command {
            Command::Execute {
                body,
                patience,
                permit,
                reply,
            } => {
                let nanos = u64::try_from(patience.as_nanos()).unwrap_or(u64::MAX);
                let deadline = now + Duration::from_nanos(nanos);
                self.execute((now, deadline), body, permit, reply);
            }
            Command::Again {
                id,
                body,
                permit,
                reply,
            } => self.again(now, &id, body, permit, reply),
            Command::Ask { what, reply } => self.ask(now, what, reply),
            Command::Follow => self.ask_views_soon(now),
            Command::Stop { done } => self.stopped = Some(done),
        }
    }

    fn execute(
        &mut self,
        (now, deadline): (Time, Time),
        body: Bytes,
        permit: OwnedSemaphorePermit,
        reply: oneshot::Sender<Answer>,
    ) {
        let least = self.lanes.iter_mut().min_by_key(|l| l.session.load());
        let lane = least.expect("a client has a session");
        if lane.session.is_stale(now) {
            let life = next_life(lane.session.incarnation(), clock(), 0);
            lane.session.reopen(now, life);
        }
        // The permits are as many as the windows have places, and this one has the most left.
        let Ok(id) = lane.session.submit_until(now, deadline, body) else {
            answer(reply, None, Outcome::Rejected(Rejection::Busy));
            return;
        };
        let entry = Entry {
            waiters: vec![reply],
            _permit: permit,
        };
        lane.entries.insert((id.incarnation, id.sequence), entry);
    }

    fn again(
        &mut self,
        now: Time,
        name: &RequestId,
        body: Bytes,
        permit: OwnedSemaphorePermit,
        reply: oneshot::Sender<Answer>,
    ) {
        let id = &name.request;
        let digest = request_digest(id, &body);
        let known = self.memory.get(id).cloned();
        let reject = |reply, why| answer(reply, Some(*name), Outcome::Rejected(why));
        let Some(lane) = self.lane(id.client.session) else {
            return reject(reply, Rejection::IdUnknown);
        };
        let session = &mut lane.session;
        let issued = session.first().plus(session.load() as u64);
        if id.client != session.client() || (session.incarnation(), issued) <= place(id) {
            return reject(reply, Rejection::IdUnknown);
        }
        // The sites could not tell if it was executed in a batch by an earlier process.
        if !name.is_of(&digest) {
            return reject(reply, Rejection::IdMismatch);
        }
        match known {
            Some((other, _)) if other != digest => return reject(reply, Rejection::IdMismatch),
            Some((_, outcome @ (Outcome::Committed { .. } | Outcome::Forgotten))) => {
                return answer(reply, Some(*name), outcome);
            }
            _ => {}
        }
        let current = id.incarnation == session.incarnation();
        let entries = match session.holds(id.sequence, &digest).filter(|_| current) {
            Some(false) => return reject(reply, Rejection::IdMismatch),
            Some(true) => &mut lane.entries,
            None if place(id) < (session.incarnation(), session.first()) => {
                if session.ask_again(now, id, body).is_err() {
                    return answer(reply, Some(*name), Outcome::Unknown);
                }
                &mut lane.strays
            }
            // Decided, but the result is gone.
            None => return answer(reply, Some(*name), Outcome::Unknown),
        };
        let entry = entries.entry(place(id)).or_insert_with(|| Entry {
            waiters: Vec::new(),
            _permit: permit,
        });
        entry.waiters.retain(|waiter| !waiter.is_closed());
        if entry.waiters.len() >= WAITERS_MAX {
            return answer(reply, Some(*name), Outcome::Unknown);
        }
        entry.waiters.push(reply);
    }

    fn on_time(&mut self, now: Time) {
        self.ask_views(now);
        for lane in &mut self.lanes {
            lane.session.on_timeout(now);
        }
        self.end_late_questions(now);
    }

    /// Tells callers what was decided.
    fn settle(&mut self, now: Time) {
        for lane in &mut self.lanes {
            if lane.session.is_closed() {
                lane.closed = lane.closed.saturating_add(1);
                let life = next_life(lane.session.incarnation(), clock(), lane.closed);
                lane.session.reopen(now, life);
            }
            for settled in lane.session.settled() {
                if matches!(settled.outcome, Outcome::Committed { .. }) {
                    lane.closed = 0;
                }
                if !matches!(settled.outcome, Outcome::Rejected(_)) {
                    self.memory.keep(now, &settled);
                }
                tell(&mut lane.entries, &mut lane.strays, &settled);
            }
            let first = (lane.session.incarnation(), lane.session.first());
            while let Some(entry) = lane.entries.first_entry() {
                if *entry.key() >= first {
                    break;
                }
                entry.remove();
            }
        }
        let sites = 0..self.sites;
        self.shared.set_liars(sites.map(|site| {
            let of = |lane: &Lane| lane.session.liars().get(site).copied().unwrap_or(0);
            self.lanes.iter().map(of).sum()
        }));
    }

    fn send(&mut self, now: Time) {
        for lane in &mut self.lanes {
            lane.session.flush(now, &mut self.outgoing);
        }
        for Outgoing { to, message } in self.outgoing.drain(..) {
            let class = match message {
                ClientMessage::Submit { .. } => Class::Payload,
                ClientMessage::Vouch { .. }
                | ClientMessage::Evidence { .. }
                | ClientMessage::Lend { .. }
                | ClientMessage::Prove { .. }
                | ClientMessage::Status { .. }
                | ClientMessage::Views { .. } => Class::Control,
            };
            let bytes = message.to_bytes();
            for site in to.iter() {
                // What a link does not take is asked for again when its time has come.
                if let Err(error) = self.network.send(site, class, bytes.clone()) {
                    debug!(%site, %error, "not sent");
                }
            }
        }
    }

    fn lane(&mut self, session: u32) -> Option<&mut Lane> {
        let index = session.checked_sub(self.first_session)?;
        self.lanes.get_mut(usize::try_from(index).ok()?)
    }

    fn next_timeout(&self) -> Option<Time> {
        let sessions = self.lanes.iter().filter_map(|l| l.session.next_timeout());
        let questions = self.questions.values().map(|question| question.deadline);
        let views = self.views.next_timeout();
        sessions.chain(questions).chain([views]).min()
    }

    fn now(&self) -> Time {
        let nanos = self.origin.elapsed().as_nanos();
        Time::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

fn tell(entries: &mut Entries, strays: &mut Entries, settled: &Settled) {
    let key = place(&settled.id);
    let waiters = match (strays.remove(&key), entries.get_mut(&key)) {
        (Some(entry), _) => entry.waiters,
        (None, Some(entry)) => std::mem::take(&mut entry.waiters),
        (None, None) => return,
    };
    for waiter in waiters {
        let name = RequestId::new(settled.id, &settled.digest);
        answer(waiter, Some(name), settled.outcome.clone());
    }
    if matches!(settled.outcome, Outcome::Rejected(_)) {
        // Taken back: its number may be given to another request.
        entries.remove(&key);
    }
}

fn answer(reply: oneshot::Sender<Answer>, id: Option<RequestId>, outcome: Outcome) {
    // Whoever asked may have gone.
    let _ = reply.send(Answer { id, outcome });
}

const fn place(id: &replica::RequestId) -> (Incarnation, Sequence) {
    (id.incarnation, id.sequence)
}
