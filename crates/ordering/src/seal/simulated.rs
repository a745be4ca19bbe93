use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use maftia_crypto::SigningKey;
use maftia_types::{Digest, Epoch, Round};

use super::{
    BootId, Device, DeviceId, DeviceIdentity, Last, Refused, Request, Seal, Sealer, Tenure,
};

/// A SIMULATED trusted device, for tests and simulated worlds: it does what a real one is trusted to
/// do, in the memory of the program that it is to be protected from. It protects nothing.
///
/// It keeps its key when it is switched off, as few real ones with a volatile count do: so that of a
/// boot that is over nothing but its number tells.
#[derive(Clone)]
pub struct SimulatedDevice {
    key: Arc<SigningKey>,
    when_off: WhenOff,
    memory: Arc<Mutex<Memory>>,
}

/// What a device knows after it was switched off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WhenOff {
    /// Nothing of what it has sealed.
    Forgets,
    /// A bound over it, raised by so many rounds at a time.
    Leases(u64),
}

#[derive(Debug)]
struct Memory {
    boot: u64,
    groups: BTreeMap<Digest, Sealed>,
    /// Over what was sealed: what is left when it is switched off.
    leases: BTreeMap<Digest, (Epoch, Round)>,
}

#[derive(Clone, Copy, Debug)]
struct Sealed {
    request: Request,
    seal: Seal,
}

impl SimulatedDevice {
    /// A device with this key, switched on once.
    pub fn new(key: SigningKey, when_off: WhenOff) -> Self {
        let memory = Memory {
            boot: 1,
            groups: BTreeMap::new(),
            leases: BTreeMap::new(),
        };
        Self {
            key: Arc::new(key),
            when_off,
            memory: Arc::new(Mutex::new(memory)),
        }
    }

    /// Switches it off and on: who owns its host can do so at any time.
    pub fn power_cycle(&self) {
        let mut memory = self.memory();
        memory.boot += 1;
        memory.groups.clear();
    }

    /// What an epoch that begins now has for its site.
    pub fn registered(&self) -> Device {
        let DeviceIdentity { device, boot, key } = self.identity();
        let tenure = match self.when_off {
            WhenOff::Forgets => Tenure::Boot(boot),
            WhenOff::Leases(_) => Tenure::Lease,
        };
        Device {
            id: device,
            key,
            tenure,
        }
    }

    /// Seals anything: a device that is broken, which its owner must not be able to do to it.
    pub fn seal_unchecked(&self, request: &Request, last: Last) -> Seal {
        Seal::sign(request, &self.identity(), last, &self.key)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// What was sealed before, by the latest epoch: none if nothing ever was.
    fn before(&self, group: &Digest) -> Option<(Epoch, Last)> {
        let sealed = self.groups.get(group);
        let known = sealed.map(|own| (own.request.epoch, Last::Known(own.request.round)));
        let lease = self.leases.get(group);
        known.or_else(|| lease.map(|(epoch, round)| (*epoch, Last::UpTo(*round))))
    }
}

impl Sealer for SimulatedDevice {
    fn identity(&self) -> DeviceIdentity {
        DeviceIdentity {
            device: DeviceId(Digest(*self.key.public().as_bytes())),
            boot: BootId(self.memory().boot),
            key: self.key.public(),
        }
    }

    fn last(&self, group: &Digest, epoch: Epoch) -> Last {
        match self.memory().before(group) {
            Some((at, last)) if at == epoch => last,
            _ => Last::Known(Round(0)),
        }
    }

    fn seal(&self, request: &Request) -> Result<Seal, Refused> {
        let last = self.last(&request.group, request.epoch);
        let identity = self.identity();
        let mut memory = self.memory();
        if let Some(again) = memory.groups.get(&request.group)
            && again.request == *request
        {
            return Ok(again.seal);
        }
        let latest = memory.before(&request.group).map(|(epoch, _)| epoch);
        if latest.is_some_and(|latest| latest > request.epoch) || request.round <= last.bound() {
            return Err(Refused);
        }
        if let WhenOff::Leases(rounds) = self.when_off {
            let lease = memory.leases.get(&request.group).copied();
            let holds = lease.is_some_and(|own| own >= (request.epoch, request.round));
            if !holds {
                let bound = request.round.plus(rounds.saturating_sub(1));
                memory.leases.insert(request.group, (request.epoch, bound));
            }
        }
        let seal = Seal::sign(request, &identity, last, &self.key);
        let sealed = Sealed {
            request: *request,
            seal,
        };
        memory.groups.insert(request.group, sealed);
        Ok(seal)
    }
}

impl fmt::Debug for SimulatedDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedDevice")
            .field("memory", &self.memory())
            .finish_non_exhaustive()
    }
}
