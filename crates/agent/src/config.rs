use std::net::SocketAddr;
use std::path::PathBuf;

use axum::Router;
use maftia_client::Client;

use crate::ConnectionLimits;

/// What an agent is made of.
#[derive(Debug)]
pub struct AgentConfig {
    /// Whose requests it makes.
    pub client: Client,
    /// Where it listens; port 0 takes any.
    pub listen: SocketAddr,
    /// Host names under which it may be called, besides `localhost` and the address.
    pub names: Vec<String>,
    /// The file of the token that callers must show. Needed if the address is no loopback address.
    pub token: Option<PathBuf>,
    /// How many connections it has, and how long one may take.
    pub connections: ConnectionLimits,
    /// Further routes, under the same protection.
    pub extra_routes: Router,
}

impl AgentConfig {
    /// An agent for a client on a loopback address.
    pub fn new(client: Client, listen: SocketAddr) -> Self {
        Self {
            client,
            listen,
            names: Vec::new(),
            token: None,
            connections: ConnectionLimits::default(),
            extra_routes: Router::new(),
        }
    }
}
