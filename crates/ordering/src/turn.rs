//! The step from one epoch to the next, and what is left of the one before.

use std::sync::Arc;

use bytes::Bytes;
use maftia_crypto::PublicKey;
use maftia_protocol::Step;
use maftia_types::{Epoch, SiteId, Time};

use crate::boot::Boot;
use crate::engine::Engine;
use crate::message::Message;
use crate::parameters::Parameters;

/// The engine of an epoch that is over here. It signs and decides nothing more; to sites that are
/// still on their way through the epoch it gives the blocks that end it.
#[derive(Debug)]
pub struct Former(Box<Engine>);

impl Engine {
    /// Ends the epoch and begins another one, in which this site is `me` among `keys`. What this site
    /// had in blocks that nobody delivered, or was going to put into some, goes into its next ones:
    /// of each payload what `kept` leaves of it. The step is as that of [`Engine::boot`].
    ///
    /// # Panics
    /// If the keys do not fit the parameters.
    pub fn turn(
        &mut self,
        parameters: Parameters,
        (me, keys): (SiteId, Vec<PublicKey>),
        boot: Boot,
        kept: impl Fn(&Bytes) -> Bytes,
        now: Time,
    ) -> (Step<Self>, Former) {
        let payloads = self.unordered();
        let key = Arc::clone(&self.key);
        let next = Self::at(parameters, (me, key, keys), boot.frontier, boot.nonce);
        let former = std::mem::replace(self, next);
        self.halted = former.halted;
        let kept = payloads.iter().map(kept);
        for payload in kept.filter(|payload| !payload.is_empty()) {
            self.draft.put_back(payload);
        }
        let step = self.start(now, boot.records, boot.lost);
        (step, Former(Box::new(former)))
    }

    /// The payloads of own blocks that were not delivered, oldest first, then what waits.
    fn unordered(&mut self) -> Vec<Bytes> {
        let own = |entry: &&crate::dag::Entry| {
            entry.block.author() == self.me && !entry.delivered && !entry.block.is_empty()
        };
        let own = self.dag.from(self.dag.base()).filter(own);
        let mut payloads: Vec<Bytes> = own.filter_map(|entry| entry.payload.clone()).collect();
        payloads.extend(self.drafted.take().map(|own| own.payload));
        while !self.draft.is_empty() {
            payloads.push(self.draft.take());
        }
        payloads
    }
}

impl Former {
    /// The epoch.
    pub const fn epoch(&self) -> Epoch {
        self.0.parameters().epoch
    }

    /// Answers a site's question for blocks or coin shares, if it is one. All there is in the step are messages to
    /// that site. Ids are those of the former epoch.
    pub fn answer(&mut self, now: Time, from: SiteId, message: &Message) -> Step<Engine> {
        let mut step = Step::none();
        let known = self.0.peers.contains(from) && from != self.0.me;
        match message {
            Message::Fetch { blocks, payloads } if known => {
                self.0.on_fetch(now, from, blocks, payloads, &mut step);
            }
            Message::Knowledge(knowledge) if known && knowledge.ask => {
                self.0.on_knowledge(now, from, knowledge, &mut step);
            }
            Message::CoinQuery { rounds } if known => {
                self.0.on_coin_query(now, from, rounds, &mut step);
            }
            _ => {}
        }
        step.outputs.clear();
        step
    }
}
