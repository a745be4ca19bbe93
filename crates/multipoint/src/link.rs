//! One link: a task that reads, writes and watches one TLS stream.

use std::fmt;
use std::future::pending;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};
use maftia_crypto::PublicKey;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::config::{INBOUND_MESSAGES_MAX, LinkLimits};
use crate::frame::{Decoder, Incoming};
use crate::queue::{Drained, Outbound};
use crate::stats::{PeerCounters, add};
use crate::{Class, FrameError, Limits, Peer};

/// Room that an idle link keeps for reading; it doubles while reads fill it.
const READ_BYTES_MIN: usize = 4 * 1024;
/// The most room made for reading at once: four TLS records.
const READ_BYTES_MAX: usize = 64 * 1024;
/// A write buffer above this is given back when nothing is left to write.
const IDLE_BATCH_BYTES_MAX: usize = 16 * 1024;
/// What an undropped message costs beside its bytes.
const MESSAGE_OVERHEAD: usize = 128;

/// A link, unique in the life of a network and never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LinkId(pub(crate) u64);

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "link {}", self.0)
    }
}

/// What the peer said about this session when the link came up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Session {
    /// Which of the processes that share the peer's key.
    pub instance: u32,
    /// The peer's random number, fresh for each link.
    pub nonce: [u8; 16],
}

/// What a network tells its owner. For each link: `Up`, then messages, then `Down`.
#[derive(Debug)]
#[non_exhaustive]
pub enum NetworkEvent {
    /// Both ends have accepted each other.
    Up {
        /// Who is at the other end, in the directory of that moment.
        peer: Peer,
        /// The key that it has proved to hold. An event may have waited while the directory was
        /// replaced: by the key its owner sees whether the peer is still who it was.
        key: PublicKey,
        /// The link.
        link: LinkId,
        /// What the peer said.
        session: Session,
    },
    /// The link is gone. Messages queued on it may be lost; a dialer is dialing again.
    Down {
        /// Who was at the other end.
        peer: Peer,
        /// The link.
        link: LinkId,
        /// Why.
        reason: DownReason,
    },
    /// A message arrived.
    Message(Message),
}

/// A received message. It counts against its link until it is dropped, so drop it when its bytes
/// have been dealt with, and copy what is to be kept for long.
#[derive(Debug)]
pub struct Message {
    /// Who sent it.
    pub peer: Peer,
    /// On which link.
    pub link: LinkId,
    /// In which class.
    pub class: Class,
    /// What it says.
    pub bytes: Bytes,
    _credit: OwnedSemaphorePermit,
}

/// Why a link went down.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DownReason {
    /// The connection broke, or ended without a goodbye.
    #[error("the connection broke ({0})")]
    Broken(io::ErrorKind),
    /// The peer said goodbye.
    #[error("the peer closed the link")]
    Closed,
    /// The peer's key is no longer in the directory, or stands for somebody else.
    #[error("the peer was removed from the directory")]
    Removed,
    /// A newer link of the same peer and instance took its place.
    #[error("replaced by a newer link")]
    Replaced,
    /// Nothing arrived for [`Limits::silence_max`].
    #[error("the peer fell silent")]
    Silent,
    /// We are shutting down.
    #[error("shutting down")]
    Stopping,
    /// The peer did not keep to the format.
    #[error("the peer violates the format")]
    Violation(#[source] FrameError),
}

/// What the rest of the network shares with a link's task.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: LinkId,
    pub(crate) peer: Peer,
    pub(crate) key: PublicKey,
    pub(crate) session: Session,
    pub(crate) queue: Outbound,
    pub(crate) counters: Arc<PeerCounters>,
    credit: Arc<Semaphore>,
    credit_max: usize,
    closing: watch::Sender<bool>,
    end: watch::Sender<Option<DownReason>>,
    finished: watch::Sender<bool>,
}

