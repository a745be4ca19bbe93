use bytes::Bytes;
use maftia_codec::Wire as _;
use maftia_crypto::Domain;
use maftia_threshold::tdh2::Ciphertext;
use maftia_types::Power;

use super::open::{Bls, Open, Work};
use super::ordered::{Sessions, World};
use super::{
    Answer, OPEN_MAX, OPEN_MS_MAX, OPEN_PER_CLIENT_MAX, Policy, Refusal, Request, SessionId,
};
use crate::keys::channels;
use crate::keys::record::{KeyId, KeyRecord, Scheme, Version};
use crate::keys::sealing::{self, Deed, Opening, Recipient};
use crate::keys::signing::{Frost, Shares, Slot};
use crate::replication::Context;

/// By which a register knows a message.
const MESSAGE: Domain = Domain::new("message to sign");

fn require(world: World<'_>, context: &Context, power: Power) -> Result<(), Refusal> {
    match world.setup.permits(context.client.key, power) {
        true => Ok(()),
        false => Err(Refusal::NoPower(power)),
    }
}

impl Sessions {
    /// Executes a client's request.
    pub(in crate::keys) fn execute(
        &mut self,
        world: World<'_>,
        context: &Context,
        request: Request,
    ) -> Answer {
        let done = match request {
            Request::Audit { from } => {
                require(world, context, Power::Audit).map(|()| Answer::Audit(self.audit.page(from)))
            }
            Request::Decrypt {
                key,
                ciphertext,
                to,
            } => self.decrypt(world, context, key, (ciphertext, to)),
            Request::Get { key, round } => {
                let beacon = self.beacons.get(&key).ok_or(Refusal::NoSuchKey);
                beacon
                    .and_then(|own| own.round(round).ok_or(Refusal::NoSuchRound))
                    .map(Answer::Round)
            }
            Request::Latest { key } => {
                let beacon = self.beacons.get(&key).ok_or(Refusal::NoSuchKey);
                beacon
                    .and_then(|own| own.latest().ok_or(Refusal::NoSuchRound))
                    .map(Answer::Round)
            }
            Request::Result { session } => self.result(world, session),
            Request::Slots { key } => match world.keys.contains_key(&key) {
                true => Ok(Answer::Slots(self.registers.used(key))),
                false => Err(Refusal::NoSuchKey),
            },
            Request::Sign { key, message, slot } => self.sign(world, context, key, (message, slot)),
        };
        done.unwrap_or_else(Answer::Refused)
    }

    /// Whether the client may use the key now, and a session be opened.
    fn admit<'a>(
        &mut self,
        world: World<'a>,
        context: &Context,
        key: KeyId,
    ) -> Result<(&'a KeyRecord, &'a Version, Policy), Refusal> {
        let record = world.keys.get(&key).ok_or(Refusal::NoSuchKey)?;
        let version = record.active().ok_or(Refusal::NoSuchKey)?;
        require(world, context, Power::UseKeys)?;
        let policy = self.policy(record);
        let client = context.client.key;
        if !policy.permits(client) {
            return Err(Refusal::NotPermitted);
        }
        let own = self.open.values().filter(|open| open.client == client);
        if self.open.len() >= OPEN_MAX || own.count() >= OPEN_PER_CLIENT_MAX {
            return Err(Refusal::Busy);
        }
        Ok((record, version, policy))
    }

    fn sign(
        &mut self,
        world: World<'_>,
        context: &Context,
        key: KeyId,
        (message, slot): (Bytes, Option<Slot>),
    ) -> Result<Answer, Refusal> {
        let (record, version, policy) = self.admit(world, context, key)?;
        let digest = MESSAGE.digest(&message);
        let work = match record.scheme {
            Scheme::Bls => Work::Bls(Bls {
                message,
                shares: Shares::default(),
            }),
            Scheme::Ed25519 => Work::Frost(Frost::new(message)),
            Scheme::Beacon | Scheme::Coin | Scheme::Seal => return Err(Refusal::OtherScheme),
        };
        match &slot {
            Some(_) if !policy.one_message_per_slot => return Err(Refusal::SlotUnexpected),
            None if policy.one_message_per_slot => return Err(Refusal::SlotNeeded),
            Some(slot) => self.registers.check(key, slot, digest)?,
            None => {}
        }
        let uses_max = policy.uses_per_minute_max;
        self.uses
            .count(self.now_ms, (key, context.client.key), uses_max)?;
        if let Some(slot) = slot {
            self.registers.take(key, slot, digest);
        }
        let session = self.begin(context, (key, version), work);
        self.advance(world, session);
        Ok(Answer::Session(session))
    }

    fn decrypt(
        &mut self,
        world: World<'_>,
        context: &Context,
        key: KeyId,
        (ciphertext, to): (Bytes, Recipient),
    ) -> Result<Answer, Refusal> {
        let (record, version, policy) = self.admit(world, context, key)?;
        if record.scheme != Scheme::Seal {
            return Err(Refusal::OtherScheme);
        }
        // Counted before the proof is checked, which costs more than anything else here.
        let uses_max = policy.uses_per_minute_max;
        self.uses
            .count(self.now_ms, (key, context.client.key), uses_max)?;
        let keys = sealing::keys(world.setup.group, version).ok_or(Refusal::OtherScheme)?;
        let decoded =
            Ciphertext::from_bytes(ciphertext.clone()).map_err(|_| Refusal::Ciphertext)?;
        // Only the rules of its channel open it: else a reader could know it before it is ordered.
        if channels::is_label(decoded.label()) {
            return Err(Refusal::NotPermitted);
        }
        let checked = sealing::check(keys.encryption_key(), decoded);
        let checked = checked.map_err(|_| Refusal::Ciphertext)?;
        let work = Work::Opening(Opening::new(ciphertext, to));
        let session = self.begin(context, (key, version), work);
        let deed = Deed::Decrypt {
            session,
            ciphertext: checked.digest(),
            to: to.to_bytes(),
        };
        self.note(context, Some(key), deed);
        Ok(Answer::Session(session))
    }

    fn begin(
        &mut self,
        context: &Context,
        (key, version): (KeyId, &Version),
        work: Work,
    ) -> SessionId {
        self.latest += 1;
        let session = SessionId(self.latest);
        let open = Open {
            key,
            client: context.client.key,
            version: version.number,
            until_ms: self.now_ms.saturating_add(OPEN_MS_MAX),
            work,
        };
        self.open.insert(session, open);
        session
    }

    fn result(&self, world: World<'_>, session: SessionId) -> Result<Answer, Refusal> {
        if let Some(answer) = self.finished.get(session) {
            return Ok(answer.clone());
        }
        let open = self.open.get(&session).ok_or(Refusal::NoSuchSession)?;
        let version = world.active(open.key).ok_or(Refusal::KeyGone)?;
        Ok(open.so_far(session, version, &self.pool))
    }
}
