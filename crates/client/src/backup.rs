//! Copying a whole state of the group, as it has signed it.
//!
//! Nothing is believed of a site: the signature covers the digests of all chunks, and each chunk is
//! checked. One correct site that has the state is enough.

use std::cmp::Reverse;
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
/// Rounds of questions for a chunk: a site may be slow for a moment, but whoever has it not any
/// more will not get it again.
const ROUNDS: usize = 3;

/// The group's signature under a state.
const SIGNATURE_BYTES: usize = 48;

impl Client {
    /// The beginning of a backup of the newest state that the group has signed, as far as its sites
    /// say, if that is of a later commit than `after`; all of it checked under the group's key.
    /// `None` when time is up. It takes the powers to operate and to audit.
    pub async fn signed_state(
        &self,
        key: &[u8; GroupKey::BYTES],
        after: u64,
        patience: Patience,
    ) -> Option<Checked> {
        let deadline = Instant::now() + self.patience(patience);
        let group_key = GroupKey::from_bytes(key).ok()?;
        loop {
            let count = self.group().resilience().sites();
            let mut offers = Vec::new();
            for site in SiteId::all(count) {
                let newest = self.piece_of(site, Wanted::Newest).await;
                offers.extend(newest.and_then(|said| Offer::read(&said)));
                if Instant::now() >= deadline {
                    break;
                }
            }
            for offer in newest_first(offers, after) {
                for site in SiteId::all(count) {
                    let found = self.state_of(site, key, &offer).await;
                    let checked = found.and_then(|own| Checked::new(own, Some(&group_key)).ok());
                    if checked.is_some() || Instant::now() >= deadline {
                        return checked;
                    }
                }
            }
            if Instant::now() >= deadline {
                return None;
            }
            sleep(PAUSE).await;
        }
    }

    async fn state_of(
        &self,
        site: SiteId,
        key: &[u8; GroupKey::BYTES],
        offer: &Offer,
    ) -> Option<Preamble> {
        let commit = offer.head.commit;
        let digests = self.piece_of(site, Wanted::Digests { commit }).await?;
        let (digests, stray) = digests.as_chunks();
        let known = self.known().borrow().clone();
        Some(Preamble {
            group: known.given.text().ok()?,
            views: known.chain.clone(),
            head: offer.head,
            provenance: Provenance::Signed {
                key: *key,
                signature: offer.signature,
            },
            digests: digests.iter().map(|digest| Digest(*digest)).collect(),
        })
        .filter(|_| stray.is_empty())
    }

    /// A chunk of the signed state after that commit, by its place and digest. `None` if no site
    /// that answers has it any more: then there is a newer state.
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

/// A state that a site says it can lend.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Offer {
    head: Head,
    signature: [u8; SIGNATURE_BYTES],
}

impl Offer {
    /// Reads a site's answer: nothing of it is checked.
    fn read(said: &Bytes) -> Option<Self> {
        let head = said.len().checked_sub(SIGNATURE_BYTES)?;
        let (head, signature) = (said.slice(..head), said.slice(head..));
        Some(Self {
            head: Head::from_bytes(head).ok()?,
            signature: signature[..].try_into().ok()?,
        })
    }
}

/// What is offered of after a commit, each once, the latest first: one faulty site must not make an
/// older state the newest. Each site offers one, so that the faulty ones cost a round each.
fn newest_first(mut offers: Vec<Offer>, after: u64) -> Vec<Offer> {
    offers.retain(|offer| offer.head.commit > after);
    offers.sort_by_key(|offer| Reverse(offer.head.commit));
    offers.dedup();
    offers
}

#[cfg(test)]
mod tests {
    use maftia_replica::Realm;
    use maftia_types::Epoch;

    use super::*;

    fn offer(commit: u64, mark: u8) -> Offer {
        let realm = Realm {
            group: Digest([1; 32]),
            epoch: Epoch(0),
            members: Digest([2; 32]),
        };
        Offer {
            head: Head {
                realm,
                commit,
                chain: Digest([3; 32]),
                time_ms: 4,
                parts: 1,
                chunks: 2,
            },
            signature: [mark; SIGNATURE_BYTES],
        }
    }

    #[test]
    fn the_latest_that_is_offered_is_tried_first_and_one_not_after_the_commit_never() {
        let offers = [
            offer(6, 1),
            offer(9, 2),
            offer(5, 3),
            offer(9, 2),
            offer(8, 4),
        ];
        let sorted = newest_first(offers.to_vec(), 5);
        assert_eq!(sorted, [offer(9, 2), offer(8, 4), offer(6, 1)]);
    }

    #[test]
    fn an_answer_that_is_no_offer_is_none() {
        let own = offer(7, 5);
        let said = Bytes::from([&own.head.to_bytes()[..], &own.signature].concat());
        assert_eq!(Offer::read(&said), Some(own));
        assert_eq!(Offer::read(&said.slice(1..)), None);
        assert_eq!(
            Offer::read(&Bytes::from_static(&[0; SIGNATURE_BYTES - 1])),
            None
        );
    }
}
