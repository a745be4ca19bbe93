//! Public randomness, a round every few seconds: nobody knows a round before its time, nobody can
//! choose it, and anybody can check it.
//!
//! # Guarantees
//! - **drand's form.** Round r is the BLS signature in G1 of SHA-256(r), r as 8 bytes big-endian,
//!   under the tag of drand's quicknet (`bls-unchained-g1-rfc9380`), so that drand's verifiers and
//!   time-lock encryption work unchanged. The randomness is SHA-256 of the signature.
//! - **Unpredictable**: a correct site contributes its share of a round when the round is due by
//!   commit time, so that fewer than the threshold of sites cannot make it earlier.
//! - **Unbiased**: a round has one signature, whoever contributes.
//! - **Live**: every round that is due is made, in commit time, while a threshold of sites answer.
//!
//! # Rules
//! 1. Round 1 is due when the key has become usable, round r + 1 one period after round r.
//! 2. Up to [`IN_FLIGHT_MAX`] rounds are worked on at once: after an outage, the missed ones follow
//!    quickly. Rounds that would be forgotten at once ([`ROUNDS_MAX`]) are passed over.
//! 3. The shares of a round are combined when there are enough; wrong ones convict their senders.
//!
//! # Deviation from drand
//! Commit time instead of every site's clock; it never decreases and is within the range of correct
//! sites' clocks. A key of scheme [`Beacon`](super::Scheme::Beacon) serves nothing else, because
//! quicknet's tag names no purpose (corrections 26).

use std::collections::BTreeMap;

use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_threshold::bls::{Signature, Tag, quicknet_message};
use maftia_types::SiteId;

use super::record::Version;
use super::seats::Seats;
use super::sessions::put_in_order;
use super::signing::Shares;

/// Rounds kept: at 3 s, fifty minutes.
pub const ROUNDS_MAX: usize = 1024;

/// Rounds worked on at once.
pub const IN_FLIGHT_MAX: u64 = 8;

/// A round of a beacon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Round {
    /// From 1.
    pub number: u64,
    /// The signature; its SHA-256 is the randomness.
    pub signature: [u8; Signature::BYTES],
}

/// The rounds of one beacon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Beacon {
    genesis_ms: u64,
    period_ms: u32,
    /// The version of the key that shares under way belong to.
    version: u32,
    /// The latest rounds.
    made: BTreeMap<u64, [u8; Signature::BYTES]>,
    /// Every round before was made, or passed over.
    next: u64,
    /// Rounds that are due, with the shares so far.
    open: BTreeMap<u64, Shares>,
}

impl Beacon {
    /// A beacon whose first round is due now.
    pub(super) const fn new(now_ms: u64, period_ms: u32) -> Self {
        Self {
            genesis_ms: now_ms,
            period_ms,
            version: 0,
            made: BTreeMap::new(),
            next: 1,
            open: BTreeMap::new(),
        }
    }

    /// Opens the rounds that are due (rules 1 and 2).
    pub(super) fn tick(&mut self, now_ms: u64, version: &Version) {
        if self.version != version.number {
            self.version = version.number;
            self.open.values_mut().for_each(Shares::restart);
        }
        let elapsed = now_ms.saturating_sub(self.genesis_ms);
        // A period of zero is not decoded; dividing by at least one needs no trust in that.
        let due = (elapsed / u64::from(self.period_ms.max(1))).saturating_add(1);
        let kept = ROUNDS_MAX as u64;
        let first = self.next.max(due.saturating_sub(kept - 1));
        if first > self.next {
            self.next = first;
            self.open.retain(|round, _| *round >= first);
            self.skip_made();
        }
        let last = due.min(self.next.saturating_add(IN_FLIGHT_MAX - 1));
        for round in self.next..=last {
            if !self.made.contains_key(&round) {
                self.open.entry(round).or_default();
            }
        }
    }

    /// A new epoch has begun. Rounds under way begin again with the new shares.
    pub(super) fn reseat(&mut self, seats: &Seats) {
        self.open.values_mut().for_each(|own| own.reseat(seats));
    }

    /// Takes a share in (rule 3) and names whom it has convicted.
    pub(super) fn share(
        &mut self,
        version: &Version,
        round: u64,
        share: (SiteId, &[u8]),
    ) -> Vec<SiteId> {
        let Some(shares) = self.open.get_mut(&round) else {
            return Vec::new();
        };
        if self.version != version.number {
            return Vec::new();
        }
        let message = quicknet_message(round);
        let (signature, culprits) = shares.add(version, (&Tag::quicknet(), &message), share);
        if let Some(signature) = signature {
            self.open.remove(&round);
            self.made.insert(round, signature.to_bytes());
            self.skip_made();
            while self.made.len() > ROUNDS_MAX {
                self.made.pop_first();
            }
        }
        culprits
    }

    fn skip_made(&mut self) {
        while self.made.contains_key(&self.next) {
            self.next += 1;
        }
    }

    /// The latest round that was made.
    pub(super) fn latest(&self) -> Option<Round> {
        let (number, signature) = self.made.last_key_value()?;
        Some(Round::new(*number, *signature))
    }

    /// That round, if it was made and is still kept.
    pub(super) fn round(&self, number: u64) -> Option<Round> {
        let signature = self.made.get(&number)?;
        Some(Round::new(number, *signature))
    }

    /// The rounds for which this site owes a share, under that version of the key.
    pub(super) fn owed_by(&self, site: SiteId, version: &Version) -> Vec<u64> {
        if self.version != version.number {
            return Vec::new();
        }
        let open = self.open.iter();
        let owed = open.filter(|(_, shares)| shares.awaits(version, site));
        owed.map(|(round, _)| *round).collect()
    }
}

impl Round {
    const fn new(number: u64, signature: [u8; Signature::BYTES]) -> Self {
        Self { number, signature }
    }
}

impl Wire for Round {
    fn encode(&self, writer: &mut Writer) {
        writer.u64(self.number);
        writer.raw(&self.signature);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self::new(reader.u64()?, reader.array()?))
    }
}

impl Wire for Beacon {
    fn encode(&self, writer: &mut Writer) {
        writer.u64(self.genesis_ms);
        writer.u32(self.period_ms);
        writer.u32(self.version);
        writer.u64(self.next);
        writer.length(self.made.len());
        for (number, signature) in &self.made {
            Round::new(*number, *signature).encode(writer);
        }
        writer.length(self.open.len());
        for (number, shares) in &self.open {
            writer.u64(*number);
            shares.encode(writer);
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let (genesis_ms, period_ms) = (reader.u64()?, reader.u32()?);
        let mut beacon = Self::new(genesis_ms, period_ms);
        beacon.version = reader.u32()?;
        beacon.next = reader.u64()?;
        for _ in 0..reader.length("rounds", ROUNDS_MAX)? {
            let Round { number, signature } = Round::decode(reader)?;
            put_in_order(&mut beacon.made, number, signature, "rounds")?;
        }
        for _ in 0..reader.length("open rounds", OPEN_ROUNDS_MAX)? {
            let number = reader.u64()?;
            put_in_order(
                &mut beacon.open,
                number,
                Shares::decode(reader)?,
                "open rounds",
            )?;
        }
        Ok(beacon)
    }
}

/// As a length: see [`IN_FLIGHT_MAX`].
const OPEN_ROUNDS_MAX: usize = 8;

#[cfg(test)]
mod tests;
