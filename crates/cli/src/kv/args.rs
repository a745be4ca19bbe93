//! What was typed after `maftia kv`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::http::Connection;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  maftia kv put greeting hello\n  maftia kv get greeting\n  \
                  maftia kv list --keys-only\n  maftia kv import ./site --prefix site/"
)]
pub(crate) struct Kv {
    #[command(subcommand)]
    pub(crate) command: KvCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KvCommand {
    /// Set a key
    Put(Put),
    /// Print a key's value
    Get(Get),
    /// Delete a key
    Del(Del),
    /// List keys in order
    List(List),
    /// Compare, then write or read several keys at once
    Txn(Txn),
    /// Store a directory tree
    Import(Import),
    /// Write a stored directory tree to a directory
    Export(Export),
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Common {
    #[command(flatten)]
    pub(crate) connection: Connection,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of every command that changes something.
#[derive(Debug, Args)]
pub(crate) struct Write {
    /// Id of an earlier attempt at the same request whose outcome is unknown
    #[arg(long, value_name = "ID", value_parser = request_id)]
    pub(crate) request_id: Option<String>,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
#[command(
    after_help = "A value that begins with @ is given through -.\n\nExamples:\n  \
                  maftia kv put greeting hello\n  maftia kv put config/app @app.toml\n  \
                  date | maftia kv put last-run -"
)]
pub(crate) struct Put {
    /// The key, 1 to 1024 bytes
    pub(crate) key: OsString,
    /// The value, at most 1 MiB; `-` reads standard input, `@FILE` a file
    #[arg(allow_negative_numbers = true)]
    pub(crate) value: OsString,
    #[command(flatten)]
    pub(crate) write: Write,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Off a terminal, the output is the value and nothing else; on one, a line end is \
                  added.\n\nA proof is made of the newest state that the sites have signed together: after \
                  a write that takes some ten seconds.\n\nExamples:\n  maftia kv get greeting\n  \
                  maftia kv get photo -o photo.jpg\n  maftia kv get greeting --proof \
                  greeting.proof"
)]
pub(crate) struct Get {
    /// The key
    pub(crate) key: OsString,
    /// Write the value to a file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Write a proof to a file, which `maftia verify` checks without the group
    #[arg(long, value_name = "FILE")]
    pub(crate) proof: Option<PathBuf>,
    /// Print the value as it is, on a terminal too
    #[arg(long)]
    pub(crate) raw: bool,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  maftia kv del greeting")]
pub(crate) struct Del {
    /// The key
    pub(crate) key: OsString,
    #[command(flatten)]
    pub(crate) write: Write,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  maftia kv list config/\n  maftia kv list --limit 1000 --keys-only\n  \
                  maftia kv list --after greeting"
)]
pub(crate) struct List {
    /// Only keys that begin with this
    #[arg(default_value = "")]
    pub(crate) prefix: OsString,
    /// At most this many
    #[arg(long, default_value_t = 100, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
    /// Only keys above this one
    #[arg(long, value_name = "KEY")]
    pub(crate) after: Option<OsString>,
    /// Leave the values out
    #[arg(long)]
    pub(crate) keys_only: bool,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
#[command(after_help = "\
A transaction is JSON: if all of `compare` hold, `success` is done, otherwise `failure`. Keys and \
values are base64 in \"key\", \"value\" and \"prefix\", or text in \"key_text\", \"value_text\" and \
\"prefix_text\". Targets are version, create_revision, mod_revision and value; relations are equal, \
not_equal, less and greater; actions are put, get, delete, range, count and delete_range.

The answer is JSON. Exit code 1 if a comparison failed: `failure` was done.

Example: take a lock that nobody holds
  echo '{\"compare\":[{\"key_text\":\"lock\",\"relation\":\"equal\",
                     \"target\":{\"create_revision\":0}}],
         \"success\":[{\"put\":{\"key_text\":\"lock\",\"value_text\":\"me\"}}],
         \"failure\":[{\"get\":{\"key_text\":\"lock\"}}]}' | maftia kv txn")]
pub(crate) struct Txn {
    /// File of the transaction; `-` reads standard input
    #[arg(default_value = "-", value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) write: Write,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Files, directories (empty ones too), permission bits and modification times are \
                  kept; owners and set-user-id bits are not. Symbolic links, sockets, devices and pipes are refused: they are reported, \
                  the rest is stored, and the exit code is 1. A file is visible once all of it is \
                  stored; typing the command again goes on where it was interrupted. Run one \
                  import of a prefix at a time.\n\nExample:\n  maftia kv import ./site --prefix \
                  site/"
)]
pub(crate) struct Import {
    /// The directory
    pub(crate) dir: PathBuf,
    /// Under which keys to store it
    #[arg(long, default_value = "tree/")]
    pub(crate) prefix: OsString,
    /// Also remove stored files that DIR no longer has
    #[arg(long)]
    pub(crate) delete: bool,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Each file's size and digest are checked before it appears. What cannot be \
                  written is reported, the rest is written, and the exit code is 1.\n\nExample:\n  \
                  maftia kv export ./copy --prefix site/"
)]
pub(crate) struct Export {
    /// The directory; must not exist or be empty
    pub(crate) dir: PathBuf,
    /// Under which keys the tree is stored
    #[arg(long, default_value = "tree/")]
    pub(crate) prefix: OsString,
    /// Write into a directory that holds files, and replace those of the same name
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) common: Common,
}

fn request_id(text: &str) -> Result<String, String> {
    // It goes into a header as it is.
    if text.is_empty() || text.len() > 128 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("an id is 1 to 128 visible ASCII characters".into());
    }
    Ok(text.to_owned())
}
