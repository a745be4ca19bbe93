//! The seal of the row `hybrid`: a trusted device of each site that lets pass one block a round
//! (`protocols.md` §3.3, with corrections 18 to 20).
//!
//! # Guarantees
//! As long as no device is broken, and if a device's tenure is what the epoch says it is:
//! - *One block a round*: of one site and epoch, no two different blocks of a round verify.
//! - *No gap hidden*: a seal says what the device sealed before; between the two it sealed nothing.
//!
//! # Model
//! A device keeps its key to itself, counts, and may stop. All else of its site may be an intruder's:
//! who asks the device, when, for what, and whether it is switched off and on.
//!
//! # Intuition
//! What an intruded site can do beyond silence is to tell different sites different things. If its
//! every block bears a seal, and the seal of a round is given out once, there is nothing left to tell
//! but bad content, the same to all; then a majority is enough where two thirds were needed.
//!
//! # Messages
//! | message | asserts about its sender |
//! |---|---|
//! | [`Seal`] in a block | the device: "the first and only header of this round that I seal, and the one after `last`" |
//! | [`Message::Drafted`](crate::Message::Drafted) | a site to itself: "what I wrote is on my disk" |
//!
//! # Rules
//! 1. A device refuses a round not above the last one in the same epoch, and an earlier epoch, both
//!    for each group by itself (correction 19); what it sealed last it gives again when asked for the
//!    same. `last` is 0 in the first seal of an epoch.
//! 2. (H1) A block's seal is of the device that the epoch has for its author, over this header and
//!    in this epoch. A device that forgets its count when it is switched off counts as another one
//!    then: the epoch has its boot (§3.5 a, correction 18). One that keeps a bound over what it
//!    may have sealed, a *lease*, stays what it is (§3.5 b).
//! 3. (H2) The block's own parent is of the round that the seal says was sealed last. A block
//!    without own parent (ADR 2) is for a round so far above that one that no parent may be as deep.
//!    After a lease has run out the seal says only up to where it may have sealed: any own parent.
//! 4. A site writes the header to its disk before it has it sealed (correction 20): after a crash it
//!    finds it there and asks again.
//! 5. A site whose device is not the one of the epoch makes no block; the next epoch may have its
//!    new one ([`Seals::readmitted`]).
//! 6. Upon two different sealed blocks of one round: a [`BrokenSeal`], which convinces anybody who
//!    has the device's key that it is broken; this site stops and says so (§3.5 d).
//!
//! # Bounds
//! A device keeps one seal per configuration of a group, a site one draft.
//!
//! # Deviations
//! - The interface has [`Sealer::last`], which says what the next seal will say and changes nothing:
//!   else a site whose log was lost would learn it from a seal that it can not use any more.
//! - `now` and the attestation are the trusted component's, not the seal's; they come with it.
//!
//! # Complexity
//! One more signature per block, one more verification per block and site, one more wait for the disk.
//!
//! # Duties of the caller
//! Bring what the engine sends to itself back to it, once its records are durable. Check what attests
//! a device before it is put into [`Seals`]; it is believed here.

mod broken;
mod check;
mod drafting;
#[cfg(any(test, feature = "danger-simulated-seal"))]
mod simulated;

use std::fmt::Debug;
use std::sync::Arc;

use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::{BadSignature, Domain, PublicKey, Signature, SigningKey};
use maftia_types::{Digest, Epoch, Round, SiteId};

pub use broken::{BrokenSeal, NotBroken};
pub use check::{check_seal, continues};
pub(crate) use drafting::Drafted;
#[cfg(any(test, feature = "danger-simulated-seal"))]
pub use simulated::{SimulatedDevice, WhenOff};

const SEAL: Domain = Domain::new("round seal");

/// Names a trusted device for ever.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct DeviceId(pub Digest);

/// Counts how often a device was switched on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct BootId(pub u64);

/// Of what use an epoch's device is after it was switched off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tenure {
    /// None: it forgets its count. It seals in this epoch while this boot lasts (§3.5 a).
    Boot(BootId),
    /// It keeps a bound over the rounds that it may have sealed, and refuses those (§3.5 b).
    Lease,
}

/// The device that an epoch has for a site.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Device {
    /// Its name.
    pub id: DeviceId,
    /// What its seals verify under.
    pub key: PublicKey,
    /// For how long.
    pub tenure: Tenure,
}

/// What a device says of itself. What attests it is checked before it is registered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeviceIdentity {
    /// Its name.
    pub device: DeviceId,
    /// How often it was switched on.
    pub boot: BootId,
    /// What its seals verify under.
    pub key: PublicKey,
}

/// What is to be sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    /// The group's configuration in the epoch. A device counts for each by itself: two groups must
    /// not stop one another (correction 19).
    pub group: Digest,
    /// The epoch.
    pub epoch: Epoch,
    /// The round.
    pub round: Round,
    /// Of the header.
    pub digest: Digest,
}

/// What a device knows of the rounds that it has sealed in an epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Last {
    /// The last one; 0 if none.
    Known(Round),
    /// None above this one: it was switched off and had a lease.
    UpTo(Round),
}

/// "The only header of its round that I seal": a device's word, which verifies for one request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seal {
    /// Whose.
    pub device: DeviceId,
    /// In which of its boots.
    pub boot: BootId,
    /// What it had sealed before.
    pub last: Last,
    signature: Signature,
}

/// The device does not seal this round: it has sealed it or a later one, or may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the device has sealed another header of this round, or a later round, or may have")]
pub struct Refused;

