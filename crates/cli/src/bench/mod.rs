//! `maftia bench`: puts of distinct keys by vouched clients, or signatures by the group.

pub(crate) mod args;
mod load;
mod measure;
mod report;
mod work;

use std::path::{Path, PathBuf};
use std::time::Duration;

use maftia_client::{Client, ClientConfig};
use maftia_config::{GroupFile, Kind, load_key};
use rustix::fs::statfs;

use crate::bench::args::Bench;
pub(crate) use crate::bench::load::ready;
use crate::bench::load::{Load, Shape};
use crate::bench::measure::Sites;
use crate::bench::report::Report;
use crate::bench::work::Work;
use crate::coin;
use crate::failure::Failure;
use crate::local::{self, LOAD, LocalGroup};
use crate::output;

/// How long the group may take to answer the first request.
const READY_PATIENCE: Duration = Duration::from_secs(30);
/// `f_type` of tmpfs, which forgets everything at a power loss.
const TMPFS: i64 = 0x0102_1994;

pub(crate) fn run(typed: &Bench) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    runtime.block_on(bench(typed))
}

async fn bench(typed: &Bench) -> Result<(), Failure> {
    let (local, scratch) = match &typed.group {
        Some(_) => (None, None),
        None => {
            let scratch = scratch(typed.dir.as_deref())?;
            let local = LocalGroup::start(
                scratch.path(),
                Kind::Dev,
                local::Shape {
                    sites: Some(typed.sites),
                    fast_path: typed.fast_path,
                    asynchronous: typed.asynchronous,
                },
            )?;
            (Some(local), Some(scratch))
        }
    };
    let (group, key) = match (&local, &typed.group) {
        (Some(local), _) => (local.group.clone(), local.dir.client_key(LOAD)),
        (None, Some(path)) => {
            let key = typed
                .key
                .clone()
                .unwrap_or_else(|| PathBuf::from("clients/load.key"));
            (GroupFile::load(path)?, key)
        }
        (None, None) => return Err(Failure::failed("no group")),
    };
    let clients = connect(&group, &key, typed)?;
    let result = measure(typed, &clients).await;
    for client in &clients {
        client.shutdown().await;
    }
    if let Some(local) = local {
        local.stop().await;
    }
    drop(scratch);
    let report = result?;
    if typed.json {
        output::json(&report)?
    } else {
        output::line(report.to_string())
    }
    if report.errors > 0 {
        return Err(Failure::failed(format!(
            "{} requests did not commit",
            report.errors
        )));
    }
    Ok(())
}

/// A folder on a real disk: in memory nothing is durable and the figures mean nothing.
fn scratch(dir: Option<&Path>) -> Result<tempfile::TempDir, Failure> {
    let parent = match dir {
        Some(dir) => dir.to_owned(),
        None => std::env::temp_dir(),
    };
    let disk = statfs(&parent)
        .map_err(|error| Failure::failed(format!("cannot use {}: {error}", parent.display())))?;
    if disk.f_type == TMPFS {
        let text = format!(
            "{} is in memory (tmpfs): nothing there is durable",
            parent.display()
        );
        return Err(Failure::failed(text).next("name a folder on a disk with --dir"));
    }
    tempfile::Builder::new()
        .prefix("maftia-bench-")
        .tempdir_in(&parent)
        .map_err(|error| Failure::failed(format!("cannot write {}: {error}", parent.display())))
}

fn connect(group: &GroupFile, key: &Path, typed: &Bench) -> Result<Vec<Client>, Failure> {
    let clients = (0..typed.clients).map(|instance| {
        let mut config = ClientConfig::new(group.clone(), load_key(key)?);
        config.instance = instance;
        config.sessions = usize::from(typed.sessions);
        Client::connect(config).map_err(|error| Failure::failed(error.to_string()))
    });
    clients.collect()
}

async fn measure(typed: &Bench, clients: &[Client]) -> Result<Report, Failure> {
    let Some(first) = clients.first() else {
        return Err(Failure::failed("no client"));
    };
    load::ready(first, READY_PATIENCE).await?;
    coin::in_use(first).await?;
    let bytes = usize::try_from(typed.size).unwrap_or(0);
    let work = match typed.keys {
        Some(signatures) => Work::Sign(signatures.key(first).await?, bytes),
        None => Work::Put(vec![b'x'; bytes].into()),
    };
    let shape = Shape {
        outstanding: typed.outstanding(),
        rate: typed.rate,
        lasting: Duration::from_secs_f64(typed.lasting),
        warm_up: Duration::from_secs_f64(typed.warm_up),
    };
    let load = Load::start(clients, &work, shape);
    load.warmed_up().await;
    let before = Sites::read(first).await;
    let seen = load.finish().await;
    let after = Sites::read(first).await;
    Ok(Report::of(typed, &seen, &before, &after))
}
