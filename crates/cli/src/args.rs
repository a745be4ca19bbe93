//! What was typed, validated and nothing more.

use std::net::SocketAddr;
use std::num::NonZeroU8;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use maftia_types::{CoinUse, FaultModel};

/// Intrusion-tolerant middleware: a service on n sites stays right while an attacker owns f of them.
#[derive(Debug, Parser)]
#[command(name = "maftia", version, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 done, 1 refused or failed, 2 usage, 3 outcome unknown; a \
                        site: 4 its disk failed or is full, 5 alarm (more than f sites intruded)\n\n\
                        Start here:  maftia demo"
)]
pub(crate) struct Typed {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run an agent: HTTP/JSON on this machine, voting over the sites' answers
    Agent {
        #[command(subcommand)]
        command: crate::agent::AgentCommand,
    },
    /// Show a broadcast or an agreement among sites in this process, message by message
    Agree(crate::agree::Agree),
    /// Make a site of a running `demo` or `dev` misbehave, or end it
    Attack(crate::attack::Attack),
    /// Copy a group's whole state to a file, check such a file, and make a new group of it
    Backup(crate::backup::args::Backup),
    /// Read and check public randomness that nobody can choose or foresee
    Beacon(crate::beacon::Beacon),
    /// Measure throughput and latency of a group on a real disk
    Bench(crate::bench::args::Bench),
    /// Show how keys are being made, and which sites that waits for
    Ceremony(crate::ceremony::Ceremony),
    /// Send messages to the members of a channel, and receive them, all in one order
    Channel(crate::channel::args::Channel),
    /// Run four sites here, temporarily; with --for, attack one and give a verdict
    Demo(crate::demo::args::Demo),
    /// Run a group here that keeps its state in a folder
    Dev(crate::dev::Dev),
    /// Show, export and check proofs that a site misbehaved
    Evidence(crate::evidence::Evidence),
    /// Show and change which sites the group has
    Group(crate::group::args::Group),
    /// Write the configuration and keys of a new group, or of a site that is to join one
    Init(Init),
    /// Make and use keys that no site holds
    Key(crate::key::args::Key),
    /// Read and write the replicated key-value store
    Kv(crate::kv::args::Kv),
    /// Run a site of a group
    Site {
        #[command(subcommand)]
        command: SiteCommand,
    },
    /// Show how many intrusions the group still tolerates, and its sites
    Status(crate::status::Args),
    /// Check a proof that `maftia kv get --proof` wrote, without any group
    Verify(crate::verify::Verify),
}

#[derive(Debug, Args)]
#[command(
    subcommand_negates_reqs = true,
    args_conflicts_with_subcommands = true,
    after_help = "Example:\n  maftia init --dir ./group --sites 4 --address 10.0.0.1:7100 \
                        --address 10.0.0.2:7100 --address 10.0.0.3:7100 --address 10.0.0.4:7100"
)]
pub(crate) struct Init {
    #[command(subcommand)]
    pub(crate) what: Option<InitCommand>,
    /// Folder to write to; must not exist or be empty
    #[arg(long, value_name = "DIR", required = true)]
    pub(crate) dir: Option<PathBuf>,
    /// What is assumed of the sites: arbitrary (some may be intruded), crash (2c+1 sites of which c
    /// may stop; no defence against intrusion), or hybrid (needs a trusted device at every site)
    #[arg(long, value_name = "MODEL", default_value = "arbitrary", value_parser = any_model)]
    pub(crate) model: FaultModel,
    /// Number of sites; a group of 3f+1 tolerates f intruded ones
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) sites: u8,
    /// Address of each site, once per site; without it, consecutive loopback ports from 7101
    #[arg(long = "address", value_name = "IP:PORT")]
    pub(crate) addresses: Vec<SocketAddr>,
    /// Name of a client to make a key for; may be repeated
    #[arg(long = "client", value_name = "NAME", default_values_t = [String::from("agent")])]
    pub(crate) clients: Vec<String>,
    /// Final after two message delays where almost all sites agree: on (default) or off
    #[arg(long, value_name = "ON|OFF", value_parser = on_or_off)]
    pub(crate) fast_path: Option<bool>,
    /// When a coin names leaders, which no scheduler can stop: never, auto or always
    #[arg(long, value_name = "WHEN", default_value = "never", value_parser = coin_use)]
    pub(crate) asynchronous: CoinUse,
    /// How many clients must approve a change of the sites, the one that proposes it among them
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) member_approvals: NonZeroU8,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum InitCommand {
    /// Make the key and configuration of a site that is to join a group
    Joiner(InitJoiner),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Run it where the site will run: its key never leaves that machine.\n\nExample:\n  \
                  maftia init joiner --name E --address 10.0.0.5:7100 --dir ./E"
)]
pub(crate) struct InitJoiner {
    /// The site's name
    #[arg(long)]
    pub(crate) name: String,
    /// Where the other sites dial it
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) address: SocketAddr,
    /// Where its own HTTP interface is to listen, if anywhere
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) http: Option<SocketAddr>,
    /// Folder to write to; must not exist or be empty
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SiteCommand {
    /// Run a site until it is told to stop
    Run(SiteRun),
}

#[derive(Debug, Args)]
pub(crate) struct SiteRun {
    /// The site's configuration
    #[arg(long, value_name = "FILE", default_value = "site.toml")]
    pub(crate) config: PathBuf,
    /// Write logs as JSON lines
    #[arg(long)]
    pub(crate) json: bool,
    /// Take orders on the channel inherited from `demo` or `dev`
    #[arg(long, hide = true)]
    pub(crate) harness: bool,
}

/// The value of a switch.
pub(crate) fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("say on or off".to_owned()),
    }
}

/// When a coin names leaders.
pub(crate) fn coin_use(text: &str) -> Result<CoinUse, String> {
    text.parse()
        .map_err(|error: maftia_types::NoCoinUse| error.to_string())
}

/// A fault model: whether a group can have it, its configuration says.
pub(crate) fn any_model(text: &str) -> Result<FaultModel, String> {
    [FaultModel::Arbitrary, FaultModel::Hybrid, FaultModel::Crash]
        .into_iter()
        .find(|model| model.to_string() == text)
        .ok_or_else(|| "say arbitrary, hybrid or crash".to_owned())
}

/// A fault model that a group of real processes can have.
pub(crate) fn model(text: &str) -> Result<FaultModel, String> {
    let known = [FaultModel::Arbitrary, FaultModel::Hybrid, FaultModel::Crash];
    match known.into_iter().find(|model| model.to_string() == text) {
        Some(FaultModel::Arbitrary) => Ok(FaultModel::Arbitrary),
        Some(other) => Err(format!(
            "the demo's attacks are on sites that may do anything, not on {other} ones; say arbitrary"
        )),
        None => Err("the models are arbitrary, hybrid and crash".to_owned()),
    }
}
