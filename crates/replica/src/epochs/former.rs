//! Rule 3: what a site that is in the next epoch still does for those who are not.

use maftia_crypto::PublicKey;
use maftia_ordering::Former;
use maftia_protocol::{Outgoing, Target};
use maftia_protocol::{Protocol as _, Step};
use maftia_types::{Epoch, SiteId, Time};

use super::Epochs;
use crate::message::Message;
use crate::replica::Replica;

/// The engine of the former epoch, with the keys of its sites by their ids of then.
#[derive(Debug)]
pub(crate) struct FormerEpoch {
    engine: Former,
    keys: Vec<PublicKey>,
}

impl FormerEpoch {
    pub(crate) const fn new(engine: Former, keys: Vec<PublicKey>) -> Self {
        Self { engine, keys }
    }
}

impl Replica {
    /// A message of the engine of another epoch than the present one.
    pub(crate) fn on_other_epoch(
        &mut self,
        now: Time,
        (from, epoch): (SiteId, Epoch),
        message: &maftia_ordering::Message,
        step: &mut Step<Self>,
    ) {
        if epoch > self.epoch() {
            return self.heard_later(now, from);
        }
        let universe = self.universe();
        let Some(key) = universe.get(from.index()).map(|member| member.key) else {
            return;
        };
        let former = self.epochs.as_mut().and_then(|own| own.former.as_mut());
        let Some(former) = former.filter(|former| former.engine.epoch() == epoch) else {
            return;
        };
        let ids = SiteId::all(former.keys.len()).zip(&former.keys);
        let Some((then, _)) = ids.into_iter().find(|(_, known)| **known == key) else {
            return;
        };
        let answer = former.engine.answer(now, then, message);
        step.messages
            .extend(answer.messages.into_iter().map(|out| Outgoing {
                target: Target::One(from),
                release: out.release,
                message: Message::Ordering(epoch, out.message),
            }));
    }

    /// Forgets the former epoch's blocks once nobody needs them: who is behind follows the certificate
    /// and fetches a state that the group has agreed on since.
    pub(crate) fn forget_former(&mut self) {
        let agreed = self.checkpoints.is_agreed();
        let over = |epochs: &&mut Epochs| agreed && epochs.handing.is_none();
        if let Some(epochs) = self.epochs.as_mut().filter(over) {
            epochs.former = None;
        }
    }

    /// Tells a peer how far the engine is, and asks for what it lacks.
    pub(crate) fn greet(&mut self, now: Time, peer: SiteId, step: &mut Step<Self>) {
        if self.is_hollow() {
            return;
        }
        let Ok(below) = self
            .engine
            .command(now, maftia_ordering::Command::PeerUp(peer));
        self.lift(now, below, step);
    }
}
