//! The ordering engine.

mod accept;
mod block;
mod boot;
mod committer;
mod dag;
mod draft;
mod engine;
mod fault;
mod history;
mod linearizer;
mod message;
mod pacemaker;
mod parameters;
mod peers;
mod propose;
mod record;
mod recovery;
mod rule;
mod schedule;
mod suspended;
mod synchroniser;
mod validity;

pub use block::{Block, BlockRef, HEADER_BYTES_MAX, Header, IndexedDigest, payload_digest};
pub use boot::{Boot, Identity};
pub use committer::Committer;
pub use dag::{Dag, Entry};
pub use draft::{DRAFT_BYTES_MAX, DraftFull};
pub use engine::{Command, Engine, Output};
pub use fault::{Equivocation, Invalid, Misbehaviour, NoProof};
pub use linearizer::{Commit, Frontier};
pub use message::{FETCH_MAX, INLINE_PAYLOAD_BYTES_MAX, Knowledge, Message};
pub use parameters::{CheckpointPolicy, PAYLOAD_BYTES_MAX, Pacing, Parameters};
pub use record::Record;
pub use recovery::{RecoveryStatement, Standing};
pub use rule::Verdict;
pub use schedule::Schedule;
pub use validity::{check_alone, check_parents, choose_parents};

#[cfg(test)]
mod tests;
