use std::collections::BTreeSet;
use std::sync::Arc;

use maftia_crypto::{PublicKey, SigningKey};
use maftia_protocol::{Event, Protocol, Step};
use maftia_types::{Alarm, Round, SiteId, SiteSet, Time};

use crate::block::{Block, BlockRef, IndexedDigest};
use crate::coin::Coins;
use crate::committer::Committer;
use crate::control::Control;
use crate::dag::Dag;
use crate::draft::{Draft, DraftFull};
use crate::fault::{Equivocation, Misbehaviour};
use crate::heads::Relayed;
use crate::linearizer::{Commit, Frontier, Linearizer};
use crate::message::Message;
use crate::pacemaker::Pacemaker;
use crate::parameters::Parameters;
use crate::peers::Peers;
use crate::record::Record;
use crate::recovery::Standing;
use crate::rule::{Mode, Verdict};
use crate::seal::{BrokenSeal, Drafted};
use crate::suspended::Suspended;

/// One site's part of the ordering engine. See the crate's documentation for the rules.
#[derive(Debug)]
pub struct Engine {
    pub(crate) parameters: Parameters,
    pub(crate) me: SiteId,
    pub(crate) key: Arc<SigningKey>,
    pub(crate) keys: Vec<PublicKey>,
    pub(crate) dag: Dag,
    pub(crate) committer: Committer,
    /// In an epoch with a coin.
    pub(crate) coins: Option<Coins>,
    /// In an epoch whose intervals are decided by this rule or that.
    pub(crate) control: Option<Control>,
    pub(crate) linearizer: Linearizer,
    pub(crate) pacemaker: Pacemaker,
    pub(crate) suspended: Suspended,
    pub(crate) peers: Peers,
    pub(crate) draft: Draft,
    /// The own block that the device is to seal once it is durable.
    pub(crate) drafted: Option<Drafted>,
    pub(crate) standing: Standing,
    /// After the loss of the log, until the group has delivered a block above this round, which is
    /// the recovery's floor: see [`Engine::is_amnesic`].
    pub(crate) amnesia: Option<Round>,
    pub(crate) equivocators: SiteSet,
    pub(crate) relayed: Relayed,
    pub(crate) checkpoint_vote: Option<IndexedDigest>,
    /// Delivered before the frontier this engine started from; their payloads are not needed.
    pub(crate) delivered_before: BTreeSet<BlockRef>,
    /// The highest round this site has, to its knowledge, signed a block for.
    pub(crate) last_own: Round,
    /// Accepted blocks with a payload that may still be delivered.
    pub(crate) unsettled_payloads: usize,
    pub(crate) own_unsettled: usize,
    pub(crate) boot_nonce: u64,
    pub(crate) sync: crate::synchroniser::Sync,
    /// A site that has delivered up to this leader's round finds here all that it lacks, payloads
    /// included. One that has not needs a checkpoint.
    pub(crate) served_from: Round,
    pub(crate) halted: bool,
}

/// What the engine gives to the replica above.
#[derive(Clone, Debug)]
pub enum Output {
    /// A commit; in index order, without gaps.
    Commit(Box<Commit>),
    /// Two conflicting blocks by one author: evidence for the log.
    Equivocation(Box<Equivocation>),
    /// A block whose author signed a coin share that is not its own: evidence, for who has the
    /// coin's public key.
    BadCoinShare {
        /// The block.
        block: Arc<Block>,
        /// Of which round the share is.
        round: Round,
    },
    /// Two seals that prove a site's trusted device broken; an alarm follows.
    BrokenSeal(Box<BrokenSeal>),
    /// A peer has shown a block of ours that our log does not hold: the log lost its tail and the
    /// recovery from amnesia has begun.
    LostTail {
        /// The block's round.
        round: Round,
    },
    /// The blocks this site lacks are no longer served: it needs a checkpoint.
    Behind,
    /// Impossible under the fault assumption. The engine has stopped.
    Alarm(Alarm),
}

/// What the replica asks of the engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command {
    /// The link to a peer has come up.
    PeerUp(SiteId),
    /// Vote for this checkpoint in the next blocks, or stop voting.
    VoteCheckpoint(Option<IndexedDigest>),
}

impl Protocol for Engine {
    type Command = Command;
    type Message = Message;
    type Output = Output;
    type Record = Record;
    type Misbehaviour = Misbehaviour;
    type Error = std::convert::Infallible;

    fn command(&mut self, now: Time, command: Command) -> Result<Step<Self>, Self::Error> {
        let mut step = Step::none();
        match command {
            Command::PeerUp(peer) => self.greet(now, peer, &mut step),
            // Nothing else, above all no commit: the replica is in the middle of one.
            Command::VoteCheckpoint(vote) => {
                self.checkpoint_vote = vote;
                return Ok(step);
            }
        }
        self.progress(now, &mut step);
        Ok(step)
    }

