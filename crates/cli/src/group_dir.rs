//! Where `init`, `demo` and `dev` put things.

use std::fs;
use std::net::SocketAddr;
use std::num::NonZeroU8;
use std::path::{Path, PathBuf};

use maftia_config::{Generated, GroupFile, Kind, Plan, SiteFile, generate_for, save_key};
use maftia_types::{CoinUse, FaultModel};

use crate::failure::Failure;

/// A folder with a group's configuration, keys and the data of its sites.
#[derive(Clone, Debug)]
pub(crate) struct GroupDir(PathBuf);

/// What the sites of a new folder are to be.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) model: FaultModel,
    pub(crate) sites: Vec<SocketAddr>,
    pub(crate) http: Vec<SocketAddr>,
    pub(crate) clients: Vec<String>,
    pub(crate) fast_path: Option<bool>,
    pub(crate) asynchronous: CoinUse,
    pub(crate) member_approvals: NonZeroU8,
}

impl GroupDir {
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Whether a group lives here.
    pub(crate) fn exists(&self) -> bool {
        self.group_path().exists()
    }

    /// Makes keys, configuration and the sites' empty logs.
    pub(crate) fn create(&self, wanted: Wanted) -> Result<GroupFile, Failure> {
        self.must_be_empty()?;
        let plan = Plan {
            name: wanted.name,
            kind: wanted.kind,
            sites: wanted.sites,
            http: wanted.http,
            clients: wanted.clients,
            fast_path: wanted.fast_path,
            asynchronous: wanted.asynchronous,
            member_approvals: wanted.member_approvals,
        };
        let made = generate_for(wanted.model, plan, &mut rand::rng())
            .map_err(|error| Failure::failed(error.to_string()))?;
        self.write(&made, |data| {
            maftia_site::create(data)
                .map_err(|error| Failure::chain(crate::failure::Exit::Failed, &error))
        })?;
        Ok(made.group)
    }

    /// Whether a group can be written here.
    pub(crate) fn must_be_empty(&self) -> Result<(), Failure> {
        let mut entries = fs::read_dir(&self.0).into_iter().flatten();
        if entries.next().is_some() {
            let text = format!("{} is not empty", self.0.display());
            return Err(Failure::failed(text).next("name a new folder with --dir"));
        }
        Ok(())
    }

    /// Takes an empty or new folder for a group: of several who do, one succeeds.
    pub(crate) fn claim(&self) -> Result<(), Failure> {
        self.must_be_empty()?;
        make_dir(&self.0)?;
        let sites = self.sites_dir();
        fs::create_dir(&sites)
            .map_err(|error| Failure::failed(format!("cannot make {}: {error}", sites.display())))
    }

    /// Removes what [`Self::write`] has left of a failure, in a folder that was claimed, and the
    /// folder if nothing else is in it.
    pub(crate) fn unmake(&self) {
        // Whatever stays has no group file, and is no group.
        let _gone = fs::remove_file(self.group_path());
        for own in [self.sites_dir(), self.0.join("clients")] {
            let _gone = fs::remove_dir_all(own);
        }
        let _gone = fs::remove_dir(&self.0);
    }

    /// Writes configuration and keys, and has the data of each site made, in the folder that is
    /// given.
    pub(crate) fn write(
        &self,
        made: &Generated,
        mut make_data: impl FnMut(&Path) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        for ((_, entry), named) in made.group.sites().zip(&made.sites) {
            let dir = self.site_dir(&entry.name);
            make_dir(&dir)?;
            save_key(&dir.join("key"), &named.key)?;
            let file = SiteFile {
                group: "../../group.toml".into(),
                name: entry.name.clone(),
                data: "data".into(),
                key: "key".into(),
                listen: entry.address,
                http: entry.http,
                token: None,
            };
            file.save(&dir.join("site.toml"))?;
            make_data(&dir.join("data"))?;
        }
        make_dir(&self.0.join("clients"))?;
        for client in &made.clients {
            save_key(&self.client_key(&client.name), &client.key)?;
        }
        // Last, so that a folder with a group file is complete.
        made.group.save(&self.group_path())?;
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn group_path(&self) -> PathBuf {
        self.0.join("group.toml")
    }

    pub(crate) fn site_dir(&self, name: &str) -> PathBuf {
        self.sites_dir().join(name)
    }

    fn sites_dir(&self) -> PathBuf {
        self.0.join("sites")
    }

    pub(crate) fn site_config(&self, name: &str) -> PathBuf {
        self.site_dir(name).join("site.toml")
    }

    pub(crate) fn client_key(&self, name: &str) -> PathBuf {
        self.0.join("clients").join(format!("{name}.key"))
    }
}

pub(crate) fn make_dir(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path)
        .map_err(|error| Failure::failed(format!("cannot make {}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_made_in_a_claimed_folder_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let dir = GroupDir::new(&folder.path().join("again"));
        dir.claim().unwrap();
        // Another one who was late to look.
        assert!(dir.claim().is_err());
        fs::write(dir.path().join("notes"), "of somebody else").unwrap();
        make_dir(&dir.site_dir("A")).unwrap();
        dir.unmake();
        assert!(dir.path().join("notes").exists() && !dir.sites_dir().exists());
        assert!(dir.claim().is_err(), "it is not empty");
        fs::remove_file(dir.path().join("notes")).unwrap();
        dir.claim().unwrap();
        dir.unmake();
        assert!(!dir.path().exists());
    }
}
