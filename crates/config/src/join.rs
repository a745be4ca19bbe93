use std::net::SocketAddr;
use std::path::Path;

use maftia_crypto::PublicKey;
use maftia_membership::is_name;
use serde::{Deserialize, Serialize};

use crate::ConfigError;
use crate::file::{parse, read, save_toml};

const COMMENT: &str = "\
# A site that is to join a group. Hand this to its operator: there is nothing secret in it.";

/// What a group must know of a site that is to join it (`join.toml`).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinFile {
    /// Its name.
    pub name: String,
    /// Its public key. Made for this: a key that has been a site's before is not let in again.
    #[serde(with = "crate::spelling::key")]
    pub key: PublicKey,
    /// Where others dial it.
    pub address: SocketAddr,
    /// Where its HTTP interface listens, if others are to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<SocketAddr>,
}

impl JoinFile {
    /// Reads a joining site's file.
    ///
    /// # Errors
    /// If the file cannot be read or describes no site.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let file: Self = parse(path, &read(path)?)?;
        if !is_name(&file.name) {
            let what = format!("`{}` is no name of a site", file.name);
            let next = "use 1 to 32 letters, digits, `-` or `_`";
            return Err(ConfigError::new(path, what, next));
        }
        Ok(file)
    }

    /// Writes a joining site's file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), ConfigError> {
        save_toml(path, COMMENT, self)
    }
}
