use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use maftia_activity::replication::StateMachine;
use maftia_crypto::PublicKey;
use maftia_membership::Certificate;
use maftia_membership::detector::Change;
use maftia_membership::evidence::Proof;
use maftia_ordering::{Commit, Engine, Frontier, Standing};
use maftia_protocol::{Event, Protocol, Step, Target};
use maftia_types::{Alarm, ClientId, Digest, Epoch, Incarnation, SiteId, Time};

use crate::chain::Chain;
use crate::checkpoint::{Checkpoint, Checkpoints, Tally};
use crate::client_link::{ClientMessage, Reply};
use crate::conduct::Members;
use crate::custodian::{Custodian, Vault};
use crate::epochs::Epochs;
use crate::fault::Misbehaviour;
use crate::head::Realm;
use crate::image::Image;
use crate::intake::Intake;
use crate::ledger::Ledger;
use crate::lending::Lending;
use crate::message::Message;
use crate::repeats::Repeats;
use crate::ruling::Reign;
use crate::settings::Settings;
use crate::transfer::Fetch;
use crate::watch::{Watch, weight};

/// One site's whole behaviour. See the crate's documentation.
pub struct Replica {
    pub(crate) engine: Engine,
    pub(crate) machine: Box<dyn StateMachine>,
    pub(crate) ledger: Ledger,
    pub(crate) intake: Intake,
    pub(crate) repeats: Repeats,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) lending: Lending,
    pub(crate) fetch: Option<Fetch>,
    pub(crate) settings: Settings,
    pub(crate) keys: Vec<PublicKey>,
    /// Whether this site's state was found to differ from what f+1 others have.
    pub(crate) diverged: bool,
    pub(crate) chain: Chain,
    pub(crate) reign: Reign,
    pub(crate) custodian: Option<Custodian>,
    pub(crate) epochs: Option<Epochs>,
    /// What the log held of later epochs, while it is read again.
    pub(crate) replay: BTreeMap<Epoch, Vec<maftia_ordering::Record>>,
    pub(crate) nonce: u64,
    /// Proofs that are not in an own block yet: at most one for each site.
    pub(crate) evidence: Vec<Proof>,
    /// None while the log is replayed: what it shows is over.
    pub(crate) watch: Option<Watch>,
    pub(crate) logged_bytes: usize,
    pub(crate) image_wanted: bool,
}

/// How often the intake is searched for what nobody will execute any more.
const INTAKE_EXPIRY_COMMITS: u64 = 64;

/// What the driver asks of the replica.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// A client's message; its link has authenticated the key with this index.
    Client {
        /// Index of the client's key.
        key: u32,
        /// What it sent.
        message: ClientMessage,
    },
    /// The link to a site has come up.
    PeerUp(SiteId),
    /// A site has sent something that is no message at all.
    Malformed {
        /// Which site.
        site: SiteId,
        /// How much of it.
        bytes: usize,
    },
}

/// What the replica gives to the driver.
#[derive(Clone, Debug)]
pub enum Output {
    /// Impossible under the fault assumption: this site has stopped voting.
    Alarm(Alarm),
    /// A proof in the log convicts a site.
    Convicted(SiteId),
    /// This site's state differs from what f+1 sites have; it stops serving and fetches theirs.
    Diverged {
        /// At this checkpoint.
        index: u64,
        /// This site's digest.
        ours: Digest,
        /// Theirs.
        theirs: Digest,
    },
    /// A fetched checkpoint is in place.
    Installed {
        /// Its commit.
        index: u64,
    },
    /// The log has lost its tail; a recovery from amnesia has begun.
    LostTail,
    /// This site has no seat since this epoch, and nothing left to do: it may stop.
    Left(Epoch),
    /// Replies for a client, if it has a link here.
    Replies {
        /// Whose.
        client: ClientId,
        /// In which life.
        incarnation: Incarnation,
        /// The fates of some of its requests.
        replies: Vec<Reply>,
    },
    /// Who the sites are, or by which ids, has changed: see [`Replica::universe`].
    Sites,
    /// The group agrees on the state after this commit.
    Stable {
        /// The checkpoint's commit.
        index: u64,
    },
    /// This site has begun or ceased to suspect another. Its own word only.
    Suspicion(Change),
}