    fn handle(&mut self, now: Time, event: Event<Message>) -> Step<Self> {
        let mut step = Step::none();
        if self.halted {
            return step;
        }
        match event {
            Event::Message {
                from,
                message: Message::Drafted { round },
            } if from == self.me => self.on_drafted(now, round, &mut step),
            Event::Message { from, .. } if from == self.me || !self.peers.contains(from) => {}
            // Who only follows has questions and nothing to say.
            Event::Message { from, message } if from.index() >= self.keys.len() => match message {
                Message::Fetch { blocks, payloads } => {
                    self.on_fetch(now, from, &blocks, &payloads, &mut step);
                }
                Message::Knowledge(knowledge) => {
                    self.on_knowledge(now, from, &knowledge, &mut step);
                }
                Message::CoinQuery { rounds } => {
                    self.on_coin_query(now, from, &rounds, &mut step);
                }
                _ => {}
            },
            Event::Message { from, message } => self.on_message(now, from, message, &mut step),
            Event::Timeout => self.on_timeout(now, &mut step),
        }
        self.progress(now, &mut step);
        step
    }

    fn next_timeout(&self) -> Option<Time> {
        if self.halted {
            return None;
        }
        [
            self.pacemaker.next_timeout(),
            self.suspended.next_due(),
            self.sync.next_timeout(),
            self.coins.as_ref().and_then(Coins::next_timeout),
        ]
        .into_iter()
        .flatten()
        .min()
    }
}

impl Engine {
    /// Queues an item for this site's next blocks. Call [`Self::wake`] after a batch of them.
    ///
    /// # Errors
    /// [`DraftFull`] when the group does not keep up.
    pub fn submit(&mut self, item: &[u8]) -> Result<(), DraftFull> {
        self.draft.push(item)
    }

    /// Plans the next block anew after items were queued.
    pub fn wake(&mut self, now: Time) {
        self.plan(now);
    }

    fn on_message(&mut self, now: Time, from: SiteId, message: Message, step: &mut Step<Self>) {
        match message {
            Message::Block { block, payload } => self.on_block(now, from, block, payload, step),
            Message::Payload { block, payload } => self.on_payload(now, from, block, payload, step),
            Message::Fetch { blocks, payloads } => {
                self.on_fetch(now, from, &blocks, &payloads, step);
            }
            Message::Knowledge(knowledge) => self.on_knowledge(now, from, &knowledge, step),
            Message::RecoveryQuery { nonce } => self.on_recovery_query(from, nonce, step),
            Message::RecoveryAnswer(answer) => self.on_recovery_answer(from, &answer, step),
            Message::CoinQuery { rounds } => self.on_coin_query(now, from, &rounds, step),
            Message::CoinShares { shares } => self.on_coin_shares(from, &shares),
            Message::Drafted { .. } => {}
        }
    }

    fn on_timeout(&mut self, now: Time, step: &mut Step<Self>) {
        self.fetch_due(now, step);
        self.synchronise(now, step);
        self.ask_coins(now, step);
        self.plan(now);
        if self.pacemaker.is_due(now) {
            self.create(now, step);
        }
        if self.pacemaker.has_stalled(now) {
            self.retransmit(step);
            self.tell_drafted(step);
        }
    }

    /// Decides, delivers and plans: after every event.
    fn progress(&mut self, now: Time, step: &mut Step<Self>) {
        if self.halted {
            return;
        }
        if let Err(alarm) = self.settle(now, step) {
            self.halted = true;
            step.outputs.push(Output::Alarm(alarm));
            return;
        }
        self.finish_recovery(step);
        self.plan(now);
        self.arm(now);
    }

    /// Acts on the verdicts that extend the settled prefix, and on those that come with the blocks
    /// whose parents are taken for granted then.
    pub(crate) fn settle(&mut self, now: Time, step: &mut Step<Self>) -> Result<(), Alarm> {
        loop {
            let has_learnt = self.turn_intervals(now, step)? | self.learn_coins(now, step);
            let verdicts = self.committer.advance(&self.dag)?;
            if verdicts.is_empty() && !has_learnt {
                return Ok(());
            }
            self.settle_some(now, verdicts, step)?;
        }
    }

