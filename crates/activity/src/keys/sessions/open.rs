use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_types::{SiteId, SiteSet};

use super::{Answer, Crowd, Refusal, SessionId};
use crate::keys::record::{KeyId, Version};
use crate::keys::sealing::{Handed, Opening};
use crate::keys::seats::Seats;
use crate::keys::signing::{Frost, MESSAGE_BYTES_MAX, Pool, Shares};

/// A session that has no result yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::keys) struct Open {
    pub(in crate::keys) key: KeyId,
    /// The client key that opened it.
    pub(super) client: u32,
    /// The version of the key that what was contributed belongs to.
    pub(in crate::keys) version: u32,
    pub(super) until_ms: u64,
    pub(in crate::keys) work: Work,
}

/// What is done in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::keys) enum Work {
    Bls(Bls),
    Frost(Frost),
    Opening(Opening),
}

/// A message on its way to a BLS signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::keys) struct Bls {
    pub(in crate::keys) message: Bytes,
    pub(in crate::keys) shares: Shares,
}

impl Open {
    /// Begins again if the key has other shares now.
    pub(super) fn follow(&mut self, version: &Version) {
        if self.version == version.number {
            return;
        }
        self.version = version.number;
        match &mut self.work {
            Work::Bls(bls) => bls.shares.restart(),
            Work::Frost(frost) => frost.restart(),
            Work::Opening(opening) => opening.restart(),
        }
    }

    /// A new epoch has begun. What was contributed in the former one is dropped.
    pub(super) fn reseat(&mut self, seats: &Seats) {
        match &mut self.work {
            Work::Bls(bls) => bls.shares.reseat(seats),
            Work::Frost(frost) => frost.reseat(seats),
            Work::Opening(opening) => opening.restart(),
        }
    }

    /// What the client is told before the session ends.
    pub(super) fn so_far(&self, id: SessionId, version: &Version, pool: &Pool) -> Answer {
        let members = version.members.iter().copied();
        let awaited: SiteSet = match &self.work {
            Work::Bls(bls) => members
                .filter(|site| bls.shares.awaits(version, *site))
                .collect(),
            Work::Frost(frost) if frost.attempts().len() == 0 => members
                .filter(|site| pool.oldest(*site).is_none())
                .collect(),
            Work::Frost(frost) => frost.awaited(),
            Work::Opening(opening) if opening.is_readable(version) => {
                return self.handed(id, version, opening);
            }
            Work::Opening(opening) => opening.awaited(version),
        };
        Answer::Pending { awaited }
    }

    /// What remains when the time is over, or when all have answered who will; none while there is
    /// something to wait for.
    pub(super) fn ended(
        &self,
        (now_ms, crowd): (u64, Crowd),
        id: SessionId,
        version: &Version,
    ) -> Option<Answer> {
        let late = now_ms >= self.until_ms;
        match &self.work {
            Work::Opening(opening) if opening.is_readable(version) => {
                let complete = late || opening.is_complete(now_ms, version, crowd);
                complete.then(|| self.handed(id, version, opening))
            }
            _ => late.then_some(Answer::Refused(Refusal::Expired)),
        }
    }

    /// Whether the site owes this session something other than an attempt's share.
    pub(in crate::keys) fn awaits(&self, version: &Version, site: SiteId) -> bool {
        self.version == version.number
            && match &self.work {
                Work::Bls(bls) => bls.shares.awaits(version, site),
                Work::Frost(_) => false,
                Work::Opening(opening) => opening.awaits(version, site),
            }
    }

    fn handed(&self, id: SessionId, version: &Version, opening: &Opening) -> Answer {
        Answer::Shares(Handed::new(
            (id, self.key),
            version,
            opening.shares().clone(),
        ))
    }
}

impl Wire for Open {
    fn encode(&self, writer: &mut Writer) {
        self.key.encode(writer);
        writer.u32(self.client);
        writer.u32(self.version);
        writer.u64(self.until_ms);
        match &self.work {
            Work::Bls(bls) => {
                writer.u8(1);
                writer.bytes(&bls.message);
                bls.shares.encode(writer);
            }
            Work::Frost(frost) => {
                writer.u8(2);
                frost.encode(writer);
            }
            Work::Opening(opening) => {
                writer.u8(3);
                opening.encode(writer);
            }
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            key: KeyId::decode(reader)?,
            client: reader.u32()?,
            version: reader.u32()?,
            until_ms: reader.u64()?,
            work: match reader.u8()? {
                1 => Work::Bls(Bls {
                    message: reader.bytes("message", MESSAGE_BYTES_MAX)?,
                    shares: Shares::decode(reader)?,
                }),
                2 => Work::Frost(Frost::decode(reader)?),
                3 => Work::Opening(Opening::decode(reader)?),
                _ => return Err(DecodeError::Invalid { field: "session" }),
            },
        })
    }
}
