use serde_json::{Value, json};

use crate::group::{Group, Manner, within};
use crate::http::Caller;

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[tokio::test]
async fn a_value_is_put_read_and_deleted() {
    let group = Group::honest();
    let agent = Caller::start(group.client()).await;
    let put = agent.call("PUT", "/v1/kv/app/colour", b"blue").await;
    assert_eq!((put.status, put.json()), (200, json!({"revision": 2})));
    assert!(put.header("maftia-request-id").is_some());

    let get = agent.call("GET", "/v1/kv/app/colour", b"").await;
    assert_eq!((get.status, &get.body[..]), (200, &b"blue"[..]));
    assert_eq!(get.header("maftia-revision"), Some("2"));
    assert_eq!(get.header("maftia-mod-revision"), Some("2"));
    assert_eq!(get.header("access-control-allow-origin"), None);

    let delete = agent.call("DELETE", "/v1/kv/app/colour", b"").await;
    assert_eq!(delete.json(), json!({"revision": 3, "deleted": true}));
    for method in ["GET", "DELETE"] {
        let gone = agent.call(method, "/v1/kv/app/colour", b"").await;
        assert_eq!((gone.status, gone.error()), (404, "no-such-key".to_owned()));
        assert!(gone.header("maftia-request-id").is_some());
    }
}

#[tokio::test]
async fn every_spelling_of_a_key_is_that_key() {
    let group = Group::honest();
    let agent = Caller::start(group.client()).await;
    for (path, key) in [
        ("a%2Fb", "a/b"),
        ("/a//b/", "/a//b/"),
        ("txn", "txn"),
        ("%00%ff+", "AP8r"),
        ("%E2%82%AC", "€"),
    ] {
        let path = format!("/v1/kv/{path}");
        let put = agent.call("PUT", &path, path.as_bytes()).await;
        assert_eq!(put.status, 200, "{path}");
        let get = agent.call("GET", &path, b"").await;
        assert_eq!(get.body, path.as_bytes(), "{path}");
        let list = agent.call("GET", "/v1/kv", b"").await.json();
        let keys: Vec<_> = list["entries"].as_array().unwrap().iter().collect();
        let expected = if key == "AP8r" {
            key.to_owned()
        } else {
            base64(key)
        };
        assert!(
            keys.iter().any(|entry| entry["key"] == expected),
            "{path}: {list}"
        );
    }
    let slash = agent.call("GET", "/v1/kv/a/b", b"").await;
    assert_eq!(slash.body, b"/v1/kv/a%2Fb", "an escaped slash is a slash");
    for (path, status) in [
        ("/v1/kv/".to_owned(), 400),
        ("/v1/kv/%zz".to_owned(), 400),
        (format!("/v1/kv/{}", "k".repeat(1024)), 404),
        (format!("/v1/kv/{}", "k".repeat(1025)), 413),
    ] {
        assert_eq!(agent.call("GET", &path, b"").await.status, status);
    }
}

