use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use maftia_activity::keys::channels::PAYLOAD_BYTES_MAX;
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::http::Method;

use super::args;
use crate::files::{input, print};
use crate::http::{Answer, Body, Effect, Problem, Request};
use crate::kv::percent::encode;
use crate::kv::show::escaped;
use crate::output;

/// What to do with a payload that is too long.
const LONGER: &str = "store it with `maftia kv put` and send its key";

/// A channel as the agent has it.
#[derive(Debug, Deserialize)]
struct Reported {
    name: String,
    class: String,
    members: Vec<String>,
    closed: bool,
    next: u64,
    waiting: u64,
    sequence: u64,
}

#[derive(Deserialize)]
struct Sent {
    sequence: u64,
    position: u64,
}

pub(super) fn open(typed: &args::Open) -> Result<(), Problem> {
    let class = match typed.class {
        args::Class::Atomic => "atomic",
        args::Class::SecureCausal => "secure-causal",
    };
    let members = Some(&typed.members).filter(|members| !members.is_empty());
    let body = json!({
        "name": typed.name,
        "class": class,
        "key": typed.key,
        "members": members,
    })
    .to_string();
    let client = typed.common.connection.client()?;
    let answer = client.send(&Request {
        method: Method::POST,
        target: "/v1/channels".to_owned(),
        body: Some(Body::Json(body.as_bytes())),
        effect: Effect::WritesAlike,
        request_id: None,
    })?;
    shown(&answer, typed.common.json)
}

pub(super) fn close(typed: &args::Named) -> Result<(), Problem> {
    let answer = typed.common.connection.client()?.send(&Request {
        method: Method::POST,
        target: path(&typed.name, "/close"),
        body: None,
        effect: Effect::WritesAlike,
        request_id: None,
    })?;
    shown(&answer, typed.common.json)
}

pub(super) fn show(typed: &args::Named) -> Result<(), Problem> {
    let client = typed.common.connection.client()?;
    shown(&client.read(path(&typed.name, ""))?, typed.common.json)
}

pub(super) fn list(typed: &args::List) -> Result<(), Problem> {
    #[derive(Deserialize)]
    struct All {
        channels: Vec<Reported>,
    }
    let client = typed.common.connection.client()?;
    let answer = client.read("/v1/channels".to_owned())?;
    if typed.common.json {
        return print(&answer.json::<Value>()?);
    }
    for own in &answer.json::<All>()?.channels {
        line(own);
    }
    Ok(())
}

pub(super) fn send(typed: &args::Send) -> Result<(), Problem> {
    let payload = payload(&typed.payload)?;
    let client = typed.common.connection.client()?;
    let sequence = match typed.sequence {
        Some(sequence) => sequence,
        None => {
            let answer = client.read(path(&typed.name, ""))?;
            answer.json::<Reported>()?.sequence
        }
    };
    let answer = client.send(&Request {
        method: Method::POST,
        target: path(&typed.name, &format!("/messages?sequence={sequence}")),
        body: Some(Body::Bytes(&payload)),
        // Under its sequence it is ordered once, however often it is sent.
        effect: Effect::WritesAlike,
        request_id: None,
    });
    let answer = answer.map_err(|problem| unsent(problem, sequence))?;
    if typed.common.json {
        return print(&answer.json::<Value>()?);
    }
    let sent: Sent = answer.json()?;
    output::line(format!(
        "sent as message {} of this client, at position {}",
        sent.sequence, sent.position
    ));
    Ok(())
}

/// What is known of a message that may have been sent.
fn unsent(problem: Problem, sequence: u64) -> Problem {
    match problem.id() {
        "unknown-outcome" => {
            problem.next(format!("type the same again with --sequence {sequence}"))
        }
        "out-of-sequence" => problem.next(
            "maftia channel receive: if it is there, an attempt before was heard; else type it again \
             without --sequence",
        ),
        _ => problem,
    }
}

fn payload(typed: &OsStr) -> Result<Vec<u8>, Problem> {
    let bytes = typed.as_bytes();
    let path = match bytes.strip_prefix(b"@") {
        Some(path) => OsStr::from_bytes(path),
        None if bytes == b"-" => typed,
        None if bytes.len() > PAYLOAD_BYTES_MAX => {
            let text = format!("a payload has at most {PAYLOAD_BYTES_MAX} bytes");
            return Err(Problem::failed("too-large", text).next(LONGER));
        }
        None => return Ok(bytes.to_vec()),
    };
    input(Path::new(path), PAYLOAD_BYTES_MAX, LONGER)
}

fn shown(answer: &Answer, json: bool) -> Result<(), Problem> {
    if json {
        return print(&answer.json::<Value>()?);
    }
    line(&answer.json()?);
    Ok(())
}

fn line(own: &Reported) {
    output::line(format!(
        "{}  {}  {}, {} messages, {} waiting, members {}",
        escaped(own.name.as_bytes()),
        escaped(own.class.as_bytes()),
        if own.closed { "closed" } else { "open" },
        own.next,
        own.waiting,
        escaped(own.members.join(", ").as_bytes()),
    ));
}

/// The path of a channel, and of what is done with it.
pub(super) fn path(name: &str, deed: &str) -> String {
    format!("/v1/channels/{}{deed}", encode(name.as_bytes(), b""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_what_was_typed_up_to_its_limit() {
        assert_eq!(payload(OsStr::new("hello")).unwrap(), b"hello");
        let longest = "x".repeat(PAYLOAD_BYTES_MAX);
        assert!(payload(OsStr::new(&longest)).is_ok());
        let longer = payload(OsStr::new(&(longest + "x"))).unwrap_err();
        assert_eq!(longer.id(), "too-large");
    }
}
