//! `maftia backup`.

pub(crate) mod args;
mod create;
mod living;
mod preview;
mod report;
mod restore;
mod survivors;
mod verify;

use std::path::Path;

use maftia_backup::BackupError;

use crate::failure::Failure;
use crate::http::Problem;
use args::BackupCommand;

pub(crate) fn run(typed: &args::Backup) -> Result<(), Failure> {
    let (done, json) = match &typed.command {
        BackupCommand::Create(typed) => (create::run(typed), typed.json),
        BackupCommand::Verify(typed) => (verify::run(typed), typed.json),
        BackupCommand::Restore(typed) => (restore::run(typed), typed.json),
    };
    done.or_else(|problem| problem.end(json))
}

/// What is wrong with a file, and what to do.
fn bad(path: &Path, error: &BackupError) -> Problem {
    let mut what = format!("{}: {error}", path.display());
    if let BackupError::Disk(source) = error {
        what += &format!(" ({source})");
    }
    let (id, next) = match error {
        BackupError::Disk(_) => ("file", "see whether the disk is full, and the path right"),
        BackupError::Version(_) => ("bad-backup", "use a newer version of this program"),
        BackupError::NotABackup => ("bad-backup", "name a file of `maftia backup create`"),
        BackupError::TooLarge { .. } => (
            "too-large",
            "let clients finish what they have begun, which waits in it, and type the same again",
        ),
        BackupError::OtherKey => (
            "forged",
            "use another copy of this backup, and ask where this one comes from",
        ),
        BackupError::WrongKey => (
            "wrong-key",
            "compare the key with that of `maftia key export group` at the time of the backup",
        ),
        BackupError::Unsigned => (
            "unsigned",
            "leave --key out, and decide whether to believe it",
        ),
        _ => (
            "bad-backup",
            "use another copy of this backup, or an earlier one",
        ),
    };
    Problem::failed(id, what).next(next)
}
