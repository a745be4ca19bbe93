use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_protocol::planted;
use maftia_types::{ClientId, Incarnation, Sequence};

use crate::batch::RequestId;
use crate::client_link::Fate;
use crate::limits::{Limits, REQUEST_BYTES_MAX, RESULT_BYTES_MAX};
use crate::vouches::FIRST;

/// The clients' sessions: part of the ordered state. Each executes its requests in the order of
/// their numbers, each once, and keeps the latest replies for clients that ask again.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    sessions: BTreeMap<ClientId, Session>,
    /// Per key, incarnations up to this one are closed for good: a request of an expired session
    /// can never execute again.
    closed: BTreeMap<u32, Incarnation>,
}

#[derive(Debug)]
struct Session {
    incarnation: Incarnation,
    next: Sequence,
    active_ms: u64,
    held: BTreeMap<Sequence, Bytes>,
    held_bytes: usize,
    replies: VecDeque<(Sequence, u64, Bytes)>,
    reply_bytes: usize,
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
    /// What is known of a request.
    pub(crate) fn expected(&self, limits: &Limits, id: &RequestId) -> Expected {
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
                    Expected::Settled(session.reply(id.sequence))
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

    /// Takes in an authentic, expected request. A larger incarnation closes the smaller.
    pub(crate) fn admit(&mut self, limits: &Limits, id: RequestId, body: Bytes, now_ms: u64) {
        let known = self
            .sessions
            .get(&id.client)
            .map(|session| session.incarnation);
        if known.is_none() {
            self.make_room(limits, id.client.key);
        }
        if known.is_none_or(|incarnation| incarnation < id.incarnation) {
            self.sessions
                .insert(id.client, Session::open(id.incarnation, now_ms));
        }
        let Some(session) = self.sessions.get_mut(&id.client) else {
            return;
        };
        let fits = session.held_bytes + body.len() <= limits.hold_bytes;
        if (fits || id.sequence == session.next) && !session.held.contains_key(&id.sequence) {
            session.held_bytes += body.len();
            session.held.insert(id.sequence, body);
        }
    }

    /// The next request of a session that can be executed.
    pub(crate) fn next_ready(&mut self, client: ClientId) -> Option<(RequestId, Bytes)> {
        let session = self.sessions.get_mut(&client)?;
        let sequence = session.next;
        let body = session.held.remove(&sequence)?;
        session.held_bytes = session.held_bytes.saturating_sub(body.len());
        if !planted("request executed again") {
            session.next = sequence.next();
        }
        let id = RequestId {
            client,
            incarnation: session.incarnation,
            sequence,
        };
        Some((id, body))
    }

    /// Keeps the result of an executed request, dropping the oldest beyond the limits.
    pub(crate) fn executed(
        &mut self,
        limits: &Limits,
        id: &RequestId,
        position: u64,
        result: Bytes,
        now_ms: u64,
    ) {
        let Some(session) = self.sessions.get_mut(&id.client) else {
            return;
        };
        session.active_ms = now_ms;
        session.reply_bytes += result.len();
        session.replies.push_back((id.sequence, position, result));
        while session.replies.len() > limits.replies
            || (session.reply_bytes > limits.reply_bytes && session.replies.len() > 1)
        {
            let Some((_, _, oldest)) = session.replies.pop_front() else {
                break;
            };
            session.reply_bytes = session.reply_bytes.saturating_sub(oldest.len());
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

    fn make_room(&mut self, limits: &Limits, key: u32) {
        let mut of_key: Vec<(u64, ClientId)> = self
            .sessions
            .range(
                ClientId { key, session: 0 }..=ClientId {
                    key,
                    session: u32::MAX,
                },
            )
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
        if let Some(session) = self.sessions.remove(&client) {
            let closed = self.closed.entry(client.key).or_default();
            *closed = session.incarnation.max(*closed);
        }
    }
}

impl Session {
    const fn open(incarnation: Incarnation, now_ms: u64) -> Self {
        Self {
            incarnation,
            next: FIRST,
            active_ms: now_ms,
            held: BTreeMap::new(),
            held_bytes: 0,
            replies: VecDeque::new(),
            reply_bytes: 0,
        }
    }

    fn reply(&self, sequence: Sequence) -> Fate {
        let first = self
            .replies
            .front()
            .map_or(u64::MAX, |(first, _, _)| first.0);
        let offset = sequence
            .0
            .checked_sub(first)
            .and_then(|o| usize::try_from(o).ok());
        match offset.and_then(|offset| self.replies.get(offset)) {
            Some((_, position, result)) => Fate::Executed {
                position: *position,
                result: result.clone(),
            },
            None => Fate::Forgotten,
        }
    }
}

/// Far more sessions, held requests or replies than any configuration allows.
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
            sessions
                .sessions
                .insert(reader.client()?, Session::decode(reader)?);
        }
        for _ in 0..reader.length("closed", ITEMS_MAX)? {
            sessions.closed.insert(reader.u32()?, reader.incarnation()?);
        }
        Ok(sessions)
    }
}

impl Wire for Session {
    fn encode(&self, writer: &mut Writer) {
        writer.incarnation(self.incarnation);
        writer.sequence(self.next);
        writer.u64(self.active_ms);
        writer.length(self.held.len());
        for (sequence, body) in &self.held {
            writer.sequence(*sequence);
            writer.bytes(body);
        }
        writer.length(self.replies.len());
        for (sequence, position, result) in &self.replies {
            writer.sequence(*sequence);
            writer.u64(*position);
            writer.bytes(result);
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let mut session = Self::open(reader.incarnation()?, 0);
        session.next = reader.sequence()?;
        session.active_ms = reader.u64()?;
        for _ in 0..reader.length("held", ITEMS_MAX)? {
            let sequence = reader.sequence()?;
            let body = reader.bytes("body", REQUEST_BYTES_MAX)?;
            session.held_bytes += body.len();
            session.held.insert(sequence, body);
        }
        for _ in 0..reader.length("replies", ITEMS_MAX)? {
            let (sequence, position) = (reader.sequence()?, reader.u64()?);
            let result = reader.bytes("result", RESULT_BYTES_MAX)?;
            session.reply_bytes += result.len();
            session.replies.push_back((sequence, position, result));
        }
        Ok(session)
    }
}
