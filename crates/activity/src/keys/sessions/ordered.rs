use std::collections::BTreeMap;

use bytes::Bytes;
use maftia_codec::Wire as _;
use maftia_types::SiteId;

use super::cache::Cache;
use super::finished::Finished;
use super::open::{Open, Work};
use super::policy::Uses;
use super::{
    Answer, Conduct, Contribution, Crowd, Evidence, Policy, Refusal, Request, SessionId, Standing,
};
use crate::keys::beacon::Beacon;
use crate::keys::certificates::Certificates;
use crate::keys::channels::Channels;
use crate::keys::record::{KeyId, KeyRecord, Scheme, Version};
use crate::keys::sealing::{Audit, AuditEntry, Deed};
use crate::keys::seats::Seats;
use crate::keys::signing::{Pool, Registers};
use crate::keys::transcripts::Transcripts;
use crate::keys::{Ordered, Setup};
use crate::replication::{Context, SiteContext};

/// The ordered half of the keys at work.
#[derive(Default, Debug, Clone, PartialEq, Eq)]
pub(in crate::keys) struct Sessions {
    /// Of the commit under way, as it began.
    pub(super) now_ms: u64,
    /// The number of the latest session.
    pub(super) latest: u64,
    pub(in crate::keys) open: BTreeMap<SessionId, Open>,
    pub(super) finished: Finished,
    pub(super) policies: BTreeMap<KeyId, Policy>,
    pub(in crate::keys) registers: Registers,
    pub(in crate::keys) pool: Pool,
    pub(super) conduct: Conduct,
    pub(in crate::keys) beacons: BTreeMap<KeyId, Beacon>,
    pub(in crate::keys) certificates: Certificates,
    pub(in crate::keys) transcripts: Transcripts,
    pub(super) audit: Audit,
    pub(super) uses: Uses,
    pub(in crate::keys) channels: Channels,
    pub(super) cache: Cache,
}

/// What the sessions depend on: the group and its keys.
#[derive(Clone, Copy)]
pub(in crate::keys) struct World<'a> {
    pub(in crate::keys) setup: &'a Setup,
    pub(in crate::keys) keys: &'a BTreeMap<KeyId, KeyRecord>,
}

impl Sessions {
    /// What holds for the use of the key from now on.
    pub(in crate::keys) fn set_policy(&mut self, key: KeyId, policy: Policy) {
        self.policies.insert(key, policy);
    }

    /// Puts what a client did with a key into the audit list.
    pub(in crate::keys) fn note(&mut self, context: &Context, key: Option<KeyId>, deed: Deed) {
        self.audit.append(AuditEntry {
            number: 0,
            at_ms: context.commit_time_ms,
            client: context.client,
            key,
            deed,
        });
    }

    /// What a key has signed for a slot, the one that replaces it must not contradict.
    pub(in crate::keys) fn hand_over(&mut self, former: KeyId, key: KeyId) {
        self.registers.hand_over(former, key);
    }

    /// Takes over from a former group what is nobody's secret and no site's own: the numbers and the
    /// time so far, slots, and the audit list.
    pub(in crate::keys) fn succeed(&mut self, former: &Self) {
        self.now_ms = former.now_ms;
        self.latest = former.latest;
        self.registers = former.registers.clone();
        self.audit = former.audit.clone();
        self.channels.succeed(&former.channels);
    }

    /// The key is used no more.
    pub(in crate::keys) fn forget(&mut self, key: KeyId) {
        self.policies.remove(&key);
        // What a key that is retired has signed cannot be contradicted by it any more.
        self.registers.retain(|own| own != key);
        self.beacons.remove(&key);
    }

    /// A commit begins: what is due by time.
    pub(in crate::keys) fn tick(&mut self, world: World<'_>, now_ms: u64) {
        self.now_ms = self.now_ms.max(now_ms);
        self.finished.forget(self.now_ms);
        for (key, record) in world.keys {
            let Some(version) = record.active().filter(|_| record.scheme == Scheme::Beacon) else {
                continue;
            };
            let period_ms = self.policy(record).period_ms;
            let beacon = self.beacons.entry(*key);
            let beacon = beacon.or_insert_with(|| Beacon::new(self.now_ms, period_ms));
            beacon.tick(self.now_ms, version);
        }
        self.certificates.advance(world);
        self.transcripts.advance(world);
        self.channels.tick(world);
        for open in self.open.values() {
            if let Work::Frost(frost) = &open.work {
                let late = frost.overdue(self.now_ms);
                late.iter().for_each(|site| self.conduct.silent(site));
            }
        }
        self.advance_all(world);
    }