#[tokio::test]
async fn keys_are_listed_by_prefix_in_pages() {
    let group = Group::honest();
    let agent = Caller::start(group.client()).await;
    for key in ["a/1", "a/2", "a/3", "b"] {
        agent.call("PUT", &format!("/v1/kv/{key}"), b"v").await;
    }
    let first = agent
        .call("GET", "/v1/kv?prefix=a%2F&limit=2&after=", b"")
        .await
        .json();
    assert_eq!(
        (first["more"].clone(), first["revision"].clone()),
        (json!(true), json!(5))
    );
    let keys = |page: &Value| -> Vec<Value> {
        let entries = page["entries"].as_array().unwrap().iter();
        entries.map(|entry| entry["key"].clone()).collect()
    };
    assert_eq!(keys(&first), [base64("a/1"), base64("a/2")]);
    let rest = agent
        .call("GET", "/v1/kv?prefix=a/&after=a/2", b"")
        .await
        .json();
    assert_eq!(
        (keys(&rest), &rest["more"]),
        (vec![json!(base64("a/3"))], &json!(false))
    );
    assert_eq!(rest["entries"][0]["value"], base64("v"));
    for query in ["limit=x", "limit=0", "limit=1001", "page=2", "prefix=%"] {
        let bad = agent.call("GET", &format!("/v1/kv?{query}"), b"").await;
        assert_eq!(
            (bad.status, bad.error()),
            (400, "malformed".to_owned()),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_transaction_does_one_branch_and_says_which() {
    let group = Group::honest();
    let agent = Caller::start(group.client()).await;
    let lock = json!({
        "compare": [{
            "key": base64("lock"), "relation": "equal", "target": {"create_revision": 0}
        }],
        "success": [{"put": {"key": base64("lock"), "value": base64("me")}}],
        "failure": [{"get": {"key": base64("lock")}}],
    });
    let lock = lock.to_string();
    let taken = agent.call("POST", "/v1/kv/txn", lock.as_bytes()).await;
    assert_eq!(taken.status, 200);
    assert_eq!(taken.json()["succeeded"], true);
    let held = agent.call("POST", "/v1/kv/txn", lock.as_bytes()).await;
    assert_eq!(
        (held.status, held.error()),
        (409, "comparison-failed".to_owned())
    );
    assert_eq!(held.json()["outcomes"][0]["get"]["value"], base64("me"));
    for bad in [
        "",
        "{",
        "[]",
        r#"{"compare":1}"#,
        r#"{"success":[{"get":{"key":"%"}}]}"#,
    ] {
        let bad = agent.call("POST", "/v1/kv/txn", bad.as_bytes()).await;
        assert_eq!((bad.status, bad.error()), (400, "malformed".to_owned()));
    }
}

#[tokio::test]
async fn a_value_has_at_most_a_mebibyte() {
    let group = Group::honest();
    let agent = Caller::start(group.client()).await;
    let longest = vec![b'v'; 1 << 20];
    assert_eq!(agent.call("PUT", "/v1/kv/long", &longest).await.status, 200);
    assert_eq!(agent.call("GET", "/v1/kv/long", b"").await.body, longest);
    let over = vec![b'v'; (1 << 20) + 1];
    let refused = agent.call("PUT", "/v1/kv/long", &over).await;
    assert_eq!(
        (refused.status, refused.error()),
        (413, "too-large".to_owned())
    );
    let mut chunked = format!(
        "PUT /v1/kv/long HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
         Transfer-Encoding: chunked\r\n\r\n{:x}\r\n",
        agent.address,
        over.len()
    )
    .into_bytes();
    chunked.extend(&over);
    chunked.extend(b"\r\n0\r\n\r\n");
    assert_eq!(agent.raw(&chunked).await.status, 413);
}

#[tokio::test]
async fn a_request_with_the_same_id_happens_once() {
    let mut manners = [Manner::Honest; 4];
    manners[1] = Manner::Forging;
    let group = Group::start(manners);
    let agent = Caller::start(group.client()).await;
    let first = agent.call("PUT", "/v1/kv/a", b"1").await;
    let id = first.header("maftia-request-id").unwrap();
    let named = [("Maftia-Request-Id", id)];
    let again = agent.call_with("PUT", "/v1/kv/a", &named, b"1").await;
    assert_eq!((again.status, again.json()), (200, first.json()));
    assert_eq!(again.header("maftia-request-id"), Some(id));
    let next = agent.call("PUT", "/v1/kv/a", b"2").await;
    assert_eq!(next.json(), json!({"revision": 3}));
    let other = agent.call_with("PUT", "/v1/kv/a", &named, b"2").await;
    assert_eq!(
        (other.status, other.error()),
        (400, "id-mismatch".to_owned())
    );
    let bad = [("Maftia-Request-Id", "1.2.3")];
    let bad = agent.call_with("PUT", "/v1/kv/a", &bad, b"2").await;
    assert_eq!((bad.status, bad.error()), (400, "malformed".to_owned()));
}

#[tokio::test]
async fn says_unknown_without_a_quorum_and_the_id_brings_the_answer_later() {
    let mut group = Group::honest();
    let mut config = group.config();
    config.timing.deadline = maftia_types::Duration::from_millis(400);
    let client = maftia_client::Client::connect(config).unwrap();
    let agent = Caller::start(client).await;
    within(async { while agent.call("GET", "/v1/kv/a", b"").await.status != 404 {} }).await;
    group.stop(1).await;
    group.stop(2).await;
    let put = agent.call("PUT", "/v1/kv/a", b"1").await;
    assert_eq!((put.status, put.error()), (504, "unknown".to_owned()));
    let id = put.header("maftia-request-id").unwrap();
    group.run(1, Manner::Honest);
    group.run(2, Manner::Honest);
    let named = [("Maftia-Request-Id", id)];
    within(async {
        while agent
            .call_with("PUT", "/v1/kv/a", &named, b"1")
            .await
            .status
            != 200
        {}
    })
    .await;
    let get = agent.call("GET", "/v1/kv/a", b"").await;
    assert_eq!(get.header("maftia-revision"), Some("2"), "it happened once");
}

#[tokio::test]
async fn a_caller_s_own_deadline_brings_504_with_the_id_in_time() {
    let mut group = Group::honest();
    let agent = Caller::start(group.client()).await;
    within(async { while agent.call("GET", "/v1/kv/a", b"").await.status != 404 {} }).await;
    group.stop(1).await;
    group.stop(2).await;
    let soon = [("Maftia-Timeout", "200")];
    let start = std::time::Instant::now();
    let put = agent.call_with("PUT", "/v1/kv/a", &soon, b"1").await;
    let took = start.elapsed();
    assert_eq!((put.status, put.error()), (504, "unknown".to_owned()));
    let usual = group.config().timing.deadline;
    assert!(took < std::time::Duration::from(usual), "{took:?}");
    let id = put.header("maftia-request-id").unwrap();
    let named = [("Maftia-Timeout", "1"), ("Maftia-Request-Id", id)];
    let again = agent.call_with("PUT", "/v1/kv/a", &named, b"1").await;
    assert_eq!(
        (again.status, again.header("maftia-request-id")),
        (504, Some(id))
    );
    for bad in ["0", "3600001", "-1", "1.5", "", "soon"] {
        let bad = [("Maftia-Timeout", bad)];
        let bad = agent.call_with("PUT", "/v1/kv/a", &bad, b"1").await;
        assert_eq!((bad.status, bad.error()), (400, "malformed".to_owned()));
    }
}

#[tokio::test]
async fn an_id_with_other_content_is_refused_also_after_the_agent_s_restart() {
    let group = Group::honest();
    let agent = Caller::start(group.client()).await;
    let put = agent.call("PUT", "/v1/kv/a", b"1").await;
    let id = put.header("maftia-request-id").unwrap();
    let restarted = Caller::start(group.client()).await;
    let named = [("Maftia-Request-Id", id)];
    let other = restarted.call_with("PUT", "/v1/kv/a", &named, b"2").await;
    assert_eq!(
        (other.status, other.error()),
        (400, "id-mismatch".to_owned())
    );
    let same = restarted.call_with("PUT", "/v1/kv/a", &named, b"1").await;
    assert_eq!((same.status, same.json()), (200, json!({"revision": 2})));
}

#[tokio::test]
async fn the_status_names_the_site_that_is_gone() {
    let mut group = Group::honest();
    let agent = Caller::start(group.client()).await;
    let all = within(async {
        loop {
            let status = agent.call("GET", "/v1/status", b"").await.json();
            if status["remaining_tolerance"] == 1 && status["sites"][3]["state"] == "serving" {
                return status;
            }
        }
    })
    .await;
    assert_eq!(
        (&all["tolerance"], &all["model"]),
        (&json!(1), &json!("arbitrary"))
    );
    group.stop(3).await;
    let gone = within(async {
        loop {
            let status = agent.call("GET", "/v1/status", b"").await.json();
            if status["sites"][3]["state"] != "serving" {
                return status;
            }
        }
    })
    .await;
    assert_eq!(gone["sites"][3]["name"], "D");
}
