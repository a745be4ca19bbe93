//! Fetching a checkpoint that f+1 sites agree on, chunk by chunk, from all who offer it
//! (`protocols.md` §2.10).

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use maftia_activity::replication::Snapshot;
use maftia_types::{Digest, Duration, SiteId, SiteSet, Time};

use crate::checkpoint::part_digest;
use crate::head::Head;
use crate::message::Transfer;
use crate::tree::Tree;

/// How long to wait for an answer before asking again, or another site.
const PATIENCE: Duration = Duration::from_millis(250);
/// Chunks asked for at a time: two largest ones per site at n = 4.
const IN_FLIGHT_MAX: usize = 6;

/// Unanswered queries after which a fetch ends; the engine asks for another if it is still behind.
const QUERIES_MAX: u32 = 8;
/// Periods of patience without a new chunk after which another checkpoint is looked for.
const STALLS_MAX: u32 = 4;
/// Offers remembered per site: sites are asked at different times and serve two checkpoints each, so
/// that f+1 of them meet in one although their newest ones differ.
const OFFERS_MAX: usize = 4;

/// A fetch in progress.
#[derive(Debug)]
pub(crate) struct Fetch {
    offers: BTreeMap<SiteId, VecDeque<(u64, Digest)>>,
    target: Option<Target>,
    /// Chunks that are here already, from targets given up: most of a newer state is that of the
    /// older one.
    pool: BTreeMap<Digest, Bytes>,
    /// The same of this site's own state, made when they are wanted.
    own: Option<Own>,
    at: Time,
    queries: u32,
    stalls: u32,
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
    /// Who was asked last for a chunk, and when.
    asked: BTreeMap<usize, (SiteId, Time)>,
    /// Who was asked for a chunk and has not given it yet, late answers included.
    owed: BTreeMap<usize, SiteSet>,
}

/// This site's own state, with the place of each chunk.
struct Own {
    state: Arc<dyn Snapshot>,
    places: BTreeMap<Digest, usize>,
}

