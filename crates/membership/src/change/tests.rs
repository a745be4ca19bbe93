use maftia_codec::Wire as _;
use maftia_types::{Epoch, SITES_MAX};
use proptest::prelude::*;

use super::*;
use crate::samples::{
    add, address, change, change_to, id, ids, joiner, key, later_view, name, remove, replace, view,
};

fn names(next: &Next) -> Vec<&str> {
    let members = next.view.members().iter();
    members.map(|member| member.name.as_str()).collect()
}

fn refused(view: &View, change: &Change) -> ChangeError {
    view.change(change).unwrap_err()
}

#[test]
fn a_replacement_keeps_the_seat() {
    // The example of ADR 12: the joiner is 4 until it gets seat 2.
    let next = view(4, 1).change(&change([replace(2, 9)])).unwrap();
    assert_eq!(next.members, ids(&[0, 1, 4, 3]));
    assert_eq!(names(&next), ["s0", "s1", "s9", "s3"]);
    assert_eq!(next.joiners, [joiner(9)]);
    assert_eq!(next.view.epoch(), Epoch(1));
    assert_eq!((next.seat(id(4)), next.seat(id(2))), (Some(id(2)), None));
}

#[test]
fn an_addition_gets_the_last_seat() {
    let next = view(4, 1).change(&change([add(8), add(9)])).unwrap();
    assert_eq!(next.members, ids(&[0, 1, 2, 3, 4, 5]));
    assert_eq!(names(&next), ["s0", "s1", "s2", "s3", "s8", "s9"]);
    assert_eq!(next.view.resilience().intruded_max(), 1);
}

#[test]
fn a_removal_moves_later_seats_down() {
    let next = view(5, 1).change(&change([remove(1)])).unwrap();
    assert_eq!(next.members, ids(&[0, 2, 3, 4]));
    assert_eq!(names(&next), ["s0", "s2", "s3", "s4"]);
    assert_eq!(next.seat(id(4)), Some(id(3)));
}

#[test]
fn joiners_are_numbered_in_the_order_of_the_edits() {
    let edits = [add(9), replace(0, 8), remove(1), add(7)];
    let next = view(5, 1).change(&change(edits)).unwrap();
    // 9 is 5, 8 is 6, 7 is 7; seat 0 is 8's, the added ones come last.
    assert_eq!(next.joiners, [joiner(9), joiner(8), joiner(7)]);
    assert_eq!(next.members, ids(&[6, 2, 3, 4, 5, 7]));
    assert_eq!(names(&next), ["s8", "s2", "s3", "s4", "s9", "s7"]);
}

#[test]
fn a_removal_that_would_break_the_bound_is_refused_with_the_numbers() {
    let removal = change([remove(3)]);
    let broken = ChangeError::WouldBreakBound {
        n: 3,
        f: 1,
        c: 0,
        needed: Some(4),
    };
    assert_eq!(refused(&view(4, 1), &removal), broken);
    let lower = view(4, 1).change(&change_to([remove(3)], 0)).unwrap();
    assert_eq!(lower.view.resilience().intruded_max(), 0);
    assert!(view(5, 1).change(&removal).is_ok());
}

#[test]
fn f_changes_alone_as_far_as_the_sites_carry_it() {
    let seven = view(7, 1);
    let next = seven.change(&change_to([], 2)).unwrap();
    assert_eq!(next.view.resilience().intruded_max(), 2);
    assert_eq!(next.members, ids(&[0, 1, 2, 3, 4, 5, 6]));
    assert_eq!(refused(&seven, &change_to([], 1)), ChangeError::Nothing);
    assert_eq!(refused(&seven, &change([])), ChangeError::Nothing);
    for (f, needed) in [(3, Some(10)), (64, Some(193)), (255, None)] {
        let broken = ChangeError::WouldBreakBound {
            n: 7,
            f: f.into(),
            c: 0,
            needed,
        };
        assert_eq!(refused(&seven, &change_to([], f)), broken);
    }
}

