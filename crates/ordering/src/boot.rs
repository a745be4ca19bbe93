//! Starting an engine: from nothing, from a snapshot and a log, or after the log was lost.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use maftia_crypto::{Envelope, PublicKey, SigningKey};
use maftia_protocol::{Step, Target};
use maftia_types::{Alarm, Round, SiteId, SiteSet, Time};

use crate::block::{Block, BlockRef, Unsealed};
use crate::coin::Coins;
use crate::dag::Dag;
use crate::draft::Draft;
use crate::engine::{Engine, Output};
use crate::fault::Misbehaviour;
use crate::linearizer::{Frontier, Linearizer};
use crate::message::Message;
use crate::pacemaker::Pacemaker;
use crate::parameters::Parameters;
use crate::peers::Peers;
use crate::record::Record;
use crate::recovery::{RecoveryStatement, Standing};
use crate::seal::Drafted;
use crate::suspended::{Suspended, Waiting};

/// Who this site is in the view.
#[derive(Debug)]
pub struct Identity {
    /// This site.
    pub me: SiteId,
    /// Its signing key.
    pub key: SigningKey,
    /// The keys of all sites, by index.
    pub keys: Vec<PublicKey>,
}

/// A block as the log holds it.
type Logged = (Arc<Block>, Option<Bytes>);

/// What the disk held.
#[derive(Debug)]
pub struct Boot {
    /// Where delivery stood in the snapshot; [`Frontier::start`] without one.
    pub frontier: Frontier,
    /// The blocks kept with the snapshot, then the records of the log; each in the order written.
    pub records: Vec<Record>,
    /// Whether the log is missing or damaged, so that own blocks may be unknown.
    pub lost: bool,
    /// Fresh at each boot: identifies the questions of a recovery.
    pub nonce: u64,
}

impl Engine {
    /// Rebuilds the state from what the disk held. The step re-delivers the commits above the
    /// snapshot; it carries no messages, and a record only if the log was lost. In the row `hybrid` it
    /// may besides have and send the block whose draft the log ended with.
    ///
    /// A site that is not in the view follows: it accepts, delivers, and signs nothing.
    ///
    /// # Panics
    /// If the keys do not fit the parameters, or the parameters one another.
    pub fn boot(
        parameters: Parameters,
        identity: Identity,
        boot: Boot,
        now: Time,
    ) -> (Self, Step<Self>) {
        let Identity { me, key, keys } = identity;
        let mut engine = Self::at(
            parameters,
            (me, Arc::new(key), keys),
            boot.frontier,
            boot.nonce,
        );
        let step = engine.start(now, boot.records, boot.lost);
        (engine, step)
    }

    /// An engine that knows nothing but a frontier.
    ///
    /// # Panics
    /// If the keys do not fit the parameters.
    pub(crate) fn at(
        parameters: Parameters,
        (me, key, keys): (SiteId, Arc<SigningKey>, Vec<PublicKey>),
        frontier: Frontier,
        boot_nonce: u64,
    ) -> Self {
        let sites = parameters.resilience.sites();
        assert!(keys.len() == sites, "one key per site");
        assert!(
            parameters.has_fitting_seals(),
            "a trusted device per site in the model `hybrid`, and none in another"
        );
        let control = parameters.control(frontier.control.as_deref());
        Self {
            dag: empty_dag(&parameters, frontier.read_above()),
            committer: parameters.committer(&frontier),
            coins: parameters.asynchronous.coin().cloned().map(Coins::new),
            control,
            delivered_before: frontier.delivered.iter().copied().collect(),
            linearizer: Linearizer::new(frontier),
            pacemaker: Pacemaker::new(parameters.pacing),
            suspended: Suspended::default(),
            peers: Peers::new(sites),
            draft: Draft::default(),
            drafted: None,
            standing: initial(me, sites),
            amnesia: None,
            equivocators: SiteSet::EMPTY,
            relayed: crate::heads::Relayed::default(),
            checkpoint_vote: None,
            last_own: Round(0),
            unsettled_payloads: 0,
            own_unsettled: 0,
            boot_nonce,
            sync: crate::synchroniser::Sync::default(),
            served_from: Round(0),
            halted: false,
            me,
            key,
            keys,
            parameters,
        }
    }

