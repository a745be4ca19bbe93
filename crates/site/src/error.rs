use maftia_storage::LogFailed;
use maftia_types::Alarm;

use crate::store::StoreError;
use crate::vault::VaultFailed;

/// Why a site stopped or did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SiteError {
    /// More than f sites are intruded, or this program is wrong.
    #[error("alarm: {0}")]
    Alarm(Alarm),
    /// The replica cannot start from what the disk holds.
    #[error(transparent)]
    Boot(#[from] maftia_replica::BootError),
    /// The site's shares of the group's keys are damaged or another site's.
    #[error("{0}: put its file back, or replace this site")]
    Vault(#[from] maftia_activity::keys::VaultError),
    /// The disk failed or is full: nothing that is not durable leaves this site.
    #[error("the disk failed; the other sites go on without this one")]
    Disk(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// This site has no seat in the group since this epoch.
    #[error("this site has left the group: it has no seat since epoch {0}")]
    Left(maftia_types::Epoch),
    /// The listening addresses or links.
    #[error(transparent)]
    Links(#[from] maftia_multipoint::StartError),
    /// The HTTP listener.
    #[error("cannot serve HTTP on {address}")]
    Http {
        /// Where.
        address: std::net::SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl From<LogFailed> for SiteError {
    fn from(error: LogFailed) -> Self {
        Self::Disk(Box::new(error))
    }
}

impl From<StoreError> for SiteError {
    fn from(error: StoreError) -> Self {
        Self::Disk(Box::new(error))
    }
}

impl From<VaultFailed> for SiteError {
    fn from(error: VaultFailed) -> Self {
        Self::Disk(Box::new(error))
    }
}