/// A fetched checkpoint, every chunk checked.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) index: u64,
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
            pool: BTreeMap::new(),
            own: None,
            at: now,
            queries: 0,
            stalls: 0,
        }
    }

    /// A state whose chunks need not be fetched.
    pub(crate) fn reuse(&mut self, state: Arc<dyn Snapshot>) {
        let digests = state.manifest().iter().enumerate();
        let places = digests.map(|(place, digest)| (*digest, place)).collect();
        self.own = Some(Own { state, places });
    }

    fn known(&self, digest: &Digest) -> Option<Bytes> {
        let own = || {
            let own = self.own.as_ref()?;
            own.state.chunk(*own.places.get(digest)?)
        };
        self.pool.get(digest).cloned().or_else(own)
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
        self.stalls += 1;
        if self.stalls > STALLS_MAX {
            self.give_up_target();
        }
        match &mut self.target {
            None => {
                self.queries += 1;
                vec![(None, Transfer::Query)]
            }
            Some(target) => {
                let late = |asked: Time| asked + PATIENCE <= now;
                let overdue = target.asked.extract_if(.., |_, (_, asked)| late(*asked));
                target.todo.extend(overdue.map(|(chunk, _)| chunk));
                target.requests(now)
            }
        }
    }

    /// Keeps the chunks for the next target.
    fn give_up_target(&mut self) {
        self.stalls = 0;
        if let Some(target) = self.target.take() {
            let chunks = target.manifest.into_iter().zip(target.chunks);
            self.pool
                .extend(chunks.filter_map(|(digest, chunk)| Some((digest, chunk?))));
        }
    }

    /// A site offers a stable checkpoint. Of those that `needed` sites agree on the highest above
    /// `above` is fetched.
    pub(crate) fn on_offer(
        &mut self,
        now: Time,
        from: SiteId,
        offer: (u64, Digest),
        above: u64,
        needed: usize,
    ) -> Requests {
        let offers = self.offers.entry(from).or_default();
        if !offers.contains(&offer) {
            offers.push_back(offer);
            if offers.len() > OFFERS_MAX {
                offers.pop_front();
            }
        }
        // A source of the target that offers has answered no request for it: it has it no more.
        if let Some(target) = &mut self.target {
            if offer != (target.index, target.digest) {
                target.sources.retain(|source| *source != from);
            }
            if !target.sources.is_empty() {
                return Vec::new();
            }
            self.give_up_target();
        }
        let Some((index, digest)) = self.best(above, needed) else {
            return Vec::new();
        };
        let agree = |offers: &VecDeque<_>| offers.contains(&(index, digest));
        let sources = self.offers.iter().filter(|(_, offers)| agree(offers));
        let mut target = Target {
            index,
            digest,
            sources: sources.map(|(site, _)| *site).collect(),
            turn: 0,
            parts: 0,
            manifest: Vec::new(),
            chunks: Vec::new(),
            have: 0,
            todo: VecDeque::new(),
            asked: BTreeMap::new(),
            owed: BTreeMap::new(),
        };
        let requests = target.requests(now);
        self.target = Some(target);
        self.stalls = 0;
        self.at = now + PATIENCE;
        requests
    }

    fn best(&self, above: u64, needed: usize) -> Option<(u64, Digest)> {
        let same = |o| self.offers.values().filter(|of| of.contains(o)).count();
        self.offers
            .values()
            .flatten()
            .filter(|offer| offer.0 > above && same(offer) >= needed)
            .max()
            .copied()
    }

    /// The digests of the chunks. Ignored unless they are those of the agreed checkpoint; false if
    /// the sender lied.
    pub(crate) fn on_manifest(
        &mut self,
        now: Time,
        head: &Head,
        manifest: Vec<Digest>,
    ) -> Result<Requests, Lie> {
        let Some(target) = self.target.as_ref().filter(|t| t.index == head.commit) else {
            return Ok(Vec::new());
        };
        if !target.manifest.is_empty() {
            return Ok(Vec::new());
        }
        let tree = head
            .open(target.digest, manifest)
            .filter(|_| head.parts >= 2);
        let manifest = tree.map(Tree::into_leaves).ok_or(Lie)?;
        let known = manifest.iter().map(|digest| self.known(digest)).collect();
        self.stalls = 0;
        let Some(target) = self.target.as_mut() else {
            return Ok(Vec::new());
        };
        target.parts = usize::try_from(head.parts).unwrap_or(usize::MAX);
        target.chunks = known;
        target.have = target.chunks.iter().flatten().count();
        let missing = |(_, chunk): &(usize, &Option<Bytes>)| chunk.is_none();
        let chunks = target.chunks.iter().enumerate();
        target.todo = chunks.filter(missing).map(|(place, _)| place).collect();
        target.manifest = manifest;
        Ok(target.requests(now))
    }

    /// A chunk. Ignored unless its sender was asked for it: what others send cannot undo a request.
    pub(crate) fn on_chunk(
        &mut self,
        now: Time,
        from: SiteId,
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
        if !target.is_owed(from, chunk) {
            return Ok(Vec::new());
        }
        let own = chunk < target.parts;
        let digest = if own {
            Some(part_digest(&bytes))
        } else {
            app_digest(&bytes)
        };
        if digest != Some(expected) && !maftia_protocol::planted("chunk not checked") {
            if target.asked.get(&chunk).is_some_and(|(of, _)| *of == from) {
                target.asked.remove(&chunk);
                target.todo.push_back(chunk);
            }
            return Err(Lie);
        }
        target.asked.remove(&chunk);
        target.owed.remove(&chunk);
        if let Some(slot @ None) = target.chunks.get_mut(chunk) {
            *slot = Some(bytes);
            target.have += 1;
            self.stalls = 0;
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
        let index = target.index;
        let mut chunks = target.chunks.into_iter().flatten();
        let parts = chunks.by_ref().take(target.parts).collect();
        Some(Fetched {
            index,
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

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Own({} chunks)", self.places.len())
    }
}

/// The sender sent something that does not match what was agreed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Lie;

impl Target {
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
            let Some(source) = self.next_source() else {
                self.todo.push_front(chunk);
                break;
            };
            self.asked.insert(chunk, (source, now));
            self.owed.entry(chunk).or_default().insert(source);
            let number = u32::try_from(chunk).unwrap_or(u32::MAX);
            let request = Transfer::ChunkRequest {
                index,
                chunk: number,
            };
            requests.push((Some(source), request));
        }
        requests
    }

    /// Whether `from` was asked for a chunk and has not answered; it has now.
    fn is_owed(&mut self, from: SiteId, chunk: usize) -> bool {
        let Some(owing) = self.owed.get_mut(&chunk) else {
            return false;
        };
        let owed = owing.contains(from);
        owing.remove(from);
        owed
    }
}
