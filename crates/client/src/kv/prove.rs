use std::time::Duration;

use bytes::Bytes;
use maftia_types::SiteId;
use maftia_verify::{GroupKey, entry};
use tokio::time::{Instant, sleep};

use super::Store;
use crate::Patience;

/// The pause between two rounds of questions: a checkpoint is signed every few seconds.
const PAUSE: Duration = Duration::from_millis(200);

impl Store {
    /// A proof of what is under a key, or that nothing is, in a state of at least that revision:
    /// [`entry`] accepts it under that key of the group. Sites are asked one after the other, again
    /// and again, and what they say is checked; one correct site is enough. `None` when time is up.
    ///
    /// With the revision of an earlier answer, the proof is of that answer's state or a later one.
    /// The group signs a checkpoint every few seconds; if nothing was written since the last one, it
    /// will do.
    pub async fn prove(
        &self,
        key: Bytes,
        revision: u64,
        group_key: &GroupKey,
        patience: Patience,
    ) -> Option<Bytes> {
        let deadline = Instant::now() + self.client.patience(patience);
        let group = self.client.group();
        let proves = |proof: &Bytes| {
            let proven = entry(proof, group_key);
            proven.is_ok_and(|own| {
                let of_group = own.head.group == *group.digest().as_bytes();
                of_group && own.key == key && own.revision >= revision
            })
        };
        let count = group.resilience().sites();
        // Not always the same site first.
        let first = key
            .iter()
            .fold(0, |sum: usize, byte| sum + usize::from(*byte))
            % count;
        let sites = || SiteId::all(count).cycle().skip(first).take(count);
        loop {
            for site in sites() {
                let proof = self.client.proof_of(site, key.clone()).await;
                if let Some(proof) = proof.filter(proves) {
                    return Some(proof);
                }
                if Instant::now() >= deadline {
                    return None;
                }
            }
            sleep(PAUSE).await;
        }
    }
}
