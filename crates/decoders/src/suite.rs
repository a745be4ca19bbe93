use std::sync::OnceLock;

use bytes::Bytes;
use maftia_activity::keys::channels::{self, ChannelId, Class};
use maftia_activity::keys::sessions::{Answer, Policy, Request, Users};
use maftia_activity::keys::{
    Act, GENESIS_KEYS, KeyId, Operation, Ordered, Reply, Scheme, Setup, Site,
};
use maftia_activity::replication::{Effects, SiteContext, StateMachine};
use maftia_activity::suite::{KEYS, Suite};
use maftia_codec::Wire;
use maftia_crypto::SigningKey;
use maftia_types::{Digest, Epoch, FaultModel, Powers, Resilience, SiteId, Time};

use crate::services::context;
use crate::{join, split};

const GROUP: Digest = Digest([3; 32]);
/// Enough commits for a group of one to make its keys and a round of its beacon.
const COMMITS: u64 = 8;

/// The keyed services answer anything, with an answer that decodes.
pub(crate) fn operation(bytes: &[u8]) -> bool {
    let mut ordered = grown().last().clone();
    let bytes = Bytes::copy_from_slice(bytes);
    let mut reply = Vec::new();
    ordered.apply(&context(), &bytes, &mut reply);
    let reply = Bytes::from(reply);
    let answered = Reply::from_bytes(reply.clone()).is_ok()
        || channels::Answer::from_bytes(reply.clone()).is_ok()
        || Answer::from_bytes(reply).is_ok();
    assert!(answered, "an answer decodes");
    assert_one_encoding(&ordered);
    Operation::from_bytes(bytes.clone()).is_ok()
        || channels::Request::from_bytes(bytes.clone()).is_ok()
        || Request::from_bytes(bytes).is_ok()
}

/// Whatever a site puts into its blocks leaves a state that can be saved and restored: a new one, or
/// one in any stage after.
pub(crate) fn contribution(bytes: &[u8]) -> bool {
    let bytes = Bytes::copy_from_slice(bytes);
    let mut means_something = false;
    for before in &grown().stages {
        let mut ordered = before.clone();
        ordered.contribute(&by_site(COMMITS), &bytes);
        if ordered != *before {
            assert_one_encoding(&ordered);
            means_something = true;
        }
    }
    means_something
}

/// Chunks of both services are refused, or become a state that gives the same chunks.
pub(crate) fn chunks(bytes: &[u8]) -> bool {
    let parts = split(bytes);
    let mut suite = suite_of(&ordered());
    let before = suite.snapshot().root();
    for part in &parts {
        let _known = suite.chunk_digest(part);
    }
    if suite.restore(&parts).is_err() {
        assert_eq!(suite.snapshot().root(), before, "a refusal changes nothing");
        return false;
    }
    assert_eq!(chunks_of(suite), parts, "two encodings of one state");
    true
}

pub(crate) fn operation_seeds() -> Vec<Bytes> {
    let key = KeyId(3);
    let operations = [
        Operation::List,
        Operation::Ceremonies,
        Operation::Show(key),
        Operation::Transcript(key),
        Operation::Refresh(key),
        Operation::Proposals,
        Operation::Approve {
            proposal: 2,
            digest: GROUP,
        },
        Operation::Change(Act::Retire(key)),
        Operation::Change(Act::Rotate(KeyId(1))),
        Operation::Change(Act::Permit {
            key,
            users: Users::Only([1, 2].into()),
            uses_per_minute_max: 9,
        }),
        Operation::Change(Act::Create {
            name: "seed".into(),
            scheme: Scheme::Seal,
            policy: Some(Policy::of(Scheme::Seal)),
        }),
    ];
    let message = Bytes::from_static(b"seed");
    let requests = [
        Request::Latest { key: KeyId(2) },
        Request::Get {
            key: KeyId(2),
            round: 1,
        },
        Request::Sign {
            key,
            message,
            slot: None,
        },
        Request::Audit { from: 0 },
        Request::Slots { key },
    ];
    let operations = operations.iter().map(Wire::to_bytes);
    operations
        .chain(requests.iter().map(Wire::to_bytes))
        .chain(channel_requests().iter().map(Wire::to_bytes))
        .collect()
}