#[test]
fn an_addition_raises_f_only_when_told_to() {
    let grown = [add(7), add(8), add(9)];
    let kept = view(4, 1).change(&change(grown.clone())).unwrap();
    assert_eq!(kept.view.resilience().intruded_max(), 1);
    let raised = view(4, 1).change(&change_to(grown, 2)).unwrap();
    assert_eq!(raised.view.resilience().quorum(), 5);
}

#[test]
fn edits_name_present_sites_and_each_once() {
    let four = view(4, 1);
    let unknown = ChangeError::UnknownSite(name(9));
    assert_eq!(refused(&four, &change([replace(9, 8)])), unknown);
    // Not even the one that joins by another edit.
    let chained = change([add(9), replace(9, 8)]);
    assert_eq!(refused(&four, &chained), unknown);
    let twice = change([replace(1, 8), remove(1)]);
    assert_eq!(refused(&four, &twice), ChangeError::EditedTwice(name(1)));
}

#[test]
fn a_joiner_has_a_key_of_its_own_even_in_its_own_place() {
    let four = view(4, 1);
    let mut same = joiner(1);
    let again = |with| {
        change([Edit::Replace {
            name: name(1),
            with,
        }])
    };
    assert_eq!(
        refused(&four, &again(same.clone())),
        ChangeError::KeyTaken(name(1))
    );
    same.key = key(9).public();
    let next = four.change(&again(same)).unwrap();
    assert_eq!(next.view.member(id(1)).unwrap().key, key(9).public());
    let mut other = joiner(8);
    other.key = key(9).public();
    let both = change([add(9), Edit::Add(other)]);
    assert_eq!(refused(&four, &both), ChangeError::KeyTaken(name(8)));
}

#[test]
fn a_name_is_free_for_who_comes_as_its_owner_goes() {
    let six = view(6, 1);
    let mut named = joiner(9);
    named.name = name(2);
    let taken = ChangeError::NameTaken(name(2));
    assert_eq!(refused(&six, &change([Edit::Add(named.clone())])), taken);
    let swapped = change([remove(2), Edit::Add(named.clone())]);
    assert_eq!(names(&six.change(&swapped).unwrap())[5], "s2");
    let mut other = joiner(8);
    other.name = name(2);
    let both = change([remove(2), Edit::Add(named), Edit::Add(other)]);
    assert_eq!(refused(&six, &both), taken);
}

#[test]
fn an_address_is_free_for_who_comes_as_its_owner_goes() {
    let six = later_view(3, &[0, 1, 2, 3, 4, 5], 1);
    let at = |port| {
        let mut member = joiner(9);
        member.address = Some(address(port));
        member
    };
    let taken = ChangeError::AddressTaken(name(9));
    let added = |member| change([Edit::Add(member)]);
    assert_eq!(refused(&six, &added(at(3))), taken);
    let mut replaced = replace(2, 9);
    if let Edit::Replace { with, .. } = &mut replaced {
        with.address = joiner(2).address;
    }
    assert!(six.change(&change([replaced])).is_ok());
    let mut twice = at(50);
    twice.http = twice.address;
    assert_eq!(refused(&six, &added(twice)), taken);
    let mut nowhere = at(50);
    nowhere.address = None;
    let none = ChangeError::NoAddress(name(9));
    assert_eq!(refused(&six, &added(nowhere)), none);
}

#[test]
fn a_joiner_is_named_like_any_site() {
    let mut odd = joiner(9);
    odd.name = "a b".into();
    let odd = change([Edit::Add(odd)]);
    assert_eq!(refused(&view(4, 1), &odd), ChangeError::BadName);
    assert!(Change::from_bytes(odd.to_bytes()).is_err());
}

#[test]
fn edits_and_sites_are_bounded() {
    let many = |count: u8| change((0..count).map(|i| add(100 + i)).collect::<Vec<_>>());
    let four = view(4, 1);
    assert!(four.change(&many(16)).is_ok());
    assert!(Change::from_bytes(many(16).to_bytes()).is_ok());
    assert_eq!(refused(&four, &many(17)), ChangeError::TooManyEdits);
    assert!(Change::from_bytes(many(17).to_bytes()).is_err());
    // A joiner needs an id beside those of all members, though its seat becomes free.
    let full = view(64, 1);
    let tight = change([replace(0, 100)]);
    assert_eq!(refused(&full, &tight), ChangeError::TooManySites);
    assert!(view(63, 1).change(&tight).is_ok());
}

