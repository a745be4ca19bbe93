use std::collections::BTreeMap;

use bytes::Bytes;
use maftia_activity::replication::{Context, SiteContext, StateMachine};
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::PublicKey;
use maftia_ordering::{Commit, Equivocation};
use maftia_protocol::planted;
use maftia_types::{Digest, SITES_MAX, SiteId};

use crate::batch::{BatchId, RequestId};
use crate::client_link::Fate;
use crate::item::{Item, items};
use crate::limits::Limits;
use crate::session::Kept;
use crate::sessions::{Authentic, Expected, Sessions};
use crate::vouches::{Vouch, Vouches};

/// How often the tables are searched for what has expired: the search reads all of them.
const EXPIRY_COMMITS: u64 = 64;

/// The ordered state beside the application's own: equal at all correct sites after equal commits,
/// and part of every checkpoint (correction 2).
#[derive(Debug)]
pub(crate) struct Ledger {
    limits: Limits,
    /// Vouchers a request needs.
    needed: usize,
    vouches: Vouches,
    sessions: Sessions,
    convicted: BTreeMap<SiteId, Equivocation>,
    position: u64,
}

/// A request that a commit has executed or refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Executed {
    /// Which request.
    pub id: RequestId,
    /// What became of it.
    pub fate: Fate,
}

/// What a commit has changed.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    pub(crate) executed: Vec<Executed>,
    pub(crate) expired: Vec<BatchId>,
    pub(crate) convicted: Vec<SiteId>,
}

impl Ledger {
    pub(crate) fn new(limits: Limits, needed: usize) -> Self {
        Self {
            limits,
            needed,
            vouches: Vouches::default(),
            sessions: Sessions::default(),
            convicted: BTreeMap::new(),
            position: 0,
        }
    }

    /// Executes a commit.
    pub(crate) fn apply(
        &mut self,
        machine: &mut dyn StateMachine,
        keys: &[PublicKey],
        commit: &Commit,
    ) -> Applied {
        let mut applied = Applied::default();
        machine.tick(commit.index, commit.time_ms);
        for (block, payload) in &commit.blocks {
            let author = block.author();
            let context = SiteContext {
                site: author,
                commit: commit.index,
                commit_time_ms: commit.time_ms,
            };
            if let Some(vote) = block.header().checkpoint_vote {
                machine.vote(&context, vote.index, vote.digest);
            }
            for item in items(payload) {
                match item {
                    Item::Requests { id, bodies } => {
                        let digest = id.digest(&bodies);
                        let body = Some(&bodies);
                        let vouch = Vouch {
                            author,
                            id,
                            digest,
                            body,
                        };
                        self.vouch(machine, commit, &vouch, &mut applied);
                    }
                    Item::Vouch { id, digest } => {
                        let body = None;
                        let vouch = Vouch {
                            author,
                            id,
                            digest,
                            body,
                        };
                        self.vouch(machine, commit, &vouch, &mut applied);
                    }
                    Item::Evidence(proof) => self.convict(keys, *proof, &mut applied),
                    Item::Contribution(bytes) => machine.contribute(&context, &bytes),
                }
            }
        }
        if commit.index.is_multiple_of(EXPIRY_COMMITS) {
            self.sessions.expire(&self.limits, commit.time_ms);
            applied.expired = self.vouches.expire(&self.limits, commit.index);
        }
        applied
    }

