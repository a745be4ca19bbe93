use crate::hash::digest;
use crate::page::{Entry, Page};
use crate::reader::Reader;
use crate::{GroupKey, ProofError, tree};

/// The longest proof: a longest value, two pages of 64 longest keys, and less than 16 KiB besides.
pub const PROOF_BYTES_MAX: usize = 1024 * 1024 + 2 * 70_144 + 16 * 1024;

const MAGIC: &[u8; 15] = b"maftia proof 1\n";
/// The kind of a proof about the key-value store.
const ENTRY: u8 = 1;
/// Of a head.
const HEAD_BYTES: usize = 128;
/// Siblings of a leaf: seven at each level, for more leaves than there can be numbers of chunks.
const PATH_MAX: usize = 7 * 11;

/// What a checkpoint says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The digest of the configuration that the group began with.
    pub group: [u8; 32],
    /// The span of one membership.
    pub epoch: u64,
    /// How many commits the group had made.
    pub commit: u64,
    /// The digest of all of them.
    pub chain: [u8; 32],
    /// The time that the group agreed on, in milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// Covers the fault model, its numbers and the sites' keys.
    pub members: [u8; 32],
    pub(crate) parts: u32,
    pub(crate) chunks: u32,
}

/// What a proof proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proven<'a> {
    /// When, and whose state it was.
    pub head: Head,
    /// The store's revision: that of its latest change.
    pub revision: u64,
    /// The key.
    pub key: &'a [u8],
    /// What was under it; none if it was absent.
    pub entry: Option<Entry<'a>>,
}

/// Checks that a group's store had an entry, or none, under a key.
///
/// # Errors
/// [`ProofError`]: nothing is proven.
pub fn entry<'a>(proof: &'a [u8], group_key: &GroupKey) -> Result<Proven<'a>, ProofError> {
    if proof.len() > PROOF_BYTES_MAX {
        return Err(ProofError::TooLong);
    }
    let mut reader = Reader::new(proof);
    if reader.take(MAGIC.len()) != Ok(MAGIC) {
        return Err(ProofError::NotAProof);
    }
    if reader.take(1)? != [ENTRY] {
        return Err(ProofError::UnknownKind);
    }
    let head_bytes = reader.take(HEAD_BYTES)?;
    let head = Head::read(&mut Reader::new(head_bytes))?;
    let signature: [u8; 48] = reader.array()?;
    let key = reader.bytes()?;
    let value = match reader.array()? {
        [0] => None,
        [1] => Some(reader.bytes()?),
        _ => return Err(ProofError::Malformed),
    };
    let count = reader.u32()?;
    let meta = Shown::read(&mut reader, &head, "kv meta")?;
    let (revision, pages) = meta.as_meta()?;
    let page = |reader: &mut Reader<'a>| Shown::read(reader, &head, "kv page");
    let (one, other) = match count {
        1 => (None, None),
        2 => (Some(page(&mut reader)?), None),
        3 => (Some(page(&mut reader)?), Some(page(&mut reader)?)),
        _ => return Err(ProofError::Inconclusive),
    };
    if !reader.is_empty() {
        return Err(ProofError::Trailing);
    }
    // The pairing last: most of what is wrong costs none.
    let shown = [one.as_ref(), other.as_ref()];
    let entry = decide(pages, shown, key, value)?;
    if meta.place != 0 || shown.iter().flatten().any(|page| page.top != meta.top) {
        return Err(ProofError::Path);
    }
    let checkpoint = digest("checkpoint", &[head_bytes, &meta.top]);
    let certificate = group_key.certificate(&head.group, &checkpoint, &signature);
    certificate.map_err(|_| ProofError::Certificate)?;
    Ok(Proven {
        head,
        revision,
        key,
        entry,
    })
}

/// What the shown pages say about a key, of `pages` that there are: the one that has it, or exactly
/// those between whose keys it would lie.
fn decide<'a>(
    pages: u64,
    shown: [Option<&Shown<'a>>; 2],
    key: &[u8],
    value: Option<&'a [u8]>,
) -> Result<Option<Entry<'a>>, ProofError> {
    let is_last = |page: &Shown<'_>| u64::from(page.place) == pages;
    let absent = match shown {
        [None, _] => pages == 0 && value.is_none(),
        [Some(shown), None] => {
            let page = Page::read(shown.bytes, key)?;
            if let Some(entry) = page.entry(value)? {
                return Ok(Some(entry));
            }
            let before_all = shown.place == 1 && page.is_above(key);
            let behind_all = is_last(shown) && page.is_below(key);
            page.spans(key) || before_all || behind_all
        }
        [Some(one), Some(other)] => {
            let (below, above) = (Page::read(one.bytes, key)?, Page::read(other.bytes, key)?);
            let neighbours = one.place.checked_add(1) == Some(other.place);
            neighbours && below.is_below(key) && above.is_above(key) && value.is_none()
        }
    };
    if absent {
        Ok(None)
    } else {
        Err(ProofError::Inconclusive)
    }
}

/// A chunk of the store, and the top that it leads to.
struct Shown<'a> {
    /// Among the chunks of the store: 0 is the meta chunk.
    place: u32,
    bytes: &'a [u8],
    top: [u8; 32],
}

impl<'a> Shown<'a> {
    fn read(reader: &mut Reader<'a>, head: &Head, domain: &str) -> Result<Self, ProofError> {
        let place = reader.u32()?;
        let bytes = reader.bytes()?;
        let siblings = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
        if siblings > PATH_MAX {
            return Err(ProofError::Path);
        }
        let path = reader.take(32 * siblings)?;
        Ok(Self {
            top: tree::top(head, place, digest(domain, &[bytes]), path)?,
            place: place.checked_sub(head.parts).ok_or(ProofError::Path)?,
            bytes,
        })
    }

    /// Revision of the store, and number of its pages: a tag 1, then revision, entries, bytes, quota
    /// and pages.
    fn as_meta(&self) -> Result<(u64, u64), ProofError> {
        let mut reader = Reader::new(self.bytes);
        let tag: [u8; 1] = reader.array()?;
        let revision = reader.u64()?;
        let _counts = reader.take(24)?;
        let pages = reader.u64()?;
        if tag != [1] || !reader.is_empty() {
            return Err(ProofError::Malformed);
        }
        Ok((revision, pages))
    }
}

impl Head {
    fn read(reader: &mut Reader<'_>) -> Result<Self, ProofError> {
        Ok(Self {
            group: reader.array()?,
            epoch: reader.u64()?,
            commit: reader.u64()?,
            chain: reader.array()?,
            time_ms: reader.u64()?,
            members: reader.array()?,
            parts: reader.u32()?,
            chunks: reader.u32()?,
        })
    }
}
