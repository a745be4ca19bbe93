//! The promises of a group whose sites change, each with arithmetic of its own.

use std::collections::BTreeMap;

use maftia_codec::Wire;
use maftia_crypto::PublicKey;
use maftia_membership::membership::{Membership, Outcome};
use maftia_membership::{Certificate, Change, Edit, View};
use maftia_ordering::Block;
use maftia_protocol::Target;
use maftia_replica::{Activity, Fate, Message, Output, Record, Replica, RequestId};
use maftia_simulator::{Observation, Property, Violation};
use maftia_types::{Digest, Epoch, Round, SiteId, SiteSet, Time};

use super::estate::{Estate, key};
use super::history::Shared;
use super::host::{Given, Host};
use super::seats::{SEATS, Shares};
use crate::book;
use crate::speaks::Speaks;

type Seen<'a> = Observation<'a, Host>;

fn broken(property: &str, text: String) -> Result<(), Violation> {
    Err(Violation::new(property, text))
}

/// One sequence of views, of last commits and of what became of changes, at all correct sites; each
/// view is what the change makes of the one before; certificates are of a quorum; clients come only
/// to views that the group decided.
pub(crate) struct Views {
    history: Shared,
    /// What was last seen of each machine: epoch, proposal under way, changes made.
    seen: BTreeMap<SiteId, (u64, Option<u64>, usize)>,
    accepted: usize,
}

impl Views {
    pub(crate) fn new(history: &Shared) -> Self {
        Self {
            history: history.clone(),
            seen: BTreeMap::new(),
            accepted: 0,
        }
    }

    fn look(&mut self, site: SiteId, replica: &Replica) -> Result<(), Violation> {
        let Some(state) = replica.membership() else {
            return Ok(());
        };
        let epoch = state.view().epoch().0;
        let underway = state.pending().map(|pending| pending.proposal);
        let now = (epoch, underway, state.history().count());
        let before = self.seen.insert(site, now);
        if before == Some(now) {
            return Ok(());
        }
        if before.is_some_and(|(before, ..)| before > epoch) {
            return broken("views", format!("{site} goes back to epoch {epoch}"));
        }
        self.outcomes(site, state)?;
        self.view(site, state)?;
        let mut history = self.history.borrow_mut();
        let commit = replica.engine().frontier().index;
        if commit >= history.commit {
            history.commit = commit;
            history.pending = state.pending().map(|pending| pending.change.clone());
        }
        Ok(())
    }

    fn outcomes(&self, site: SiteId, state: &Membership) -> Result<(), Violation> {
        let history = &mut *self.history.borrow_mut();
        for entry in state.history() {
            let own = (entry.change.clone(), entry.outcome.clone());
            let known = history.outcomes.entry(entry.proposal);
            let known = known.or_insert_with(|| own.clone());
            if *known != own {
                return broken("views", format!("{site}: {own:?}, elsewhere {known:?}"));
            }
        }
        Ok(())
    }

    fn view(&self, site: SiteId, state: &Membership) -> Result<(), Violation> {
        let history = &mut *self.history.borrow_mut();
        let (view, epoch) = (state.view(), state.view().epoch().0);
        let own = (view.clone(), state.origin());
        if let Some(known) = history.views.get(&epoch) {
            if *known != own {
                return broken(
                    "views",
                    format!("{site} is in {own:?}, others in {known:?}"),
                );
            }
            return Ok(());
        }
        let (n, f) = (view.members().len(), view.resilience().intruded_max());
        if n < 3 * f + 1 {
            return broken("views", format!("{n} sites do not bear {f} intruders"));
        }
        if epoch > 0 {
            let Some((former, _)) = history.views.get(&(epoch - 1)) else {
                return broken(
                    "views",
                    format!("{site} is in {epoch}, nobody in the one before"),
                );
            };
            let entered = Outcome::Entered(Epoch(epoch));
            let changes = history.outcomes.values();
            let change = changes.into_iter().find(|(_, outcome)| *outcome == entered);
            let Some((change, _)) = change else {
                return broken("views", format!("no change has led to {epoch}"));
            };
            let expected = expected(former, change);
            if (names(view), f) != expected {
                return broken("views", format!("{view:?}, expected {expected:?}"));
            }
            history.rare.changes += 1;
            history.rare.grown += u64::from(f > former.resilience().intruded_max());
            history.rare.shrunk += u64::from(f < former.resilience().intruded_max());
            history.rare.added += u64::from(n > former.members().len());
            history.rare.removed += u64::from(n < former.members().len());
        }
        history.views.insert(epoch, own);
        Ok(())
    }

