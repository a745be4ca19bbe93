//! What was typed after `maftia key`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::kv::args::{Common, Write};

#[derive(Debug, Args)]
#[command(
    after_help = "Every group makes the keys `signing` (Ed25519), `group` (BLS) and `beacon` by \
                  itself.\n\nExamples:\n  maftia key list\n  maftia key sign signing notes.txt -o \
                  notes.sig\n  maftia key export signing --format pem"
)]
pub(crate) struct Key {
    #[command(subcommand)]
    pub(crate) command: KeyCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Approve a change of the keys that another client has proposed
    Approve(Approve),
    /// List what was done with the keys, and by whom
    Audit(Audit),
    /// Have the sites make a key together, and wait until it can be used
    Create(Create),
    /// Have the sites help to decrypt a file; it is opened here
    Decrypt(Decrypt),
    /// Encrypt a file to a key of scheme seal, here
    Encrypt(Encrypt),
    /// Print a public key for other programs
    Export(Export),
    /// List the keys
    List(List),
    /// Say who may use a key from now on
    Permit(Permit),
    /// List the changes that wait for approvals
    Proposals(List),
    /// Exchange all shares of a key for others; the public key stays
    Refresh(Named),
    /// Never use a key again, and have its shares erased
    Retire(Named),
    /// Make another key of the same name, and retire this one when that can be used
    Rotate(Named),
    /// Show a key
    Show(Show),
    /// Have the sites sign a file
    Sign(Sign),
    /// Show the highest slot used in each register of a key
    Slots(Show),
    /// Check a signature here, under the key that the group reports
    Verify(Verify),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Scheme {
    /// Threshold BLS on BLS12-381
    Bls,
    /// Signatures that any Ed25519 verifier accepts
    Ed25519,
    /// Threshold decryption
    Seal,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum SignatureFormat {
    /// The signature's bytes
    Raw,
    /// A detached CMS signature, PEM
    Cms,
    /// What `ssh-keygen -Y verify` reads
    Sshsig,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum KeyFormat {
    /// A line of `authorized_keys`
    Openssh,
    /// What OpenSSL reads
    Pem,
    /// The bytes; on a terminal, in hexadecimal
    Raw,
    /// A certificate that the key signs for itself: takes a signature of the sites
    X509,
}

#[derive(Debug, Args)]
#[command(
    after_help = "A key of scheme seal decrypts for the clients that --user names, and for nobody \
                  else.\n\nExamples:\n  maftia key create releases --scheme ed25519\n  maftia key \
                  create vault --scheme seal --user agent"
)]
pub(crate) struct Create {
    /// What to call it, 1 to 64 bytes
    pub(crate) name: String,
    /// What it is for
    #[arg(long)]
    pub(crate) scheme: Scheme,
    /// A client that may use it, as the group file names it; may be repeated. Without, everyone
    #[arg(long = "user", value_name = "CLIENT", required_if_eq("scheme", "seal"))]
    pub(crate) users: Vec<String>,
    /// Sign one message per slot, for ever, and none without a slot
    #[arg(long)]
    pub(crate) one_message_per_slot: bool,
    #[command(flatten)]
    pub(crate) write: Write,
}

#[derive(Debug, Args)]
#[command(
    after_help = "What else was decided when the key was created stays.\n\nExamples:\n  maftia key \
                  permit releases --user ci --user agent\n  maftia key permit releases --everyone"
)]
pub(crate) struct Permit {
    /// The key's name
    pub(crate) name: String,
    /// A client that may use it, as the group file names it; may be repeated
    #[arg(long = "user", value_name = "CLIENT", required_unless_present_any = ["everyone", "nobody"])]
    pub(crate) users: Vec<String>,
    /// Every client with the power to use keys may use it
    #[arg(long, conflicts_with_all = ["users", "nobody"])]
    pub(crate) everyone: bool,
    /// Nobody may use it
    #[arg(long, conflicts_with = "users")]
    pub(crate) nobody: bool,
    /// How often each may use it in a minute; as before, if not given
    #[arg(long, value_name = "N")]
    pub(crate) uses_per_minute: Option<u32>,
    #[command(flatten)]
    pub(crate) write: Write,
}

#[derive(Debug, Args)]
#[command(
    after_help = "The digest stands for this very change: read in `maftia key proposals` what it \
                  is.\n\nExample:\n  maftia key approve 3 5d1c..."
)]
pub(crate) struct Approve {
    /// The proposal's number
    pub(crate) proposal: u64,
    /// Its digest, in full
    pub(crate) digest: String,
    #[command(flatten)]
    pub(crate) write: Write,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Number, time, client, deed and key of each entry. Signatures are not listed. The \
                  group keeps the latest 1024; the chain's digest covers all there ever \
                  were.\n\nExamples:\n  maftia key audit\n  maftia key audit vault"
)]
pub(crate) struct Audit {
    /// Only what was done with the key of this name
    pub(crate) name: Option<String>,
    /// From that number on
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) from: u64,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  maftia key list")]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  maftia key show signing")]
pub(crate) struct Show {
    /// The key's name
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  maftia key refresh signing\n  maftia key rotate signing\n  maftia \
                  key retire old-releases"
)]
pub(crate) struct Named {
    /// The key's name
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) write: Write,
}

