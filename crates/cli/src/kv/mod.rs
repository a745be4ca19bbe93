//! `maftia kv`: the replicated key-value store through the agent.

mod api;
pub(crate) mod args;
mod commands;
pub(crate) mod percent;
mod proof;
pub(crate) mod show;
mod tree;

use self::args::{Kv, KvCommand};
use crate::failure::Failure;

pub(crate) fn run(typed: &Kv) -> Result<(), Failure> {
    let (json, result) = match &typed.command {
        KvCommand::Put(it) => (it.write.common.json, commands::put(it)),
        KvCommand::Get(it) => (it.common.json, commands::get(it)),
        KvCommand::Del(it) => (it.write.common.json, commands::del(it)),
        KvCommand::List(it) => (it.common.json, commands::list(it)),
        KvCommand::Txn(it) => (it.write.common.json, commands::txn(it)),
        KvCommand::Import(it) => (it.common.json, tree::import(it)),
        KvCommand::Export(it) => (it.common.json, tree::export(it)),
    };
    result.or_else(|problem| problem.end(json))
}
