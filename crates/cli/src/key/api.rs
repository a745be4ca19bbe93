//! Keys as the agent's JSON has them.

use maftia_types::Digest;
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::http::Method;

use crate::http::{Answer, Body, Client, Effect, Problem, Request};
use crate::kv::percent::{decode, encode};

/// A key as the group reports it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Reported {
    pub(crate) name: String,
    pub(crate) scheme: String,
    pub(crate) state: String,
    #[serde(default)]
    pub(crate) version: Option<u32>,
    #[serde(default)]
    pub(crate) public_key: Option<String>,
    #[serde(default)]
    pub(crate) transcript: Option<String>,
    #[serde(default)]
    pub(crate) holders: u8,
    #[serde(default)]
    pub(crate) exposed: u8,
    /// Who may use it; all with the power to use keys, if this is not given.
    #[serde(default)]
    pub(crate) users: Option<Vec<String>>,
    /// The digest of the group that it is a key of.
    pub(crate) group: String,
}

impl Reported {
    /// A key that nobody reports: it is in a file here.
    pub(crate) fn ed25519(public: &[u8; 32]) -> Self {
        Self {
            name: String::new(),
            scheme: "ed25519".into(),
            state: "active".into(),
            version: None,
            public_key: Some(hex(public)),
            transcript: None,
            holders: 0,
            exposed: 0,
            users: None,
            group: String::new(),
        }
    }

    /// Its public key.
    pub(crate) fn public(&self) -> Result<Vec<u8>, Problem> {
        let text = self
            .public_key
            .as_deref()
            .ok_or_else(|| Problem::failed("key-generating", "the key is being generated"))?;
        unhex(text).ok_or_else(unasked)
    }

    /// Its public key, if it is one of that scheme with 32 bytes.
    pub(crate) fn public_of(&self, scheme: &str) -> Result<[u8; 32], Problem> {
        if self.scheme != scheme {
            let what = format!("the key is of scheme {}, not {scheme}", self.scheme);
            return Err(Problem::failed("other-scheme", what));
        }
        <[u8; 32]>::try_from(self.public()?).map_err(|_| unasked())
    }

    /// The digest of its group.
    pub(crate) fn group(&self) -> Result<Digest, Problem> {
        Digest::from_hex(&self.group).ok_or_else(unasked)
    }
}

impl Client {
    /// The key of that name.
    pub(crate) fn key(&self, name: &str) -> Result<Reported, Problem> {
        self.read(key_path(name, ""))?.json()
    }

    /// Does something with a key, at most once.
    pub(crate) fn use_key(
        &self,
        target: String,
        body: Option<Body<'_>>,
        request_id: Option<String>,
    ) -> Result<Answer, Problem> {
        self.send(&Request {
            method: Method::POST,
            target,
            body,
            effect: Effect::WritesOnce,
            request_id,
        })
    }
}

/// The path of a key, and of what is done with it.
pub(crate) fn key_path(name: &str, deed: &str) -> String {
    format!("/v1/keys/{}{deed}", encode(name.as_bytes(), b""))
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of a hexadecimal text.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let digits: Vec<char> = text.chars().collect();
    let pairs: String = digits
        .chunks(2)
        .map(|pair| format!("%{}", pair.iter().collect::<String>()))
        .collect();
    decode(&pairs)
}

/// What to type next after a problem with keys.
pub(crate) fn hint(problem: Problem) -> Problem {
    let next = match problem.id() {
        "slot" => "maftia key slots; numbers of a register only increase",
        "ceremony" | "key-generating" | "unsigned" => "maftia ceremony status",
        "name-taken" | "no-such-key" | "key-retired" | "other-scheme" | "too-many-keys" => {
            "maftia key list"
        }
        "no-such-round" => "maftia beacon latest",
        "expired" | "no-answer" => "maftia status, then type the same again",
        "rate-limited" => "wait for a minute",
        "no-power" => "use the agent of a client to which group.toml gives this power",
        "no-such-proposal" | "other-proposal" => "maftia key proposals",
        "approved" => "type it at the agent of another client with the power `approve-keys`",
        "not-permitted" => {
            "use the agent of a client that is a user of the key; see `maftia key show`"
        }
        _ => return problem,
    };
    problem.next(next)
}

/// A key without its name in a URL: an object for programs.
pub(crate) fn saved(output: &std::path::Path, bytes: usize) -> Value {
    json!({ "output": output.to_string_lossy(), "bytes": bytes })
}

pub(crate) fn unasked() -> Problem {
    Problem::failed("bad-answer", "the agent's answer is not understood")
        .next("use the same version here and at the agent")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_reads_back_and_nothing_else_does() {
        let all: Vec<u8> = (0..=u8::MAX).collect();
        assert_eq!(unhex(&hex(&all)), Some(all));
        for bad in ["0", "0g", "+1", "%%", "é"] {
            assert_eq!(unhex(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_name_is_one_segment_of_a_path() {
        assert_eq!(key_path("a/b c", "/sign"), "/v1/keys/a%2Fb%20c/sign");
    }
}
