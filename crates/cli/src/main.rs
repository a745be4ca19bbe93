//! The `maftia` program.

mod agent;
mod agree;
mod args;
mod attack;
mod backup;
mod beacon;
mod bench;
mod ceremony;
mod channel;
mod coin;
mod demo;
mod dev;
mod evidence;
mod failure;
mod files;
mod front;
mod group;
mod group_dir;
mod http;
mod init;
mod joiner;
mod key;
mod kv;
mod local;
mod output;
mod site;
mod status;
mod verify;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Command, SiteCommand, Typed};
use crate::failure::Failure;

fn main() -> ExitCode {
    let typed = Typed::parse();
    match run(typed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(typed: Typed) -> Result<(), Failure> {
    match typed.command {
        Command::Agent {
            command: agent::AgentCommand::Run(run),
        } => agent::run(run),
        Command::Agree(typed) => agree::run(&typed),
        Command::Attack(typed) => attack::run(&typed),
        Command::Backup(typed) => backup::run(&typed),
        Command::Beacon(typed) => beacon::run(&typed),
        Command::Bench(typed) => bench::run(&typed),
        Command::Ceremony(typed) => ceremony::run(&typed),
        Command::Channel(typed) => channel::run(&typed),
        Command::Demo(typed) => demo::run(&typed),
        Command::Dev(typed) => dev::run(&typed),
        Command::Evidence(typed) => evidence::run(&typed),
        Command::Group(typed) => group::run(&typed),
        Command::Init(init) => init::run(&init),
        Command::Key(key) => key::run(&key),
        Command::Kv(kv) => kv::run(&kv),
        Command::Site {
            command: SiteCommand::Run(run),
        } => site::run(&run),
        Command::Status(status) => status::run(&status),
        Command::Verify(typed) => verify::run(&typed),
    }
}
