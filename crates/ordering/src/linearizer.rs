use std::sync::Arc;

use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::{Domain, Hasher};
use maftia_protocol::planted;
use maftia_types::{Alarm, Digest, FaultModel, Round};

use crate::block::{Block, BlockRef};
use crate::control::{ControlState, Inherited};
use crate::dag::{Dag, Entry};
use crate::history::History;
use crate::parameters::Parameters;
use crate::rule::Mode;

const COMMIT: Domain = Domain::new("commit");

/// A settled, committed slot and the blocks it delivers.
#[derive(Clone, Debug)]
pub struct Commit {
    /// k, counted from 1.
    pub index: u64,
    /// The committed leader block.
    pub leader: BlockRef,
    /// C_k = H(C_{k−1}, commit k).
    pub digest: Digest,
    /// Agreed time in milliseconds since 1970: strictly increasing, the lower median of the clocks
    /// of the leader's strong parents.
    pub time_ms: u64,
    /// Which rule rules the slot.
    pub mode: Mode,
    /// With a control chain: what the next epoch takes over if this commit is the last.
    pub control: Option<Inherited>,
    /// The delivered blocks with their payloads, in the order of delivery.
    pub blocks: Vec<(Arc<Block>, Bytes)>,
    /// If this commit is a checkpoint: what delivery had come to with it.
    pub checkpoint: Option<Box<Frontier>>,
}

/// What delivery has come to; part of every checkpoint (correction 2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frontier {
    /// k, the last commit.
    pub index: u64,
    /// C_k.
    pub digest: Digest,
    /// Time of commit k.
    pub time_ms: u64,
    /// The last settled slot.
    pub settled: Round,
    /// The round of the last committed leader: the delivery cut is measured from it.
    pub leader_round: Round,
    /// Commit time of the last checkpoint.
    pub checkpoint_ms: u64,
    /// Payload bytes delivered since the last checkpoint.
    pub checkpoint_bytes: u64,
    /// The delivered blocks above the delivery cut. They cannot be recomputed from the DAG: a block
    /// delivered by an earlier commit may lie outside the history of a later leader.
    pub delivered: Vec<BlockRef>,
    /// With a control chain: the state from which the interval of the last settled slot is decided.
    /// A function of the log, unlike what a site knows of later intervals.
    pub control: Option<Box<ControlState>>,
}

/// Orders the history of each committed leader (`protocols.md` §2.9).
#[derive(Clone, Debug)]
pub(crate) struct Linearizer {
    frontier: Frontier,
}

impl Linearizer {
    /// Goes on from a frontier.
    pub(crate) const fn new(frontier: Frontier) -> Self {
        Self { frontier }
    }

    /// Delivers the history of `leader`: the blocks not delivered yet and above the delivery cut,
    /// by (round, author, digest), which is causal because parents have lower rounds.
    ///
    /// The second value holds the blocks that fall to the cut undelivered: nobody will ever
    /// deliver them.
    ///
    /// # Errors
    /// An [`Alarm`] if a block to be delivered is here without its payload.
    pub(crate) fn commit(
        &mut self,
        parameters: &Parameters,
        dag: &mut Dag,
        leader: BlockRef,
    ) -> Result<(Commit, Vec<BlockRef>), Alarm> {
        let cut = parameters.delivery_cut(leader.round);
        let history = History::of(dag, &leader, cut.next(), |entry| !entry.delivered);
        let mut blocks = Vec::new();
        let mut hasher = Hasher::new(COMMIT);
        hasher
            .update(self.frontier.digest.as_bytes())
            .number(self.frontier.index + 1);
        hasher
            .number(leader.round.0)
            .update(leader.digest.as_bytes());
        for reference in history.into_ordered() {
            let Some(entry) = dag.get_mut(&reference) else {
                continue;
            };
            if entry.delivered {
                continue;
            }
            entry.delivered = true;
            hasher
                .number(reference.round.0)
                .update(reference.digest.as_bytes());
            self.frontier.delivered.push(reference);
            blocks.push((Arc::clone(&entry.block), payload_of(entry)?));
        }
        let time_ms = self.commit_time(parameters, dag, &leader);
        hasher.number(time_ms);
        let dropped = self.drop_below(parameters, dag, leader.round);
        self.frontier.index += 1;
        self.frontier.digest = hasher.finish();
        self.frontier.time_ms = time_ms;
        self.frontier.leader_round = leader.round;
        self.frontier.settled = leader.round;
        let bytes: usize = blocks.iter().map(|(_, payload)| payload.len()).sum();
        let commit = Commit {
            index: self.frontier.index,
            leader,
            digest: self.frontier.digest,
            time_ms,
            mode: parameters.mode(leader.round, self.frontier.control.as_deref()),
            control: self.inheritance(parameters, leader.round),
            blocks,
            checkpoint: self
                .checkpoint(parameters, bytes as u64)
                .then(|| Box::new(self.frontier.clone())),
        };
        Ok((commit, dropped))
    }

    fn inheritance(&self, parameters: &Parameters, slot: Round) -> Option<Inherited> {
        let state = self.frontier.control.as_deref()?;
        state.bequeath(parameters.interval_of(slot))
    }

    /// Whether the commit just made is a checkpoint (correction 13).
    fn checkpoint(&mut self, parameters: &Parameters, bytes: u64) -> bool {
        let policy = &parameters.checkpoints;
        let frontier = &mut self.frontier;
        frontier.checkpoint_bytes += bytes;
        let due = frontier.index.is_multiple_of(policy.commits.max(1))
            || frontier.time_ms.saturating_sub(frontier.checkpoint_ms) >= policy.time_ms
            || frontier.checkpoint_bytes >= policy.payload_bytes;
        if due {
            frontier.checkpoint_ms = frontier.time_ms;
            frontier.checkpoint_bytes = 0;
        }
        due
    }