    /// A new epoch has begun: what belongs to sites goes by their seats, what was published or
    /// contributed in the former one is void (corrections 27), and sessions begin again.
    fn reseat(&mut self, world: World<'_>, seats: &Seats) {
        self.pool = Pool::default();
        self.cache = Cache::default();
        self.conduct.reseat(seats);
        self.certificates.enter(world);
        self.transcripts.enter(world);
        self.channels.reseat(world, seats);
        for open in self.open.values_mut() {
            open.reseat(seats);
        }
        for (key, beacon) in &mut self.beacons {
            beacon.reseat(seats);
            if let Some(version) = world.active(*key) {
                beacon.tick(self.now_ms, version);
            }
        }
        self.advance_all(world);
    }

    pub(in crate::keys) fn policy(&self, record: &KeyRecord) -> Policy {
        let policy = self.policies.get(&record.id).cloned();
        policy.unwrap_or_else(|| Policy::of(record.scheme))
    }

    pub(super) fn end(&mut self, session: SessionId, answer: Answer) {
        self.open.remove(&session);
        self.finished.push(self.now_ms, session, answer);
    }

    pub(super) fn advance_all(&mut self, world: World<'_>) {
        let sessions: Vec<_> = self.open.keys().copied().collect();
        for session in sessions {
            self.advance(world, session);
        }
    }

    /// Does what can be done for a session without a contribution: it ends, begins again under
    /// another version, names sites.
    pub(super) fn advance(&mut self, world: World<'_>, session: SessionId) {
        let crowd = Crowd::of(self.open.len());
        let Some(open) = self.open.get_mut(&session) else {
            return;
        };
        let Some(version) = world.active(open.key) else {
            self.end(session, Answer::Refused(Refusal::KeyGone));
            return;
        };
        open.follow(version);
        if let Some(answer) = open.ended((self.now_ms, crowd), session, version) {
            self.end(session, answer);
            return;
        }
        if let Work::Frost(frost) = &mut open.work
            && let Some(keys) = self.cache.keys(world.setup, open.key, version)
        {
            frost.name(self.now_ms, (version, keys), &mut self.pool, &self.conduct);
        }
    }
}

impl<'a> World<'a> {
    /// The sharing of the key to use now.
    pub(in crate::keys) fn active(&self, key: KeyId) -> Option<&'a Version> {
        self.keys.get(&key)?.active()
    }
}

impl Ordered {
    /// The latest convictions of sites in sessions and beacons, oldest first.
    pub fn evidence(&self) -> impl ExactSizeIterator<Item = &Evidence> {
        self.sessions.conduct.evidence()
    }

    /// How a site has answered sessions so far.
    #[must_use]
    pub fn standing(&self, site: SiteId) -> Standing {
        self.sessions.conduct.standing(site)
    }

    pub(in crate::keys) fn reseat_sessions(&mut self, seats: &Seats) {
        let (sessions, world) = self.split();
        sessions.reseat(world, seats);
    }

    pub(in crate::keys) fn pass_time(&mut self, now_ms: u64) {
        let (sessions, world) = self.split();
        sessions.tick(world, now_ms);
    }

    pub(in crate::keys) fn serve(&mut self, context: &Context, request: &Bytes) -> Answer {
        match Request::from_bytes(request.clone()) {
            Ok(request) => {
                let (sessions, world) = self.split();
                sessions.execute(world, context, request)
            }
            Err(_) => Answer::Refused(Refusal::Malformed),
        }
    }

    pub(in crate::keys) fn take_part(&mut self, context: &SiteContext, contribution: &Bytes) {
        if let Ok(contribution) = Contribution::from_bytes(contribution.clone()) {
            let (sessions, world) = self.split();
            sessions.contribute(world, context, contribution);
        }
    }

    /// The sessions, and what they depend on.
    pub(in crate::keys) fn split(&mut self) -> (&mut Sessions, World<'_>) {
        let world = World {
            setup: &self.setup,
            keys: &self.keys,
        };
        (&mut self.sessions, world)
    }

    /// What sessions depend on.
    pub(in crate::keys) const fn world(&self) -> World<'_> {
        World {
            setup: &self.setup,
            keys: &self.keys,
        }
    }
}
