//! The client of the agent's HTTP interface: one request, sent until its outcome is known or the
//! time is up.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use maftia_config::load_token;
use ureq::http;

mod course;
mod endpoint;
mod problem;

pub(crate) use course::Effect;
use course::{Course, Next, Reply};
pub(crate) use problem::Problem;

/// Idle connections kept: as many as an import or export uses at once.
pub(crate) const CONNECTIONS_MAX: usize = 16;

/// The largest answer read: the beginning of a backup. A page of the store as base64 in JSON is far
/// shorter.
const ANSWER_BYTES_MAX: u64 = maftia_backup::PREAMBLE_BYTES_MAX as u64;

/// How much longer than the time left we wait for an answer: an agent that gives up at the same
/// moment still gets its answer, and the id it carries, through.
const GRACE: Duration = Duration::from_secs(1);

const REQUEST_ID: &str = "maftia-request-id";
/// How long a request is tried for, unless it is said.
const PATIENCE_SECONDS: u64 = 10;
/// The same for a proof: a checkpoint comes every ten seconds, and has to be signed.
const PROOF_PATIENCE_SECONDS: u64 = 30;
/// How long the agent may take for its answer, in milliseconds.
const TIMEOUT: &str = "maftia-timeout";

/// How the agent is reached.
#[derive(Debug, Args)]
pub(crate) struct Connection {
    /// The agent's address
    #[arg(
        long,
        env = "MAFTIA_ENDPOINT",
        default_value = "http://127.0.0.1:7077",
        value_name = "URL"
    )]
    endpoint: String,
    /// File of the token the agent asks for
    #[arg(long, env = "MAFTIA_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Seconds to try each request for; 10, or 30 if it waits for a proof
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: Option<u64>,
}

/// A client of one agent. Threads may share it; it keeps connections open between requests.
#[derive(Debug)]
pub(crate) struct Client {
    agent: ureq::Agent,
    endpoint: String,
    authorization: Option<http::HeaderValue>,
    timeout: Duration,
}

/// What is asked of the agent.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: http::Method,
    /// Path and query, percent-encoded.
    pub(crate) target: String,
    pub(crate) body: Option<Body<'a>>,
    pub(crate) effect: Effect,
    /// The id under which an earlier attempt is repeated.
    pub(crate) request_id: Option<String>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Body<'a> {
    Bytes(&'a [u8]),
    Json(&'a [u8]),
}

/// What the agent answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    headers: http::HeaderMap,
}

impl Connection {
    /// # Errors
    /// If the endpoint is not one we can speak to, or the token cannot be read.
    pub(crate) fn client(&self) -> Result<Client, Problem> {
        self.client_within(PATIENCE_SECONDS)
    }

    /// A client that by itself waits for what takes the group a while.
    ///
    /// # Errors
    /// As [`Connection::client`].
    pub(crate) fn patient_client(&self) -> Result<Client, Problem> {
        self.client_within(PROOF_PATIENCE_SECONDS)
    }

    fn client_within(&self, usual_seconds: u64) -> Result<Client, Problem> {
        let endpoint = endpoint::parse(&self.endpoint)?;
        let authorization = match &self.token_file {
            Some(path) => {
                let token = load_token(path)
                    .map_err(|error| Problem::failed("token", error.to_string()))?;
                let mut value = http::HeaderValue::from_str(&format!("Bearer {}", token.as_str()))
                    .map_err(|error| Problem::failed("token", error.to_string()))?;
                value.set_sensitive(true);
                Some(value)
            }
            None => None,
        };
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            // A proxy named in the environment must not see loopback traffic.
            .proxy(None)
            .max_idle_connections(CONNECTIONS_MAX)
            .max_idle_connections_per_host(CONNECTIONS_MAX)
            .user_agent(concat!("maftia/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Client {
            agent: config.new_agent(),
            endpoint,
            authorization,
            timeout: Duration::from_secs(self.timeout.unwrap_or(usual_seconds)),
        })
    }
}

