//! What is left in the folders of former sites.

use std::path::Path;

use maftia_config::{GroupFile, SiteFile};
use maftia_site::{Stopped, StoppedError, stopped};

use crate::failure::{Exit, Failure};
use crate::http::Problem;

/// A stopped site.
pub(super) struct Survivor {
    pub(super) name: String,
    pub(super) group: GroupFile,
    pub(super) stopped: Stopped,
}

/// Reads what the site has left whose `site.toml` is in that folder.
pub(super) fn read(folder: &Path) -> Result<Survivor, Problem> {
    let config = |error: maftia_config::ConfigError| {
        Problem::failed("site-folder", error.to_string())
            .next("name the folder of a site, with its site.toml, and group.toml where that says")
    };
    let file = SiteFile::load(&folder.join("site.toml")).map_err(config)?;
    let group = GroupFile::load(&file.group).map_err(config)?;
    let stopped = stopped(&group, &file.data).map_err(|error| {
        let next = match &error {
            StoppedError::Nothing => "correct `data` in its site.toml",
            StoppedError::NoState => "use another site's folder, or an earlier backup",
            _ => "stop the site first; if it is stopped, use another site's folder",
        };
        let what = Failure::chain(Exit::Failed, &error).to_string();
        Problem::failed("site-folder", format!("{}: {what}", folder.display())).next(next)
    })?;
    Ok(Survivor {
        name: file.name,
        group,
        stopped,
    })
}
