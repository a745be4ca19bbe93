use maftia_crypto::{PublicKey, SigningKey};
use maftia_membership::{Change, Edit, Member};
use maftia_types::{Digest, Epoch};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::{Group, GroupError, GroupFile, Kind, Plan, consecutive, generate};

fn founded() -> GroupFile {
    let plan = Plan {
        fast_path: None,
        asynchronous: maftia_types::CoinUse::Never,
        member_approvals: std::num::NonZeroU8::MIN,
        name: "test".to_owned(),
        kind: Kind::Dev,
        sites: consecutive("127.0.0.1:7000".parse().unwrap(), 4).unwrap(),
        http: consecutive("127.0.0.1:8000".parse().unwrap(), 4).unwrap(),
        clients: vec!["app".to_owned()],
    };
    generate(plan, &mut ChaCha20Rng::seed_from_u64(1))
        .unwrap()
        .group
}

fn key(of: u8) -> PublicKey {
    SigningKey::from_seed([of; 32]).public()
}

fn joiner(name: &str, of: u8) -> Member {
    Member {
        name: name.to_owned(),
        key: key(of),
        address: Some(([10, 0, 0, of], 7100).into()),
        http: None,
    }
}

/// The file in the epoch after a change.
fn after(file: &GroupFile, edits: Vec<Edit>) -> GroupFile {
    let change = Change { edits, f: None };
    let next = file.view().change(&change).unwrap();
    file.with_view(&next.view, &[]).unwrap()
}

fn replaced() -> (GroupFile, GroupFile) {
    let file = founded();
    let name = "B".to_owned();
    let with = joiner("E", 9);
    let later = after(&file, vec![Edit::Replace { name, with }]);
    (file, later)
}

fn changed(file: &GroupFile, change: impl FnOnce(&mut Group)) -> Result<GroupFile, GroupError> {
    let mut group = file.group().clone();
    change(&mut group);
    GroupFile::new(group)
}

#[test]
fn a_founding_file_has_the_first_view_and_says_nothing_of_epochs() {
    let file = founded();
    assert_eq!(file.epoch(), Epoch(0));
    assert_eq!(file.view().group(), file.digest());
    assert!(
        file.view()
            .members()
            .iter()
            .all(|own| own.address.is_none())
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("group.toml");
    file.save(&path).unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    for word in ["epoch =", "id =", "joining", "joined"] {
        assert!(!text.contains(word), "{text}");
    }
}

#[test]
fn a_later_file_keeps_the_groups_name_and_reads_back() {
    let (file, later) = replaced();
    assert_eq!(later.epoch(), Epoch(1));
    assert_eq!(later.digest(), file.digest());
    assert_ne!(later.group().digest(), *file.digest());
    assert_eq!(later.site_name(later.site("E").unwrap().0), "E");
    let members = later.view().members();
    assert_eq!(members[0].address, None, "a founder's is the file's own");
    assert_eq!(later.group().sites[0], file.group().sites[0]);
    assert_eq!(members[1].address, joiner("E", 9).address);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("group.toml");
    later.save(&path).unwrap();
    let loaded = GroupFile::load(&path).unwrap();
    assert_eq!(loaded.group(), later.group());
    assert_eq!(loaded.view().digest(), later.view().digest());
}

#[test]
fn a_founder_that_moves_is_the_same_view_and_a_joiner_that_does_is_not() {
    let (_, later) = replaced();
    let moved = |site: usize| {
        let moved = changed(&later, |group| group.sites[site].address.set_port(1));
        moved.unwrap().view().digest() == later.view().digest()
    };
    assert!(moved(0));
    assert!(!moved(1));
}

#[test]
fn joining_sites_come_after_the_members_and_may_have_a_leavers_name() {
    let file = founded();
    let same = Member {
        address: Some(file.group().sites[1].address),
        ..joiner("B", 9)
    };
    let joiners = [same.clone(), joiner("E", 8)];
    let during = file.with_view(file.view(), &joiners).unwrap();
    assert_eq!(during.view(), file.view());
    assert_eq!(during.resilience().sites(), 4);
    assert_eq!(during.joiners(), joiners);
    let ids: Vec<usize> = during.joining().map(|(id, _)| id.index()).collect();
    assert_eq!(ids, [4, 5]);
    let listed: Vec<PublicKey> = during.directory().sites().map(|(_, key, _)| key).collect();
    assert_eq!(listed[4..], [key(9), key(8)]);
    assert_eq!(during.site_name(during.joining().nth(1).unwrap().0), "E");
    assert_eq!(during.digest(), file.digest());

    let twice = file.with_view(file.view(), &[same, joiner("B", 8)]);
    assert_eq!(twice.unwrap_err(), GroupError::DuplicateName("B".into()));
    let client = file.with_view(file.view(), &[joiner("app", 8)]);
    assert_eq!(client.unwrap_err(), GroupError::DuplicateName("app".into()));
    let member = Member {
        key: file.group().sites[0].key,
        ..joiner("E", 8)
    };
    let known = file.with_view(file.view(), &[member]).unwrap_err();
    assert_eq!(known, GroupError::DuplicateKey("A".into(), "E".into()));
}

#[test]
fn a_file_that_does_not_say_which_group_or_says_another_is_refused() {
    let (file, later) = replaced();
    let without = changed(&later, |group| group.id = None).unwrap_err();
    assert_eq!(without, GroupError::NoId(1));
    let digest = *file.digest();
    assert!(changed(&file, |group| group.id = Some(digest)).is_ok());
    let other = changed(&file, |group| group.id = Some(Digest::ZERO)).unwrap_err();
    assert_eq!(other, GroupError::Id(digest));
    let early = changed(&file, |group| group.sites[2].joined = true).unwrap_err();
    assert_eq!(early, GroupError::JoinedFounder("C".into()));
    let last = changed(&later, |group| group.epoch = u64::MAX).unwrap_err();
    assert!(matches!(last, GroupError::View(_)));
}

#[test]
fn a_member_whose_address_nobody_says_is_refused() {
    let (file, later) = replaced();
    // B has left: this file does not know it any more.
    let back = later.with_view(file.view(), &[]).unwrap_err();
    assert_eq!(back, GroupError::NoAddress("B".into()));
}

#[test]
fn sites_and_joining_sites_are_at_most_as_many_as_a_group_may_have() {
    let file = founded();
    let joiners: Vec<Member> = (1..=61).map(|of| joiner(&format!("J{of}"), of)).collect();
    let most = joiners.get(..60).unwrap();
    assert!(file.with_view(file.view(), most).is_ok());
    let over = file.with_view(file.view(), &joiners).unwrap_err();
    assert_eq!(over, GroupError::TooManySites);
}