    fn certificates(&self, site: SiteId, chain: &[Certificate]) -> Result<(), Violation> {
        let history = self.history.borrow();
        for own in chain {
            let handover = own.handover();
            let epoch = handover.view.epoch().0;
            let (Some((former, _)), Some((view, origin))) =
                (history.views.get(&(epoch - 1)), history.views.get(&epoch))
            else {
                return broken(
                    "views",
                    format!("{site} can prove {epoch}, where nobody is"),
                );
            };
            let (n, f) = (former.members().len(), former.resilience().intruded_max());
            let signers = own.signers().iter().filter(|seat| seat.index() < n).count();
            if signers < n - f {
                let text = format!("{signers} of {n} have handed over to {epoch}");
                return broken("certificates", text);
            }
            let same = (handover.commit, handover.chain) == (origin.commit, origin.chain);
            if handover.view != *view || !same {
                return broken("certificates", format!("{handover:?} is not {view:?}"));
            }
        }
        Ok(())
    }
}

/// Names by seat, and f, after a change.
fn expected(former: &View, change: &Change) -> (Vec<String>, usize) {
    let mut seats = names(former);
    let mut added = Vec::new();
    for edit in &change.edits {
        match edit {
            Edit::Add(member) => added.push(member.name.clone()),
            Edit::Remove(name) => seats.retain(|own| own != name),
            Edit::Replace { name, with } => {
                let own = seats.iter_mut().find(|own| *own == name);
                *own.unwrap() = with.name.clone();
            }
        }
    }
    seats.append(&mut added);
    let f = change
        .f
        .map_or(former.resilience().intruded_max(), usize::from);
    (seats, f)
}

fn names(view: &View) -> Vec<String> {
    view.members().iter().map(|own| own.name.clone()).collect()
}

impl Property<Host> for Views {
    fn name(&self) -> &str {
        "views"
    }

    fn observe(&mut self, _: Time, seen: &Seen<'_>) -> Result<(), Violation> {
        match seen {
            Observation::Stepped { site, replica } => match replica.replica() {
                Some(replica) => self.look(*site, replica),
                None => Ok(()),
            },
            Observation::Crashed { site } => {
                self.seen.remove(site);
                Ok(())
            }
            Observation::Recorded { site, record } => match &record.record {
                // What is written is looked at before the step that wrote it.
                Record::Chain(chain) => self.certificates(*site, chain),
                _ => Ok(()),
            },
            _ => {
                let history = self.history.borrow();
                for view in history.accepted.iter().skip(self.accepted) {
                    let decided = history.views.get(&view.epoch().0);
                    if decided.is_none_or(|(own, _)| own != view) {
                        let text = format!("clients have been led to {view:?}");
                        return broken("followers", text);
                    }
                }
                self.accepted = history.accepted.len();
                Ok(())
            }
        }
    }

    /// Every change is made, unless its joiners did not come.
    fn finish(&mut self, _: Time) -> Result<(), Violation> {
        let history = &mut *self.history.borrow_mut();
        let aborted = history
            .outcomes
            .values()
            .filter(|(_, outcome)| matches!(outcome, Outcome::Aborted(_)));
        history.rare.aborted += aborted.count() as u64;
        Ok(())
    }
}

/// What correct sites sign in their blocks: one block a round of an epoch for ever, one chain of
/// commits, one digest per checkpoint; and the same commits are executed everywhere.
pub(crate) struct Signed {
    history: Shared,
    blocks: BTreeMap<(SiteId, Epoch, Round), Digest>,
    commits: BTreeMap<u64, Digest>,
    checkpoints: BTreeMap<u64, Digest>,
    at: BTreeMap<SiteId, u64>,
}

impl Signed {
    pub(crate) fn new(history: &Shared) -> Self {
        Self {
            history: history.clone(),
            blocks: BTreeMap::new(),
            commits: BTreeMap::new(),
            checkpoints: BTreeMap::new(),
            at: BTreeMap::new(),
        }
    }

    /// Whether that machine had that seat.
    fn is_own(&self, site: SiteId, epoch: Epoch, seat: SiteId) -> bool {
        let history = self.history.borrow();
        let view = history.views.get(&epoch.0).map(|(view, _)| view);
        view.and_then(|view| view.member(seat))
            .is_some_and(|member| member.key == key(site).public())
    }

