use crate::ProofError;
use crate::hash::digest;
use crate::reader::Reader;

/// The most entries of a page.
const ENTRIES_MAX: usize = 64;
/// The longest key.
const KEY_BYTES_MAX: usize = 1024;

/// What the store has under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The value.
    pub value: &'a [u8],
    /// The revision that created the key.
    pub create_revision: u64,
    /// The revision of its last put.
    pub mod_revision: u64,
    /// How often it was put since it was created.
    pub version: u64,
}

/// A shown page, read once: where a key lies in it.
pub(crate) struct Page<'a> {
    first: &'a [u8],
    last: &'a [u8],
    /// History and digest of the value under the key that was looked for.
    found: Option<([u64; 4], [u8; 32])>,
}

impl<'a> Page<'a> {
    /// Reads a page, of which each entry is: length of the key (8), key, create revision, mod
    /// revision, version, length of the value (8 each), digest of the value.
    pub(crate) fn read(shown: &'a [u8], key: &[u8]) -> Result<Self, ProofError> {
        let mut reader = Reader::new(shown);
        let (mut first, mut last, mut found) = (None, None, None);
        for _ in 0..ENTRIES_MAX {
            if reader.is_empty() {
                break;
            }
            let length = usize::try_from(reader.u64()?).unwrap_or(usize::MAX);
            if length > KEY_BYTES_MAX {
                return Err(ProofError::Malformed);
            }
            let own = reader.take(length)?;
            if last.is_some_and(|last| own <= last) {
                return Err(ProofError::Malformed);
            }
            let history = [reader.u64()?, reader.u64()?, reader.u64()?, reader.u64()?];
            let value = reader.array()?;
            if own == key {
                found = Some((history, value));
            }
            first.get_or_insert(own);
            last = Some(own);
        }
        match (first, last, reader.is_empty()) {
            (Some(first), Some(last), true) => Ok(Self { first, last, found }),
            _ => Err(ProofError::Malformed),
        }
    }

    /// The entry that was looked for, if the value is its.
    pub(crate) fn entry(&self, value: Option<&'a [u8]>) -> Result<Option<Entry<'a>>, ProofError> {
        let (Some((history, expected)), Some(value)) = (self.found, value) else {
            return match (self.found, value) {
                (None, None) => Ok(None),
                _ => Err(ProofError::Value),
            };
        };
        let [create_revision, mod_revision, version, length] = history;
        if length != value.len() as u64 || digest("kv value", &[value]) != expected {
            return Err(ProofError::Value);
        }
        Ok(Some(Entry {
            value,
            create_revision,
            mod_revision,
            version,
        }))
    }

    /// Whether the key lies above the first and below the last of this page.
    pub(crate) fn spans(&self, key: &[u8]) -> bool {
        self.first < key && key < self.last
    }

    pub(crate) fn is_below(&self, key: &[u8]) -> bool {
        self.last < key
    }

    pub(crate) fn is_above(&self, key: &[u8]) -> bool {
        key < self.first
    }
}