    pub(crate) fn start(&mut self, now: Time, records: Vec<Record>, lost: bool) -> Step<Self> {
        self.served_from = self.linearizer.frontier().leader_round;
        let mut step = Step::none();
        let blocks = self.replay(records);
        if lost {
            self.begin_recovery(&mut step);
        }
        if let Err(alarm) = self.restore(now, blocks, &mut step) {
            self.halted = true;
            step.outputs.push(Output::Alarm(alarm));
        }
        // It was durable: the log held it.
        self.seal_draft(now, &mut step);
        self.plan(now);
        step
    }

    /// What the records say of this site's standing; gives the blocks.
    fn replay(&mut self, records: Vec<Record>) -> Vec<Logged> {
        let (mut floor, mut recovering) = (Round(0), false);
        let (mut blocks, mut drafted) = (Vec::new(), None);
        for record in records {
            match record {
                Record::Block { block, payload } => {
                    if block.author() == self.me {
                        self.last_own = self.last_own.max(block.round());
                    }
                    blocks.push((block, payload));
                }
                Record::Floor(round) => {
                    floor = floor.max(round);
                    recovering = false;
                    self.amnesia = self.amnesia.map(|_| round);
                }
                Record::Recovering => {
                    recovering = true;
                    self.amnesia = Some(Round(u64::MAX));
                }
                Record::Draft { header, payload } => {
                    drafted = Some((Unsealed::new(*header, &self.key), payload));
                }
                Record::Sealed(seal) => {
                    if let Some((block, payload)) = drafted.take() {
                        let block = block.sealed(seal);
                        self.last_own = self.last_own.max(block.round());
                        blocks.push((block, Some(payload)));
                    }
                }
                // The replica has handed over those of one epoch only.
                Record::Epoch(_) => {}
            }
        }
        if self.standing == Standing::Observing {
            return blocks;
        }
        let drafted = drafted.map(|(block, payload)| Drafted { block, payload });
        self.drafted = drafted.filter(|own| own.block.header().round > self.last_own);
        if recovering {
            self.last_own = floor.max(self.last_own);
            self.standing = self.fresh_recovery();
        } else if floor > self.last_own {
            self.standing = Standing::Returning { floor, lost: true };
        }
        blocks
    }

    /// Accepts the logged blocks again and decides. A block may have been accepted with parents
    /// exempt, or without a payload, that it needs from where this start begins: it waits until
    /// deciding has raised the horizon. What is left then hangs on an image that never became
    /// durable or is damaged, and waits for peers; own blocks among it may be with nobody else.
    fn restore(
        &mut self,
        now: Time,
        mut blocks: Vec<Logged>,
        step: &mut Step<Self>,
    ) -> Result<(), Alarm> {
        loop {
            let before = blocks.len();
            blocks.retain(|(block, payload)| !self.restore_one(block, payload));
            self.refuse_twins()?;
            self.settle(now, step)?;
            if blocks.is_empty() || blocks.len() == before {
                break;
            }
        }
        self.committer.recall(&self.dag, self.dag.base());
        let from = SiteId::all(self.keys.len()).find(|site| *site != self.me);
        for (block, payload) in blocks {
            let reference = block.reference();
            if let Some(from) = from.filter(|_| !self.dag.contains(&reference)) {
                self.suspended.insert(Waiting {
                    block,
                    payload,
                    from,
                });
                self.try_accept(now, reference, step);
            }
        }
        Ok(())
    }

    /// A log with two blocks of a round where the model excludes them is that of a site which stopped
    /// for it: a start is no reason to go on.
    fn refuse_twins(&self) -> Result<(), Alarm> {
        if !self.parameters.resilience.has_single_blocks() {
            return Ok(());
        }
        for round in (self.dag.base().0..=self.dag.tip().0).map(Round) {
            let blocks = self.dag.round(round).count();
            if blocks > self.dag.authors(round).len() {
                let text = format!("the log holds two blocks of one site for round {round}");
                return Err(Alarm { text });
            }
        }
        Ok(())
    }

