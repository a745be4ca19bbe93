use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use maftia_codec::Wire as _;
use maftia_crypto::SigningKey;
use maftia_types::{
    ClientId, Digest, Duration, Epoch, FaultModel, Powers, Resilience, SiteId, Time,
};
use rand::{Rng as _, RngExt as _};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::super::Ceremony;
use super::super::deal::Contribution;
use super::assert_threshold;
use super::hostile::Intruder;
use crate::keys::{
    KeyGroup, KeyId, Operation, Ordered, Reply, Scheme, Setup, Site, State, in_group,
};
use crate::replication::{Context, Effects, SiteContext};

const GROUP: Digest = Digest([0x67; 32]);

/// More than any run takes: a run that is not over by then is stuck.
const STEPS_MAX: usize = 60_000;

pub(super) fn site(index: usize) -> SiteId {
    SiteId::new(u8::try_from(index).unwrap()).unwrap()
}

pub(super) fn signing_key(site: SiteId) -> SigningKey {
    SigningKey::from_seed([site.as_u8() + 1; 32])
}

pub(super) fn setup(n: usize) -> Setup {
    let resilience = Resilience::largest(FaultModel::Arbitrary, n).unwrap();
    Setup {
        group: GROUP,
        epoch: Epoch(0),
        resilience,
        sites: SiteId::all(n)
            .map(|own| signing_key(own).public())
            .collect(),
        clients: vec![Powers::ALL],
        approvals: 1,
    }
}

/// One site: what runs, and what its disk holds.
pub(super) struct Actor {
    pub(super) site: Site,
    pub(super) vault: Option<Vec<u8>>,
    /// Every content that the vault ever had.
    pub(super) vaults: Vec<Vec<u8>>,
    /// How much of the log it has seen.
    seen: usize,
    /// What waits for its next block.
    pending: Vec<Bytes>,
    pub(super) intruder: Option<Intruder>,
    /// How many more effects it performs before it loses power.
    fuse: Option<usize>,
    down: bool,
}

pub(super) struct World {
    pub(super) setup: Setup,
    /// The ordered state after each entry of the log.
    pub(super) states: Vec<Arc<Ordered>>,
    pub(super) log: Vec<(SiteId, Bytes)>,
    pub(super) actors: Vec<Actor>,
    network: Vec<(SiteId, SiteId, Bytes)>,
    now: Time,
    rng: ChaCha20Rng,
    /// Of a hundred messages.
    lost: u32,
    /// Of ten thousand steps.
    crashing: u32,
    /// How many effects were begun, power cuts between their parts included.
    pub(super) effects: usize,
}

impl World {
    pub(super) fn new(n: usize, genesis: &[(&str, Scheme)], seed: u64) -> Self {
        let setup = setup(n);
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let actors = SiteId::all(n).map(|own| Actor {
            site: start(own, None, &mut rng),
            vault: None,
            vaults: Vec::new(),
            seen: 0,
            pending: Vec::new(),
            intruder: None,
            fuse: None,
            down: false,
        });
        let actors = actors.collect();
        Self {
            states: vec![Arc::new(Ordered::new(setup.clone(), genesis))],
            setup,
            log: Vec::new(),
            actors,
            network: Vec::new(),
            now: Time::ZERO,
            rng,
            lost: 0,
            crashing: 0,
            effects: 0,
        }
    }

    pub(super) fn lossy(mut self, percent: u32) -> Self {
        self.lost = percent;
        self
    }

    pub(super) fn crashing(mut self, of_ten_thousand: u32) -> Self {
        self.crashing = of_ten_thousand;
        self
    }

    /// The last sites are intruders of that kind.
    pub(super) fn intruded(mut self, intruder: &Intruder) -> Self {
        let correct = self.correct_count();
        for actor in &mut self.actors[correct..] {
            actor.intruder = Some(intruder.clone());
        }
        self
    }

