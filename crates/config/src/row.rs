//! What a group's file says of its fault model, and whether such a group can be had.

use maftia_crypto::Hasher;
use maftia_types::{FaultModel, Resilience};

use crate::group::{Group, GroupError};

/// Why the model of a group cannot be had.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RowError {
    /// The sites have no trusted devices.
    #[error(
        "model = \"hybrid\" needs a trusted device at every site that seals its blocks, and this \
         version knows of none: without it one intruded site of three could make the other two \
         disagree; use \"arbitrary\", or \"crash\" where no site is ever intruded"
    )]
    NoDevices,
    /// Stopped sites are counted apart in the crash model only.
    #[error("c = {0}: only model = \"crash\" has it; elsewhere a site that stops is one of the f")]
    Stopped(usize),
}

/// n, f, c and every threshold.
///
/// # Errors
/// If the model cannot be had, or the sites do not carry it.
pub(crate) fn resilience(group: &Group) -> Result<Resilience, GroupError> {
    match group.model {
        FaultModel::Hybrid => return Err(RowError::NoDevices.into()),
        FaultModel::Arbitrary if group.c > 0 => return Err(RowError::Stopped(group.c).into()),
        FaultModel::Arbitrary | FaultModel::Crash => {}
    }
    let resilience = Resilience::new(group.model, group.sites.len(), group.f, group.c)?;
    if group.asynchronous.needs_key() && !resilience.hides_dealt_secrets() {
        return Err(GroupError::Asynchronous(group.asynchronous));
    }
    Ok(resilience)
}

/// Puts into a group's digest what most groups do not have: theirs is as old as the format.
pub(crate) fn hash(group: &Group, hasher: &mut Hasher) {
    if group.c > 0 {
        let name = "stopped";
        hasher.number(name.len() as u64).update(name.as_bytes());
        hasher.number(group.c as u64);
    }
}

pub(crate) const fn is_zero(c: &usize) -> bool {
    *c == 0
}
