use std::net::SocketAddr;
use std::path::Path;

use axum::Router;
use maftia_agent::{Agent, AgentConfig};
use maftia_client::Client;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::group::within;

/// A running agent, and how to call it. Each call is a connection of its own.
pub(crate) struct Caller {
    pub(crate) address: SocketAddr,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Caller {
    pub(crate) async fn start(client: Client) -> Self {
        Self::with(client, |_| {}).await
    }

    pub(crate) async fn with(client: Client, change: impl FnOnce(&mut AgentConfig)) -> Self {
        let mut config = AgentConfig::new(client, "127.0.0.1:0".parse().unwrap());
        change(&mut config);
        let agent = Agent::bind(config).await.unwrap();
        let address = agent.address();
        tokio::spawn(agent.serve(std::future::pending()));
        Self { address }
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        self.call_with(method, path, &[], body).await
    }

    pub(crate) async fn call_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            head.push_str(&format!("Host: {}\r\n", self.address));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        self.raw(&[head.as_bytes(), body].concat()).await
    }

    /// Sends bytes and reads until the end of the connection.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> Answer {
        within(async {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            let (mut reading, mut writing) = stream.split();
            let mut answer = Vec::new();
            // A refused body need not be read to its end.
            let (_, _) = tokio::join!(writing.write_all(bytes), reading.read_to_end(&mut answer));
            Answer::parse(&answer)
        })
        .await
    }
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_lowercase(), value.to_owned())
        };
        Self {
            status: status.parse().unwrap(),
            headers: lines.map(header).collect(),
            body: bytes[end + 4..].to_vec(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The error's id, for programs.
    pub(crate) fn error(&self) -> String {
        let json = self.json();
        assert!(json["error"]["message"].is_string() && json["error"]["next"].is_string());
        json["error"]["id"].as_str().unwrap().to_owned()
    }
}

/// A folder of this test run.
pub(crate) fn token_file(folder: &Path, token: &str) -> std::path::PathBuf {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let path = folder.join("token");
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .unwrap();
    file.write_all(token.as_bytes()).unwrap();
    path
}

pub(crate) fn extra() -> Router {
    Router::new().route("/v1/attack", axum::routing::post(|| async { "attacked" }))
}
