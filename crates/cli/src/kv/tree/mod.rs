//! Directory trees in the store.
//!
//! A file is a manifest and chunks (`layout.rs`). The chunks are stored first, so a file is either
//! visible whole or not at all, and a new content takes the place of the old in one put. Chunks
//! that no manifest names any more are removed last.
//!
//! One import of a prefix at a time: a second one could remove the chunks that the first has
//! stored and not named yet. The export of a file that lost its chunks fails; it never gives
//! other bytes than were stored.

mod batch;
mod export;
mod import;
mod layout;
mod manifest;
mod parallel;
mod progress;
mod remote;
mod scan;
#[cfg(test)]
mod tests;

use std::os::unix::ffi::OsStrExt;

use serde_json::{Value, json};

use self::layout::Layout;
use self::progress::Progress;
use self::scan::Refused;
use super::args;
use crate::http::{CONNECTIONS_MAX, Problem};
use crate::output;

/// Size of a chunk. Two fit one transaction; one by itself keeps a request short.
const CHUNK_BYTES: u32 = 512 * 1024;

/// The store as an import or export uses it.
pub(crate) trait Kv: Sync {
    /// Sets keys, all or none. At most [`batch::ACTIONS_MAX`] and [`batch::BYTES_MAX`].
    fn put_many(&self, puts: Vec<Pair>) -> Result<(), Problem>;
    /// The values of keys, at one moment. At most [`batch::ACTIONS_MAX`], and values and keys of
    /// [`batch::READ_BYTES_MAX`] unless it is one.
    fn get_many(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, Problem>;
    /// Removes keys, all or none. At most [`batch::ACTIONS_MAX`].
    fn delete_many(&self, keys: &[Vec<u8>]) -> Result<(), Problem>;
    /// The next keys with a prefix, above `after`, in order.
    fn list(&self, prefix: &[u8], after: Option<&[u8]>, part: Part) -> Result<Listed, Problem>;
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    /// The values are empty.
    Keys,
    KeysAndValues,
}

#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) entries: Vec<Pair>,
    /// There are further keys. Then at least one entry is here.
    pub(crate) more: bool,
}

/// What an import or export did.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) files: u64,
    pub(crate) directories: u64,
    /// Content of all files.
    pub(crate) bytes: u64,
    /// Files that were stored already.
    pub(crate) unchanged: u64,
    /// Files and directories that were stored and are no more.
    pub(crate) removed: u64,
    pub(crate) refused: Vec<Refused>,
}

/// A key and its value.
pub(crate) type Pair = (Vec<u8>, Vec<u8>);

/// Every key with a prefix.
fn list_all(store: &impl Kv, prefix: &[u8], part: Part) -> Result<Vec<Pair>, Problem> {
    let mut all: Vec<Pair> = Vec::new();
    loop {
        let after = all.last().map(|(key, _)| key.as_slice());
        let listed = store.list(prefix, after, part)?;
        all.extend(listed.entries);
        if !listed.more {
            return Ok(all);
        }
    }
}

pub(super) fn import(typed: &args::Import) -> Result<(), Problem> {
    let layout = layout(typed.prefix.as_bytes())?;
    let metadata = std::fs::metadata(&typed.dir);
    if !metadata.is_ok_and(|metadata| metadata.is_dir()) {
        let text = format!("{} is not a directory", typed.dir.display());
        return Err(Problem::failed("no-directory", text));
    }
    let client = typed.common.connection.client()?;
    let progress = Progress::on_terminal();
    let options = import::Options {
        threads: CONNECTIONS_MAX,
        delete: typed.delete,
    };
    let done = import::import(&client, &layout, &typed.dir, &options, &progress);
    progress.end();
    let summary = done.map_err(|problem| {
        let next = "type the same again: it goes on where it stopped";
        if problem.is_unknown() {
            problem.next(next)
        } else {
            problem
        }
    })?;
    finish("imported", &summary, &progress, typed.common.json)
}

pub(super) fn export(typed: &args::Export) -> Result<(), Problem> {
    let layout = layout(typed.prefix.as_bytes())?;
    let client = typed.common.connection.client()?;
    let progress = Progress::on_terminal();
    let options = export::Options { force: typed.force };
    let done = export::export(&client, &layout, &typed.dir, &options, &progress);
    progress.end();
    finish("exported", &done?, &progress, typed.common.json)
}

fn layout(prefix: &[u8]) -> Result<Layout, Problem> {
    Layout::new(prefix).ok_or_else(|| Problem::usage("the prefix is too long for keys below it"))
}

/// Prints the summary; what was refused makes the command fail.
fn finish(done: &str, summary: &Summary, progress: &Progress, json: bool) -> Result<(), Problem> {
    let seconds = progress.seconds();
    if json {
        let refused: Vec<Value> = summary.refused.iter().map(Refused::to_json).collect();
        let object = json!({
            "files": summary.files,
            "directories": summary.directories,
            "bytes": summary.bytes,
            "unchanged": summary.unchanged,
            "removed": summary.removed,
            "refused": refused,
            "seconds": seconds,
        });
        output::line(object.to_string());
    } else {
        for refused in &summary.refused {
            output::note(refused.to_line());
        }
        let mut text = format!(
            "{done} {} files and {} directories, {:.1} MB in {seconds:.1} s",
            summary.files,
            summary.directories,
            summary.bytes as f64 / 1e6,
        );
        for (count, what) in [
            (summary.unchanged, "unchanged"),
            (summary.removed, "removed"),
        ] {
            if count > 0 {
                text += &format!("; {count} {what}");
            }
        }
        output::line(text);
    }
    match summary.refused.len() {
        0 => Ok(()),
        count => Err(Problem::failed("refused", format!("{count} not {done}, see above")).told()),
    }
}
