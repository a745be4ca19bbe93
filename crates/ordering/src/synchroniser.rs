//! Making up for what was lost: fetching missing parents and payloads, ranges of rounds, and
//! sending again what peers lack (`protocols.md` §2.8, corrections 6 and 7).

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use maftia_protocol::{Step, Target, planted};
use maftia_types::{Duration, Round, SiteId, Time};

use crate::block::BlockRef;
use crate::dag::Entry;
use crate::engine::{Engine, Output};
use crate::message::{FETCH_MAX, INLINE_PAYLOAD_BYTES_MAX, Knowledge, Message};

/// Most bytes of blocks sent in answer to one question.
pub(crate) const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// What a header counts for in an answer.
pub(crate) const HEADER_BYTES: usize = 512;
/// Most headers pushed to one peer with one own block.
const PUSH_MAX: usize = 64;
/// Rounds a peer's own blocks may lag behind before headers are pushed to it: in the common case
/// they show by then that it has everything.
const PUSH_LAG: u64 = 3;
/// How long to wait for a range before asking the next peer; twice as long after each question that
/// brought nothing new, [`FRUITLESS_MAX`] times.
const RANGE_PATIENCE: Duration = Duration::from_millis(50);
const FRUITLESS_MAX: u32 = 5;

/// The range synchroniser: whom to ask next, and when.
#[derive(Debug, Default)]
pub(crate) struct Sync {
    /// When the present period of answers began, and the bytes that it has cost for each peer.
    period: Time,
    answered: BTreeMap<SiteId, usize>,
    next: usize,
    at: Option<Time>,
    asked_at_tip: Round,
    /// Blocks that had been accepted when a peer was last asked.
    asked_at: u64,
    /// Questions in a row that brought nothing new.
    fruitless: u32,
}

/// Bytes sent to one peer in answer to its questions in one period; each peer has its own share, so
/// that one that asks without end keeps no other waiting. A peer that is refused asks again.
const ANSWERED_BYTES_MAX: usize = 4 * ANSWER_BYTES_MAX;
const ANSWER_PERIOD: Duration = Duration::from_millis(20);
/// What looking for the answer to a fetch costs, in bytes sent.
const FETCH_COST_BYTES: usize = 4 * 1024;

impl Sync {
    pub(crate) fn may_answer(&mut self, now: Time, peer: SiteId) -> bool {
        if now.since(self.period) >= ANSWER_PERIOD {
            self.period = now;
            self.answered.clear();
        }
        self.answered.get(&peer).copied().unwrap_or(0) < ANSWERED_BYTES_MAX
    }

    pub(crate) fn has_answered(&mut self, peer: SiteId, bytes: usize) {
        *self.answered.entry(peer).or_default() += bytes;
    }

    pub(crate) const fn next_timeout(&self) -> Option<Time> {
        self.at
    }
}

impl Engine {
    /// A link has come up: tell the peer how far we are and give it our newest block.
    pub(crate) fn greet(&mut self, now: Time, peer: SiteId, step: &mut Step<Self>) {
        step.send(Target::One(peer), self.knowledge(true));
        self.send_newest(Target::One(peer), step);
        self.ask_recovery(Target::One(peer), step);
        self.arm(now);
    }

    /// A whole period without an own block: something is stuck or lost.
    pub(crate) fn retransmit(&mut self, step: &mut Step<Self>) {
        if planted("no retransmission") {
            return;
        }
        let asked = self.next_peer();
        for peer in SiteId::all(self.keys.len()).filter(|peer| *peer != self.me) {
            // One is asked at a time: all would answer with the same blocks.
            step.send(Target::One(peer), self.knowledge(Some(peer) == asked));
        }
        self.send_newest(Target::Others, step);
        self.ask_recovery(Target::Others, step);
    }

    /// The other sites in turn.
    fn next_peer(&mut self) -> Option<SiteId> {
        let peers: Vec<SiteId> = SiteId::all(self.keys.len())
            .filter(|site| *site != self.me)
            .collect();
        let peer = peers.get(self.sync.next % peers.len().max(1)).copied();
        self.sync.next = self.sync.next.wrapping_add(1);
        peer
    }

    fn send_newest(&self, target: Target, step: &mut Step<Self>) {
        if let Some(entry) = self
            .dag
            .newest(self.me)
            .filter(|e| e.block.round() > Round(0))
        {
            let message = block_message(entry, INLINE_PAYLOAD_BYTES_MAX);
            step.send(target, message);
        }
    }