/// A channel, and a message in it.
fn channel_requests() -> [channels::Request; 4] {
    let channel = ChannelId(1);
    [
        channels::Request::Open {
            name: "seed".into(),
            class: Class::Atomic,
            members: [context().client.key].into(),
        },
        channels::Request::Send {
            channel,
            sequence: 1,
            body: Bytes::from_static(b"seed"),
        },
        channels::Request::Receive { channel, from: 0 },
        channels::Request::Show {
            name: "seed".into(),
        },
    ]
}

pub(crate) fn contribution_seeds() -> Vec<Bytes> {
    let all = grown().contributions.iter();
    all.filter(|bytes| contribution(bytes)).cloned().collect()
}

pub(crate) fn chunk_seeds() -> Vec<Bytes> {
    let chunks = chunks_of(suite_of(grown().last()));
    assert!(chunks.iter().any(|chunk| chunk.first() == Some(&KEYS)));
    vec![join(chunks)]
}

fn chunks_of(mut suite: Suite) -> Vec<Bytes> {
    let snapshot = suite.snapshot();
    let count = snapshot.manifest().len();
    (0..count).filter_map(|at| snapshot.chunk(at)).collect()
}

fn assert_one_encoding(ordered: &Ordered) {
    let bytes = ordered.to_bytes();
    let again = Ordered::from_bytes(bytes.clone()).expect("a state decodes");
    assert_eq!(again.to_bytes(), bytes, "two encodings of one state");
}

fn key() -> SigningKey {
    SigningKey::from_seed([5; 32])
}

/// A group of one site, new.
fn ordered() -> Ordered {
    let setup = Setup {
        group: GROUP,
        epoch: Epoch(0),
        resilience: Resilience::new(FaultModel::Arbitrary, 1, 0, 0).expect("one site, no fault"),
        sites: vec![key().public()],
        clients: vec![Powers::ALL; 4],
        approvals: 2,
    };
    Ordered::new(setup, GENESIS_KEYS)
}

fn by_site(commit: u64) -> SiteContext {
    SiteContext {
        site: SiteId::all(1).next().expect("there is a site"),
        commit,
        commit_time_ms: commit * 4000,
    }
}

fn suite_of(ordered: &Ordered) -> Suite {
    Suite::new(ordered.clone())
}

/// That group after each commit, and what its site contributed.
struct Grown {
    stages: Vec<Ordered>,
    contributions: Vec<Bytes>,
}

impl Grown {
    fn last(&self) -> &Ordered {
        self.stages.last().expect("there are commits")
    }
}

fn grown() -> &'static Grown {
    static GROWN: OnceLock<Grown> = OnceLock::new();
    GROWN.get_or_init(|| {
        let (mut ordered, mut contributions) = (ordered(), Vec::new());
        for request in channel_requests() {
            ordered.apply(&context(), &request.to_bytes(), &mut Vec::new());
        }
        let mut stages = vec![ordered.clone()];
        let me = by_site(0).site;
        let mut site = Site::new(me, GROUP, key(), None, [9; 32]).expect("an empty vault");
        for commit in 1..=COMMITS {
            let mut effects = Effects::default();
            let now = Time::from_nanos(commit * 4_000_000_000);
            site.observe(now, &ordered, &mut effects);
            ordered.tick(commit, by_site(commit).commit_time_ms);
            stages.push(ordered.clone());
            for contribution in effects.contributions {
                ordered.contribute(&by_site(commit), &contribution);
                contributions.push(contribution);
                stages.push(ordered.clone());
            }
        }
        Grown {
            stages,
            contributions,
        }
    })
}
