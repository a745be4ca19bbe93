//! Making this site's own blocks: the pacemaker's clauses applied to the DAG.

use bytes::Bytes;
use maftia_protocol::{Step, Target, planted};
use maftia_types::{Round, SiteId, Time};

use crate::block::{Block, Header, IndexedDigest, payload_digest};
use crate::engine::Engine;
use crate::message::{INLINE_PAYLOAD_BYTES_MAX, Message};
use crate::pacemaker::Readiness;
use crate::recovery::Standing;
use crate::rule::Mode;
use crate::validity;

/// Rounds the settled frontier may trail before own blocks carry no payload.
const LAG_HEADER_ONLY: u64 = 64;
/// Rounds it may trail before blocks with a payload are not referenced: the gap to the sender's
/// limit absorbs skew (correction 8).
const LAG_REFUSED: u64 = 96;
/// Rounds it may trail before leaders are not waited for any more.
const LAG_PACING: u64 = 8;
/// Rounds without a block after which a leader is not waited for.
const ABSENT_ROUNDS: u64 = 16;
/// Most own payload bytes under way: four full blocks. More would only queue in the others.
const OWN_UNSETTLED_BYTES_MAX: usize = 4 * crate::parameters::PAYLOAD_BYTES_MAX;

impl Engine {
    /// Plans the next own block.
    pub(crate) fn plan(&mut self, now: Time) {
        let pending = self.is_pending();
        let round = self.next_round();
        let readiness = match round {
            Some(round) => self.readiness(round, pending),
            None => Readiness::NoParents,
        };
        self.pacemaker
            .plan(now, round.unwrap_or_default(), readiness, pending);
    }

    fn readiness(&self, round: Round, pending: bool) -> Readiness {
        let quorum = self.parameters.resilience.quorum();
        if self.dag.authors(round.minus(1)).len() < quorum || self.parents(round).is_none() {
            return Readiness::NoParents;
        }
        let others_moved_on = self.dag.authors(round).len() >= quorum; // C3
        if others_moved_on {
            return Readiness::Ready;
        }
        if !pending {
            return Readiness::Idle;
        }
        let lagging = self.lag() > LAG_PACING;
        if lagging && self.coins.is_none() {
            return Readiness::Ready;
        }
        let below = round.minus(1);
        let mode = self.committer.mode(below.max(Round(1)));
        match mode.filter(|_| !lagging) {
            Some(Mode::S) if self.leaders_are_in(round) => Readiness::Ready,
            Some(Mode::S) => Readiness::Waiting,
            Some(Mode::A) | None if self.all_are_in(below) => Readiness::Ready,
            Some(Mode::A) | None => Readiness::Gathering,
        }
    }

    /// Whether all who have not been absent for long have a block of a round.
    fn all_are_in(&self, round: Round) -> bool {
        let missing =
            |site: &SiteId| self.dag.slot(*site, round).is_empty() && !self.is_absent(*site, round);
        !SiteId::all(self.keys.len()).any(|site| missing(&site))
    }

    /// C1: the block of leader(r−1) is here, and leader(r−2) is judged. Leaders that have been
    /// absent for long are not waited for: a local choice, which safety does not read.
    fn leaders_are_in(&self, round: Round) -> bool {
        let schedule = self.committer.schedule();
        let (below, judged) = (round.minus(1), round.minus(2));
        let leader = schedule.leader(below);
        let here = !self.dag.slot(leader, below).is_empty() || self.is_absent(leader, below);
        let earlier = schedule.leader(judged);
        here && (judged == Round(0)
            || self.committer.mode(judged) != Some(Mode::S)
            || self.is_absent(earlier, judged)
            || self
                .parameters
                .rule()
                .leader_is_judged(&self.dag, earlier, judged))
    }

    fn is_absent(&self, leader: SiteId, round: Round) -> bool {
        let newest = self
            .dag
            .newest(leader)
            .map_or(Round(0), |entry| entry.block.round());
        newest.plus(ABSENT_ROUNDS) < round
    }

    fn parents(&self, round: Round) -> Option<Vec<crate::block::BlockRef>> {
        let avoid =
            |block: &Block| self.equivocators.contains(block.author()) || self.is_over_limit(block);
        let parents = validity::choose_parents(&self.parameters, &self.dag, self.me, round, avoid)?;
        self.goes_on(&parents, round).then_some(parents)
    }

    /// Whether a block carries a payload although the settled frontier trails too far.
    pub(crate) fn is_over_limit(&self, block: &Block) -> bool {
        !block.is_empty() && self.lag() > LAG_REFUSED && !planted("lagging payload accepted")
    }

    /// Rounds the settled frontier trails the tip.
    fn lag(&self) -> u64 {
        self.dag.tip().0.saturating_sub(self.committer.settled().0)
    }