    /// Whether a logged block needs no more attention.
    fn restore_one(&mut self, block: &Arc<Block>, payload: &Option<Bytes>) -> bool {
        if self.is_exempt(&block.reference()) || self.dag.contains(&block.reference()) {
            return true;
        }
        let parents = &block.header().parents;
        let rooted = parents
            .iter()
            .all(|p| self.is_exempt(p) || self.dag.contains(p));
        let complete = rooted && (payload.is_some() || !self.needs_payload(block));
        if complete {
            self.insert(Arc::clone(block), payload.clone());
            self.peers.has_seen(&self.dag, block);
        }
        complete
    }

    /// Jumps to a checkpoint that f+1 sites agree on. What is not in it comes from peers.
    pub fn install(&mut self, now: Time, frontier: Frontier) {
        self.root(frontier);
        self.served_from = self.linearizer.frontier().leader_round;
        if self.standing == Standing::Active {
            self.standing = Standing::Returning {
                floor: self.last_own,
                lost: false,
            };
        }
        self.plan(now);
        self.arm(now);
    }

    /// Nothing but what a frontier says.
    fn root(&mut self, frontier: Frontier) {
        self.drop_draft();
        self.dag = empty_dag(&self.parameters, frontier.read_above());
        self.committer = self.parameters.committer(&frontier);
        self.control = self.parameters.control(frontier.control.as_deref());
        self.coins = self.parameters.asynchronous.coin().cloned().map(Coins::new);
        self.delivered_before = frontier.delivered.iter().copied().collect();
        self.linearizer = Linearizer::new(frontier);
        self.suspended = Suspended::default();
        self.unsettled_payloads = 0;
        self.own_unsettled = 0;
    }

    /// The retained blocks that a start from `frontier` needs, as records: payloads only where that
    /// frontier has not delivered them.
    pub fn window(&self, frontier: &Frontier) -> Vec<Record> {
        let horizon = self.parameters.acceptance_horizon(frontier.read_above());
        let lowest = horizon.map_or(Round(1), Round::next);
        let cut = self.parameters.delivery_cut(frontier.leader_round);
        let delivered: BTreeSet<&BlockRef> = frontier.delivered.iter().collect();
        let open = |block: &BlockRef| block.round > cut && !delivered.contains(block);
        let mut records: Vec<Record> = self
            .dag
            .from(lowest)
            .map(|entry| Record::Block {
                block: Arc::clone(&entry.block),
                payload: entry
                    .payload
                    .clone()
                    .filter(|_| open(&entry.block.reference())),
            })
            .collect();
        let drafted = self.drafted.as_ref();
        records.extend(drafted.map(|own| Record::Draft {
            header: Box::new(own.block.header().clone()),
            payload: own.payload.clone(),
        }));
        if self.amnesia.is_some() {
            records.push(Record::Recovering);
        }
        records.push(Record::Floor(self.floor()));
        if self.amnesia == Some(Round(u64::MAX)) {
            records.push(Record::Recovering);
        }
        records
    }

    /// No block of this site at or below this round, whatever the log says.
    fn floor(&self) -> Round {
        match self.standing {
            Standing::Returning { floor, .. } => floor.max(self.last_own),
            Standing::Active | Standing::Recovering { .. } | Standing::Observing => self.last_own,
        }
    }

    /// The log is lost, in whole or at its end: from now on this site asks before it signs.
    pub(crate) fn begin_recovery(&mut self, step: &mut Step<Self>) {
        if self.parameters.seals.is_some() {
            return self.go_on_as_the_device_says(step);
        }
        // Who only follows signs nothing, but may have signed in a later epoch.
        if self.standing != Standing::Observing {
            self.standing = self.fresh_recovery();
        }
        self.amnesia = Some(Round(u64::MAX));
        step.records.push(Record::Recovering);
    }

