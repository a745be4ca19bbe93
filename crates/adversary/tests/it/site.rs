//! How a site is built from its disk.

use std::rc::Rc;

use maftia_activity::kv::Store;
use maftia_codec::Wire;
use maftia_crypto::SigningKey;
use maftia_ordering::coin::{Coin, SimulatedCoin};
use maftia_ordering::{Asynchronous, Identity, Parameters};
use maftia_protocol::Step;
use maftia_replica::{Boot as ReplicaBoot, Message, Output, Record, Replica, Restored, Settings};
use maftia_simulator::{Boot, Item, Subject, fingerprint_of_bytes, fingerprint_of_debug};
use maftia_types::{Digest, SiteId};

use crate::devices::Devices;

/// Mock signatures or real ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Keys {
    Mock,
    Real,
}

impl Keys {
    pub(crate) fn of(self, index: usize) -> SigningKey {
        match self {
            Self::Mock => SigningKey::mock(index as u64),
            Self::Real => SigningKey::from_seed([index as u8 + 1; 32]),
        }
    }
}

/// Whether the coin leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asynchrony {
    Never,
    Auto,
    Always,
}

/// What all sites of a world are built with.
#[derive(Debug)]
pub(crate) struct Blueprint {
    pub(crate) parameters: Parameters,
    /// In the row `hybrid`.
    pub(crate) devices: Devices,
    pub(crate) settings: Settings,
    pub(crate) keys: Keys,
    pub(crate) asynchrony: Asynchrony,
}

impl Blueprint {
    /// Of one site: each has its own share of the coin's key.
    fn parameters(&self, me: SiteId) -> Parameters {
        let quorum = self.parameters.resilience.quorum();
        let coin = Coin::new(SimulatedCoin::new(7, quorum, Some(me)));
        let asynchronous = match self.asynchrony {
            Asynchrony::Never => Asynchronous::Never,
            Asynchrony::Auto => Asynchronous::Auto(coin),
            Asynchrony::Always => Asynchronous::Always(coin),
        };
        Parameters {
            asynchronous,
            seals: self.devices.seals(me),
            ..self.parameters.clone()
        }
    }

    pub(crate) fn sites(&self) -> usize {
        self.parameters.resilience.sites()
    }
}

pub(crate) struct Site(pub(crate) Rc<Blueprint>);

impl Subject for Site {
    type Protocol = Replica;

    /// The newest image, then the log behind it. A disk that was wiped and has nothing on it since
    /// is a lost log; one that has been written to again tells by itself how far it had come.
    fn boot(&mut self, boot: Boot<'_, Record>) -> (Replica, Step<Replica>) {
        let n = self.0.sites();
        if boot.wiped && boot.records.is_empty() {
            self.0.devices.host_replaced(boot.site, boot.incarnation);
        }
        let image = boot
            .records
            .iter()
            .rposition(|r| matches!(r, Record::Image(_)));
        let log = boot
            .records
            .get(image.map_or(0, |at| at + 1)..)
            .unwrap_or_default();
        let image = image.and_then(|at| match &boot.records[at] {
            Record::Image(image) => Some(Restored::from_chunks(image.chunks().collect()).unwrap()),
            Record::Ordering(_) | Record::Vault(_) | Record::Chain(_) => None,
        });
        let records = log
            .iter()
            .filter_map(|record| match record {
                Record::Ordering(record) => Some(record.clone()),
                Record::Image(_) | Record::Vault(_) | Record::Chain(_) => None,
            })
            .collect();
        let disk = ReplicaBoot {
            image,
            records,
            lost: boot.wiped && boot.records.is_empty(),
            nonce: u64::from(boot.incarnation) << 8 | u64::from(boot.site.as_u8()),
            site_half: None,
            beginning: None,
        };
        let identity = Identity {
            me: boot.site,
            key: self.0.keys.of(boot.site.index()),
            keys: (0..n).map(|i| self.0.keys.of(i).public()).collect(),
        };
        let parameters = self.0.parameters(boot.site);
        let machine = Box::new(Store::default());
        Replica::boot(
            parameters,
            self.0.settings,
            identity,
            machine,
            disk,
            boot.now,
        )
        .expect("an image that this program wrote decodes")
    }

    fn fingerprint(&self, item: Item<'_, Replica>) -> u64 {
        match item {
            Item::Message(message) => of_message(message),
            Item::Record(Record::Image(image)) => image.index(),
            Item::Record(Record::Ordering(maftia_ordering::Record::Block { block, .. })) => {
                of_digest(&block.digest())
            }
            Item::Record(Record::Ordering(record)) => fingerprint_of_debug(record),
            Item::Record(Record::Vault(vault)) => fingerprint_of_bytes(vault.expose()),
            Item::Record(Record::Chain(chain)) => fingerprint_of_debug(chain),
            Item::Output(Output::Replies {
                client, replies, ..
            }) => {
                let last = replies.last().map_or(0, |reply| reply.sequence.0);
                u64::from(client.key) << 48 | u64::from(client.session) << 32 | last
            }
            Item::Output(output) => fingerprint_of_debug(output),
            Item::Command(command) => fingerprint_of_debug(command),
        }
    }

    fn is_snapshot(&self, record: &Record) -> bool {
        matches!(record, Record::Image(_))
    }

    fn describe(&self, item: Item<'_, Replica>) -> String {
        match item {
            Item::Message(message) => describe_message(message),
            Item::Record(Record::Ordering(maftia_ordering::Record::Block { block, payload })) => {
                format!(
                    "{:?} {:?}",
                    block.reference(),
                    payload.as_ref().map(|p| p.len())
                )
            }
            Item::Record(record) => format!("{record:?}"),
            Item::Output(output) => format!("{output:?}"),
            Item::Command(command) => format!("{command:?}"),
        }
    }
}

pub(crate) fn of_digest(digest: &Digest) -> u64 {
    digest
        .as_bytes()
        .iter()
        .take(8)
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

pub(crate) fn of_message(message: &Message) -> u64 {
    match message {
        Message::Ordering(_, maftia_ordering::Message::Block { block, payload }) => {
            of_digest(&block.digest()) ^ u64::from(payload.is_some())
        }
        other => fingerprint_of_bytes(&other.to_bytes()),
    }
}

pub(crate) fn describe_message(message: &Message) -> String {
    match message {
        Message::Ordering(_, maftia_ordering::Message::Block { block, payload }) => {
            let (own, len) = (block.reference(), payload.as_ref().map(|p| p.len()));
            let parents: String = block
                .header()
                .parents
                .iter()
                .map(|p| format!(" {}{}#{:?}", p.author, p.round, p.digest))
                .collect();
            let of = block.header().payload_len;
            format!(
                "block {}{} {:?} {len:?} of {of} on{parents}",
                own.author, own.round, own.digest
            )
        }
        Message::Ordering(_, other) => format!("{other:?}"),
        Message::Transfer(other) => format!("{other:?}").chars().take(120).collect(),
        Message::Pair(bytes) => format!("pair, {} bytes", bytes.len()),
        Message::Passage(passage) => format!("{passage:?}"),
    }
}

/// The sites of a group of `n` that are not in `corrupted`.
pub(crate) fn correct(n: usize, corrupted: maftia_types::SiteSet) -> Vec<SiteId> {
    SiteId::all(n)
        .filter(|site| !corrupted.contains(*site))
        .collect()
}
