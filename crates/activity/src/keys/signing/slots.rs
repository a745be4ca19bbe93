use std::collections::BTreeMap;

use bytes::Bytes;
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_types::Digest;

use crate::keys::ordered::KEYS_MAX;
use crate::keys::record::KeyId;
use crate::keys::sessions::{NAME_BYTES_MAX, Refusal, put_in_order};

/// Registers of one key: each is kept for ever, for it says what must not be signed again. With all
/// keys there may be, about 2 MiB.
pub const REGISTERS_PER_KEY_MAX: usize = 256;

/// Registers of all keys together.
const REGISTERS_MAX: usize = KEYS_MAX * REGISTERS_PER_KEY_MAX;

/// A place for one message: a number in a register.
///
/// In a register, numbers increase. So the highest one and its message are all that must be kept to
/// refuse, for ever, a second message for any number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The register's name, such as that of a chain of blocks or of a host; 1 to 64 bytes.
    pub register: Bytes,
    /// The number, such as a height or a serial number.
    pub number: u64,
}

/// What was signed last in each register.
#[derive(Default, Debug, Clone, PartialEq, Eq)]
pub(in crate::keys) struct Registers(BTreeMap<(KeyId, Bytes), Last>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Last {
    number: u64,
    message: Digest,
}

impl Registers {
    /// Says whether the message may have the slot. Does not take it.
    pub(in crate::keys) fn check(
        &self,
        key: KeyId,
        slot: &Slot,
        message: Digest,
    ) -> Result<(), Refusal> {
        if slot.register.is_empty() {
            return Err(Refusal::Malformed);
        }
        match self.0.get(&(key, slot.register.clone())) {
            None if self.count(key) >= REGISTERS_PER_KEY_MAX => Err(Refusal::TooManyRegisters),
            Some(last) if slot.number < last.number => Err(Refusal::SlotPast { last: last.number }),
            Some(last) if slot.number == last.number && message != last.message => {
                Err(Refusal::SlotTaken)
            }
            _ => Ok(()),
        }
    }

    /// Forgets the registers of keys that sign no more.
    pub(in crate::keys) fn retain(&mut self, signs: impl Fn(KeyId) -> bool) {
        self.0.retain(|(key, _), _| signs(*key));
    }

    fn count(&self, key: KeyId) -> usize {
        let of_key = self.0.range((key, Bytes::new())..);
        of_key.take_while(|((own, _), _)| *own == key).count()
    }

    /// Makes the registers of one key those of another, which has none.
    pub(in crate::keys) fn hand_over(&mut self, former: KeyId, key: KeyId) {
        let moved = self.0.extract_if(.., |(own, _), _| *own == former);
        let moved: Vec<_> = moved.map(|((_, name), last)| ((key, name), last)).collect();
        self.0.extend(moved);
    }

    /// The highest number used in each register of the key, by name.
    pub(in crate::keys) fn used(&self, key: KeyId) -> Vec<Slot> {
        let of_key = self.0.range((key, Bytes::new())..);
        let of_key = of_key.take_while(|((own, _), _)| *own == key);
        let slot = |((_, register), last): (&(KeyId, Bytes), &Last)| Slot {
            register: register.clone(),
            number: last.number,
        };
        of_key.map(slot).collect()
    }

    /// Gives the message the slot, for ever. To be checked before.
    pub(in crate::keys) fn take(&mut self, key: KeyId, slot: Slot, message: Digest) {
        let Slot { register, number } = slot;
        self.0.insert((key, register), Last { number, message });
    }
}

impl Wire for Slot {
    fn encode(&self, writer: &mut Writer) {
        writer.bytes(&self.register);
        writer.u64(self.number);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            register: reader.bytes("register", NAME_BYTES_MAX)?,
            number: reader.u64()?,
        })
    }
}

impl Wire for Registers {
    fn encode(&self, writer: &mut Writer) {
        writer.length(self.0.len());
        for ((key, register), last) in &self.0 {
            writer.u32(key.0);
            writer.bytes(register);
            writer.u64(last.number);
            writer.digest(&last.message);
        }
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let mut registers = BTreeMap::new();
        for _ in 0..reader.length("registers", REGISTERS_MAX)? {
            let place = (
                KeyId(reader.u32()?),
                reader.bytes("register", NAME_BYTES_MAX)?,
            );
            let last = Last {
                number: reader.u64()?,
                message: reader.digest()?,
            };
            put_in_order(&mut registers, place, last, "registers")?;
        }
        Ok(Self(registers))
    }
}
