//! What was typed after `maftia backup`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::http::Connection;

#[derive(Debug, Args)]
#[command(
    after_help = "A backup holds the whole state: the store's values in clear, so keep it as you \
                  keep them; no key of a site and no share of the group's keys, so nobody can \
                  sign with it.\n\nExamples:\n  maftia backup create vault.backup\n  maftia \
                  backup verify vault.backup --key group.key\n  maftia backup restore \
                  vault.backup --key group.key --dir ./again"
)]
pub(crate) struct Backup {
    #[command(subcommand)]
    pub(crate) command: BackupCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Copy the group's state, as it has signed it, to a file
    Create(Create),
    /// Check a backup, asking nobody, and say what is in it
    Verify(Verify),
    /// Show what a new group made of a backup would lose; with --yes, make it
    Restore(Restore),
}

#[derive(Debug, Args)]
#[command(
    after_help = "In the backup is everything that was confirmed before the command was typed. An \
                  attempt that was cut off leaves FILE.part; typed again, it goes on from \
                  there.\n\nWith --from-site the newest state of a stopped site is copied, for a \
                  group that lost too many sites to sign one. It is that site's word \
                  alone. If its newest snapshot is damaged, nothing is written, unless with \
                  --older-snapshot.\n\nExamples:\n  maftia backup create vault.backup\n  maftia \
                  backup create today.backup --reuse yesterday.backup\n  maftia backup create \
                  last.backup --from-site ./group/sites/B"
)]
pub(crate) struct Create {
    /// File to write, in place of what is there once the backup is whole
    pub(crate) file: PathBuf,
    /// Folder of a stopped site, with its site.toml, instead of asking the group
    #[arg(long, value_name = "DIR", conflicts_with = "reuse")]
    pub(crate) from_site: Option<PathBuf>,
    /// Of a site whose newest snapshot is damaged, copy the older state that can be read
    #[arg(long, requires = "from_site")]
    pub(crate) older_snapshot: bool,
    /// An earlier backup, from which what has not changed is taken
    #[arg(long, value_name = "FILE")]
    pub(crate) reuse: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) connection: Connection,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Without --key the signature is checked under the key that is in the file: \
                  compare what is printed with the group's key, from a place you \
                  trust.\n\nExample:\n  maftia key export group --format raw -o group.key\n  \
                  maftia backup verify vault.backup --key group.key"
)]
pub(crate) struct Verify {
    /// The backup
    pub(crate) file: PathBuf,
    /// The group's public key: 192 hexadecimal digits, or a file of these or of the 96 bytes
    #[arg(long, value_name = "HEX|FILE")]
    pub(crate) key: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Without --yes nothing is written: it shows what would be lost. The new group \
                  has new keys, sites and a fingerprint of its own; the former one, if it lives \
                  or comes back, and any other that is made of this backup, have no part in \
                  it.\n\nA signed backup is made a group of with --key only: anybody can sign a \
                  state of their own with a key of their own, and write that key into the \
                  file.\n\nExamples:\n  maftia backup restore vault.backup --survivor \
                  ./group/sites/B\n  maftia backup restore vault.backup --key group.key --dir \
                  ./again --yes"
)]
pub(crate) struct Restore {
    /// The backup
    pub(crate) file: PathBuf,
    /// Folder for the new group; must not exist or be empty
    #[arg(long, value_name = "DIR", required_if_eq("yes", "true"))]
    pub(crate) dir: Option<PathBuf>,
    /// Address of each site, once per site; without it, those of the former sites
    #[arg(long = "address", value_name = "IP:PORT")]
    pub(crate) addresses: Vec<SocketAddr>,
    /// Name of a client that gets a new key, having lost its own; may be repeated
    #[arg(long = "client", value_name = "NAME")]
    pub(crate) clients: Vec<String>,
    /// Folder of a former site, stopped, with which to compare; may be repeated
    #[arg(long = "survivor", value_name = "DIR")]
    pub(crate) survivors: Vec<PathBuf>,
    /// The former group's public key: 192 hexadecimal digits, or a file of these or of the 96 bytes
    #[arg(long, value_name = "HEX|FILE")]
    pub(crate) key: Option<String>,
    /// Believe that the key in a signed backup is the former group's, instead of --key
    #[arg(long, conflicts_with = "key")]
    pub(crate) trust_key_in_file: bool,
    /// Believe the one site of which the backup is, since no group has signed it
    #[arg(long)]
    pub(crate) accept_unsigned: bool,
    /// Make the new group although so many of the former sites answer that their group may live
    #[arg(long)]
    pub(crate) beside_living: bool,
    /// Make it; without this, only show what would be lost
    #[arg(long)]
    pub(crate) yes: bool,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
