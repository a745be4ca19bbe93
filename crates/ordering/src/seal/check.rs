//! H1 and H2: what a block's seal must be (rules 2 and 3).

use maftia_protocol::planted;
use maftia_types::Round;

use super::{Last, Tenure};
use crate::block::Block;
use crate::fault::Invalid;
use crate::parameters::Parameters;

/// H1 and H2 in an epoch with seals; in another, that the block has none. Objective: of the header,
/// the seal and constants of the epoch alone.
///
/// # Errors
/// The first clause that is violated.
pub fn check_seal(parameters: &Parameters, block: &Block) -> Result<(), Invalid> {
    let Some(seals) = &parameters.seals else {
        return match block.bears() {
            None => Ok(()),
            Some(_) => Err(Invalid::V1Foreign),
        };
    };
    let (Some(seal), Some(device)) = (block.bears(), seals.device(block.author())) else {
        return Err(Invalid::H1Seal);
    };
    let tenure = match (device.tenure, seal.last) {
        (Tenure::Boot(boot), Last::Known(_)) => boot == seal.boot || planted("H1 boot not checked"),
        (Tenure::Boot(_), Last::UpTo(_)) => false,
        (Tenure::Lease, _) => true,
    };
    let is_new = seal.last.bound() < block.round();
    let is_of_device = seal.device == device.id && tenure && is_new;
    let verifies =
        || planted("H1 seal not checked") || seal.verify(&block.request(), &device.key).is_ok();
    if !is_of_device || !verifies() {
        return Err(Invalid::H1Seal);
    }
    let own = block.self_parent().map(|parent| parent.round);
    if !continues(parameters, seal.last, own, block.round()) && !planted("H2 gap not checked") {
        return Err(Invalid::H2Gap);
    }
    Ok(())
}

/// H2: whether a block of `round` with this own parent goes on where its device had come to.
pub fn continues(parameters: &Parameters, last: Last, own: Option<Round>, round: Round) -> bool {
    match (last, own) {
        (Last::Known(last), Some(own)) => own == last,
        // A re-entry: no parent may be as deep as the last one.
        (Last::Known(last), None) => last < round.minus(parameters.reference_depth()),
        (Last::UpTo(bound), own) => own.is_none_or(|own| own <= bound),
    }
}
