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
    ($($name:ident,)*) => {
        /// Rare things that a campaign must reach.
        #[derive(Clone, Copy, Debug, Default)]
        pub(crate) struct Sometimes {
            $(pub(crate) $name: u64,)*
        }

        impl Sometimes {
            pub(crate) fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)*
            }

            /// The lesser of each.
            pub(crate) fn least(&self, other: &Self) -> Self {
                Self { $($name: self.$name.min(other.$name),)* }
            }
        }
    };
}

sometimes! {
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
    reincarnations,
    resent,
}
