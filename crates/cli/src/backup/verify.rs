//! `maftia backup verify`.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use maftia_backup::{Backup, Checked, Contents, examine};
use maftia_verify::GroupKey;

use super::args::Verify;
use super::bad;
use super::report::{Progress, facts, object, tell};
use crate::files::{at, print};
use crate::http::Problem;
use crate::output;
use crate::verify::read_key;

pub(super) fn run(typed: &Verify) -> Result<(), Problem> {
    let key = typed.key.as_deref().map(read_key).transpose()?;
    let (checked, contents) = check(&typed.file, key.as_ref())?;
    let facts = facts(&checked, &contents);
    if typed.json {
        let mut object = object(&facts);
        object.insert("valid".into(), true.into());
        object.insert("key_given".into(), key.is_some().into());
        return print(&object.into());
    }
    let title = match (checked.is_signed(), &key) {
        (true, Some(_)) => "valid: signed by the group, under the key that was given",
        (true, None) => "whole, and signed under the key in it: compare that with the group's",
        (false, _) => "whole: what one site has left, signed by nobody",
    };
    tell(title, &facts);
    if !checked.is_signed() {
        output::line("believe it as far as you believe that site");
    }
    Ok(())
}

/// Reads and checks all of a backup.
pub(super) fn check(path: &Path, key: Option<&GroupKey>) -> Result<(Checked, Contents), Problem> {
    let wrong = |error| bad(path, &error);
    let mut backup = open(path, key)?;
    let mut progress = Progress::new("checked", backup.checked().preamble.digests.len());
    let contents = examine(&mut backup, |_| progress.step()).map_err(wrong)?;
    Ok((backup.checked().clone(), contents))
}

pub(super) fn open(
    path: &Path,
    key: Option<&GroupKey>,
) -> Result<Backup<BufReader<File>>, Problem> {
    let file = File::open(path).map_err(|error| at(path, &error))?;
    Backup::open(BufReader::new(file), key).map_err(|error| bad(path, &error))
}
