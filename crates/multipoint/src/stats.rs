use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tracing::warn;

use crate::config::PerClass;
use crate::{Class, FrameError, Peer, Refusal};

/// Refusals written to the log in one second; the rest are only counted.
const LOG_LINES_PER_SECOND_MAX: u32 = 5;

/// What a network has done since it started.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// For each peer of the directory that has ever had a link.
    pub peers: BTreeMap<Peer, PeerStats>,
    /// Handshakes that did not become a link, dialed or accepted, by reason.
    pub refused: BTreeMap<Refusal, u64>,
    /// Times that the operating system refused us a connection that had arrived.
    pub accept_errors: u64,
}

/// What the links of one peer have done. Counters go on when a link is replaced.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PeerStats {
    /// Links that are up, being brought up or going down.
    pub links: usize,
    /// Links that there ever were.
    pub connects: u64,
    /// Bytes received, frame headers included and TLS excluded.
    pub bytes_in: u64,
    /// Bytes sent, frame headers included and TLS excluded.
    pub bytes_out: u64,
    /// Messages received.
    pub messages_in: PerClass<u64>,
    /// Messages taken for sending.
    pub messages_out: PerClass<u64>,
    /// Messages refused because the queue was full.
    pub refused: PerClass<u64>,
    /// Messages taken for sending that were still queued when their link went down.
    pub lost: PerClass<u64>,
    /// Links closed because the peer did not keep to the format.
    pub violations: u64,
    /// Bytes waiting to be sent, with a fixed cost for each message.
    pub queued: PerClass<usize>,
    /// Smoothed round trip through both ends' tasks, of the latest link that has measured one.
    pub round_trip: Option<Duration>,
}

#[derive(Debug, Default)]
pub(crate) struct PeerCounters {
    pub(crate) connects: AtomicU64,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    pub(crate) messages_in: PerClass<AtomicU64>,
    pub(crate) messages_out: PerClass<AtomicU64>,
    pub(crate) refused: PerClass<AtomicU64>,
    pub(crate) lost: PerClass<AtomicU64>,
    pub(crate) violations: AtomicU64,
    round_trip_nanos: AtomicU64,
}

pub(crate) fn add(counter: &AtomicU64, by: usize) {
    counter.fetch_add(by as u64, Relaxed);
}

impl PeerCounters {
    /// Moves the smoothed round trip an eighth of the way to `sample`, as TCP does.
    pub(crate) fn round_trip(&self, sample: Duration) {
        let sample = u64::try_from(sample.as_nanos())
            .unwrap_or(u64::MAX / 8)
            .max(1);
        let smooth = match self.round_trip_nanos.load(Relaxed) {
            0 => sample,
            old => old - old / 8 + sample / 8,
        };
        self.round_trip_nanos.store(smooth, Relaxed);
    }

    pub(crate) fn lose(&self, messages: &PerClass<usize>) {
        for class in Class::ALL {
            add(self.lost.of(class), *messages.of(class));
        }
    }

    pub(crate) fn snapshot(&self) -> PeerStats {
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        let round_trip = read(&self.round_trip_nanos);
        PeerStats {
            links: 0,
            connects: read(&self.connects),
            bytes_in: read(&self.bytes_in),
            bytes_out: read(&self.bytes_out),
            messages_in: self.messages_in.map(read),
            messages_out: self.messages_out.map(read),
            refused: self.refused.map(read),
            lost: self.lost.map(read),
            violations: read(&self.violations),
            queued: PerClass::default(),
            round_trip: (round_trip > 0).then(|| Duration::from_nanos(round_trip)),
        }
    }
}

/// Counts handshakes that failed, and writes some of them to the log. A stranger chooses how many
/// there are, but neither the text nor the number of lines.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<RefusalsInner>);

#[derive(Debug, Default)]
struct RefusalsInner {
    counts: BTreeMap<Refusal, u64>,
    accept_errors: u64,
    second: Option<Instant>,
    lines: u32,
}

impl Refusals {
    pub(crate) fn refuse(&self, reason: Refusal, whom: &dyn std::fmt::Display) {
        let mut inner = self.lock();
        *inner.counts.entry(reason).or_default() += 1;
        if inner.may_log() {
            warn!(%reason, peer = %whom, "handshake refused");
        }
    }

    pub(crate) fn accept_error(&self, error: &std::io::Error) {
        let mut inner = self.lock();
        inner.accept_errors += 1;
        if inner.may_log() {
            warn!(%error, "cannot accept a connection");
        }
    }

    pub(crate) fn violation(&self, peer: &Peer, error: &FrameError) {
        if self.lock().may_log() {
            warn!(%peer, %error, "link closed: the peer violates the format");
        }
    }

    pub(crate) fn counts(&self) -> (BTreeMap<Refusal, u64>, u64) {
        let inner = self.lock();
        (inner.counts.clone(), inner.accept_errors)
    }

    fn lock(&self) -> MutexGuard<'_, RefusalsInner> {
        self.0.lock().expect("no holder of this lock panics")
    }
}

impl RefusalsInner {
    fn may_log(&mut self) -> bool {
        let now = Instant::now();
        let fresh = self
            .second
            .is_none_or(|start| now.duration_since(start) >= Duration::from_secs(1));
        if fresh {
            self.second = Some(now);
            self.lines = 0;
        }
        self.lines = self.lines.saturating_add(1);
        self.lines <= LOG_LINES_PER_SECOND_MAX
    }
}
