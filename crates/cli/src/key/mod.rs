//! `maftia key`: keys that no site holds, through the agent.

pub(crate) mod api;
pub(crate) mod args;
mod audit;
mod check;
mod commands;
mod manage;
mod seal;
mod sign;

use self::args::{Key, KeyCommand};
use crate::failure::Failure;

pub(crate) fn run(typed: &Key) -> Result<(), Failure> {
    let (json, result) = match &typed.command {
        KeyCommand::Approve(it) => (it.write.common.json, manage::approve(it)),
        KeyCommand::Audit(it) => (it.common.json, audit::audit(it)),
        KeyCommand::Create(it) => (it.write.common.json, manage::create(it)),
        KeyCommand::Decrypt(it) => (it.common.json, seal::decrypt(it)),
        KeyCommand::Encrypt(it) => (it.common.json, seal::encrypt(it)),
        KeyCommand::Export(it) => (it.common.json, commands::export(it)),
        KeyCommand::List(it) => (it.common.json, commands::list(it)),
        KeyCommand::Permit(it) => (it.write.common.json, manage::permit(it)),
        KeyCommand::Proposals(it) => (it.common.json, manage::proposals(it)),
        KeyCommand::Refresh(it) => (it.write.common.json, manage::refresh(it)),
        KeyCommand::Retire(it) => (it.write.common.json, manage::retire(it)),
        KeyCommand::Rotate(it) => (it.write.common.json, manage::rotate(it)),
        KeyCommand::Show(it) => (it.common.json, commands::show(it)),
        KeyCommand::Sign(it) => (it.write.common.json, sign::sign(it)),
        KeyCommand::Slots(it) => (it.common.json, commands::slots(it)),
        KeyCommand::Verify(it) => (it.common.json, sign::verify(it)),
    };
    result.or_else(|problem| api::hint(problem).end(json))
}
