use std::collections::BTreeMap;

use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};

use super::ceremony::{self, Ceremony};
use super::channels;
use super::epoch::Next;
use super::management::{Proposals, Rate};
use super::record::wire::NAME;
use super::sessions::{self, Sessions};
use super::{KeyId, KeyRecord, KeySummary, Operation, Refusal, Reply, Scheme, Setup, State};
use crate::replication::{Context, SiteContext};

/// How many keys may be in use: each costs every site a ceremony now and then, and its public part
/// a place in the state.
pub const KEYS_MAX: usize = 64;

/// The keys that a group makes by itself when it starts.
pub const GENESIS_KEYS: &[(&str, Scheme)] = &[
    ("group", Scheme::Bls),
    ("beacon", Scheme::Beacon),
    ("signing", Scheme::Ed25519),
];

/// The ordered half of the keyed services: the same at every site, without secrets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ordered {
    pub(super) setup: Setup,
    /// Whom the keys are being shared for, while an end of the epoch is prepared.
    pub(super) next: Option<Next>,
    pub(super) keys: BTreeMap<KeyId, KeyRecord>,
    /// Under way, by number.
    pub(super) ceremonies: BTreeMap<u64, Ceremony>,
    pub(super) next_key: u32,
    pub(super) next_ceremony: u64,
    pub(super) proposals: Proposals,
    /// How many ceremonies clients have begun in this minute.
    pub(super) rate: Rate,
    pub(super) sessions: Sessions,
}

impl Ordered {
    /// The state of a new group, which at once begins to make `genesis_keys`, as far as its fault
    /// model carries shared keys.
    ///
    /// # Panics
    /// If the setup has not one key for each site.
    #[must_use]
    pub fn new(setup: Setup, genesis_keys: &[(&str, Scheme)]) -> Self {
        assert_eq!(
            setup.sites.len(),
            setup.resilience.sites(),
            "one key for each site"
        );
        let mut ordered = Self {
            setup,
            next: None,
            keys: BTreeMap::new(),
            ceremonies: BTreeMap::new(),
            next_key: 1,
            next_ceremony: 1,
            proposals: Proposals::default(),
            rate: Rate::default(),
            sessions: Sessions::default(),
        };
        for (name, scheme) in genesis_keys {
            let origin = ceremony::Origin::Genesis;
            let _unshareable = ordered.create(origin, (*name).to_owned(), *scheme);
        }
        ordered
    }

    /// Executes a client's operation and appends the encoded [`Reply`]; or a
    /// [`Request`](sessions::Request), to which the answer is an [`Answer`](sessions::Answer); or one
    /// of [`channels`], likewise.
    pub fn apply(&mut self, context: &Context, operation: &Bytes, reply: &mut Vec<u8>) {
        if channels::is_ours(operation) {
            let answer = self.channel(context, operation);
            return reply.extend_from_slice(&answer.to_bytes());
        }
        if sessions::is_ours(operation) {
            let answer = self.serve(context, operation);
            return reply.extend_from_slice(&answer.to_bytes());
        }
        let answer = match Operation::from_bytes(operation.clone()) {
            Ok(operation) => self.execute(context, operation),
            Err(
                DecodeError::TooLong { field: NAME, .. } | DecodeError::Invalid { field: NAME },
            ) => Reply::Refused(Refusal::Name),
            Err(_) => Reply::Refused(Refusal::Malformed),
        };
        reply.extend_from_slice(&answer.to_bytes());
    }

    /// Takes a site's own word. What means nothing, or means nothing any more, is passed over.
    pub fn contribute(&mut self, context: &SiteContext, contribution: &Bytes) {
        if sessions::is_ours(contribution) {
            self.take_part(context, contribution);
        } else if let Ok(contribution) = ceremony::Contribution::from_bytes(contribution.clone()) {
            self.take(context.site, contribution);
        }
    }

    /// A commit begins. No ceremony depends on time, but proposals, sessions and beacons do.
    pub fn tick(&mut self, _commit: u64, commit_time_ms: u64) {
        self.proposals.tick(commit_time_ms);
        self.pass_time(commit_time_ms);
    }

    /// The group.
    #[must_use]
    pub const fn setup(&self) -> &Setup {
        &self.setup
    }

    /// All keys, in the order in which they were created.
    pub fn keys(&self) -> impl Iterator<Item = &KeyRecord> {
        self.keys.values()
    }

