//! Groups for tests: site i has the key of seed i, the name `s<i>` and, in no first view, port i.

use core::net::SocketAddr;

use maftia_crypto::SigningKey;
use maftia_types::{Digest, Epoch, FaultModel, Resilience, SiteId};

use crate::change::{Change, Edit};
use crate::member::Member;
use crate::view::View;

pub(crate) const GROUP: Digest = Digest([7; 32]);

pub(crate) fn key(site: u8) -> SigningKey {
    SigningKey::from_seed([site; 32])
}

pub(crate) fn name(site: u8) -> String {
    format!("s{site}")
}

pub(crate) fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], port))
}

pub(crate) fn joiner(site: u8) -> Member {
    Member {
        name: name(site),
        key: key(site).public(),
        address: Some(address(u16::from(site) + 1)),
        http: None,
    }
}

pub(crate) fn resilience(n: usize, f: usize) -> Resilience {
    Resilience::new(FaultModel::Arbitrary, n, f, 0).unwrap()
}

/// The first view, of sites 0..n.
pub(crate) fn view(n: u8, f: usize) -> View {
    let sites = (0..n).map(|site| (name(site), key(site).public()));
    View::genesis(GROUP, resilience(n.into(), f), sites).unwrap()
}

/// A view of another epoch, of sites with addresses.
pub(crate) fn later_view(epoch: u64, sites: &[u8], f: usize) -> View {
    let members = sites.iter().map(|site| joiner(*site)).collect();
    View::new(GROUP, Epoch(epoch), resilience(sites.len(), f), members).unwrap()
}

pub(crate) fn add(site: u8) -> Edit {
    Edit::Add(joiner(site))
}

pub(crate) fn remove(site: u8) -> Edit {
    Edit::Remove(name(site))
}

pub(crate) fn replace(site: u8, by: u8) -> Edit {
    let name = name(site);
    let with = joiner(by);
    Edit::Replace { name, with }
}

pub(crate) fn change(edits: impl Into<Vec<Edit>>) -> Change {
    let edits = edits.into();
    Change { edits, f: None }
}

pub(crate) fn change_to(edits: impl Into<Vec<Edit>>, f: u8) -> Change {
    let edits = edits.into();
    Change { edits, f: Some(f) }
}

pub(crate) fn id(site: u8) -> SiteId {
    SiteId::new(site).unwrap()
}

pub(crate) fn ids(sites: &[u8]) -> Vec<SiteId> {
    sites.iter().copied().map(id).collect()
}
