use std::collections::BTreeMap;

use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_threshold::frost::{Keys, NonceCommitment, ShareError, SignatureShare, SigningPackage};
use maftia_types::{Digest, SITES_MAX, SiteId, SiteSet};

use super::{ANSWER_WINDOW_MS, MESSAGE_BYTES_MAX, Pool};
use crate::keys::record::Version;
use crate::keys::seats::Seats;
use crate::keys::sessions::{Conduct, Offence, put_in_order};

/// A message on its way to a signature of ordinary form (FROST), by as many attempts as it takes.
///
/// Rules, after ROAST ([ROAST]; corrections 27):
/// 1. An attempt names the threshold of sites; naming uses up one commitment of each.
/// 2. A further attempt is opened when the last one's window has passed, or at once when an attempt
///    has died. A site that owes an answer to an open attempt is not named again before it gives it.
/// 3. A wrong share convicts its sender and ends the attempt; the sender is never named again here.
/// 4. A site that begins a new life has lost its nonces. Its attempts end, and it may be named
///    again, behind all who have lost fewer.
///
/// Each open attempt waits for a site that no other one waits for, so that at most n − t + 1 are
/// open at once, and one of them names correct sites only, which answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::keys) struct Frost {
    pub(in crate::keys) message: Bytes,
    attempts: BTreeMap<u32, Attempt>,
    /// Who has sent a wrong share.
    convicted: SiteSet,
    /// How often a site has lost the nonces of an attempt.
    losses: BTreeMap<SiteId, u32>,
    /// The number of the next attempt.
    next: u32,
    /// From when on a further attempt may be opened beside those that are open.
    next_ms: u64,
}

/// The threshold of sites, each with the nonce it is to sign with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::keys) struct Attempt {
    /// The name of the signing package, to which every share refers.
    pub(in crate::keys) digest: Digest,
    due_ms: u64,
    members: BTreeMap<SiteId, Member>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Member {
    commitment: NonceCommitment,
    share: Option<SignatureShare>,
}

impl Frost {
    pub(in crate::keys) const fn new(message: Bytes) -> Self {
        Self {
            message,
            attempts: BTreeMap::new(),
            convicted: SiteSet::EMPTY,
            losses: BTreeMap::new(),
            next: 0,
            next_ms: 0,
        }
    }

    /// Opens an attempt if one is due and enough sites can be named (rules 1 and 2).
    pub(in crate::keys) fn name(
        &mut self,
        now_ms: u64,
        (version, keys): (&Version, &Keys),
        pool: &mut Pool,
        conduct: &Conduct,
    ) {
        let open_max = version.members.len().saturating_sub(keys.threshold()) + 1;
        let early = !self.attempts.is_empty() && now_ms < self.next_ms;
        if early || self.attempts.len() >= open_max {
            return;
        }
        let named = self.candidates(version, keys.threshold(), pool, conduct);
        if named.len() < keys.threshold() {
            return;
        }
        let commitments = named.into_iter();
        let commitments = commitments.filter_map(|site| Some((site, pool.name(site)?)));
        let mut attempt = Attempt {
            digest: Digest::default(),
            due_ms: now_ms.saturating_add(ANSWER_WINDOW_MS),
            members: commitments.map(Member::unanswered).collect(),
        };
        // Not refused: the message is short, and candidates have shares and commit in this epoch.
        let Some(package) = attempt.package((version, keys), &self.message) else {
            return;
        };
        attempt.digest = package.digest();
        self.next_ms = attempt.due_ms;
        self.attempts.insert(self.next, attempt);
        self.next = self.next.saturating_add(1);
    }

    /// The first in delivery order of those that can be named. Who was seen to misbehave, to be
    /// silent or to lose nonces comes after all others, but comes: a suspicion may be wrong.
    fn candidates(
        &self,
        version: &Version,
        count: usize,
        pool: &Pool,
        conduct: &Conduct,
    ) -> Vec<SiteId> {
        let awaited = self.awaited();
        let free = |site: &SiteId| !awaited.contains(*site) && !self.convicted.contains(*site);
        let members = version.members.iter().copied();
        let mut ranked: Vec<_> = members
            .filter(free)
            .filter_map(|site| {
                let losses = self.losses.get(&site).copied().unwrap_or(0);
                let arrival = pool.oldest(site)?;
                Some((conduct.standing(site), losses, arrival, site))
            })
            .collect();
        ranked.sort_unstable();
        ranked
            .into_iter()
            .map(|ranked| ranked.3)
            .take(count)
            .collect()
    }

    /// Takes a share in, and gives the signature if it was the last one of its attempt (rule 3).
    pub(in crate::keys) fn share(
        &mut self,
        (version, keys): (&Version, &Keys),
        site: SiteId,
        (number, share): (u32, SignatureShare),
        conduct: &mut Conduct,
    ) -> Result<Option<[u8; 64]>, Offence> {
        let Some(attempt) = self.attempts.get_mut(&number) else {
            return Ok(None);
        };
        if !attempt.awaits(site) || share.session() != attempt.digest {
            return Ok(None);
        }
        let Some(package) = attempt.package((version, keys), &self.message) else {
            return Ok(None);
        };
        let Some(index) = version.index_of(site) else {
            return Ok(None);
        };
        match keys.verify_share(&package, index, &share) {
            Ok(()) => {}
            Err(ShareError::BadShare) => {
                self.convicted.insert(site);
                self.end(number);
                return Err(Offence::SignatureShare);
            }
            Err(_) => return Ok(None),
        }
        conduct.answered(site);
        if let Some(member) = attempt.members.get_mut(&site) {
            member.share = Some(share);
        }
        let members = attempt.members.iter();
        let shares =
            members.filter_map(|(site, member)| Some((version.index_of(*site)?, member.share?)));
        let shares: BTreeMap<_, _> = shares.collect();
        if shares.len() < keys.threshold() {
            return Ok(None);
        }
        let signature = keys.aggregate(&package, &shares);
        // Good shares of all who are named make a signature, so that this is `Some`.
        self.end(number);
        Ok(signature.ok())
    }

