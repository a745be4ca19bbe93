use std::collections::{BTreeMap, BTreeSet};

use maftia_codec::{DecodeError, Reader, Wire, Writer};

use super::{Refusal, put_in_order};
use crate::keys::record::{KeyId, Scheme};

/// Client keys that one policy names.
pub const POLICY_USERS_MAX: usize = 64;

/// Pairs of key and client counted in one minute. Beyond, requests of others are refused as busy.
pub const USES_MAX: usize = 4096;

/// Uses of one key by one client key and minute, unless its policy says otherwise: one a second.
pub const USES_PER_MINUTE: u32 = 60;

/// The time from one round of a beacon to the next, unless its policy says otherwise: drand's
/// quicknet's.
pub const BEACON_PERIOD_MS: u32 = 3_000;

/// The shortest: each round costs every site a share, and the group a combination.
pub const BEACON_PERIOD_MS_MIN: u32 = 1_000;

/// The most uses in a minute that a policy may allow a client.
pub const USES_PER_MINUTE_CEILING: u32 = 60_000;

/// What a key may be used for, and by whom. Slots and period are fixed when the key is created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Who may use it. Anybody may read a beacon.
    pub users: Users,
    /// Whether every signature takes a [`Slot`](crate::keys::signing::Slot), and every slot one
    /// message only.
    pub one_message_per_slot: bool,
    /// How often each client key may use it in a minute.
    pub uses_per_minute_max: u32,
    /// For a beacon: commit time from one round to the next, in milliseconds; not zero.
    pub period_ms: u32,
}

/// Who may use a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Users {
    /// Every client with the power to use keys.
    Everyone,
    /// The clients with these keys ([`ClientId::key`](maftia_types::ClientId)), at most
    /// [`POLICY_USERS_MAX`], as far as they have the power to use keys.
    Only(BTreeSet<u32>),
}

impl Policy {
    /// What holds for a key that was created without a policy: everyone may sign, nobody may
    /// decrypt, since who may is the point of encrypting.
    #[must_use]
    pub const fn of(scheme: Scheme) -> Self {
        Self {
            users: match scheme {
                Scheme::Coin | Scheme::Seal => Users::Only(BTreeSet::new()),
                Scheme::Bls | Scheme::Beacon | Scheme::Ed25519 => Users::Everyone,
            },
            one_message_per_slot: false,
            uses_per_minute_max: USES_PER_MINUTE,
            period_ms: BEACON_PERIOD_MS,
        }
    }

    /// Whether the client with this key may use it.
    #[must_use]
    pub fn permits(&self, client_key: u32) -> bool {
        match &self.users {
            Users::Everyone => true,
            Users::Only(keys) => keys.contains(&client_key),
        }
    }
}

/// Who has used which key how often in the present minute of commit time.
#[derive(Default, Debug, Clone, PartialEq, Eq)]
pub(super) struct Uses {
    minute: u64,
    counts: BTreeMap<(KeyId, u32), u32>,
}

impl Uses {
    /// Counts one use, if it is within the limit.
    pub(super) fn count(
        &mut self,
        now_ms: u64,
        (key, client_key): (KeyId, u32),
        max: u32,
    ) -> Result<(), Refusal> {
        let minute = now_ms / 60_000;
        if minute != self.minute {
            self.minute = minute;
            self.counts.clear();
        }
        let known = self.counts.contains_key(&(key, client_key));
        if !known && self.counts.len() >= USES_MAX {
            return Err(Refusal::Busy);
        }
        let count = self.counts.entry((key, client_key)).or_default();
        if *count >= max {
            return Err(Refusal::RateLimited);
        }
        *count += 1;
        Ok(())
    }
}

impl Wire for Users {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Everyone => writer.bool(false),
            Self::Only(keys) => {
                writer.bool(true);
                writer.length(keys.len());
                keys.iter().for_each(|key| writer.u32(*key));
            }
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        const USERS: &str = "users";
        if !reader.bool()? {
            return Ok(Self::Everyone);
        }
        let mut keys = BTreeSet::new();
        for _ in 0..reader.length(USERS, POLICY_USERS_MAX)? {
            let key = reader.u32()?;
            if keys.last().is_some_and(|last| *last >= key) {
                return Err(DecodeError::Invalid { field: USERS });
            }
            keys.insert(key);
        }
        Ok(Self::Only(keys))
    }
}

impl Wire for Policy {
    fn encode(&self, writer: &mut Writer) {
        self.users.encode(writer);
        writer.bool(self.one_message_per_slot);
        writer.u32(self.uses_per_minute_max);
        writer.u32(self.period_ms);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let policy = Self {
            users: Users::decode(reader)?,
            one_message_per_slot: reader.bool()?,
            uses_per_minute_max: reader.u32()?,
            period_ms: reader.u32()?,
        };
        if policy.period_ms < BEACON_PERIOD_MS_MIN {
            return Err(DecodeError::Invalid { field: "period" });
        }
        if policy.uses_per_minute_max > USES_PER_MINUTE_CEILING {
            return Err(DecodeError::Invalid { field: "uses" });
        }
        Ok(policy)
    }
}

impl Wire for Uses {
    fn encode(&self, writer: &mut Writer) {
        writer.u64(self.minute);
        writer.length(self.counts.len());
        for ((key, client_key), count) in &self.counts {
            key.encode(writer);
            writer.u32(*client_key);
            writer.u32(*count);
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let minute = reader.u64()?;
        let mut counts = BTreeMap::new();
        for _ in 0..reader.length("uses", USES_MAX)? {
            let place = (KeyId::decode(reader)?, reader.u32()?);
            put_in_order(&mut counts, place, reader.u32()?, "uses")?;
        }
        Ok(Self { minute, counts })
    }
}