    pub(super) fn fuse(&mut self, who: usize, effects: usize) {
        self.actors[who].fuse = Some(effects);
    }

    /// What waits for the site's next block leaves with it, and arrives when the test says so.
    pub(super) fn delay(&mut self, who: usize) -> Vec<Bytes> {
        std::mem::take(&mut self.actors[who].pending)
    }

    /// Whether a DEAL of that site waits for its next block.
    pub(super) fn is_dealing(&self, who: usize) -> bool {
        let mut pending = self.actors[who].pending.iter();
        pending.any(|word| {
            matches!(
                Contribution::from_bytes(word.clone()),
                Ok(Contribution::Deal { .. })
            )
        })
    }

    pub(super) fn down(&mut self, who: usize) {
        self.actors[who].down = true;
    }

    pub(super) fn up(&mut self, who: usize) {
        self.actors[who].down = false;
        self.crash(who);
    }

    /// All sites see the whole log.
    pub(super) fn see_all(&mut self) {
        for who in 0..self.actors.len() {
            self.actors[who].seen = self.states.len() - 1;
            self.observe(who);
        }
    }

    pub(super) fn correct_count(&self) -> usize {
        self.actors.len() - self.setup.resilience.intruded_max()
    }

    pub(super) fn is_correct(&self, own: SiteId) -> bool {
        self.actors[own.index()].intruder.is_none()
    }

    pub(super) fn ordered(&self) -> &Ordered {
        self.states.last().unwrap()
    }

    pub(super) fn request(&mut self, operation: &Operation) -> Reply {
        let context = Context {
            position: self.states.len() as u64,
            commit_time_ms: self.now.as_millis(),
            client: ClientId { key: 0, session: 0 },
        };
        let mut next = self.ordered().clone();
        let mut reply = Vec::new();
        next.apply(&context, &operation.to_bytes(), &mut reply);
        self.states.push(Arc::new(next));
        Reply::from_bytes(reply.into()).unwrap()
    }

    /// One random thing happens. Intruders' words come first now and then, as of those who rush.
    pub(super) fn step(&mut self) {
        let who = self.rng.random_range(0..self.actors.len());
        if self.actors[who].down {
            return;
        }
        let unseen = self.actors[who].seen + 1 < self.states.len();
        match self.rng.random_range(0..10) {
            0..5 if !self.network.is_empty() => self.deliver(),
            5..7 if !self.actors[who].pending.is_empty() => self.order(who),
            7..9 if unseen => {
                self.actors[who].seen += 1;
                self.observe(who);
            }
            9 if self.rng.random_range(0..10_000) < self.crashing => self.crash(who),
            _ if self.is_idle() => self.pass(),
            _ => {}
        }
    }

    /// Steps until nothing is left to do for the correct sites.
    pub(super) fn finish(&mut self) {
        self.step_until(Self::is_finished);
    }

    /// Steps until that is so, which must come true. Gives the number of steps.
    pub(super) fn step_until(&mut self, done: impl Fn(&Self) -> bool) -> usize {
        for steps in 0..STEPS_MAX {
            if done(self) {
                return steps;
            }
            self.step();
        }
        let ceremonies = self.ordered().ceremonies();
        let stuck: Vec<_> = ceremonies.map(Ceremony::status).collect();
        panic!("stuck at {:?}: {stuck:#?}", self.now);
    }

    /// Whether no ceremony is under way.
    pub(super) fn is_over(&self) -> bool {
        self.ordered().ceremonies().next().is_none()
    }

    /// Whether a new sharing is made, and not in use.
    pub(super) fn is_made(&self) -> bool {
        self.ordered().ceremonies().any(|own| own.made.is_some())
    }

    /// The intruders see the whole log and have all they say ordered, before anybody else.
    pub(super) fn rush(&mut self) {
        for who in self.correct_count()..self.actors.len() {
            self.actors[who].seen = self.states.len() - 1;
            self.observe(who);
            while !self.actors[who].pending.is_empty() {
                self.order(who);
            }
        }
    }

