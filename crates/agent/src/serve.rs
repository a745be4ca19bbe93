use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, delete, get, post};
use maftia_client::keys::Keys;
use maftia_client::kv::Store;
use maftia_client::membership::Members;
use maftia_config::{ConfigError, load_token};
use tokio::net::TcpListener;

use crate::guard::{Guard, guard, is_local};
use crate::metrics::{Metrics, count};
use crate::{
    AgentConfig, ApiError, ConnectionLimits, backup, beacon, channels, connections, evidence,
    group, health, keys, kv, status,
};

/// Requests under way at once. Far more than the client sends at once, and their bodies fit into a
/// few hundred MiB at the worst.
pub const REQUESTS_MAX: usize = 256;

/// What handlers share.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) keys: Keys,
    pub(crate) members: Members,
    pub(crate) metrics: Arc<Metrics>,
}

/// An agent that is bound to its address.
#[derive(Debug)]
pub struct Agent {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
    limits: ConnectionLimits,
}

/// Why an agent did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// The socket.
    #[error("cannot listen at {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The address is not this machine's alone, and there is no token.
    #[error(
        "{0} can be reached from other machines: name a token file \
         (`openssl rand -hex 32 > token; chmod 600 token`), or listen on 127.0.0.1"
    )]
    Open(SocketAddr),
    /// The token file.
    #[error(transparent)]
    Token(#[from] ConfigError),
}

impl Agent {
    /// Takes the address.
    ///
    /// # Errors
    /// [`AgentError`].
    pub async fn bind(config: AgentConfig) -> Result<Self, AgentError> {
        if config.token.is_none() && !is_local(config.listen.ip()) {
            return Err(AgentError::Open(config.listen));
        }
        let token = config.token.as_deref().map(load_token).transpose()?;
        let refuse = |source| AgentError::Listen {
            address: config.listen,
            source,
        };
        let listener = TcpListener::bind(config.listen).await.map_err(refuse)?;
        let address = listener.local_addr().map_err(refuse)?;
        let token = token.as_ref().map(|token| token.as_str());
        let guard = Guard::new(address, &config.names, token);
        let shared = Shared {
            keys: Keys::new(config.client.clone()),
            members: Members::new(config.client.clone()),
            store: Store::new(config.client),
            metrics: Arc::default(),
        };
        Ok(Self {
            listener,
            address,
            router: router(shared, guard, config.extra_routes),
            limits: config.connections,
        })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until `stop` is done, then those that are under way.
    ///
    /// # Errors
    /// If the socket fails.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        connections::serve(self.listener, self.router, self.limits, stop).await
    }
}

fn router(shared: Shared, gate: Guard, extra: Router) -> Router {
    let metrics = shared.metrics.clone();
    let routes = Router::new()
        .route("/v1/kv", get(kv::list))
        .route("/v1/kv/", any(kv::key))
        // A key may be called `txn`, too.
        .route("/v1/kv/txn", post(kv::txn).fallback(kv::key))
        .route("/v1/kv/{*key}", any(kv::key))
        .route("/v1/keys", get(keys::list).post(keys::create))
        .route("/v1/keys/{name}", get(keys::show))
        .route("/v1/keys/{name}/sign", post(keys::sign))
        .route("/v1/keys/{name}/certificate", post(keys::certificate))
        .route("/v1/keys/{name}/decrypt", post(keys::decrypt))
        .route("/v1/keys/{name}/permit", post(keys::permit))
        .route("/v1/keys/{name}/refresh", post(keys::refresh))
        .route("/v1/keys/{name}/retire", post(keys::retire))
        .route("/v1/keys/{name}/rotate", post(keys::rotate))
        .route("/v1/keys/{name}/slots", get(keys::slots))
        .route("/v1/keys/{name}/transcript", get(keys::transcript))
        .route("/v1/audit", get(keys::audit))
        .route("/v1/ceremonies", get(keys::ceremonies))
        .route("/v1/proposals", get(keys::proposals))
        .route("/v1/proposals/{number}/approve", post(keys::approve))
        .route("/v1/beacon/{round}", get(beacon::round))
        .route("/v1/channels", get(channels::list).post(channels::open))
        .route("/v1/channels/{name}", get(channels::show))
        .route("/v1/channels/{name}/close", post(channels::close))
        .route(
            "/v1/channels/{name}/messages",
            get(channels::receive).post(channels::send),
        )
        .route("/v1/evidence", get(evidence::list))
        .route("/v1/evidence/{id}", get(evidence::show))
        .route("/v1/group", get(group::show))
        .route("/v1/group/file", get(group::file))
        .route("/v1/group/history", get(group::history))
        .route("/v1/group/preview", post(group::preview))
        .route("/v1/group/proposals", post(group::propose))
        .route("/v1/group/proposals/{number}", delete(group::withdraw))
        .route("/v1/group/proposals/{number}/approve", post(group::approve))
        .route("/v1/backup", get(backup::begin))
        .route("/v1/backup/{commit}/{chunk}", get(backup::chunk))
        .route("/v1/status", get(status::status))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/healthz", get(health::health))
        .route("/metrics", get(health::metrics))
        .with_state(shared);
    routes
        .merge(extra)
        .fallback(nowhere)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(Arc::new(gate), guard))
        .layer(from_fn_with_state(metrics, count))
}

async fn nowhere() -> ApiError {
    let message = "there is nothing at this path";
    let next = "see `/v1/kv`, `/v1/keys`, `/v1/ceremonies`, `/v1/beacon/latest`, `/v1/group`, \
                `/v1/status`, `/v1/evidence`, `/v1/backup`, `/metrics`";
    ApiError::new(StatusCode::NOT_FOUND, "no-such-path", message, next)
}

async fn wrong_method() -> ApiError {
    let message = "this path does not take this method";
    let next = "use GET, PUT or DELETE under `/v1/kv`, and POST for `/v1/kv/txn` and what is done \
                with `/v1/keys`";
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "wrong-method",
        message,
        next,
    )
}
