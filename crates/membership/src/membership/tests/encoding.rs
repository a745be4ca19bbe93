//! What is decoded.

use super::*;

fn busy() -> Group {
    let mut group = Group::new(4, 1, 2);
    group.propose(0, &change([add(8)]));
    group.convicted = vec![id(2)];
    group.propose(1, &change([replace(2, 9)]));
    group.tick(START_MS + READY_MS);
    group.propose(1, &change([replace(2, 7)]));
    group
}

#[test]
fn a_state_reads_back_and_no_part_of_it_does() {
    let mut group = busy();
    group.state.ready(id(4));
    let bytes = group.state.to_bytes();
    assert_eq!(Membership::from_bytes(bytes.clone()), Ok(group.state));
    for length in 0..bytes.len() {
        assert!(Membership::from_bytes(bytes.slice(..length)).is_err());
    }
}

#[test]
fn a_restored_state_goes_on_as_the_one_it_was_made_of() {
    let mut group = busy();
    let mut restored = busy();
    restored.state = Membership::from_bytes(group.state.to_bytes()).unwrap();
    for group in [&mut group, &mut restored] {
        assert!(group.state.ready(id(4)));
        group.state.end_epoch(9, START_MS, Digest([1; 32]));
        group.propose(0, &change([add(8)]));
    }
    assert_eq!(group.state, restored.state);
    assert_eq!(group.state.to_bytes(), restored.state.to_bytes());
}

#[test]
fn impossible_states_do_not_decode() {
    type Spoil = fn(&mut Membership);
    let spoils: [(&str, Spoil); 8] = [
        ("numbers from 0", |state| state.void_below = 0),
        ("void beyond the next", |state| {
            state.void_below = state.next_proposal + 1
        }),
        ("an open proposal that is void", |state| {
            state.void_below = 3
        }),
        ("an open proposal of the future", |state| {
            let proposal = state.proposals[&1].clone();
            state.proposals.insert(50, proposal);
        }),
        ("a proposal that makes no view", |state| {
            state.proposals.get_mut(&1).unwrap().change = change([add(0)]);
        }),
        ("a member that joins", |state| {
            state.pending.as_mut().unwrap().ready.insert(id(3));
        }),
        ("a change that makes no view", |state| {
            state.pending.as_mut().unwrap().change = change([add(0)]);
        }),
        ("a first epoch that began later", |state| {
            state.origin.commit = 1
        }),
    ];
    let whole = busy().state;
    for (what, spoil) in spoils {
        let mut state = whole.clone();
        spoil(&mut state);
        assert!(Membership::from_bytes(state.to_bytes()).is_err(), "{what}");
    }
}

#[test]
fn approvals_are_of_somebody_and_of_nobody_twice() {
    for approvals in [vec![], vec![1, 1], vec![1, 2, 1]] {
        let proposal = Proposal {
            change: change([add(8)]),
            approvals,
            since_ms: 0,
        };
        assert!(Proposal::from_bytes(proposal.to_bytes()).is_err());
    }
}

#[test]
fn operations_and_answers_read_back() {
    for operation in [
        Operation::Propose(change_to([remove(1)], 0)),
        Operation::Approve(3),
        Operation::Withdraw(u64::MAX),
        Operation::Show,
        Operation::History,
    ] {
        assert_eq!(Operation::from_bytes(operation.to_bytes()), Ok(operation));
    }
    for refusal in [
        Refusal::Busy(1),
        ChangeError::Nothing.into(),
        Refusal::Malformed,
        Refusal::NoSuchProposal,
        Refusal::NotAuthorised,
        Refusal::NotYours,
        Refusal::Reserved(name(1)),
        Refusal::StaleView,
        Refusal::TooManyProposals,
        Refusal::Unproven(name(1)),
    ] {
        let answer = Answer::Refused(refusal);
        assert_eq!(Answer::from_bytes(answer.to_bytes()), Ok(answer));
    }
    let shown = Answer::State(Box::new(busy().shown()));
    assert_eq!(Answer::from_bytes(shown.to_bytes()), Ok(shown));
}

#[test]
fn the_longest_state_and_answers_fit_a_mebibyte() {
    const BYTES_MAX: usize = 1024 * 1024;
    let edits: Vec<_> = (0..16).map(|i| add(100 + i)).collect();
    let entry = Entry {
        proposal: 1,
        change: change(edits),
        approvals: (0..255).collect(),
        commit: 1,
        time_ms: 1,
        outcome: Outcome::Aborted(Cause::NotReady(vec!["x".repeat(32); 16])),
    };
    let longest = Answer::History(vec![entry; HISTORY_MAX]);
    assert!(longest.to_bytes().len() * 2 < BYTES_MAX);
    assert_eq!(Answer::from_bytes(longest.to_bytes()), Ok(longest));
}