    fn block(&mut self, site: SiteId, epoch: Epoch, block: &Block) -> Result<(), Violation> {
        if !self.is_own(site, epoch, block.author()) {
            return Ok(());
        }
        let (round, digest) = (block.round(), block.digest());
        match self.blocks.insert((site, epoch, round), digest) {
            Some(other) if other != digest => {
                let text = format!("{site} signed {other:?} and {digest:?} in {round} of {epoch}");
                return broken("no self-contradiction", text);
            }
            Some(_) => return Ok(()),
            None => {}
        }
        let header = block.header();
        if let Some(vote) = header.commit_vote {
            self.commit(site, vote.index, vote.digest)?;
        }
        if let Some(vote) = header.checkpoint_vote {
            let known = *self.checkpoints.entry(vote.index).or_insert(vote.digest);
            if known != vote.digest {
                let text = format!(
                    "checkpoint {} is {known:?} and {:?}",
                    vote.index, vote.digest
                );
                return broken("state agreement", text);
            }
        }
        Ok(())
    }

    fn commit(&mut self, site: SiteId, index: u64, digest: Digest) -> Result<(), Violation> {
        let known = *self.commits.entry(index).or_insert(digest);
        if known != digest {
            let text = format!("{site}: commit {index} is {known:?} and {digest:?}");
            return broken("agreement", text);
        }
        Ok(())
    }
}

impl Property<Host> for Signed {
    fn name(&self) -> &str {
        "no self-contradiction"
    }

    fn observe(&mut self, _: Time, seen: &Seen<'_>) -> Result<(), Violation> {
        match seen {
            Observation::Sent {
                site,
                message: Message::Ordering(epoch, maftia_ordering::Message::Block { block, .. }),
                target: Target::One(_),
            } => self.block(*site, *epoch, block),
            Observation::Stepped { site, replica } => {
                let Some(replica) = replica.replica() else {
                    return Ok(());
                };
                let frontier = replica.engine().frontier();
                let hollow = replica.membership().is_none();
                if hollow || self.at.insert(*site, frontier.index) == Some(frontier.index) {
                    return Ok(());
                }
                self.commit(*site, frontier.index, frontier.digest)
            }
            _ => Ok(()),
        }
    }
}

/// No alarm, no divergence, no lost tail, no innocent convicted or called rude.
pub(crate) struct Sanity {
    corrupted: SiteSet,
    keys: Vec<PublicKey>,
    proofs: BTreeMap<SiteId, usize>,
    history: Shared,
    book: book::Shared,
}

impl Sanity {
    pub(crate) fn new(
        corrupted: SiteSet,
        estate: &Estate,
        history: &Shared,
        book: &book::Shared,
    ) -> Self {
        Self {
            corrupted,
            keys: estate.all().map(|machine| key(machine).public()).collect(),
            proofs: BTreeMap::new(),
            history: history.clone(),
            book: book.clone(),
        }
    }

    fn output(&self, site: SiteId, output: &Output) -> Result<(), Violation> {
        let rare = &mut self.history.borrow_mut().rare;
        match output {
            Output::Alarm(alarm) => broken("no alarm", format!("{site}: {}", alarm.text)),
            Output::Diverged { index, .. } => broken(
                "state agreement",
                format!("{site} has another state at commit {index}"),
            ),
            Output::LostTail => broken("no lost tail", format!("{site} lost its tail")),
            Output::Convicted(_) => {
                rare.convictions += 1;
                Ok(())
            }
            Output::Installed { .. } => {
                rare.transfers += 1;
                Ok(())
            }
            Output::Stable { .. } => {
                rare.checkpoints += 1;
                Ok(())
            }
            Output::Left(_) => {
                rare.left += 1;
                Ok(())
            }
            Output::Suspicion(_) | Output::Replies { .. } | Output::Sites => Ok(()),
        }
    }

    fn proofs(&mut self, site: SiteId, replica: &Replica) -> Result<(), Violation> {
        let evidence = replica.evidence();
        if self.proofs.insert(site, evidence.len()) == Some(evidence.len()) {
            return Ok(());
        }
        let mut convicted = evidence.convicted(&self.keys).iter();
        match convicted.find(|own| !self.corrupted.contains(*own)) {
            None => Ok(()),
            Some(own) => broken(
                "blame soundness",
                format!("{site} convicts the correct machine {own}"),
            ),
        }
    }
}

impl Property<Host> for Sanity {
    fn name(&self) -> &str {
        "no alarm"
    }

