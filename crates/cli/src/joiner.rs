//! `maftia init joiner`: a site that is to join a group.

use std::fs;
use std::path::Path;

use maftia_config::{JoinFile, SiteFile, is_name, save_key};
use maftia_crypto::SigningKey;
use serde_json::json;

use crate::args::InitJoiner;
use crate::failure::{Exit, Failure};
use crate::output;

pub(crate) fn run(typed: &InitJoiner) -> Result<(), Failure> {
    if !is_name(&typed.name) {
        let text = format!("`{}` is no name of a site", typed.name);
        let next = "use 1 to 32 letters, digits, `-` or `_`";
        return Err(Failure::new(Exit::Usage, text).next(next));
    }
    let join = write(typed)?;
    let (dir, key) = (&typed.dir, join.key.to_string());
    if typed.json {
        return output::json(&json!({
            "dir": dir,
            "name": join.name,
            "key": key,
            "address": join.address,
            "join": dir.join("join.toml"),
        }));
    }
    let dir = dir.display();
    output::line(format!(
        "a site that can join a group, in {dir}\nkey {key}\nnext:\n  1. hand {dir}/join.toml to the \
         group's operator, who types\n       maftia group propose add join.toml --yes\n     or  \
         maftia group propose replace SITE join.toml --yes\n  2. when that is under way, the operator \
         types\n       maftia group export --out group.toml\n     and hands you the file: put it at \
         {dir}/group.toml\n  3. within five minutes of 1. start the site:\n       maftia site run \
         --config {dir}/site.toml"
    ));
    Ok(())
}

fn write(typed: &InitJoiner) -> Result<JoinFile, Failure> {
    let dir = &typed.dir;
    let mut entries = fs::read_dir(dir).into_iter().flatten();
    if entries.next().is_some() {
        let text = format!("{} is not empty", dir.display());
        return Err(Failure::failed(text).next("name a new folder with --dir"));
    }
    fs::create_dir_all(dir)
        .map_err(|error| Failure::failed(format!("cannot make {}: {error}", dir.display())))?;
    let key = SigningKey::generate(&mut rand::rng());
    save_key(&dir.join("key"), &key)?;
    let site = SiteFile {
        group: "group.toml".into(),
        name: typed.name.clone(),
        data: "data".into(),
        key: "key".into(),
        listen: typed.address,
        http: typed.http,
        token: None,
    };
    site.save(&dir.join("site.toml"))?;
    make_data(&dir.join("data"))?;
    // A loopback address is of use on this machine only, and others may have the same.
    let local = |address: &std::net::SocketAddr| address.ip().is_loopback();
    let http = typed
        .http
        .filter(|http| !local(http) || local(&typed.address));
    let join = JoinFile {
        name: typed.name.clone(),
        key: key.public(),
        address: typed.address,
        http,
    };
    // Last, so that a folder with this file is complete.
    join.save(&dir.join("join.toml"))?;
    Ok(join)
}

fn make_data(path: &Path) -> Result<(), Failure> {
    maftia_site::create(path).map_err(|error| Failure::chain(Exit::Failed, &error))
}

#[cfg(test)]
mod tests {
    use maftia_config::load_key;

    use super::*;

    fn typed(dir: &Path) -> InitJoiner {
        InitJoiner {
            name: "E".into(),
            address: ([10, 0, 0, 5], 7100).into(),
            http: Some(([127, 0, 0, 1], 8100).into()),
            dir: dir.to_owned(),
            json: false,
        }
    }

    #[test]
    fn makes_a_site_and_what_its_operator_hands_on() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("E");
        let join = write(&typed(&dir)).unwrap();
        assert_eq!(JoinFile::load(&dir.join("join.toml")).unwrap(), join);
        assert_eq!(join.http, None, "a loopback address is of no use elsewhere");
        let site = SiteFile::load(&dir.join("site.toml")).unwrap();
        assert_eq!(load_key(&site.key).unwrap().public(), join.key);
        assert_eq!((site.listen, site.name), (join.address, join.name));
        assert_eq!(site.group, dir.join("group.toml"));
        assert!(site.data.is_dir());
    }

    #[test]
    fn leaves_a_folder_alone_in_which_there_is_something() {
        let folder = tempfile::tempdir().unwrap();
        let first = write(&typed(folder.path())).unwrap();
        assert!(write(&typed(folder.path())).is_err());
        let join = JoinFile::load(&folder.path().join("join.toml")).unwrap();
        assert_eq!(join, first);
    }
}
