use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::ConfigError;
use crate::file::{folder, parse, read, save_toml};

const COMMENT: &str = "# One site of a group. Relative paths start at this file's folder.";

/// What a site daemon needs besides the group's file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteFile {
    /// The group's file.
    pub group: PathBuf,
    /// Which of the group's sites this is.
    pub name: String,
    /// The folder of its log and snapshots.
    pub data: PathBuf,
    /// The file of its key.
    pub key: PathBuf,
    /// Where it accepts links. May differ from the address in the group's file, which is what
    /// others dial.
    pub listen: SocketAddr,
    /// Where its own HTTP interface listens, if anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<SocketAddr>,
    /// The file of the token that its HTTP interface asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<PathBuf>,
}

impl SiteFile {
    /// Reads a site's file. Its paths come back joined to the file's folder.
    ///
    /// # Errors
    /// If the file cannot be read or is no site's file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let mut file: Self = parse(path, &read(path)?)?;
        let folder = folder(path);
        for relative in [&mut file.group, &mut file.data, &mut file.key] {
            *relative = folder.join(&relative);
        }
        file.token = file.token.map(|token| folder.join(token));
        Ok(file)
    }

    /// Writes a site's file, its paths as they are.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), ConfigError> {
        save_toml(path, COMMENT, self)
    }
}
