use core::net::SocketAddr;

use bytes::Bytes;
use maftia_codec::Wire;
use maftia_crypto::SigningKey;
use maftia_membership::handover::Vote;
use maftia_membership::membership::{Answer, Asked, Operation, Policy, READY_MS, Refusal};
use maftia_membership::{Certificate, Change, Edit, Handover, Member, Membership, View};
use maftia_types::{Digest, FaultModel, Resilience, SiteId};

use crate::services::context;

const GROUP: Digest = Digest([3; 32]);

/// Membership answers anything, with an answer that decodes, and stays a state that decodes.
pub(crate) fn operation(bytes: &[u8]) -> bool {
    let operation = Bytes::copy_from_slice(bytes);
    let mut known = true;
    for mut state in states() {
        let answer = Bytes::from(ask(&mut state, &operation));
        let answer = Answer::from_bytes(answer).expect("an answer decodes");
        known &= answer != Answer::Refused(Refusal::Malformed);
        let read = Membership::from_bytes(state.to_bytes());
        assert_eq!(read.as_ref(), Ok(&state), "a state reads back");
    }
    known
}

pub(crate) fn operation_seeds() -> Vec<Bytes> {
    let operations = [
        Operation::Propose(change()),
        Operation::Approve(2),
        Operation::Withdraw(1),
        Operation::Show,
        Operation::History,
    ];
    operations.iter().map(Wire::to_bytes).collect()
}

pub(crate) fn answer_seeds() -> Vec<Bytes> {
    let operations = operation_seeds();
    let answers = |operation: Bytes| {
        let states = states().into_iter();
        states.map(move |mut state| ask(&mut state, &operation).into())
    };
    operations.into_iter().flat_map(answers).collect()
}

pub(crate) fn state_seeds() -> Vec<Bytes> {
    states().iter().map(Wire::to_bytes).collect()
}

pub(crate) fn view_seeds() -> Vec<Bytes> {
    let views = [first(), handover().view];
    views.iter().map(Wire::to_bytes).collect()
}

pub(crate) fn vote_seeds() -> Vec<Bytes> {
    vec![vote(1).to_bytes()]
}

pub(crate) fn certificate_seeds() -> Vec<Bytes> {
    vec![certificate().to_bytes()]
}

pub(crate) fn certificate() -> Certificate {
    let signatures = [0, 1, 3].map(|site| (id(site), vote(site).signature));
    Certificate::new(handover(), signatures)
}

/// New; with an open proposal; with a change under way and one given up; in the second epoch.
fn states() -> Vec<Membership> {
    let new = Membership::new(first(), Policy::default());
    let mut open = Membership::new(
        first(),
        Policy {
            approvals: core::num::NonZeroU8::MAX,
        },
    );
    let propose = Operation::Propose(change()).to_bytes();
    ask(&mut open, &propose);
    let mut underway = new.clone();
    ask(&mut underway, &propose);
    underway.tick(1, READY_MS.saturating_add(context().commit_time_ms));
    ask(&mut underway, &propose);
    let mut second = underway.clone();
    second.ready(id(4));
    second.ready(id(5));
    second.end_epoch(9, 10, Digest([4; 32]));
    vec![new, open, underway, second]
}

fn ask(state: &mut Membership, operation: &Bytes) -> Vec<u8> {
    let context = context();
    let asked = Asked {
        context: &context,
        power: true,
        convicted: &|site| site == id(1),
        reserved: &|_| false,
    };
    state.apply(&asked, operation)
}

fn first() -> View {
    let resilience = Resilience::new(FaultModel::Arbitrary, 4, 1, 0).expect("four carry one");
    let sites = (0..4).map(|site| (format!("s{site}"), key(site).public()));
    View::genesis(GROUP, resilience, sites).expect("names and keys differ")
}

fn change() -> Change {
    let with = joiner(8, "[fe80::1%3]:80");
    let name = "s2".to_owned();
    Change {
        edits: vec![
            Edit::Replace { name, with },
            Edit::Add(joiner(9, "10.0.0.9:80")),
        ],
        f: Some(1),
    }
}

fn handover() -> Handover {
    let next = first().change(&change()).expect("five carry one");
    Handover {
        commit: 9,
        chain: Digest([4; 32]),
        view: next.view,
    }
}

fn vote(site: u8) -> Vote {
    handover().sign(&key(site))
}

fn joiner(site: u8, address: &str) -> Member {
    let address: SocketAddr = address.parse().expect("an address");
    Member {
        name: format!("s{site}"),
        key: key(site).public(),
        address: Some(address),
        http: None,
    }
}

fn key(site: u8) -> SigningKey {
    SigningKey::from_seed([site; 32])
}

fn id(site: u8) -> SiteId {
    SiteId::new(site).expect("few sites")
}
