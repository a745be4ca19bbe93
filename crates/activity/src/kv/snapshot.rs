use std::sync::Arc;

use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::Domain;
use maftia_types::Digest;

use super::page::{Page, TAG_PAGE};
use super::pages::Pages;
use super::store::REVISION_OF_EMPTY;
use crate::replication::{Exhibit, RestoreError, Snapshot, root_of};

const META: Domain = Domain::new("kv meta");

/// First byte of the first chunk.
const TAG_META: u8 = 1;

/// Revisions are signed 64-bit numbers in etcd's interface. No run reaches this; a restored store
/// beyond it could not count on.
const REVISION_MAX: u64 = i64::MAX as u64;

/// The first chunk: what is true of the state as a whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Meta {
    pub(super) revision: u64,
    pub(super) entries: u64,
    pub(super) bytes: u64,
    pub(super) bytes_max: u64,
    pub(super) pages: u64,
}

impl Wire for Meta {
    fn encode(&self, w: &mut Writer) {
        w.u8(TAG_META);
        w.u64(self.revision);
        w.u64(self.entries);
        w.u64(self.bytes);
        w.u64(self.bytes_max);
        w.u64(self.pages);
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        if r.u8()? != TAG_META {
            return Err(DecodeError::Invalid { field: "meta" });
        }
        Ok(Self {
            revision: r.u64()?,
            entries: r.u64()?,
            bytes: r.u64()?,
            bytes_max: r.u64()?,
            pages: r.u64()?,
        })
    }
}

impl Meta {
    /// Whether a store can be in such a state.
    pub(super) const fn check(&self) -> Result<(), RestoreError> {
        let possible = REVISION_OF_EMPTY <= self.revision && self.revision <= REVISION_MAX;
        if !possible {
            let reason = "the revision is out of range";
            return Err(RestoreError::Malformed { chunk: 0, reason });
        }
        if self.bytes > self.bytes_max {
            let reason = "the entries exceed the quota";
            return Err(RestoreError::Inconsistent { reason });
        }
        Ok(())
    }
}

/// A snapshot: chunk 0 is the [`Meta`], the others are the pages in key order.
pub(super) struct Frozen {
    meta: Bytes,
    pages: Vec<Arc<Page>>,
    manifest: Vec<Digest>,
}

impl Frozen {
    pub(super) fn new(
        meta: &Meta,
        frozen: impl ExactSizeIterator<Item = (Arc<Page>, Digest)>,
    ) -> Self {
        let meta = meta.to_bytes();
        let mut pages = Vec::with_capacity(frozen.len());
        let mut manifest = Vec::with_capacity(frozen.len() + 1);
        manifest.push(META.digest(&meta));
        for (page, digest) in frozen {
            pages.push(page);
            manifest.push(digest);
        }
        Self {
            meta,
            pages,
            manifest,
        }
    }
}

impl Snapshot for Frozen {
    fn root(&self) -> Digest {
        root_of(&self.manifest)
    }

    fn manifest(&self) -> &[Digest] {
        &self.manifest
    }

    fn chunk(&self, index: usize) -> Option<Bytes> {
        match index.checked_sub(1) {
            None => Some(self.meta.clone()),
            Some(page) => self.pages.get(page).map(|page| page.to_chunk()),
        }
    }

    /// The entry of a key, or that there is none: the meta chunk, and the pages between whose first
    /// and last keys the key lies. That is one, or the two between which it falls.
    fn exhibit(&self, key: &[u8]) -> Option<Exhibit> {
        let behind = self
            .pages
            .partition_point(|page| page.first_key() <= Some(key));
        let home = behind.checked_sub(1);
        let entry = home.and_then(|home| self.pages.get(home)?.find(key));
        let last = home.and_then(|home| self.pages.get(home)?.entries().last());
        let beyond = last.is_none_or(|last| last.key() < key);
        let next = beyond.then_some(behind);
        let show = |place: usize| {
            let page = self.pages.get(place)?;
            Some((place + 1, Bytes::from(page.digested())))
        };
        let pages = home.into_iter().chain(next).filter_map(show);
        Some(Exhibit {
            chunks: [(0, self.meta.clone())].into_iter().chain(pages).collect(),
            value: entry.map(|entry| Bytes::copy_from_slice(entry.as_entry().value)),
        })
    }
}

/// The digest a chunk has in a manifest.
pub(crate) fn chunk_digest(chunk: &Bytes) -> Option<Digest> {
    if chunk.first() == Some(&TAG_PAGE) {
        return Page::from_chunk(chunk).ok().map(|page| page.digest());
    }
    Meta::from_bytes(chunk.clone()).ok()?;
    Some(META.digest(chunk))
}

/// The state whose chunks these are.
pub(super) fn thaw(chunks: &[Bytes]) -> Result<(Meta, Pages), RestoreError> {
    let inconsistent = |reason| Err(RestoreError::Inconsistent { reason });
    let Some((first, rest)) = chunks.split_first() else {
        return inconsistent("there is no chunk");
    };
    let malformed = |chunk, reason| RestoreError::Malformed { chunk, reason };
    let meta = Meta::from_bytes(first.clone()).map_err(|_| malformed(0, "it does not decode"))?;
    meta.check()?;
    let mut pages = Pages::default();
    for (index, chunk) in rest.iter().enumerate() {
        let page = Page::from_chunk(chunk).map_err(|reason| malformed(index + 1, reason))?;
        page.check_age(meta.revision)?;
        if !pages.append(page) {
            return inconsistent("the pages are not in key order");
        }
    }
    if meta.pages != rest.len() as u64 {
        return inconsistent("the number of pages differs");
    }
    if (meta.entries, meta.bytes) != (pages.entries(), pages.bytes()) {
        return inconsistent("the entries are not those counted");
    }
    Ok((meta, pages))
}
