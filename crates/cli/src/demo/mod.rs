//! `maftia demo`: a group of real processes, and with `--for` an attack on it and a verdict.

pub(crate) mod args;
mod census;
mod history;
mod replace;
mod verdict;
mod workload;

use std::time::{Duration, Instant};

use maftia_agent::status::KeyReport;
use maftia_client::{Client, ClientConfig};
use maftia_config::{Kind, load_key};

use crate::bench::ready;
use crate::coin::{self, Coin};
use crate::demo::args::Demo;
use crate::demo::verdict::{Drill, Keys, Verdict};
use crate::demo::workload::Workload;
use crate::failure::Failure;
use crate::front;
use crate::local::{Attack, LOAD, LocalGroup, Shape};
use crate::output;
use crate::site::{log_to_stderr, stop_signal};

/// How long the group may take to answer its first request.
const READY_PATIENCE: Duration = Duration::from_secs(30);
/// How long the sites may take to make their keys.
const KEYS_PATIENCE: Duration = Duration::from_secs(60);
/// How long the sites may take to show the same state once the load has ended.
const AGREE_PATIENCE: Duration = Duration::from_secs(40);
/// The site that is made to misbehave: the third.
const INTRUDED: usize = 2;

pub(crate) fn run(typed: &Demo) -> Result<(), Failure> {
    log_to_stderr(false, "error");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    runtime.block_on(demo(typed))
}

async fn demo(typed: &Demo) -> Result<(), Failure> {
    let started = Instant::now();
    let scratch = tempfile::Builder::new()
        .prefix("maftia-demo-")
        .tempdir()
        .map_err(|error| Failure::failed(format!("cannot make a folder: {error}")))?;
    let local = LocalGroup::start(
        scratch.path(),
        Kind::Demo,
        Shape {
            sites: Some(typed.sites),
            fast_path: typed.fast_path,
            asynchronous: typed.asynchronous,
        },
    )?;
    let result = tokio::select! {
        result = show(typed, &local, started) => result,
        () = stop_signal() => Ok(()),
    };
    output::note("stopping the sites");
    local.stop().await;
    result
}

async fn show(typed: &Demo, local: &LocalGroup, started: Instant) -> Result<(), Failure> {
    let key = load_key(&local.dir.client_key(LOAD))?;
    let client = Client::connect(ClientConfig::new(local.group.clone(), key))
        .map_err(|error| Failure::failed(error.to_string()))?;
    let front = front::start(local, typed.http).await?;
    ready(&client, READY_PATIENCE).await?;
    if !typed.json {
        output::line(front.banner(local, started.elapsed()));
    }
    let key = group_key(&client).await?;
    let took = started.elapsed();
    output::note(format!(
        "group key {key}\n  made by the sites in {:.1} s from the start; no site holds it",
        took.as_secs_f64()
    ));
    coin::in_use(&client).await?;
    if local.group.group().asynchronous.needs_key() {
        let took = started.elapsed().as_secs_f64();
        output::note(format!("a coin names leaders {took:.1} s from the start"));
    }
    match typed.lasting {
        None => {
            if typed.json {
                output::json(&front.json().await)?;
            }
            std::future::pending().await
        }
        Some(seconds) => {
            let lasting = Duration::from_secs_f64(seconds);
            let verdict = drill(typed, local, (&client, &key), lasting).await?;
            if typed.json {
                output::json(&verdict)?
            } else {
                output::line(verdict.to_string())
            }
            if verdict.is_ok() {
                return Ok(());
            }
            let text = format!("the verdict is not ok: {}", verdict.problems.join("; "));
            Err(Failure::failed(text).next("run it again with MAFTIA_LOG=info and keep the output"))
        }
    }
}

/// The public key that the sites have made: as f+1 of them show it.
async fn group_key(client: &Client) -> Result<String, Failure> {
    let deadline = Instant::now() + KEYS_PATIENCE;
    loop {
        let status = maftia_agent::status::of(client).await;
        let ready = |key: &&KeyReport| key.name == "group" && key.state == "active";
        let key = status.keys.iter().find(ready);
        if let Some(public) = key.and_then(|key| key.public_key.clone()) {
            return Ok(public);
        }
        if Instant::now() > deadline {
            return Err(
                Failure::failed("the sites have not made their keys in time".to_owned())
                    .next("look at the ceremonies: maftia ceremony status"),
            );
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Load all the time; one site equivocates and forges replies, stops that, is killed and comes
/// back.
async fn drill(
    typed: &Demo,
    local: &LocalGroup,
    (client, key): (&Client, &str),
    lasting: Duration,
) -> Result<Verdict, Failure> {
    let names: Vec<String> = local
        .group
        .sites()
        .map(|(_, site)| site.name.clone())
        .collect();
    let intruded = names
        .get(INTRUDED)
        .or(names.last())
        .cloned()
        .unwrap_or_default();
    let began = Instant::now();
    let workload = Workload::start(client);
    let stage = lasting / 5;
    let say = |text: String| {
        output::note(format!("{:6.1} s  {text}", began.elapsed().as_secs_f64()));
    };
    say(format!("{} sites serve a mixed load", names.len()));
    tokio::time::sleep(stage).await;
    local
        .orders
        .attack(Attack::EquivocateAndForge, &intruded, None)
        .await?;
    say(format!("site {intruded} equivocates and forges replies"));
    tokio::time::sleep(stage).await;
    local.orders.attack(Attack::None, &intruded, None).await?;
    say(format!("site {intruded} behaves again"));
    tokio::time::sleep(stage / 2).await;
    local.orders.attack(Attack::Kill, &intruded, None).await?;
    say(format!(
        "site {intruded} was killed (SIGKILL) and is started again"
    ));
    tokio::time::sleep(stage / 2).await;
    let fresh = replace::replace(local, client, &intruded).await?;
    say(format!(
        "site {fresh} has taken the place of {intruded}; the keys are shared anew"
    ));
    tokio::time::sleep(lasting.saturating_sub(began.elapsed())).await;
    let ran = began.elapsed();
    say("the load ends; comparing the sites".into());
    let seen = workload.finish().await;
    let end = census::agree(client, AGREE_PATIENCE).await;
    let kept = group_key(client).await?;
    let keys = Keys {
        before: key.to_owned(),
        after: kept,
    };
    let drill = Drill {
        intruded,
        fresh,
        keys,
        model: typed.model,
        coin: Coin::so_far(client).await,
        ran,
    };
    Ok(Verdict::reach(seen, end, drill))
}
