//! `maftia key`: keys that no site holds, through the agent.

pub(crate) mod api;
pub(crate) mod args;
mod check;
mod commands;
mod seal;
mod sign;

use self::args::{Key, KeyCommand};
use crate::failure::Failure;

pub(crate) fn run(typed: &Key) -> Result<(), Failure> {
    let (json, result) = match &typed.command {
        KeyCommand::Create(it) => (it.common.json, commands::create(it)),
        KeyCommand::Decrypt(it) => (it.common.json, seal::decrypt(it)),
        KeyCommand::Encrypt(it) => (it.common.json, seal::encrypt(it)),
        KeyCommand::Export(it) => (it.common.json, commands::export(it)),
        KeyCommand::List(it) => (it.common.json, commands::list(it)),
        KeyCommand::Refresh(it) => (it.common.json, commands::refresh(it)),
        KeyCommand::Retire(it) => (it.common.json, commands::retire(it)),
        KeyCommand::Show(it) => (it.common.json, commands::show(it)),
        KeyCommand::Sign(it) => (it.common.json, sign::sign(it)),
        KeyCommand::Verify(it) => (it.common.json, sign::verify(it)),
    };
    result.or_else(|problem| api::hint(problem).end(json))
}
