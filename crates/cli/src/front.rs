//! The agent of a local group, and what is said about the group when it is ready.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use maftia_agent::{Agent, AgentConfig, status};
use maftia_client::{Client, ClientConfig};
use maftia_config::{Kind, load_key};
use serde_json::{Value, json};

use crate::failure::{Exit, Failure};
use crate::local::{AGENT, LocalGroup, router};

/// Where an agent listens if nothing else is said.
pub(crate) const AGENT_PORT: u16 = 7077;

/// A running agent.
#[derive(Debug)]
pub(crate) struct Front {
    pub(crate) client: Client,
    address: SocketAddr,
}

/// Starts the agent of a local group.
pub(crate) async fn start(local: &LocalGroup, http: Option<SocketAddr>) -> Result<Front, Failure> {
    let key = load_key(&local.dir.client_key(AGENT))?;
    let client = Client::connect(ClientConfig::new(local.group.clone(), key))
        .map_err(|error| Failure::failed(error.to_string()))?;
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, AGENT_PORT));
    let listen = http.unwrap_or_else(|| match TcpListener::bind(usual) {
        Ok(_) => usual,
        Err(_) => (Ipv4Addr::LOCALHOST, 0).into(),
    });
    let extra_routes = router(local.orders.clone());
    let config = AgentConfig {
        extra_routes,
        ..AgentConfig::new(client.clone(), listen)
    };
    let agent = Agent::bind(config).await.map_err(|error| {
        Failure::chain(Exit::Failed, &error).next("name another address with --http")
    })?;
    let address = agent.address();
    tokio::spawn(async move {
        if let Err(error) = agent.serve(std::future::pending()).await {
            tracing::error!(%error, "the agent's listener failed");
        }
    });
    Ok(Front { client, address })
}

impl Front {
    /// What a person sees when the group is ready.
    pub(crate) fn banner(&self, local: &LocalGroup, took: Duration) -> String {
        let group = local.group.group();
        let f = local.group.resilience().intruded_max();
        let (kind, where_) = match group.kind {
            Kind::Demo => (
                "demo",
                "temporary: everything is gone at the end".to_owned(),
            ),
            Kind::Dev | Kind::Production => ("dev", local.dir.path().display().to_string()),
        };
        let n = group.sites.len();
        let mut text = format!("MAFTIA {kind}  {n} sites, tolerates {f} intruded   ({where_})\n");
        for (_, site) in local.group.sites() {
            let http = site
                .http
                .map(|http| format!("   http://{http}/healthz?verbose"));
            text += &format!(
                "  site {}   {}{}\n",
                site.name,
                site.address,
                http.unwrap_or_default()
            );
        }
        let endpoint = match self.address.port() {
            AGENT_PORT => String::new(),
            _ => format!("export MAFTIA_ENDPOINT=http://{}\n     ", self.address),
        };
        text += &format!("  agent    http://{}/v1\n", self.address);
        text += &format!(
            "ready in {:.1} s.   remaining tolerance: {f} of {f}\n\
             try: {endpoint} maftia kv put greeting hello\n      maftia kv get greeting\n      \
             maftia attack equivocate --site C\n      maftia status\n\
             stop with Ctrl-C",
            took.as_secs_f64()
        );
        text
    }

    /// What a program sees: `http`, and `sites` as in the status.
    pub(crate) async fn json(&self) -> Value {
        let status = status::of(&self.client).await;
        json!({"http": format!("http://{}", self.address), "sites": status.sites})
    }
}
