use std::net::SocketAddr;

use maftia_agent::{Agent, AgentConfig, AgentError};

use crate::group::{Group, within};
use crate::http::{Caller, extra, token_file};

#[tokio::test]
async fn only_the_agents_own_names_are_answered() {
    let group = Group::honest();
    let client = group.client();
    let agent = Caller::with(client, |config| {
        config.names = vec!["Agent.example".to_owned()];
        config.extra_routes = extra();
    })
    .await;
    let port = agent.address.port();
    for host in [
        format!("127.0.0.1:{port}"),
        format!("LOCALHOST:{port}"),
        format!("[::1]:{port}"),
        "agent.example".to_owned(),
        format!("agent.example:{port}"),
    ] {
        let answer = agent
            .call_with("GET", "/livez", &[("Host", &host)], b"")
            .await;
        assert_eq!(answer.status, 200, "{host}");
    }
    for host in [
        "evil.example",
        "127.0.0.1",
        "localhost:1",
        "localhost.evil.example",
        "",
    ] {
        for path in ["/livez", "/v1/kv/a", "/v1/status", "/v1/attack", "/nowhere"] {
            let answer = agent.call_with("POST", path, &[("Host", host)], b"").await;
            assert_eq!(
                (answer.status, answer.error()),
                (403, "foreign-host".to_owned())
            );
        }
    }
    let attack = agent.call("POST", "/v1/attack", b"").await;
    assert_eq!((attack.status, &attack.body[..]), (200, &b"attacked"[..]));
}

#[tokio::test]
async fn a_token_is_asked_for_everywhere() {
    let folder = std::env::temp_dir().join(format!("maftia-agent-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let token = "0123456789abcdef0123456789abcdef";
    let path = token_file(&folder, token);
    let group = Group::honest();
    let agent = Caller::with(group.client(), |config| config.token = Some(path)).await;
    std::fs::remove_dir_all(&folder).unwrap();
    let right = format!("Bearer {token}");
    for header in [None, Some("Bearer "), Some("Bearer 0"), Some(token)] {
        let headers: Vec<_> = header
            .map(|value| ("Authorization", value))
            .into_iter()
            .collect();
        let answer = agent.call_with("GET", "/metrics", &headers, b"").await;
        assert_eq!(
            (answer.status, answer.error()),
            (401, "no-token".to_owned())
        );
    }
    let headers = [("Authorization", right.as_str())];
    assert_eq!(
        agent.call_with("GET", "/livez", &headers, b"").await.status,
        200
    );
}

#[tokio::test]
async fn an_address_that_others_reach_needs_a_token() {
    let group = Group::honest();
    let open: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let refused = Agent::bind(AgentConfig::new(group.client(), open)).await;
    assert!(matches!(refused, Err(AgentError::Open(_))));
}

#[tokio::test]
async fn health_and_metrics_say_what_is_there() {
    let mut group = Group::honest();
    let agent = Caller::start(group.client()).await;
    within(async { while agent.call("GET", "/readyz", b"").await.status != 200 {} }).await;
    agent.call("PUT", "/v1/kv/a", b"1").await;
    agent.call("GET", "/v1/status", b"").await;
    let metrics = agent.call("GET", "/metrics", b"").await;
    let text = String::from_utf8(metrics.body).unwrap();
    for line in [
        "maftia_agent_requests_total{method=\"PUT\",status=\"200\"} 1",
        "maftia_agent_outcomes_total{outcome=\"committed\"} 1",
        "maftia_agent_lies_total{site=\"D\"} 0",
        "maftia_agent_request_duration_seconds_bucket{le=\"+Inf\"}",
        "maftia_remaining_tolerance ",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    group.stop(2).await;
    group.stop(3).await;
    within(async { while agent.call("GET", "/readyz", b"").await.status != 503 {} }).await;
    let verbose = agent.call("GET", "/healthz?verbose", b"").await;
    let text = String::from_utf8(verbose.body).unwrap();
    assert!(
        text.contains("[-] link to D") && text.contains("2 of 3 needed"),
        "{text}"
    );
    assert_eq!(agent.call("GET", "/livez", b"").await.status, 200);
}

#[tokio::test]
async fn what_is_not_there_gets_an_error_in_json() {
    let group = Group::honest();
    let agent = Caller::start(group.client()).await;
    let nowhere = agent.call("GET", "/v2", b"").await;
    assert_eq!(
        (nowhere.status, nowhere.error()),
        (404, "no-such-path".to_owned())
    );
    for (method, path) in [
        ("POST", "/v1/kv/a"),
        ("PUT", "/v1/kv"),
        ("POST", "/v1/status"),
    ] {
        let wrong = agent.call(method, path, b"").await;
        assert_eq!(
            (wrong.status, wrong.error()),
            (405, "wrong-method".to_owned()),
            "{path}"
        );
    }
}
