use std::io::Read;

use bytes::Bytes;
use maftia_activity::keys::certificates::KEY_NAME;
use maftia_activity::keys::{KeySummary, Ordered, State};
use maftia_activity::kv::{Summary, Survey};
use maftia_activity::suite::{is_keys_chunk, keys_of_chunks};
use maftia_replica::{Legacy, Realm};
use maftia_types::Digest;

use crate::{Backup, BackupError, Provenance};

/// Most bytes of the replica's own parts: what sixty client keys can pin. A group with more clients
/// can have more: of that no backup is made, since none could be checked.
pub const PARTS_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// Most bytes of the keyed services' state: far above what as many keys as
/// [`KEYS_MAX`](maftia_activity::keys::KEYS_MAX) and their sessions take.
const KEYS_BYTES_MAX: usize = 256 * 1024 * 1024;

/// What is in a backup.
#[derive(Debug)]
pub struct Contents {
    /// The digest of the checkpoint that it is a copy of.
    pub state: Digest,
    /// How many of the chunks, the first, are the replica's own parts.
    pub parts: u32,
    /// Commits, sessions, sites.
    pub legacy: Legacy,
    /// The store.
    pub store: Summary,
    /// How many of the chunks are the store's.
    pub store_chunks: usize,
    /// The keys, without anything secret.
    pub keys: Ordered,
    /// The length of the file.
    pub bytes: u64,
}

/// Reads all of a backup, checks it, and says what is in it. `progress` hears of every chunk, with
/// the bytes read so far.
///
/// # Errors
/// [`BackupError`]: it is not whole, not what was signed, or no state of this program.
pub fn examine<R: Read>(
    backup: &mut Backup<R>,
    mut progress: impl FnMut(u64),
) -> Result<Contents, BackupError> {
    let head = backup.checked().preamble.head;
    let parts = usize::try_from(head.parts).unwrap_or(usize::MAX);
    let (mut own, mut own_bytes) = (Vec::new(), 0);
    let (mut store, mut store_chunks) = (Survey::default(), 0);
    let (mut keys, mut keys_bytes) = (Vec::new(), 0);
    while let Some(chunk) = backup.next_chunk()? {
        progress(backup.bytes());
        if own.len() < parts {
            keep(&mut own, &mut own_bytes, chunk, PARTS_BYTES_MAX)?;
        } else if is_keys_chunk(&chunk) {
            keep(&mut keys, &mut keys_bytes, chunk, KEYS_BYTES_MAX)?;
        } else if keys.is_empty() {
            store.add(&chunk)?;
            store_chunks += 1;
        } else {
            let what = "chunks of the store follow those of the keys";
            return Err(BackupError::Contents(what.to_owned()));
        }
    }
    let of = |what: &'static str| move |error| BackupError::Contents(format!("{what}: {error}"));
    let legacy = Legacy::from_parts(&own).map_err(of("the sites' own state"))?;
    // Of a signed state it is so. What a site has left was signed by nobody.
    let when = (legacy.commit(), legacy.chain(), legacy.time_ms());
    let whose = legacy.view().map(Realm::of);
    if when != (head.commit, head.chain, head.time_ms) || whose != Some(head.realm) {
        let what = "the state is not the one that its head speaks of";
        return Err(BackupError::Contents(what.to_owned()));
    }
    let keys = keys_of_chunks(&keys).map_err(of("the keys"))?;
    check_key(&backup.checked().preamble.provenance, keys.summaries())?;
    Ok(Contents {
        state: backup.checked().digest,
        parts: head.parts,
        legacy,
        store: store.end()?,
        store_chunks,
        keys,
        bytes: backup.bytes(),
    })
}

/// Whether the key under which it is signed is the group's own. Who makes a state up can name a key
/// of their own in it too: against that only helps the key from elsewhere.
pub(crate) fn check_key(
    provenance: &Provenance,
    mut keys: impl Iterator<Item = KeySummary>,
) -> Result<(), BackupError> {
    let Provenance::Signed { key, .. } = provenance else {
        return Ok(());
    };
    let own = keys.find(|own| own.name == KEY_NAME && own.state != State::Retired);
    match own.and_then(|own| own.public_key) {
        Some(own) if own == key[..] => Ok(()),
        _ => Err(BackupError::OtherKey),
    }
}

fn keep(
    kept: &mut Vec<Bytes>,
    sum: &mut usize,
    chunk: Bytes,
    bytes_max: usize,
) -> Result<(), BackupError> {
    *sum += chunk.len();
    if *sum > bytes_max {
        return Err(BackupError::TooLarge { bytes_max });
    }
    kept.push(chunk);
    Ok(())
}
