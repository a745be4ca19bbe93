//! Copying a whole state of the group, as it has signed it.
//!
//! Nothing is believed of a site: the signature covers the digests of all chunks, and each chunk is
//! checked. One correct site that has the state is enough.

use std::time::Duration;

use bytes::Bytes;
use maftia_backup::{Checked, Preamble, Provenance, is_chunk};
use maftia_codec::Wire as _;
use maftia_replica::{Head, Wanted};
use maftia_types::{Digest, SiteId};
use maftia_verify::GroupKey;
use tokio::time::{Instant, sleep};

use crate::{Client, Patience};

/// The pause between two rounds of questions.
const PAUSE: Duration = Duration::from_millis(200);
/// Rounds of questions for a chunk: a site may be slow for a moment, but whoever has it not any more
/// will not get it again.
const ROUNDS: usize = 3;

impl Client {
    /// The beginning of a backup of the newest state that the group has signed, if that is of a later
    /// commit than `after`, all of it checked under the group's key. `None` when time is up. It takes
    /// the powers to operate and to audit.
    pub async fn signed_state(
        &self,
        key: &[u8; GroupKey::BYTES],
        after: u64,
        patience: Patience,
    ) -> Option<Checked> {
        let deadline = Instant::now() + self.patience(patience);
        let group_key = GroupKey::from_bytes(key).ok()?;
        loop {
            for site in SiteId::all(self.group().resilience().sites()) {
                if let Some(found) = self.state_of(site, key, after).await
                    && let Ok(checked) = Checked::new(found, Some(&group_key))
                {
                    return Some(checked);
                }
                if Instant::now() >= deadline {
                    return None;
                }
            }
            sleep(PAUSE).await;
        }
    }

    async fn state_of(
        &self,
        site: SiteId,
        key: &[u8; GroupKey::BYTES],
        after: u64,
    ) -> Option<Preamble> {
        let newest = self.piece_of(site, Wanted::Newest).await?;
        let (head, signature) = newest.split_at_checked(newest.len().checked_sub(48)?)?;
        let head = Head::from_bytes(Bytes::copy_from_slice(head)).ok()?;
        if head.commit <= after {
            return None;
        }
        let commit = head.commit;
        let digests = self.piece_of(site, Wanted::Digests { commit }).await?;
        let (digests, stray) = digests.as_chunks();
        let known = self.known().borrow().clone();
        Some(Preamble {
            group: known.given.text().ok()?,
            views: known.chain.clone(),
            head,
            provenance: Provenance::Signed {
                key: *key,
                signature: signature.try_into().ok()?,
            },
            digests: digests.iter().map(|digest| Digest(*digest)).collect(),
        })
        .filter(|_| stray.is_empty())
    }

    /// A chunk of the signed state after that commit, by its place and digest. `None` if no site that
    /// answers has it any more: then there is a newer state.
    pub async fn chunk_of_state(&self, commit: u64, chunk: u32, digest: Digest) -> Option<Bytes> {
        let wanted = Wanted::Chunk { commit, chunk };
        let count = self.group().resilience().sites();
        for round in 0..ROUNDS {
            for site in SiteId::all(count) {
                let found = self.piece_of(site, wanted).await;
                if let Some(bytes) = found.filter(|bytes| is_chunk(bytes, &digest)) {
                    return Some(bytes);
                }
            }
            if round + 1 < ROUNDS {
                sleep(PAUSE).await;
            }
        }
        None
    }
}
