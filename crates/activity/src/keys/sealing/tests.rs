use bytes::Bytes;
use maftia_codec::Wire as _;
use maftia_threshold::tdh2::{Ciphertext, EncryptionKey};
use maftia_threshold::{Ristretto255, Secret};
use maftia_types::{ClientId, Digest};

use super::{
    AUDIT_ENTRIES_MAX, AUDIT_PAGE_MAX, Audit, AuditEntry, AuditPage, CIPHERTEXT_BYTES_MAX, Deed,
    Handed, LATE_SHARES_MS, OpenError, PLAINTEXT_BYTES_MAX, Recipient, open,
};
use crate::keys::sessions::tests::world::{CLIENT, COMMIT_MS, GROUP, Habit, World, rng, site};
use crate::keys::sessions::{
    Answer, OPEN_MAX, OPEN_MS_MAX, Policy, Refusal, Request, SessionId, Users,
};
use crate::keys::{KeyId, Scheme};

const PLAINTEXT: &[u8] = b"the bid is seven";

struct Reader {
    secret: Secret<Ristretto255>,
    ciphertext: Ciphertext,
}

fn world(n: u8) -> World {
    let mut world = World::new(n, &[Scheme::Seal]);
    let policy = Policy {
        users: Users::Only([CLIENT.key].into()),
        ..Policy::of(Scheme::Seal)
    };
    world.set_policy(1, policy);
    world
}

fn public_key(world: &World) -> [u8; 32] {
    let version = world.ordered.key(KeyId(1)).unwrap().active().unwrap();
    version.sharing.key_bytes().try_into().unwrap()
}

fn reader(world: &World, plaintext: &[u8]) -> (Reader, Request) {
    let version = world.ordered.key(KeyId(1)).unwrap().active().unwrap();
    let key = version.sharing_in::<Ristretto255>().unwrap().key();
    let mut rng = rng(77);
    let encrypted = EncryptionKey::new(GROUP, key).encrypt(b"tender 9", plaintext, &mut rng);
    let ciphertext = encrypted.unwrap();
    let secret = Secret::random(&mut rng);
    let request = Request::Decrypt {
        key: KeyId(1),
        ciphertext: ciphertext.to_bytes(),
        to: Recipient::of(&secret),
    };
    (Reader { secret, ciphertext }, request)
}

fn handed(world: &mut World, session: SessionId, max: usize) -> Handed {
    match world.finish(session, max) {
        Answer::Shares(handed) => handed,
        other => panic!("no shares but {other:?}"),
    }
}

impl Reader {
    fn open(&self, world: &World, handed: &Handed) -> Result<super::Opened, OpenError> {
        open(
            GROUP,
            &public_key(world),
            handed,
            &self.secret,
            self.ciphertext.clone(),
        )
    }
}

#[test]
fn what_is_asked_for_before_the_members_change_is_opened_with_shares_of_the_next_ones() {
    for members in [&[0, 1, 4, 3][..], &[0, 1, 2, 3, 4, 5, 6], &[4, 5, 6, 7]] {
        for commits in 0..3 {
            let mut world = world(4);
            world.habits[3] = Habit::Silent;
            let (reader, request) = reader(&world, PLAINTEXT);
            let session = world.begin(&request);
            world.commits(commits);
            world.change(members);
            let handed = handed(&mut world, session, 400);
            let opened = reader.open(&world, &handed).unwrap();
            assert_eq!(&opened.plaintext[..], PLAINTEXT);
            assert_eq!(opened.culprits, []);
        }
    }
}

#[test]
fn the_reader_opens_and_nobody_else_learns_anything() {
    for n in [4, 7] {
        let mut world = world(n);
        let (reader, request) = reader(&world, PLAINTEXT);
        let session = world.begin(&request);
        let handed = handed(&mut world, session, 4);
        let opened = reader.open(&world, &handed).unwrap();
        assert_eq!(
            (&opened.plaintext[..], &opened.culprits[..]),
            (PLAINTEXT, &[][..])
        );
        // Whoever else has the log, the state and the answer has no share.
        let other = Reader {
            secret: Secret::random(&mut rng(1)),
            ciphertext: reader.ciphertext.clone(),
        };
        let Err(OpenError::TooFew { sound: 0, .. }) = other.open(&world, &handed) else {
            panic!("opened by another reader");
        };
        let elsewhere = Handed {
            session: SessionId(9),
            ..handed
        };
        assert!(
            reader.open(&world, &elsewhere).is_err(),
            "bound to its session"
        );
    }
}