    /// Whether anything waits for delivery here.
    fn is_pending(&self) -> bool {
        let returning = matches!(self.standing, Standing::Returning { .. });
        self.unsettled_payloads > 0 || !self.draft.is_empty() || returning
    }

    /// The round of the next own block: the one after the last (A2), or the first above it that has
    /// legal parents. A round whose authors excluded each other's equivocators may never have any;
    /// waiting there for ever, this site would be missed where the others wait. A member that was
    /// away skips what it missed; one that is recovering makes none.
    fn next_round(&self) -> Option<Round> {
        if !self.can_seal() {
            return None;
        }
        let last_own = self.last_own.max(self.sealed_up_to());
        let tip = self.dag.quorum_tip(self.parameters.resilience.quorum());
        let (lowest, away) = match self.standing {
            Standing::Recovering { .. } | Standing::Observing => return None,
            Standing::Returning { floor, .. } => (floor.max(last_own).next(), true),
            Standing::Active => {
                let lag = self.parameters.returning_lag();
                (last_own.next(), last_own.plus(lag) < tip)
            }
        };
        let rounds = lowest.0..=tip.next().max(lowest).0;
        let quorum = self.parameters.resilience.quorum();
        let has_parents = |round: &Round| {
            self.dag.authors(round.minus(1)).len() >= quorum && self.parents(*round).is_some()
        };
        let found = if away {
            rounds.rev().map(Round).find(has_parents)
        } else {
            rounds.map(Round).find(has_parents)
        };
        Some(found.unwrap_or(lowest))
    }

    /// Makes the next own block and sends it once it is durable.
    pub(crate) fn create(&mut self, now: Time, step: &mut Step<Self>) {
        let Some(round) = self.next_round() else {
            return;
        };
        let Some(parents) = self.parents(round) else {
            return;
        };
        self.note_timeout(round);
        let payload = self.next_payload();
        let own_time = parents
            .first()
            .and_then(|parent| self.dag.get(parent))
            .map_or(0, |entry| entry.block.header().time_ms);
        let frontier = self.linearizer.frontier();
        let commit_vote = (frontier.index > 0).then_some(IndexedDigest {
            index: frontier.index,
            digest: frontier.digest,
        });
        let header = Header {
            config: self.parameters.config,
            epoch: self.parameters.epoch,
            round,
            author: self.me,
            parents,
            payload_digest: payload_digest(&payload),
            payload_len: u32::try_from(payload.len()).expect("a payload is below 4 GiB"),
            commit_vote,
            checkpoint_vote: self.checkpoint_vote,
            time_ms: now.as_millis().max(own_time),
            coin_shares: self.shares_for(round),
        };
        assert!(
            round > self.last_own,
            "a second own block for round {round}"
        );
        if self.parameters.seals.is_some() {
            return self.draft_block(header, payload, step);
        }
        let block = Block::sign(header, &self.key);
        self.accept(std::sync::Arc::clone(&block), Some(payload.clone()), step);
        self.publish(now, block, payload, step);
    }

    /// Sends an own block that was accepted.
    pub(crate) fn publish(
        &mut self,
        now: Time,
        block: std::sync::Arc<Block>,
        payload: Bytes,
        step: &mut Step<Self>,
    ) {
        let round = block.round();
        self.standing = Standing::Active;
        for peer in SiteId::all(self.keys.len()) {
            self.peers.was_sent(peer, self.me, round);
        }
        self.send_own(block, payload, step);
        self.push_unknown(round, step);
        self.pacemaker.created(now);
    }

    fn send_own(&self, block: std::sync::Arc<Block>, payload: Bytes, step: &mut Step<Self>) {
        let reference = block.reference();
        let inline = payload.len() <= INLINE_PAYLOAD_BYTES_MAX;
        let attached = (inline && !payload.is_empty()).then(|| payload.clone());
        let header = Message::Block {
            block,
            payload: attached,
        };
        if planted("own block leaves before it is durable") {
            step.send_now(Target::Others, header);
        } else {
            step.send(Target::Others, header);
        }
        if !inline {
            step.send(
                Target::Others,
                Message::Payload {
                    block: reference,
                    payload,
                },
            );
        }
    }

    /// Payload for the next block, none while the group or this site's own backlog lags.
    fn next_payload(&mut self) -> Bytes {
        if self.lag() > LAG_HEADER_ONLY || self.own_unsettled > OWN_UNSETTLED_BYTES_MAX {
            return Bytes::new();
        }
        self.draft.take()
    }

    /// If the block is made by timeout, tells the pacemaker whether the slots it waited for are
    /// still open.
    fn note_timeout(&mut self, round: Round) {
        if self.is_pending() && self.readiness(round, true) == Readiness::Waiting {
            let open = !self.committer.is_decided(round.minus(3));
            self.pacemaker.timed_out(open);
        }
    }
}
