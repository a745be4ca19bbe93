//! What all machines of a world are built with, and what an operator has put on each.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use maftia_activity::keys::coin::genesis_keys;
use maftia_activity::keys::{Ordered, Setup, Site};
use maftia_activity::replication::StateMachine;
use maftia_activity::suite::Suite;
use maftia_crypto::{PublicKey, SigningKey};
use maftia_membership::membership::Policy;
use maftia_membership::{Certificate, Member, View};
use maftia_ordering::{Identity, Parameters};
use maftia_protocol::Step;
use maftia_replica::{Beginning, Boot, Record, Replica, Restored, Settings, Vault};
use maftia_types::{Digest, Duration, Power, Powers, SiteId, Time};

use super::seats::Seats;

/// The group.
pub(crate) const GROUP: Digest = Digest([5; 32]);
/// The client key that may change the members.
pub(crate) const OPERATOR: u32 = 8;
/// Client keys in the group's file.
const CLIENTS: u64 = 10;

/// What all machines of a world are built with.
#[derive(Debug)]
pub(crate) struct Estate {
    pub(crate) parameters: Parameters,
    pub(crate) settings: Settings,
    pub(crate) machines: usize,
    pub(crate) founders: View,
    /// Whether the group has its keyed services, with real cryptography.
    pub(crate) keyed: bool,
    /// Pause between two times at which a machine's links come up anew.
    pub(crate) relink: Duration,
    /// The files from which a machine starts for the first time. They outlive its disk.
    pub(crate) files: RefCell<BTreeMap<SiteId, Beginning>>,
    /// Machines that have been started.
    pub(crate) started: RefCell<Vec<SiteId>>,
    /// How far all clocks have been put on.
    pub(crate) skipped: Cell<Duration>,
}

/// A record as it lies on a machine's disk. Secrets and certificates are files of their own in a
/// real site; here an image, which takes everything before it off the disk, carries them along.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) record: Record,
    pub(crate) vault: Option<Vault>,
    pub(crate) chain: Option<Vec<Certificate>>,
}

/// What a machine finds when it starts.
pub(crate) struct Life<'a> {
    pub(crate) records: &'a [Written],
    pub(crate) wiped: bool,
    pub(crate) number: u32,
}

pub(crate) fn key(machine: SiteId) -> SigningKey {
    SigningKey::mock(machine.index() as u64)
}

/// What the group's file says of a machine.
pub(crate) fn member(machine: SiteId) -> Member {
    let port = 7000 + u16::from(machine.as_u8());
    Member {
        name: format!("s{}", machine.as_u8()),
        key: key(machine).public(),
        address: Some(([127, 0, 0, 1], port).into()),
        http: None,
    }
}

/// The newest secrets on a disk.
pub(crate) fn vault(records: &[Written]) -> Option<Vault> {
    records.iter().rev().find_map(|own| match &own.record {
        Record::Vault(vault) => Some(vault.clone()),
        _ => own.vault.clone(),
    })
}

/// The newest certificates on a disk.
pub(crate) fn chain(records: &[Written]) -> Option<Vec<Certificate>> {
    records.iter().rev().find_map(|own| match &own.record {
        Record::Chain(chain) => Some(chain.clone()),
        _ => own.chain.clone(),
    })
}

impl Estate {
    /// The files of one who begins with this view.
    pub(crate) fn beginning(view: &View, joiners: Vec<Member>) -> Beginning {
        let powers = |client: u64| match client {
            client if client == u64::from(OPERATOR) => Powers::ALL,
            _ => [Power::Operate].into_iter().collect(),
        };
        let key = |client: u64| SigningKey::mock(1000 + client).public();
        Beginning {
            view: view.clone(),
            joiners,
            policy: Policy::default(),
            clients: (0..CLIENTS).map(|own| (key(own), powers(own))).collect(),
            chain: Vec::new(),
            restored: false,
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = SiteId> + use<> {
        SiteId::all(self.machines)
    }

    /// The machine that has a key.
    pub(crate) fn machine(&self, wanted: &PublicKey) -> Option<SiteId> {
        self.all().find(|machine| key(*machine).public() == *wanted)
    }

    /// Starts a machine from its files and its disk.
    pub(crate) fn start(
        &self,
        machine: SiteId,
        life: &Life<'_>,
        now: Time,
    ) -> Option<(Replica, Step<Replica>)> {
        let beginning = self.files.borrow().get(&machine)?.clone();
        let mut started = self.started.borrow_mut();
        if !started.contains(&machine) {
            started.push(machine);
        }
        let parameters = Parameters {
            resilience: beginning.view.resilience(),
            ..self.parameters.clone()
        };
        let identity = Identity {
            me: SiteId::all(1).next()?,
            key: key(machine),
            keys: beginning.view.keys(),
        };
        let half = self.keyed.then(|| half(machine, life));
        let boot = boot(machine, beginning, life, half);
        let started = Replica::boot(
            parameters,
            self.settings,
            identity,
            self.state_machine(),
            boot,
            now,
        );
        Some(started.expect("an image that this program wrote decodes"))
    }

    fn state_machine(&self) -> Box<dyn StateMachine> {
        if !self.keyed {
            return Box::new(Seats::new(self.founders.keys(), self.founders.resilience()));
        }
        let setup = Setup {
            clients: vec![Powers::ALL; usize::try_from(CLIENTS).unwrap()],
            approvals: 1,
            group: GROUP,
            epoch: self.founders.epoch(),
            resilience: self.founders.resilience(),
            sites: self.founders.keys(),
        };
        let genesis = genesis_keys(self.settings.coin);
        Box::new(Suite::new(Ordered::new(setup, &genesis)))
    }
}

fn half(machine: SiteId, life: &Life<'_>) -> Site {
    let kept = vault(life.records).map(|vault| vault.expose().to_vec());
    let mut seed = [machine.as_u8(); 32];
    seed[..4].copy_from_slice(&life.number.to_le_bytes());
    let first = SiteId::all(1).next().unwrap();
    Site::new(first, GROUP, key(machine), kept.as_deref(), seed).unwrap()
}

fn boot(machine: SiteId, beginning: Beginning, life: &Life<'_>, site_half: Option<Site>) -> Boot {
    let records = life.records;
    let is_image = |own: &Written| matches!(own.record, Record::Image(_));
    let image = records.iter().rposition(is_image);
    let log = records.iter().skip(image.unwrap_or(0));
    let log = log.filter_map(|own| match &own.record {
        Record::Ordering(record) => Some(record.clone()),
        _ => None,
    });
    let log: Vec<_> = log.collect();
    let image = image.map(|at| match &records[at].record {
        Record::Image(image) => Restored::from_chunks(image.chunks().collect()).unwrap(),
        _ => unreachable!("it was looked for"),
    });
    Boot {
        lost: life.wiped && log.is_empty() && image.is_none(),
        image,
        records: log,
        nonce: u64::from(life.number) << 8 | u64::from(machine.as_u8()),
        site_half,
        beginning: Some(Beginning {
            chain: chain(records).unwrap_or_default(),
            ..beginning
        }),
    }
}