#[test]
fn f_silent_sites_do_not_prevent_it() {
    for (n, silent) in [(4, 1), (7, 2)] {
        let mut world = world(n);
        world.habits[..silent].fill(Habit::Silent);
        let (reader, request) = reader(&world, PLAINTEXT);
        let session = world.begin(&request);
        let handed = handed(&mut world, session, 4);
        assert_eq!(
            &reader.open(&world, &handed).unwrap().plaintext[..],
            PLAINTEXT
        );
    }
}

#[test]
fn f_lying_sites_are_named_by_the_reader_and_do_not_prevent_it() {
    for (n, lying) in [(4, 1_u8), (7, 2)] {
        let mut world = world(n);
        world.habits[..lying.into()].fill(Habit::Lying);
        let (reader, request) = reader(&world, PLAINTEXT);
        let session = world.begin(&request);
        world.commits(3);
        let handed = handed(&mut world, session, 1);
        let opened = reader.open(&world, &handed).unwrap();
        assert_eq!(&opened.plaintext[..], PLAINTEXT);
        assert_eq!(opened.culprits, (0..lying).map(site).collect::<Vec<_>>());
    }
}

#[test]
fn a_slow_site_makes_up_for_a_lying_one_as_long_as_shares_are_taken() {
    let mut world = world(4);
    world.habits[0] = Habit::Lying;
    world.habits[3] = Habit::Silent;
    let (reader, request) = reader(&world, PLAINTEXT);
    let session = world.begin(&request);
    let few = handed(&mut world, session, 4);
    let error = reader.open(&world, &few).unwrap_err();
    let too_few = OpenError::TooFew {
        sound: 2,
        needed: 3,
        culprits: vec![site(0)],
    };
    assert_eq!(error, too_few);
    world.restore();
    world.habits[3] = Habit::Honest;
    world.commits(2);
    let enough = handed(&mut world, session, 1);
    assert_eq!(
        &reader.open(&world, &enough).unwrap().plaintext[..],
        PLAINTEXT
    );
}

/// With one site silent: a session that could be read, with that many others open beside it.
fn readable_among(others: usize) -> (World, SessionId) {
    let mut world = world(4);
    world.habits[3] = Habit::Silent;
    let (_, request) = reader(&world, PLAINTEXT);
    let session = world.begin(&request);
    world.commits(2);
    // None of these gets a share.
    world.habits.fill(Habit::Silent);
    world.deal(KeyId(2), Scheme::Bls, 0);
    for number in 0..others {
        let key = 10 + u32::try_from(number).unwrap();
        let client = ClientId { key, session: 0 };
        let message = bytes::Bytes::new();
        let sign = Request::Sign {
            key: KeyId(2),
            message,
            slot: None,
        };
        let opened = world.ask_as(client, &sign);
        assert!(matches!(opened, Answer::Session(_)), "{opened:?}");
    }
    (world, session)
}

#[test]
fn the_share_of_a_site_that_was_slow_for_minutes_counts_while_there_is_room() {
    let (mut world, session) = readable_among(OPEN_MAX / 2 - 1);
    world.commit_after(OPEN_MS_MAX - 10 * COMMIT_MS);
    assert!(world.ordered.sessions.open.contains_key(&session));
    world.habits[3] = Habit::Honest;
    world.commits(2);
    assert_eq!(handed(&mut world, session, 1).shares.len(), 4);
}

#[test]
fn among_many_sessions_shares_are_taken_for_a_while_and_then_it_ends_with_those_there_are() {
    let (mut world, session) = readable_among(OPEN_MAX / 2);
    world.commit_after(LATE_SHARES_MS - 1);
    assert!(world.ordered.sessions.open.contains_key(&session));
    world.commit_after(1);
    assert!(!world.ordered.sessions.open.contains_key(&session));
    assert_eq!(handed(&mut world, session, 1).shares.len(), 3);
}

#[test]
fn shares_of_two_versions_are_never_mixed() {
    let mut world = world(4);
    world.habits[3] = Habit::Silent;
    let (reader, request) = reader(&world, PLAINTEXT);
    let session = world.begin(&request);
    // Shares of the former version wait for their order.
    world.commit();
    world.deal(KeyId(1), Scheme::Seal, 1);
    world.commit();
    let handed = handed(&mut world, session, 4);
    assert_eq!(handed.version, 1);
    let opened = reader.open(&world, &handed).unwrap();
    assert_eq!(
        (&opened.plaintext[..], &opened.culprits[..]),
        (PLAINTEXT, &[][..])
    );
}

