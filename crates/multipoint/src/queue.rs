//! What waits to be sent on one link: bounded by bytes for each class, drained in batches.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use bytes::{Buf, Bytes, BytesMut};
use tokio::sync::Notify;

use crate::config::PerClass;
use crate::frame::{self, FRAME_BYTES_MAX, HEADER_BYTES};
use crate::{Class, SendError};

/// Control goes into one write up to this much: enough to make the system call cheap.
const BATCH_BYTES_MAX: usize = 256 * 1024;
/// Payload and bulk are added to a write only below this, so that a control message queued a
/// moment later waits for little more than one frame.
const BATCH_LOW_BYTES_MAX: usize = 64 * 1024;
/// The longest batch: each bound can be overshot by one frame.
pub(crate) const BATCH_CAPACITY: usize = BATCH_BYTES_MAX + FRAME_BYTES_MAX + 4 * HEADER_BYTES;
/// What a queued message costs beside its bytes, so that short messages are bounded too.
const MESSAGE_OVERHEAD: usize = 64;
/// Payload frames between two frames of bulk, when both wait.
const PAYLOAD_FRAMES_PER_BULK: u8 = 4;

/// What a drain found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Drained {
    /// The batch has bytes.
    Some,
    /// Nothing waits.
    Nothing,
    /// Nothing waits and nothing will: the goodbye has been drained.
    Finished,
}

#[derive(Debug)]
pub(crate) struct Outbound {
    inner: Mutex<Inner>,
    wake: Notify,
    limits: PerClass<usize>,
}

#[derive(Debug, Default)]
struct Inner {
    lanes: PerClass<Lane>,
    ping: Option<u64>,
    pong: Option<u64>,
    payload_streak: u8,
    closing: Closing,
}

#[derive(Debug, Default)]
struct Lane {
    messages: VecDeque<Bytes>,
    cost: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Closing {
    #[default]
    No,
    Asked,
    Said,
}

impl Outbound {
    pub(crate) fn new(limits: PerClass<usize>) -> Self {
        Self {
            inner: Mutex::default(),
            wake: Notify::new(),
            limits,
        }
    }

    /// Queues a message at the end of its class.
    pub(crate) fn push(&self, class: Class, message: Bytes) -> Result<(), SendError> {
        let max = class.bytes_max();
        if message.is_empty() || message.len() > max {
            let length = message.len();
            return Err(SendError::Length { class, length });
        }
        let mut inner = self.lock();
        if inner.closing != Closing::No {
            return Err(SendError::NotConnected);
        }
        let was_empty = inner.is_empty();
        let lane = inner.lanes.of_mut(class);
        let cost = message.len() + MESSAGE_OVERHEAD;
        if !lane.messages.is_empty() && lane.cost + cost > *self.limits.of(class) {
            return Err(SendError::QueueFull);
        }
        lane.cost += cost;
        lane.messages.push_back(message);
        drop(inner);
        if was_empty {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Asks the peer for an answer.
    pub(crate) fn ping(&self, nonce: u64) {
        self.lock().ping = Some(nonce);
        self.wake.notify_one();
    }

    /// Answers the peer. Only the latest answer waits, so a flood of pings costs nothing.
    pub(crate) fn pong(&self, nonce: u64) {
        self.lock().pong = Some(nonce);
        self.wake.notify_one();
    }

    /// Takes no more messages; what waits still leaves, then a goodbye.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        if inner.closing == Closing::No {
            inner.closing = Closing::Asked;
        }
        drop(inner);
        self.wake.notify_one();
    }

    /// Waits for something to drain.
    pub(crate) async fn ready(&self) {
        self.wake.notified().await;
    }

    /// Moves the next batch into `out`, control first.
    pub(crate) fn drain(&self, out: &mut BytesMut) -> Drained {
        let mut inner = self.lock();
        if let Some(nonce) = inner.ping.take() {
            frame::put_ping(out, nonce);
        }
        if let Some(nonce) = inner.pong.take() {
            frame::put_pong(out, nonce);
        }
        while let Some(class) = inner.next_class(out.len()) {
            inner.lanes.of_mut(class).put_part(class, out);
        }
        if inner.closing == Closing::Asked && inner.is_empty() {
            inner.closing = Closing::Said;
            frame::put_goodbye(out);
        }
        match (out.is_empty(), inner.closing) {
            (false, _) => Drained::Some,
            (true, Closing::Said) => Drained::Finished,
            (true, _) => Drained::Nothing,
        }
    }

    /// Bytes that wait, for each class.
    pub(crate) fn waiting(&self) -> PerClass<usize> {
        self.lock().lanes.map(|lane| lane.cost)
    }

    /// Messages that wait, for each class.
    pub(crate) fn messages(&self) -> PerClass<usize> {
        self.lock().lanes.map(|lane| lane.messages.len())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder of this lock panics")
    }
}

impl Inner {
    fn is_empty(&self) -> bool {
        Class::ALL
            .iter()
            .all(|class| self.lanes.of(*class).messages.is_empty())
    }

