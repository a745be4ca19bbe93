mod format;
mod generate;
mod limits;
mod model;
mod random;
mod semantics;
mod snapshots;

use std::sync::Arc;

use bytes::Bytes;
use maftia_codec::Wire;
use maftia_types::ClientId;

use super::*;
use crate::replication::{Context, Snapshot, StateMachine};

fn context() -> Context {
    Context {
        position: 1,
        commit_time_ms: 0,
        client: ClientId { key: 0, session: 0 },
    }
}

fn ask_bytes(store: &mut Store, operation: &Bytes) -> Response {
    let mut reply = b"before".to_vec();
    store.apply(&context(), operation, &mut reply);
    let reply = Bytes::from(reply);
    assert!(reply.starts_with(b"before"), "apply only appends");
    let reply = reply.slice(6..);
    assert!(reply.len() <= RESPONSE_BYTES_MAX);
    let response = Response::from_bytes(reply.clone()).expect("every answer decodes");
    assert_eq!(response.to_bytes(), reply, "an answer is canonical");
    response
}

fn ask(store: &mut Store, operation: impl Into<Operation>) -> Response {
    ask_bytes(store, &operation.into().to_bytes())
}

fn refusal(store: &mut Store, operation: impl Into<Operation>) -> Option<Refusal> {
    let root = store.snapshot().root();
    let response = ask(store, operation);
    if response.refusal().is_some() {
        assert_eq!(store.snapshot().root(), root, "a refusal leaves no trace");
    }
    response.refusal()
}

fn chunks(snapshot: &Arc<dyn Snapshot>) -> Vec<Bytes> {
    let count = snapshot.manifest().len();
    assert_eq!(snapshot.chunk(count), None);
    (0..count).map(|i| snapshot.chunk(i).unwrap()).collect()
}

fn previous(mut action: Action) -> Action {
    match &mut action {
        Action::Put { previous, .. } | Action::Delete { previous, .. } => *previous = true,
        _ => panic!("no such option"),
    }
    action
}
