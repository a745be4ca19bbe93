use bytes::Bytes;
use maftia_activity::kv::{
    OPERATION_BYTES_MAX, Operation, RESPONSE_BYTES_MAX, Response, STATE_BYTES_MAX, Store,
};
use maftia_activity::replication::{Context, StateMachine};
use maftia_codec::Wire;
use maftia_replica::Restored;
use maftia_types::ClientId;

use crate::split;

/// The store answers any operation, with an answer that decodes and is bounded.
pub(crate) fn operation(bytes: &[u8]) -> bool {
    let bytes = Bytes::copy_from_slice(bytes);
    let mut store = store();
    let before = store.snapshot().root();
    let mut reply = Vec::new();
    store.apply(&context(), &bytes, &mut reply);
    assert!(reply.len() <= RESPONSE_BYTES_MAX, "an answer is bounded");
    let response = Response::from_bytes(reply.into()).expect("an answer decodes");
    let Ok(operation) = Operation::read(&bytes) else {
        assert!(
            response.refusal().is_some(),
            "what does not read is refused"
        );
        assert_eq!(store.snapshot().root(), before, "a refusal changes nothing");
        return false;
    };
    assert!(bytes.len() <= OPERATION_BYTES_MAX);
    assert_eq!(
        operation.to_bytes(),
        bytes,
        "two encodings of one operation"
    );
    true
}

/// Chunks are refused, or become a state that gives the same chunks.
pub(crate) fn chunks(bytes: &[u8]) -> bool {
    let parts = split(bytes);
    let mut store = store();
    let before = store.snapshot().root();
    for part in &parts {
        let _known = store.chunk_digest(part);
    }
    if store.restore(&parts).is_err() {
        assert_eq!(store.snapshot().root(), before, "a refusal changes nothing");
        return false;
    }
    let snapshot = store.snapshot();
    let given: Vec<_> = (0..snapshot.manifest().len())
        .filter_map(|i| snapshot.chunk(i))
        .collect();
    assert_eq!(given, parts, "two encodings of one state");
    for (part, digest) in parts.iter().zip(snapshot.manifest()) {
        assert_eq!(
            store.chunk_digest(part).as_ref(),
            Some(digest),
            "the digest peers check"
        );
    }
    let put = Operation::put("key", "value").to_bytes();
    store.apply(&context(), &put, &mut Vec::new());
    true
}

/// The parts of a site's own snapshot.
pub(crate) fn image(bytes: &[u8]) -> bool {
    Restored::from_chunks(split(bytes)).is_ok()
}

/// A store with a few entries.
pub(crate) fn store() -> Store {
    let mut store = Store::new(STATE_BYTES_MAX);
    for key in ["a", "b", "key"] {
        let put = Operation::put(key, "a value").to_bytes();
        store.apply(&context(), &put, &mut Vec::new());
    }
    store
}

pub(crate) fn context() -> Context {
    Context {
        position: 1,
        commit_time_ms: 1,
        client: ClientId { key: 0, session: 0 },
    }
}