    /// Lower median of the strong parents' clocks, one more than the last commit at least
    /// (correction 21). Saturating: a wild clock cannot wrap it. In the `hybrid` row the least of
    /// them: of f + 1 parents f may be intruded, and one correct clock is not behind the least.
    fn commit_time(&self, parameters: &Parameters, dag: &Dag, leader: &BlockRef) -> u64 {
        let mut clocks: Vec<u64> = dag
            .get(leader)
            .into_iter()
            .flat_map(|entry| entry.block.strong_parents())
            .filter_map(|parent| dag.get(parent))
            .map(|entry| entry.block.header().time_ms)
            .collect();
        clocks.sort_unstable();
        let middle = match parameters.resilience.model() {
            FaultModel::Hybrid => 0,
            FaultModel::Arbitrary | FaultModel::Crash => clocks.len().saturating_sub(1) / 2,
        };
        let median = clocks.get(middle).copied().unwrap_or(0);
        median.max(self.frontier.time_ms.saturating_add(1))
    }

    fn drop_below(&mut self, parameters: &Parameters, dag: &Dag, leader: Round) -> Vec<BlockRef> {
        let cut = parameters.delivery_cut(leader);
        let previous = parameters.delivery_cut(self.frontier.leader_round);
        self.frontier
            .delivered
            .retain(|delivered| delivered.round > cut);
        (previous.0 + 1..=cut.0)
            .flat_map(|round| dag.round(Round(round)))
            .filter(|entry| !entry.delivered)
            .map(|entry| entry.block.reference())
            .collect()
    }

    /// Notes the control state of the slot about to be settled.
    pub(crate) fn control(&mut self, state: &ControlState) {
        let known = self.frontier.control.as_deref();
        if known.is_none_or(|known| known.next() != state.next()) {
            self.frontier.control = Some(Box::new(state.clone()));
        }
    }

    /// Notes that the slots up to `round` are settled.
    pub(crate) fn settle(&mut self, round: Round) {
        self.frontier.settled = round;
    }

    /// What delivery has come to.
    pub(crate) const fn frontier(&self) -> &Frontier {
        &self.frontier
    }
}

/// A block above the delivery cut is accepted with its payload, which is kept until the block is
/// delivered or falls to the cut: only a wrong program delivers one without. Taken as empty, it
/// would give this site another log than the others have.
fn payload_of(entry: &Entry) -> Result<Bytes, Alarm> {
    match &entry.payload {
        Some(payload) => Ok(payload.clone()),
        None if entry.block.is_empty() => Ok(Bytes::new()),
        None => Err(Alarm {
            text: format!(
                "the payload of {:?} is not here when the block is delivered: this program is wrong",
                entry.block.reference()
            ),
        }),
    }
}

impl Frontier {
    /// Before the first commit.
    pub const fn start() -> Self {
        Self {
            index: 0,
            digest: Digest::ZERO,
            time_ms: 0,
            settled: Round(0),
            leader_round: Round(0),
            checkpoint_ms: 0,
            checkpoint_bytes: 0,
            delivered: Vec::new(),
            control: None,
        }
    }

    /// The round above which slots are still read: by this site to decide them, or by the control
    /// chain, which lags if anchors' histories show less than a site has seen. What a start from
    /// here needs begins 2·D_gc below.
    pub fn read_above(&self) -> Round {
        let prefix = self.control.as_ref().map(|control| control.prefix());
        prefix.map_or(self.settled, |prefix| prefix.min(self.settled))
    }
}

/// Stands for the index of a frontier that a control state goes before: no commit has it. A group
/// without a control chain encodes its frontiers as ever.
const CONTROLLED: u64 = u64::MAX;

/// A bound on the delivered set: D_gc rounds of all authors, twins included.
const DELIVERED_MAX: usize = 1 << 17;

impl Wire for Frontier {
    fn encode(&self, writer: &mut Writer) {
        if let Some(control) = &self.control {
            writer.u64(CONTROLLED);
            control.encode(writer);
        }
        writer.u64(self.index);
        writer.digest(&self.digest);
        writer.u64(self.time_ms);
        writer.round(self.settled);
        writer.round(self.leader_round);
        writer.u64(self.checkpoint_ms);
        writer.u64(self.checkpoint_bytes);
        let mut delivered = self.delivered.clone();
        delivered.sort_unstable();
        if planted("checkpoint without the delivered set") {
            delivered.clear();
        }
        writer.list(&delivered);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let mut index = reader.u64()?;
        let mut control = None;
        if index == CONTROLLED {
            control = Some(Box::new(ControlState::decode(reader)?));
            index = reader.u64()?;
        }
        if index == CONTROLLED {
            return Err(DecodeError::Invalid { field: "index" });
        }
        let frontier = Self {
            control,
            index,
            digest: reader.digest()?,
            time_ms: reader.u64()?,
            settled: reader.round()?,
            leader_round: reader.round()?,
            checkpoint_ms: reader.u64()?,
            checkpoint_bytes: reader.u64()?,
            delivered: reader.list("delivered", DELIVERED_MAX)?,
        };
        if !frontier.delivered.is_sorted_by(|a, b| a < b) {
            return Err(DecodeError::Invalid { field: "delivered" });
        }
        Ok(frontier)
    }
}
