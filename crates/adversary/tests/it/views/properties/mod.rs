//! The promises of a group whose sites change, each with arithmetic of its own.

use maftia_simulator::{Observation, Violation};

use super::host::Host;

mod holders;
mod keys;
mod rarities;
mod sanity;
mod settled;
mod signed;
mod views;

pub(crate) use holders::Holders;
pub(crate) use keys::Keys;
pub(crate) use rarities::Rarities;
pub(crate) use sanity::Sanity;
pub(crate) use settled::Settled;
pub(crate) use signed::Signed;
pub(crate) use views::Views;

type Seen<'a> = Observation<'a, Host>;

fn broken(property: &str, text: String) -> Result<(), Violation> {
    Err(Violation::new(property, text))
}
