use maftia_codec::{DecodeError, Wire as _};
use maftia_types::{Digest, Epoch};

use super::*;
use crate::samples::{GROUP, address, id, joiner, key, later_view, name, resilience, view};

fn refused(members: Vec<Member>) -> ViewError {
    let sites = resilience(members.len(), 0);
    View::new(GROUP, Epoch(1), sites, members).unwrap_err()
}

#[test]
fn members_have_names_keys_and_addresses_of_their_own() {
    let named = |text: &str| Member {
        name: text.to_owned(),
        ..joiner(1)
    };
    assert_eq!(
        refused(vec![joiner(0), named("s0")]),
        ViewError::DuplicateName("s0".into())
    );
    let mut other = named("other");
    other.address = joiner(2).address;
    assert_eq!(
        refused(vec![joiner(1), other.clone()]),
        ViewError::DuplicateKey("s1".into(), "other".into())
    );
    assert_eq!(
        refused(vec![other, joiner(2)]),
        ViewError::DuplicateAddress("other".into(), "s2".into())
    );
    let mut web = joiner(3);
    web.http = joiner(2).address;
    assert_eq!(
        refused(vec![joiner(2), web]),
        ViewError::DuplicateAddress("s2".into(), "s3".into())
    );
}

#[test]
fn a_name_has_one_to_thirty_two_plain_characters() {
    for (text, good) in [
        ("a", true),
        ("north-1_B", true),
        (&"x".repeat(32), true),
        ("", false),
        (&"x".repeat(33), false),
        ("a b", false),
        ("ä", false),
        ("a\n", false),
    ] {
        assert_eq!(is_name(text), good, "{text:?}");
        let member = Member {
            name: text.to_owned(),
            ..joiner(1)
        };
        let made = View::new(GROUP, Epoch(1), resilience(1, 0), vec![member.clone()]);
        assert_eq!(made.is_ok(), good, "{text:?}");
        assert_eq!(Member::from_bytes(member.to_bytes()).is_ok(), good);
    }
}

#[test]
fn a_view_has_the_size_of_its_resilience_and_an_epoch_after_it() {
    let members = || vec![joiner(0), joiner(1)];
    let other = View::new(GROUP, Epoch(1), resilience(3, 0), members());
    assert_eq!(
        other.unwrap_err(),
        ViewError::Size {
            members: 2,
            sites: 3
        }
    );
    let last = View::new(GROUP, Epoch(u64::MAX), resilience(2, 0), members());
    assert_eq!(last.unwrap_err(), ViewError::LastEpoch);
    assert!(View::new(GROUP, Epoch(u64::MAX - 1), resilience(2, 0), members()).is_ok());
}

#[test]
fn a_site_is_found_by_key_name_and_seat() {
    let view = later_view(1, &[5, 6, 7, 8], 1);
    assert_eq!(view.seat_of(&key(7).public()), Some(id(2)));
    assert_eq!(view.seat_of(&key(9).public()), None);
    assert_eq!(view.seat_named("s8"), Some(id(3)));
    assert_eq!(view.seat_named("s4"), None);
    assert_eq!(view.member(id(0)), Some(&joiner(5)));
    assert_eq!(view.member(id(4)), None);
    assert_eq!(view.keys()[3], key(8).public());
}

#[test]
fn the_digest_covers_everything_in_a_view() {
    let view = later_view(1, &[0, 1, 2, 3], 1);
    let make = |group, epoch, f, members: Vec<Member>| {
        View::new(group, Epoch(epoch), resilience(members.len(), f), members).unwrap()
    };
    let members = |change: &dyn Fn(&mut Vec<Member>)| {
        let mut members = view.members().to_vec();
        change(&mut members);
        members
    };
    let same = members(&|_| ());
    let others = [
        make(Digest([8; 32]), 1, 1, same.clone()),
        make(GROUP, 2, 1, same.clone()),
        make(GROUP, 1, 0, same.clone()),
        make(GROUP, 1, 1, members(&|all| all.swap(0, 1))),
        make(GROUP, 1, 1, members(&|all| all[0].name = name(9))),
        make(GROUP, 1, 1, members(&|all| all[0].key = key(9).public())),
        make(GROUP, 1, 1, members(&|all| all[0].address = None)),
        make(GROUP, 1, 1, members(&|all| all[0].http = Some(address(99)))),
    ];
    assert_eq!(view.digest(), make(GROUP, 1, 1, same).digest());
    for (i, other) in others.iter().enumerate() {
        assert_ne!(view.digest(), other.digest(), "{i}");
    }
}

#[test]
fn blocks_of_the_first_epoch_carry_the_group_and_later_ones_view_and_history() {
    let (one, two) = (Digest([1; 32]), Digest([2; 32]));
    assert_eq!(view(4, 1).config(&one), GROUP);
    let later = later_view(1, &[0, 1, 2, 3], 1);
    let configs = [
        GROUP,
        later.digest(),
        later.config(&one),
        later.config(&two),
        later_view(2, &[0, 1, 2, 3], 1).config(&one),
    ];
    for (i, config) in configs.iter().enumerate() {
        assert!(!configs[..i].contains(config), "{i}");
    }
}

#[test]
fn a_view_has_one_encoding_and_an_impossible_one_none() {
    let mut members = later_view(1, &[0, 1, 2, 3], 1).members().to_vec();
    members[0].http = Some("[fe80::1%3]:80".parse().unwrap());
    let whole = View::new(GROUP, Epoch(1), resilience(4, 1), members).unwrap();
    for view in [view(1, 0), whole] {
        let bytes = view.to_bytes();
        assert_eq!(View::from_bytes(bytes.clone()).as_ref(), Ok(&view));
        for length in 0..bytes.len() {
            assert!(View::from_bytes(bytes.slice(..length)).is_err());
        }
    }
    // f is the byte after group, epoch and model: four sites do not carry two.
    let mut bytes = view(4, 1).to_bytes().to_vec();
    bytes[41] = 2;
    let refused = View::from_bytes(bytes.into());
    assert_eq!(refused, Err(DecodeError::Invalid { field: "view" }));
}
