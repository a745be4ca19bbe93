//! What the command line does through an agent, any program does over HTTP.

use crate::group::Group;
use crate::http::Caller;

/// The commands that ask the group, each with the request that it makes. `key encrypt`, `key verify`,
/// `beacon verify`, `evidence verify` and `evidence export` work on what another one has read.
const ROUTES: [(&str, &str, &str); 37] = [
    ("status", "GET", "/v1/status"),
    ("kv list", "GET", "/v1/kv"),
    ("kv put", "PUT", "/v1/kv/a"),
    ("kv get", "GET", "/v1/kv/a"),
    ("kv del", "DELETE", "/v1/kv/a"),
    ("kv txn", "POST", "/v1/kv/txn"),
    ("group show", "GET", "/v1/group"),
    ("group export", "GET", "/v1/group/file"),
    ("group history", "GET", "/v1/group/history"),
    ("group propose", "POST", "/v1/group/preview"),
    ("group propose --yes", "POST", "/v1/group/proposals"),
    ("group vote", "POST", "/v1/group/proposals/1/approve"),
    ("group withdraw", "DELETE", "/v1/group/proposals/1"),
    ("ceremony status", "GET", "/v1/ceremonies"),
    ("channel close", "POST", "/v1/channels/a/close"),
    ("channel list", "GET", "/v1/channels"),
    ("channel open", "POST", "/v1/channels"),
    ("channel receive", "GET", "/v1/channels/a/messages"),
    ("channel send", "POST", "/v1/channels/a/messages"),
    ("channel show", "GET", "/v1/channels/a"),
    ("key create", "POST", "/v1/keys"),
    ("key list", "GET", "/v1/keys"),
    ("key show", "GET", "/v1/keys/signing"),
    ("key sign", "POST", "/v1/keys/signing/sign"),
    (
        "key export --format x509",
        "POST",
        "/v1/keys/signing/certificate",
    ),
    ("key decrypt", "POST", "/v1/keys/signing/decrypt"),
    ("key permit", "POST", "/v1/keys/signing/permit"),
    ("key refresh", "POST", "/v1/keys/signing/refresh"),
    ("key rotate", "POST", "/v1/keys/signing/rotate"),
    ("key retire", "POST", "/v1/keys/signing/retire"),
    ("key slots", "GET", "/v1/keys/signing/slots"),
    ("key audit", "GET", "/v1/audit"),
    ("key proposals", "GET", "/v1/proposals"),
    ("key approve", "POST", "/v1/proposals/1/approve"),
    ("beacon get", "GET", "/v1/beacon/latest"),
    ("evidence list", "GET", "/v1/evidence"),
    ("evidence show", "GET", "/v1/evidence/last"),
];

/// These sites have the store and nothing else: what matters is who answers.
#[tokio::test]
async fn every_command_that_asks_the_group_has_a_route_that_answers() {
    let group = Group::honest();
    let agent = Caller::start(group.client()).await;
    let soon = [("Maftia-Timeout", "300")];
    for (command, method, path) in ROUTES {
        let answer = agent.call_with(method, path, &soon, b"").await;
        if answer.status != 200 {
            let error = answer.error();
            let nobody = ["no-such-path", "wrong-method"].contains(&error.as_str());
            assert!(!nobody, "{command}: {method} {path}: {error}");
        }
    }
}
