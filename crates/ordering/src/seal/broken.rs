use std::sync::Arc;

use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::PublicKey;
use maftia_types::{Digest, Epoch, Round};

use super::{DeviceId, Request, Seal};
use crate::block::Block;

/// Two seals of one device for different headers of one group, epoch and round: the device is
/// broken, whoever's site it is in. Convinces anybody who has the device's key (§3.5 d).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokenSeal {
    group: Digest,
    epoch: Epoch,
    round: Round,
    /// By the digest sealed.
    first: (Digest, Seal),
    second: (Digest, Seal),
}

/// Why two seals prove nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotBroken {
    /// One of them does not verify under the device's key.
    #[error("a seal is not by this device")]
    Unsealed,
}

impl BrokenSeal {
    /// The proof, if both blocks bear seals that conflict. Does not check signatures;
    /// [`Self::verify`] does.
    pub fn new(a: &Arc<Block>, b: &Arc<Block>) -> Option<Self> {
        let (x, y) = (a.bears()?, b.bears()?);
        let (one, other) = (a.request(), b.request());
        let same = (one.group, one.epoch, one.round, x.device)
            == (other.group, other.epoch, other.round, y.device);
        let (mut first, mut second) = ((one.digest, *x), (other.digest, *y));
        if first.0 > second.0 {
            std::mem::swap(&mut first, &mut second);
        }
        (same && first.0 != second.0).then_some(Self {
            group: one.group,
            epoch: one.epoch,
            round: one.round,
            first,
            second,
        })
    }

    /// Whose seals.
    pub const fn device(&self) -> DeviceId {
        self.first.1.device
    }

    /// For which round.
    pub const fn round(&self) -> Round {
        self.round
    }

    /// Convinces: the device with this key gave both seals.
    ///
    /// # Errors
    /// If it did not give both.
    pub fn verify(&self, key: &PublicKey) -> Result<DeviceId, NotBroken> {
        for (digest, seal) in [&self.first, &self.second] {
            let request = Request {
                group: self.group,
                epoch: self.epoch,
                round: self.round,
                digest: *digest,
            };
            seal.verify(&request, key)
                .map_err(|_| NotBroken::Unsealed)?;
        }
        Ok(self.device())
    }
}

impl Wire for BrokenSeal {
    fn encode(&self, writer: &mut Writer) {
        writer.digest(&self.group);
        writer.epoch(self.epoch);
        writer.round(self.round);
        for (digest, seal) in [&self.first, &self.second] {
            writer.digest(digest);
            seal.encode(writer);
        }
    }

    /// Refuses pairs that do not conflict, and the pair in the other order.
    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let (group, epoch, round) = (reader.digest()?, reader.epoch()?, reader.round()?);
        let first = (reader.digest()?, Seal::decode(reader)?);
        let second = (reader.digest()?, Seal::decode(reader)?);
        if first.0 >= second.0 || first.1.device != second.1.device {
            return Err(DecodeError::Invalid {
                field: "broken seal",
            });
        }
        Ok(Self {
            group,
            epoch,
            round,
            first,
            second,
        })
    }
}
