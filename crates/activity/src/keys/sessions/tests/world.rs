//! A group in memory: one ordered state, the sites' halves, and a log that takes what they
//! contribute. Every commit checks what must hold at all times.

use std::collections::BTreeMap;

use bytes::Bytes;
use maftia_codec::Wire as _;
use maftia_crypto::SigningKey;
use maftia_threshold::{Ceremony, Committee, Group, Index, Share, Sharing};
use maftia_types::{
    ClientId, Digest, Epoch, FaultModel, Powers, Resilience, SiteId, SiteSet, Time,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

use crate::keys::record::{KeyGroup, KeyRecord, State, Version, in_group};
use crate::keys::sealing::AuditEntry;
use crate::keys::sessions::open::Work;
use crate::keys::sessions::{Answer, Contribution, Policy, Request, SessionId};
use crate::keys::vault::{Held, Vault};
use crate::keys::{self, KeyId, Operation, Ordered, Reply, Scheme, Setup, Site};
use crate::replication::{Context, Effects, NextCommittee, SiteContext};

pub(in crate::keys) const GROUP: Digest = Digest([7; 32]);
pub(in crate::keys) const COMMIT_MS: u64 = 100;
/// Clients of the group: more than can be counted in a minute.
pub(in crate::keys) const CLIENTS: usize = crate::keys::sessions::USES_MAX + 1;
pub(in crate::keys) const CLIENT: ClientId = ClientId { key: 3, session: 1 };

/// What a site does with its contributions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::keys) enum Habit {
    Honest,
    Lying,
    Silent,
}

pub(in crate::keys) struct World {
    pub(in crate::keys) ordered: Ordered,
    /// By seat.
    pub(in crate::keys) sites: Vec<Site>,
    /// What the sites' signing keys are made from, by seat.
    seeds_of_keys: Vec<u8>,
    pub(in crate::keys) habits: Vec<Habit>,
    pub(in crate::keys) disks: Vec<Vec<u8>>,
    pub(in crate::keys) now_ms: u64,
    commit: u64,
    log: Vec<(SiteId, Bytes)>,
    /// Everything that was ever contributed.
    pub(in crate::keys) seen: Vec<Bytes>,
    /// What each nonce was used for.
    used: BTreeMap<Vec<u8>, Digest>,
    seeds: u64,
}

pub(in crate::keys) fn site(index: u8) -> SiteId {
    SiteId::new(index).unwrap()
}

fn signing_key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

pub(in crate::keys) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

impl World {
    /// A group of `n` with one key for each of the schemes, numbered from 1.
    pub(in crate::keys) fn new(n: u8, schemes: &[Scheme]) -> Self {
        let keys: Vec<_> = (1..=n).map(signing_key).collect();
        let setup = Setup {
            group: GROUP,
            epoch: Epoch(0),
            resilience: Resilience::largest(FaultModel::Arbitrary, n.into()).unwrap(),
            sites: keys.iter().map(SigningKey::public).collect(),
            clients: vec![Powers::ALL; CLIENTS],
            approvals: 1,
        };
        let mut world = Self {
            ordered: Ordered::new(setup, &[]),
            sites: Vec::new(),
            seeds_of_keys: (1..=n).collect(),
            habits: vec![Habit::Honest; n.into()],
            disks: Vec::new(),
            now_ms: 1_000_000,
            commit: 0,
            log: Vec::new(),
            seen: Vec::new(),
            used: BTreeMap::new(),
            seeds: 0,
        };
        world.ordered.tick(0, world.now_ms);
        for index in 0..n {
            world.disks.push(
                Vault::empty(GROUP, keys[usize::from(index)].public())
                    .to_bytes()
                    .to_vec(),
            );
            let first = world.life(index);
            world.sites.push(first);
        }
        for (scheme, number) in schemes.iter().zip(1..) {
            world.deal(KeyId(number), *scheme, 0);
        }
        world
    }

