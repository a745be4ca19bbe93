use std::net::SocketAddr;
use std::num::NonZeroU8;

use maftia_crypto::SigningKey;
use maftia_types::{CoinUse, FaultModel, Powers, Resilience, SiteId};
use rand::CryptoRng;

use crate::group::{ApprovalsEntry, ClientEntry, Group, GroupError, GroupFile, Kind, SiteEntry};

/// Whether a new group that carries it gets the fast path, if nobody says otherwise.
/// `docs/adr/0010-fast-path.md` says why.
pub const FAST_PATH_DEFAULT: bool = true;

/// What a new group is to be.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The group's name.
    pub name: String,
    /// What it is for.
    pub kind: Kind,
    /// Where each site is to be dialed; as many sites as addresses.
    pub sites: Vec<SocketAddr>,
    /// Where each site's HTTP interface listens; sites beyond the end have none.
    pub http: Vec<SocketAddr>,
    /// The names of its clients.
    pub clients: Vec<String>,
    /// Whether it has the fast path; none for [`FAST_PATH_DEFAULT`] where its size carries one.
    pub fast_path: Option<bool>,
    /// When a coin names its leaders.
    pub asynchronous: CoinUse,
    /// How many clients must approve a change of its sites.
    pub member_approvals: NonZeroU8,
}

/// A new group and its keys.
#[derive(Debug)]
pub struct Generated {
    /// The group's file.
    pub group: GroupFile,
    /// The keys of the sites, in order.
    pub sites: Vec<NamedKey>,
    /// The keys of the clients, in order.
    pub clients: Vec<NamedKey>,
}

/// A key and whose it is.
#[derive(Debug)]
pub struct NamedKey {
    /// The site's or client's name.
    pub name: String,
    /// Its key.
    pub key: SigningKey,
}

/// Makes a group with fresh keys that tolerates as many intruded sites as its size carries. Sites
/// are called `A`, `B`, …. Every client has all powers: take from each in the file what it does not
/// need before the first start, since powers are part of what the group is.
///
/// # Errors
/// If the plan is no valid group: among others, if it asks for a fast path that its size does not
/// carry.
pub fn generate(plan: Plan, rng: &mut impl CryptoRng) -> Result<Generated, GroupError> {
    generate_for(FaultModel::Arbitrary, plan, rng)
}

/// The same in another model: in `crash` a group that tolerates as many stopped sites as its size
/// carries.
///
/// # Errors
/// As [`generate`], and for a model that is not available.
pub fn generate_for(
    model: FaultModel,
    plan: Plan,
    rng: &mut impl CryptoRng,
) -> Result<Generated, GroupError> {
    let resilience = Resilience::largest(model, plan.sites.len())?;
    let mut fresh = |name: String| NamedKey {
        name,
        key: SigningKey::generate(rng),
    };
    let names = SiteId::all(plan.sites.len()).map(|site| site.to_string());
    let sites: Vec<NamedKey> = names.map(&mut fresh).collect();
    let clients: Vec<NamedKey> = plan.clients.into_iter().map(&mut fresh).collect();
    let http = plan
        .http
        .into_iter()
        .map(Some)
        .chain(std::iter::repeat(None));
    let group = Group {
        name: plan.name,
        kind: plan.kind,
        model: resilience.model(),
        f: resilience.intruded_max(),
        c: resilience.stopped_max(),
        epoch: 0,
        id: None,
        keys: ApprovalsEntry::default(),
        members: ApprovalsEntry {
            approvals: plan.member_approvals,
        },
        restored: None,
        fast_path: plan
            .fast_path
            .unwrap_or(FAST_PATH_DEFAULT && resilience.fast_path().is_ok()),
        asynchronous: plan.asynchronous,
        sites: sites
            .iter()
            .zip(plan.sites)
            .zip(http)
            .map(|((named, address), http)| SiteEntry {
                name: named.name.clone(),
                key: named.key.public(),
                address,
                http,
                joined: false,
            })
            .collect(),
        joining: Vec::new(),
        clients: clients
            .iter()
            .map(|named| ClientEntry {
                name: named.name.clone(),
                key: named.key.public(),
                powers: Powers::ALL,
            })
            .collect(),
    };
    Ok(Generated {
        group: GroupFile::new(group)?,
        sites,
        clients,
    })
}

/// `n` addresses with rising ports from `base` on. `None` if the ports run out.
pub fn consecutive(base: SocketAddr, n: usize) -> Option<Vec<SocketAddr>> {
    (0..n)
        .map(|offset| {
            let port = base.port().checked_add(u16::try_from(offset).ok()?)?;
            Some(SocketAddr::new(base.ip(), port))
        })
        .collect()
}
