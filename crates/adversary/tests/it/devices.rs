//! The simulated trusted devices of a hybrid group's sites: they outlive what crashes around them.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use maftia_crypto::SigningKey;
use maftia_ordering::seal::{
    Device, DeviceIdentity, Last, Refused, Request, Seal, Sealer, Seals, SimulatedDevice, WhenOff,
};
use maftia_simulator::Dice;
use maftia_types::{Digest, Epoch, SiteId, SiteSet};

/// Rounds of a lease: less than a run has, so that a device that was off is of use again.
const LEASE_ROUNDS: u64 = 6;
/// Above the numbers of the sites' own keys.
const KEYS: u64 = 1000;

/// None in the other rows.
#[derive(Debug, Default)]
pub(crate) struct Devices {
    devices: BTreeMap<SiteId, SimulatedDevice>,
    registered: Vec<Device>,
    forgetful: bool,
    /// Sites whose intruder keeps the device to himself.
    taken: Cell<SiteSet>,
}

/// A device's name without its seal: what the replica of an intruder talks to who has the device.
#[derive(Debug)]
struct Puppet {
    device: SimulatedDevice,
    puppet: SimulatedDevice,
}

/// A device that its host switches off and on when it refuses.
#[derive(Debug)]
struct Harried(SimulatedDevice);

impl Devices {
    pub(crate) fn new(sites: usize, dice: &mut Dice) -> Self {
        let forgetful = dice.chance(500);
        let when_off = match forgetful {
            true => WhenOff::Forgets,
            false => WhenOff::Leases(LEASE_ROUNDS),
        };
        let device = |site: SiteId| {
            let key = SigningKey::mock(KEYS + u64::from(site.as_u8()));
            (site, SimulatedDevice::new(key, when_off))
        };
        let devices: BTreeMap<_, _> = SiteId::all(sites).map(device).collect();
        Self {
            registered: devices.values().map(SimulatedDevice::registered).collect(),
            devices,
            forgetful,
            taken: Cell::new(SiteSet::EMPTY),
        }
    }

    /// As one site has them.
    pub(crate) fn seals(&self, me: SiteId) -> Option<Seals> {
        let device = self.devices.get(&me)?.clone();
        let own: Arc<dyn Sealer> = match self.taken.get().contains(me) {
            true => Arc::new(Puppet {
                device,
                puppet: SimulatedDevice::new(SigningKey::mock(0), WhenOff::Forgets),
            }),
            false => Arc::new(device),
        };
        Some(Seals::new(self.registered.clone(), Some(own)))
    }

    /// A host has lost its disk, and its device, now and then, what it forgets when it is off: not
    /// one that would then be of no use in the epoch.
    pub(crate) fn host_replaced(&self, site: SiteId, incarnation: u32) {
        if let Some(device) = self.devices.get(&site)
            && !self.forgetful
            && incarnation.is_multiple_of(2)
        {
            device.power_cycle();
        }
    }

    /// An intruder has a site's device to himself.
    pub(crate) fn take_over(&self, site: SiteId) {
        let mut taken = self.taken.get();
        taken.insert(site);
        self.taken.set(taken);
    }

    /// What such an intruder does with it: he also tries whether it forgets.
    pub(crate) fn of_intruder(&self, site: SiteId) -> Option<Arc<dyn Sealer>> {
        let device = self.devices.get(&site)?.clone();
        let taken = self.taken.get().contains(site);
        taken.then(|| -> Arc<dyn Sealer> { Arc::new(Harried(device)) })
    }
}

impl Sealer for Puppet {
    fn identity(&self) -> DeviceIdentity {
        self.device.identity()
    }

    fn last(&self, group: &Digest, epoch: Epoch) -> Last {
        self.puppet.last(group, epoch)
    }

    fn seal(&self, request: &Request) -> Result<Seal, Refused> {
        self.puppet.seal(request)
    }
}

impl Sealer for Harried {
    fn identity(&self) -> DeviceIdentity {
        self.0.identity()
    }

    fn last(&self, group: &Digest, epoch: Epoch) -> Last {
        self.0.last(group, epoch)
    }

    fn seal(&self, request: &Request) -> Result<Seal, Refused> {
        self.0.seal(request).or_else(|_| {
            self.0.power_cycle();
            self.0.seal(request)
        })
    }
}