    fn life(&mut self, index: u8) -> Site {
        self.seeds += 1;
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seeds.to_le_bytes());
        self.life_of_seed(index, seed)
    }

    fn life_of_seed(&self, index: u8, seed: [u8; 32]) -> Site {
        let key = signing_key(self.seeds_of_keys[usize::from(index)]);
        let disk = &self.disks[usize::from(index)];
        Site::new(site(index), GROUP, key, Some(disk), seed).unwrap()
    }

    /// The site stops and starts again with what is on its disk.
    pub(in crate::keys) fn restart(&mut self, index: u8) {
        self.sites[usize::from(index)] = self.life(index);
    }

    /// As [`World::restart`], on a machine whose randomness repeats.
    pub(in crate::keys) fn restart_with_seed(&mut self, index: u8, seed: [u8; 32]) {
        self.sites[usize::from(index)] = self.life_of_seed(index, seed);
    }

    /// Puts a sharing of the key in place: the first one, or one of the same key again.
    pub(in crate::keys) fn deal(&mut self, key: KeyId, scheme: Scheme, version: u32) {
        in_group!(scheme, G => self.deal_in::<G>(key, scheme, version));
    }

    fn deal_in<G: KeyGroup>(&mut self, key: KeyId, scheme: Scheme, number: u32) {
        let setup = self.ordered.setup.clone();
        let run = Digest([u8::try_from(number).unwrap() + 50; 32]);
        let n = u8::try_from(setup.resilience.sites()).unwrap();
        let committee = Committee::new(setup.threshold(), n).unwrap();
        let before = self
            .ordered
            .keys
            .get(&key)
            .and_then(KeyRecord::active)
            .cloned();
        let before = before
            .as_ref()
            .and_then(|version| version.sharing_in::<G>());
        let (sharing, shares) = match before {
            None => {
                let ceremony = Ceremony::key_generation(setup.scope(), run, committee);
                run_ceremony::<G>(&ceremony, (committee, committee), |index| {
                    Share::random(index, &mut rng(index.number().into()))
                })
            }
            Some(previous) => {
                let ceremony = Ceremony::resharing(setup.scope(), run, committee, previous);
                let record = &self.ordered.keys[&key];
                let dealers = previous.committee();
                run_ceremony::<G>(&ceremony, (dealers, committee), |index| {
                    let site = &self.sites[usize::from(index.number() - 1)];
                    site.share(record).unwrap()
                })
            }
        };
        let version = Version {
            number,
            ceremony: 0,
            run,
            members: setup.committee(),
            sharing: G::public(sharing),
            transcript: Digest::ZERO,
            statement: Bytes::new(),
            slope: [0; 32],
            holders: setup.committee().into_iter().collect(),
            exposed: SiteSet::EMPTY,
            culprits: BTreeMap::new(),
            dealings: Vec::new(),
        };
        for (index, share) in shares {
            let place = usize::from(index.number() - 1);
            let vault = &mut self.sites[place].vault;
            vault.held.retain(|(own, _), _| *own != key);
            let share = share.to_bytes();
            let held = Held {
                ceremony: 0,
                run,
                share,
            };
            vault.held.insert((key, number), held);
            self.disks[place] = vault.to_bytes().to_vec();
        }
        let record = KeyRecord {
            id: key,
            name: format!("key {key}"),
            scheme,
            state: State::Active,
            replaces: None,
            current: Some(version),
        };
        self.ordered.keys.insert(key, record);
        self.ordered.next_key = self.ordered.next_key.max(key.0 + 1);
    }

    /// The members change to those sites by seat: present ones by their seats, and ones that join by
    /// the numbers after the last seat. The next epoch begins at once, with sharings that all hold.
    pub(in crate::keys) fn change(&mut self, members: &[u8]) {
        let present = self.sites.len();
        let joining = members.iter().filter(|own| usize::from(**own) >= present);
        let first = self.seeds_of_keys.iter().max().unwrap() + 1;
        for seed in (first..).take(joining.count()) {
            let key = signing_key(seed);
            self.disks
                .push(Vault::empty(GROUP, key.public()).to_bytes().to_vec());
            self.seeds_of_keys.push(seed);
            self.habits.push(Habit::Honest);
            let life = self.life(u8::try_from(self.sites.len()).unwrap());
            self.sites.push(life);
        }
        let joiners = self.seeds_of_keys[present..].iter();
        let next = NextCommittee {
            epoch: self.ordered.setup.epoch.next(),
            resilience: Resilience::largest(FaultModel::Arbitrary, members.len()).unwrap(),
            joiners: joiners.map(|seed| signing_key(*seed).public()).collect(),
            members: members.iter().copied().map(site).collect(),
        };
        self.ordered
            .prepare(&next, self.commit, self.now_ms)
            .unwrap();
        let ceremonies: Vec<_> = self.ordered.ceremonies.values().cloned().collect();
        for ceremony in ceremonies {
            in_group!(ceremony.scheme, G => self.make::<G>(&ceremony));
        }
        assert!(self.ordered.is_prepared());
        self.ordered.enter();
        self.reseat(members);
    }

    /// Makes the sharing of a ceremony, and has all members say that they hold it.
    fn make<G: KeyGroup>(&mut self, own: &keys::ceremony::Ceremony) {
        let record = self.ordered.keys[&own.key].clone();
        let previous = record.active().unwrap().sharing_in::<G>().unwrap();
        let participants = u8::try_from(own.members.len()).unwrap();
        let committee = Committee::new(own.threshold, participants).unwrap();
        let scope = self.ordered.setup.scope();
        let ceremony = Ceremony::resharing(scope, own.run, committee, previous);
        let committees = (previous.committee(), committee);
        let (sharing, shares) = run_ceremony::<G>(&ceremony, committees, |index| {
            let site = &self.sites[usize::from(index.number() - 1)];
            site.share(&record).unwrap()
        });
        for (index, share) in shares {
            let place = own.members[usize::from(index.number() - 1)].index();
            let held = Held {
                ceremony: own.number,
                run: own.run,
                share: share.to_bytes(),
            };
            let vault = &mut self.sites[place].vault;
            vault.held.insert((own.key, own.version), held);
            self.disks[place] = vault.to_bytes().to_vec();
        }
        let made = Version {
            number: own.version,
            ceremony: own.number,
            run: own.run,
            members: own.members.clone(),
            sharing: G::public(sharing),
            holders: own.members.iter().copied().collect(),
            ..record.active().unwrap().clone()
        };
        let own = self.ordered.ceremonies.get_mut(&own.number).unwrap();
        own.made = Some(made);
    }

    /// Everybody takes its seat, and what waited for a block goes into one of the new epoch.
    fn reseat(&mut self, members: &[u8]) {
        let order = || members.iter().map(|own| usize::from(*own));
        let mut former: Vec<_> = self.sites.drain(..).map(Some).collect();
        self.sites = order().map(|own| former[own].take().unwrap()).collect();
        for (own, seat) in self.sites.iter_mut().zip(SiteId::all(members.len())) {
            own.renumber(seat);
        }
        self.habits = order().map(|own| self.habits[own]).collect();
        self.disks = order().map(|own| self.disks[own].clone()).collect();
        self.seeds_of_keys = order().map(|own| self.seeds_of_keys[own]).collect();
        let seat = |own: SiteId| order().position(|member| member == own.index());
        let waiting = std::mem::take(&mut self.log).into_iter();
        let waiting = waiting.filter_map(|(own, word)| {
            let seat = u8::try_from(seat(own)?).unwrap();
            Some((site(seat), word))
        });
        self.log = waiting.collect();
    }

    pub(in crate::keys) fn set_policy(&mut self, key: u32, policy: Policy) {
        self.ordered.sessions.policies.insert(KeyId(key), policy);
    }

    /// A client's request, ordered now.
    pub(in crate::keys) fn ask(&mut self, request: &Request) -> Answer {
        self.ask_as(CLIENT, request)
    }

    pub(in crate::keys) fn ask_as(&mut self, client: ClientId, request: &Request) -> Answer {
        let context = Context {
            position: self.commit,
            commit_time_ms: self.now_ms,
            client,
        };
        let mut reply = Vec::new();
        self.ordered
            .apply(&context, &request.to_bytes(), &mut reply);
        Answer::from_bytes(reply.into()).unwrap()
    }

    /// A client's operation on the keys themselves, ordered now.
    pub(in crate::keys) fn operate_as(&mut self, client: ClientId, operation: &Operation) -> Reply {
        let context = Context {
            position: self.commit,
            commit_time_ms: self.now_ms,
            client,
        };
        let mut reply = Vec::new();
        self.ordered
            .apply(&context, &operation.to_bytes(), &mut reply);
        Reply::from_bytes(reply.into()).unwrap()
    }

    /// The audit list, as far as one page goes.
    pub(in crate::keys) fn audit_entries(&self) -> Vec<AuditEntry> {
        self.ordered.sessions.audit.page(0).entries
    }

    pub(in crate::keys) fn begin(&mut self, request: &Request) -> SessionId {
        match self.ask(request) {
            Answer::Session(session) => session,
            other => panic!("no session but {other:?}"),
        }
    }

    pub(in crate::keys) fn sign(&mut self, key: u32, message: &[u8]) -> SessionId {
        self.begin(&Request::Sign {
            key: KeyId(key),
            message: Bytes::copy_from_slice(message),
            slot: None,
        })
    }

    pub(in crate::keys) fn result(&mut self, session: SessionId) -> Answer {
        self.ask(&Request::Result { session })
    }

    /// Commits until the session has another result than "pending"; panics after `max` commits.
    pub(in crate::keys) fn finish(&mut self, session: SessionId, max: usize) -> Answer {
        for _ in 0..max {
            match self.result(session) {
                Answer::Pending { .. } => self.commit(),
                other => return other,
            }
        }
        panic!("{:?} after {max} commits", self.result(session));
    }

    pub(in crate::keys) fn signature(&mut self, session: SessionId, max: usize) -> Vec<u8> {
        match self.finish(session, max) {
            Answer::Signature(signature) => signature.to_vec(),
            other => panic!("no signature but {other:?}"),
        }
    }

    /// What was contributed and is not ordered yet gets lost.
    pub(in crate::keys) fn lose_log(&mut self) {
        self.log.clear();
    }

    pub(in crate::keys) fn commits(&mut self, count: usize) {
        (0..count).for_each(|_| self.commit());
    }

    pub(in crate::keys) fn commit(&mut self) {
        self.commit_after(COMMIT_MS);
    }

    /// One commit, so much later than the one before, of everything contributed; then every site
    /// observes.
    pub(in crate::keys) fn commit_after(&mut self, ms: u64) {
        self.commit += 1;
        self.now_ms += ms;
        self.ordered.tick(self.commit, self.now_ms);
        for (from, contribution) in std::mem::take(&mut self.log) {
            self.note_nonce(from, &contribution);
            self.deliver(from, &contribution);
        }
        for index in 0..self.sites.len() {
            self.observe(index);
        }
    }

    pub(in crate::keys) fn deliver(&mut self, from: SiteId, contribution: &Bytes) {
        let context = SiteContext {
            site: from,
            commit: self.commit,
            commit_time_ms: self.now_ms,
        };
        self.ordered.contribute(&context, contribution);
    }

    fn observe(&mut self, index: usize) {
        if self.habits[index] == Habit::Silent {
            return;
        }
        let out = observe(&mut self.sites[index], &self.ordered, self.now_ms);
        assert!(out.messages.is_empty());
        if let Some(vault) = out.vault {
            self.disks[index] = vault.to_vec();
        }
        let from = site(u8::try_from(index).unwrap());
        for contribution in out.contributions {
            let contribution = match self.habits[index] {
                Habit::Lying => falsified(contribution),
                Habit::Honest | Habit::Silent => contribution,
            };
            self.seen.push(contribution.clone());
            self.log.push((from, contribution));
        }
    }

    /// C12: a nonce answers one signing package only, whatever happens to the site.
    fn note_nonce(&mut self, from: SiteId, contribution: &Bytes) {
        if self.habits[from.index()] != Habit::Honest {
            return;
        }
        let Ok(Contribution::Frost {
            session, attempt, ..
        }) = Contribution::from_bytes(contribution.clone())
        else {
            return;
        };
        let open = self.ordered.sessions.open.get(&session);
        let Some(Work::Frost(frost)) = open.map(|open| &open.work) else {
            return;
        };
        let Some((_, attempt)) = frost.attempts().find(|(own, _)| *own == attempt) else {
            return;
        };
        if let Some(commitment) = attempt.owed_by(from) {
            let nonce = [&[from.as_u8()][..], &commitment.to_bytes()].concat();
            let before = self.used.insert(nonce, attempt.digest);
            assert!(
                before.is_none_or(|own| own == attempt.digest),
                "a nonce was used twice"
            );
        }
    }

    /// The state goes to another machine and back.
    pub(in crate::keys) fn restore(&mut self) {
        let bytes = self.ordered.to_bytes();
        let other = Ordered::from_bytes(bytes.clone()).unwrap();
        assert_eq!(other.to_bytes(), bytes);
        assert!(other == self.ordered);
        self.ordered = other;
    }
}

