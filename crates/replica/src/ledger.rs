use bytes::Bytes;
use maftia_activity::replication::{Context, SiteContext, StateMachine};
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::PublicKey;
use maftia_membership::evidence::Report;
use maftia_membership::membership::Asked;
use maftia_membership::{MEMBERSHIP, Member, Membership};
use maftia_ordering::Commit;
use maftia_protocol::planted;
use maftia_types::{CoinUse, Digest, Power, Powers, SITES_MAX, SiteId, SiteSet};

use crate::batch::{BatchId, RequestId};
use crate::client_link::Fate;
use crate::conduct::{Conduct, Members};
use crate::epochs::word::WORDS_PER_BLOCK_MAX;
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
    pub(crate) needed: usize,
    pub(crate) vouches: Vouches,
    sessions: Sessions,
    pub(crate) conduct: Conduct,
    position: u64,
    /// Who the sites are; none in a group whose sites never change.
    pub(crate) membership: Option<Membership>,
    /// Whether the state machine makes ready for the next committee.
    pub(crate) preparing: bool,
    /// Who has said that it holds the certificate of the present view. See `is_certified`.
    pub(crate) certified: SiteSet,
    /// The clients' keys, which no site may have, and what each may do. Of the group's file, whose
    /// digest covers them, and not of the state.
    pub(crate) clients: Vec<(PublicKey, Powers)>,
    /// When a coin names leaders: of the group's file too.
    pub(crate) coin: CoinUse,
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
    /// Whether this was the last commit of the epoch.
    pub(crate) ends_epoch: bool,
}

impl Ledger {
    pub(crate) fn new(limits: Limits, needed: usize, membership: Option<Membership>) -> Self {
        Self {
            membership,
            preparing: false,
            certified: SiteSet::EMPTY,
            clients: Vec::new(),
            coin: CoinUse::Never,
            limits,
            needed,
            vouches: Vouches::default(),
            sessions: Sessions::default(),
            conduct: Conduct::default(),
            position: 0,
        }
    }

    /// Executes a commit.
    pub(crate) fn apply(
        &mut self,
        machine: &mut dyn StateMachine,
        members: Members<'_>,
        commit: &Commit,
    ) -> Applied {
        let mut applied = Applied::default();
        machine.tick(commit.index, commit.time_ms);
        for (block, payload) in &commit.blocks {
            let mut words = 0;
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
                    Item::Evidence(proof) => {
                        let report = Report {
                            commit: commit.index,
                            time_ms: commit.time_ms,
                            reporter: author,
                        };
                        let convicted = self.conduct.convict(members, proof, report);
                        applied.convicted.extend(convicted);
                    }
                    Item::Accuse { site, reason } => {
                        self.conduct.accuse(commit.index, author, site, reason);
                    }
                    Item::Retract { site } => self.conduct.retract(author, site),
                    Item::Certified => {
                        self.certified.insert(author);
                    }
                    Item::Contribution(bytes) => machine.contribute(&context, &bytes),
                    Item::Word(word) if words < WORDS_PER_BLOCK_MAX => {
                        words += 1;
                        self.hear(machine, commit, &word);
                    }
                    Item::Word(_) => {}
                }
            }
        }
        self.conduct.settle(members, commit.index);
        if commit.index.is_multiple_of(EXPIRY_COMMITS) {
            self.sessions.expire(&self.limits, commit.time_ms);
            applied.expired = self.vouches.expire(&self.limits, commit.index);
        }
        applied.ends_epoch = self.drive_change(machine, commit);
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
        match (&mut self.membership, request.body.split_first()) {
            (Some(state), Some((&MEMBERSHIP, _))) => {
                let convicted = self.conduct.convicted(&state.view().keys());
                let clients = &self.clients;
                let reserved = |member: &Member| clients.iter().any(|own| own.0 == member.key);
                let place = usize::try_from(id.client.key).unwrap_or(usize::MAX);
                let powers = clients.get(place).map(|own| own.1);
                let asked = Asked {
                    context: &context,
                    power: powers.is_some_and(|own| own.contains(Power::ApproveMembers)),
                    convicted: &|site| convicted.contains(site),
                    reserved: &reserved,
                };
                result = state.apply(&asked, &request.body.slice(1..));
            }
            _ => machine.apply(&context, &request.body, &mut result),
        }
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

    /// What is known of a request.
    pub(crate) fn expected(&self, id: &RequestId, digest: Option<&Digest>) -> Expected {
        self.sessions.expected(&self.limits, id, digest)
    }

    /// What the log says against sites.
    pub(crate) const fn conduct(&self) -> &Conduct {
        &self.conduct
    }

    /// How many requests have been executed.
    pub(crate) const fn position(&self) -> u64 {
        self.position
    }

    /// How many sessions of clients are known.
    pub(crate) fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Becomes the state of another group, which goes on with what was executed in this one.
    pub(crate) fn succeed(&mut self, membership: Membership) {
        self.needed = membership.view().resilience().one_correct();
        self.membership = Some(membership);
        self.preparing = false;
        self.certified = SiteSet::EMPTY;
        self.vouches = Vouches::default();
        self.conduct = Conduct::default();
        self.sessions.forget_held();
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
        let mut ledger = Self::new(limits, needed, None);
        ledger.vouches = Vouches::decode(&mut reader)?;
        ledger.sessions = Sessions::decode(&mut reader)?;
        ledger.conduct = Conduct::decode(&mut reader)?;
        ledger.position = reader.u64()?;
        if reader.bool()? {
            let state = Membership::decode(&mut reader)?;
            ledger.needed = state.view().resilience().one_correct();
            ledger.membership = Some(state);
        }
        ledger.preparing = reader.bool()?;
        let mut above = None;
        for _ in 0..reader.length("certified", SITES_MAX)? {
            let site = reader.site()?;
            if above.replace(site) >= Some(site) {
                return Err(DecodeError::Invalid { field: "certified" });
            }
            ledger.certified.insert(site);
        }
        reader.end()?;
        Ok(ledger)
    }

    /// The canonical encoding.
    pub(crate) fn encode(&self) -> Bytes {
        let mut writer = Writer::new();
        self.vouches.encode(&mut writer);
        self.sessions.encode(&mut writer);
        self.conduct.encode(&mut writer);
        writer.u64(self.position);
        writer.bool(self.membership.is_some());
        self.membership
            .iter()
            .for_each(|state| state.encode(&mut writer));
        writer.bool(self.preparing);
        writer.length(self.certified.len());
        self.certified.iter().for_each(|site| writer.site(site));
        writer.finish()
    }
}
