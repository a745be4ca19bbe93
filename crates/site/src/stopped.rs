//! The state that a site has left which was stopped, or whose group has too few sites to go on.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use maftia_config::GroupFile;
use maftia_crypto::SigningKey;
use maftia_membership::Certificate;
use maftia_ordering::Identity;
use maftia_replica::{Beginning, Boot, BootError, Copied, Replica};
use maftia_types::{SITES_MAX, SiteId, Time};

use crate::chain::ChainFile;
use crate::daemon::suite;
use crate::run::{beginning, parameters, settings};
use crate::store::{Incomplete, Peeked, StoreError, exists, peek};

/// What a stopped site has left.
#[derive(Debug)]
pub struct Stopped {
    /// Its state after the last commit that its log determines.
    pub copied: Copied,
    /// The files of its newest snapshots that are damaged: then the state is of an older one, and
    /// what its log has above that. It may be older than what the site had.
    pub damaged: Vec<PathBuf>,
    /// The certificates that it has kept.
    pub chain: Vec<Certificate>,
}

/// Why nothing can be taken from a stopped site.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoppedError {
    /// There is no site's data.
    #[error("no site has kept anything there")]
    Nothing,
    /// It holds no state of the group's last epoch, only a place for one.
    #[error("it holds no state: this site was still fetching one")]
    NoState,
    /// What it holds is not its whole state.
    #[error(transparent)]
    Incomplete(#[from] Incomplete),
    /// The log or the snapshots.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The snapshot.
    #[error(transparent)]
    Boot(#[from] BootError),
}

/// Reads what a stopped site has left in its data folder: its newest snapshot that can be read, and
/// the commits that its log determines above it. Nobody is told anything, and nothing is signed: the
/// log is read as by one who only follows it.
///
/// # Errors
/// [`StoppedError`]; among others if the site still runs.
///
/// # Panics
/// Never: a group may have one site at least, so there is a last one of those it may have.
pub fn stopped(group: &GroupFile, data: &Path) -> Result<Stopped, StoppedError> {
    if !exists(data) {
        return Err(StoppedError::Nothing);
    }
    let Peeked { boot, damaged } = peek(data)?;
    let chain = ChainFile::new(data).read();
    let parameters = parameters(group);
    let clients = (group.powers(), group.group().keys.approvals.get());
    let settings = settings(group);
    let machine = suite(&parameters, settings.coin, group.site_keys(), clients);
    let boot = Boot {
        beginning: Some(Beginning {
            chain: chain.clone(),
            ..beginning(group)
        }),
        ..boot
    };
    let stranger = SiteId::all(SITES_MAX).last();
    let identity = Identity {
        me: stranger.expect("a group may have one site at least"),
        // Of no site: it signs nothing.
        key: SigningKey::generate(&mut rand::rng()),
        keys: group.site_keys(),
    };
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = u64::try_from(since.unwrap_or_default().as_nanos()).unwrap_or(u64::MAX / 2);
    let now = Time::from_nanos(now);
    let machine = Box::new(machine);
    let booted = Replica::boot(parameters, settings, identity, machine, boot, now);
    let (mut replica, _unsaid) = booted?;
    let copied = replica.copy().ok_or(StoppedError::NoState)?;
    Ok(Stopped {
        copied,
        damaged,
        chain,
    })
}