    /// In the row `hybrid` others can not tell what this site has signed, as no quorum of them need be
    /// correct (correction 11); its device can.
    fn go_on_as_the_device_says(&mut self, step: &mut Step<Self>) {
        let floor = self.last_own.max(self.sealed_up_to());
        if self.standing != Standing::Observing {
            self.standing = Standing::Returning { floor, lost: true };
        }
        self.amnesia = Some(floor);
        step.records.push(Record::Floor(floor));
    }

    const fn fresh_recovery(&self) -> Standing {
        Standing::Recovering {
            nonce: self.boot_nonce,
            answers: std::collections::BTreeMap::new(),
        }
    }

    /// Asks for what others hold of us, while recovering.
    pub(crate) fn ask_recovery(&self, target: Target, step: &mut Step<Self>) {
        if let Standing::Recovering { nonce, .. } = self.standing {
            step.send_now(target, Message::RecoveryQuery { nonce });
        }
    }

    /// Answers, unless this site's own log was lost and it has not sent a new block since: then it
    /// cannot vouch for what it held (correction 11).
    pub(crate) fn on_recovery_query(&mut self, from: SiteId, nonce: u64, step: &mut Step<Self>) {
        let lost = match self.standing {
            Standing::Active => false,
            Standing::Returning { lost, .. } => lost,
            Standing::Recovering { .. } | Standing::Observing => true,
        };
        if lost && !maftia_protocol::planted("amnesiac answers") {
            return;
        }
        let statement = RecoveryStatement {
            config: self.parameters.config,
            epoch: self.parameters.epoch,
            requester: from,
            nonce,
            // Own blocks count too: after a state transfer the tip may lie below them.
            highest: self.dag.tip().max(self.last_own),
        };
        step.send(
            Target::One(from),
            Message::RecoveryAnswer(statement.seal(&self.key)),
        );
    }

    /// Notes an answer to our question.
    pub(crate) fn on_recovery_answer(
        &mut self,
        from: SiteId,
        answer: &Envelope,
        step: &mut Step<Self>,
    ) {
        let Standing::Recovering { nonce, .. } = self.standing else {
            return;
        };
        let key = self.keys.get(from.index());
        let statement = key.and_then(|key| RecoveryStatement::open(answer, key));
        let (config, epoch) = (self.parameters.config, self.parameters.epoch);
        match statement {
            Some(statement) if statement.answers(config, epoch, self.me, nonce) => {
                self.standing.note_answer(from, statement.highest);
                self.finish_recovery(step);
            }
            // To an earlier question of ours, before another crash: late, not wrong.
            Some(_) => {}
            None => step.blame(from, Misbehaviour::BadRecoveryAnswer),
        }
    }

    /// Ends a recovery once enough answers are covered by blocks that were accepted here: a claim
    /// of a round that does not exist counts for nothing.
    pub(crate) fn finish_recovery(&mut self, step: &mut Step<Self>) {
        let needed = self.parameters.resilience.amnesia_responders();
        if let Some(floor) = self.standing.try_finish(self.dag.tip(), needed) {
            self.amnesia = Some(floor);
            step.records.push(Record::Floor(floor));
        }
    }

    /// Whether this site has lost its log and may have signed blocks in the next epoch already. It
    /// has not once this epoch has delivered a block that it made after the loss: whoever came to
    /// the next epoch before that has decided on this one's end without that block.
    pub const fn is_amnesic(&self) -> bool {
        self.amnesia.is_some()
    }

    /// A block of this site is delivered.
    pub(crate) fn remember(&mut self, own: Round) {
        if self.amnesia.is_some_and(|floor| own > floor) {
            self.amnesia = None;
        }
    }
}

/// A member takes part; who has no seat follows.
const fn initial(me: SiteId, sites: usize) -> Standing {
    if me.index() < sites {
        Standing::Active
    } else {
        Standing::Observing
    }
}

fn empty_dag(parameters: &Parameters, read_above: Round) -> Dag {
    let sites = parameters.resilience.sites();
    let dag = match parameters.acceptance_horizon(read_above) {
        None => Dag::genesis(parameters.config, parameters.epoch, sites),
        Some(horizon) => Dag::empty(sites, horizon.next()),
    };
    if parameters.asynchronous.has_coin() {
        dag.with_support()
    } else {
        dag
    }
}
