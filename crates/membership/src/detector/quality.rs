use maftia_types::{Duration, Time};

use super::level::Reason;

/// Fixed point of the mean latency: eight binary digits.
const POINT: u32 = 8;
/// A delivered block weighs a sixteenth.
const WEIGHT_SHIFT: u32 = 4;
/// A measure that is as large as it may be.
const LIMIT: u64 = 1_000_000;
/// The longest latency that counts, in rounds: blocks deeper than this are dropped by everybody.
const LATENCY_MAX: u64 = 4096;

/// When conduct is worse than that of a correct site on a bad link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Counts are halved after this long.
    pub window: Duration,
    /// Invalid messages before anything is made of them. Correct sites send none.
    pub invalid_min: u64,
    /// Suspected with more than one invalid message among this many.
    pub invalid_in: u64,
    /// Refused bytes before anything is made of them.
    pub refused_min: u64,
    /// Suspected with more than this part of the bytes refused, in percent.
    pub refused_percent: u64,
    /// Rounds that anybody's blocks may take on average from their making to their delivery.
    pub late_min: u64,
    /// Suspected with more than so many times the median of all watched sites.
    pub late_times: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(30),
            invalid_min: 8,
            invalid_in: 64,
            refused_min: 256 * 1024,
            refused_percent: 50,
            late_min: 16,
            late_times: 4,
        }
    }
}

/// How well one site behaves: an intrusion detector's input, never a proof.
#[derive(Clone, Debug, Default)]
pub(super) struct Quality {
    messages: u64,
    invalid: u64,
    bytes: u64,
    refused: u64,
    latency: u64,
    halved: Time,
    suspected: Option<(Reason, Time)>,
    degree: u64,
}

impl Quality {
    pub(super) fn new(now: Time) -> Self {
        Self {
            halved: now,
            ..Self::default()
        }
    }

    pub(super) const fn message(&mut self, invalid: bool) {
        self.messages = self.messages.saturating_add(1);
        if invalid {
            self.invalid = self.invalid.saturating_add(1);
        }
    }

    pub(super) const fn bytes(&mut self, taken: u64, refused: u64) {
        self.bytes = self.bytes.saturating_add(taken).saturating_add(refused);
        self.refused = self.refused.saturating_add(refused);
    }

    pub(super) fn delivered(&mut self, rounds: u64) {
        let sample = rounds.min(LATENCY_MAX) << POINT;
        let step = sample.abs_diff(self.latency) >> WEIGHT_SHIFT;
        self.latency = if sample >= self.latency {
            self.latency + step
        } else {
            self.latency - step
        };
    }

    /// Mean rounds from making to delivery.
    pub(super) const fn latency(&self) -> u64 {
        self.latency >> POINT
    }

    /// Judges anew; `median` is that of all watched sites' latencies.
    pub(super) fn tick(&mut self, limits: &Limits, now: Time, median: u64) {
        while now.since(self.halved) >= limits.window && limits.window > Duration::ZERO {
            self.halved += limits.window;
            let counts = [
                &mut self.messages,
                &mut self.invalid,
                &mut self.bytes,
                &mut self.refused,
            ];
            counts.into_iter().for_each(|count| *count /= 2);
            if self.messages == 0 && self.bytes == 0 {
                // Nothing is left to halve, however long ago the last event was.
                self.halved = now;
            }
        }
        let worst = self.worst(limits, median);
        self.degree = worst.map_or(0, |(_, degree)| degree);
        self.suspected = match (self.suspected, worst) {
            (Some((reason, since)), Some((now_for, _))) if reason == now_for => {
                Some((reason, since))
            }
            (_, Some((reason, _))) => Some((reason, now)),
            (_, None) => None,
        };
    }

    pub(super) fn suspected(&self) -> Option<(Reason, Time, u64)> {
        let (reason, since) = self.suspected?;
        Some((reason, since, self.degree / (LIMIT / 100)))
    }

    /// What is most beyond its limit, in parts of [`LIMIT`]. What is suspected already has to
    /// fall below half of it.
    fn worst(&self, limits: &Limits, median: u64) -> Option<(Reason, u64)> {
        let held = |reason| self.suspected.is_some_and(|(held, _)| held == reason);
        let invalid = self.invalid.saturating_mul(limits.invalid_in);
        let invalid = share(invalid, self.messages);
        let allowed = self.bytes.saturating_mul(limits.refused_percent) / 100;
        let refused = share(self.refused, allowed);
        let allowed = limits
            .late_min
            .max(median.saturating_mul(limits.late_times));
        let late = share(self.latency(), allowed);
        let measured = [
            (Reason::Abusive, refused, self.refused, limits.refused_min),
            (Reason::Invalid, invalid, self.invalid, limits.invalid_min),
            (Reason::Late, late, 1, 1),
        ];
        let beyond = measured
            .into_iter()
            .filter(|(reason, degree, count, least)| {
                let (bar, least) = if held(*reason) {
                    (LIMIT / 2, least / 2)
                } else {
                    (LIMIT, *least)
                };
                *degree > bar && *count >= least
            });
        let all = beyond.map(|(reason, degree, ..)| (reason, degree));
        all.max_by_key(|(_, degree)| *degree)
    }
}

/// A part of what is allowed, in parts of [`LIMIT`]; nothing is beyond nothing.
fn share(part: u64, allowed: u64) -> u64 {
    part.saturating_mul(LIMIT).checked_div(allowed).unwrap_or(0)
}