    fn observe(&mut self, _: Time, seen: &Seen<'_>) -> Result<(), Violation> {
        match seen {
            Observation::Output { site, output } => match output {
                Given::Replica(output) => self.output(*site, output),
                Given::Views(_) => Ok(()),
            },
            Observation::Stepped { site, replica } => match replica.replica() {
                Some(replica) => self.proofs(*site, replica),
                None => Ok(()),
            },
            Observation::Faulted { site, fault } if !self.corrupted.contains(fault.culprit) => {
                let text = format!("{site} blames {}: {}", fault.culprit, fault.misbehaviour);
                broken("blame soundness", text)
            }
            Observation::Healed => {
                self.book.borrow_mut().healed = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// What the state machine holds by seat is what the view says.
pub(crate) struct Holders {
    history: Shared,
    book: book::Shared,
}

impl Holders {
    pub(crate) fn new(history: &Shared, book: &book::Shared) -> Self {
        Self {
            history: history.clone(),
            book: book.clone(),
        }
    }
}

impl Property<Host> for Holders {
    fn name(&self) -> &str {
        "shares"
    }

    fn observe(&mut self, _: Time, seen: &Seen<'_>) -> Result<(), Violation> {
        let Observation::Output { output, .. } = seen else {
            return Ok(());
        };
        let Some((client, incarnation, replies)) = Host::replies(output) else {
            return Ok(());
        };
        for reply in replies {
            let id = RequestId {
                client,
                incarnation,
                sequence: reply.sequence,
            };
            let book = self.book.borrow();
            let asked = book.asked.get(&id);
            let is_question = asked.is_some_and(|own| own.bodies.iter().any(|b| b[..] == [SEATS]));
            let Fate::Executed { result, .. } = &reply.fate else {
                continue;
            };
            if !is_question {
                continue;
            }
            let Ok(shares) = Shares::from_bytes(result.clone()) else {
                continue;
            };
            let mut history = self.history.borrow_mut();
            history.rare.shares_shown += 1;
            let held = history
                .views
                .get(&shares.epoch)
                .map(|(view, _)| view.keys());
            if held.as_ref() != Some(&shares.held) {
                return broken(
                    "shares",
                    format!("{held:?} have seats, {:?} shares", shares.held),
                );
            }
        }
        Ok(())
    }
}

/// After the healing all members of the last view reach the same state, serve, and go on taking
/// checkpoints; who is out of it has stopped.
pub(crate) struct Settled {
    history: Shared,
    book: book::Shared,
    corrupted: SiteSet,
    healed: bool,
    floor: u64,
    machines: BTreeMap<SiteId, Reached>,
}

#[derive(Clone, Default, Debug)]
struct Reached {
    runs: bool,
    epoch: u64,
    position: u64,
    commit: u64,
    checkpoint: u64,
    activity: Option<Activity>,
}

impl Settled {
    pub(crate) fn new(history: &Shared, book: &book::Shared, corrupted: SiteSet) -> Self {
        Self {
            history: history.clone(),
            book: book.clone(),
            corrupted,
            healed: false,
            floor: 0,
            machines: BTreeMap::new(),
        }
    }

    fn waiting(&self) -> Vec<String> {
        let history = self.history.borrow();
        let book = self.book.borrow();
        let executed = book
            .executed
            .last_key_value()
            .map_or(0, |(place, _)| *place);
        let Some(view) = history.newest() else {
            return vec!["a view".to_owned()];
        };
        let epoch = view.epoch().0;
        let mut waiting = Vec::new();
        for (machine, own) in &self.machines {
            let seated = view.seat_of(&key(*machine).public()).is_some();
            let mut views = history.views.values();
            let was = views.any(|(view, _)| view.seat_of(&key(*machine).public()).is_some());
            let well = own.epoch == epoch
                && own.position >= executed
                && own.checkpoint > self.floor
                && own.activity == Some(Activity::Serving);
            if seated && !(own.runs && well) || !seated && was && own.runs {
                waiting.push(format!("{machine} {own:?}"));
            }
        }
        waiting
    }
}

impl Property<Host> for Settled {
    fn name(&self) -> &str {
        "convergence"
    }

    fn observe(&mut self, _: Time, seen: &Seen<'_>) -> Result<(), Violation> {
        match seen {
            Observation::Healed => {
                self.healed = true;
                let commits = self.machines.values().map(|own| own.commit);
                self.floor = commits.max().unwrap_or(0);
            }
            Observation::Stepped { site, replica } if !self.corrupted.contains(*site) => {
                let own = self.machines.entry(*site).or_default();
                let Some(replica) = replica.replica() else {
                    own.runs = false;
                    return Ok(());
                };
                own.runs = true;
                own.commit = replica.engine().frontier().index;
                if self.healed {
                    let status = replica.status();
                    own.epoch = replica.membership().map_or(0, |own| own.view().epoch().0);
                    own.position = status.position;
                    own.checkpoint = status.checkpoint.map_or(0, |(index, _)| index);
                    own.activity = Some(status.activity);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn done(&self) -> bool {
        !self.healed || self.waiting().is_empty()
    }

    fn stuck(&self) -> String {
        format!("after {}: {}", self.floor, self.waiting().join("; "))
    }
}

/// Notes the rare things.
pub(crate) struct Rarities {
    history: Shared,
    phases: BTreeMap<SiteId, Phase>,
    crashes: (Time, Vec<Phase>),
    corrupted: SiteSet,
    stopped: SiteSet,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Phase {
    epoch: u64,
    pending: bool,
    member: bool,
    handing: bool,
    hollow: bool,
}

impl Rarities {
    pub(crate) fn new(history: &Shared, corrupted: SiteSet) -> Self {
        Self {
            history: history.clone(),
            phases: BTreeMap::new(),
            crashes: (Time::ZERO, Vec::new()),
            corrupted,
            stopped: SiteSet::EMPTY,
        }
    }

    fn crashed(&mut self, now: Time, site: SiteId) {
        let Some(phase) = self.phases.get(&site).copied() else {
            return;
        };
        let rare = &mut self.history.borrow_mut().rare;
        rare.crashes_in_change += u64::from(phase.pending && phase.member);
        rare.crashes_of_joiners += u64::from(phase.pending && !phase.member);
        rare.crashes_in_handover += u64::from(phase.handing);
        if self.crashes.0 != now {
            self.crashes = (now, Vec::new());
        }
        self.crashes.1.push(phase);
        // The third crash at one instant is one of all.
        if self.crashes.1.len() == 3 {
            let any = |is: fn(&Phase) -> bool| self.phases.values().any(is);
            rare.power_losses_in_change += u64::from(any(|phase| phase.pending));
            rare.power_losses_in_handover += u64::from(any(|phase| phase.handing));
        }
    }

    fn stepped(&mut self, site: SiteId, host: &Host) {
        let Some(replica) = host.replica() else {
            if self.phases.remove(&site).is_some() {
                let again = self.stopped.contains(site);
                self.stopped.insert(site);
                self.history.borrow_mut().rare.stopped_again += u64::from(again);
            }
            return;
        };
        let before = self.phases.get(&site).copied().unwrap_or_default();
        let view = replica.view();
        let epoch = view.map_or(0, |view| view.epoch().0);
        let handing = epoch > 0
            && (before.handing || before.epoch != epoch)
            && replica.views_after(Epoch(epoch - 1)).is_empty();
        let members = view.map_or(0, |view| view.members().len());
        let state = replica.membership();
        let phase = Phase {
            epoch,
            pending: state.is_some_and(|state| state.pending().is_some()),
            member: replica.me().index() < members,
            handing,
            hollow: state.is_none(),
        };
        let adopted = phase.hollow && before.epoch < epoch && before != Phase::default();
        self.history.borrow_mut().rare.views_adopted += u64::from(adopted);
        self.phases.insert(site, phase);
    }
}

impl Property<Host> for Rarities {
    fn name(&self) -> &str {
        "rarities"
    }

    fn observe(&mut self, now: Time, seen: &Seen<'_>) -> Result<(), Violation> {
        match seen {
            Observation::Crashed { site } => self.crashed(now, *site),
            Observation::Wiped { .. } => {
                let history = &mut *self.history.borrow_mut();
                history.rare.wipes_after_change += u64::from(history.views.len() > 1);
            }
            Observation::Stepped { site, replica } => self.stepped(*site, replica),
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self, _: Time) -> Result<(), Violation> {
        let history = &mut *self.history.borrow_mut();
        let (mut intruders, mut correct) = (0, 0);
        for (change, outcome) in history.outcomes.values() {
            if !matches!(outcome, Outcome::Entered(_)) {
                continue;
            }
            for edit in &change.edits {
                let Edit::Replace { name, .. } = edit else {
                    continue;
                };
                let machine = SiteId::all(16).find(|own| format!("s{}", own.as_u8()) == *name);
                if machine.is_some_and(|own| self.corrupted.contains(own)) {
                    intruders += 1;
                } else {
                    correct += 1;
                }
            }
        }
        history.rare.intruders_replaced += intruders;
        history.rare.correct_replaced += correct;
        Ok(())
    }
}
