//! `maftia backup restore`.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;

use maftia_backup::{Checked, Contents, heir};
use maftia_config::{Generated, Rebirth, reborn};
use maftia_verify::GroupKey;

use super::args::Restore;
use super::living::living;
use super::preview::Preview;
use super::survivors::{self, Survivor};
use super::verify::{check, open};
use crate::failure::{Exit, Failure};
use crate::files::print;
use crate::group_dir::GroupDir;
use crate::http::Problem;
use crate::output;
use crate::verify::read_key;

pub(super) fn run(typed: &Restore) -> Result<(), Problem> {
    let key = typed.key.as_deref().map(read_key).transpose()?;
    if let Some(dir) = &typed.dir {
        GroupDir::new(dir)
            .must_be_empty()
            .map_err(|failure| refused(&failure))?;
    }
    let (checked, contents) = check(&typed.file, key.as_ref())?;
    let made = plan(typed, &checked)?;
    let survivors = typed.survivors.iter().map(|dir| survivors::read(dir));
    let survivors: Vec<Survivor> = survivors.collect::<Result<_, _>>()?;
    let living = living(&checked.group)?;
    let (known, compared) = ((&checked, &contents), key.is_some());
    let preview = Preview::new(known, compared, &survivors, living, &made.group)?;
    let (true, Some(dir)) = (typed.yes, &typed.dir) else {
        return show(typed, &preview);
    };
    permit(typed, &preview)?;
    if !typed.json {
        preview.tell();
    }
    make(&typed.file, key.as_ref(), dir, &made, contents)?;
    told(typed, dir, &preview, &made)
}

fn show(typed: &Restore, preview: &Preview) -> Result<(), Problem> {
    if typed.json {
        return print(&preview.object(None));
    }
    preview.tell();
    output::line("nothing was made; with --dir and --yes it is");
    Ok(())
}

/// Whether what was typed covers what was found.
fn permit(typed: &Restore, preview: &Preview) -> Result<(), Problem> {
    if !preview.checked.is_signed() && !typed.accept_unsigned {
        let what = "no group has signed this backup: it is the word of one site";
        return Err(Problem::failed("unsigned", what)
            .next("use a signed one, or believe that site with --accept-unsigned"));
    }
    if preview.checked.is_signed() && typed.key.is_none() && !typed.trust_key_in_file {
        let what =
            "the key in this backup was compared with nothing: anybody can sign with their own";
        return Err(Problem::failed("key-unknown", what).next(
            "give the former group's key with --key; or believe it with --trust-key-in-file",
        ));
    }
    if preview.may_live() && !typed.beside_living {
        let what = format!(
            "the former group may live: its sites {} answer",
            preview.living.join(" ")
        );
        return Err(Problem::failed("alive", what)
            .next("stop its sites first; or make another group beside it with --beside-living"));
    }
    Ok(())
}

/// The new group, its keys in memory only.
fn plan(typed: &Restore, checked: &Checked) -> Result<Generated, Problem> {
    let clients: BTreeSet<&String> = typed.clients.iter().collect();
    if clients.len() < typed.clients.len() {
        return Err(Problem::usage("one --client is named twice").next("name each client once"));
    }
    let former = checked
        .group
        .sites()
        .map(|(_, own)| (own.address, own.http));
    let (sites, http): (Vec<SocketAddr>, Vec<_>) = match typed.addresses.as_slice() {
        [] => former.unzip(),
        // Elsewhere, the former sites' interfaces mean nothing.
        given => (given.to_vec(), Vec::new()),
    };
    let plan = Rebirth {
        former: checked.group.clone(),
        commit: checked.preamble.head.commit,
        state: checked.digest,
        sites,
        http,
        clients: typed.clients.clone(),
    };
    reborn(plan, &mut rand::rng()).map_err(|error| {
        Problem::usage(format!("that is no group: {error}"))
            .next("give --address once for each of its sites")
    })
}

/// Writes the new group; on the way nothing is left of a failure.
fn make(
    file: &Path,
    key: Option<&GroupKey>,
    dir: &Path,
    made: &Generated,
    contents: Contents,
) -> Result<(), Problem> {
    let heir = heir(contents, &made.group);
    let make_data = |data: &Path| {
        // Read anew, and checked again, for each site: the state may be larger than the memory. If
        // it is not the file any more that was checked, the heir says so.
        let mut backup = open(file, key).map_err(Failure::from)?;
        let mut failed = None;
        let chunks = heir.chunks(&mut backup, &mut failed);
        let created = maftia_site::create_with(data, heir.commit(), chunks);
        if let Some(error) = failed {
            return Err(super::bad(file, &error).into());
        }
        created.map_err(|error| Failure::chain(Exit::Failed, &error))
    };
    let dir = GroupDir::new(dir);
    dir.claim().map_err(|failure| refused(&failure))?;
    dir.write(made, make_data).map_err(|failure| {
        dir.unmake();
        refused(&failure)
    })
}

fn told(typed: &Restore, dir: &Path, preview: &Preview, made: &Generated) -> Result<(), Problem> {
    if typed.json {
        return print(&preview.object(Some(dir)));
    }
    let dir = GroupDir::new(dir);
    output::line(format!(
        "made    a group in {}, fingerprint {}",
        dir.path().display(),
        made.group.digest()
    ));
    for (_, site) in made.group.sites() {
        let config = dir.site_config(&site.name);
        output::line(format!("  maftia site run --config {}", config.display()));
    }
    output::line(format!(
        "next: move each folder of {} to its machine whole: the state is in it; give every client \
         {}, and outsiders the new key of `maftia key export group`",
        dir.path().join("sites").display(),
        dir.group_path().display(),
    ));
    Ok(())
}

fn refused(failure: &Failure) -> Problem {
    Problem::failed("not-made", failure.to_string())
}