    fn vouch(
        &mut self,
        machine: &mut dyn StateMachine,
        commit: &Commit,
        vouch: &Vouch<'_>,
        applied: &mut Applied,
    ) {
        let known = vouch.id.client.key < self.limits.client_keys;
        if !known || !self.is_wanted(&vouch.id) {
            return;
        }
        let needed = if planted("one vouch is enough") {
            1
        } else {
            self.needed
        };
        let authentic = self.vouches.add(&self.limits, needed, commit.index, vouch);
        // Bodies that do not come apart are what a client lied about: nobody executes any.
        let bodies = authentic.and_then(|bodies| bodies.split(vouch.id.span.count()));
        let Some(bodies) = bodies else { return };
        let lone = vouch.id.span.count() == 1;
        for (sequence, body) in vouch.id.span.numbers().zip(bodies) {
            let id = vouch.id.request(sequence);
            if self.expected(&id, None) == Expected::Yes {
                // To hash each request of a batch again would cost more than to execute it.
                let digest = lone.then_some(vouch.digest);
                let request = Authentic { id, digest, body };
                self.sessions.admit(&self.limits, request, commit.time_ms);
            }
            // At once: only what a gap holds back is held.
            while let Some(request) = self.sessions.next_ready(vouch.id.client) {
                self.execute(machine, commit, &request, applied);
            }
        }
    }

    /// Whether some request of the batch may still be executed, and the first is not too far ahead.
    fn is_wanted(&self, id: &BatchId) -> bool {
        let settled = |sequence| {
            let expected = self.expected(&id.request(sequence), None);
            matches!(expected, Expected::Settled(_))
        };
        !settled(id.span.last())
            && self.expected(&id.request(id.span.first()), None) != Expected::TooFar
    }

    fn execute(
        &mut self,
        machine: &mut dyn StateMachine,
        commit: &Commit,
        request: &Authentic,
        applied: &mut Applied,
    ) {
        let id = request.id;
        self.position += 1;
        let position = self.position;
        let context = Context {
            position,
            commit_time_ms: commit.time_ms,
            client: id.client,
        };
        let mut result = Vec::new();
        machine.apply(&context, &request.body, &mut result);
        // Without room to grow, which no bound counts.
        let result = Bytes::from(result.into_boxed_slice());
        let kept = Kept {
            sequence: id.sequence,
            position,
            digest: request.digest,
            result: Some(result.clone()),
        };
        self.sessions
            .executed(&self.limits, id.client, kept, commit.time_ms);
        applied.executed.push(Executed {
            id,
            fate: Fate::Executed { position, result },
        });
    }

    /// Evidence convicts whom it names, once, if it holds.
    fn convict(&mut self, keys: &[PublicKey], proof: Equivocation, applied: &mut Applied) {
        let culprit = proof.culprit();
        let Some(key) = keys.get(culprit.index()) else {
            return;
        };
        if !self.convicted.contains_key(&culprit) && proof.verify(key).is_ok() {
            self.convicted.insert(culprit, proof);
            applied.convicted.push(culprit);
        }
    }

    /// What is known of a request.
    pub(crate) fn expected(&self, id: &RequestId, digest: Option<&Digest>) -> Expected {
        self.sessions.expected(&self.limits, id, digest)
    }

    /// The convicted sites with the proofs.
    pub(crate) const fn convicted(&self) -> &BTreeMap<SiteId, Equivocation> {
        &self.convicted
    }

    /// How many requests have been executed.
    pub(crate) const fn position(&self) -> u64 {
        self.position
    }

    /// How many batches wait for vouches.
    pub(crate) fn open_vouches(&self) -> usize {
        self.vouches.len()
    }

    /// The state from its encoding.
    pub(crate) fn restore(
        limits: Limits,
        needed: usize,
        bytes: Bytes,
    ) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let mut ledger = Self::new(limits, needed);
        ledger.vouches = Vouches::decode(&mut reader)?;
        ledger.sessions = Sessions::decode(&mut reader)?;
        for _ in 0..reader.length("convicted", SITES_MAX)? {
            let proof = Equivocation::decode(&mut reader)?;
            ledger.convicted.insert(proof.culprit(), proof);
        }
        ledger.position = reader.u64()?;
        reader.end()?;
        Ok(ledger)
    }

    /// The canonical encoding.
    pub(crate) fn encode(&self) -> Bytes {
        let mut writer = Writer::new();
        self.vouches.encode(&mut writer);
        self.sessions.encode(&mut writer);
        writer.length(self.convicted.len());
        self.convicted
            .values()
            .for_each(|proof| proof.encode(&mut writer));
        writer.u64(self.position);
        writer.finish()
    }
}
