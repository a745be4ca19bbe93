//! What the harness has this site do, or the network to it.

use maftia_adversary::Attack;
use maftia_protocol::{Event, Protocol};
use maftia_replica::Message;
use maftia_types::{SiteId, Time};

use super::Daemon;
use crate::error::SiteError;

impl Daemon {
    /// A site's message has come, unless the network of a drill keeps it for now.
    pub(super) fn bring(
        &mut self,
        now: Time,
        from: SiteId,
        message: Message,
    ) -> Result<(), SiteError> {
        let Some(intruder) = &mut self.intruder else {
            return self.take(now, from, message);
        };
        let said = intruder.overhear(from, &message);
        let message = intruder.network.hold(&self.replica, from, message);
        self.queue(said)?;
        message.map_or(Ok(()), |message| self.take(now, from, message))
    }

    fn take(&mut self, now: Time, from: SiteId, message: Message) -> Result<(), SiteError> {
        let step = self.replica.handle(now, Event::Message { from, message });
        self.perform(step)
    }

    /// What the network of a drill has kept long enough.
    pub(super) fn let_go(&mut self, now: Time) -> Result<(), SiteError> {
        while let Some(intruder) = &mut self.intruder
            && let Some((from, message)) = intruder.network.let_go(&self.replica)
        {
            self.take(now, from, message)?;
        }
        Ok(())
    }

    pub(super) fn attack(&mut self, attacks: &[Attack]) {
        if let Some(intruder) = &mut self.intruder {
            tracing::warn!(?attacks, "the harness makes this site misbehave");
            intruder.set(attacks);
        }
    }

    pub(super) fn aim_at_leaders(&mut self, is_on: bool) {
        if let Some(intruder) = &mut self.intruder {
            tracing::warn!(is_on, "the harness delays the blocks of known leaders");
            intruder.network.set(is_on);
        }
    }
}
