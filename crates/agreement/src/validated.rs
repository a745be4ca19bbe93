//! Validated agreement: all correct sites decide the same proposal, and it is valid.
//!
//! # Guarantees
//! - *Agreement*: no two correct sites decide differently.
//! - *External validity*: what is decided was proposed by the site that is named with it, and
//!   satisfies the predicate.
//! - *Termination*: with probability 1, if all correct sites propose something valid. Over a common
//!   coin after at most three candidates in expectation.
//!
//! # Model
//! That of [`reliable`](crate::reliable) and [`binary`](crate::binary), and q² > n(f + c), which holds
//! for c = 0; the scheduler may see the coin once a correct site has released it. No other signatures
//! than the coin's.
//!
//! # Intuition
//! Broadcast the proposals reliably. When a quorum is there, say so, reliably too; when a quorum says
//! so, a third of the proposals are with everybody, or will be before it goes on, and that is fixed.
//! Only then toss a coin for the order in which candidates are tried. Agree on whether to take one.
//!
//! # Messages
//! | message | asserts |
//! |---|---|
//! | `Broadcast` | of a proposal's broadcast |
//! | `Have` | of the broadcast of the set of sites whose valid proposals I hold |
//! | `Elect` | I hold all that q sites say they have; my share of the coin that orders the candidates |
//! | `Agree(k, m)` | of the binary agreement on taking the k-th candidate |
//!
//! # Rules
//! - W1 upon proposing: broadcast it reliably.
//! - W2 upon q valid proposals: broadcast reliably whose they are.
//! - W3 upon q such sets, of q sites or more each, whose proposals are all here: release the
//!   election's coin. Its value shuffles the sites. Over a local coin the order is a function of the
//!   instance, known beforehand.
//! - W4 upon beginning with candidate k: propose in k's agreement whether its proposal is here.
//! - W5 upon a decision for k: decide its proposal as soon as it is here. Against: k + 1.
//!
//! A decision for k was proposed by a correct site, which holds the proposal; by totality all will.
//! Before the coin falls some correct site has q sets. The mean site is in q²/n > f + c of them, so
//! some are in f + c + 1 = n − q + 1: any other q sets include one of those, and whoever is through
//! W3 holds those proposals. Each is decided on unanimously. At c = 0 they are (f² + 3f + 1)/(f + 1)
//! of the 3f + 1, more than a third: three candidates in expectation, and n at most.
//!
//! # Bounds
//! n broadcasts of proposals and n of sets of 8 bytes; for each of n candidates an agreement.
//!
//! # Deviations
//! \[CKPS01 §4\] has certified (consistent) broadcasts, and agreements that carry their proofs. With
//! reliable ones a decision for needs no proof, so the same protocol runs without signatures; the
//! price is n² messages a proposal where it has n. \[FIN23\] does so with another agreement. W2 is
//! the core set of \[CR93\].
//!
//! # Complexity
//! 2 or 3 steps twice, one of the coin, those of a binary agreement whose first coin is 1 (3); O(n³)
//! messages.
//!
//! # Duties of the caller
//! Every correct site proposes something valid. The predicate is the same everywhere.
//!
//! # Sources
//! \[CKPS01\], \[FIN23\], \[CR93\].

use std::collections::BTreeMap;
use std::sync::Arc;

use maftia_codec::Bytes;
use maftia_crypto::{Domain, Hasher};
use maftia_protocol::{Event, Protocol, Step, Target, planted};
use maftia_types::{ResilienceError, SiteId, SiteSet, Time};

use crate::coin::{Bound, Coin, Flip};
use crate::reliable::{Broadcast, BroadcastError, Plain, Rule};
use crate::{Context, Instance, Misbehaviour, Predicate, Taken, binary};

mod message;

pub use message::{Chosen, Message};

const ORDER: Domain = Domain::new("validated agreement order");

/// A set of sites: a bit for each. Each site echoes n of them, and nobody may make that 16 KiB each.
const SET_BYTES: usize = 8;

/// Validated agreement. See the [module](self).
pub struct Validated<C: Coin> {
    context: Context,
    instance: Instance,
    coin: Arc<C>,
    predicate: Predicate,
    broadcasts: Vec<Broadcast>,
    proposals: BTreeMap<SiteId, Bytes>,
    broadcasts_of_sets: Vec<Plain>,
    sets: BTreeMap<SiteId, SiteSet>,
    said_set: bool,
    election: Flip<C>,
    elected: bool,
    /// Candidates in the order in which they are tried, once that is known.
    order: Vec<SiteId>,
    /// Which of them is tried.
    rank: usize,
    trials: BTreeMap<u8, Trial<C>>,
    decided: bool,
}