    fn knowledge(&self, ask: bool) -> Message {
        let floor = self.dag.base().minus(1);
        let tips = SiteId::all(self.keys.len())
            .map(|author| {
                self.dag
                    .newest(author)
                    .map_or(floor, |e| e.block.round().max(floor))
            })
            .collect();
        let settled = self.read_above();
        Message::Knowledge(Knowledge {
            tips,
            base: self.served_from,
            settled,
            ask,
        })
    }

    /// A peer says how far it is.
    pub(crate) fn on_knowledge(
        &mut self,
        now: Time,
        from: SiteId,
        knowledge: &Knowledge,
        step: &mut Step<Self>,
    ) {
        if knowledge.tips.len() != self.keys.len() {
            return;
        }
        self.peers.says(from, knowledge);
        if knowledge.ask && !self.sync.may_answer(now, from) {
            return;
        }
        if knowledge.ask {
            // Whatever is found: all that is here is looked through for it.
            self.sync.has_answered(from, ANSWER_BYTES_MAX);
            self.push(from, Round(u64::MAX), usize::MAX, step);
            let bytes = self.push_heads(from, knowledge.settled, step);
            self.sync.has_answered(from, bytes);
            step.send(Target::One(from), self.knowledge(false));
        } else if self.dag.tip() > self.sync.asked_at_tip && self.is_behind() {
            self.ask_range(now, from, step);
        }
        self.arm(now);
        let delivered = self.linearizer.frontier().leader_round;
        if self.peers.beyond(delivered) >= self.parameters.resilience.one_correct() {
            step.outputs.push(Output::Behind);
        }
    }

    /// Sends a peer the blocks it lacks up to a round, oldest first, payloads included.
    fn push(&mut self, peer: SiteId, to: Round, count: usize, step: &mut Step<Self>) {
        let lowest = SiteId::all(self.keys.len())
            .map(|a| self.peers.known(peer, a))
            .min();
        let from = lowest.unwrap_or_default().plus(1).max(self.dag.base());
        let with_payload = count == usize::MAX;
        let (mut bytes, mut sent) = (0, Vec::new());
        for entry in self.passed_on(from) {
            let (author, round) = (entry.block.author(), entry.block.round());
            if round > to || bytes > ANSWER_BYTES_MAX || sent.len() >= count {
                break;
            }
            if round == Round(0) || round <= self.peers.known(peer, author) {
                continue;
            }
            // A peer has its own blocks, unless it says that it lost them.
            if author == peer && !with_payload {
                continue;
            }
            let message = block_message(entry, if with_payload { usize::MAX } else { 0 });
            bytes += HEADER_BYTES
                + if with_payload {
                    entry.payload.as_ref().map_or(0, Bytes::len)
                } else {
                    0
                };
            step.send(Target::One(peer), message);
            sent.push((author, round));
        }
        for (author, round) in sent {
            self.peers.was_sent(peer, author, round);
        }
    }

    /// Clause B2: with an own block for `round` go the headers that peers seem to lack.
    pub(crate) fn push_unknown(&mut self, round: Round, step: &mut Step<Self>) {
        for peer in SiteId::all(self.keys.len()) {
            if peer != self.me {
                self.push(peer, round.minus(PUSH_LAG), PUSH_MAX, step);
            }
        }
    }

    /// Answers a fetch with what is here. Own blocks wait until they are durable; others promise
    /// nothing.
    pub(crate) fn on_fetch(
        &mut self,
        now: Time,
        from: SiteId,
        blocks: &[BlockRef],
        payloads: &[BlockRef],
        step: &mut Step<Self>,
    ) {
        if !self.sync.may_answer(now, from) {
            return;
        }
        let mut bytes = 0;
        let mut reply = |author: SiteId, message: Message, length: usize| {
            bytes += length;
            if bytes > ANSWER_BYTES_MAX && bytes > length {
                return;
            }
            if author == self.me {
                step.send(Target::One(from), message);
            } else {
                step.send_now(Target::One(from), message);
            }
        };
        for entry in blocks.iter().filter_map(|r| self.dag.get(r)) {
            let inline = block_message(entry, INLINE_PAYLOAD_BYTES_MAX);
            reply(
                entry.block.author(),
                inline,
                HEADER_BYTES + INLINE_PAYLOAD_BYTES_MAX,
            );
        }
        for block in payloads {
            if let Some(payload) = self.dag.get(block).and_then(|entry| entry.payload.clone()) {
                let length = payload.len();
                reply(
                    block.author,
                    Message::Payload {
                        block: *block,
                        payload,
                    },
                    length,
                );
            }
        }
        let sent = bytes.min(ANSWERED_BYTES_MAX);
        self.sync.has_answered(from, FETCH_COST_BYTES + sent);
    }