/// A trusted device, as its own site reaches it: all of the trusted interface that ordering needs
/// (`protocols.md` §3.3).
pub trait Sealer: Debug + Send + Sync {
    /// What the device says of itself. Asked as often as [`Self::last`].
    fn identity(&self) -> DeviceIdentity;

    /// What the next seal in this group and epoch will say was last. Changes nothing. Asked at every
    /// event: a handle to a device elsewhere keeps what its last seal said.
    fn last(&self, group: &Digest, epoch: Epoch) -> Last;

    /// Seals a header, or gives the seal again that this header has got.
    ///
    /// # Errors
    /// [`Refused`], and nothing is sealed.
    fn seal(&self, request: &Request) -> Result<Seal, Refused>;
}

/// The devices of an epoch, and a handle to this site's own.
#[derive(Clone, Debug)]
pub struct Seals {
    devices: Arc<[Device]>,
    own: Option<Arc<dyn Sealer>>,
}

impl Seals {
    /// The devices of all sites in order, and this site's; none for a site that only follows.
    pub fn new(devices: impl Into<Arc<[Device]>>, own: Option<Arc<dyn Sealer>>) -> Self {
        let devices = devices.into();
        Self { devices, own }
    }

    /// The device of a site.
    pub fn device(&self, site: SiteId) -> Option<&Device> {
        self.devices.get(site.index())
    }

    /// How many sites have one.
    pub fn len(&self) -> usize {
        self.devices.len()
    }

    /// Whether no site has one.
    pub fn is_empty(&self) -> bool {
        self.devices.is_empty()
    }

    /// The same with another device, or another boot of it, for one site: of the next epoch, once
    /// its return was ordered (§3.5 a). Never of one under way: seals of both would count.
    #[must_use]
    pub fn readmitted(&self, site: SiteId, identity: &DeviceIdentity) -> Self {
        let mut devices = self.devices.to_vec();
        if let Some(device) = devices.get_mut(site.index()) {
            let tenure = match device.tenure {
                Tenure::Boot(_) => Tenure::Boot(identity.boot),
                Tenure::Lease => Tenure::Lease,
            };
            *device = Device {
                id: identity.device,
                key: identity.key,
                tenure,
            };
        }
        Self {
            devices: devices.into(),
            own: self.own.clone(),
        }
    }

    /// This site's device, if it is the one that the epoch has for it (rule 5).
    pub(crate) fn sealer(&self, me: SiteId) -> Option<&dyn Sealer> {
        let own = self.own.as_deref()?;
        let registered = self.device(me)?;
        registered.is(&own.identity()).then_some(own)
    }

    /// What this site's device says of itself.
    pub(crate) fn own(&self) -> Option<DeviceIdentity> {
        self.own.as_deref().map(Sealer::identity)
    }
}

impl Device {
    /// Whether a device that says this of itself may seal in the epoch.
    pub fn is(&self, identity: &DeviceIdentity) -> bool {
        let boot = match self.tenure {
            Tenure::Boot(boot) => boot == identity.boot,
            Tenure::Lease => true,
        };
        boot && self.id == identity.device && self.key == identity.key
    }
}

impl Seal {
    /// Signs a seal: for devices.
    pub fn sign(request: &Request, of: &DeviceIdentity, last: Last, key: &SigningKey) -> Self {
        let (device, boot) = (of.device, of.boot);
        let statement = statement(request, device, boot, last);
        let signature = key.sign(SEAL, &statement);
        Self {
            device,
            boot,
            last,
            signature,
        }
    }

    /// Checks that the device with this key sealed this.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(&self, request: &Request, key: &PublicKey) -> Result<(), BadSignature> {
        let statement = statement(request, self.device, self.boot, self.last);
        key.verify(SEAL, &statement, &self.signature)
    }
}

fn statement(request: &Request, device: DeviceId, boot: BootId, last: Last) -> bytes::Bytes {
    let mut writer = Writer::with_capacity(160);
    request.encode(&mut writer);
    writer.digest(&device.0);
    writer.u64(boot.0);
    last.encode(&mut writer);
    writer.finish()
}

impl Last {
    /// The highest round that it may have sealed.
    pub const fn bound(self) -> Round {
        match self {
            Self::Known(round) | Self::UpTo(round) => round,
        }
    }
}

impl Wire for Request {
    fn encode(&self, writer: &mut Writer) {
        writer.digest(&self.group);
        writer.epoch(self.epoch);
        writer.round(self.round);
        writer.digest(&self.digest);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            group: reader.digest()?,
            epoch: reader.epoch()?,
            round: reader.round()?,
            digest: reader.digest()?,
        })
    }
}

impl Wire for Last {
    fn encode(&self, writer: &mut Writer) {
        writer.bool(matches!(self, Self::UpTo(_)));
        writer.round(self.bound());
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let up_to = reader.bool()?;
        let round = reader.round()?;
        Ok(if up_to {
            Self::UpTo(round)
        } else {
            Self::Known(round)
        })
    }
}

impl Wire for Seal {
    fn encode(&self, writer: &mut Writer) {
        writer.digest(&self.device.0);
        writer.u64(self.boot.0);
        self.last.encode(writer);
        self.signature.encode(writer);
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            device: DeviceId(reader.digest()?),
            boot: BootId(reader.u64()?),
            last: Last::decode(reader)?,
            signature: Signature::decode(reader)?,
        })
    }
}