#[derive(Debug, Args)]
#[command(
    after_help = "A raw signature takes a file of at most 64 KiB; sshsig and cms hash longer ones \
                  first. A cms signature is checked with the certificate that `maftia key export \
                  --format x509` writes. Without -o, the signature goes to standard output; a raw one on a \
                  terminal in hexadecimal.\n\nExamples:\n  maftia key sign signing notes.txt -o \
                  notes.sig\n  maftia key sign signing release.tar --format sshsig --namespace \
                  file -o release.tar.sig"
)]
pub(crate) struct Sign {
    /// The key's name
    pub(crate) name: String,
    /// The file; `-` reads standard input
    pub(crate) file: PathBuf,
    /// What the signature looks like
    #[arg(long, default_value = "raw")]
    pub(crate) format: SignatureFormat,
    /// What an sshsig signature is for
    #[arg(long, value_name = "NS", default_value = "file")]
    pub(crate) namespace: String,
    /// For which slot: a register and a number in it, for a key of one message per slot
    #[arg(long, value_name = "REGISTER:NUMBER", value_parser = slot)]
    pub(crate) slot: Option<(String, u64)>,
    /// Write the signature to a file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) write: Write,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Exit code 1 if the signature is not valid.\n\nExamples:\n  maftia key verify \
                  signing notes.txt notes.sig\n  maftia key verify signing release.tar \
                  release.tar.sig --format sshsig --namespace file\n  maftia key verify --key \
                  signing.pem notes.txt notes.sig"
)]
pub(crate) struct Verify {
    /// The key's name, unless --key gives the key; the file, `-` for standard input; the file of the
    /// signature, a raw one as bytes or in hexadecimal
    #[arg(value_names = ["NAME", "FILE", "SIGNATURE"], num_args = 2..=3, required = true)]
    pub(crate) what: Vec<PathBuf>,
    /// An Ed25519 key as `maftia key export` wrote it, but for a certificate: nobody is asked
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// What the signature looks like
    #[arg(long, default_value = "raw")]
    pub(crate) format: SignatureFormat,
    /// What an sshsig signature is for
    #[arg(long, value_name = "NS", default_value = "file")]
    pub(crate) namespace: String,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Formats openssh, pem and x509 are for Ed25519 keys. Each certificate of a key says \
                  the same: that this is the key of that name, for ever. It issues no others, and \
                  a key of one message per slot has none.\n\nExamples:\n  maftia key export \
                  signing --format pem -o signing.pem\n  maftia key export signing --format \
                  openssh >> allowed_keys"
)]
pub(crate) struct Export {
    /// The key's name
    pub(crate) name: String,
    /// What it looks like
    #[arg(long)]
    pub(crate) format: KeyFormat,
    /// Write it to a file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Only the public key is asked for; the file does not leave this \
                  machine.\n\nExample:\n  maftia key encrypt vault secret.txt -o secret.sealed"
)]
pub(crate) struct Encrypt {
    /// The key's name
    pub(crate) name: String,
    /// The file, at most 64 KiB; `-` reads standard input
    pub(crate) file: PathBuf,
    /// What it is for: public, and bound to the ciphertext
    #[arg(long, default_value = "")]
    pub(crate) label: String,
    /// Write the ciphertext to a file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Each decryption is in the group's audit list. No site, nor the agent, learns \
                  the plaintext.\n\nExample:\n  maftia key decrypt vault secret.sealed -o secret.txt"
)]
pub(crate) struct Decrypt {
    /// The key's name
    pub(crate) name: String,
    /// The ciphertext; `-` reads standard input
    pub(crate) file: PathBuf,
    /// Write the plaintext to a file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// A register's name may have colons, a number has none.
fn slot(text: &str) -> Result<(String, u64), String> {
    let parts = text.rsplit_once(':');
    let slot = parts.and_then(|(register, number)| {
        let number = number.parse().ok()?;
        (!register.is_empty()).then(|| (register.to_owned(), number))
    });
    slot.ok_or_else(|| "a slot is a register and a number, such as chain:7".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_a_register_and_a_number() {
        assert_eq!(slot("chain:7"), Ok(("chain".into(), 7)));
        assert_eq!(slot("a:b:7"), Ok(("a:b".into(), 7)));
        for bad in ["", "chain", "chain:", ":7", "chain:-1", "chain:x"] {
            assert!(slot(bad).is_err(), "{bad}");
        }
    }
}
