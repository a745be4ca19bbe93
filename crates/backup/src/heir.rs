use std::io::Read;

use bytes::Bytes;
use maftia_activity::keys::{Ordered, Setup};
use maftia_activity::suite::{is_keys_chunk, keys_chunks};
use maftia_config::GroupFile;
use maftia_replica::Inheritance;
use maftia_types::{Digest, Epoch};

use crate::{Backup, BackupError, Contents};

/// The state with which a restored group begins: the store as it was, all the rest as of a new
/// group that knows what was executed before. The same for each of its sites.
#[derive(Debug)]
pub struct Heir {
    former: Digest,
    inheritance: Inheritance,
    store_chunks: usize,
    parts: u32,
    keys: Vec<Bytes>,
}

/// The state with which the group of that file begins, if it takes over these contents.
#[must_use]
pub fn heir(contents: Contents, group: &GroupFile) -> Heir {
    let setup = Setup {
        group: *group.digest(),
        epoch: Epoch(0),
        resilience: group.resilience(),
        sites: group.site_keys(),
        clients: group.powers(),
        approvals: group.group().keys.approvals.get(),
    };
    Heir {
        former: contents.state,
        inheritance: contents.legacy.inherit(group.view().clone()),
        store_chunks: contents.store_chunks,
        parts: contents.parts,
        keys: keys_chunks(&Ordered::reborn(setup, &contents.keys)),
    }
}

impl Heir {
    /// The commit after which the group goes on.
    #[must_use]
    pub const fn commit(&self) -> u64 {
        self.inheritance.commit()
    }

    /// The chunks of the image with which each site begins, the store's taken from the backup,
    /// which has just been opened. Ends at the first error, which is then in `failed`; among others
    /// if it is another backup than the one whose contents these are.
    pub fn chunks<'a, R: Read>(
        &'a self,
        backup: &'a mut Backup<R>,
        failed: &'a mut Option<BackupError>,
    ) -> impl Iterator<Item = Bytes> + 'a {
        let own = self.inheritance.chunks(self.store_chunks + self.keys.len());
        let mut left = self.store_chunks;
        if backup.checked().digest != self.former {
            *failed = Some(BackupError::Changed);
            left = 0;
        }
        let mut parts = self.parts;
        let mut next = move || {
            while parts > 0 {
                parts -= 1;
                backup.next_chunk()?;
            }
            let chunk = backup.next_chunk()?.filter(|chunk| !is_keys_chunk(chunk));
            chunk.ok_or(BackupError::Changed)
        };
        let store = std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            match next() {
                Ok(chunk) => Some(chunk),
                Err(error) => {
                    *failed = Some(error);
                    None
                }
            }
        });
        own.chain(store.fuse()).chain(self.keys.iter().cloned())
    }
}
