//! The site daemon: configuration, log, links and replica wired into one loop.

mod chain;
mod control;
mod daemon;
mod error;
mod harness;
mod http;
mod intruder;
mod metrics;
mod performer;
mod run;
mod sites;
mod status;
mod stopped;
mod store;
mod vault;

pub use control::Control;
pub use error::SiteError;
pub use harness::{Harness, NoHarness};
pub use run::{Site, run};
pub use status::{CheckpointStatus, EvidenceStatus, PeerStatus, SiteStatus};
pub use stopped::{Stopped, StoppedError, stopped};
pub use store::{Incomplete, StoreError, create, create_with};