    pub(super) fn power_loss(&mut self) {
        (0..self.actors.len()).for_each(|who| self.crash(who));
        self.network.clear();
    }

    /// The site starts again with its vault, and reads some of the log again. What waited for its
    /// next block may have left.
    pub(super) fn crash(&mut self, who: usize) {
        let actor = &mut self.actors[who];
        actor.site = start(site(who), actor.vault.as_deref(), &mut self.rng);
        actor.pending.retain(|_| self.rng.random_bool(0.5));
        actor.fuse = None;
        actor.seen = self.rng.random_range(0..=actor.seen);
        self.observe(who);
    }

    /// All correct sites have seen the whole log, hold their shares, and the log knows it.
    fn is_finished(&self) -> bool {
        let settled = |actor: &Actor| {
            let seen = actor.seen + 1 == self.states.len();
            seen && actor.pending.is_empty()
        };
        let correct = || self.actors.iter().filter(|actor| actor.intruder.is_none());
        self.ordered().ceremonies().next().is_none()
            && correct().all(settled)
            && self
                .ordered()
                .keys()
                .filter_map(|record| record.active())
                .all(|version| {
                    let mut members = version.members.iter();
                    members.all(|own| version.holders.contains(*own) || !self.is_correct(*own))
                })
    }

    fn is_idle(&self) -> bool {
        let settled = |actor: &Actor| {
            actor.down || actor.seen + 1 == self.states.len() && actor.pending.is_empty()
        };
        self.network.is_empty() && self.actors.iter().all(settled)
    }

    /// Time passes until somebody has something to do.
    fn pass(&mut self) {
        let up = self.actors.iter().filter(|actor| !actor.down);
        let timeouts = up.filter_map(|actor| actor.site.next_timeout());
        let next = timeouts.min().unwrap_or(self.now);
        self.now = next.max(self.now) + Duration::from_millis(1);
        for who in 0..self.actors.len() {
            if !self.actors[who].down {
                self.observe(who);
            }
        }
    }

    fn deliver(&mut self) {
        let at = self.rng.random_range(0..self.network.len());
        let (from, to, message) = self.network.swap_remove(at);
        let fate = self.rng.random_range(0..100);
        if fate < self.lost || self.actors[to.index()].down {
            return;
        }
        if fate == 99 {
            self.network.push((from, to, message.clone()));
        }
        let actor = &mut self.actors[to.index()];
        let ordered = self.states[actor.seen].clone();
        let mut out = Effects::default();
        if let Some(intruder) = &mut actor.intruder {
            intruder.hear(from, &message);
        }
        actor
            .site
            .hear(self.now, from, &message, &ordered, &mut out);
        self.perform(to.index(), out);
    }

    pub(super) fn observe(&mut self, who: usize) {
        let actor = &mut self.actors[who];
        let ordered = self.states[actor.seen].clone();
        let mut out = Effects::default();
        actor.site.observe(self.now, &ordered, &mut out);
        self.perform(who, out);
    }

    /// In the order in which effects are to be performed; the power may fail between any two.
    fn perform(&mut self, who: usize, mut out: Effects) {
        // What sites say to sessions is tested there, and would make every log longer here.
        out.contributions
            .retain(|word| Contribution::from_bytes(word.clone()).is_ok());
        let actor = &mut self.actors[who];
        if let Some(intruder) = &mut actor.intruder {
            let ordered = self.states[actor.seen].clone();
            intruder.tamper(site(who), &actor.site, &ordered, &self.log, &mut out);
        }
        let mut powered = |actor: &mut Actor| {
            self.effects += 1;
            let left = actor.fuse.as_mut();
            left.is_none_or(|left| {
                *left = left.saturating_sub(1);
                *left > 0
            })
        };
        let mut alive = powered(actor);
        if let Some(vault) = out.vault.take_if(|_| alive) {
            actor.vault = Some(vault.to_vec());
            actor.vaults.push(vault.to_vec());
            alive = powered(actor);
        }
        if alive {
            for (to, message) in out.messages {
                self.network.push((site(who), to, message));
            }
            if !out.contributions.is_empty() {
                alive = powered(actor);
            }
        }
        if alive {
            actor.pending.append(&mut out.contributions);
        } else {
            self.crash(who);
        }
    }