pub(in crate::keys) fn observe(site: &mut Site, ordered: &Ordered, now_ms: u64) -> Effects {
    let mut out = Effects::default();
    site.observe(Time::from_nanos(now_ms * 1_000_000), ordered, &mut out);
    out
}

fn run_ceremony<G: Group>(
    ceremony: &Ceremony<'_, G>,
    (dealers, committee): (Committee, Committee),
    contribution: impl Fn(Index) -> Share<G>,
) -> (Sharing<G>, Vec<(Index, Share<G>)>) {
    let mut dealings = Vec::new();
    let mut dealt = BTreeMap::<Index, BTreeMap<Index, Share<G>>>::new();
    for dealer in dealers.indices().take(dealers.threshold().into()) {
        let mut rng = rng(100 + u64::from(dealer.number()));
        let (dealing, shares) = ceremony.deal(&contribution(dealer), &mut rng).unwrap();
        dealings.push(ceremony.verify(dealer, dealing).unwrap());
        for share in shares {
            dealt
                .entry(share.index())
                .or_default()
                .insert(dealer, share);
        }
    }
    let qualified = ceremony.qualify(dealings).unwrap();
    let shares = committee.indices();
    let shares = shares.map(|own| (own, qualified.share(own, &dealt[&own]).unwrap()));
    (qualified.sharing().clone(), shares.collect())
}

/// The same contribution with a share that is well-formed and wrong.
pub(in crate::keys) fn falsified(contribution: Bytes) -> Bytes {
    let decoded = Contribution::from_bytes(contribution.clone());
    let mut bytes = contribution.to_vec();
    match decoded.unwrap() {
        // The share is the last of the bytes: another scalar.
        Contribution::Channel(_) | Contribution::Frost { .. } => {
            let at = bytes.len() - 32;
            bytes[at] ^= 1;
        }
        // The negative of the point.
        Contribution::Beacon { share, .. }
        | Contribution::Bls { share, .. }
        | Contribution::Certificate { share, .. }
        | Contribution::Transcript { share, .. } => {
            let at = bytes.len() - share.len();
            bytes[at] ^= 0x20;
        }
        Contribution::Opening { .. } => *bytes.last_mut().unwrap() ^= 1,
        Contribution::Nonces(_) => {}
    }
    bytes.into()
}
