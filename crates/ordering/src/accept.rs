//! From a received block to an accepted one: verification, suspension, acceptance.

use std::sync::Arc;

use bytes::Bytes;
use maftia_protocol::{Step, planted};
use maftia_types::{Alarm, SiteId, Time};

use crate::block::{Block, BlockRef, payload_digest};
use crate::engine::{Engine, Output};
use crate::fault::{Equivocation, Misbehaviour};
use crate::heads::TWINS_MAX;
use crate::record::Record;
use crate::recovery::Standing;
use crate::seal::{self, BrokenSeal};
use crate::suspended::Waiting;
use crate::validity;

/// Blocks this many delivery depths above the tip are not kept: the range synchroniser brings them
/// when their turn comes.
const ROUNDS_AHEAD: u64 = 4;

/// A block whose own clauses and signature have been checked.
pub(crate) struct Verified(Arc<Block>);

impl Engine {
    /// A block came in, its own or another's, with or without its payload.
    pub(crate) fn on_block(
        &mut self,
        now: Time,
        from: SiteId,
        block: Arc<Block>,
        payload: Option<Bytes>,
        step: &mut Step<Self>,
    ) {
        let reference = block.reference();
        if self.is_exempt(&reference) || self.dag.contains(&reference) {
            return;
        }
        if !self.suspended.contains(&reference) {
            let verified = match self.verify(block) {
                Ok(verified) => verified,
                Err(misbehaviour) => return step.blame(from, misbehaviour),
            };
            self.peers.claims_round(from, reference.round);
            self.notice_twin(&verified.0, step);
            self.notice_own(&verified.0, step);
            let ahead = self
                .dag
                .tip()
                .plus(ROUNDS_AHEAD * self.parameters.delivery_depth);
            if reference.round > ahead || !self.has_room_for(from, &verified.0) {
                return;
            }
            self.suspended.insert(Waiting {
                block: verified.0,
                payload: None,
                from,
            });
        }
        if let Some(payload) = payload {
            self.on_payload(now, from, reference, payload, step);
        } else {
            self.try_accept(now, reference, step);
        }
    }

    /// V1–V4, V8 and the signature: everything that needs no other block.
    fn verify(&self, block: Arc<Block>) -> Result<Verified, Misbehaviour> {
        validity::check_alone(&self.parameters, block.header())?;
        let key = self
            .keys
            .get(block.author().index())
            .ok_or(Misbehaviour::BadSignature)?;
        if !planted("signature not checked") {
            block.verify(key).map_err(|_| Misbehaviour::BadSignature)?;
        }
        seal::check_seal(&self.parameters, &block)?;
        Ok(Verified(block))
    }

    /// A second, different block for a slot convicts its author.
    fn notice_twin(&mut self, block: &Arc<Block>, step: &mut Step<Self>) {
        let reference = block.reference();
        let accepted = self
            .dag
            .slot(reference.author, reference.round)
            .iter()
            .map(|e| &e.block);
        let waiting = self
            .suspended
            .twins(&reference)
            .map(|waiting| &waiting.block);
        let proof = accepted.chain(waiting).find_map(|twin| {
            let proof = Equivocation::new(Arc::clone(twin), Arc::clone(block))?;
            Some((proof, BrokenSeal::new(twin, block)))
        });
        if let Some((proof, broken)) = proof
            && (reference.author != self.me || self.parameters.resilience.has_single_blocks())
            && self.equivocators.insert(reference.author)
        {
            step.outputs.push(Output::Equivocation(Box::new(proof)));
            if self.parameters.resilience.has_single_blocks() {
                self.stop_at_twins(&reference, broken, step);
            }
        }
    }

    /// Two blocks of a round where the model excludes them: what is decided from now on may differ
    /// from what others decide.
    fn stop_at_twins(
        &mut self,
        twin: &BlockRef,
        broken: Option<BrokenSeal>,
        step: &mut Step<Self>,
    ) {
        if planted("twins are tolerated") {
            return;
        }
        let why = match broken {
            Some(_) => "its trusted device is broken",
            None => "it does more than stop",
        };
        let BlockRef { author, round, .. } = twin;
        let text = format!("{author} has made two blocks of round {round}: {why}");
        step.outputs
            .extend(broken.map(|broken| Output::BrokenSeal(Box::new(broken))));
        step.outputs.push(Output::Alarm(Alarm { text }));
        self.halted = true;
    }