    fn order(&mut self, who: usize) {
        let pending = &mut self.actors[who].pending;
        let contribution = pending.remove(self.rng.random_range(0..pending.len()));
        self.append(site(who), contribution);
    }

    pub(super) fn append(&mut self, own: SiteId, contribution: Bytes) {
        let context = SiteContext {
            site: own,
            commit: self.states.len() as u64,
            commit_time_ms: self.now.as_millis(),
        };
        let mut next = self.ordered().clone();
        next.contribute(&context, &contribution);
        self.states.push(Arc::new(next));
        self.log.push((own, contribution));
    }

    /// The DEALs that a site has put into the log for that ceremony.
    pub(super) fn deals(&self, own: SiteId, number: u64) -> Vec<Bytes> {
        let words = self.log.iter().filter(|(author, _)| *author == own);
        let deals = words.filter_map(|(_, word)| match Contribution::from_bytes(word.clone()) {
            Ok(Contribution::Deal { ceremony, body }) if ceremony.number == number => Some(body),
            _ => None,
        });
        deals.collect()
    }
}

fn start(own: SiteId, vault: Option<&[u8]>, rng: &mut ChaCha20Rng) -> Site {
    let mut seed = [0; 32];
    rng.fill_bytes(&mut seed);
    Site::new(own, GROUP, signing_key(own), vault, seed).unwrap()
}

/// What must hold once everything is finished.
impl World {
    pub(super) fn check(&self) {
        for record in self
            .ordered()
            .keys()
            .filter(|own| own.state == State::Active)
        {
            in_group!(record.scheme, G => self.check_key::<G>(record.id));
        }
        self.check_blame();
        self.check_publications();
    }

    fn check_key<G: KeyGroup>(&self, key: KeyId) {
        let record = self.ordered().key(key).unwrap();
        let correct = self.actors.iter().filter(|actor| actor.intruder.is_none());
        let shares: Vec<_> = correct
            .map(|actor| {
                actor
                    .site
                    .share::<G>(record)
                    .expect("every correct site has its share")
            })
            .collect();
        assert_threshold(record.active().unwrap(), &shares);
        // Nothing is left of what came before.
        for actor in self.actors.iter().filter(|actor| actor.intruder.is_none()) {
            let held = actor.site.vault.held.keys().filter(|(own, _)| *own == key);
            let versions: Vec<_> = held.map(|(_, version)| *version).collect();
            assert_eq!(versions, [record.active().unwrap().number]);
            assert!(actor.site.vault.works.is_empty());
        }
    }

    /// No correct site is ever convicted.
    fn check_blame(&self) {
        for state in &self.states {
            let underway = state.ceremonies().map(|own| &own.culprits);
            let made = state
                .keys()
                .filter_map(|own| Some(&own.current.as_ref()?.culprits));
            for culprit in underway.chain(made).flat_map(BTreeMap::keys) {
                assert!(!self.is_correct(*culprit), "{culprit} is correct");
            }
        }
    }

    /// No correct dealer ever publishes two sets of shares in one ceremony.
    fn check_publications(&self) {
        for own in SiteId::all(self.actors.len()).filter(|own| self.is_correct(*own)) {
            for number in 1..self.ordered().next_ceremony {
                let deals = self.deals(own, number);
                assert!(
                    deals.iter().all(|deal| Some(deal) == deals.first()),
                    "{own} {number}"
                );
            }
        }
    }
}