#[test]
fn an_unsound_ciphertext_another_client_and_another_scheme_are_refused_without_a_share() {
    let mut world = world(4);
    let (_, request) = reader(&world, PLAINTEXT);
    let Request::Decrypt {
        key,
        ciphertext,
        to,
    } = request.clone()
    else {
        panic!("no decryption");
    };
    let mut damaged = ciphertext.to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    let damaged = Request::Decrypt {
        key,
        ciphertext: damaged.into(),
        to,
    };
    assert_eq!(world.ask(&damaged), Answer::Refused(Refusal::Ciphertext));
    let stranger = ClientId { key: 4, session: 1 };
    let refused = world.ask_as(stranger, &request);
    assert_eq!(refused, Answer::Refused(Refusal::NotPermitted));
    let signing = Request::Sign {
        key,
        message: Bytes::new(),
        slot: None,
    };
    assert_eq!(world.ask(&signing), Answer::Refused(Refusal::OtherScheme));
    world.commits(2);
    assert!(world.seen.is_empty());
    assert_eq!(audit(&mut world, 0).count, 0);
}

#[test]
fn a_key_without_a_policy_decrypts_for_nobody() {
    let mut world = World::new(4, &[Scheme::Seal]);
    let (_, request) = reader(&world, PLAINTEXT);
    assert_eq!(world.ask(&request), Answer::Refused(Refusal::NotPermitted));
}

#[test]
fn the_longest_plaintext_is_opened_and_no_longer_ciphertext_taken() {
    let mut world = world(4);
    let plaintext = vec![5; PLAINTEXT_BYTES_MAX];
    let (reader, request) = reader(&world, &plaintext);
    let session = world.begin(&request);
    world.restore();
    let handed = handed(&mut world, session, 4);
    assert_eq!(
        &reader.open(&world, &handed).unwrap().plaintext[..],
        plaintext
    );
    let too_long = Request::Decrypt {
        key: KeyId(1),
        ciphertext: vec![0; CIPHERTEXT_BYTES_MAX + 1].into(),
        to: Recipient::of(&reader.secret),
    };
    assert_eq!(world.ask(&too_long), Answer::Refused(Refusal::Malformed));
}

fn audit(world: &mut World, from: u64) -> AuditPage {
    match world.ask(&Request::Audit { from }) {
        Answer::Audit(page) => page,
        other => panic!("no page but {other:?}"),
    }
}

#[test]
fn every_permitted_decryption_is_in_the_audit_list() {
    let mut world = world(4);
    let (_, request) = reader(&world, PLAINTEXT);
    let sessions = [world.begin(&request), world.begin(&request)];
    world.restore();
    let page = audit(&mut world, 0);
    assert_eq!(page.count, 2);
    let listed: Vec<_> = page
        .entries
        .iter()
        .map(|own| match own.deed {
            Deed::Decrypt { session, .. } => (own.client, session),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(listed, sessions.map(|own| (CLIENT, own)));
    let chained = |chain: Digest, own: &AuditEntry| own.chained(&chain);
    assert_eq!(page.entries.iter().fold(Digest::ZERO, chained), page.chain);
    assert_eq!(audit(&mut world, 1).entries, page.entries[1..]);
}

#[test]
fn the_audit_list_forgets_its_oldest_entries_but_not_in_its_chain() {
    let mut audit = Audit::default();
    let entry = AuditEntry {
        number: 0,
        at_ms: 5,
        client: CLIENT,
        key: Some(KeyId(1)),
        deed: Deed::Decrypt {
            session: SessionId(1),
            ciphertext: Digest::ZERO,
            to: [0; 32],
        },
    };
    let mut chain = Digest::ZERO;
    for number in 0..=AUDIT_ENTRIES_MAX as u64 {
        audit.append(entry);
        chain = AuditEntry { number, ..entry }.chained(&chain);
    }
    let page = audit.page(0);
    assert_eq!(page.chain, chain);
    assert_eq!(page.entries.len(), AUDIT_PAGE_MAX);
    assert_eq!(page.entries[0].number, 1);
    assert_eq!(Audit::from_bytes(audit.to_bytes()), Ok(audit));
}
