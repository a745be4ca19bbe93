use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use maftia_agent::{Agent, AgentConfig};
use maftia_client::{Client, ClientConfig, Known};
use maftia_config::{GroupFile, load_key, load_views, save_views};

use tokio::sync::watch;

use crate::failure::{Exit, Failure};
use crate::front::AGENT_PORT;
use crate::output;
use crate::site::{log_to_stderr, stop_signal};

#[derive(Debug, Subcommand)]
pub(crate) enum AgentCommand {
    /// Run an agent until it is told to stop
    Run(AgentRun),
}

#[derive(Debug, Args)]
#[command(
    after_help = "An agent runs on its callers' machine and votes on their behalf: it believes \
                        only what f+1 sites say alike.\n\nExample:\n  maftia agent run --group \
                        group.toml --key clients/agent.key"
)]
pub(crate) struct AgentRun {
    /// The group's file
    #[arg(long, value_name = "FILE", default_value = "group.toml")]
    group: PathBuf,
    /// The key of one of the group's clients
    #[arg(long, value_name = "FILE", default_value = "clients/agent.key")]
    key: PathBuf,
    /// Where to listen; an address that others can reach needs --token-file
    #[arg(long, value_name = "IP:PORT",
          default_value_t = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), AGENT_PORT))]
    http: SocketAddr,
    /// Folder in which it keeps by which sites it goes: so that it finds the group after its sites
    /// have changed one by one
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// File of the token that callers must present
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Further name under which callers address it; may be repeated
    #[arg(long = "name", value_name = "HOST")]
    names: Vec<String>,
    /// Distinguishes agents that use the same key at once
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..16))]
    instance: u32,
    /// Write logs as JSON lines, and one JSON object when listening
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(typed: AgentRun) -> Result<(), Failure> {
    log_to_stderr(typed.json, "info");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    runtime.block_on(serve(typed))
}

async fn serve(typed: AgentRun) -> Result<(), Failure> {
    let group = GroupFile::load(&typed.group)?;
    let mut config = ClientConfig::new(group, load_key(&typed.key)?);
    config.instance = typed.instance;
    let views = typed.state.as_deref().map(views_file).transpose()?;
    if let Some(path) = &views {
        config.chain = load_views(path)?;
    }
    let client = Client::connect(config).map_err(|error| Failure::chain(Exit::Failed, &error))?;
    if let Some(path) = views {
        tokio::spawn(keep_views(client.known(), path));
    }
    let config = AgentConfig {
        names: typed.names,
        token: typed.token_file,
        ..AgentConfig::new(client.clone(), typed.http)
    };
    let agent = Agent::bind(config)
        .await
        .map_err(|error| Failure::chain(Exit::Failed, &error))?;
    let address = agent.address();
    if typed.json {
        output::json(&serde_json::json!({"http": format!("http://{address}")}))?;
    } else {
        output::line(format!("agent at http://{address}/v1; stop with Ctrl-C"));
    }
    let served = agent.serve(stop_signal()).await;
    client.shutdown().await;
    served.map_err(|error| Failure::failed(format!("the listener failed: {error}")))
}

/// Where an agent keeps the certificates of the views.
fn views_file(state: &Path) -> Result<PathBuf, Failure> {
    std::fs::create_dir_all(state).map_err(|error| {
        Failure::failed(format!("cannot make {}: {error}", state.display()))
            .next("name another folder with --state")
    })?;
    Ok(state.join("views"))
}

/// Writes the certificates of every later view that the client comes to.
async fn keep_views(mut known: watch::Receiver<Arc<Known>>, path: PathBuf) {
    while known.changed().await.is_ok() {
        let chain = known.borrow_and_update().chain.clone();
        let to = path.clone();
        let saved = tokio::task::spawn_blocking(move || save_views(&to, &chain)).await;
        if let Ok(Err(error)) = saved {
            tracing::warn!(%error, "cannot keep the group's sites; the others still have them");
        }
    }
}