impl Link {
    pub(crate) fn new(
        id: LinkId,
        (peer, key): (Peer, PublicKey),
        session: Session,
        counters: Arc<PeerCounters>,
        limits: &LinkLimits,
    ) -> Self {
        Self {
            id,
            peer,
            key,
            session,
            queue: Outbound::new(limits.queue_bytes),
            counters,
            credit: Arc::new(Semaphore::new(limits.inbound_bytes)),
            credit_max: limits.inbound_bytes,
            closing: watch::Sender::new(false),
            end: watch::Sender::new(None),
            finished: watch::Sender::new(false),
        }
    }

    /// Takes no more messages, lets those that wait leave for a while, then ends.
    pub(crate) fn close(&self) {
        self.queue.close();
        self.closing.send_replace(true);
    }

    /// Ends the link at once. The first reason stands.
    pub(crate) fn end(&self, reason: DownReason) {
        self.end.send_if_modified(|end| {
            let first = end.is_none();
            end.get_or_insert(reason);
            first
        });
    }

    /// Whether [`Link::end`] was called.
    pub(crate) fn is_ended(&self) -> bool {
        self.end.borrow().is_some()
    }

    /// Marks that the last event of this link has been given to the owner.
    pub(crate) fn finish(&self) {
        self.finished.send_replace(true);
    }

    /// Waits for [`Link::finish`].
    pub(crate) async fn finished(&self) {
        // The sender lives in `self`, so this cannot fail.
        let _ = self.finished.subscribe().wait_for(|done| *done).await;
    }

    /// Runs the link until it ends.
    pub(crate) async fn run<S>(
        &self,
        stream: S,
        limits: &Limits,
        events: &mpsc::Sender<NetworkEvent>,
    ) -> DownReason
    where
        S: AsyncRead + AsyncWrite,
    {
        let (reader, writer) = tokio::io::split(stream);
        let pulse = Pulse::default();
        let mut end = self.end.subscribe();
        tokio::select! {
            ended = end.wait_for(Option::is_some) => {
                ended.ok().and_then(|reason| *reason).unwrap_or(DownReason::Stopping)
            }
            reason = self.read(reader, &pulse, events) => reason,
            reason = self.write(writer) => reason,
            reason = self.watch(&pulse, limits) => reason,
            reason = self.linger(limits) => reason,
        }
    }

    async fn read(
        &self,
        mut reader: impl AsyncRead + Unpin,
        pulse: &Pulse,
        events: &mpsc::Sender<NetworkEvent>,
    ) -> DownReason {
        let mut decoder = Decoder::default();
        let mut chunk = READ_BYTES_MIN;
        loop {
            let buffer = decoder.buffer(chunk);
            let room = buffer.capacity() - buffer.len();
            let length = match reader.read_buf(buffer).await {
                Ok(0) => return DownReason::Broken(io::ErrorKind::UnexpectedEof),
                Ok(length) => length,
                Err(error) => return DownReason::Broken(error.kind()),
            };
            if length == room {
                chunk = READ_BYTES_MAX.min(chunk * 2);
            }
            add(&self.counters.bytes_in, length);
            pulse.fed.store(true, Relaxed);
            loop {
                match decoder.next() {
                    Ok(None) => break,
                    Ok(Some(Incoming::Message(class, bytes))) => {
                        if !self.deliver(class, bytes, pulse, events).await {
                            return DownReason::Stopping;
                        }
                    }
                    Ok(Some(Incoming::Ping(nonce))) => self.queue.pong(nonce),
                    Ok(Some(Incoming::Pong(nonce))) => {
                        if let Some(sent) = pulse.answered(nonce) {
                            self.counters.round_trip(sent.elapsed());
                        }
                    }
                    Ok(Some(Incoming::Goodbye)) => return DownReason::Closed,
                    Err(error) => return DownReason::Violation(error),
                }
            }
        }
    }

