use bytes::Bytes;
use maftia_activity::keys::{GENESIS_KEYS, Ordered, Setup};
use maftia_activity::suite::Suite;
use maftia_backup::{Backup, BackupWriter, Preamble, Provenance, examine};
use maftia_config::{Generated, Kind, Plan, generate};
use maftia_crypto::SigningKey;
use maftia_membership::membership::Policy;
use maftia_ordering::{CheckpointPolicy, Identity, Pacing, Parameters};
use maftia_replica::{Beginning, Boot, Copied, Replica, Settings};
use maftia_types::{Epoch, SiteId, Time};

/// A backup is whole and what its head says, or it is refused.
pub(crate) fn backup(bytes: &[u8]) -> bool {
    let Ok(mut backup) = Backup::open(bytes, None) else {
        return false;
    };
    examine(&mut backup, |_| {}).is_ok()
}

pub(crate) fn backup_seeds() -> Vec<Bytes> {
    let (preamble, copied) = sample();
    let dir = tempfile::tempdir().expect("a scratch folder");
    let path = dir.path().join("backup");
    let mut writer = BackupWriter::create(&path, &preamble).expect("a scratch disk works");
    while let Some((place, _)) = writer.wanted() {
        let chunk = copied.chunk(place).expect("as many chunks as digests");
        writer.append(&chunk).expect("it is the right one");
    }
    writer.finish().expect("a scratch disk works");
    vec![std::fs::read(path).expect("it was written").into()]
}

pub(crate) fn preamble_seeds() -> Vec<Bytes> {
    let (preamble, _) = sample();
    let provenance = Provenance::Signed {
        key: [1; 96],
        signature: [2; 48],
    };
    let signed = Preamble {
        provenance,
        ..preamble.clone()
    };
    [preamble, signed]
        .map(|own| maftia_codec::Wire::to_bytes(&own))
        .to_vec()
}

/// The state with which a group of one site begins.
fn sample() -> (Preamble, Copied) {
    let plan = Plan {
        name: "sample".to_owned(),
        kind: Kind::Dev,
        sites: vec![([127, 0, 0, 1], 7101).into()],
        http: Vec::new(),
        clients: vec!["agent".to_owned()],
        member_approvals: std::num::NonZeroU8::MIN,
        fast_path: None,
        asynchronous: maftia_types::CoinUse::Never,
    };
    let made = generate(plan, &mut crate::samples::rng()).expect("the plan is sound");
    let copied = site(&made).copy().expect("it begins with a state");
    let preamble = Preamble {
        group: made.group.text().expect("a group has a TOML form"),
        views: Vec::new(),
        head: *copied.head(),
        provenance: Provenance::Site {
            name: "A".to_owned(),
            signed: 0,
            older: true,
        },
        digests: copied.digests().to_vec(),
    };
    (preamble, copied)
}

fn site(made: &Generated) -> Replica {
    let group = &made.group;
    let parameters = Parameters {
        config: *group.digest(),
        epoch: Epoch(0),
        resilience: group.resilience(),
        fast_path: false,
        asynchronous: maftia_ordering::Asynchronous::Never,
        seals: None,
        delivery_depth: 16,
        checkpoints: CheckpointPolicy::default(),
        pacing: Pacing::default(),
    };
    let setup = Setup {
        group: *group.digest(),
        epoch: Epoch(0),
        resilience: group.resilience(),
        sites: group.site_keys(),
        clients: group.powers(),
        approvals: 1,
    };
    let seed = made.sites.first().and_then(|own| own.key.seed());
    let identity = Identity {
        me: SiteId::new(0).expect("there is a first site"),
        key: SigningKey::from_seed(*seed.expect("a generated key has a seed")),
        keys: group.site_keys(),
    };
    let boot = Boot {
        beginning: Some(Beginning {
            view: group.view().clone(),
            joiners: Vec::new(),
            policy: Policy::default(),
            clients: Vec::new(),
            chain: Vec::new(),
            restored: false,
        }),
        ..Boot::default()
    };
    let machine = Box::new(Suite::new(Ordered::new(setup, GENESIS_KEYS)));
    let settings = Settings::default();
    let booted = Replica::boot(parameters, settings, identity, machine, boot, Time::ZERO);
    booted.expect("there is no image to be wrong").0
}