impl Client {
    /// Sends a request, again where that is safe, until its outcome is known or the time is up.
    ///
    /// # Errors
    /// What the agent says against it, or what is known of the outcome without its word.
    pub(crate) fn send(&self, request: &Request<'_>) -> Result<Answer, Problem> {
        let deadline = Instant::now() + self.timeout;
        let mut course = Course::new(request.effect, request.request_id.clone());
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let reply = self.attempt(request, course.request_id(), left);
            let left = deadline.saturating_duration_since(Instant::now());
            match course.judge(reply, left) {
                Next::Return(result) => return result.map_err(|problem| problem.at(self)),
                Next::Again { after } => std::thread::sleep(after),
            }
        }
    }

    fn attempt(&self, request: &Request<'_>, id: Option<&str>, left: Duration) -> Reply {
        let timeout = left + GRACE;
        let uri = format!("{}{}", self.endpoint, request.target);
        let mut builder = http::Request::builder()
            .method(request.method.clone())
            .uri(uri);
        if let Some(authorization) = &self.authorization {
            builder = builder.header(http::header::AUTHORIZATION, authorization);
        }
        if let Some(id) = id {
            builder = builder.header(REQUEST_ID, id);
        }
        builder = builder.header(TIMEOUT, agents_share(left));
        let sent = match request.body {
            None => builder.body(()).map_err(ureq::Error::from).and_then(|it| {
                let configured = self.agent.configure_request(it);
                let it = configured.timeout_global(Some(timeout)).build();
                self.agent.run(it)
            }),
            Some(body) => {
                let (kind, bytes) = match body {
                    Body::Bytes(bytes) => ("application/octet-stream", bytes),
                    Body::Json(bytes) => ("application/json", bytes),
                };
                let built = builder.header(http::header::CONTENT_TYPE, kind).body(bytes);
                built.map_err(ureq::Error::from).and_then(|it| {
                    let configured = self.agent.configure_request(it);
                    let it = configured.timeout_global(Some(timeout)).build();
                    self.agent.run(it)
                })
            }
        };
        let read = sent.and_then(|response| {
            let (parts, body) = response.into_parts();
            let body = body
                .into_with_config()
                .limit(ANSWER_BYTES_MAX)
                .read_to_vec()?;
            Ok(Answer {
                status: parts.status.as_u16(),
                headers: parts.headers,
                body,
            })
        });
        match read {
            Ok(answer) => Reply::Answer(answer),
            Err(error) => judge_error(&error),
        }
    }
}

impl Answer {
    /// A header that holds a number.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.headers.get(name)?.to_str().ok()?.parse().ok()
    }

    /// Under which the same request may be sent again.
    pub(crate) fn request_id(&self) -> Option<String> {
        let id = self.headers.get(REQUEST_ID)?.to_str().ok()?;
        Some(id.to_owned())
    }

    /// The answer's JSON.
    ///
    /// # Errors
    /// If it is not what this program understands.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let text = format!("the agent's answer is not understood: {error}");
            Problem::failed("bad-answer", text).next("use the same version here and at the agent")
        })
    }
}

/// The agent's part of the time left, in milliseconds: it gives up a little earlier than we do, so
/// that its word, and the id for another attempt, is here in time.
fn agents_share(left: Duration) -> u64 {
    let share = u64::try_from(left.as_millis() * 9 / 10).unwrap_or(u64::MAX);
    share.max(1)
}

/// Whether the request can have reached the agent.
fn judge_error(error: &ureq::Error) -> Reply {
    let text = error.to_string();
    match error {
        ureq::Error::Io(io) if io.kind() == io::ErrorKind::ConnectionRefused => {
            Reply::NotReached(text)
        }
        ureq::Error::ConnectionFailed
        | ureq::Error::HostNotFound
        | ureq::Error::Http(_)
        | ureq::Error::BadUri(_)
        | ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
            Reply::NotReached(text)
        }
        _ => Reply::Lost(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agent_gives_up_before_we_do() {
        for (left_ms, share) in [(0, 1), (1, 1), (1000, 900), (3_600_000, 3_240_000)] {
            assert_eq!(agents_share(Duration::from_millis(left_ms)), share);
        }
    }
}
