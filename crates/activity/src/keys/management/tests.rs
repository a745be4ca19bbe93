use maftia_types::{ClientId, Digest, Power, Powers};

use super::{
    Act, CEREMONIES_PER_MINUTE, CEREMONIES_PER_MINUTE_PER_CLIENT, PROPOSAL_MS_MAX, PROPOSALS_MAX,
    PROPOSALS_PER_CLIENT_MAX, Proposal,
};
use crate::keys::sealing::Deed;
use crate::keys::sessions::tests::world::{GROUP, World};
use crate::keys::sessions::{self, Answer, Policy, Request, Users};
use crate::keys::{KeyId, Operation, Refusal, Reply, Scheme, State};

const KEY: KeyId = KeyId(1);

const fn client(key: u32) -> ClientId {
    ClientId { key, session: 0 }
}

fn create(name: &str) -> Operation {
    Operation::Change(Act::Create {
        name: name.to_owned(),
        scheme: Scheme::Seal,
        policy: None,
    })
}

fn permit(users: Users) -> Operation {
    Operation::Change(Act::Permit {
        key: KEY,
        users,
        uses_per_minute_max: 5,
    })
}

fn sign() -> Request {
    Request::Sign {
        key: KEY,
        message: b"a".as_slice().into(),
        slot: None,
    }
}

/// A group with one BLS key whose clients have just those powers.
fn world(clients: &[&[Power]], approvals: u8) -> World {
    let mut world = World::new(4, &[Scheme::Bls]);
    let powers = |own: &&[Power]| own.iter().copied().collect::<Powers>();
    world.ordered.setup.clients = clients.iter().map(powers).collect();
    world.ordered.setup.approvals = approvals;
    world.now_ms = 60_000 * 50;
    world
}

fn refused(world: &mut World, key: u32, operation: &Operation) -> Refusal {
    let before = world.ordered.clone();
    match world.operate_as(client(key), operation) {
        Reply::Refused(refusal) => {
            assert!(world.ordered == before, "a refusal changes nothing");
            refusal
        }
        other => panic!("{other:?}"),
    }
}

fn proposed(world: &mut World, key: u32, operation: &Operation) -> Proposal {
    match world.operate_as(client(key), operation) {
        Reply::Proposed(proposal) => proposal,
        other => panic!("{other:?}"),
    }
}

fn approval(proposal: &Proposal) -> Operation {
    Operation::Approve {
        proposal: proposal.number,
        digest: proposal.digest(GROUP),
    }
}

#[test]
fn each_power_opens_its_own_door_and_no_other() {
    let each: Vec<[Power; 1]> = Power::ALL.into_iter().map(|power| [power]).collect();
    let each: Vec<&[Power]> = each.iter().map(<[_; 1]>::as_slice).collect();
    let mut world = world(&each, 1);
    // One more than there are clients: it may do nothing.
    for key in 0..=5 {
        let has = |power| Power::ALL.get(key as usize) == Some(&power);
        let approves = Refusal::NoPower(Power::ApproveKeys);
        for operation in [
            create("vault"),
            Operation::Refresh(KEY),
            permit(Users::Everyone),
            Operation::Change(Act::Retire(KeyId(99))),
            Operation::Approve {
                proposal: 1,
                digest: Digest::ZERO,
            },
        ] {
            let mut world = self::world(&each, 1);
            let reply = world.operate_as(client(key), &operation);
            let barred = reply == Reply::Refused(approves);
            assert_eq!(barred, !has(Power::ApproveKeys), "{key} {operation:?}");
        }
        let signed = world.ask_as(client(key), &sign());
        let barred = Answer::Refused(sessions::Refusal::NoPower(Power::UseKeys));
        assert_eq!(signed != barred, has(Power::UseKeys), "{key} {signed:?}");
        let read = world.ask_as(client(key), &Request::Audit { from: 0 });
        let barred = Answer::Refused(sessions::Refusal::NoPower(Power::Audit));
        assert_eq!(read != barred, has(Power::Audit), "{key} {read:?}");
        // What is public needs no power.
        let listed = world.operate_as(client(key), &Operation::List);
        assert!(matches!(listed, Reply::Keys(_)));
    }
}