    /// A block of our own that our log does not know: the log has lost its tail.
    fn notice_own(&mut self, block: &Arc<Block>, step: &mut Step<Self>) {
        if block.author() != self.me || block.round() <= self.last_own {
            return;
        }
        self.last_own = block.round();
        if self.standing == Standing::Active {
            self.begin_recovery(step);
            step.outputs.push(Output::LostTail {
                round: block.round(),
            });
        }
    }

    /// Bounds what others can make us hold: two twins per slot unless causally required or passed
    /// on by others, and no more waiting blocks of an author, and none beyond that of a sender, than
    /// the novelty budget; a block whose parents are all here always has room. A correct author loses
    /// nothing: the range synchroniser brings its blocks again, oldest first.
    ///
    /// Nor is what a correct site's block builds on ever kept out. What waits of a hostile author may
    /// be made up, and wait for ever; but its sender has a share of its own, and a correct one sends
    /// only what it has accepted, all of whose parents it can give. If their chain is longer than the
    /// share, the newest make room for the older: these are accepted first, and the others come again.
    fn has_room_for(&mut self, from: SiteId, block: &Block) -> bool {
        let reference = block.reference();
        let twins = self.dag.slot(reference.author, reference.round).len()
            + self.suspended.twins(&reference).count();
        let required = self.suspended.is_wanted(&reference);
        let budget = self.parameters.resilience.novelty_budget();
        let held = self.suspended.count(reference.author);
        let next = self.is_next(block);
        let has_share = held < budget || (required && held < 2 * budget);
        (next || has_share || self.has_sender_room(from, &reference))
            && (twins < TWINS_MAX || required || self.relayed.admit(from, &reference))
    }

    /// Whether all parents are here, so that the block waits for a payload at most.
    fn is_next(&self, block: &Block) -> bool {
        let mut parents = block.header().parents.iter();
        parents.all(|p| self.is_exempt(p) || self.dag.contains(p))
    }

    /// Whether the share of a sender has room for one more waiting block, or is given it.
    fn has_sender_room(&mut self, from: SiteId, of: &BlockRef) -> bool {
        if planted("waiting blocks counted by author only") {
            return false;
        }
        let held = self.suspended.count_from(from);
        held < self.parameters.resilience.novelty_budget()
            || self.suspended.is_wanted(of) && self.suspended.evict_newer(from, of)
    }

    /// A payload came in.
    pub(crate) fn on_payload(
        &mut self,
        now: Time,
        from: SiteId,
        reference: BlockRef,
        payload: Bytes,
        step: &mut Step<Self>,
    ) {
        let Some(waiting) = self.suspended.get(&reference) else {
            return;
        };
        if waiting.payload.is_some() {
            return;
        }
        let block = Arc::clone(&waiting.block);
        let header = block.header();
        let genuine = usize::try_from(header.payload_len) == Ok(payload.len())
            && payload_digest(&payload) == header.payload_digest;
        if !genuine && !planted("payload not checked") {
            step.blame(from, Misbehaviour::ForeignPayload);
        } else if self.is_next(&block) && !planted("payloads kept out") {
            // It is accepted at once. What waits for ever must not keep it out.
            self.suspended.take_payload(&reference, payload);
        } else {
            self.suspended.set_payload(&reference, payload);
        }
        // In any case: without a payload that is true and has room, it must be fetched.
        self.try_accept(now, reference, step);
    }

