use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use maftia_codec::Wire as _;
use maftia_crypto::SigningKey;
use maftia_types::{
    ClientId, Digest, Duration, Epoch, FaultModel, Powers, Resilience, SITES_MAX, SiteId, Time,
};
use rand::{Rng as _, RngExt as _};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::super::Ceremony;
use super::super::deal::Contribution;
use super::hostile::{Intruder, Kind};
use crate::keys::{Operation, Ordered, Reply, Scheme, Setup, Site};
use crate::replication::{Context, Effects, SiteContext};

mod change;
mod check;
mod links;

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

/// One site: what runs, and what its disk holds. It goes by its place among the actors, which no
/// change of the group's members alters; its key says which site of a state it is.
pub(super) struct Actor {
    pub(super) site: Site,
    /// Its number, as it was told last; none before it joins and after it has left.
    pub(super) me: Option<SiteId>,
    /// The last epoch in which it had one.
    last: Epoch,
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
    /// By actors.
    pub(super) log: Vec<(SiteId, Bytes)>,
    pub(super) actors: Vec<Actor>,
    /// From one actor to another.
    network: Vec<(usize, usize, Bytes)>,
    /// Who is cut off: from all others, and from the log.
    cut_off: BTreeSet<usize>,
    now: Time,
    rng: ChaCha20Rng,
    /// Of a hundred messages.
    lost: u32,
    /// Of ten thousand steps.
    crashing: u32,
    /// How many effects were begun, power cuts between their parts included.
    pub(super) effects: usize,
    /// Whether an epoch ends as soon as it may.
    pub(super) entering: bool,
}