#[test]
fn a_user_whom_a_policy_names_needs_the_power_too() {
    let mut world = world(&[&[Power::ApproveKeys], &[Power::UseKeys]], 1);
    let both = Users::Only([0, 1].into());
    assert_eq!(
        world.operate_as(client(0), &permit(both.clone())),
        Reply::Permitted(KEY)
    );
    let barred = Answer::Refused(sessions::Refusal::NoPower(Power::UseKeys));
    assert_eq!(world.ask_as(client(0), &sign()), barred);
    assert!(matches!(
        world.ask_as(client(1), &sign()),
        Answer::Session(_)
    ));
    // What the policy says besides stays, and shows.
    let Reply::Key(shown) = world.operate_as(client(1), &Operation::Show(KEY)) else {
        panic!("not shown");
    };
    let expected = Policy {
        users: both,
        uses_per_minute_max: 5,
        ..Policy::of(Scheme::Bls)
    };
    assert_eq!(shown.policy, expected);
    let nobody = permit(Users::Only([].into()));
    assert_eq!(world.operate_as(client(0), &nobody), Reply::Permitted(KEY));
    let barred = Answer::Refused(sessions::Refusal::NotPermitted);
    assert_eq!(world.ask_as(client(1), &sign()), barred);
    let retire = Operation::Change(Act::Retire(KEY));
    assert_eq!(world.operate_as(client(0), &retire), Reply::Retired(KEY));
    assert_eq!(refused(&mut world, 0, &nobody), Refusal::Retired);
    world.restore();
}

#[test]
fn a_change_is_made_by_the_last_of_as_many_different_approvers_as_the_group_wants() {
    let approver: &[Power] = &[Power::ApproveKeys];
    let mut world = world(&[approver, approver, approver, &[Power::UseKeys]], 3);
    let retire = Operation::Change(Act::Retire(KEY));
    let proposal = proposed(&mut world, 0, &retire);
    assert_eq!((proposal.number, proposal.missing()), (1, 2));
    world.restore();
    let approve = approval(&proposal);
    assert_eq!(refused(&mut world, 0, &approve), Refusal::Approved);
    let barred = Refusal::NoPower(Power::ApproveKeys);
    assert_eq!(refused(&mut world, 3, &approve), barred);
    let other = Operation::Approve {
        proposal: 1,
        digest: Digest::ZERO,
    };
    assert_eq!(refused(&mut world, 1, &other), Refusal::OtherProposal);
    assert_eq!(proposed(&mut world, 1, &approve).missing(), 1);
    let active = |world: &World| world.ordered.key(KEY).unwrap().state == State::Active;
    assert!(active(&world));
    assert_eq!(world.operate_as(client(2), &approve), Reply::Retired(KEY));
    assert!(!active(&world));
    assert_eq!(refused(&mut world, 2, &approve), Refusal::NoSuchProposal);
    // A refresh changes nothing that anybody would have to approve.
    let refresh = Operation::Refresh(KEY);
    assert_eq!(refused(&mut world, 0, &refresh), Refusal::Retired);
    let create = create("vault");
    let proposal = proposed(&mut world, 0, &create);
    assert_ne!(approval(&proposal), approve, "a digest names one proposal");
    let deeds: Vec<_> = world.audit_entries();
    let deeds: Vec<_> = deeds.iter().map(|own| (own.client.key, own.deed)).collect();
    assert_eq!(
        deeds,
        [
            (0, Deed::Propose(1)),
            (1, Deed::Approve(1)),
            (2, Deed::Retire),
            (2, Deed::Approve(1)),
            (0, Deed::Propose(2)),
        ]
    );
}

#[test]
fn an_approval_of_what_cannot_be_done_yet_leaves_the_proposal() {
    let approver: &[Power] = &[Power::ApproveKeys];
    let mut world = world(&[approver, approver], 2);
    let first = proposed(&mut world, 0, &create("vault"));
    let second = proposed(&mut world, 1, &create("vault"));
    let made = world.operate_as(client(1), &approval(&first));
    let Reply::Begun { key, .. } = made else {
        panic!("{made:?}");
    };
    let approve = approval(&second);
    assert_eq!(refused(&mut world, 0, &approve), Refusal::NameTaken);
    let retire = proposed(&mut world, 0, &Operation::Change(Act::Retire(key)));
    let retired = world.operate_as(client(1), &approval(&retire));
    assert_eq!(retired, Reply::Retired(key));
    let made = world.operate_as(client(0), &approve);
    assert!(matches!(made, Reply::Begun { .. }), "{made:?}");
}

