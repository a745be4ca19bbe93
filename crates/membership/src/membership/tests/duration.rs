//! What takes how long, and how an epoch ends.

use super::*;

#[test]
fn a_joiner_that_is_ready_one_millisecond_before_the_end_is_in_time() {
    let mut group = Group::new(4, 1, 1);
    group.authorise(&change([replace(2, 9)]));
    assert_eq!(group.tick(START_MS + READY_MS - 1), None);
    assert!(group.state.ready(id(4)));
    assert_eq!(group.tick(START_MS + READY_MS), None);
    assert!(group.state.all_ready());
}

#[test]
fn correction_12_a_joiner_that_does_not_come_in_time_ends_the_change_by_name() {
    let mut group = Group::new(4, 1, 1);
    let two = change([replace(2, 9), add(8)]);
    let proposal = group.authorise(&two);
    assert!(group.state.ready(id(5)));
    assert_eq!(group.tick(START_MS + READY_MS - 1), None);
    assert_eq!(
        group.shown().underway.unwrap().phase,
        Phase::Joining(vec![name(9)])
    );
    let cause = Cause::NotReady(vec![name(9)]);
    let aborted = Aborted {
        proposal,
        cause: cause.clone(),
    };
    assert_eq!(group.tick(START_MS + READY_MS), Some(aborted));
    assert!(group.state.pending().is_none() && group.state.joiners().is_empty());
    assert!(!group.state.ready(id(4)), "too late");
    let entry = Entry {
        proposal,
        change: two.clone(),
        approvals: vec![0],
        commit: 7,
        time_ms: START_MS + READY_MS,
        outcome: Outcome::Aborted(cause),
    };
    assert_eq!(group.state.history().collect::<Vec<_>>(), [&entry]);
    assert_eq!(group.state.view(), &view(4, 1));
    // And can be tried again.
    assert_eq!(group.authorise(&two), proposal + 1);
}

#[test]
fn a_change_whose_keys_are_not_shared_in_time_ends() {
    let mut group = Group::new(4, 1, 1);
    let proposal = group.authorise(&change([replace(2, 9)]));
    assert!(group.state.ready(id(4)));
    assert_eq!(group.shown().underway.unwrap().phase, Phase::Sharing);
    assert_eq!(group.tick(START_MS + PENDING_MS - 1), None);
    let cause = Cause::NotPrepared;
    let aborted = Aborted { proposal, cause };
    assert_eq!(group.tick(START_MS + PENDING_MS), Some(aborted));
    assert_eq!(group.tick(START_MS + PENDING_MS + 1), None);
}

#[test]
fn the_time_of_a_change_begins_when_it_is_authorised() {
    let mut group = Group::new(4, 1, 2);
    assert_eq!(group.propose(0, &change([replace(2, 9)])), proposed(1, 1));
    let late = START_MS + 10 * PENDING_MS;
    assert_eq!(group.tick(late), None);
    assert_eq!(group.approve(1, 1), approved(1, Standing::Authorised));
    assert_eq!(group.tick(late + READY_MS - 1), None);
    assert!(group.tick(late + READY_MS).is_some());
}

#[test]
fn a_proposal_expires() {
    let mut group = Group::new(4, 1, 2);
    assert_eq!(group.propose(0, &change([add(8)])), proposed(1, 1));
    group.tick(START_MS + PROPOSAL_MS - 1);
    assert_eq!(group.shown().proposals.len(), 1);
    group.tick(START_MS + PROPOSAL_MS);
    assert!(group.shown().proposals.is_empty());
    assert_eq!(group.approve(1, 1), refused(Refusal::NoSuchProposal));
}

#[test]
fn only_joiners_are_awaited_and_each_is_ready_once() {
    let mut group = Group::new(4, 1, 1);
    assert!(!group.state.ready(id(4)), "nothing is under way");
    assert!(!group.state.all_ready());
    group.authorise(&change([add(8), add(9)]));
    assert!(!group.state.ready(id(3)), "a member");
    assert!(!group.state.ready(id(6)), "a stranger");
    assert!(group.state.ready(id(4)));
    assert!(!group.state.ready(id(4)), "again");
    assert!(group.state.next_committee().is_none());
    assert!(group.state.ready(id(5)));
    assert_eq!(group.state.next_committee().unwrap().members.len(), 6);
}

#[test]
fn a_change_without_joiners_is_ready_at_once() {
    let mut group = Group::new(5, 1, 1);
    group.convicted = vec![id(1)];
    group.authorise(&change([remove(1)]));
    assert!(group.state.all_ready());
    assert_eq!(group.shown().underway.unwrap().phase, Phase::Sharing);
}

#[test]
fn an_epoch_ends_with_the_next_view_a_handover_and_no_open_proposals() {
    let mut group = Group::new(4, 1, 2);
    assert_eq!(group.state.handover(), None);
    assert_eq!(group.state.config(), *group.state.view().group());
    assert_eq!(group.propose(0, &change([add(8)])), proposed(1, 1));
    group.convicted = vec![id(2)];
    let replacement = change([replace(2, 9)]);
    assert_eq!(group.propose(3, &replacement), authorised(2));
    group.state.ready(id(4));
    let chain = Digest([5; 32]);
    let next = group.state.end_epoch(70, START_MS + 9, chain);
    assert_eq!(next.view, view(4, 1).change(&replacement).unwrap().view);
    assert_eq!(group.state.view(), &next.view);
    let handover = group.state.handover().unwrap();
    assert_eq!((handover.commit, handover.chain), (70, chain));
    assert_eq!(group.state.config(), handover.config());
    assert_eq!(group.state.config(), next.view.config(&chain));
    group.convicted.clear();
    assert_eq!(group.approve(1, 1), refused(Refusal::StaleView));
    assert_eq!(group.approve(1, 2), refused(Refusal::StaleView));
    assert_eq!(group.approve(1, 3), refused(Refusal::NoSuchProposal));
    assert_eq!(
        group.propose(0, &change([replace(2, 8)])),
        refused(ChangeError::UnknownSite(name(2)))
    );
    assert_eq!(group.propose(0, &change([replace(9, 2)])), proposed(3, 1));
    let entry = Entry {
        proposal: 2,
        change: replacement,
        approvals: vec![3],
        commit: 70,
        time_ms: START_MS + 9,
        outcome: Outcome::Entered(Epoch(1)),
    };
    assert_eq!(
        group.ask(0, &Operation::History),
        Answer::History(vec![entry])
    );
}

#[test]
#[should_panic(expected = "an epoch ends for a change that is prepared")]
fn no_epoch_ends_before_all_joiners_are_ready() {
    let mut group = Group::new(4, 1, 1);
    group.authorise(&change([replace(2, 9)]));
    let _next = group.state.end_epoch(70, START_MS, Digest::ZERO);
}

#[test]
fn the_newest_sixty_four_changes_are_remembered() {
    let mut group = Group::new(4, 1, 1);
    for _ in 0..=HISTORY_MAX {
        group.authorise(&change([replace(2, 9)]));
        assert!(group.tick(group.now_ms + READY_MS).is_some());
    }
    let numbers: Vec<_> = group.state.history().map(|entry| entry.proposal).collect();
    assert_eq!(numbers, (2..=65).collect::<Vec<_>>());
}
