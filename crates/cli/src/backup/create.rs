//! `maftia backup create`.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use maftia_backup::{
    Backup, BackupError, BackupWriter, Checked, Contents, PARTS_BYTES_MAX, Pool, Preamble,
    Provenance, examine,
};
use maftia_codec::Wire as _;
use maftia_replica::Legacy;
use maftia_verify::Utc;

use super::args::Create;
use super::report::{Progress, facts, object, tell};
use super::survivors::Survivor;
use super::{bad, survivors};
use crate::files::{at, print};
use crate::http::{Client, Problem};

/// The agent's word of how many requests were executed before it was asked.
const POSITION: &str = "maftia-position";

/// How often a state may go before all of it was copied: each time most of it is here already.
const RESTARTS_MAX: usize = 16;

pub(super) fn run(typed: &Create) -> Result<(), Problem> {
    let (checked, contents) = match &typed.from_site {
        Some(site) => of_site(typed, site)?,
        None => of_group(typed)?,
    };
    let facts = facts(&checked, &contents);
    if typed.json {
        let mut object = object(&facts);
        let file = typed.file.to_string_lossy().into_owned();
        object.insert("file".into(), file.into());
        return print(&object.into());
    }
    tell(&format!("wrote {}", typed.file.display()), &facts);
    Ok(())
}

/// Copies the newest state that the group has signed.
fn of_group(typed: &Create) -> Result<(Checked, Contents), Problem> {
    let client = typed.connection.patient_client()?;
    let mut pools = Vec::new();
    if let Some(path) = &typed.reuse {
        pools.push(Pool::open(path).map_err(|error| bad(path, &error))?);
    }
    // How many requests must be in it: all that were answered before this.
    let (mut after, mut wanted) = (0, None);
    for _ in 0..RESTARTS_MAX {
        let answer = client.read(format!("/v1/backup?after={after}"))?;
        let before = match wanted {
            Some(before) => before,
            None => answer.number(POSITION).ok_or_else(unasked)?,
        };
        wanted = Some(before);
        let preamble = Preamble::from_bytes(answer.body.into()).map_err(|_| unasked())?;
        let checked = Checked::new(preamble, None).map_err(|error| bad(&typed.file, &error))?;
        set_aside(&typed.file, &mut pools)?;
        match fill(&client, &typed.file, &checked, &mut pools, before)? {
            Filled::Whole(writer) => {
                let contents = complete(writer, &typed.file, &checked)?;
                let _gone = fs::remove_file(earlier(&typed.file));
                return Ok((checked, contents));
            }
            // There is a later one: who offers this one again has nothing to give.
            Filled::TooOld | Filled::Gone => after = checked.preamble.head.commit,
        }
    }
    let what = "the group makes states faster than they can be copied";
    Err(Problem::failed("too-slow", what)
        .next("type the same again: what is in FILE.part is taken from there"))
}

/// What became of copying a state. What was copied of one that is not whole is a source for the
/// next.
enum Filled {
    Whole(BackupWriter),
    /// No site has it any more.
    Gone,
    /// It is from before something that was confirmed before.
    TooOld,
}

/// Writes the chunks, as far as possible from what is here.
fn fill(
    client: &Client,
    path: &Path,
    checked: &Checked,
    pools: &mut [Pool],
    wanted: u64,
) -> Result<Filled, Problem> {
    let disk = |error| bad(path, &error);
    let (commit, count) = (checked.preamble.head.commit, checked.preamble.digests.len());
    let mut writer = BackupWriter::create(path, &checked.preamble).map_err(disk)?;
    let parts = usize::try_from(checked.preamble.head.parts).unwrap_or(usize::MAX);
    let (mut own, mut own_bytes) = (Vec::new(), 0);
    let mut progress = Progress::new("copied", count);
    while let Some((place, digest)) = writer.wanted() {
        let here = pools.iter_mut().find_map(|pool| pool.take(&digest));
        let chunk = match here {
            Some(chunk) => chunk,
            None => match client.read(format!("/v1/backup/{commit}/{place}?digest={digest}")) {
                Ok(answer) => Bytes::from(answer.body),
                Err(problem) if problem.status == Some(410) => {
                    // What is in it is taken from there.
                    writer.flush().map_err(disk)?;
                    return Ok(Filled::Gone);
                }
                Err(problem) => {
                    writer.flush().map_err(disk)?;
                    let next = format!(
                        "type the same again: {} of {count} chunks are in {}",
                        place,
                        BackupWriter::partial(path).display()
                    );
                    return Err(problem.next(next));
                }
            },
        };
        if own.len() < parts {
            own_bytes += chunk.len();
            if own_bytes > PARTS_BYTES_MAX {
                let bytes_max = PARTS_BYTES_MAX;
                return Err(disk(BackupError::TooLarge { bytes_max }));
            }
        }
        writer.append(&chunk).map_err(disk)?;
        progress.step();
        if own.len() < parts {
            own.push(chunk);
            if own.len() == parts && !has(&own, wanted) {
                writer.flush().map_err(disk)?;
                return Ok(Filled::TooOld);
            }
        }
    }
    Ok(Filled::Whole(writer))
}