    /// Gives a message to the owner, waiting while the link has used up its share. False if the
    /// owner is gone.
    async fn deliver(
        &self,
        class: Class,
        bytes: Bytes,
        pulse: &Pulse,
        events: &mpsc::Sender<NetworkEvent>,
    ) -> bool {
        let least = self.credit_max.div_ceil(INBOUND_MESSAGES_MAX);
        let cost = (bytes.len() + MESSAGE_OVERHEAD).clamp(least, self.credit_max);
        let cost = u32::try_from(cost).unwrap_or(u32::MAX);
        add(self.counters.messages_in.of(class), 1);
        pulse.stalled.store(true, Relaxed);
        let Ok(credit) = self.credit.clone().acquire_many_owned(cost).await else {
            return false;
        };
        let message = Message {
            peer: self.peer,
            link: self.id,
            class,
            bytes,
            _credit: credit,
        };
        let sent = events.send(NetworkEvent::Message(message)).await;
        pulse.stalled.store(false, Relaxed);
        sent.is_ok()
    }

    async fn write(&self, mut writer: impl AsyncWrite + Unpin) -> DownReason {
        let mut batch = BytesMut::new();
        loop {
            batch.clear();
            match self.queue.drain(&mut batch) {
                Drained::Some => {
                    if let Err(error) = write_out(&mut writer, &batch).await {
                        return DownReason::Broken(error.kind());
                    }
                    add(&self.counters.bytes_out, batch.len());
                }
                Drained::Nothing => {
                    if batch.capacity() > IDLE_BATCH_BYTES_MAX {
                        batch = BytesMut::new();
                    }
                    self.queue.ready().await;
                }
                Drained::Finished => {
                    // The peer answers the goodbye by closing, which the reader sees; closing
                    // first could destroy what the peer has not read yet.
                    let _ = writer.shutdown().await;
                    pending::<()>().await;
                }
            }
        }
    }

    /// Bounds the time from [`Link::close`] to the end, whatever the peer does.
    async fn linger(&self, limits: &Limits) -> DownReason {
        // The sender lives in `self`, so this cannot fail.
        let _ = self.closing.subscribe().wait_for(|closing| *closing).await;
        sleep(limits.flush_timeout).await;
        DownReason::Stopping
    }

    /// Pings, and notices silence.
    async fn watch(&self, pulse: &Pulse, limits: &Limits) -> DownReason {
        let period = limits.ping_interval.min(limits.silence_max / 4);
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut nonce = 0;
        let mut ticked = Instant::now();
        let (mut fed, mut next_ping) = (ticked, ticked);
        loop {
            ticks.tick().await;
            let now = Instant::now();
            // Time in which we did not run or did not read proves nothing about the peer.
            let absent = now.duration_since(ticked) > period * 2;
            ticked = now;
            if pulse.fed.swap(false, Relaxed) || pulse.stalled.load(Relaxed) || absent {
                fed = now;
            } else if now.duration_since(fed) >= limits.silence_max {
                return DownReason::Silent;
            }
            if now >= next_ping {
                next_ping = now + limits.ping_interval;
                nonce = pulse.asked(nonce, now);
                self.queue.ping(nonce);
            }
        }
    }
}

async fn write_out(writer: &mut (impl AsyncWrite + Unpin), batch: &[u8]) -> io::Result<()> {
    writer.write_all(batch).await?;
    writer.flush().await
}

/// What the reader tells the watcher.
#[derive(Debug, Default)]
struct Pulse {
    /// Bytes have arrived since the last tick.
    fed: AtomicBool,
    /// The reader waits for the owner, not for the peer.
    stalled: AtomicBool,
    /// The ping that is not answered yet.
    asked: Mutex<Option<(u64, Instant)>>,
}

impl Pulse {
    /// Registers a ping and returns its nonce: the one still unanswered, or one after `last`.
    fn asked(&self, last: u64, now: Instant) -> u64 {
        let mut asked = self.asked.lock().expect("no holder of this lock panics");
        asked.get_or_insert((last + 1, now)).0
    }

    /// When the ping with this nonce was sent, once.
    fn answered(&self, nonce: u64) -> Option<Instant> {
        let mut asked = self.asked.lock().expect("no holder of this lock panics");
        asked
            .take_if(|(expected, _)| *expected == nonce)
            .map(|(_, sent)| sent)
    }
}
