//! Fetching a checkpoint that f+1 sites agree on, chunk by chunk, from all who offer it
//! (`protocols.md` §2.10).

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use maftia_types::{Digest, Duration, SiteId, Time};

use crate::checkpoint::{digest_of, part_digest};
use crate::message::Transfer;

/// How long to wait for an answer before asking again, or another site.
const PATIENCE: Duration = Duration::from_millis(250);
/// Chunks asked for at a time: two largest ones per site at n = 4.
const IN_FLIGHT_MAX: usize = 6;

/// Unanswered queries after which a fetch ends; the engine asks for another if it is still behind.
const QUERIES_MAX: u32 = 8;

/// A fetch in progress.
#[derive(Debug)]
pub(crate) struct Fetch {
    offers: BTreeMap<SiteId, (u64, Digest)>,
    target: Option<Target>,
    at: Time,
    queries: u32,
}

#[derive(Debug)]
struct Target {
    index: u64,
    digest: Digest,
    sources: Vec<SiteId>,
    turn: usize,
    parts: usize,
    manifest: Vec<Digest>,
    chunks: Vec<Option<Bytes>>,
    have: usize,
    todo: VecDeque<usize>,
    asked: BTreeMap<usize, Time>,
}

/// A fetched checkpoint, every chunk checked.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) parts: Vec<Bytes>,
    pub(crate) app: Vec<Bytes>,
}

/// What to send to whom.
pub(crate) type Requests = Vec<(Option<SiteId>, Transfer)>;

impl Fetch {
    /// Starts by asking everybody.
    pub(crate) const fn start(now: Time) -> Self {
        Self {
            offers: BTreeMap::new(),
            target: None,
            at: now,
            queries: 0,
        }
    }

    /// Whether nobody has offered anything newer for long: the site caught up by itself.
    pub(crate) const fn is_fruitless(&self) -> bool {
        self.target.is_none() && self.queries > QUERIES_MAX
    }

    pub(crate) const fn next_timeout(&self) -> Time {
        self.at
    }

    /// The time has come: ask, or ask again.
    pub(crate) fn on_timeout(&mut self, now: Time) -> Requests {
        if self.at > now {
            return Vec::new();
        }
        self.at = now + PATIENCE;
        match &mut self.target {
            None => {
                self.queries += 1;
                vec![(None, Transfer::Query)]
            }
            Some(target) => {
                let late = |asked: &Time| *asked + PATIENCE <= now;
                let overdue = target.asked.extract_if(.., |_, asked| late(asked));
                target.todo.extend(overdue.map(|(chunk, _)| chunk));
                target.requests(now)
            }
        }
    }

    /// A site offers its newest stable checkpoint. Of those that `needed` sites agree on the
    /// highest above `above` is fetched.
    pub(crate) fn on_offer(
        &mut self,
        now: Time,
        from: SiteId,
        (index, digest): (u64, Digest),
        above: u64,
        needed: usize,
    ) -> Requests {
        self.offers.insert(from, (index, digest));
        let current = self.target.as_ref().map_or(above, |target| target.index);
        let same = |o: &(u64, Digest)| self.offers.values().filter(|other| *other == o).count();
        let best = self
            .offers
            .values()
            .filter(|o| o.0 > current && same(o) >= needed)
            .max();
        let Some((index, digest)) = best.copied() else {
            return Vec::new();
        };
        let gone = self
            .target
            .as_ref()
            .is_some_and(|target| !target.is_still_offered(&self.offers));
        if self.target.is_some() && !gone {
            return Vec::new();
        }
        let agree = self
            .offers
            .iter()
            .filter(|(_, offer)| **offer == (index, digest));
        let mut target = Target {
            index,
            digest,
            sources: agree.map(|(site, _)| *site).collect(),
            turn: 0,
            parts: 0,
            manifest: Vec::new(),
            chunks: Vec::new(),
            have: 0,
            todo: VecDeque::new(),
            asked: BTreeMap::new(),
        };
        let requests = target.requests(now);
        self.target = Some(target);
        self.at = now + PATIENCE;
        requests
    }