/// What must be durable.
#[derive(Clone, Debug)]
pub enum Record {
    /// A record of the ordering engine.
    Ordering(maftia_ordering::Record),
    /// The certificates of the views so far, in place of those before. Messages need not wait for it.
    Chain(Vec<Certificate>),
    /// An image: once it is durable, all earlier records are superfluous. Messages need not wait
    /// for it.
    Image(Arc<Image>),
    /// This site's secrets, in place of those before, which are overwritten. Not for the log: it
    /// would keep what is to be erased.
    Vault(Vault),
}

impl Protocol for Replica {
    type Command = Command;
    type Message = Message;
    type Output = Output;
    type Record = Record;
    type Misbehaviour = Misbehaviour;
    type Error = std::convert::Infallible;

    fn command(&mut self, now: Time, command: Command) -> Result<Step<Self>, Self::Error> {
        let mut step = Step::none();
        match command {
            Command::Client { .. } if !self.is_seated() => {}
            Command::Client { key, message } => {
                self.on_client(now, (key, message), &mut step);
                self.engine.wake(now);
            }
            Command::PeerUp(peer) => {
                self.ask_once(peer, &mut step);
                self.greet(now, peer, &mut step);
            }
            Command::Malformed { site, bytes } => {
                if let Some(watch) = &mut self.watch {
                    watch.heard(now, site, bytes as u64, true);
                }
            }
        }
        self.finish(&mut step);
        Ok(step)
    }

    fn handle(&mut self, now: Time, event: Event<Message>) -> Step<Self> {
        let mut step = Step::none();
        let sender = match &event {
            Event::Message { from, message } => Some((*from, weight(message))),
            Event::Timeout => None,
        };
        match event {
            Event::Message {
                from,
                message: Message::Ordering(epoch, message),
            } if epoch != self.epoch() || self.is_hollow() => {
                self.on_other_epoch(now, (from, epoch), &message, &mut step);
            }
            Event::Message {
                from,
                message: Message::Ordering(_, message),
            } => {
                let below = self.engine.handle(now, Event::Message { from, message });
                self.lift(now, below, &mut step);
            }
            // Who has left is answered questions about epochs, and no others.
            Event::Message { from, message } if self.has_gone(from, &message) => {}
            Event::Message {
                from,
                message: Message::Transfer(message),
            } => {
                self.on_transfer(now, from, message, &mut step);
            }
            Event::Message {
                from,
                message: Message::Pair(message),
            } => self.on_pair(now, from, &message, &mut step),
            Event::Message {
                from,
                message: Message::Passage(passage),
            } => self.on_passage(now, from, passage, &mut step),
            Event::Timeout => {
                if !self.is_hollow() && self.engine.next_timeout().is_some_and(|at| at <= now) {
                    let below = self.engine.handle(now, Event::Timeout);
                    self.lift(now, below, &mut step);
                }
                self.fetch_due(now, &mut step);
                self.custodian_due(now, &mut step);
                self.ask_due(now, &mut step);
                self.leave_due(now, &mut step);
                self.say_ready(now, &mut step);
            }
        }
        if let Some((from, bytes)) = sender
            && let Some(watch) = &mut self.watch
        {
            let invalid = step.faults.iter().any(|fault| fault.culprit == from);
            watch.heard(now, from, bytes, invalid);
        }
        self.submit_evidence(now);
        self.look(now, &mut step);
        self.finish(&mut step);
        step
    }

    fn next_timeout(&self) -> Option<Time> {
        let fetch = self.fetch.as_ref().map(Fetch::next_timeout);
        // It does nothing while the state is not to be acted on.
        let idle = self.diverged || self.is_hollow();
        let custodian = self.custodian.as_ref().filter(|_| !idle);
        let custodian = custodian.and_then(Custodian::next_timeout);
        let engine = self.engine.next_timeout().filter(|_| !self.is_hollow());
        let epochs = self.epochs.as_ref().and_then(Epochs::next_timeout);
        [engine, fetch, custodian, epochs, self.ready_due()]
            .into_iter()
            .flatten()
            .min()
    }
}

