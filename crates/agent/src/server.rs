use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::{get, post, put};
use maftia_client::{Client, Rejection, kv::Store};
use maftia_config::GroupFile;
use maftia_crypto::Domain;
use maftia_types::Digest;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::Problem;
use crate::guard::guard;
use crate::metrics::Metrics;
use crate::{health, kv, status};

pub(crate) const TOKEN: Domain = Domain::new("agent token");

/// Requests of all callers under way at once; more get 429.
const REQUESTS_MAX: usize = 4096;

/// What an agent is made of.
#[derive(Debug)]
pub struct AgentConfig {
    /// The client it votes with.
    pub client: Client,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Further names by which callers may address it, beside loopback names.
    pub names: Vec<String>,
    /// What callers must present; needed where others can reach it.
    pub token: Option<String>,
    /// Whether statuses carry process ids: only under `demo` and `dev`.
    pub show_pids: bool,
    /// Routes that `demo` and `dev` add, behind the same guard.
    pub extra: Router,
}

/// Why an agent does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// The socket.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Others could reach it and there is no token.
    #[error("{0} is not a loopback address and there is no token: anybody could use this agent")]
    NeedsToken(SocketAddr),
}

/// What the handlers share.
#[derive(Clone, Debug)]
pub(crate) struct Interface {
    pub(crate) store: Store,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) token: Option<Digest>,
    pub(crate) names: Arc<BTreeSet<String>>,
    pub(crate) show_pids: bool,
    room: Arc<Semaphore>,
}

impl Interface {
    pub(crate) fn client(&self) -> &Client {
        self.store.client()
    }

    pub(crate) fn group(&self) -> &GroupFile {
        self.client().group()
    }

    /// A place among the requests under way.
    pub(crate) fn admit(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.room)
            .try_acquire_owned()
            .map_err(|_| Problem::rejected(Rejection::Busy))
    }
}

/// Starts an agent in a task of the current runtime, and gives the address it listens on. It ends
/// gracefully when `stop` resolves.
///
/// # Errors
/// [`AgentError`].
pub async fn serve(
    config: AgentConfig,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<SocketAddr, AgentError> {
    let address = config.listen;
    if !address.ip().is_loopback() && config.token.is_none() {
        return Err(AgentError::NeedsToken(address));
    }
    let fail = |source| AgentError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(fail)?;
    let bound = listener.local_addr().map_err(fail)?;
    let interface = Interface {
        store: Store::new(config.client),
        metrics: Arc::new(Metrics::new()),
        token: config.token.map(|token| TOKEN.digest(token.as_bytes())),
        names: Arc::new(host_names(bound, &config.names)),
        show_pids: config.show_pids,
        room: Arc::new(Semaphore::new(REQUESTS_MAX)),
    };
    let router = router(interface, config.extra);
    tokio::spawn(async move {
        let served = axum::serve(listener, router)
            .with_graceful_shutdown(stop)
            .await;
        if let Err(error) = served {
            tracing::error!(%error, "the agent's listener ended");
        }
    });
    Ok(bound)
}

fn router(interface: Interface, extra: Router) -> Router {
    let routes = Router::new()
        .route("/v1/kv", get(kv::list))
        .route(
            "/v1/kv/txn",
            post(kv::txn).put(kv::put).get(kv::get).delete(kv::delete),
        )
        .route(
            "/v1/kv/{*key}",
            put(kv::put).get(kv::get).delete(kv::delete),
        )
        .route("/v1/status", get(status::status))
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(health::ready))
        .route("/healthz", get(health::health))
        .route("/metrics", get(health::metrics))
        .with_state(interface.clone());
    routes
        .merge(extra)
        .layer(middleware::from_fn_with_state(interface, guard))
}

/// The `Host` values that mean this agent.
fn host_names(bound: SocketAddr, names: &[String]) -> BTreeSet<String> {
    let port = bound.port();
    let own = [
        "127.0.0.1".to_owned(),
        "localhost".to_owned(),
        "[::1]".to_owned(),
    ];
    let listening = match bound {
        SocketAddr::V4(v4) => v4.ip().to_string(),
        SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
    };
    own.into_iter()
        .chain([listening])
        .chain(names.iter().cloned())
        .flat_map(|name| [format!("{name}:{port}"), name])
        .map(|name| name.to_ascii_lowercase())
        .collect()
}