    /// The digests of the chunks. Ignored unless they are those of the agreed checkpoint; false if
    /// the sender lied.
    pub(crate) fn on_manifest(
        &mut self,
        now: Time,
        index: u64,
        parts: usize,
        manifest: Vec<Digest>,
    ) -> Result<Requests, Lie> {
        let Some(target) = self.target.as_mut().filter(|t| t.index == index) else {
            return Ok(Vec::new());
        };
        if !target.manifest.is_empty() {
            return Ok(Vec::new());
        }
        if digest_of(index, parts, &manifest) != target.digest || parts < 2 {
            return Err(Lie);
        }
        target.parts = parts;
        target.chunks = vec![None; manifest.len()];
        target.todo = (0..manifest.len()).collect();
        target.manifest = manifest;
        Ok(target.requests(now))
    }

    /// A chunk.
    pub(crate) fn on_chunk(
        &mut self,
        now: Time,
        (index, chunk): (u64, usize),
        bytes: Bytes,
        app_digest: impl Fn(&Bytes) -> Option<Digest>,
    ) -> Result<Requests, Lie> {
        let Some(target) = self.target.as_mut().filter(|t| t.index == index) else {
            return Ok(Vec::new());
        };
        let Some(expected) = target.manifest.get(chunk).copied() else {
            return Ok(Vec::new());
        };
        let own = chunk < target.parts;
        let digest = if own {
            Some(part_digest(&bytes))
        } else {
            app_digest(&bytes)
        };
        target.asked.remove(&chunk);
        if digest != Some(expected) && !maftia_protocol::planted("chunk not checked") {
            target.todo.push_back(chunk);
            return Err(Lie);
        }
        if let Some(slot @ None) = target.chunks.get_mut(chunk) {
            *slot = Some(bytes);
            target.have += 1;
        }
        Ok(target.requests(now))
    }

    /// The checkpoint, once all of it is here.
    pub(crate) fn finish(&mut self) -> Option<Fetched> {
        let target = self.target.as_ref()?;
        if target.chunks.is_empty() || target.have < target.chunks.len() {
            return None;
        }
        let target = self.target.take()?;
        let mut chunks = target.chunks.into_iter().flatten();
        let parts = chunks.by_ref().take(target.parts).collect();
        Some(Fetched {
            parts,
            app: chunks.collect(),
        })
    }

    /// Chunks that are here, and chunks there are.
    pub(crate) fn progress(&self) -> (usize, usize) {
        self.target
            .as_ref()
            .map_or((0, 0), |target| (target.have, target.chunks.len()))
    }
}

/// The sender sent something that does not match what was agreed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Lie;

impl Target {
    fn is_still_offered(&self, offers: &BTreeMap<SiteId, (u64, Digest)>) -> bool {
        offers
            .values()
            .any(|offer| *offer == (self.index, self.digest))
    }

    fn next_source(&mut self) -> Option<SiteId> {
        self.turn = self.turn.wrapping_add(1);
        self.sources
            .get(self.turn % self.sources.len().max(1))
            .copied()
    }

    fn requests(&mut self, now: Time) -> Requests {
        let index = self.index;
        if self.manifest.is_empty() {
            let source = self.next_source();
            return vec![(source, Transfer::ManifestRequest { index })];
        }
        let mut requests = Vec::new();
        while self.asked.len() < IN_FLIGHT_MAX {
            let Some(chunk) = self.todo.pop_front() else {
                break;
            };
            if self.chunks.get(chunk).is_none_or(Option::is_some) {
                continue;
            }
            self.asked.insert(chunk, now);
            let number = u32::try_from(chunk).unwrap_or(u32::MAX);
            requests.push((
                self.next_source(),
                Transfer::ChunkRequest {
                    index,
                    chunk: number,
                },
            ));
        }
        requests
    }
}
