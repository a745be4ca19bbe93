use std::collections::VecDeque;

use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::{Domain, Hasher};
use maftia_types::{ClientId, Digest};

use crate::keys::record::KeyId;
use crate::keys::sessions::SessionId;

/// Entries kept. The chain's digest goes on covering those before.
pub const AUDIT_ENTRIES_MAX: usize = 1024;

/// Entries in one page of answers: about 8 KiB.
pub const AUDIT_PAGE_MAX: usize = 64;

const CHAIN: Domain = Domain::new("key audit");

/// What a client did with a key, by the group's agreement: who, when, what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditEntry {
    /// Counts from 0, without gaps.
    pub number: u64,
    /// When the group agreed to it, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Who asked.
    pub client: ClientId,
    /// Which key; none before there is one.
    pub key: Option<KeyId>,
    /// What it was.
    pub deed: Deed,
}

/// What the audit list tells of: what is permitted, not what is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Approved a proposal; if it was the last approval, the entry before says what was done.
    Approve(u64),
    /// Had a key generated.
    Create,
    /// Asked the group to open a ciphertext.
    Decrypt {
        /// Where the shares were handed out.
        session: SessionId,
        /// The ciphertext, label included
        /// ([`Checked::digest`](maftia_threshold::tdh2::Checked)).
        ciphertext: Digest,
        /// To whose ephemeral key.
        to: [u8; 32],
    },
    /// Changed who may use a key.
    Permit,
    /// Proposed a change.
    Propose(u64),
    /// Had the shares of a key exchanged for others.
    Refresh,
    /// Retired a key.
    Retire,
    /// Had this key generated, to replace another of its name.
    Rotate,
}

/// A part of the audit list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPage {
    /// Entries ever made.
    pub count: u64,
    /// Covers every entry ever made, in order.
    pub chain: Digest,
    /// At most [`AUDIT_PAGE_MAX`], oldest first.
    pub entries: Vec<AuditEntry>,
}

/// Every change of the keys and every decryption: nothing is changed or taken out, the oldest entries are
/// forgotten but for the chain's digest, which a reader who kept them can still verify.
#[derive(Default, Debug, Clone, PartialEq, Eq)]
pub(in crate::keys) struct Audit {
    count: u64,
    chain: Digest,
    latest: VecDeque<AuditEntry>,
}

impl Audit {
    /// Appends an entry; its number is given here.
    pub(in crate::keys) fn append(&mut self, entry: AuditEntry) {
        let number = self.count;
        let entry = AuditEntry { number, ..entry };
        self.chain = entry.chained(&self.chain);
        self.count += 1;
        if self.latest.len() == AUDIT_ENTRIES_MAX {
            self.latest.pop_front();
        }
        self.latest.push_back(entry);
    }

    /// The entries from that number on, as far as one page goes.
    pub(in crate::keys) fn page(&self, from: u64) -> AuditPage {
        let entries = self.latest.iter().filter(|entry| entry.number >= from);
        AuditPage {
            count: self.count,
            chain: self.chain,
            entries: entries.take(AUDIT_PAGE_MAX).copied().collect(),
        }
    }
}

impl AuditEntry {
    /// The chain's digest after this entry, from the one before it: all zeros before the first.
    #[must_use]
    pub fn chained(&self, before: &Digest) -> Digest {
        let mut hasher = Hasher::new(CHAIN);
        hasher.update(before.as_bytes());
        hasher.update(&self.to_bytes());
        hasher.finish()
    }
}

impl Wire for Deed {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Approve(proposal) => {
                writer.u8(1);
                writer.u64(*proposal);
            }
            Self::Create => writer.u8(2),
            Self::Decrypt {
                session,
                ciphertext,
                to,
            } => {
                writer.u8(3);
                session.encode(writer);
                writer.digest(ciphertext);
                writer.raw(to);
            }
            Self::Permit => writer.u8(4),
            Self::Propose(proposal) => {
                writer.u8(5);
                writer.u64(*proposal);
            }
            Self::Refresh => writer.u8(6),
            Self::Retire => writer.u8(7),
            Self::Rotate => writer.u8(8),
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            1 => Self::Approve(reader.u64()?),
            2 => Self::Create,
            3 => Self::Decrypt {
                session: SessionId::decode(reader)?,
                ciphertext: reader.digest()?,
                to: reader.array()?,
            },
            4 => Self::Permit,
            5 => Self::Propose(reader.u64()?),
            6 => Self::Refresh,
            7 => Self::Retire,
            8 => Self::Rotate,
            _ => return Err(DecodeError::Invalid { field: "deed" }),
        })
    }
}

impl Wire for AuditEntry {
    fn encode(&self, writer: &mut Writer) {
        writer.u64(self.number);
        writer.u64(self.at_ms);
        writer.client(self.client);
        writer.option(self.key.as_ref());
        self.deed.encode(writer);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            number: reader.u64()?,
            at_ms: reader.u64()?,
            client: reader.client()?,
            key: reader.option()?,
            deed: Deed::decode(reader)?,
        })
    }
}

impl Wire for AuditPage {
    fn encode(&self, writer: &mut Writer) {
        writer.u64(self.count);
        writer.digest(&self.chain);
        writer.list(&self.entries);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            count: reader.u64()?,
            chain: reader.digest()?,
            entries: reader.list("audit entries", AUDIT_PAGE_MAX)?,
        })
    }
}

impl Wire for Audit {
    fn encode(&self, writer: &mut Writer) {
        writer.u64(self.count);
        writer.digest(&self.chain);
        writer.length(self.latest.len());
        self.latest.iter().for_each(|entry| entry.encode(writer));
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            count: reader.u64()?,
            chain: reader.digest()?,
            latest: reader.list("audit entries", AUDIT_ENTRIES_MAX)?.into(),
        })
    }
}
