//! A local process that votes on its caller's behalf: HTTP/JSON on loopback in front of a
//! [`maftia_client::Client`].
//!
//! # Guarantees
//! - An answer with status 200, 404 or 409 is what f+1 sites agree on: one lying site cannot change
//!   it.
//! - 503 means that nothing happened and never will; 504 that it may have. Either way
//!   `Maftia-Request-Id` names the request: sent again under that header, it happens at most once.
//! - Bodies are bounded while they are read; so are the requests under way.
//!
//! # Model
//! The caller and the agent trust each other and share a machine. Pages in a browser on that
//! machine are not trusted: the `Host` header must name this agent, and no CORS header is sent. An
//! address that is not loopback needs a token.
//!
//! The interface: `PUT`, `GET`, `DELETE /v1/kv/{key}`, `GET /v1/kv`, `POST /v1/kv/txn`,
//! `GET /v1/status`, `/livez`, `/readyz`, `/healthz`, `/metrics`.

mod error;
mod guard;
mod health;
mod json;
mod key;
mod kv;
mod metrics;
mod server;
mod status;

pub use server::{AgentConfig, AgentError, serve};
pub use status::{GroupStatus, SiteEntry};
