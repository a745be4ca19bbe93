//! What was typed after `maftia group`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::kv::args::{Common, Write};

#[derive(Debug, Args)]
#[command(
    after_help = "Sites come and go one change at a time, agreed by clients with the power over \
                  members.\n\nExamples:\n  maftia group show\n  maftia group propose replace C \
                  join.toml --yes --wait\n  maftia group export --out group.toml"
)]
pub(crate) struct Group {
    #[command(subcommand)]
    pub(crate) command: GroupCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GroupCommand {
    /// Approve a proposal of another client
    #[command(visible_alias = "vote")]
    Approve(Approve),
    /// Write the group's file of today, for sites that join and new clients
    Export(Export),
    /// List the changes that were made, and those that were given up
    History(Plain),
    /// Propose to add, remove or replace sites, or to tolerate more or fewer intrusions
    Propose(Propose),
    /// Show the sites, the change under way, and what waits for approvals
    Show(Plain),
    /// Take a proposal back
    Withdraw(Withdraw),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  maftia group show\n  maftia group history")]
pub(crate) struct Plain {
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Nobody votes against: a proposal that too few approve lapses after three days, \
                  and who made it may withdraw it.\n\nExample:\n  maftia group approve 3 --wait"
)]
pub(crate) struct Approve {
    /// The proposal's number, as `maftia group show` lists it
    pub(crate) proposal: u64,
    /// Wait until the change was made or given up
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) write: Write,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  maftia group withdraw 3")]
pub(crate) struct Withdraw {
    /// The proposal's number
    pub(crate) proposal: u64,
    #[command(flatten)]
    pub(crate) write: Write,
}

#[derive(Debug, Args)]
#[command(
    after_help = "While a change is under way, the file also names the sites that join: hand it to \
                  them.\n\nExample:\n  maftia group export --out group.toml"
)]
pub(crate) struct Export {
    /// File to write, in place of what is there; `-` is standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
#[command(
    after_help = "What would change is shown first, and proposed only with --yes or --json.\n\n\
                  Examples:\n  maftia group propose replace C join.toml\n  maftia group propose add \
                  join.toml --f 2 --yes\n  maftia group propose remove C --f 0 --yes --wait"
)]
pub(crate) struct Propose {
    #[command(subcommand)]
    pub(crate) command: ProposeCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProposeCommand {
    /// One more site
    Add(Add),
    /// One site less
    Remove(Remove),
    /// Another site in the place of one
    Replace(Replace),
    /// Another number of intruded sites to be tolerated, by the same sites
    SetF(SetF),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  maftia group propose add join.toml --yes")]
pub(crate) struct Add {
    #[command(flatten)]
    pub(crate) joiner: Joiner,
    #[command(flatten)]
    pub(crate) options: Options,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  maftia group propose remove C --f 0 --yes")]
pub(crate) struct Remove {
    /// The site that goes
    pub(crate) site: String,
    #[command(flatten)]
    pub(crate) options: Options,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  maftia group propose replace C join.toml --yes --wait")]
pub(crate) struct Replace {
    /// The site that goes
    pub(crate) site: String,
    #[command(flatten)]
    pub(crate) joiner: Joiner,
    #[command(flatten)]
    pub(crate) options: Options,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  maftia group propose set-f 2 --yes")]
pub(crate) struct SetF {
    /// How many sites may be intruded
    #[arg(value_name = "F")]
    pub(crate) tolerated: u8,
    #[command(flatten)]
    pub(crate) options: Submit,
}

/// The site that comes: its file, or what stands in it.
#[derive(Debug, Args)]
pub(crate) struct Joiner {
    /// The `join.toml` that `maftia init joiner` has written
    #[arg(value_name = "FILE", required_unless_present = "name",
          conflicts_with_all = ["name", "key", "address", "http"])]
    pub(crate) file: Option<PathBuf>,
    /// Its name, instead of a file
    #[arg(long, requires_all = ["key", "address"])]
    pub(crate) name: Option<String>,
    /// Its public key, 64 hexadecimal digits
    #[arg(long, requires = "name", value_name = "HEX")]
    pub(crate) key: Option<String>,
    /// Where others dial it
    #[arg(long, requires = "name", value_name = "IP:PORT")]
    pub(crate) address: Option<SocketAddr>,
    /// Where its HTTP interface listens, if others are to know
    #[arg(long, requires = "name", value_name = "IP:PORT")]
    pub(crate) http: Option<SocketAddr>,
}

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many sites may be intruded from then on; without it, as many as now
    #[arg(long, value_name = "F")]
    pub(crate) f: Option<u8>,
    #[command(flatten)]
    pub(crate) submit: Submit,
}

#[derive(Debug, Args)]
pub(crate) struct Submit {
    /// Propose it; without this, only show what it would change
    #[arg(long)]
    pub(crate) yes: bool,
    /// Wait until the change was made or given up
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) write: Write,
}
