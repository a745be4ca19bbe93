use std::sync::Arc;
use std::time::Duration;

use maftia_agent::{Agent, AgentConfig, ConnectionLimits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::group::{Group, within};
use crate::http::Caller;

async fn agent(group: &Group, limits: ConnectionLimits) -> Caller {
    Caller::with(group.client(), |config| config.connections = limits).await
}

fn impatient() -> ConnectionLimits {
    ConnectionLimits {
        idle_max: Duration::from_millis(300),
        ..ConnectionLimits::default()
    }
}

/// What arrives until the connection ends.
async fn rest(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    // A reset ends it as well as a close.
    let _ = within(stream.read_to_end(&mut read)).await;
    String::from_utf8(read).unwrap()
}

/// One answer, of which the connection stays open.
async fn livez(agent: &Caller, stream: &mut TcpStream) {
    let head = format!("GET /livez HTTP/1.1\r\nHost: {}\r\n\r\n", agent.address);
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    within(async {
        while !read.ends_with(b"ok\n") {
            assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0, "closed");
        }
    })
    .await;
}

#[tokio::test]
async fn a_head_that_comes_drop_by_drop_is_cut_off() {
    let group = Group::honest();
    let agent = agent(&group, impatient()).await;
    let mut stream = TcpStream::connect(agent.address).await.unwrap();
    stream
        .write_all(b"GET /livez HTTP/1.1\r\nHo")
        .await
        .unwrap();
    let (mut reading, mut writing) = stream.split();
    let drip = async {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        loop {
            tick.tick().await;
            if writing.write_all(b"s").await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let mut read = Vec::new();
    within(async {
        tokio::select! {
            () = drip => {}
            _ = reading.read_to_end(&mut read) => {}
        }
    })
    .await;
    assert!(read.is_empty());
    assert_eq!(agent.call("GET", "/livez", b"").await.status, 200);
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_used_one_begins_anew() {
    let group = Group::honest();
    let agent = agent(&group, impatient()).await;
    let mut silent = TcpStream::connect(agent.address).await.unwrap();
    assert_eq!(rest(&mut silent).await, "");
    let mut used = TcpStream::connect(agent.address).await.unwrap();
    livez(&agent, &mut used).await;
    livez(&agent, &mut used).await;
    assert_eq!(rest(&mut used).await, "");
}

#[tokio::test]
async fn at_the_limit_the_longest_idle_makes_room() {
    let group = Group::honest();
    let limits = ConnectionLimits {
        connections_max: 2,
        ..ConnectionLimits::default()
    };
    let agent = agent(&group, limits).await;
    let mut first = TcpStream::connect(agent.address).await.unwrap();
    livez(&agent, &mut first).await;
    let mut second = TcpStream::connect(agent.address).await.unwrap();
    livez(&agent, &mut second).await;
    livez(&agent, &mut first).await;
    let mut third = TcpStream::connect(agent.address).await.unwrap();
    livez(&agent, &mut third).await;
    assert_eq!(rest(&mut second).await, "", "idle for longest");
    livez(&agent, &mut first).await;
}

#[tokio::test]
async fn beyond_the_limit_without_an_idle_one_a_connection_is_refused() {
    let group = Group::honest();
    let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (inside, freed) = (entered.clone(), release.clone());
    let wait = axum::routing::get(async move || {
        inside.notify_one();
        freed.notified().await;
        "freed"
    });
    let agent = Caller::with(group.client(), |config| {
        config.connections.connections_max = 1;
        config.extra_routes = axum::Router::new().route("/v1/wait", wait);
    })
    .await;
    let mut busy = TcpStream::connect(agent.address).await.unwrap();
    let get = format!(
        "GET /v1/wait HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        agent.address
    );
    busy.write_all(get.as_bytes()).await.unwrap();
    within(entered.notified()).await;
    let mut other = TcpStream::connect(agent.address).await.unwrap();
    let refused = rest(&mut other).await;
    assert!(
        refused.starts_with("HTTP/1.1 503 ") && refused.contains("\"busy\""),
        "{refused}"
    );
    release.notify_one();
    let answer = rest(&mut busy).await;
    assert!(answer.ends_with("freed"), "{answer}");
    let mut next = TcpStream::connect(agent.address).await.unwrap();
    livez(&agent, &mut next).await;
}

#[tokio::test]
async fn a_stop_lets_a_request_under_way_finish_and_closes_idle_connections() {
    let group = Group::honest();
    let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (inside, freed) = (entered.clone(), release.clone());
    let wait = axum::routing::get(async move || {
        inside.notify_one();
        freed.notified().await;
        "freed"
    });
    let mut config = AgentConfig::new(group.client(), "127.0.0.1:0".parse().unwrap());
    config.extra_routes = axum::Router::new().route("/v1/wait", wait);
    let agent = Agent::bind(config).await.unwrap();
    let address = agent.address();
    let stop = Arc::new(Notify::new());
    let stopped = stop.clone();
    let serving = tokio::spawn(agent.serve(async move { stopped.notified().await }));
    let mut idle = TcpStream::connect(address).await.unwrap();
    livez(&Caller { address }, &mut idle).await;
    let mut busy = TcpStream::connect(address).await.unwrap();
    let get = format!("GET /v1/wait HTTP/1.1\r\nHost: {address}\r\n\r\n");
    busy.write_all(get.as_bytes()).await.unwrap();
    within(entered.notified()).await;
    stop.notify_one();
    assert_eq!(rest(&mut idle).await, "");
    release.notify_one();
    assert!(rest(&mut busy).await.ends_with("freed"));
    within(serving).await.unwrap().unwrap();
}
