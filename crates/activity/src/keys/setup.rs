use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::PublicKey;
use maftia_threshold::Scope;
use maftia_types::{Digest, Epoch, FaultModel, Power, Powers, Resilience, SITES_MAX, SiteId};

/// More clients than a group's file can list.
const CLIENTS_MAX: usize = 64 * 1024;

/// The group whose keys these are. Everything that is signed or proven is bound to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Setup {
    /// The digest of the group's configuration.
    pub group: Digest,
    /// The span of one membership.
    pub epoch: Epoch,
    /// How many of how many sites may fail.
    pub resilience: Resilience,
    /// The key with which each site signs, by index; behind those of the epoch's sites, while their
    /// coming is prepared, those of the sites that will join.
    pub sites: Vec<PublicKey>,
    /// What each client key may do, by index. One that is not listed may do nothing.
    pub clients: Vec<Powers>,
    /// How many clients approve a change of the keys; at least 1.
    pub approvals: u8,
}

impl Setup {
    /// What proofs are bound to.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        Scope {
            group: self.group,
            epoch: self.epoch,
        }
    }

    /// All sites, in order.
    #[must_use]
    pub fn committee(&self) -> Vec<SiteId> {
        SiteId::all(self.resilience.sites()).collect()
    }

    /// The key with which a site signs.
    #[must_use]
    pub fn key_of(&self, site: SiteId) -> Option<&PublicKey> {
        self.sites.get(site.index())
    }

    /// Whether the client with that key has that power.
    #[must_use]
    pub fn permits(&self, client_key: u32, power: Power) -> bool {
        let place = usize::try_from(client_key).ok();
        let powers = place.and_then(|place| self.clients.get(place));
        powers.is_some_and(|powers| powers.contains(power))
    }

    /// How many shares use a key together in this epoch.
    pub(crate) fn threshold(&self) -> u8 {
        threshold(self.resilience)
    }
}

/// How many shares use a key together: as many as a correct site can always wait for.
pub(super) fn threshold(resilience: Resilience) -> u8 {
    u8::try_from(resilience.quorum()).expect("a quorum is at most 64 sites")
}

/// Appends what [`read_resilience`] reads.
pub(super) fn write_resilience(w: &mut Writer, resilience: Resilience) {
    w.u8(match resilience.model() {
        FaultModel::Arbitrary => 1,
        FaultModel::Hybrid => 2,
        FaultModel::Crash => 3,
    });
    w.length(resilience.sites());
    w.length(resilience.intruded_max());
    w.length(resilience.stopped_max());
}

pub(super) fn read_resilience(r: &mut Reader) -> Result<Resilience, DecodeError> {
    const INVALID: DecodeError = DecodeError::Invalid {
        field: "resilience",
    };
    let model = match r.u8()? {
        1 => FaultModel::Arbitrary,
        2 => FaultModel::Hybrid,
        3 => FaultModel::Crash,
        _ => return Err(INVALID),
    };
    let n = r.length("sites", SITES_MAX)?;
    let f = r.length("intruded", SITES_MAX)?;
    let c = r.length("stopped", SITES_MAX)?;
    Resilience::new(model, n, f, c).map_err(|_| INVALID)
}

impl Wire for Setup {
    fn encode(&self, w: &mut Writer) {
        w.digest(&self.group);
        w.epoch(self.epoch);
        write_resilience(w, self.resilience);
        w.length(self.sites.len());
        for key in &self.sites {
            w.raw(key.as_bytes());
        }
        w.length(self.clients.len());
        self.clients.iter().for_each(|powers| w.u8(powers.bits()));
        w.u8(self.approvals);
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        let (group, epoch) = (r.digest()?, r.epoch()?);
        let resilience = read_resilience(r)?;
        let mut sites = Vec::new();
        for _ in 0..r.length("sites", SITES_MAX)? {
            sites.push(PublicKey::decode(r)?);
        }
        let clients = r.length("clients", CLIENTS_MAX)?;
        let clients = (0..clients)
            .map(|_| Powers::from_bits(r.u8()?).ok_or(DecodeError::Invalid { field: "setup" }));
        Ok(Self {
            group,
            epoch,
            resilience,
            sites,
            clients: clients.collect::<Result<_, _>>()?,
            approvals: r.u8()?,
        })
    }
}

/// A power as one byte.
pub(super) fn encode_power(w: &mut Writer, power: Power) {
    let alone: Powers = [power].into_iter().collect();
    w.u8(alone.bits());
}

/// Reads what [`encode_power`] appends.
pub(super) fn decode_power(r: &mut Reader) -> Result<Power, DecodeError> {
    const INVALID: DecodeError = DecodeError::Invalid { field: "power" };
    let powers = Powers::from_bits(r.u8()?).ok_or(INVALID)?;
    let mut all = powers.iter();
    match (all.next(), all.next()) {
        (Some(power), None) => Ok(power),
        _ => Err(INVALID),
    }
}
