//! One site's whole behaviour as one [`Protocol`](maftia_protocol::Protocol).

mod catch_up;
mod chain;
mod checkpoint;
mod client_link;
mod fault;
mod image;
mod intake;
mod item;
mod ledger;
mod limits;
mod message;
mod replica;
mod sessions;
mod status;
mod transfer;
mod vouches;

pub use client_link::{
    BATCH_MAX, ClientMessage, Fate, Reply, STATUS_BYTES_MAX, SiteMessage, result_digest,
};
pub use fault::Misbehaviour;
pub use image::{Image, Restored};
pub use item::{Item, RequestId, items, request_digest};
pub use ledger::Executed;
pub use limits::{
    Limits, QUEUED_BYTES_PER_KEY, REQUEST_BYTES_MAX, RESULT_BYTES_MAX, RESULT_INLINE_BYTES_MAX,
};
pub use message::{CHUNK_BYTES_MAX, MANIFEST_MAX, Message, Transfer};
pub use replica::{Boot, BootError, Command, Output, Record, Replica, Settings};
pub use status::{Activity, Status};
