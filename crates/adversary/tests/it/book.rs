//! What the clients asked for and what came of it: shared by clients and properties.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;
use maftia_replica::RequestId;
use maftia_types::{Digest, Time};

pub(crate) type Shared = Rc<RefCell<Book>>;

/// Everything clients sent and learnt in one run.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) asked: BTreeMap<RequestId, Asked>,
    /// By position: what correct sites say was executed there.
    pub(crate) executed: BTreeMap<u64, (RequestId, Digest)>,
    pub(crate) healed: bool,
    pub(crate) sometimes: Sometimes,
}

/// A request as its client knows it.
#[derive(Debug)]
pub(crate) struct Asked {
    /// One body; several if the client is hostile.
    pub(crate) bodies: Vec<Bytes>,
    pub(crate) called: Time,
    /// When f+1 sites agreed, on which position and result.
    pub(crate) returned: Option<(Time, u64, Digest)>,
}

macro_rules! sometimes {
    ($all:ident: $($name:ident,)*) => {
        /// Rare things that a campaign must reach.
        #[derive(Clone, Copy, Debug, Default)]
        pub(crate) struct $all {
            $(pub(crate) $name: u64,)*
        }

        #[allow(dead_code, reason = "one campaign needs this of it, another that")]
        impl $all {
            pub(crate) fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)*
            }

            /// The lesser of each.
            pub(crate) fn least(&self, other: &Self) -> Self {
                Self { $($name: self.$name.min(other.$name),)* }
            }

            /// Each by name.
            pub(crate) fn named(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)*]
            }
        }
    };
}

pub(crate) use sometimes;

sometimes! {
    Sometimes:
    requests,
    executed,
    hostile_executed,
    checkpoints,
    transfers,
    convictions,
    suspicions,
    images,
    rounds,
    blocks,
    commits,
    fast_commits,
    known_commits,
    coin_commits,
    digest_replies,
    forgotten,
    reincarnations,
    resent,
}