impl Replica {
    /// Takes over the engine's effects and acts on its outputs.
    pub(crate) fn lift(&mut self, now: Time, below: Step<Engine>, step: &mut Step<Self>) {
        let epoch = self.engine.parameters().epoch;
        let message = |message| Message::Ordering(epoch, message);
        let mut is_void = false;
        for output in step.absorb(below, message, Record::Ordering) {
            match output {
                maftia_ordering::Output::Alarm(alarm) if is_void => {
                    step.outputs.push(Output::Alarm(alarm));
                }
                // Beyond the epoch's last commit.
                _ if is_void => {}
                maftia_ordering::Output::Alarm(alarm) => step.outputs.push(Output::Alarm(alarm)),
                maftia_ordering::Output::Behind => self.start_fetch(now),
                maftia_ordering::Output::Commit(commit) => {
                    is_void = self.on_commit(now, &commit, step);
                }
                // The fault that comes with it is reported; no policy of the group acts on it.
                maftia_ordering::Output::BadCoinShare { .. } => {}
                maftia_ordering::Output::Equivocation(proof) => self.evidence.push(proof.into()),
                // The alarm after it says so; a stopped site orders no evidence.
                maftia_ordering::Output::BrokenSeal(_) => {}
                maftia_ordering::Output::LostTail { .. } => step.outputs.push(Output::LostTail),
            }
        }
    }

    /// Executes a commit. True if it is the last of its epoch: the engine is then that of the next.
    fn on_commit(&mut self, now: Time, commit: &Commit, step: &mut Step<Self>) -> bool {
        let members = Members {
            keys: &self.keys,
            resilience: self.engine.parameters().resilience,
        };
        let applied = self.ledger.apply(self.machine.as_mut(), members, commit);
        self.watch_commit(now, commit, &applied.convicted);
        self.reign.note(commit);
        for id in &applied.expired {
            self.intake.forget(id);
        }
        if commit.index.is_multiple_of(INTAKE_EXPIRY_COMMITS) {
            let age = self.settings.limits.vouch_commits;
            self.intake.expire(commit.index.saturating_sub(age));
        }
        step.outputs
            .extend(applied.convicted.into_iter().map(Output::Convicted));
        self.reply(applied.executed, step);
        self.remember(commit, step);
        if let Some(epochs) = &mut self.epochs {
            epochs.words = 0;
        }
        if applied.ends_epoch {
            self.turn(now, commit, step);
            return true;
        }
        self.tell_sites(step);
        self.say_certified(commit.index);
        if let Some(frontier) = &commit.checkpoint {
            self.take_checkpoint(now, frontier.as_ref().clone());
        }
        for (block, _) in &commit.blocks {
            if let Some(vote) = block.header().checkpoint_vote {
                let needed = self.one_correct();
                let tally = self.checkpoints.count(block.author(), vote, needed);
                self.on_tally(now, tally, step);
            }
        }
        let ordered = self.machine.keys();
        if let Some(latest) = ordered.and_then(|ordered| ordered.certificates().next_back()) {
            self.checkpoints.certify(latest);
        }
        self.observe(now, step);
        false
    }

    /// f+1 other chains mean that this site has ordered something else, which is impossible.
    fn remember(&mut self, commit: &Commit, step: &mut Step<Self>) {
        let disputed = self.chain.add(commit);
        if disputed.len() >= self.one_correct() && !self.diverged {
            self.diverged = true;
            let text = format!(
                "{disputed:?} have ordered other commits than this site, which is impossible while \
                 at most f sites are intruded"
            );
            step.outputs.push(Output::Alarm(Alarm { text }));
        }
    }

    fn take_checkpoint(&mut self, now: Time, frontier: Frontier) {
        let checkpoint = self.checkpoint(frontier);
        self.checkpoints.add(checkpoint);
        self.vote(now);
    }

    /// The state now, which is that of the frontier.
    pub(crate) fn checkpoint(&mut self, frontier: Frontier) -> Arc<Checkpoint> {
        let ledger = self.ledger.encode();
        self.checkpoint_of(frontier, &ledger)
    }

    /// The same, of a ledger that has been encoded.
    pub(crate) fn checkpoint_of(&mut self, frontier: Frontier, ledger: &Bytes) -> Arc<Checkpoint> {
        let realm = Realm::new(
            self.ledger.membership(),
            self.engine.parameters(),
            &self.keys,
        );
        let (app, before) = (self.machine.snapshot(), self.checkpoints.latest());
        Arc::new(Checkpoint::new(realm, frontier, ledger, app, before))
    }

