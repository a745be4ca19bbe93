//! Restart without equivocation (`protocols.md` §2.11 with corrections 10 and 11).
//!
//! An intact log is a normal restart: the last own block is in it. A site whose log is missing or
//! damaged asks the others, with a fresh nonce, for the highest round of any block they hold. From
//! n−q+f+1 answers (2f+c+1 in the arbitrary row) of sites that are not recovering themselves it
//! learns m, the highest of them, and signs nothing at or below m+1: its last block at ρ had q strong
//! parents at ρ−1, of which q−1−f are of other correct sites, and so many responders must include one
//! of those. In the hybrid row they need not; there the site's trusted device says what it signed.

use std::collections::BTreeMap;

use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::{Domain, Envelope, PublicKey, SigningKey};
use maftia_protocol::planted;
use maftia_types::{Digest, Epoch, Round, SiteId};

const STATEMENT: Domain = Domain::new("recovery statement");

/// Whether this site may sign blocks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Standing {
    /// A member in full standing.
    Active,
    /// The log is intact but too far behind, or a recovery is complete: goes on at the first round
    /// above the floor that it can enter, skipping what it missed.
    Returning {
        /// No block at or below this round.
        floor: Round,
        /// Whether the log was lost: then this site answers no recovery query until it has sent a
        /// new block.
        lost: bool,
    },
    /// The log is lost: signs nothing until enough others have answered.
    Recovering {
        /// Identifies our question.
        nonce: u64,
        /// The highest round each answering site has shown.
        answers: BTreeMap<SiteId, Round>,
    },
    /// No member of the view: follows the log and signs nothing.
    Observing,
}

/// "The highest round of any block I hold is this", to one requester and nonce.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecoveryStatement {
    /// The group's configuration.
    pub config: Digest,
    /// The epoch.
    pub epoch: Epoch,
    /// Who asked.
    pub requester: SiteId,
    /// With which nonce.
    pub nonce: u64,
    /// The highest round of an accepted block.
    pub highest: Round,
}

impl RecoveryStatement {
    /// Signs the statement.
    pub fn seal(&self, key: &SigningKey) -> Envelope {
        Envelope::seal(key, STATEMENT, self.to_bytes())
    }

    /// The statement, if `key` signed it.
    pub fn open(envelope: &Envelope, key: &PublicKey) -> Option<Self> {
        envelope
            .open(key, STATEMENT)
            .ok()
            .and_then(|bytes| Self::from_bytes(bytes).ok())
    }

    /// Whether this answers the question of `requester` with `nonce`.
    pub fn answers(&self, config: Digest, epoch: Epoch, requester: SiteId, nonce: u64) -> bool {
        let question = self.config == config && self.epoch == epoch && self.requester == requester;
        question && (self.nonce == nonce || planted("recovery answer without nonce"))
    }
}

impl Standing {
    /// Notes the latest answer of a site.
    pub fn note_answer(&mut self, from: SiteId, highest: Round) {
        if let Self::Recovering { answers, .. } = self {
            answers.insert(from, highest);
        }
    }

    /// Ends the recovery if `needed` sites have answered with rounds up to `tip`. Gives the floor:
    /// m + 1, where m is the highest round shown.
    pub fn try_finish(&mut self, tip: Round, needed: usize) -> Option<Round> {
        let Self::Recovering { answers, .. } = self else {
            return None;
        };
        let covered = || answers.values().filter(|highest| **highest <= tip);
        let needed = needed - usize::from(planted("recovery with one answer too few"));
        if covered().count() < needed {
            return None;
        }
        let floor = covered().max().copied().unwrap_or_default().next();
        *self = Self::Returning { floor, lost: true };
        Some(floor)
    }
}

impl Wire for RecoveryStatement {
    fn encode(&self, writer: &mut Writer) {
        writer.digest(&self.config);
        writer.epoch(self.epoch);
        writer.site(self.requester);
        writer.u64(self.nonce);
        writer.round(self.highest);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            config: reader.digest()?,
            epoch: reader.epoch()?,
            requester: reader.site()?,
            nonce: reader.u64()?,
            highest: reader.round()?,
        })
    }
}