/// Whether as many requests were executed before that state. One that does not decode is found out
/// when all of it is examined.
fn has(own: &[Bytes], wanted: u64) -> bool {
    let legacy = Legacy::from_parts(own);
    legacy.map_or(true, |legacy| legacy.position() >= wanted)
}

/// Reads the whole file back before it gets its name.
fn complete(mut writer: BackupWriter, path: &Path, checked: &Checked) -> Result<Contents, Problem> {
    let disk = |error| bad(path, &error);
    writer.flush().map_err(disk)?;
    let partial = BackupWriter::partial(path);
    let file = File::open(&partial).map_err(|error| at(&partial, &error))?;
    let mut backup = Backup::open(BufReader::new(file), checked.key.as_ref()).map_err(disk)?;
    let contents = examine(&mut backup, |_| {}).map_err(disk)?;
    writer.finish().map_err(disk)?;
    Ok(contents)
}

/// Makes what an attempt before this has left a source of chunks.
fn set_aside(path: &Path, pools: &mut Vec<Pool>) -> Result<(), Problem> {
    let (partial, earlier) = (BackupWriter::partial(path), earlier(path));
    if partial.exists() {
        fs::rename(&partial, &earlier).map_err(|error| at(&partial, &error))?;
    }
    // What is no backup is of no use, and no harm.
    pools.extend(Pool::open(&earlier));
    Ok(())
}

fn earlier(path: &Path) -> PathBuf {
    let mut name = BackupWriter::partial(path).into_os_string();
    name.push(".earlier");
    name.into()
}

/// Copies what a stopped site has left.
fn of_site(typed: &Create, site: &Path) -> Result<(Checked, Contents), Problem> {
    let found = survivors::read(site)?;
    let head = *found.stopped.copied.head();
    let older = !found.stopped.damaged.is_empty();
    if older && !typed.older_snapshot {
        return Err(outdated(&found));
    }
    let given = found.group.epoch();
    let epochs = given.0 + 1..=head.realm.epoch.0;
    let lead = found.stopped.chain.iter();
    let lead = lead.filter(|own| epochs.contains(&own.handover().view.epoch().0));
    let signed = found.stopped.copied.signed.map_or(0, |own| own.commit);
    let preamble = Preamble {
        group: found
            .group
            .text()
            .map_err(|error| Problem::failed("group-file", error.to_string()))?,
        views: lead.cloned().collect(),
        head,
        provenance: Provenance::Site {
            name: found.name.clone(),
            signed,
            older,
        },
        digests: found.stopped.copied.digests().to_vec(),
    };
    let disk = |error| bad(&typed.file, &error);
    let checked = Checked::new(preamble, None).map_err(|error| bad(site, &error))?;
    let mut writer = BackupWriter::create(&typed.file, &checked.preamble).map_err(disk)?;
    while let Some((place, _)) = writer.wanted() {
        let chunk = found.stopped.copied.chunk(place).unwrap_or_default();
        writer.append(&chunk).map_err(disk)?;
    }
    let contents = complete(writer, &typed.file, &checked)?;
    Ok((checked, contents))
}

/// There may have been a later state than the one that can be read.
fn outdated(found: &Survivor) -> Problem {
    let damaged = found.stopped.damaged.iter();
    let damaged: Vec<String> = damaged.map(|path| path.display().to_string()).collect();
    let head = found.stopped.copied.head();
    let what = format!(
        "site {} had a newer state in {}, which is damaged: what can be read of it goes to \
         commit {} at {}",
        found.name,
        damaged.join(" and "),
        head.commit,
        Utc(head.time_ms)
    );
    Problem::failed("older-snapshot", what)
        .next("use another site's folder; or take the older state with --older-snapshot")
}

fn unasked() -> Problem {
    Problem::failed("bad-answer", "the agent's answer is not understood")
        .next("use the same version here and at the agent")
}
