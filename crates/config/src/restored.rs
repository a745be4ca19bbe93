//! Groups that begin with the state of another one.

use std::net::SocketAddr;

use maftia_crypto::{Hasher, SigningKey};
use maftia_types::{Digest, Powers, Resilience, SiteId};
use rand::CryptoRng;
use serde::{Deserialize, Serialize};

use crate::generate::{Generated, NamedKey};
use crate::group::{ClientEntry, Group, GroupError, GroupFile, SiteEntry};

/// From what a group was restored. Covered by its digest: it is another group than the one before,
/// and than any other that is restored from the same state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoredEntry {
    /// How often the state has been restored: one more than in the group before.
    pub incarnation: u64,
    /// The digest of the group before.
    #[serde(with = "crate::spelling::whole_digest")]
    pub from: Digest,
    /// The last of its commits that is in the state. Commits go on after it.
    pub commit: u64,
    /// The digest of its checkpoint after that commit.
    #[serde(with = "crate::spelling::whole_digest")]
    pub state: Digest,
    /// Random: two groups that are restored from the same state are not the same.
    #[serde(with = "crate::spelling::whole_digest")]
    pub salt: Digest,
}

/// What a restored group is to be.
#[derive(Clone, Debug)]
pub struct Rebirth {
    /// The file of the group before, with the sites that it had in the end.
    pub former: GroupFile,
    /// The last of its commits that is in the state.
    pub commit: u64,
    /// The digest of its checkpoint after that commit.
    pub state: Digest,
    /// Where each site is to be dialed; as many sites as addresses.
    pub sites: Vec<SocketAddr>,
    /// Where each site's HTTP interface listens, if it has one; sites beyond the end have none.
    pub http: Vec<Option<SocketAddr>>,
    /// Clients that get a new key, since their old one is lost; one that the group did not have is
    /// new, with all powers.
    pub clients: Vec<String>,
}

impl RestoredEntry {
    pub(crate) fn hash(&self, hasher: &mut Hasher) {
        hasher.number(self.incarnation).number(self.commit);
        for digest in [&self.from, &self.state, &self.salt] {
            hasher.update(digest.as_bytes());
        }
    }
}

/// Makes a group with fresh keys of its sites that takes over the state of another one: with its
/// name, kind, rules and clients. Clients keep their numbers and, but for those named, their keys.
///
/// # Errors
/// If that is no valid group.
pub fn reborn(plan: Rebirth, rng: &mut impl CryptoRng) -> Result<Generated, GroupError> {
    let former = plan.former.group();
    let resilience = match plan.sites.len() {
        same if same == former.sites.len() => plan.former.resilience(),
        count => Resilience::largest(former.model, count)?,
    };
    let mut salt = [0; 32];
    rng.fill_bytes(&mut salt);
    let mut fresh = |name: String| NamedKey {
        name,
        key: SigningKey::generate(rng),
    };
    let sites: Vec<NamedKey> = names(former, plan.sites.len()).map(&mut fresh).collect();
    let given: Vec<NamedKey> = plan.clients.into_iter().map(&mut fresh).collect();
    let mut clients = former.clients.clone();
    for named in &given {
        let key = named.key.public();
        match clients.iter_mut().find(|own| own.name == named.name) {
            Some(known) => known.key = key,
            None => clients.push(ClientEntry {
                name: named.name.clone(),
                key,
                powers: Powers::ALL,
            }),
        }
    }
    let http = plan.http.into_iter().chain(std::iter::repeat(None));
    let places = plan.sites.into_iter().zip(http);
    let entries = sites.iter().zip(places);
    let group = Group {
        f: resilience.intruded_max(),
        c: resilience.stopped_max(),
        epoch: 0,
        id: None,
        fast_path: former.fast_path && resilience.fast_path().is_ok(),
        restored: Some(RestoredEntry {
            incarnation: former.restored.map_or(1, |own| own.incarnation + 1),
            from: *plan.former.digest(),
            commit: plan.commit,
            state: plan.state,
            salt: Digest(salt),
        }),
        sites: entries
            .map(|(named, (address, http))| SiteEntry {
                name: named.name.clone(),
                key: named.key.public(),
                address,
                http,
                joined: false,
            })
            .collect(),
        joining: Vec::new(),
        clients,
        ..former.clone()
    };
    Ok(Generated {
        group: GroupFile::new(group)?,
        sites,
        clients: given,
    })
}

