use std::io::{self, Read};

use bytes::Bytes;
use maftia_codec::Wire as _;
use maftia_config::GroupFile;
use maftia_membership::follow;
use maftia_replica::{CHUNK_BYTES_MAX, Realm};
use maftia_types::Digest;
use maftia_verify::GroupKey;

use crate::preamble::{MAGIC, MAGIC_ANY, PREAMBLE_BYTES_MAX, Preamble, Provenance};
use crate::{BackupError, is_chunk};

/// A preamble all of whose parts fit together: what the signature covers is what it says.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What it says.
    pub preamble: Preamble,
    /// The digest of the checkpoint that it is a copy of.
    pub digest: Digest,
    /// The group's file, with the sites that it had then.
    pub group: GroupFile,
    /// The group's key under which it was signed; none of what a site has left.
    pub key: Option<GroupKey>,
}

/// A backup that is being read: its chunks come one after the other, each checked.
#[derive(Debug)]
pub struct Backup<R> {
    from: R,
    checked: Checked,
    next: usize,
    bytes: u64,
}

impl Checked {
    /// Checks everything but the chunks.
    ///
    /// # Errors
    /// If the parts do not fit together, or the group has not signed this. With a `key`, it must be
    /// signed, under that one.
    pub fn new(preamble: Preamble, key: Option<&GroupKey>) -> Result<Self, BackupError> {
        let wrong = |what: &str| BackupError::Group(what.to_owned());
        let realm = &preamble.head.realm;
        let file = GroupFile::from_text(&preamble.group).map_err(BackupError::Group)?;
        if *file.digest() != realm.group {
            return Err(wrong("its group file is another group's"));
        }
        let view = follow(file.view(), &preamble.views);
        let view = view.map_err(|error| BackupError::Group(error.to_string()))?;
        if Realm::of(&view) != *realm {
            return Err(wrong("its certificates lead to other sites"));
        }
        let group = file.with_view(&view, &[]);
        let group = group.map_err(|error| BackupError::Group(error.to_string()))?;
        let digest = preamble.head.over(preamble.digests.clone());
        let digest = digest.ok_or_else(|| wrong("its head counts other chunks"))?;
        let key = match &preamble.provenance {
            Provenance::Site { .. } if key.is_some() => return Err(BackupError::Unsigned),
            Provenance::Site { .. } => None,
            Provenance::Signed {
                key: own,
                signature,
            } => {
                let own = GroupKey::from_bytes(own).map_err(|_| BackupError::Signature)?;
                if key.is_some_and(|given| *given != own) {
                    return Err(BackupError::WrongKey);
                }
                let signed = own.certificate(realm.group.as_bytes(), digest.as_bytes(), signature);
                signed.map_err(|_| BackupError::Signature)?;
                Some(own)
            }
        };
        Ok(Self {
            preamble,
            digest,
            group,
            key,
        })
    }

    /// Whether the group has signed it.
    #[must_use]
    pub const fn is_signed(&self) -> bool {
        self.key.is_some()
    }
}

impl<R: Read> Backup<R> {
    /// Reads the beginning and checks it; with a key, it must be signed under that one.
    ///
    /// # Errors
    /// [`BackupError`].
    pub fn open(mut from: R, key: Option<&GroupKey>) -> Result<Self, BackupError> {
        let (preamble, bytes) = read_preamble(&mut from)?;
        Ok(Self {
            from,
            checked: Checked::new(preamble, key)?,
            next: 0,
            bytes,
        })
    }

    /// What the beginning says.
    pub const fn checked(&self) -> &Checked {
        &self.checked
    }

    /// How much has been read.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next chunk; `None` after the last, when nothing follows.
    ///
    /// # Errors
    /// [`BackupError`].
    pub fn next_chunk(&mut self) -> Result<Option<Bytes>, BackupError> {
        let digests = &self.checked.preamble.digests;
        let of = digests.len();
        let Some(digest) = digests.get(self.next) else {
            return match read_some(&mut self.from, 1)?.is_empty() {
                true => Ok(None),
                false => Err(BackupError::Trailing),
            };
        };
        self.next += 1;
        let place = self.next;
        let cut_off = || BackupError::CutOff { place, of };
        let chunk = read_block(&mut self.from, "chunk", CHUNK_BYTES_MAX)?.ok_or_else(cut_off)?;
        if !is_chunk(&chunk, digest) {
            return Err(BackupError::Altered { place, of });
        }
        self.bytes += 4 + chunk.len() as u64;
        Ok(Some(chunk))
    }
}

/// The beginning of a file, and its length.
pub(crate) fn read_preamble(from: &mut impl Read) -> Result<(Preamble, u64), BackupError> {
    let magic = read_some(from, MAGIC.len())?;
    if magic != MAGIC {
        let Some(rest) = magic.strip_prefix(MAGIC_ANY) else {
            return Err(BackupError::NotABackup);
        };
        let version = String::from_utf8_lossy(rest).trim().to_owned();
        return Err(BackupError::Version(version));
    }
    let cut_off = BackupError::CutOff { place: 0, of: 0 };
    let bytes = read_block(from, "preamble", PREAMBLE_BYTES_MAX)?.ok_or(cut_off)?;
    let length = MAGIC.len() as u64 + 4 + bytes.len() as u64;
    Ok((Preamble::from_bytes(bytes)?, length))
}

/// Bytes after their length; `None` if they are cut off.
pub(crate) fn read_block(
    from: &mut impl Read,
    what: &'static str,
    bytes_max: usize,
) -> Result<Option<Bytes>, BackupError> {
    let length = read_some(from, 4)?;
    let Ok(length) = <[u8; 4]>::try_from(&length[..]) else {
        return Ok(None);
    };
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    if length > bytes_max {
        return Err(BackupError::TooLong { what, bytes_max });
    }
    let bytes = read_some(from, length)?;
    Ok((bytes.len() == length).then(|| bytes.into()))
}

/// Up to so many bytes: fewer at the end. Memory grows with what is read.
fn read_some(from: &mut impl Read, count: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(count).unwrap_or(u64::MAX);
    from.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}
