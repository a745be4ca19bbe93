use std::collections::BTreeMap;

use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_protocol::planted;
use maftia_types::{Digest, SITES_MAX, Sequence, SiteId, SiteSet};

use crate::batch::{BatchId, Bodies};
use crate::limits::Limits;

/// Batches of requests on their way to being authentic: part of the ordered state.
///
/// A batch is admitted once blocks of f+1 distinct authors vouch for its digest and one of
/// them carries the bodies (D4; correction 9): then at least one correct site has it from its client.
/// Bounded per author and client key; what is dropped is dropped as a function of the log
/// (correction 8).
#[derive(Debug, Default)]
pub(crate) struct Vouches {
    open: BTreeMap<BatchId, Open>,
    per_author: BTreeMap<(SiteId, u32), u32>,
    /// Of all keys.
    total: BTreeMap<SiteId, u32>,
    /// Bytes of bodies that an author gave for a client key and that wait for vouches.
    body_bytes: BTreeMap<(SiteId, u32), usize>,
}

#[derive(Debug)]
struct Open {
    /// The commit of the first vouch.
    since: u64,
    candidates: Vec<Candidate>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Candidate {
    digest: Digest,
    authors: SiteSet,
    /// The bodies, and whose block gave them.
    body: Option<(SiteId, Bodies)>,
}

/// One author's word for a batch.
pub(crate) struct Vouch<'a> {
    pub(crate) author: SiteId,
    pub(crate) id: BatchId,
    pub(crate) digest: Digest,
    pub(crate) body: Option<&'a Bodies>,
}

impl Vouches {
    /// A delivered block of commit `commit` vouches for a batch. Gives the bodies once `needed`
    /// authors have and one of them gave the bodies; the batch is then no longer open.
    pub(crate) fn add(
        &mut self,
        limits: &Limits,
        needed: usize,
        commit: u64,
        vouch: &Vouch<'_>,
    ) -> Option<Bodies> {
        let same = |candidate: &Candidate| candidate.digest == vouch.digest;
        let known = self
            .open
            .get(&vouch.id)
            .and_then(|o| o.candidates.iter().find(|c| same(c)));
        let again = known.is_some_and(|candidate| candidate.authors.contains(vouch.author));
        if !again {
            let count = self
                .per_author
                .entry((vouch.author, vouch.id.client.key))
                .or_default();
            let total = self.total.entry(vouch.author).or_default();
            if *count >= limits.vouches_per_author || *total >= VOUCHES_TOTAL_PER_AUTHOR {
                return None;
            }
            *count += 1;
            *total += 1;
        }
        let fresh = || Open {
            since: commit,
            candidates: Vec::new(),
        };
        let open = self.open.entry(vouch.id).or_insert_with(fresh);
        if !open.candidates.iter().any(same) {
            let (digest, authors) = (vouch.digest, SiteSet::EMPTY);
            open.candidates.push(Candidate {
                digest,
                authors,
                body: None,
            });
        }
        let candidate = open
            .candidates
            .iter_mut()
            .find(|candidate| same(candidate))?;
        candidate.authors.insert(vouch.author);
        if again && planted("vouch counted twice") {
            let twice = SiteId::all(SITES_MAX).find(|s| !candidate.authors.contains(*s))?;
            candidate.authors.insert(twice);
        }
        let authentic = candidate.authors.len() >= needed;
        let place = (vouch.author, vouch.id.client.key);
        let held = self.body_bytes.entry(place).or_default();
        if let (None, Some(body)) = (&candidate.body, vouch.body)
            && *held + body.len() <= limits.body_bytes_per_author
        {
            *held += body.len();
            // A slice that waits would keep its whole payload alive, which nothing counts.
            let kept = if authentic {
                body.clone()
            } else {
                body.copied()
            };
            candidate.body = Some((vouch.author, kept));
        }
        let (_, body) = candidate.body.clone().filter(|_| authentic)?;
        self.forget(&vouch.id);
        Some(body)
    }

    /// Forgets a batch.
    pub(crate) fn forget(&mut self, id: &BatchId) {
        let candidates = self
            .open
            .remove(id)
            .map(|open| open.candidates)
            .unwrap_or_default();
        for author in candidates
            .iter()
            .flat_map(|candidate| candidate.authors.iter())
        {
            if let Some(count) = self.per_author.get_mut(&(author, id.client.key)) {
                *count = count.saturating_sub(1);
            }
            if let Some(total) = self.total.get_mut(&author) {
                *total = total.saturating_sub(1);
            }
        }
        for (author, body) in candidates
            .iter()
            .filter_map(|candidate| candidate.body.as_ref())
        {
            if let Some(held) = self.body_bytes.get_mut(&(*author, id.client.key)) {
                *held = held.saturating_sub(body.len());
            }
        }
    }

    /// Forgets what was first vouched for V_ttl commits ago, and names it.
    pub(crate) fn expire(&mut self, limits: &Limits, commit: u64) -> Vec<BatchId> {
        let old = |open: &Open| open.since + limits.vouch_commits <= commit;
        let expired: Vec<BatchId> = self
            .open
            .iter()
            .filter(|(_, open)| old(open))
            .map(|(id, _)| *id)
            .collect();
        expired.iter().for_each(|id| self.forget(id));
        expired
    }

    /// How many batches are open.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }
}

/// Most open vouches of one author for all client keys: what a checkpoint holds stays readable
/// however many keys there are.
const VOUCHES_TOTAL_PER_AUTHOR: u32 = 1 << 16;

/// More batches than this are never open: each has an author's vouch.
const OPEN_MAX: usize = SITES_MAX << 16;

impl Wire for Vouches {
    fn encode(&self, writer: &mut Writer) {
        writer.length(self.open.len());
        for (id, open) in &self.open {
            id.encode(writer);
            writer.u64(open.since);
            writer.list(&open.candidates);
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let mut vouches = Self::default();
        for _ in 0..reader.length("open", OPEN_MAX)? {
            let (id, since) = (BatchId::decode(reader)?, reader.u64()?);
            let candidates: Vec<Candidate> = reader.list("candidates", SITES_MAX * SITES_MAX)?;
            for author in candidates
                .iter()
                .flat_map(|candidate| candidate.authors.iter())
            {
                *vouches
                    .per_author
                    .entry((author, id.client.key))
                    .or_default() += 1;
                *vouches.total.entry(author).or_default() += 1;
            }
            for (author, body) in candidates.iter().filter_map(|c| c.body.as_ref()) {
                let place = (*author, id.client.key);
                *vouches.body_bytes.entry(place).or_default() += body.len();
            }
            vouches.open.insert(id, Open { since, candidates });
        }
        Ok(vouches)
    }
}

impl Wire for Candidate {
    fn encode(&self, writer: &mut Writer) {
        writer.digest(&self.digest);
        writer.u64(self.authors.bits());
        writer.bool(self.body.is_some());
        if let Some((author, body)) = &self.body {
            writer.site(*author);
            body.encode(writer);
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            digest: reader.digest()?,
            authors: SiteSet::from_bits(reader.u64()?),
            body: match reader.bool()? {
                true => Some((reader.site()?, Bodies::decode(reader)?.copied())),
                false => None,
            },
        })
    }
}

/// The least sequence number; smaller ones do not name requests.
pub(crate) const FIRST: Sequence = Sequence(1);
