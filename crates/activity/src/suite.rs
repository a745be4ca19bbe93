//! The services of a group as one state machine.
//!
//! An operation that begins with [`KEYS`] is for the keyed services, every other one for the
//! key-value store; so is a chunk of a snapshot. The chunks of the keyed services come last.

use std::sync::Arc;

use bytes::Bytes;
use maftia_codec::{DecodeError, Wire as _};
use maftia_crypto::Domain;
use maftia_types::{Digest, Power};

use crate::keys;
use crate::kv;
use crate::replication::{
    Context, Exhibit, NextCommittee, PrepareError, RestoreError, SiteContext, Snapshot,
    StateMachine, root_of,
};

/// First byte of what is for the keyed services. The store's operations and chunks begin otherwise.
pub const KEYS: u8 = 0x40;

const CHUNK: Domain = Domain::new("keys chunk");

/// Bytes of the keyed services' state in one chunk.
const CHUNK_BYTES: usize = 1024 * 1024;

/// A key-value store, and keys that no site holds.
#[derive(Debug)]
pub struct Suite {
    store: kv::Store,
    keys: keys::Ordered,
}

impl Suite {
    /// An empty store, and the keys that the group begins with.
    pub fn new(keys: keys::Ordered) -> Self {
        Self {
            store: kv::Store::default(),
            keys,
        }
    }

    fn may_operate(&self, context: &Context) -> bool {
        let setup = self.keys.setup();
        setup.permits(context.client.key, Power::Operate)
    }
}

/// The operation of the keyed services as one of the group's.
pub fn keys_operation(operation: &keys::Operation) -> Bytes {
    tagged(&operation.to_bytes())
}

/// The request to use a key as one of the group's operations.
pub fn keys_request(request: &keys::sessions::Request) -> Bytes {
    tagged(&request.to_bytes())
}

/// What is asked of channels as one of the group's operations.
pub fn channels_request(request: &keys::channels::Request) -> Bytes {
    tagged(&request.to_bytes())
}

fn tagged(bytes: &[u8]) -> Bytes {
    let mut tagged = Vec::with_capacity(1 + bytes.len());
    tagged.push(KEYS);
    tagged.extend_from_slice(bytes);
    tagged.into()
}

fn is_keys(bytes: &Bytes) -> bool {
    bytes.first() == Some(&KEYS)
}

/// Whether a chunk of a snapshot is one of the keyed services, and not of the store.
#[must_use]
pub fn is_keys_chunk(chunk: &Bytes) -> bool {
    is_keys(chunk)
}

/// The digest that a chunk has in the manifest of any snapshot; `None` if it is no chunk.
#[must_use]
pub fn chunk_digest(chunk: &Bytes) -> Option<Digest> {
    if !is_keys(chunk) {
        return kv::chunk_digest(chunk);
    }
    (chunk.len() <= CHUNK_BYTES + 1).then(|| CHUNK.digest(chunk))
}

/// The last chunks of a snapshot: those of the keyed services.
#[must_use]
pub fn keys_chunks(keys: &keys::Ordered) -> Vec<Bytes> {
    let state = keys.to_bytes();
    state.chunks(CHUNK_BYTES).map(tagged).collect()
}

/// The ordered half of the keyed services, from [`keys_chunks`].
///
/// # Errors
/// If that is not what they are.
pub fn keys_of_chunks(chunks: &[Bytes]) -> Result<keys::Ordered, DecodeError> {
    let mut state = Vec::new();
    for chunk in chunks {
        // What is not of the keyed services does not decode.
        state.extend_from_slice(chunk.get(1..).unwrap_or_default());
    }
    keys::Ordered::from_bytes(state.into())
}

impl StateMachine for Suite {
    fn apply(&mut self, context: &Context, operation: &Bytes, reply: &mut Vec<u8>) {
        if is_keys(operation) {
            self.keys.apply(context, &operation.slice(1..), reply);
        } else if !self.may_operate(context) {
            let refused = kv::Response::Refused(kv::Refusal::NotPermitted);
            reply.extend_from_slice(&refused.to_bytes());
        } else {
            self.store.apply(context, operation, reply);
        }
    }

    fn snapshot(&mut self) -> Arc<dyn Snapshot> {
        let keys = keys_chunks(&self.keys);
        let store = self.store.snapshot();
        let own = keys.iter().map(|chunk| CHUNK.digest(chunk));
        let manifest = store.manifest().iter().copied().chain(own).collect();
        Arc::new(Frozen {
            store,
            keys,
            manifest,
        })
    }

    fn restore(&mut self, chunks: &[Bytes]) -> Result<(), RestoreError> {
        let of_store = chunks.iter().take_while(|chunk| !is_keys(chunk)).count();
        let (store, own) = chunks.split_at(of_store);
        let malformed = |_| RestoreError::Malformed {
            chunk: of_store,
            reason: "it is not the state of the keyed services",
        };
        let keys = keys_of_chunks(own).map_err(malformed)?;
        self.store.restore(store)?;
        self.keys = keys;
        Ok(())
    }

    fn chunk_digest(&self, chunk: &Bytes) -> Option<Digest> {
        chunk_digest(chunk)
    }

    fn contribute(&mut self, context: &SiteContext, contribution: &Bytes) {
        self.keys.contribute(context, contribution);
    }

    fn vote(&mut self, context: &SiteContext, commit: u64, digest: Digest) {
        self.keys.vote(context, commit, digest);
    }

