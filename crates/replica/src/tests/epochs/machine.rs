//! One machine of a group whose sites change: its disk, its lives, and how it starts.

use maftia_activity::keys::coin::genesis_keys;
use maftia_activity::keys::{Ordered, Setup, Site};
use maftia_activity::kv;
use maftia_activity::replication::StateMachine;
use maftia_activity::suite::Suite;
use maftia_crypto::{PublicKey, SigningKey};
use maftia_membership::{Member, View};
use maftia_ordering::{CheckpointPolicy, Identity, Pacing, Parameters};
use maftia_protocol::{Protocol, Step};
use maftia_types::{CoinUse, Epoch, Fault, FaultModel, Resilience, SiteId, Time};

use super::super::harness::CONFIG;
use crate::{Beginning, Boot, Misbehaviour, Output, Record, Replica, Restored, Settings, Vault};

pub(super) struct Machine {
    pub(super) replica: Replica,
    pub(super) records: Vec<Record>,
    pub(super) outputs: Vec<Output>,
    pub(super) faults: Vec<Fault<Misbehaviour>>,
    /// Whether it is switched off: it hears nothing, does nothing.
    pub(super) off: bool,
    /// Whether it may blame somebody.
    pub(super) may_blame: bool,
    /// Whether its log is gone when it starts next.
    pub(super) lost_log: bool,
    /// With whom it has links, by its ids.
    pub(super) links: Vec<PublicKey>,
    pub(super) beginning: Beginning,
    pub(super) lives: u64,
}

/// What a machine finds when it starts.
pub(super) struct Life<'a> {
    pub(super) records: &'a [Record],
    pub(super) number: u64,
    pub(super) lost: bool,
}

impl Life<'_> {
    pub(super) const fn first() -> Self {
        Self {
            records: &[],
            number: 1,
            lost: false,
        }
    }
}

pub(super) fn key(of: usize) -> SigningKey {
    SigningKey::mock(of as u64)
}

/// What the group's file says of a machine.
pub(super) fn member(of: usize) -> Member {
    let port = 7000 + u16::try_from(of).unwrap();
    Member {
        name: format!("s{of}"),
        key: key(of).public(),
        address: Some(([127, 0, 0, 1], port).into()),
        http: None,
    }
}

pub(super) fn founded_by(n: usize) -> View {
    let resilience = Resilience::largest(FaultModel::Arbitrary, n).unwrap();
    let sites = (0..n).map(|of| (member(of).name, key(of).public()));
    View::genesis(CONFIG, resilience, sites).unwrap()
}

/// Starts a machine; `founders` are those of the group's keys, if it has them.
pub(super) fn start(
    of: usize,
    (beginning, founders, coin): (&Beginning, Option<&View>, CoinUse),
    life: &Life<'_>,
    now: Time,
) -> (Replica, Step<Replica>) {
    let view = &beginning.view;
    let parameters = Parameters {
        config: CONFIG,
        epoch: Epoch(0),
        resilience: view.resilience(),
        asynchronous: maftia_ordering::Asynchronous::Never,
        seals: None,
        delivery_depth: 16,
        fast_path: false,
        checkpoints: CheckpointPolicy {
            commits: 16,
            ..CheckpointPolicy::default()
        },
        pacing: Pacing::default(),
    };
    let identity = Identity {
        me: SiteId::new(0).unwrap(),
        key: key(of),
        keys: view.keys(),
    };
    let settings = Settings {
        image_bytes: 64 * 1024,
        coin,
        ..Settings::default()
    };
    let machine: Box<dyn StateMachine> = match founders {
        Some(founders) => {
            let genesis = genesis_keys(coin);
            Box::new(Suite::new(Ordered::new(setup(founders), &genesis)))
        }
        None => Box::new(kv::Store::default()),
    };
    let half = founders.map(|_| half(of, life));
    let boot = boot(beginning, life, half);
    Replica::boot(parameters, settings, identity, machine, boot, now).unwrap()
}

fn setup(founders: &View) -> Setup {
    Setup {
        clients: vec![maftia_types::Powers::ALL],
        approvals: 1,
        group: CONFIG,
        epoch: Epoch(0),
        resilience: founders.resilience(),
        sites: founders.keys(),
    }
}

