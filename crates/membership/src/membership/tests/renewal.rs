//! The next epoch with the same sites, begun by the group itself.

use super::*;

fn renewed(group: &mut Group) -> u64 {
    group.state.renew(group.now_ms);
    let bytes = group.state.to_bytes();
    assert_eq!(Membership::from_bytes(bytes), Ok(group.state.clone()));
    group.state.pending().expect("it is under way").proposal
}

#[test]
fn a_renewal_keeps_every_site_on_its_seat_and_waits_for_nobody() {
    let mut group = Group::new(4, 1, 2);
    let proposal = renewed(&mut group);
    assert!(group.state.all_ready() && group.state.joiners().is_empty());
    let shown = group.shown().underway.unwrap();
    assert_eq!((shown.phase, shown.approvals), (Phase::Sharing, Vec::new()));
    let next = group.state.end_epoch(9, START_MS, Digest([1; 32]));
    assert_eq!(next.members, (0..4).map(id).collect::<Vec<_>>());
    assert_eq!(next.view.members(), view(4, 1).members());
    assert_eq!(group.state.view().epoch(), Epoch(1));
    let bytes = group.state.to_bytes();
    assert_eq!(Membership::from_bytes(bytes), Ok(group.state.clone()));
    let made = group.state.history().next().unwrap();
    assert_eq!((made.proposal, made.change.is_renewal()), (proposal, true));
}

#[test]
fn what_people_have_proposed_outlives_a_renewal_and_nothing_else() {
    let mut group = Group::new(4, 1, 2);
    let wanted = change([replace(2, 9)]);
    assert_eq!(group.propose(0, &wanted), proposed(1, 1));
    renewed(&mut group);
    assert_eq!(group.approve(1, 1), refused(Refusal::Busy(2)));
    group.state.end_epoch(9, START_MS, Digest([1; 32]));
    assert_eq!(group.approve(1, 1), approved(1, Standing::Authorised));
    assert!(group.state.ready(id(4)));
    group.state.end_epoch(19, START_MS, Digest([2; 32]));
    assert_eq!(group.approve(1, 1), refused(Refusal::StaleView));
}

#[test]
fn nobody_proposes_a_renewal() {
    let mut group = Group::new(4, 1, 1);
    let answer = group.propose(0, &Change::renewal());
    assert_eq!(answer, refused(ChangeError::Nothing));
}

#[test]
fn a_change_that_people_want_is_not_interrupted_and_goes_first_after_a_renewal_that_failed() {
    let mut group = Group::new(4, 1, 1);
    let wanted = change([replace(2, 9)]);
    let proposal = group.authorise(&wanted);
    group.state.renew(START_MS);
    assert_eq!(group.state.pending().unwrap().proposal, proposal);
    group.tick(START_MS + READY_MS);
    // One that was given up for its joiners holds up nothing.
    renewed(&mut group);
    let since = group.now_ms;
    assert!(group.tick(since + PENDING_MS).is_some());
    let rests_until = group.now_ms + PENDING_MS;
    group.state.renew(rests_until - 1);
    assert!(group.state.pending().is_none());
    group.authorise(&wanted);
    group.tick(rests_until);
    renewed(&mut group);
}

#[test]
fn a_change_with_nobodys_approval_or_a_renewal_with_somebodys_does_not_decode() {
    let mut group = Group::new(4, 1, 1);
    renewed(&mut group);
    group.state.pending.as_mut().unwrap().approvals.push(3);
    assert!(Membership::from_bytes(group.state.to_bytes()).is_err());
    let mut group = Group::new(4, 1, 1);
    group.authorise(&change([replace(2, 9)]));
    group.state.pending.as_mut().unwrap().approvals.clear();
    assert!(Membership::from_bytes(group.state.to_bytes()).is_err());
}
