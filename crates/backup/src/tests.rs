//! A group of one site, whose state goes into a file and out of it into another group.

use std::fs::Permissions;
use std::io::Read;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use bytes::Bytes;
use maftia_activity::keys::{GENESIS_KEYS, KeySummary, Ordered, Setup};
use maftia_activity::kv::{Operation, Response};
use maftia_activity::suite::Suite;
use maftia_codec::{Wire as _, Writer};
use maftia_config::{Generated, GroupFile, Kind, Plan, Rebirth, generate, reborn};
use maftia_crypto::SigningKey;
use maftia_membership::membership::Policy;
use maftia_ordering::{CheckpointPolicy, Identity, Pacing, Parameters};
use maftia_protocol::{Event, Protocol as _};
use maftia_replica::{
    Beginning, Bodies, Boot, ClientMessage, Command, Fate, Output, Replica, Restored, Settings,
    Span,
};
use maftia_types::{Digest, Epoch, Incarnation, Sequence, SiteId, Time};
use maftia_verify::GroupKey;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

use crate::examine::check_key;
use crate::{
    Backup, BackupError, BackupWriter, Checked, Pool, Preamble, Provenance, examine, heir,
};

const KEY: &str = include_str!("../../verify/testdata/group.key");

fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

fn group() -> Generated {
    let plan = Plan {
        name: "one".into(),
        kind: Kind::Dev,
        sites: vec![([127, 0, 0, 1], 7101).into()],
        http: Vec::new(),
        clients: vec!["agent".into()],
        member_approvals: std::num::NonZeroU8::MIN,
        fast_path: None,
        asynchronous: maftia_types::CoinUse::Never,
    };
    generate(plan, &mut rng(1)).unwrap()
}

/// The only site of a group.
fn site(made: &Generated, image: Option<Restored>) -> Replica {
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
    let seed = made.sites[0].key.seed().unwrap();
    let identity = Identity {
        me: SiteId::new(0).unwrap(),
        key: SigningKey::from_seed(*seed),
        keys: group.site_keys(),
    };
    let clients = group.group().clients.iter();
    let boot = Boot {
        image,
        beginning: Some(Beginning {
            view: group.view().clone(),
            joiners: Vec::new(),
            policy: Policy::default(),
            clients: clients.map(|own| (own.key, own.powers)).collect(),
            chain: Vec::new(),
            restored: group.group().restored.is_some(),
        }),
        ..Boot::default()
    };
    let machine = Box::new(Suite::new(Ordered::new(setup, GENESIS_KEYS)));
    let settings = Settings::default();
    Replica::boot(parameters, settings, identity, machine, boot, Time::ZERO)
        .unwrap()
        .0
}

/// What becomes of a request.
fn ask(site: &mut Replica, number: u64, operation: &Operation) -> Fate {
    let bodies = Bodies::new([&operation.to_bytes()]);
    let message = ClientMessage::Submit {
        session: 0,
        incarnation: Incarnation(1),
        batches: vec![(Span::one(Sequence(number)), bodies)],
    };
    let command = Command::Client { key: 0, message };
    let Ok(step) = site.command(Time::ZERO, command);
    let mut outputs = step.outputs;
    loop {
        for output in outputs {
            if let Output::Replies { replies, .. } = output {
                return replies[0].fate.clone();
            }
        }
        let now = site.next_timeout().unwrap();
        outputs = site.handle(now, Event::Timeout).outputs;
    }
}

fn value(fate: &Fate) -> Option<Bytes> {
    let Fate::Executed { result, .. } = fate else {
        panic!("it was not executed: {fate:?}")
    };
    let response = Response::from_bytes(result.clone()).unwrap();
    response.value().cloned()
}

/// A backup of what the site has now.
fn save(made: &Generated, site: &mut Replica, path: &Path) -> Preamble {
    let copied = site.copy().unwrap();
    let preamble = Preamble {
        group: made.group.text().unwrap(),
        views: Vec::new(),
        head: *copied.head(),
        provenance: Provenance::Site {
            name: "A".into(),
            signed: 0,
            older: false,
        },
        digests: copied.digests().to_vec(),
    };
    let mut writer = BackupWriter::create(path, &preamble).unwrap();
    while let Some((place, _)) = writer.wanted() {
        writer.append(&copied.chunk(place).unwrap()).unwrap();
    }
    writer.finish().unwrap();
    preamble
}

fn read(bytes: &[u8]) -> Result<crate::Contents, BackupError> {
    examine(&mut Backup::open(bytes, None)?, |_| {})
}