fn half(of: usize, life: &Life<'_>) -> Site {
    let vault = vault(life.records).map(|vault| vault.expose().to_vec());
    let mut seed = [u8::try_from(of).unwrap(); 32];
    seed[0] = u8::try_from(life.number).unwrap();
    Site::new(
        SiteId::new(0).unwrap(),
        CONFIG,
        key(of),
        vault.as_deref(),
        seed,
    )
    .unwrap()
}

/// The newest vault on a disk.
pub(super) fn vault(records: &[Record]) -> Option<Vault> {
    records.iter().rev().find_map(|record| match record {
        Record::Vault(vault) => Some(vault.clone()),
        _ => None,
    })
}

fn boot(beginning: &Beginning, life: &Life<'_>, site_half: Option<Site>) -> Boot {
    let records = life.records;
    let chain = records.iter().rev().find_map(|record| match record {
        Record::Chain(chain) => Some(chain.clone()),
        _ => None,
    });
    let is_image = |record: &Record| matches!(record, Record::Image(_));
    let image = records.iter().rposition(is_image);
    let log = records.iter().skip(image.unwrap_or(0));
    let log = log.filter_map(|record| match record {
        Record::Ordering(record) => Some(record.clone()),
        _ => None,
    });
    let image = image.map(|at| match &records[at] {
        Record::Image(image) => Restored::from_chunks(image.chunks().collect()).unwrap(),
        _ => unreachable!("it was looked for"),
    });
    Boot {
        image,
        records: log.collect(),
        lost: life.lost,
        nonce: life.number,
        site_half,
        beginning: Some(Beginning {
            chain: chain.unwrap_or_default(),
            ..beginning.clone()
        }),
    }
}

impl Machine {
    pub(super) fn new(replica: Replica, beginning: Beginning) -> Self {
        Self {
            replica,
            records: Vec::new(),
            outputs: Vec::new(),
            faults: Vec::new(),
            off: false,
            may_blame: false,
            lost_log: false,
            links: Vec::new(),
            beginning,
            lives: 1,
        }
    }

    /// The log is lost, and with it the certificates or not; they are a file of their own.
    pub(super) fn lose_log(&mut self, with_chain: bool) {
        self.records.retain(|record| match record {
            Record::Vault(_) => true,
            Record::Chain(_) => !with_chain,
            Record::Ordering(_) | Record::Image(_) => false,
        });
        self.lost_log = true;
    }

    pub(super) fn epoch(&self) -> u64 {
        let state = self.replica.membership();
        state.map_or(0, |state| state.view().epoch().0)
    }

    pub(super) fn is_in(&self, epoch: u64) -> bool {
        !self.replica.is_hollow() && self.epoch() == epoch
    }

    pub(super) fn has_left(&self) -> bool {
        self.outputs
            .iter()
            .any(|output| matches!(output, Output::Left(_)))
    }

    /// Whether it is on, and serves as a member.
    pub(super) fn is_seated(&self) -> bool {
        !self.off && self.replica.is_serving()
    }

    /// Whether somebody can prove to it and others that this is the view.
    pub(super) fn is_certified(&self) -> bool {
        let epochs = self.replica.epochs.as_ref().unwrap();
        epochs.handing.is_none()
    }

    pub(super) fn describe(&self) -> String {
        let status = self.replica.status();
        let epochs = self.replica.epochs.as_ref().unwrap();
        let state = self.replica.membership();
        format!(
            "{} off {} epoch {} hollow {} ask {:?} handing {:?} left {} {:?} {:?} commit {} position {} \
             tip {} draft {} pending {:?}\n",
            self.replica.me(),
            self.off,
            self.epoch(),
            epochs.hollow,
            epochs.ask_at,
            epochs.handing.is_some(),
            self.has_left(),
            status.activity,
            self.replica.engine().standing(),
            status.commit,
            status.position,
            status.tip,
            status.draft_bytes,
            state.and_then(|own| own.pending()).map(|own| own.ready),
        ) + &format!("   next {:?}\n", self.replica.next_timeout())
    }
}