    /// Whose frame goes next into a batch that has `filled` bytes.
    fn next_class(&mut self, filled: usize) -> Option<Class> {
        let waits = |class| !self.lanes.of(class).messages.is_empty();
        if waits(Class::Control) {
            return (filled < BATCH_BYTES_MAX).then_some(Class::Control);
        }
        if filled >= BATCH_LOW_BYTES_MAX {
            return None;
        }
        match (waits(Class::Payload), waits(Class::Bulk)) {
            (false, false) => None,
            (true, bulk) if !bulk || self.payload_streak < PAYLOAD_FRAMES_PER_BULK => {
                self.payload_streak = self.payload_streak.saturating_add(1);
                Some(Class::Payload)
            }
            (_, _) => {
                self.payload_streak = 0;
                Some(Class::Bulk)
            }
        }
    }
}

impl Lane {
    /// Moves the next part of the first message into `out`.
    fn put_part(&mut self, class: Class, out: &mut BytesMut) {
        let Some(message) = self.messages.front_mut() else {
            return;
        };
        let more = message.len() > FRAME_BYTES_MAX;
        let length = message.len().min(FRAME_BYTES_MAX);
        frame::put_part(out, class, message.get(..length).unwrap_or_default(), more);
        self.cost = self.cost.saturating_sub(length);
        if more {
            message.advance(length);
        } else {
            self.messages.pop_front();
            self.cost = self.cost.saturating_sub(MESSAGE_OVERHEAD);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Decoder, Incoming};

    const ROOM: usize = 10_000;

    fn queue() -> Outbound {
        Outbound::new(PerClass {
            control: ROOM,
            payload: 8 << 20,
            bulk: 8 << 20,
        })
    }

    fn batch(queue: &Outbound) -> BytesMut {
        let mut out = BytesMut::new();
        queue.drain(&mut out);
        out
    }

    fn message(length: usize) -> Bytes {
        vec![9; length].into()
    }

    fn classes(wire: &[u8]) -> Vec<Class> {
        let mut decoder = Decoder::default();
        decoder.buffer(0).extend_from_slice(wire);
        std::iter::from_fn(|| decoder.next().unwrap())
            .map(|item| match item {
                Incoming::Message(class, _) => class,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn control_waits_for_at_most_one_frame_of_bulk() {
        let queue = queue();
        queue.push(Class::Bulk, message(2 << 20)).unwrap();
        let first = batch(&queue);
        queue.push(Class::Control, message(100)).unwrap();
        let second = batch(&queue);
        assert_eq!(first.len(), HEADER_BYTES + FRAME_BYTES_MAX);
        assert_eq!(classes(second.get(..104).unwrap()), [Class::Control]);
    }

    #[test]
    fn many_short_messages_leave_in_one_batch_and_in_order() {
        let queue = queue();
        for _ in 0..20 {
            queue.push(Class::Payload, message(1000)).unwrap();
            queue.push(Class::Control, message(10)).unwrap();
        }
        let expected = [vec![Class::Control; 20], vec![Class::Payload; 20]].concat();
        assert_eq!(classes(&batch(&queue)), expected);
        assert_eq!(queue.drain(&mut BytesMut::new()), Drained::Nothing);
        assert_eq!(queue.waiting(), PerClass::default());
    }

    #[test]
    fn bulk_is_not_starved_by_payload() {
        let queue = queue();
        for _ in 0..10 {
            queue.push(Class::Payload, message(1000)).unwrap();
            queue.push(Class::Bulk, message(1000)).unwrap();
        }
        let order = classes(&batch(&queue));
        assert_eq!(order.iter().position(|c| *c == Class::Bulk), Some(4));
    }

    #[test]
    fn a_queue_takes_what_fits_and_refuses_one_byte_more() {
        let queue = queue();
        let cost = 1000 + MESSAGE_OVERHEAD;
        queue.push(Class::Control, message(1000)).unwrap();
        let rest = ROOM - cost - MESSAGE_OVERHEAD;
        let over = queue.push(Class::Control, message(rest + 1));
        assert_eq!(over, Err(SendError::QueueFull));
        assert_eq!(queue.push(Class::Control, message(rest)), Ok(()));
        let next = queue.push(Class::Control, message(1));
        assert_eq!(next, Err(SendError::QueueFull));
        assert_eq!(queue.push(Class::Payload, message(1)), Ok(()));
    }

    #[test]
    fn refuses_an_empty_and_an_overlong_message() {
        let queue = queue();
        for (class, length) in [(Class::Bulk, 0), (Class::Control, 64 * 1024 + 1)] {
            let refused = queue.push(class, message(length));
            assert_eq!(refused, Err(SendError::Length { class, length }));
        }
        assert_eq!(queue.push(Class::Control, message(64 * 1024)), Ok(()));
    }

    #[test]
    fn a_closed_queue_says_goodbye_after_the_last_message() {
        let queue = queue();
        queue.push(Class::Payload, message(10)).unwrap();
        queue.close();
        let late = queue.push(Class::Payload, message(10));
        assert_eq!(late, Err(SendError::NotConnected));
        assert_eq!(batch(&queue).len(), 14 + HEADER_BYTES);
        assert_eq!(queue.drain(&mut BytesMut::new()), Drained::Finished);
    }

    #[test]
    fn a_flood_of_pings_is_answered_once() {
        let queue = queue();
        (0..1000).for_each(|nonce| queue.pong(nonce));
        assert_eq!(batch(&queue).len(), HEADER_BYTES + 8);
    }
}
