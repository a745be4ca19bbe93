use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use maftia_config::Kind;
use maftia_types::CoinUse;

use crate::args::{coin_use, on_or_off};
use crate::bench::ready;
use crate::failure::Failure;
use crate::front;
use crate::local::{LocalGroup, Shape};
use crate::output;
use crate::site::{log_to_stderr, stop_signal};

/// How long the group may take to answer its first request: sites may have much to read back.
const READY_PATIENCE: Duration = Duration::from_secs(120);

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  maftia dev --dir ./dev\n\n\
                        The same command brings the group back, whatever was killed: nothing \
                        acknowledged is lost.")]
pub(crate) struct Dev {
    /// Folder of the group; made if there is none yet
    #[arg(long, value_name = "DIR", default_value = "./dev")]
    dir: PathBuf,
    /// Sites of a new group
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=31))]
    sites: Option<u8>,
    /// In a new group, final after two message delays where almost all sites agree: on (default) or off
    #[arg(long, value_name = "ON|OFF", value_parser = on_or_off)]
    fast_path: Option<bool>,
    /// In a new group, when a coin names leaders, which no scheduler can stop: never, auto or always
    #[arg(long, value_name = "WHEN", value_parser = coin_use)]
    asynchronous: Option<CoinUse>,
    /// Where the agent listens; a free port if that one is taken and none was named
    #[arg(long, value_name = "IP:PORT")]
    http: Option<SocketAddr>,
    /// Print one JSON object when ready
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(typed: &Dev) -> Result<(), Failure> {
    log_to_stderr(false, "warn");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    runtime.block_on(dev(typed))
}

async fn dev(typed: &Dev) -> Result<(), Failure> {
    let started = Instant::now();
    let local = LocalGroup::start(
        &typed.dir,
        Kind::Dev,
        Shape {
            sites: typed.sites,
            fast_path: typed.fast_path,
            asynchronous: typed.asynchronous,
        },
    )?;
    let result = tokio::select! {
        result = serve(typed, &local, started) => result,
        () = stop_signal() => Ok(()),
    };
    output::note("stopping the sites");
    local.stop().await;
    result
}

async fn serve(typed: &Dev, local: &LocalGroup, started: Instant) -> Result<(), Failure> {
    let front = front::start(local, typed.http).await?;
    ready(&front.client, READY_PATIENCE).await?;
    if typed.json {
        output::json(&front.json().await)?;
    } else {
        output::line(front.banner(local, started.elapsed()));
    }
    std::future::pending().await
}