fn again(former: &GroupFile, seed: u8) -> Generated {
    let plan = Rebirth {
        former: former.clone(),
        commit: 1,
        state: Digest([1; 32]),
        sites: vec![([127, 0, 0, 1], 7101).into()],
        http: Vec::new(),
        clients: Vec::new(),
    };
    reborn(plan, &mut rng(seed)).unwrap()
}

#[test]
fn s9_a_restored_group_has_the_state_and_executes_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backup");
    let made = group();
    let mut former = site(&made, None);
    let put = Operation::put("greeting", "hello");
    let first = ask(&mut former, 1, &put);
    save(&made, &mut former, &path);
    let lost = ask(&mut former, 2, &Operation::put("greeting", "lost"));
    assert!(matches!(lost, Fate::Executed { .. }));

    let bytes = std::fs::read(&path).unwrap();
    let contents = read(&bytes).unwrap();
    assert_eq!((contents.store.entries, contents.legacy.sessions()), (1, 1));
    let born = again(&made.group, 2);
    let mut backup = Backup::open(&bytes[..], None).unwrap();
    let heir = heir(contents, &born.group);
    let mut failed = None;
    let chunks = heir.chunks(&mut backup, &mut failed).collect();
    assert!(failed.is_none());
    let image = Restored::from_chunks(chunks).unwrap();
    let mut site = site(&born, Some(image));
    assert_eq!(site.engine().frontier().index, heir.commit());
    // Asked again, it is told what became of it; what was lost happens now.
    assert_eq!(ask(&mut site, 1, &put), first);
    let got = ask(&mut site, 2, &Operation::get("greeting"));
    assert_eq!(value(&got).as_deref(), Some(&b"hello"[..]));
    let position = |fate: &Fate| match fate {
        Fate::Executed { position, .. } => *position,
        _ => 0,
    };
    assert!(position(&got) > position(&first));
}

#[test]
fn a_site_of_a_restored_group_without_that_state_waits_for_it() {
    let born = again(&group().group, 2);
    let mut site = site(&born, None);
    assert!(site.copy().is_none());
    assert!(!site.is_serving());
}

#[test]
fn every_change_of_a_file_is_found_and_so_is_every_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backup");
    let made = group();
    let mut former = site(&made, None);
    ask(&mut former, 1, &Operation::put("greeting", "hello"));
    save(&made, &mut former, &path);
    let bytes = std::fs::read(&path).unwrap();
    assert!(read(&bytes).is_ok());
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 0x41;
        // The name of the site, and how far it knows of signatures, is covered by nothing.
        if let Ok(found) = read(&altered) {
            assert_eq!(found.store.entries, 1, "altered at {at}");
            let (one, other) = (
                Backup::open(&bytes[..], None),
                Backup::open(&altered[..], None),
            );
            let digest = |of: Result<Backup<&[u8]>, _>| of.unwrap().checked().digest;
            assert_eq!(digest(one), digest(other), "altered at {at}");
        }
    }
    for length in 0..bytes.len() {
        assert!(read(&bytes[..length]).is_err(), "cut at {length}");
    }
    let longer = [&bytes[..], b"x"].concat();
    assert!(matches!(read(&longer), Err(BackupError::Trailing)));
}

#[test]
fn a_later_format_and_huge_counts_are_named_and_cost_nothing() {
    let of = |text: &[u8]| read(text).unwrap_err().to_string();
    assert_eq!(of(b"PK\x03\x04 something else"), "it is not a backup");
    let later = of(b"maftia backup 2\nwhatever follows");
    assert!(later.contains("format 2"), "{later}");
    let huge = [&b"maftia backup 1\n"[..], &[0xff; 4]].concat();
    assert!(matches!(read(&huge), Err(BackupError::TooLong { .. })));
    // As long as it may be, and nothing there: what is read is what is allocated.
    let claimed = [&b"maftia backup 1\n"[..], &(64u32 << 20).to_le_bytes()].concat();
    assert!(matches!(
        read(&claimed),
        Err(BackupError::CutOff { place: 0, of: 0 })
    ));
    let mut writer = Writer::new();
    writer.bytes(b"");
    writer.length(usize::from(u16::MAX) + 2);
    assert!(Preamble::from_bytes(writer.finish()).is_err());
}

