//! Rule 2: the end of an epoch and the beginning of the next.

use std::collections::BTreeMap;

use bytes::Bytes;
use maftia_codec::{Wire, Writer};
use maftia_crypto::PublicKey;
use maftia_membership::{Member, Next, View};
use maftia_ordering::control::ControlState;
use maftia_ordering::{
    Boot, Commit, Engine, Former, Frontier, Identity, Parameters, Record as Logged,
};
use maftia_protocol::{Step, Target, planted};
use maftia_types::{Epoch, SITES_MAX, SiteId, SiteSet, Time};

use super::Beginning;
use super::former::FormerEpoch;
use crate::intake::Intake;
use crate::item::{Item, items};
use crate::ledger::Ledger;
use crate::replica::{Output, Record, Replica};

impl Replica {
    /// The commit just executed was the last of its epoch.
    pub(crate) fn turn(&mut self, now: Time, commit: &Commit, step: &mut Step<Self>) {
        let (me, members) = (self.me(), self.keys.len());
        // They are for other ids; among them may be shares that are nobody else's business.
        step.messages.clear();
        let universe = self.universe().into_iter().map(|member| member.key);
        let universe: Vec<PublicKey> = universe.collect();
        let next = self.ledger.end_epoch(self.machine.as_mut(), commit);
        let Some(epochs) = &mut self.epochs else {
            return;
        };
        let former = std::mem::replace(&mut epochs.view, next.view.clone());
        let gone = former
            .sites()
            .filter(|(seat, _)| next.seat(*seat).is_none());
        epochs.leavers = gone.map(|(_, member)| member.clone()).collect();
        epochs.told = None;
        epochs.joiners.clear();
        let frontier = first_frontier(commit, &next);
        let (below, engine) = self.begin_epoch(frontier.clone(), now, step);
        if let Some(epochs) = &mut self.epochs {
            let former = FormerEpoch::new(engine, universe);
            epochs.former = Some(former).filter(|_| !planted("former blocks not served"));
        }
        let checkpoint = self.checkpoint(frontier);
        if !planted("no checkpoint where an epoch begins") {
            self.checkpoints.begin(checkpoint);
        }
        self.vote(now);
        let seat = Some(me).filter(|me| me.index() < members);
        self.hand_over(now, (former, seat), step);
        self.lift(now, below, step);
        self.observe(now, step);
    }

    /// The ordered state is that of an epoch in which the engine is not: makes it go on there. What
    /// that brings about is for the caller to lift.
    pub(crate) fn begin_epoch(
        &mut self,
        frontier: Frontier,
        now: Time,
        step: &mut Step<Self>,
    ) -> (Step<Engine>, Former) {
        let state = self.ledger.membership();
        let state = state.expect("only a group with views has epochs");
        let (epoch, keys) = (state.view().epoch(), state.view().keys());
        let parameters = Parameters {
            config: state.config(),
            epoch,
            resilience: state.view().resilience(),
            fast_path: has_fast_path(self.engine.parameters(), state.view()),
            ..self.engine.parameters().clone()
        };
        let learners = state.joiners().len();
        let mut was_hollow = false;
        if let Some(epochs) = &mut self.epochs {
            was_hollow = std::mem::take(&mut epochs.hollow);
            epochs.certified_at = None;
            epochs.later = SiteSet::EMPTY;
        }
        let me = self.place(&self.engine.key().public());
        let parameters = Parameters {
            asynchronous: self.asynchronous(me),
            ..parameters
        };
        let logged = self.replay.remove(&epoch);
        // What a site has lost it may have signed in this epoch too. A log of this epoch says so
        // itself, and knows what has become of it; unless there was no state to read it with.
        let unknown = logged.as_ref().is_none_or(Vec::is_empty);
        let amnesic = self.engine.is_amnesic() && !planted("lost log forgotten in a new epoch");
        let gap = was_hollow && !planted("gap forgotten where a state is fetched");
        let lost = amnesic && (unknown || gap);
        if logged.is_none() {
            step.records.push(Record::Ordering(Logged::Epoch(epoch)));
        }
        let boot = Boot {
            frontier,
            records: logged.unwrap_or_default(),
            lost,
            nonce: self.nonce,
        };
        self.keys.clone_from(&keys);
        self.intake = Intake::default();
        self.checkpoints.clear();
        self.chain.clear();
        self.fetch = None;
        let (below, former) = self.engine.turn(parameters, (me, keys), boot, lasting, now);
        self.engine.set_learners(learners);
        self.renumber_custodian(me, step);
        if self.watch.is_some() {
            self.watch_anew(now);
        }
        step.outputs.push(Output::Sites);
        (below, former)
    }

    /// The id in the universe of the present epoch of who has that key; beyond it for a stranger.
    pub(crate) fn place(&self, key: &PublicKey) -> SiteId {
        let universe = self.universe();
        let found = universe
            .iter()
            .position(|member: &Member| member.key == *key);
        site_at(found.unwrap_or(SITES_MAX))
    }

    /// Whether this site, with the state of the present epoch, is neither a member of it nor about to
    /// join.
    pub(crate) fn is_gone(&self) -> bool {
        let key = self.engine.key().public();
        let here = self.universe().into_iter().take(self.audience());
        self.membership().is_some() && !here.into_iter().any(|member| member.key == key)
    }

    /// At a start: a site that left before has nothing to do but to say so, unless its former group
    /// still gathers votes.
    pub(crate) fn leave_again(&mut self, now: Time) {
        let gone = self.is_gone();
        if let Some(epochs) = self
            .epochs
            .as_mut()
            .filter(|own| gone && own.handing.is_none())
        {
            epochs.leave_at = Some(now);
        }
    }