impl World {
    pub(super) fn new(n: usize, genesis: &[(&str, Scheme)], seed: u64) -> Self {
        let setup = setup(n);
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let actors = (0..n).map(|who| Actor::new(who, Some(site(who)), 0, &mut rng));
        let actors = actors.collect();
        Self {
            states: vec![Arc::new(Ordered::new(setup.clone(), genesis))],
            setup,
            log: Vec::new(),
            actors,
            network: Vec::new(),
            cut_off: BTreeSet::new(),
            now: Time::ZERO,
            rng,
            lost: 0,
            crashing: 0,
            effects: 0,
            entering: true,
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

    pub(super) fn intrude(&mut self, who: usize, kind: Kind) {
        self.actors[who].intruder = Some(Intruder::new(kind));
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
            self.see(who, self.states.len() - 1);
            self.observe(who);
        }
    }

    pub(super) fn correct_count(&self) -> usize {
        self.actors.len() - self.setup.resilience.intruded_max()
    }

    /// Whether a site of that state is correct.
    pub(super) fn is_correct(&self, state: &Ordered, own: SiteId) -> bool {
        let actor = self.actor_of(state, own);
        actor.is_some_and(|who| self.actors[who].intruder.is_none())
    }

    /// Which actor a site of that state is.
    pub(super) fn actor_of(&self, state: &Ordered, own: SiteId) -> Option<usize> {
        let key = state.setup().key_of(own)?;
        (0..self.actors.len()).find(|who| signing_key(site(*who)).public() == *key)
    }

    /// Which site of the group, or of those that join, an actor is in a state.
    pub(super) fn seat_in(state: &Ordered, who: usize) -> Option<SiteId> {
        let key = signing_key(site(who)).public();
        let at = state.setup().sites.iter().position(|own| *own == key)?;
        Some(site(at))
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
        self.push(next);
        Reply::from_bytes(reply.into()).unwrap()
    }

    /// One random thing happens. Intruders' words come first now and then, as of those who rush.
    pub(super) fn step(&mut self) {
        let who = self.rng.random_range(0..self.actors.len());
        if self.actors[who].down {
            return;
        }
        let linked = !self.cut_off.contains(&who);
        let unseen = linked && self.actors[who].seen + 1 < self.states.len();
        match self.rng.random_range(0..10) {
            0..5 if !self.network.is_empty() => self.deliver(),
            5..7 if linked && !self.actors[who].pending.is_empty() => self.order(who),
            7..9 if unseen => {
                self.see(who, self.actors[who].seen + 1);
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
        for who in 0..self.actors.len() {
            if self.actors[who].intruder.is_none() {
                continue;
            }
            self.see(who, self.states.len() - 1);
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
        actor.pending.retain(|_| self.rng.random_bool(0.5));
        actor.fuse = None;
        // A log that is read again is of the present epoch: the one before ends with a checkpoint.
        let epoch = |state: &Ordered| state.setup().epoch;
        let present = epoch(&self.states[actor.seen]);
        let first = self.states.iter().position(|own| epoch(own) == present);
        actor.seen = self.rng.random_range(first.unwrap()..=actor.seen);
        actor.me = Self::seat_in(&self.states[actor.seen], who);
        actor.site = start(who, actor.me, actor.vault.as_deref(), &mut self.rng);
        // Not one who joins, and reads again of the time when nobody knew that.
        if actor.me.is_none() && actor.last < present {
            let mut out = Effects::default();
            actor.site.retire(&mut out);
            return self.perform(who, out);
        }
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
                    let correct = |own: &SiteId| self.is_correct(self.ordered(), *own);
                    let mut members = version.members.iter();
                    members.all(|own| version.holders.contains(*own) || !correct(own))
                })
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

    /// The actor has seen the log so far: it may have another number there, or none any more.
    fn see(&mut self, who: usize, seen: usize) {
        let actor = &mut self.actors[who];
        actor.seen = seen;
        let me = Self::seat_in(&self.states[seen], who);
        if me.is_some() {
            actor.last = self.states[seen].setup().epoch;
        }
        if me == actor.me {
            return;
        }
        actor.me = me;
        let mut out = Effects::default();
        match me {
            Some(me) => actor.site.renumber(me),
            None => actor.site.retire(&mut out),
        }
        self.perform(who, out);
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
            if let Some(me) = actor.me {
                intruder.tamper((site(who), me), &actor.site, &ordered, &self.log, &mut out);
            }
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
            let ordered = self.states[actor.seen].clone();
            for (to, message) in out.messages {
                let to = ordered.setup().key_of(to).expect("a link to that site");
                let is_it = |own: &usize| signing_key(site(*own)).public() == *to;
                let to = (0..SITES_MAX).find(is_it).unwrap();
                self.network.push((who, to, message));
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

    /// The word of an actor is ordered; of an outsider, if there is no such actor. One who has left
    /// has no say.
    pub(super) fn append(&mut self, own: SiteId, contribution: Bytes) {
        let seat = match own.index() < self.actors.len() {
            true => Self::seat_in(self.ordered(), own.index()),
            false => Some(own),
        };
        let Some(seat) = seat else {
            return;
        };
        let context = SiteContext {
            site: seat,
            commit: self.states.len() as u64,
            commit_time_ms: self.now.as_millis(),
        };
        let mut next = self.ordered().clone();
        next.contribute(&context, &contribution);
        self.push(next);
        self.log.push((own, contribution));
    }

    fn push(&mut self, mut next: Ordered) {
        if self.entering && next.is_prepared() {
            next.enter();
        }
        self.states.push(Arc::new(next));
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

impl Actor {
    fn new(who: usize, me: Option<SiteId>, seen: usize, rng: &mut ChaCha20Rng) -> Self {
        Self {
            site: start(who, me, None, rng),
            me,
            last: Epoch(0),
            vault: None,
            vaults: Vec::new(),
            seen,
            pending: Vec::new(),
            intruder: None,
            fuse: None,
            down: false,
        }
    }
}

fn start(who: usize, me: Option<SiteId>, vault: Option<&[u8]>, rng: &mut ChaCha20Rng) -> Site {
    let mut seed = [0; 32];
    rng.fill_bytes(&mut seed);
    // A site without a number is known to no state under any.
    let me = me.unwrap_or(site(SITES_MAX - 1));
    Site::new(me, GROUP, signing_key(site(who)), vault, seed).unwrap()
}