    /// A site has begun a new life (rule 4).
    pub(in crate::keys) fn forget(&mut self, site: SiteId) {
        let waits = |attempt: &Attempt| attempt.awaits(site);
        let dead: Vec<_> = self
            .attempts
            .iter()
            .filter(|(_, own)| waits(own))
            .map(|(n, _)| *n)
            .collect();
        for number in dead {
            self.end(number);
            let losses = self.losses.entry(site).or_default();
            *losses = losses.saturating_add(1);
        }
    }

    /// The key has other shares now: what was named belongs to the former ones.
    pub(in crate::keys) fn restart(&mut self) {
        self.attempts.clear();
        self.next_ms = 0;
    }

    /// A new epoch has begun: the key has other shares, and sites have other numbers.
    pub(in crate::keys) fn reseat(&mut self, seats: &Seats) {
        self.restart();
        self.convicted = seats.set(self.convicted);
        self.losses = seats.map(std::mem::take(&mut self.losses));
    }

    fn end(&mut self, number: u32) {
        self.attempts.remove(&number);
        self.next_ms = 0;
    }

    /// Who owes an answer.
    pub(in crate::keys) fn awaited(&self) -> SiteSet {
        let attempts = self.attempts.values();
        attempts.flat_map(Attempt::awaited).collect()
    }

    /// Who owes an answer for longer than the window.
    pub(in crate::keys) fn overdue(&self, now_ms: u64) -> SiteSet {
        let attempts = self.attempts.values();
        let late = attempts.filter(|attempt| now_ms >= attempt.due_ms);
        late.flat_map(Attempt::awaited).collect()
    }

    /// The open attempts, by number.
    pub(in crate::keys) fn attempts(&self) -> impl ExactSizeIterator<Item = (u32, &Attempt)> {
        self.attempts
            .iter()
            .map(|(number, attempt)| (*number, attempt))
    }
}

impl Attempt {
    /// What the members sign. The same for all who build it.
    pub(in crate::keys) fn package(
        &self,
        (version, keys): (&Version, &Keys),
        message: &[u8],
    ) -> Option<SigningPackage> {
        let members = self.members.iter();
        let members =
            members.filter_map(|(site, own)| Some((version.index_of(*site)?, own.commitment)));
        SigningPackage::new(keys, message, members.collect()).ok()
    }

    /// What an unanswering member committed to.
    pub(in crate::keys) fn owed_by(&self, site: SiteId) -> Option<&NonceCommitment> {
        let member = self.members.get(&site)?;
        member.share.is_none().then_some(&member.commitment)
    }

    fn awaits(&self, site: SiteId) -> bool {
        self.owed_by(site).is_some()
    }

    fn awaited(&self) -> impl Iterator<Item = SiteId> {
        let members = self.members.iter();
        members
            .filter(|(_, member)| member.share.is_none())
            .map(|(site, _)| *site)
    }
}

impl Member {
    const fn unanswered((site, commitment): (SiteId, NonceCommitment)) -> (SiteId, Self) {
        let share = None;
        (site, Self { commitment, share })
    }
}

impl Wire for Frost {
    fn encode(&self, writer: &mut Writer) {
        writer.bytes(&self.message);
        writer.u64(self.convicted.bits());
        writer.length(self.losses.len());
        for (site, losses) in &self.losses {
            writer.site(*site);
            writer.u32(*losses);
        }
        writer.u32(self.next);
        writer.u64(self.next_ms);
        writer.length(self.attempts.len());
        for (number, attempt) in &self.attempts {
            writer.u32(*number);
            attempt.encode(writer);
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let message = reader.bytes("message", MESSAGE_BYTES_MAX)?;
        let convicted = SiteSet::from_bits(reader.u64()?);
        let mut losses = BTreeMap::new();
        for _ in 0..reader.length("losses", SITES_MAX)? {
            let site = reader.site()?;
            put_in_order(&mut losses, site, reader.u32()?, "losses")?;
        }
        let (next, next_ms) = (reader.u32()?, reader.u64()?);
        let mut attempts = BTreeMap::new();
        for _ in 0..reader.length("attempts", SITES_MAX)? {
            let number = reader.u32()?;
            put_in_order(&mut attempts, number, Attempt::decode(reader)?, "attempts")?;
        }
        Ok(Self {
            message,
            attempts,
            convicted,
            losses,
            next,
            next_ms,
        })
    }
}

impl Wire for Attempt {
    fn encode(&self, writer: &mut Writer) {
        writer.digest(&self.digest);
        writer.u64(self.due_ms);
        writer.length(self.members.len());
        for (site, member) in &self.members {
            writer.site(*site);
            member.commitment.encode(writer);
            writer.option(member.share.as_ref());
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let (digest, due_ms) = (reader.digest()?, reader.u64()?);
        let mut members = BTreeMap::new();
        for _ in 0..reader.length("members", SITES_MAX)? {
            let site = reader.site()?;
            let member = Member {
                commitment: NonceCommitment::decode(reader)?,
                share: reader.option()?,
            };
            put_in_order(&mut members, site, member, "members")?;
        }
        Ok(Self {
            digest,
            due_ms,
            members,
        })
    }
}