    /// Whether a fetched state is that of the view which this site was led to.
    pub(crate) fn is_of_known_view(&self, ledger: &Ledger) -> bool {
        let known = self.epochs.as_ref().map(|epochs| &epochs.view);
        ledger.membership().map(|state| state.view()) == known
    }

    /// Whether this site had a seat in the epoch before and has none now.
    pub(crate) fn is_leaver(&self) -> bool {
        let key = self.engine.key().public();
        let Some(epochs) = &self.epochs else {
            return false;
        };
        epochs.leavers.iter().any(|leaver| leaver.key == key)
    }

    /// What the driver and the engine must know of a change that has begun or was given up.
    pub(crate) fn tell_sites(&mut self, step: &mut Step<Self>) {
        let (Some(state), Some(epochs)) = (self.ledger.membership(), &mut self.epochs) else {
            return;
        };
        let underway = state.pending().map(|pending| pending.proposal);
        if epochs.told == underway {
            return;
        }
        if underway.is_some() || epochs.told.is_some() {
            epochs.joiners.clear();
        }
        epochs.told = underway;
        // The ids above the members' are other sites' now.
        let members = self.keys.len();
        let lasts = |to: &Target| !matches!(to, Target::One(site) if site.index() >= members);
        step.messages.retain(|out| lasts(&out.target));
        self.engine.set_learners(state.joiners().len());
        if self.engine.me().index() >= self.keys.len() {
            // The state may be from before this site was one of the joiners.
            let me = self.place(&self.engine.key().public());
            self.engine.follow_as(me);
            self.renumber_custodian(me, step);
        }
        step.outputs.push(Output::Sites);
    }
}

/// What the next epoch begins from: the commit that was the last of the one before, and with a
/// control chain the mode, the failovers and the leaders of then, by their next seats (correction
/// 12: else each change would begin with the intervals in which known leaders rule).
fn first_frontier(commit: &Commit, next: &Next) -> Frontier {
    let demoted_max = next.view.resilience().intruded_max();
    let control = commit.control.map(|own| {
        let own = own.renumbered(|site| next.seat(site), demoted_max);
        Box::new(ControlState::inherit(&own))
    });
    Frontier {
        index: commit.index,
        digest: commit.digest,
        time_ms: commit.time_ms,
        checkpoint_ms: commit.time_ms,
        control,
        ..Frontier::start()
    }
}

/// Of what this site wanted in the log of the former epoch, what means the same in the next one. What
/// the keyed services and joiners say is of one epoch; they say it anew.
fn lasting(payload: &Bytes) -> Bytes {
    let mut writer = Writer::new();
    let lasts = |item: &Item| {
        matches!(
            item,
            Item::Requests { .. } | Item::Vouch { .. } | Item::Evidence(_)
        )
    };
    items(payload)
        .filter(lasts)
        .for_each(|item| item.encode(&mut writer));
    writer.finish()
}

/// The records of the log by epoch. What stands before the first mark is of the epoch of the first
/// block there, or if there is none, of the epoch in which this site starts.
pub(crate) fn by_epoch(records: Vec<Logged>, start: Epoch) -> BTreeMap<Epoch, Vec<Logged>> {
    let first = records.iter().find_map(|record| match record {
        Logged::Block { block, .. } => Some(block.header().epoch),
        Logged::Draft { header, .. } => Some(header.epoch),
        Logged::Epoch(epoch) if *epoch <= start => Some(Epoch(epoch.0.saturating_sub(1))),
        Logged::Epoch(_) => Some(start),
        Logged::Floor(_) | Logged::Recovering | Logged::Sealed(_) => None,
    });
    let mut epoch = first.unwrap_or(start);
    let mut all: BTreeMap<Epoch, Vec<Logged>> = BTreeMap::new();
    for record in records {
        match record {
            Logged::Epoch(next) => {
                epoch = next;
                all.entry(epoch).or_default();
            }
            other => all.entry(epoch).or_default().push(other),
        }
    }
    all.retain(|epoch, _| *epoch >= start);
    all
}

/// The parameters and the identity with which a site starts: those of its state's view.
pub(crate) fn place_in(
    ledger: &Ledger,
    beginning: Option<&Beginning>,
    parameters: Parameters,
    identity: Identity,
) -> (Parameters, Identity) {
    let (Some(state), Some(beginning)) = (ledger.membership(), beginning) else {
        return (parameters, identity);
    };
    let public = identity.key.public();
    let joiners = match state.next() {
        Some(next) => &next.joiners,
        None => &beginning.joiners,
    };
    let universe = state.view().members().iter().chain(joiners);
    let place = universe.into_iter().position(|member| member.key == public);
    let identity = Identity {
        me: site_at(place.unwrap_or(SITES_MAX)),
        key: identity.key,
        keys: state.view().keys(),
    };
    let parameters = Parameters {
        config: state.config(),
        epoch: state.view().epoch(),
        resilience: state.view().resilience(),
        fast_path: has_fast_path(&parameters, state.view()),
        ..parameters
    };
    (parameters, identity)
}

/// The site at a place; the last one there can be, which no group has, for a place beyond.
fn site_at(place: usize) -> SiteId {
    let mut all = SiteId::all(SITES_MAX);
    all.nth(place.min(SITES_MAX - 1))
        .expect("a group may have one site at least")
}

/// Whether the group decides on the fast path in a view: if it does at all, and the view carries it.
fn has_fast_path(parameters: &Parameters, view: &View) -> bool {
    parameters.fast_path && view.resilience().fast_path().is_ok()
}