/// As before, if there are as many sites; else as in any new group.
fn names(former: &Group, count: usize) -> Box<dyn Iterator<Item = String> + '_> {
    if former.sites.len() == count {
        return Box::new(former.sites.iter().map(|site| site.name.clone()));
    }
    Box::new(SiteId::all(count).map(|site| site.to_string()))
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng as _;

    use super::*;
    use crate::{Kind, Plan, consecutive, generate};

    fn former() -> GroupFile {
        let plan = Plan {
            name: "vault".into(),
            kind: Kind::Production,
            sites: addresses(4),
            http: Vec::new(),
            clients: vec!["agent".into(), "ci".into()],
            member_approvals: std::num::NonZeroU8::MIN,
            fast_path: None,
            asynchronous: maftia_types::CoinUse::Never,
        };
        generate(plan, &mut rng(1)).unwrap().group
    }

    fn addresses(count: usize) -> Vec<SocketAddr> {
        consecutive(([127, 0, 0, 1], 7101).into(), count).unwrap()
    }

    fn rng(seed: u8) -> ChaCha20Rng {
        ChaCha20Rng::from_seed([seed; 32])
    }

    fn again(former: &GroupFile, clients: &[&str], seed: u8) -> Generated {
        let plan = Rebirth {
            former: former.clone(),
            commit: 7,
            state: Digest([3; 32]),
            sites: addresses(former.group().sites.len()),
            http: Vec::new(),
            clients: clients.iter().map(|name| (*name).to_owned()).collect(),
        };
        reborn(plan, &mut rng(seed)).unwrap()
    }

    #[test]
    fn each_site_has_the_http_interface_that_it_was_given_and_others_have_none() {
        let http = SocketAddr::from(([127, 0, 0, 1], 8002));
        let plan = Rebirth {
            former: former(),
            commit: 7,
            state: Digest([3; 32]),
            sites: addresses(4),
            http: vec![None, Some(http)],
            clients: Vec::new(),
        };
        let made = reborn(plan, &mut rng(2)).unwrap();
        let sites = made.group.sites().map(|(_, own)| own.http);
        assert_eq!(sites.collect::<Vec<_>>(), [None, Some(http), None, None]);
    }

    #[test]
    fn o3_two_groups_restored_from_one_state_are_different_groups_and_not_the_former() {
        let former = former();
        let (one, other) = (again(&former, &[], 2), again(&former, &[], 3));
        assert_ne!(one.group.digest(), other.group.digest());
        assert_ne!(one.group.digest(), former.digest());
        let same_keys = |group: &GroupFile| group.site_keys() == former.site_keys();
        assert!(!same_keys(&one.group) && !same_keys(&other.group));
        let restored = one.group.group().restored.unwrap();
        assert_eq!((restored.incarnation, restored.commit), (1, 7));
        assert_eq!(restored.from, *former.digest());
        let third = again(&one.group, &[], 4);
        assert_eq!(third.group.group().restored.unwrap().incarnation, 2);
    }

    #[test]
    fn the_salt_alone_makes_another_group() {
        let group = again(&former(), &[], 2).group.group().clone();
        let mut other = group.clone();
        let restored = other.restored.as_mut().unwrap();
        restored.salt = Digest([9; 32]);
        assert_ne!(other.digest(), group.digest());
    }

    #[test]
    fn clients_keep_their_numbers_and_those_named_get_new_keys() {
        let former = former();
        let born = again(&former, &["ci", "new"], 2);
        let before = &former.group().clients;
        let after = &born.group.group().clients;
        assert_eq!(after[0], before[0]);
        assert_eq!((after[1].name.as_str(), after.len()), ("ci", 3));
        assert_ne!(after[1].key, before[1].key);
        assert_eq!(after[2].name, "new");
        let named: Vec<&str> = born.clients.iter().map(|own| own.name.as_str()).collect();
        assert_eq!(named, ["ci", "new"]);
    }

    #[test]
    fn the_file_says_from_what_it_was_restored() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("group.toml");
        let born = again(&former(), &[], 2).group;
        born.save(&path).unwrap();
        let read = GroupFile::load(&path).unwrap();
        assert_eq!(read.group(), born.group());
        assert_eq!(read.digest(), born.digest());
    }
}