    /// One key.
    #[must_use]
    pub fn key(&self, id: KeyId) -> Option<&KeyRecord> {
        self.keys.get(&id)
    }

    /// The key in use that people call that.
    #[must_use]
    pub fn key_named(&self, name: &str) -> Option<&KeyRecord> {
        let mut keys = self.keys.values();
        keys.find(|record| record.name == name && record.state != State::Retired)
    }

    /// The ceremonies under way, in the order in which they began.
    pub fn ceremonies(&self) -> impl Iterator<Item = &Ceremony> {
        self.ceremonies.values()
    }

    fn execute(&mut self, context: &Context, operation: Operation) -> Reply {
        let done = match operation {
            Operation::Approve { proposal, digest } => self.approve(context, proposal, digest),
            Operation::Change(act) => self.change(context, act),
            Operation::Refresh(key) => self.refresh_for(context, key),
            Operation::List => {
                let all = self.keys().map(|record| self.summary(record));
                Ok(Reply::Keys(all.collect()))
            }
            Operation::Proposals => {
                let all = self.proposals.waiting().cloned();
                Ok(Reply::Proposals(all.collect()))
            }
            Operation::Show(key) => {
                let record = self.key(key).ok_or(Refusal::NoSuchKey);
                record.map(|record| Reply::Key(self.summary(record)))
            }
            Operation::Transcript(key) => match self.key(key) {
                Some(_) => self
                    .transcript(key)
                    .map(Reply::Transcript)
                    .ok_or(Refusal::Unsigned),
                None => Err(Refusal::NoSuchKey),
            },
            Operation::Ceremonies => {
                let all = self.ceremonies().map(|own| own.status());
                Ok(Reply::Ceremonies(all.collect()))
            }
        };
        done.unwrap_or_else(Reply::Refused)
    }

    /// What there is to say of each key, in the order in which they were created.
    pub fn summaries(&self) -> impl Iterator<Item = KeySummary> {
        self.keys().map(|record| self.summary(record))
    }

    fn summary(&self, record: &KeyRecord) -> KeySummary {
        let current = record.current.as_ref();
        let count = |sites: usize| u8::try_from(sites).expect("a group has at most 64 sites");
        KeySummary {
            id: record.id,
            name: record.name.clone(),
            scheme: record.scheme,
            state: record.state,
            version: current.map(|version| version.number),
            public_key: current.map(|version| version.sharing.key_bytes()),
            transcript: current.map(|version| version.transcript),
            holders: current.map_or(0, |version| count(version.holders.len())),
            exposed: current.map_or(0, |version| count(version.exposed.len())),
            policy: self.sessions.policy(record),
        }
    }
}

impl Wire for Ordered {
    fn encode(&self, w: &mut Writer) {
        self.setup.encode(w);
        w.option(self.next.as_ref());
        w.u32(self.next_key);
        w.u64(self.next_ceremony);
        w.length(self.keys.len());
        self.keys.values().for_each(|record| record.encode(w));
        w.length(self.ceremonies.len());
        self.ceremonies.values().for_each(|own| own.encode(w));
        self.proposals.encode(w);
        self.rate.encode(w);
        self.sessions.encode(w);
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        let setup = Setup::decode(r)?;
        let next: Option<Next> = r.option()?;
        if !super::epoch::is_complete(&setup, next.as_ref()) {
            return Err(DecodeError::Invalid { field: "members" });
        }
        let (next_key, next_ceremony) = (r.u32()?, r.u64()?);
        let keys: Vec<KeyRecord> = r.list("keys", 2 * KEYS_MAX)?;
        let ceremonies: Vec<Ceremony> = r.list("ceremonies", KEYS_MAX)?;
        // One form for one state: in order, and nothing twice.
        if !keys.is_sorted_by(|a, b| a.id < b.id)
            || !ceremonies.is_sorted_by(|a, b| a.number < b.number)
        {
            return Err(DecodeError::Invalid { field: "order" });
        }
        Ok(Self {
            setup,
            next,
            keys: keys.into_iter().map(|own| (own.id, own)).collect(),
            ceremonies: ceremonies
                .into_iter()
                .map(|own| (own.number, own))
                .collect(),
            next_key,
            next_ceremony,
            proposals: Proposals::decode(r)?,
            rate: Rate::decode(r)?,
            sessions: Sessions::decode(r)?,
        })
    }
}
