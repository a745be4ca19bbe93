use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::PublicKey;
use maftia_threshold::Scope;
use maftia_types::{Digest, Epoch, FaultModel, Resilience, SITES_MAX, SiteId};

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
    }

    fn decode(r: &mut Reader) -> Result<Self, DecodeError> {
        let (group, epoch) = (r.digest()?, r.epoch()?);
        let resilience = read_resilience(r)?;
        let mut sites = Vec::new();
        for _ in 0..r.length("sites", SITES_MAX)? {
            sites.push(PublicKey::decode(r)?);
        }
        Ok(Self {
            group,
            epoch,
            resilience,
            sites,
        })
    }
}