#[test]
fn a_signature_counts_under_its_own_key_and_that_given_only() {
    let folder = tempfile::tempdir().unwrap();
    let made = group();
    let mut former = site(&made, None);
    let mut preamble = save(&made, &mut former, &folder.path().join("backup"));
    let key = GroupKey::from_hex(KEY).unwrap();
    let unsigned = Checked::new(preamble.clone(), Some(&key));
    assert!(matches!(unsigned, Err(BackupError::Unsigned)));
    let mut bytes = [0; GroupKey::BYTES];
    let digits = KEY.trim().as_bytes().chunks(2);
    for (byte, pair) in bytes.iter_mut().zip(digits) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    }
    preamble.provenance = Provenance::Signed {
        key: bytes,
        signature: [7; 48],
    };
    let forged = Checked::new(preamble.clone(), Some(&key));
    assert!(matches!(forged, Err(BackupError::Signature)));
    // Of another group.
    preamble.group = again(&made.group, 3).group.text().unwrap();
    let other = Checked::new(preamble, None);
    assert!(matches!(other, Err(BackupError::Group(_))));
}

#[test]
fn a_pool_gives_the_chunks_that_an_attempt_has_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backup");
    let made = group();
    let mut former = site(&made, None);
    ask(&mut former, 1, &Operation::put("greeting", "hello"));
    let preamble = save(&made, &mut former, &path);
    let bytes = std::fs::read(&path).unwrap();
    // The last chunk is cut off, and one is not what it should be.
    let mut left = bytes[..bytes.len() - 1].to_vec();
    let at = bytes.windows(5).position(|part| part == b"hello").unwrap();
    left[at] ^= 1;
    std::fs::write(&path, left).unwrap();
    let mut pool = Pool::open(&path).unwrap();
    let there: Vec<bool> = preamble
        .digests
        .iter()
        .map(|digest| pool.take(digest).is_some())
        .collect();
    let of_store = there.len() - 2;
    assert!(there[..of_store].iter().all(|there| *there), "{there:?}");
    assert!(!there[of_store] && !there[of_store + 1], "{there:?}");
    let mut rest = Vec::new();
    std::fs::File::open(&path)
        .unwrap()
        .read_to_end(&mut rest)
        .unwrap();
    assert!(matches!(read(&rest), Err(BackupError::Altered { .. })));
}

#[test]
fn a_file_that_is_swapped_after_the_check_makes_no_group() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backup");
    let made = group();
    let mut former = site(&made, None);
    ask(&mut former, 1, &Operation::put("greeting", "hello"));
    save(&made, &mut former, &path);
    let checked = std::fs::read(&path).unwrap();
    let heir = heir(read(&checked).unwrap(), &again(&made.group, 2).group);
    ask(&mut former, 2, &Operation::put("greeting", "later"));
    save(&made, &mut former, &path);
    let swapped = std::fs::read(&path).unwrap();
    let failure = |bytes: &[u8]| {
        let mut failed = None;
        let mut backup = Backup::open(bytes, None).unwrap();
        heir.chunks(&mut backup, &mut failed).for_each(drop);
        failed
    };
    assert!(failure(&checked).is_none());
    assert!(matches!(failure(&swapped), Some(BackupError::Changed)));
    // The same head, and a chunk of the store is not there any more.
    let at = checked.windows(5).position(|part| part == b"hello");
    assert!(failure(&checked[..at.unwrap()]).is_some());
}

#[test]
fn a_signed_state_has_the_key_under_which_it_is_signed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backup");
    let made = group();
    save(&made, &mut site(&made, None), &path);
    let contents = read(&std::fs::read(&path).unwrap()).unwrap();
    let mut own = contents.keys.summaries().find(|key| key.name == "group");
    let own = own.as_mut().unwrap();
    let check = |own: &KeySummary| {
        let (key, signature) = ([3; GroupKey::BYTES], [7; 48]);
        let signed = Provenance::Signed { key, signature };
        check_key(&signed, std::iter::once(own.clone()))
    };
    own.public_key = None;
    assert!(matches!(check(own), Err(BackupError::OtherKey)));
    own.public_key = Some(vec![4; GroupKey::BYTES]);
    assert!(matches!(check(own), Err(BackupError::OtherKey)));
    own.public_key = Some(vec![3; GroupKey::BYTES]);
    assert!(check(own).is_ok());
    own.name = "vault".into();
    assert!(matches!(check(own), Err(BackupError::OtherKey)));
}

#[test]
fn only_its_owner_reads_what_is_written_in_place_of_a_partial_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("backup");
    let partial = BackupWriter::partial(&path);
    std::fs::write(&partial, "left by an attempt").unwrap();
    std::fs::set_permissions(&partial, Permissions::from_mode(0o644)).unwrap();
    let made = group();
    save(&made, &mut site(&made, None), &path);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
