use std::io::Read;

use bytes::Bytes;
use maftia_activity::keys::{Ordered, Setup};
use maftia_activity::suite::{is_keys_chunk, keys_chunks};
use maftia_config::GroupFile;
use maftia_replica::Inheritance;
use maftia_types::Epoch;

use crate::{Backup, BackupError, Contents};

/// The state with which a restored group begins: the store as it was, all the rest as of a new group
/// that knows what was executed before. The same for each of its sites.
#[derive(Debug)]
pub struct Heir {
    inheritance: Inheritance,
    store_chunks: usize,
    parts: u32,
    keys: Vec<Bytes>,
}

/// The state with which the group of that file begins, if it takes over these contents.
#[must_use]
pub fn heir(contents: Contents, parts: u32, group: &GroupFile) -> Heir {
    let setup = Setup {
        group: *group.digest(),
        epoch: Epoch(0),
        resilience: group.resilience(),
        sites: group.site_keys(),
        clients: group.powers(),
        approvals: group.group().keys.approvals.get(),
    };
    Heir {
        inheritance: contents.legacy.inherit(group.view().clone()),
        store_chunks: contents.store_chunks,
        parts,
        keys: keys_chunks(&Ordered::reborn(setup, &contents.keys)),
    }
}

impl Heir {
    /// The commit after which the group goes on.
    #[must_use]
    pub const fn commit(&self) -> u64 {
        self.inheritance.commit()
    }

    /// The chunks of the image with which each site begins, the store's taken from the backup, which
    /// has just been opened. Ends at the first error, which is then in `failed`.
    pub fn chunks<'a, R: Read>(
        &'a self,
        backup: &'a mut Backup<R>,
        failed: &'a mut Option<BackupError>,
    ) -> impl Iterator<Item = Bytes> + 'a {
        let own = self.inheritance.chunks(self.store_chunks + self.keys.len());
        let mut next = move || match backup.next_chunk() {
            Ok(chunk) => chunk,
            Err(error) => {
                *failed = Some(error);
                None
            }
        };
        let mut parts = self.parts;
        let store = std::iter::from_fn(move || {
            while parts > 0 {
                parts -= 1;
                next()?;
            }
            next().filter(|chunk| !is_keys_chunk(chunk))
        });
        let store = store.fuse().take(self.store_chunks);
        own.chain(store).chain(self.keys.iter().cloned())
    }
}