    pub(crate) fn vote(&mut self, now: Time) {
        let vote = maftia_ordering::Command::VoteCheckpoint(self.checkpoints.vote());
        let Ok(step) = self.engine.command(now, vote);
        debug_assert!(step.is_empty(), "voting has no other effects");
    }

    fn on_tally(&mut self, now: Time, tally: Tally, step: &mut Step<Self>) {
        match tally {
            Tally::Nothing => {}
            Tally::Stable(index) => {
                self.on_stable();
                self.lending.age();
                self.forget_former();
                self.vote(now);
                step.outputs.push(Output::Stable { index });
            }
            Tally::Diverged {
                index,
                ours,
                theirs,
            } => {
                self.diverged = true;
                self.checkpoints.clear();
                self.vote(now);
                self.start_fetch(now);
                step.outputs.push(Output::Diverged {
                    index,
                    ours,
                    theirs,
                });
            }
        }
    }

    /// Forgets what only a site that is behind the oldest served checkpoint could ask for.
    pub(crate) fn on_stable(&mut self) {
        if let Some(oldest) = self.checkpoints.oldest() {
            let depth = 2 * self.engine.parameters().delivery_depth;
            let read_above = oldest.frontier.read_above();
            self.engine.prune(read_above.minus(depth));
            self.engine.drop_payloads(&oldest.frontier);
        }
        self.image_wanted = self.logged_bytes >= self.image_bytes();
    }

    /// Without the log of the former epoch this site could not vote for the present view again, nor
    /// help others to come to it: an image waits for the certificate, but not for ever.
    fn image_bytes(&self) -> usize {
        let handing = self
            .epochs
            .as_ref()
            .is_some_and(|own| own.handing.is_some());
        let times = if handing { 4 } else { 1 };
        self.settings.image_bytes.saturating_mul(times)
    }

    /// At the end of every event, when the state is that of the latest commit.
    pub(crate) fn finish(&mut self, step: &mut Step<Self>) {
        for record in &step.records {
            if let Record::Ordering(maftia_ordering::Record::Block { payload, .. }) = record {
                self.logged_bytes += 512 + payload.as_ref().map_or(0, Bytes::len);
            }
        }
        if std::mem::take(&mut self.image_wanted)
            && let Some(stable) = self.checkpoints.stable()
        {
            self.logged_bytes = 0;
            let window = self.engine.window(&stable.frontier);
            let checkpoint = Arc::clone(stable);
            step.records
                .push(Record::Image(Arc::new(Image { checkpoint, window })));
        }
    }

    /// Marks that an image is wanted at the end of this event.
    pub(crate) const fn want_image(&mut self) {
        self.image_wanted = true;
    }

    /// f + 1.
    pub(crate) fn one_correct(&self) -> usize {
        let known = self.epochs.as_ref().map(|own| own.view.resilience());
        let own = self.engine.parameters().resilience;
        known.unwrap_or(own).one_correct()
    }

    /// Whether this site is a member, with the state of the present epoch.
    fn is_seated(&self) -> bool {
        !self.is_hollow() && self.me().index() < self.keys.len()
    }

    /// Asks a peer about a checkpoint, or all of them.
    pub(crate) fn send_transfer(
        to: Option<SiteId>,
        message: crate::message::Transfer,
        step: &mut Step<Self>,
    ) {
        let target = to.map_or(Target::Others, Target::One);
        step.send_now(target, Message::Transfer(message));
    }

    /// The ordered half of the keyed services, if the group has them.
    pub fn shared_keys(&self) -> Option<&maftia_activity::keys::Ordered> {
        self.machine.keys()
    }

    /// The ordering engine.
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether this site serves clients: it is not diverged, fetching or recovering.
    pub fn is_serving(&self) -> bool {
        let recovering = matches!(self.engine.standing(), Standing::Recovering { .. });
        let well = !self.diverged && self.fetch.is_none() && !recovering;
        well && self.is_seated() && !self.engine.is_halted()
    }
}

impl fmt::Debug for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Replica({})", self.engine.frontier().index)
    }
}