    fn tick(&mut self, commit: u64, commit_time_ms: u64) {
        self.keys.tick(commit, commit_time_ms);
    }

    fn prepare(
        &mut self,
        next: &NextCommittee,
        commit: u64,
        commit_time_ms: u64,
    ) -> Result<(), PrepareError> {
        self.keys.prepare(next, commit, commit_time_ms)
    }

    fn is_prepared(&self) -> bool {
        self.keys.is_prepared()
    }

    fn abandon(&mut self) {
        self.keys.abandon();
    }

    fn enter(&mut self) {
        self.keys.enter();
    }

    fn keys(&self) -> Option<&keys::Ordered> {
        Some(&self.keys)
    }
}

struct Frozen {
    store: Arc<dyn Snapshot>,
    keys: Vec<Bytes>,
    manifest: Vec<Digest>,
}

impl Snapshot for Frozen {
    fn root(&self) -> Digest {
        root_of(&self.manifest)
    }

    fn manifest(&self) -> &[Digest] {
        &self.manifest
    }

    fn chunk(&self, index: usize) -> Option<Bytes> {
        let of_store = self.manifest.len().checked_sub(self.keys.len())?;
        match index.checked_sub(of_store) {
            None => self.store.chunk(index),
            Some(place) => self.keys.get(place).cloned(),
        }
    }

    /// The store's, whose chunks come first.
    fn exhibit(&self, key: &[u8]) -> Option<Exhibit> {
        self.store.exhibit(key)
    }
}

#[cfg(test)]
mod tests {
    use maftia_codec::Wire as _;
    use maftia_crypto::SigningKey;
    use maftia_types::{ClientId, Epoch, FaultModel, Powers, Resilience};

    use super::*;
    use crate::keys::{Act, GENESIS_KEYS, Operation, Ordered, Refusal, Reply, Scheme, Setup};

    fn suite() -> Suite {
        let setup = Setup {
            group: Digest([1; 32]),
            epoch: Epoch(0),
            resilience: Resilience::new(FaultModel::Arbitrary, 4, 1, 0).unwrap(),
            sites: (0..4)
                .map(|seed| SigningKey::from_seed([seed; 32]).public())
                .collect(),
            clients: vec![Powers::ALL, Powers::NONE],
            approvals: 1,
        };
        Suite::new(Ordered::new(setup, GENESIS_KEYS))
    }

    fn apply(suite: &mut Suite, operation: &Bytes) -> Bytes {
        apply_as(0, suite, operation)
    }

    fn apply_as(key: u32, suite: &mut Suite, operation: &Bytes) -> Bytes {
        let context = Context {
            position: 1,
            commit_time_ms: 5,
            client: ClientId { key, session: 0 },
        };
        let mut reply = Vec::new();
        suite.apply(&context, operation, &mut reply);
        reply.into()
    }

    fn create(name: &str) -> Bytes {
        keys_operation(&Operation::Change(Act::Create {
            name: name.to_owned(),
            scheme: Scheme::Seal,
            policy: None,
        }))
    }

    fn chunks(snapshot: &Arc<dyn Snapshot>) -> Vec<Bytes> {
        let count = snapshot.manifest().len();
        (0..count).map(|at| snapshot.chunk(at).unwrap()).collect()
    }

    #[test]
    fn each_service_gets_its_own_operations_and_comes_back_from_a_snapshot() {
        let mut suite = suite();
        let put = kv::Operation::put("k", "v").to_bytes();
        let before = apply(&mut suite, &put);
        assert!(kv::Response::from_bytes(before).is_ok());
        let begun = Reply::from_bytes(apply(&mut suite, &create("vault"))).unwrap();
        assert!(matches!(begun, Reply::Begun { .. }));

        let snapshot = suite.snapshot();
        let mut other = self::suite();
        assert_ne!(other.snapshot().root(), snapshot.root());
        let chunks = chunks(&snapshot);
        for (chunk, digest) in chunks.iter().zip(snapshot.manifest()) {
            assert_eq!(other.chunk_digest(chunk), Some(*digest));
        }
        other.restore(&chunks).unwrap();
        assert_eq!(other.snapshot().root(), snapshot.root());
        let taken = Reply::from_bytes(apply(&mut other, &create("vault"))).unwrap();
        assert_eq!(taken, Reply::Refused(Refusal::NameTaken));
    }

    #[test]
    fn a_client_without_the_power_to_operate_neither_reads_nor_writes_the_store() {
        let mut suite = suite();
        let refused = kv::Response::Refused(kv::Refusal::NotPermitted);
        let before = suite.snapshot().root();
        for operation in [kv::Operation::put("k", "v"), kv::Operation::get("k")] {
            for (key, permitted) in [(0, true), (1, false), (2, false)] {
                let mut suite = self::suite();
                let answer = apply_as(key, &mut suite, &operation.to_bytes());
                let answer = kv::Response::from_bytes(answer).unwrap();
                assert_eq!(answer != refused, permitted, "client {key}");
                let same = suite.snapshot().root() == before;
                assert!(permitted || same);
            }
        }
    }

    #[test]
    fn chunks_that_lack_a_service_change_nothing() {
        let mut suite = suite();
        apply(&mut suite, &create("vault"));
        let before = suite.snapshot();
        let mut chunks = chunks(&before);
        chunks.pop();
        assert!(suite.restore(&chunks).is_err());
        assert!(suite.restore(&[]).is_err());
        assert_eq!(suite.snapshot().root(), before.root());
    }
}
