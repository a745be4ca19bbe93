use std::collections::BTreeMap;

use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_protocol::planted;
use maftia_types::{ClientId, Digest, Incarnation, Sequence};

use crate::batch::RequestId;
use crate::client_link::Fate;
use crate::limits::Limits;
use crate::session::{Held, Kept, Session, copy};
use crate::vouches::FIRST;

/// The clients' sessions: part of the ordered state. Each executes its requests in the order of
/// their numbers, each once, and keeps the latest replies for clients that ask again.
///
/// What the sessions of one client key hold is bounded together: [`Limits::hold_bytes`],
/// [`Limits::reply_bytes`] and [`Limits::result_bytes`]. What is beyond is refused or forgotten as
/// a function of the log; the number of a request that has been executed is never forgotten.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    sessions: BTreeMap<ClientId, Session>,
    /// Per key, incarnations up to this one are closed for good: a request of an expired session
    /// can never execute again.
    closed: BTreeMap<u32, Incarnation>,
    /// Per key, what its sessions hold. Follows from them.
    accounts: BTreeMap<u32, Account>,
}

/// What the sessions of one client key hold.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Account {
    /// Bytes of requests that wait for a gap.
    held: usize,
    /// Bytes of kept replies but for longer results.
    replies: usize,
    /// Bytes of longer results.
    results: usize,
    /// Where the longer results are, by position.
    long: BTreeMap<u64, (ClientId, Sequence)>,
}

/// A request with f+1 vouches.
#[derive(Debug)]
pub(crate) struct Authentic {
    pub(crate) id: RequestId,
    /// Unless it came in a batch with others.
    pub(crate) digest: Option<Digest>,
    pub(crate) body: Bytes,
}

/// Whether a request may still be executed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Expected {
    /// Yes, now or when a gap closes.
    Yes,
    /// It lies too far ahead of what is expected.
    TooFar,
    /// It has been executed, or its incarnation is closed.
    Settled(Fate),
}

impl Sessions {
    /// What is known of a request; with a digest, of the one that has it.
    pub(crate) fn expected(
        &self,
        limits: &Limits,
        id: &RequestId,
        digest: Option<&Digest>,
    ) -> Expected {
        let within = |next: Sequence| {
            let ahead = id.sequence.0.checked_sub(next.0);
            if ahead.is_some_and(|ahead| ahead < limits.window) {
                Expected::Yes
            } else {
                Expected::TooFar
            }
        };
        if id.sequence < FIRST || self.is_closed(id) {
            return Expected::Settled(Fate::Closed);
        }
        match self.sessions.get(&id.client) {
            Some(session) if session.incarnation == id.incarnation => {
                if id.sequence < session.next {
                    Expected::Settled(session.reply(id.sequence, digest))
                } else {
                    within(session.next)
                }
            }
            _ => within(FIRST),
        }
    }

    fn is_closed(&self, id: &RequestId) -> bool {
        match self.sessions.get(&id.client) {
            Some(session) => id.incarnation < session.incarnation,
            None => self
                .closed
                .get(&id.client.key)
                .is_some_and(|closed| id.incarnation <= *closed),
        }
    }

    /// Takes in an authentic, expected request. A larger incarnation closes the smaller. The next
    /// one of its session is always taken; one beyond a gap only if there is room: its client asks
    /// again.
    pub(crate) fn admit(&mut self, limits: &Limits, request: Authentic, now_ms: u64) {
        let Authentic { id, digest, body } = request;
        let known = self
            .sessions
            .get(&id.client)
            .map(|session| session.incarnation);
        if known.is_none() {
            self.make_room(limits, id.client.key);
        }
        if known.is_none_or(|incarnation| incarnation < id.incarnation) {
            self.remove(id.client);
            self.sessions
                .insert(id.client, Session::open(id.incarnation, now_ms));
        }
        let Some(session) = self.sessions.get_mut(&id.client) else {
            return;
        };
        if session.held.contains_key(&id.sequence) {
            return;
        }
        let account = self.accounts.entry(id.client.key).or_default();
        if id.sequence == session.next {
            // It leaves at once: nothing to count against, nothing to copy.
            let held = Held { digest, body };
            account.held += held.cost();
            session.held.insert(id.sequence, held);
            return;
        }
        let held = Held {
            digest,
            body: copy(&body),
        };
        if account.held + held.cost() <= limits.hold_bytes {
            account.held += held.cost();
            session.held.insert(id.sequence, held);
        }
    }

    /// The next request of a session that can be executed.
    pub(crate) fn next_ready(&mut self, client: ClientId) -> Option<Authentic> {
        let session = self.sessions.get_mut(&client)?;
        let sequence = session.next;
        let held = session.held.remove(&sequence)?;
        if let Some(account) = self.accounts.get_mut(&client.key) {
            account.held = account.held.saturating_sub(held.cost());
        }
        if !planted("request executed again") {
            session.next = sequence.next();
        }
        let id = RequestId {
            client,
            incarnation: session.incarnation,
            sequence,
        };
        Some(Authentic {
            id,
            digest: held.digest,
            body: held.body,
        })
    }