    /// Sends the fetches that are due.
    pub(crate) fn fetch_due(&mut self, now: Time, step: &mut Step<Self>) {
        let (me, sites) = (self.me.index(), self.keys.len());
        let next = |site: SiteId| {
            let after = (site.index() + 1) % sites;
            let after = if after == me {
                (after + 1) % sites
            } else {
                after
            };
            SiteId::all(sites).nth(after).unwrap_or(site)
        };
        let due = self
            .suspended
            .due(now, self.parameters.pacing.fetch_delay, next);
        for (peer, wanted) in due {
            let blocks = wanted.blocks.chunks(FETCH_MAX).map(<[_]>::to_vec);
            let payloads = wanted.payloads.chunks(FETCH_MAX).map(<[_]>::to_vec);
            let fetches = blocks
                .map(|blocks| Message::Fetch {
                    blocks,
                    payloads: Vec::new(),
                })
                .chain(payloads.map(|payloads| Message::Fetch {
                    blocks: Vec::new(),
                    payloads,
                }));
            fetches.for_each(|fetch| step.send_now(Target::One(peer), fetch));
        }
    }

    /// Asks one peer for the next range, if peers are ahead and the time has come.
    pub(crate) fn synchronise(&mut self, now: Time, step: &mut Step<Self>) {
        if self.sync.at.is_none_or(|at| at > now) {
            return;
        }
        self.sync.at = None;
        self.reconsider(now, step);
        if !self.is_behind() {
            return;
        }
        if let Some(peer) = self.next_peer() {
            self.ask_range(now, peer, step);
        }
    }

    /// Looks at every suspended block again, oldest first: what one waits for may have been refused
    /// or forgotten since, and is then wanted anew.
    fn reconsider(&mut self, now: Time, step: &mut Step<Self>) {
        for reference in self.suspended.reconsidered() {
            self.try_accept(now, reference, step);
        }
    }

    fn ask_range(&mut self, now: Time, peer: SiteId, step: &mut Step<Self>) {
        let accepted = self.dag.inserted();
        self.sync.fruitless = match accepted == self.sync.asked_at {
            true => (self.sync.fruitless + 1).min(FRUITLESS_MAX),
            false => 0,
        };
        self.sync.asked_at = accepted;
        self.sync.asked_at_tip = self.dag.tip();
        self.sync.at = Some(now + RANGE_PATIENCE.times(1 << self.sync.fruitless));
        step.send_now(Target::One(peer), self.knowledge(true));
    }

    /// Sets the range synchroniser's timer if peers are ahead, or if blocks are suspended and
    /// nothing is being fetched for them.
    pub(crate) fn arm(&mut self, now: Time) {
        if self.sync.at.is_some() {
            return;
        }
        if self.is_behind() {
            self.sync.at = Some(now + self.parameters.pacing.fetch_delay);
        } else if self.suspended.must_be_reconsidered() {
            self.sync.at = Some(now + RANGE_PATIENCE);
        }
    }

    /// Whether f+1 peers show rounds well above our tip, so that one of them is correct, or too much
    /// waits for missing parents. If the group has gone on without this site, a quorum has, of which
    /// f+1 are correct.
    pub(crate) fn is_behind(&self) -> bool {
        let tip = self.dag.tip().plus(2);
        let ahead = self.peers.above(tip) >= self.parameters.resilience.one_correct();
        ahead || self.suspended.len() > self.parameters.resilience.novelty_budget()
    }
}

/// A block as it is sent, with its payload if that is at most `inline_max` long.
pub(crate) fn block_message(entry: &Entry, inline_max: usize) -> Message {
    let payload = entry
        .payload
        .clone()
        .filter(|p| p.len() <= inline_max && !p.is_empty());
    Message::Block {
        block: Arc::clone(&entry.block),
        payload,
    }
}