/// What is known about taking one candidate.
struct Trial<C: Coin> {
    agreement: binary::Agreement<C>,
    verdict: Option<bool>,
}

impl<C: Coin> Validated<C> {
    /// An instance in which nothing has happened.
    ///
    /// # Errors
    /// If the rule is optimistic and the group expects no intruder, or too many sites may stop.
    pub fn new(
        context: Context,
        instance: Instance,
        coin: Arc<C>,
        rule: Rule,
        predicate: Predicate,
    ) -> Result<Self, ResilienceError> {
        context.resilience().has_candidates()?;
        let broadcast = |of: SiteId| {
            let part = instance.part("proposal", u64::from(of.as_u8()));
            Broadcast::new(context, part, of, rule)
        };
        let set = |of: SiteId| {
            let part = instance.part("set", u64::from(of.as_u8()));
            let broadcast = Plain::new(context, part, of, rule);
            broadcast.map(|broadcast| broadcast.at_most(SET_BYTES))
        };
        Ok(Self {
            context,
            instance,
            predicate,
            broadcasts_of_sets: context.sites().map(set).collect::<Result<_, _>>()?,
            sets: BTreeMap::new(),
            said_set: false,
            broadcasts: context.sites().map(broadcast).collect::<Result<_, _>>()?,
            proposals: BTreeMap::new(),
            election: Flip::new(Arc::clone(&coin), instance.part("election", 0)),
            coin,
            elected: false,
            order: Vec::new(),
            rank: 0,
            trials: BTreeMap::new(),
            decided: false,
        })
    }

    /// How many candidates have been tried before the present one.
    pub const fn rank(&self) -> usize {
        self.rank
    }

    fn trial(&mut self, rank: u8) -> &mut Trial<C> {
        let part = self.instance.part("candidate", rank.into());
        let (context, coin) = (self.context, &self.coin);
        self.trials.entry(rank).or_insert_with(|| Trial {
            agreement: binary::Agreement::new(context, part, Arc::clone(coin)).opening_with(true),
            verdict: None,
        })
    }

    fn on_broadcast(&mut self, step: &mut Step<Self>, of: SiteId, child: Step<Broadcast>) {
        for proposal in step.absorb(
            child,
            |message| Message::Broadcast(of, message),
            |taken| taken,
        ) {
            if (self.predicate)(of, &proposal) {
                self.proposals.insert(of, proposal);
            } else {
                step.blame(of, Misbehaviour::InvalidProposal);
            }
        }
    }

    fn on_set(&mut self, step: &mut Step<Self>, of: SiteId, child: Step<Plain>) {
        for bytes in step.absorb(child, |message| Message::Have(of, message), |taken| taken) {
            let bits = bytes.as_ref().try_into().map_or(0, u64::from_le_bytes);
            let set = SiteSet::from_bits(bits);
            let is_one = set.len() >= self.context.resilience().quorum();
            if is_one && set.iter().all(|site| self.context.contains(site)) {
                self.sets.insert(of, set);
            } else {
                step.blame(of, Misbehaviour::OutOfRange);
            }
        }
    }

    /// Does all that has become possible.
    fn settle(&mut self, step: &mut Step<Self>, now: Time) {
        self.say_set(step, now);
        self.elect(step);
        while let Some(candidate) = self.order.get(self.rank).copied() {
            let holds = self.proposals.contains_key(&candidate);
            let rank = u8::try_from(self.rank).expect("a group has at most 64 sites");
            if let Ok(child) = self.trial(rank).agreement.command(now, holds) {
                self.on_agreement(step, rank, child); // W4
            }
            match self.trial(rank).verdict {
                Some(false) => self.rank += 1, // W5
                Some(true) => return self.decide(step, candidate),
                None => return,
            }
        }
    }

    /// W2
    fn say_set(&mut self, step: &mut Step<Self>, now: Time) {
        let enough = self.proposals.len() >= self.context.resilience().quorum();
        if self.said_set || !enough {
            return;
        }
        self.said_set = true;
        let own = self.context.own();
        let set: SiteSet = self.proposals.keys().copied().collect();
        let bytes = Bytes::copy_from_slice(&set.bits().to_le_bytes());
        let broadcast = self.broadcasts_of_sets.get_mut(own.index());
        if let Some(Ok(child)) = broadcast.map(|broadcast| broadcast.command(now, bytes)) {
            self.on_set(step, own, child);
        }
    }