#[test]
fn proposals_are_bounded_per_client_and_in_all_and_expire() {
    let approvers = [[Power::ApproveKeys].as_slice(); 20];
    let mut world = world(&approvers, 2);
    let clients = PROPOSALS_MAX / PROPOSALS_PER_CLIENT_MAX;
    for key in 0..clients {
        let key = u32::try_from(key).unwrap();
        for _ in 0..PROPOSALS_PER_CLIENT_MAX {
            proposed(&mut world, key, &create("vault"));
        }
        if key == 0 {
            let refusal = refused(&mut world, key, &create("vault"));
            assert_eq!(refusal, Refusal::TooManyProposals);
        }
    }
    let refusal = refused(&mut world, 19, &create("vault"));
    assert_eq!(refusal, Refusal::TooManyProposals);
    world.restore();
    let waiting = |world: &mut World| match world.operate_as(client(0), &Operation::Proposals) {
        Reply::Proposals(all) => all.len(),
        other => panic!("{other:?}"),
    };
    world.commit_after(PROPOSAL_MS_MAX - 1);
    assert_eq!(waiting(&mut world), PROPOSALS_MAX);
    world.commit_after(1);
    assert_eq!(waiting(&mut world), 0);
}

#[test]
fn ceremonies_are_limited_in_a_minute_per_client_and_in_all() {
    let approvers = [[Power::ApproveKeys].as_slice(); 3];
    let mut world = world(&approvers, 1);
    let begin = |world: &mut World, key: u32, count: u32| {
        for _ in 0..count {
            let name = world.ordered.next_key.to_string();
            let begun = world.operate_as(client(key), &create(&name));
            assert!(matches!(begun, Reply::Begun { .. }), "{begun:?}");
        }
    };
    begin(&mut world, 0, CEREMONIES_PER_MINUTE_PER_CLIENT - 1);
    let refresh = Operation::Refresh(KEY);
    let begun = world.operate_as(client(0), &refresh);
    assert!(matches!(begun, Reply::Begun { .. }), "{begun:?}");
    let limited = Refusal::RateLimited;
    assert_eq!(refused(&mut world, 0, &refresh), limited);
    assert_eq!(refused(&mut world, 0, &create("more")), limited);
    let rest = CEREMONIES_PER_MINUTE - CEREMONIES_PER_MINUTE_PER_CLIENT;
    begin(&mut world, 1, rest);
    assert_eq!(refused(&mut world, 2, &create("more")), limited);
    world.restore();
    world.now_ms += 60_000 - 1;
    assert_eq!(refused(&mut world, 2, &create("more")), limited);
    world.now_ms += 1;
    begin(&mut world, 0, 1);
}

#[test]
fn a_coin_is_nobodys_to_make_refresh_rotate_permit_retire_or_use() {
    let mut world = World::new(4, &[Scheme::Coin, Scheme::Bls]);
    world.now_ms = 60_000 * 50;
    let create = Act::Create {
        name: "another".to_owned(),
        scheme: Scheme::Coin,
        policy: None,
    };
    for operation in [
        Operation::Refresh(KEY),
        Operation::Change(create),
        Operation::Change(Act::Rotate(KEY)),
        Operation::Change(Act::Retire(KEY)),
        permit(Users::Everyone),
    ] {
        let refusal = refused(&mut world, 0, &operation);
        assert_eq!(refusal, Refusal::Coin, "{operation:?}");
    }
    let answer = world.ask_as(client(0), &sign());
    let barred = [
        sessions::Refusal::NotPermitted,
        sessions::Refusal::OtherScheme,
    ];
    let Answer::Refused(refusal) = answer else {
        panic!("{answer:?}")
    };
    assert!(barred.contains(&refusal), "{refusal:?}");
    // The same is done with any other key.
    let reply = world.operate_as(client(0), &Operation::Refresh(KeyId(2)));
    assert!(matches!(reply, Reply::Begun { .. }), "{reply:?}");
}