    fn settle_some(
        &mut self,
        now: Time,
        verdicts: Vec<(Round, Verdict)>,
        step: &mut Step<Self>,
    ) -> Result<(), Alarm> {
        for (round, verdict) in verdicts {
            self.note_control(round);
            if let Verdict::Commit(leader) = verdict {
                self.deliver(leader, step)?;
            }
            self.linearizer.settle(round);
        }
        let settled = self.committer.settled();
        self.pacemaker.settled(settled);
        self.forget_intervals(settled);
        if let Some(horizon) = self.parameters.acceptance_horizon(self.read_above()) {
            self.relayed.prune(horizon);
            self.committer.forget_deciders(horizon);
            if let Some(control) = &mut self.control {
                control.forget_deciders(horizon);
            }
            for woken in self.suspended.prune(horizon) {
                self.try_accept(now, woken, step);
            }
        }
        Ok(())
    }

    fn deliver(&mut self, leader: BlockRef, step: &mut Step<Self>) -> Result<(), Alarm> {
        let (commit, dropped) = self
            .linearizer
            .commit(&self.parameters, &mut self.dag, leader)?;
        for (block, payload) in commit.blocks.iter().filter(|(block, _)| !block.is_empty()) {
            self.unsettled_payloads = self.unsettled_payloads.saturating_sub(1);
            if block.author() == self.me {
                self.own_unsettled = self.own_unsettled.saturating_sub(payload.len());
            }
        }
        if self.amnesia.is_some() {
            let own = commit.blocks.iter().map(|(block, _)| block);
            let own = own.filter(|block| block.author() == self.me);
            let newest = own.map(|block| block.round()).max();
            newest.into_iter().for_each(|round| self.remember(round));
        }
        for reference in dropped {
            let Some(entry) = self.dag.get(&reference) else {
                continue;
            };
            if entry.block.is_empty() {
                continue;
            }
            self.unsettled_payloads = self.unsettled_payloads.saturating_sub(1);
            if reference.author == self.me
                && let Some(payload) = entry.payload.clone()
            {
                self.own_unsettled = self.own_unsettled.saturating_sub(payload.len());
                self.draft.put_back(payload);
            }
        }
        step.outputs.push(Output::Commit(Box::new(commit)));
        Ok(())
    }

    /// Forgets rounds below `base`; never one that a decision or an acceptance may still read.
    pub fn prune(&mut self, base: Round) {
        let needed = self.read_above().minus(2 * self.parameters.delivery_depth);
        self.dag.prune(base.min(needed));
    }

    /// Forgets the payloads that a site which starts from `checkpoint` does not need: those of
    /// blocks at or below its delivery cut. One that is further behind takes the checkpoint.
    pub fn drop_payloads(&mut self, checkpoint: &Frontier) {
        let kept = self.parameters.delivery_cut(checkpoint.leader_round).next();
        self.dag.drop_payloads(kept);
        self.served_from = self.served_from.max(checkpoint.leader_round);
    }

    pub(crate) fn was_delivered(&self, reference: &BlockRef) -> bool {
        self.delivered_before.contains(reference)
    }

    /// Which rule decides the slot of a round, as far as is known and of use.
    pub fn mode(&self, round: Round) -> Option<Mode> {
        self.committer.mode(round)
    }

    /// Who leads a round under the S rule, as far as is known. No secret: attackers know it too.
    pub fn known_leader(&self, round: Round) -> SiteId {
        self.committer.schedule().leader(round)
    }

    /// How many coins this site has combined since it started.
    pub fn coins_combined(&self) -> u64 {
        self.coins.as_ref().map_or(0, Coins::combined)
    }

    /// What delivery has come to.
    pub const fn frontier(&self) -> &Frontier {
        self.linearizer.frontier()
    }

    /// The accepted blocks.
    pub const fn dag(&self) -> &Dag {
        &self.dag
    }

    /// Whether this site may sign blocks.
    pub const fn standing(&self) -> &Standing {
        &self.standing
    }

    /// The constants of the epoch.
    pub const fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The authors this site has seen equivocate.
    pub const fn equivocators(&self) -> SiteSet {
        self.equivocators
    }

    /// Bytes queued for this site's next blocks.
    pub fn draft_bytes(&self) -> usize {
        self.draft.len()
    }

    /// How many sites follow the log besides the members: their questions are answered.
    pub fn set_learners(&mut self, learners: usize) {
        self.peers.set_learners(learners);
    }

    /// Gives a site that only follows another id.
    ///
    /// # Panics
    /// If it is, or would be, a member.
    pub fn follow_as(&mut self, me: SiteId) {
        let members = self.keys.len();
        assert!(
            self.me.index() >= members && me.index() >= members,
            "a member has its seat"
        );
        self.me = me;
    }

    /// This site's id.
    pub const fn me(&self) -> SiteId {
        self.me
    }

    /// The key with which this site signs.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Whether this site is about as far as the others, as far as it knows.
    pub fn is_abreast(&self) -> bool {
        !self.is_behind()
    }

    /// Whether an alarm has stopped the engine.
    pub const fn is_halted(&self) -> bool {
        self.halted
    }
}