#[test]
fn the_last_epoch_is_not_changed() {
    let last = later_view(u64::MAX - 1, &[0, 1, 2, 3], 1);
    assert_eq!(refused(&last, &change([add(9)])), ChangeError::LastEpoch);
}

#[test]
fn changes_and_refusals_read_back() {
    for sample in [
        change([add(1), remove(2), replace(3, 4)]),
        change_to([], 64),
    ] {
        assert_eq!(Change::from_bytes(sample.to_bytes()), Ok(sample));
    }
    assert!(Change::from_bytes(change_to([], 65).to_bytes()).is_err());
    let bound = |needed| ChangeError::WouldBreakBound {
        n: 4,
        f: 2,
        c: 0,
        needed,
    };
    for error in [
        ChangeError::AddressTaken(name(1)),
        ChangeError::BadName,
        ChangeError::EditedTwice(name(1)),
        ChangeError::KeyTaken(name(1)),
        ChangeError::LastEpoch,
        ChangeError::NameTaken(name(1)),
        ChangeError::NoAddress(name(1)),
        ChangeError::Nothing,
        ChangeError::TooManyEdits,
        ChangeError::TooManySites,
        ChangeError::UnknownSite(name(1)),
        bound(Some(321)),
        bound(None),
    ] {
        assert_eq!(ChangeError::from_bytes(error.to_bytes()), Ok(error));
    }
}

/// For each of n sites: 0 keeps it, 1 removes it, 2 replaces it. Then so many additions, and the
/// order of all edits by a number for each.
fn edits(n: u8) -> impl Strategy<Value = Vec<Edit>> {
    let fates = proptest::collection::vec((0..3u8, any::<u16>()), usize::from(n));
    let additions = proptest::collection::vec(any::<u16>(), 0..4);
    (fates, additions).prop_map(|(fates, additions)| {
        let fates = (0u8..).zip(fates);
        let mut edits: Vec<(u16, Edit)> = fates
            .filter_map(|(site, (fate, place))| match fate {
                0 => None,
                1 => Some((place, remove(site))),
                _ => Some((place, replace(site, 100 + site))),
            })
            .collect();
        edits.extend(
            (200u8..)
                .zip(additions)
                .map(|(site, place)| (place, add(site))),
        );
        edits.sort_by_key(|(place, _)| *place);
        edits.into_iter().map(|(_, edit)| edit).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn renumbering_is_a_bijection_on_keys(edits in edits(9)) {
        let view = view(9, 0);
        let change = change(edits);
        let Ok(next) = view.change(&change) else {
            let nobody_left = change.leavers().count() == 9 && change.joiners().count() == 0;
            prop_assert!(nobody_left || change.edits.is_empty());
            return Ok(());
        };
        prop_assert!(next.members.iter().all(|site| site.index() < SITES_MAX));
        let universe: Vec<&Member> = view.members().iter().chain(&next.joiners).collect();
        for (site, member) in (0u8..).zip(&universe) {
            let leaves = change.leavers().any(|name| name == member.name);
            let seat = next.seat(id(site));
            prop_assert_eq!(seat.is_none(), leaves);
            prop_assert_eq!(next.view.seat_of(&member.key), seat);
        }
        let stay = universe.len() - change.leavers().count();
        prop_assert_eq!(next.view.members().len(), stay);
        prop_assert_eq!(next.members.len(), stay);
        // Those that stay keep their order.
        let kept: Vec<_> = next.members.iter().filter(|site| site.index() < 9).collect();
        let untouched = edits_keep_order(&change);
        prop_assert!(!untouched || kept.is_sorted());
    }
}

/// Without replacements nobody comes between those that stay.
fn edits_keep_order(change: &Change) -> bool {
    !change
        .edits
        .iter()
        .any(|edit| matches!(edit, Edit::Replace { .. }))
}