    /// Keeps what became of an executed request, and drops the oldest of its session and of its
    /// key beyond the limits.
    pub(crate) fn executed(
        &mut self,
        limits: &Limits,
        client: ClientId,
        executed: Kept,
        now_ms: u64,
    ) {
        let Some(session) = self.sessions.get_mut(&client) else {
            return;
        };
        session.active_ms = now_ms;
        let account = self.accounts.entry(client.key).or_default();
        account.add(client, &executed);
        session.replies.push_back(executed);
        while session.replies.len() > limits.replies
            && let Some(oldest) = session.replies.pop_front()
        {
            account.remove(&oldest);
        }
        while account.results > limits.result_bytes
            && let Some((_, (owner, sequence))) = account.long.pop_first()
        {
            let owner = self.sessions.get_mut(&owner);
            let length = owner.and_then(|owner| owner.forget_result(sequence));
            account.results = account.results.saturating_sub(length.unwrap_or(0));
        }
        while account.replies > limits.reply_bytes
            && let Some(oldest) = pop_oldest(&mut self.sessions, client.key)
        {
            account.remove(&oldest);
        }
    }

    /// Closes the sessions that have been idle too long.
    pub(crate) fn expire(&mut self, limits: &Limits, now_ms: u64) {
        let idle = |s: &Session| s.active_ms.saturating_add(limits.session_ms) < now_ms;
        let expired: Vec<ClientId> = self
            .sessions
            .iter()
            .filter(|(_, s)| idle(s))
            .map(|(client, _)| *client)
            .collect();
        expired.into_iter().for_each(|client| self.close(client));
    }

    /// Forgets the requests that wait for a gap to close.
    pub(crate) fn forget_held(&mut self) {
        self.sessions.values_mut().for_each(|own| own.held.clear());
        self.accounts.values_mut().for_each(|own| own.held = 0);
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.sessions.len()
    }

    fn make_room(&mut self, limits: &Limits, key: u32) {
        let mut of_key: Vec<(u64, ClientId)> = self
            .sessions
            .range(sessions_of(key))
            .map(|(client, session)| (session.active_ms, *client))
            .collect();
        of_key.sort_unstable();
        let surplus = (of_key.len() + 1).saturating_sub(limits.sessions_per_key);
        of_key
            .into_iter()
            .take(surplus)
            .for_each(|(_, client)| self.close(client));
    }

    fn close(&mut self, client: ClientId) {
        if let Some(session) = self.remove(client) {
            let closed = self.closed.entry(client.key).or_default();
            *closed = session.incarnation.max(*closed);
        }
    }

    fn remove(&mut self, client: ClientId) -> Option<Session> {
        let session = self.sessions.remove(&client)?;
        if let Some(account) = self.accounts.get_mut(&client.key) {
            for held in session.held.values() {
                account.held = account.held.saturating_sub(held.cost());
            }
            session.replies.iter().for_each(|kept| account.remove(kept));
            if *account == Account::default() {
                self.accounts.remove(&client.key);
            }
        }
        Some(session)
    }
}

impl Account {
    fn add(&mut self, client: ClientId, kept: &Kept) {
        self.replies += kept.cost();
        if let Some(length) = kept.long() {
            self.results += length;
            self.long.insert(kept.position, (client, kept.sequence));
        }
    }

    fn remove(&mut self, kept: &Kept) {
        self.replies = self.replies.saturating_sub(kept.cost());
        if let Some(length) = kept.long() {
            self.results = self.results.saturating_sub(length);
            self.long.remove(&kept.position);
        }
    }
}

/// Takes out the oldest reply of a key: one look at each of its few sessions.
fn pop_oldest(sessions: &mut BTreeMap<ClientId, Session>, key: u32) -> Option<Kept> {
    let of_key = sessions.range_mut(sessions_of(key));
    let oldest = of_key
        .filter_map(|(_, session)| Some((session.replies.front()?.position, session)))
        .min_by_key(|(position, _)| *position);
    oldest.and_then(|(_, session)| session.replies.pop_front())
}

const fn sessions_of(key: u32) -> std::ops::RangeInclusive<ClientId> {
    ClientId { key, session: 0 }..=ClientId {
        key,
        session: u32::MAX,
    }
}

/// Far more sessions than any configuration allows.
const ITEMS_MAX: usize = 1 << 20;

impl Wire for Sessions {
    fn encode(&self, writer: &mut Writer) {
        writer.length(self.sessions.len());
        for (client, session) in &self.sessions {
            writer.client(*client);
            session.encode(writer);
        }
        writer.length(self.closed.len());
        for (key, incarnation) in &self.closed {
            writer.u32(*key);
            writer.incarnation(*incarnation);
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let mut sessions = Self::default();
        for _ in 0..reader.length("sessions", ITEMS_MAX)? {
            let (client, session) = (reader.client()?, Session::decode(reader)?);
            let account = sessions.accounts.entry(client.key).or_default();
            account.held += session.held.values().map(Held::cost).sum::<usize>();
            session
                .replies
                .iter()
                .for_each(|kept| account.add(client, kept));
            sessions.sessions.insert(client, session);
        }
        for _ in 0..reader.length("closed", ITEMS_MAX)? {
            sessions.closed.insert(reader.u32()?, reader.incarnation()?);
        }
        Ok(sessions)
    }
}
