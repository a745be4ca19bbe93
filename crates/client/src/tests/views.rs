//! A session whose sites change, and the certificates that a client follows.

use maftia_config::{Generated, GroupFile, Kind, Plan, consecutive, generate};
use maftia_crypto::SigningKey;
use maftia_membership::{Certificate, Change, Edit, Handover, Member, View};
use maftia_types::Epoch;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::*;
use crate::Known;

fn five() -> Resilience {
    Resilience::new(FaultModel::Arbitrary, 5, 1, 0).unwrap()
}

fn four() -> Resilience {
    Resilience::new(FaultModel::Arbitrary, 4, 1, 0).unwrap()
}

#[test]
fn what_a_former_site_said_does_not_count_in_the_next_view() {
    let mut script = Script::new();
    script.submit("a");
    script.flush();
    assert!(script.reply(2, 1, executed(5, "forged")).is_empty());
    script.session.enter(script.now, four());
    (0..4).for_each(|index| script.link(index, Standing::Up));
    // Another site has number 1 now: with the former answer that would be f+1.
    assert!(script.reply(1, 1, executed(5, "forged")).is_empty());
    assert!(script.reply(0, 1, executed(5, "r")).is_empty());
    let settled = script.reply(3, 1, executed(5, "r"));
    assert_eq!(outcomes(&settled), [(1, committed(5, "r"))]);
    assert_eq!(script.session.liars(), [0, 1, 0, 0]);
}

#[test]
fn requests_under_way_are_asked_for_again_once_each_of_the_new_sites() {
    let mut script = Script::new();
    script.submit("a");
    script.flush();
    script.session.enter(script.now, five());
    assert!(script.flush().is_empty(), "no link is up");
    (1..5).for_each(|index| script.link(index, Standing::Up));
    script.flush();
    assert_eq!(script.bodies(1), [site(1)]);
    assert_eq!(script.digests(1), [site(2), site(3)]);
    assert!(script.pass(Duration::from_nanos(0)).is_empty());
    assert!(script.flush().is_empty(), "nothing is sent twice");
}

#[test]
fn thresholds_are_those_of_the_new_view() {
    let mut script = Script::new();
    let seven = Resilience::new(FaultModel::Arbitrary, 7, 2, 0).unwrap();
    script.session.enter(script.now, seven);
    (0..7).for_each(|index| script.link(index, Standing::Up));
    script.submit("a");
    script.flush();
    assert_eq!(script.digests(1).len(), 4, "2f");
    assert!(script.reply(5, 1, executed(5, "r")).is_empty());
    assert!(script.reply(6, 1, executed(5, "r")).is_empty());
    assert_eq!(script.reply(0, 1, executed(5, "r")).len(), 1, "f+1");
}

/// A group, and the keys of who signs for it.
struct Founded {
    file: GroupFile,
    keys: Vec<SigningKey>,
}

fn founded() -> Founded {
    let plan = Plan {
        fast_path: None,
        asynchronous: maftia_types::CoinUse::Never,
        member_approvals: std::num::NonZeroU8::MIN,
        name: "test".to_owned(),
        kind: Kind::Dev,
        sites: consecutive("127.0.0.1:7000".parse().unwrap(), 4).unwrap(),
        http: Vec::new(),
        clients: vec!["app".to_owned()],
    };
    let Generated { group, sites, .. } =
        generate(plan, &mut ChaCha20Rng::seed_from_u64(1)).unwrap();
    Founded {
        file: group,
        keys: sites.into_iter().map(|named| named.key).collect(),
    }
}

fn joiner(of: u8) -> SigningKey {
    SigningKey::from_seed([of; 32])
}

/// The certificate of the view in which that joiner has the seat of `name`, signed by `signers`.
fn replaced(former: &View, name: &str, of: u8, signers: &[&SigningKey]) -> Certificate {
    let edits = vec![Edit::Replace {
        name: name.to_owned(),
        with: Member {
            name: format!("J{of}"),
            key: joiner(of).public(),
            address: Some(([10, 0, 0, of], 7100).into()),
            http: None,
        },
    }];
    let next = former.change(&Change { edits, f: None }).unwrap();
    let handover = Handover {
        commit: 7,
        chain: Digest::ZERO,
        view: next.view,
    };
    let sign = |key: &&SigningKey| {
        let seat = former.seat_of(&key.public()).unwrap();
        (seat, handover.sign(key).signature)
    };
    Certificate::new(handover.clone(), signers.iter().map(sign))
}

#[test]
fn a_client_starts_from_the_last_view_that_it_has_kept() {
    let Founded { file, keys } = founded();
    let first = replaced(file.view(), "B", 9, &[&keys[0], &keys[1], &keys[2]]);
    let second = &first.handover().view;
    let ninth = joiner(9);
    let second = replaced(second, "C", 8, &[&keys[0], &ninth, &keys[3]]);
    let chain = vec![first.clone(), second.clone()];
    let known = Known::begin(file.clone(), chain.clone());
    assert_eq!(known.epoch(), Epoch(2));
    assert_eq!(known.chain, chain);
    assert_eq!(known.group.digest(), file.digest());
    let names: Vec<&str> = known.group.sites().map(|(_, s)| s.name.as_str()).collect();
    assert_eq!(names, ["A", "J9", "J8", "D"]);
    let addresses: Vec<_> = known.group.directory().sites().map(|(.., at)| at).collect();
    assert_eq!(addresses[0], "127.0.0.1:7000".parse().unwrap());
    assert_eq!(addresses[2], "10.0.0.8:7100".parse().unwrap());

    // From a file of today, what led there is passed over.
    let later = Known::begin(known.group.as_ref().clone(), chain);
    assert_eq!((later.epoch(), later.chain.len()), (Epoch(2), 0));
}

#[test]
fn a_client_goes_no_further_than_certificates_lead() {
    let Founded { file, keys } = founded();
    let few = replaced(file.view(), "B", 9, &[&keys[0], &keys[1]]);
    assert_eq!(Known::begin(file.clone(), vec![few]).epoch(), Epoch(0));
    let first = replaced(file.view(), "B", 9, &[&keys[0], &keys[1], &keys[2]]);
    let view = &first.handover().view;
    let few = replaced(view, "C", 8, &[&keys[0], &keys[3]]);
    let known = Known::begin(file.clone(), vec![first.clone(), few]);
    assert_eq!((known.epoch(), known.chain.len()), (Epoch(1), 1));
    let gap = replaced(view, "C", 8, &[&keys[0], &keys[2], &keys[3]]);
    assert_eq!(Known::begin(file, vec![gap]).epoch(), Epoch(0));
}
