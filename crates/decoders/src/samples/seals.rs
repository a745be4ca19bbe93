//! Blocks of the row `hybrid`, sealed by nobody in particular.

use std::sync::Arc;

use maftia_ordering::seal::{
    BootId, DeviceId, DeviceIdentity, Last, Refused, Request, Seal, Sealer,
};
use maftia_ordering::{Block, Record};
use maftia_types::{Digest, Epoch, Round};

use super::{digest, header, key, payload};

/// Seals whatever it is given.
#[derive(Debug)]
struct Stamp(Last);

impl Sealer for Stamp {
    fn identity(&self) -> DeviceIdentity {
        DeviceIdentity {
            device: DeviceId(digest(8)),
            boot: BootId(3),
            key: key().public(),
        }
    }

    fn last(&self, _: &Digest, _: Epoch) -> Last {
        self.0
    }

    fn seal(&self, request: &Request) -> Result<Seal, Refused> {
        Ok(Seal::sign(request, &self.identity(), self.0, &key()))
    }
}

pub(super) fn sealed_blocks() -> Vec<Arc<Block>> {
    let sealed = |last| Block::seal(header(9, 3), &key(), &Stamp(last));
    let lasts = [Last::Known(Round(8)), Last::UpTo(Round(7))];
    lasts
        .into_iter()
        .filter_map(|last| sealed(last).ok())
        .collect()
}

pub(super) fn drafts() -> Vec<Record> {
    let header = Box::new(header(9, 3));
    let payload = payload();
    let seals = sealed_blocks();
    let seals = seals.iter().filter_map(|block| block.bears().copied());
    let draft = Record::Draft { header, payload };
    std::iter::once(draft)
        .chain(seals.map(Record::Sealed))
        .collect()
}
