//! Who decides on what.

use super::*;

#[test]
fn only_who_has_the_power_over_members_changes_them_and_anybody_may_look() {
    let mut group = Group::new(4, 1, 1);
    let proposal = Operation::Propose(change([replace(2, 9)]));
    for operation in [proposal, Operation::Approve(1), Operation::Withdraw(1)] {
        let answer = group.ask_with(5, false, operation.to_bytes());
        assert_eq!(answer, refused(Refusal::NotAuthorised));
    }
    assert!(group.shown().proposals.is_empty());
    let history = group.ask_with(5, false, Operation::History.to_bytes());
    assert_eq!(history, Answer::History(Vec::new()));
}

#[test]
fn with_a_policy_of_one_a_proposal_is_under_way_at_once() {
    let mut group = Group::new(4, 1, 1);
    assert_eq!(group.propose(3, &change([replace(2, 9)])), authorised(1));
    let pending = group.state.pending().unwrap();
    assert_eq!(
        (pending.proposal, &pending.approvals[..]),
        (1, [3].as_slice())
    );
    assert_eq!(group.state.joiners().iter().collect::<Vec<_>>(), [id(4)]);
    let joiner = group.state.member(id(4)).unwrap();
    assert_eq!(joiner.key, key(9).public());
    assert_eq!(group.state.universe().count(), 5);
    assert_eq!(group.state.member(id(5)), None);
}

#[test]
fn so_many_different_keys_approve_and_one_fewer_is_not_enough() {
    let mut group = Group::new(4, 1, 3);
    let replacement = change([replace(2, 9)]);
    assert_eq!(group.propose(0, &replacement), proposed(1, 2));
    // Again, in whatever way, is the same approval.
    assert_eq!(group.approve(0, 1), approved(1, Standing::Missing(2)));
    assert_eq!(group.propose(0, &replacement), proposed(1, 2));
    assert_eq!(group.approve(1, 1), approved(1, Standing::Missing(1)));
    assert_eq!(group.approve(1, 1), approved(1, Standing::Missing(1)));
    assert!(group.state.pending().is_none());
    assert_eq!(group.shown().proposals[0].1.approvals, [0, 1]);
    assert_eq!(group.approve(2, 1), approved(1, Standing::Authorised));
    assert_eq!(group.state.pending().unwrap().approvals, [0, 1, 2]);
    assert!(group.shown().proposals.is_empty());
}

#[test]
fn an_equal_proposal_of_another_client_is_an_approval() {
    let mut group = Group::new(4, 1, 2);
    assert_eq!(group.propose(0, &change([replace(2, 9)])), proposed(1, 1));
    assert_eq!(group.propose(1, &change([replace(2, 8)])), proposed(2, 1));
    assert_eq!(group.propose(1, &change([replace(2, 9)])), authorised(1));
}

#[test]
fn the_seats_of_convicted_sites_need_only_the_proposer() {
    let mut group = Group::new(7, 1, 3);
    group.convicted = vec![id(2), id(4)];
    // Another site besides, another f, or an addition besides: all that needs judgement.
    for (number, more) in [
        (1, change([replace(2, 9), replace(3, 8)])),
        (2, change_to([replace(2, 9)], 2)),
        (3, change([replace(2, 9), add(8)])),
    ] {
        assert_eq!(group.propose(0, &more), proposed(number, 2));
    }
    let both = change_to([replace(2, 9), remove(4)], 1);
    assert_eq!(group.propose(0, &both), authorised(4));
}

#[test]
fn a_conviction_decides_a_proposal_that_waits_at_the_next_approval() {
    let mut group = Group::new(4, 1, 3);
    assert_eq!(group.propose(0, &change([replace(2, 9)])), proposed(1, 2));
    group.convicted = vec![id(2)];
    assert_eq!(group.approve(0, 1), approved(1, Standing::Authorised));
}

#[test]
fn correction_15_nobody_is_excluded_on_suspicion_alone() {
    let mut group = Group::new(7, 1, 2);
    let unproven = |site| refused(Refusal::Unproven(name(site)));
    assert_eq!(group.propose(0, &change([remove(3)])), unproven(3));
    let two_for_one = change([remove(3), add(9), remove(2)]);
    assert_eq!(group.propose(0, &two_for_one), unproven(2));
    // With an addition each, with f in so many words, or with proof.
    let paired = change([remove(3), add(9)]);
    assert_eq!(group.propose(0, &paired), proposed(1, 1));
    assert_eq!(group.propose(0, &change_to([remove(3)], 1)), proposed(2, 1));
    group.convicted = vec![id(3)];
    assert_eq!(group.propose(0, &two_for_one), proposed(3, 1));
    assert_eq!(group.propose(0, &change([remove(3)])), authorised(4));
}