    /// W3
    fn elect(&mut self, step: &mut Step<Self>) {
        let here = |set: &&SiteSet| set.iter().all(|site| self.proposals.contains_key(&site));
        let sets = self.sets.values().filter(here).count();
        let early = planted("the order is known before the proposals are fixed");
        if !self.elected && (early || sets >= self.context.resilience().quorum()) {
            self.elected = true;
            if let Some(share) = self.election.release(Bound::fixed()) {
                step.send(Target::All, Message::Elect(share));
            }
        }
        if self.order.is_empty()
            && let Some(value) = self.election.value()
        {
            let mut hasher = self.instance.hasher(ORDER);
            if C::IS_COMMON {
                hasher.update(value.as_bytes());
            }
            self.order = shuffled(self.context.sites().collect(), &hasher);
        }
    }

    fn on_agreement(&mut self, step: &mut Step<Self>, rank: u8, child: Step<binary::Agreement<C>>) {
        for verdict in step.absorb(
            child,
            |message| Message::Agree(rank, message),
            |taken| taken,
        ) {
            self.trial(rank).verdict = Some(verdict);
        }
    }

    /// W5
    fn decide(&mut self, step: &mut Step<Self>, of: SiteId) {
        if let Some(proposal) = self.proposals.get(&of)
            && !self.decided
        {
            self.decided = true;
            step.outputs.push(Chosen {
                of,
                proposal: proposal.clone(),
            });
        }
    }

    fn is_rank(&self, step: &mut Step<Self>, from: SiteId, rank: u8) -> bool {
        let is_one = usize::from(rank) < self.context.resilience().sites();
        if !is_one {
            step.blame(from, Misbehaviour::OutOfRange);
        }
        is_one
    }

    fn on_message(
        &mut self,
        step: &mut Step<Self>,
        now: Time,
        from: SiteId,
        message: Message<C::Share>,
    ) {
        match message {
            Message::Agree(rank, message) => {
                if self.is_rank(step, from, rank) {
                    let event = Event::Message { from, message };
                    let child = self.trial(rank).agreement.handle(now, event);
                    self.on_agreement(step, rank, child);
                }
            }
            Message::Broadcast(of, message) => {
                let Some(broadcast) = self.broadcasts.get_mut(of.index()) else {
                    return step.blame(from, Misbehaviour::OutOfRange);
                };
                let child = broadcast.handle(now, Event::Message { from, message });
                self.on_broadcast(step, of, child);
            }
            Message::Elect(share) => {
                let (counts, faults) = self.election.take(from, share);
                if counts {
                    step.records.push(Taken);
                }
                for (culprit, misbehaviour) in faults {
                    step.blame(culprit, misbehaviour);
                }
            }
            Message::Have(of, message) => {
                let Some(broadcast) = self.broadcasts_of_sets.get_mut(of.index()) else {
                    return step.blame(from, Misbehaviour::OutOfRange);
                };
                let child = broadcast.handle(now, Event::Message { from, message });
                self.on_set(step, of, child);
            }
        }
        self.settle(step, now);
    }
}

/// Fisher–Yates, driven by a hash.
fn shuffled(mut sites: Vec<SiteId>, hasher: &Hasher) -> Vec<SiteId> {
    let mut numbers = hasher.numbers();
    for last in (1..sites.len()).rev() {
        let choices = u64::try_from(last).unwrap_or(u64::MAX) + 1;
        // Rejection: no choice is more likely than another.
        let fair = u64::MAX - u64::MAX % choices;
        let number = numbers.find(|number| *number < fair).unwrap_or(0);
        let chosen = usize::try_from(number % choices).unwrap_or(last);
        sites.swap(last, chosen);
    }
    sites
}

impl<C: Coin> Protocol for Validated<C> {
    type Command = Bytes;
    type Message = Message<C::Share>;
    type Output = Chosen;
    type Record = Taken;
    type Misbehaviour = Misbehaviour;
    type Error = BroadcastError;

    fn command(&mut self, now: Time, proposal: Bytes) -> Result<Step<Self>, BroadcastError> {
        let own = self.context.own();
        if !(self.predicate)(own, &proposal) {
            return Err(BroadcastError::Invalid);
        }
        let broadcast = self.broadcasts.get_mut(own.index());
        let broadcast = broadcast.expect("a context's own site is one of its sites");
        let child = broadcast.command(now, proposal)?; // W1
        let mut step = Step::none();
        self.on_broadcast(&mut step, own, child);
        self.settle(&mut step, now);
        Ok(step)
    }

    fn handle(&mut self, now: Time, event: Event<Message<C::Share>>) -> Step<Self> {
        let mut step = Step::none();
        if let Event::Message { from, message } = event {
            self.on_message(&mut step, now, from, message);
        }
        step
    }
}
