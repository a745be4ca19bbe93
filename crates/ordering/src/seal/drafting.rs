//! The engine's way from a header to a sealed block of its own (rules 4 and 5).

use std::sync::Arc;

use bytes::Bytes;
use maftia_protocol::{Step, Target, planted};
use maftia_types::{Round, Time};

use super::{DeviceIdentity, Last, Seal, continues};
use crate::block::{Block, BlockRef, Header, Unsealed};
use crate::engine::Engine;
use crate::message::Message;
use crate::record::Record;

/// An own block that is written and not yet sealed.
#[derive(Debug)]
pub(crate) struct Drafted {
    pub(crate) block: Unsealed,
    pub(crate) payload: Bytes,
}

impl Engine {
    /// Writes a header down. It is sealed when this site hears from itself that it is durable.
    pub(crate) fn draft_block(&mut self, header: Header, payload: Bytes, step: &mut Step<Self>) {
        step.records.push(Record::Draft {
            header: Box::new(header.clone()),
            payload: payload.clone(),
        });
        let block = Unsealed::new(header, &self.key);
        self.drafted = Some(Drafted { block, payload });
        self.tell_drafted(step);
    }

    /// Tells this site, once the log has it, that a draft waits: again, should it not have heard.
    pub(crate) fn tell_drafted(&self, step: &mut Step<Self>) {
        if let Some(drafted) = &self.drafted {
            let round = drafted.block.header().round;
            step.send(Target::One(self.me), Message::Drafted { round });
        }
    }

    /// What was written is durable.
    pub(crate) fn on_drafted(&mut self, now: Time, round: Round, step: &mut Step<Self>) {
        let is_it = |own: &Drafted| own.block.header().round == round;
        if self.drafted.as_ref().is_some_and(is_it) {
            self.seal_draft(now, step);
        }
    }

    /// Has the draft sealed and sends it. A device that does not seal it was switched off, or has
    /// sealed what this log has lost: then its content goes into a later block.
    pub(crate) fn seal_draft(&mut self, now: Time, step: &mut Step<Self>) {
        let Some(Drafted { block, payload }) = self.drafted.take() else {
            return;
        };
        let sealer = self.parameters.seals.as_ref();
        let sealer = sealer.and_then(|seals| seals.sealer(self.me));
        let seal = sealer.and_then(|sealer| sealer.seal(&block.request()).ok());
        let sealed = seal.map(|seal| (seal, block.sealed(seal)));
        let follows = |(seal, block): &(Seal, Arc<Block>)| {
            let own = block.self_parent().map(|parent| parent.round);
            block.round() > self.last_own
                && continues(&self.parameters, seal.last, own, block.round())
        };
        let Some((seal, block)) = sealed.filter(follows) else {
            self.put_back(payload);
            return;
        };
        step.records.push(Record::Sealed(seal));
        self.insert(block.clone(), Some(payload.clone()));
        self.peers.has_seen(&self.dag, &block);
        self.publish(now, block, payload, step);
    }

    /// Gives up a draft that was not sealed.
    pub(crate) fn drop_draft(&mut self) {
        if let Some(drafted) = self.drafted.take() {
            self.put_back(drafted.payload);
        }
    }

    fn put_back(&mut self, payload: Bytes) {
        if !payload.is_empty() {
            self.draft.put_back(payload);
        }
    }

    /// Whether this site may make blocks as far as the seal is concerned.
    pub(crate) fn can_seal(&self) -> bool {
        match &self.parameters.seals {
            None => true,
            Some(seals) => self.drafted.is_none() && seals.sealer(self.me).is_some(),
        }
    }

    /// What the next seal will say; none in a row without.
    pub(crate) fn last_sealed(&self) -> Option<Last> {
        let sealer = self.parameters.seals.as_ref()?.sealer(self.me)?;
        Some(sealer.last(&self.parameters.config, self.parameters.epoch))
    }

    /// No block at or below this round would be sealed.
    pub(crate) fn sealed_up_to(&self) -> Round {
        self.last_sealed().map_or(Round(0), Last::bound)
    }

    /// Whether a block with these parents would pass H2.
    pub(crate) fn goes_on(&self, parents: &[BlockRef], round: Round) -> bool {
        let Some(last) = self.last_sealed() else {
            return true;
        };
        let own = parents.first().filter(|parent| parent.author == self.me);
        let own = own.map(|parent| parent.round);
        continues(&self.parameters, last, own, round) || planted("H2 gap not checked")
    }

    /// What this site's device says of itself, if it is not the one that the epoch has for the site:
    /// it makes no block before an epoch that has it (rule 5).
    pub fn wants_readmission(&self) -> Option<DeviceIdentity> {
        let seals = self.parameters.seals.as_ref()?;
        let is_member = self.me.index() < self.keys.len();
        let is_registered = seals.sealer(self.me).is_some();
        seals.own().filter(|_| is_member && !is_registered)
    }
}
