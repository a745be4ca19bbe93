use maftia_codec::Bytes;
use maftia_protocol::{Protocol, Step};
use maftia_types::{Digest, SiteId};

use super::statement_of;
use crate::reliable::{BroadcastError, PAYLOAD_BYTES_MAX};
use crate::{Instance, Misbehaviour, Taken};

/// How a consistent broadcast begins: the first valid payload of the sender is taken, no other.
pub(super) struct Opening {
    instance: Instance,
    own: SiteId,
    pub(super) sender: SiteId,
    /// The payload that was taken, and its statement.
    pub(super) taken: Option<(Digest, Bytes)>,
}

impl Opening {
    pub(super) const fn new(instance: Instance, own: SiteId, sender: SiteId) -> Self {
        Self {
            instance,
            own,
            sender,
            taken: None,
        }
    }

    /// Whether this site may broadcast a payload.
    pub(super) fn allows(&self, payload: &Bytes) -> Result<(), BroadcastError> {
        if self.own != self.sender {
            return Err(BroadcastError::NotTheSender(self.sender));
        }
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(BroadcastError::TooLarge(payload.len()));
        }
        if self.taken.is_some() {
            return Err(BroadcastError::AlreadySent);
        }
        Ok(())
    }

    /// The statement of a payload that a site sends, if it is taken.
    pub(super) fn take<P>(
        &mut self,
        step: &mut Step<P>,
        from: SiteId,
        payload: Bytes,
        is_valid: impl FnOnce(&Bytes) -> bool,
    ) -> Option<Digest>
    where
        P: Protocol<Record = Taken, Misbehaviour = Misbehaviour>,
    {
        if from != self.sender {
            step.blame(from, Misbehaviour::NotTheSender);
            return None;
        }
        let statement = statement_of(self.instance, &payload);
        match &self.taken {
            Some((first, _)) if *first == statement => None,
            Some(_) => {
                step.blame(from, Misbehaviour::Contradiction);
                None
            }
            None if !is_valid(&payload) => {
                step.blame(from, Misbehaviour::InvalidProposal);
                None
            }
            None => {
                self.taken = Some((statement, payload));
                step.records.push(Taken);
                Some(statement)
            }
        }
    }
}