#[test]
fn a_removal_that_would_break_the_bound_is_refused_even_with_proof() {
    let mut group = Group::new(4, 1, 1);
    group.convicted = vec![id(3)];
    let broken = refused(ChangeError::WouldBreakBound {
        n: 3,
        f: 1,
        c: 0,
        needed: Some(4),
    });
    assert_eq!(group.propose(0, &change([remove(3)])), broken);
    assert_eq!(group.propose(0, &change_to([remove(3)], 1)), broken);
    assert_eq!(group.propose(0, &change_to([remove(3)], 0)), authorised(1));
}

#[test]
fn a_client_s_name_or_key_is_no_site_s() {
    let mut group = Group::new(4, 1, 1);
    group.clients = vec![name(9)];
    let reserved = refused(Refusal::Reserved(name(9)));
    assert_eq!(group.propose(0, &change([add(8), add(9)])), reserved);
    assert_eq!(group.propose(0, &change([add(8)])), authorised(1));
}

#[test]
fn one_change_is_under_way_at_a_time() {
    let mut group = Group::new(4, 1, 2);
    let other = change([add(8)]);
    assert_eq!(group.propose(0, &other), proposed(1, 1));
    group.convicted = vec![id(2)];
    assert_eq!(group.propose(0, &change([replace(2, 9)])), authorised(2));
    let busy = refused(Refusal::Busy(2));
    assert_eq!(group.propose(1, &change([add(7)])), busy);
    assert_eq!(group.approve(1, 1), busy);
    // Once it is given up, what was open goes on.
    assert!(group.tick(START_MS + READY_MS).is_some());
    assert_eq!(group.approve(1, 1), approved(1, Standing::Authorised));
}

#[test]
fn only_who_proposed_withdraws_and_only_what_is_open() {
    let mut group = Group::new(4, 1, 2);
    assert_eq!(group.propose(0, &change([add(8)])), proposed(1, 1));
    let withdraw = Operation::Withdraw(1);
    assert_eq!(group.ask(1, &withdraw), refused(Refusal::NotYours));
    assert_eq!(group.ask(0, &withdraw), Answer::Withdrawn(1));
    let gone = refused(Refusal::NoSuchProposal);
    assert_eq!(group.ask(0, &withdraw), gone);
    assert_eq!(group.approve(1, 1), gone);
    assert_eq!(group.approve(1, 77), gone);
    // Numbers are not used again.
    assert_eq!(group.propose(0, &change([add(8)])), proposed(2, 1));
    assert_eq!(group.approve(1, 2), approved(2, Standing::Authorised));
    assert_eq!(group.ask(0, &Operation::Withdraw(2)), gone);
}

#[test]
fn open_proposals_are_bounded_in_all_and_per_client() {
    let mut group = Group::new(4, 1, 2);
    let mut site = 10;
    let mut another = || {
        site += 1;
        change([add(site)])
    };
    let full = refused(Refusal::TooManyProposals);
    for number in 1..=4 {
        assert_eq!(group.propose(0, &another()), proposed(number, 1));
    }
    assert_eq!(group.propose(0, &another()), full);
    for number in 5..=16 {
        let client = u32::try_from(number).unwrap();
        assert_eq!(group.propose(client, &another()), proposed(number, 1));
    }
    assert_eq!(group.propose(99, &another()), full);
    assert_eq!(group.ask(5, &Operation::Withdraw(5)), Answer::Withdrawn(5));
    assert_eq!(group.propose(99, &another()), proposed(17, 1));
}

#[test]
fn what_is_no_operation_is_told_so() {
    let mut group = Group::new(4, 1, 1);
    for bytes in [&[][..], &[0], &[4, 4], &[2, 1]] {
        let answer = group.ask_with(0, true, Bytes::copy_from_slice(bytes));
        assert_eq!(answer, refused(Refusal::Malformed));
    }
}
