//! `maftia group`: which sites the group has, and how that changes, through the agent.

mod api;
pub(crate) mod args;
mod commands;
mod propose;
mod text;
mod wait;

use self::args::{Group, GroupCommand};
use crate::failure::Failure;

pub(crate) fn run(typed: &Group) -> Result<(), Failure> {
    let (json, result) = match &typed.command {
        GroupCommand::Approve(it) => (it.write.common.json, propose::approve(it)),
        GroupCommand::Export(it) => (it.common.json, commands::export(it)),
        GroupCommand::History(it) => (it.common.json, commands::history(it)),
        GroupCommand::Propose(it) => {
            let asked = propose::Asked::of(&it.command);
            (asked.options.write.common.json, propose::propose(&asked))
        }
        GroupCommand::Show(it) => (it.common.json, commands::show(it)),
        GroupCommand::Withdraw(it) => (it.write.common.json, commands::withdraw(it)),
    };
    result.or_else(|problem| api::hint(problem).end(json))
}