    /// Accepts a suspended block and all that waited for it, as far as their parents and payloads
    /// are here; fetches what is not.
    pub(crate) fn try_accept(&mut self, now: Time, reference: BlockRef, step: &mut Step<Self>) {
        let mut ready = vec![reference];
        while let Some(reference) = ready.pop() {
            if self.is_complete(now, &reference)
                && let Some(waiting) = self.suspended.remove(&reference)
            {
                let horizon = self.parameters.acceptance_horizon(self.read_above());
                match validity::check_parents(&self.dag, horizon, &waiting.block) {
                    Ok(()) => {
                        self.accept(waiting.block, waiting.payload, step);
                        ready.extend(self.suspended.wake(&reference));
                    }
                    // Whoever passes it on may have accepted it with its parents exempt.
                    Err(invalid) if waiting.from == reference.author => {
                        step.blame(waiting.from, invalid.into());
                    }
                    Err(_) => {}
                }
            }
        }
    }

    /// Whether all parents are accepted or exempt and the payload is here or not needed. Wants what
    /// is missing: beyond the novelty budget only what the next rounds need, so that a gap which the
    /// range synchroniser does not see cannot starve the site (correction 7).
    fn is_complete(&mut self, now: Time, reference: &BlockRef) -> bool {
        let Some(waiting) = self.suspended.get(reference) else {
            return false;
        };
        let (block, from) = (Arc::clone(&waiting.block), waiting.from);
        let mut complete = true;
        let deferred = self.suspended.len() > self.parameters.resilience.novelty_budget();
        let near = self.dag.tip().next();
        let at = now + self.parameters.pacing.fetch_delay;
        let has_payload = waiting.payload.is_some();
        for parent in &block.header().parents {
            if self.is_exempt(parent) || self.dag.contains(parent) {
                continue;
            }
            complete = false;
            self.suspended.wait_for(*parent, *reference);
            if (!deferred || parent.round <= near) && !self.suspended.contains(parent) {
                self.suspended.want(*parent, false, from, at);
            }
        }
        if !has_payload && self.needs_payload(&block) {
            complete = false;
            if self.may_pull(&block) {
                self.suspended.want(*reference, true, from, at);
            }
        }
        complete
    }

    /// Correction 8: while the group lags, the payload of an author that ignores the limit is
    /// pulled only once another author's block builds on it.
    fn may_pull(&self, block: &Block) -> bool {
        !self.is_over_limit(block) || self.suspended.is_wanted(&block.reference())
    }

    /// Whether the payload could still be delivered from here.
    pub(crate) fn needs_payload(&self, block: &Block) -> bool {
        let cut = self
            .parameters
            .delivery_cut(self.linearizer.frontier().leader_round);
        !block.is_empty() && block.round() > cut && !self.was_delivered(&block.reference())
    }

    /// Parents at or below the acceptance horizon are taken for granted (correction 5).
    pub(crate) fn is_exempt(&self, reference: &BlockRef) -> bool {
        self.parameters
            .acceptance_horizon(self.read_above())
            .is_some_and(|horizon| reference.round <= horizon)
    }

    /// Adds a valid block whose parents and payload are here.
    pub(crate) fn accept(
        &mut self,
        block: Arc<Block>,
        payload: Option<Bytes>,
        step: &mut Step<Self>,
    ) {
        let payload = payload.or_else(|| block.is_empty().then(Bytes::new));
        let record = Record::Block {
            block: Arc::clone(&block),
            payload: payload.clone(),
        };
        if self.insert(Arc::clone(&block), payload) {
            step.records.push(record);
            self.peers.has_seen(&self.dag, &block);
        }
    }

    /// Adds a block to the DAG and keeps the count of payloads that still wait for delivery.
    pub(crate) fn insert(&mut self, block: Arc<Block>, payload: Option<Bytes>) -> bool {
        let delivered = self.was_delivered(&block.reference());
        let counts = self.needs_payload(&block);
        if block.author() == self.me {
            self.last_own = self.last_own.max(block.round());
            if counts {
                self.own_unsettled += payload.as_ref().map_or(0, Bytes::len);
            }
        }
        self.note_shares(&block);
        let inserted = self.dag.insert(block, payload, delivered);
        if inserted && counts {
            self.unsettled_payloads += 1;
        }
        inserted
    }
}
