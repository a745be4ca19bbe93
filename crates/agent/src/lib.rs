//! The agent: a process beside the application that speaks HTTP and JSON to it, and votes over the
//! answers of the sites, so that no application has to trust a site.
//!
//! # Interface
//! | request | answer |
//! |---|---|
//! | `PUT /v1/kv/{key}`, the value as body | `{"revision"}` |
//! | `GET /v1/kv/{key}` | the value as body, `Maftia-Revision`, `Maftia-Mod-Revision` |
//! | `GET /v1/kv/{key}?proof` | a proof of the value, or of its absence, for `maftia verify` |
//! | `DELETE /v1/kv/{key}` | `{"revision","deleted"}` |
//! | `GET /v1/kv?prefix=&limit=&after=` | `{"revision","entries","more"}` |
//! | `POST /v1/kv/txn` | `{"revision","succeeded","outcomes"}`, see [`txn`] |
//! | `GET /v1/keys` | `{"keys"}`, the keys that the sites hold together |
//! | `POST /v1/keys`, `{"name","scheme","users"}` | the key, once it can be used |
//! | `GET /v1/keys/{name}` | the key |
//! | `POST /v1/keys/{name}/sign?format=`, the message as body | `{"signature","scheme","public_key"}` |
//! | `POST /v1/keys/{name}/certificate` | `{"certificate","public_key"}`: X.509, PEM, signed by the key itself |
//! | `POST /v1/keys/{name}/decrypt`, `{"ciphertext","to"}` | `{"handed"}`: shares, sealed to the reader |
//! | `POST /v1/keys/{name}/refresh` | the key, once it has other shares |
//! | `POST /v1/keys/{name}/retire` | `{"retired"}` |
//! | `POST /v1/keys/{name}/rotate` | the key that takes its place, once it can be used |
//! | `POST /v1/keys/{name}/permit`, `{"users","uses_per_minute"}` | `{"permitted"}` |
//! | `GET /v1/keys/{name}/slots` | `{"slots"}`: the highest number used in each register |
//! | `GET /v1/proposals` | `{"proposals"}`: changes of the keys that wait for approvals |
//! | `POST /v1/proposals/{number}/approve`, `{"digest"}` | what came of it |
//! | `GET /v1/audit` | `{"entries",...}`: what was done with the keys, and by whom |
//! | `GET /v1/evidence`, `/v1/evidence/{id}` | proofs against sites |
//! | `GET /v1/keys/{name}/transcript` | the signed transcript of the ceremony that made the key's latest sharing, in bytes |
//! | `GET /v1/ceremonies` | `{"ceremonies"}`: what is under way, and whom it waits for |
//! | `GET /v1/beacon/latest`, `/v1/beacon/{round}` | `{"round","randomness","signature"}`, as drand has it |
//! | `GET /v1/channels` | `{"channels"}` |
//! | `POST /v1/channels`, `{"name","class","key","members"}` | the channel, open |
//! | `GET /v1/channels/{name}` | the channel, with the `sequence` of this client's next message |
//! | `POST /v1/channels/{name}/messages?sequence=`, the payload as body | `{"channel","sequence","position"}` |
//! | `GET /v1/channels/{name}/messages?cursor=&wait_ms=` | `{"messages","cursor","missed","end",...}` |
//! | `POST /v1/channels/{name}/close` | the channel |
//! | `GET /v1/group` | `{"epoch","n","f","members","policy","change","proposals",...}`: who is in the group, the change under way and whom it waits for |
//! | `GET /v1/group/file` | the group's file of today, TOML, for sites that join and new clients |
//! | `GET /v1/group/history` | `{"history"}`: changes made and aborted, the oldest first |
//! | `POST /v1/group/preview`, `{"edits","f"}` | `{"now","next","leaving","joining"}`; nothing is proposed |
//! | `POST /v1/group/proposals`, `{"edits","f"}` | `{"proposal","standing","missing"}` |
//! | `POST /v1/group/proposals/{number}/approve` | `{"proposal","standing","missing"}` |
//! | `DELETE /v1/group/proposals/{number}` | `{"withdrawn"}` |
//! | `GET /v1/backup?after=` | the beginning of a backup: a `maftia_backup::Preamble`, `Maftia-Position` |
//! | `GET /v1/backup/{commit}/{chunk}?digest=` | a chunk of that state |
//! | `GET /v1/status` | the group, see [`status`] |
//! | `GET /livez`, `/readyz`, `/healthz?verbose` | health of the agent and its links |
//! | `GET /metrics` | Prometheus text |
//!
//! `{key}` is the rest of the path, percent-decoded: slashes (also as `%2F`), empty segments and
//! arbitrary bytes are part of it. In a query, `+` is a space, as forms have it. In JSON, keys and
//! values are base64.
//!
//! Public keys, signatures and digests are hexadecimal in JSON; ciphertexts and shares are base64. A
//! message that is an SSH or a CMS signature's is signed with `?format=sshsig` or `cms` and not
//! otherwise ([`Form`](maftia_threshold::export::Form)). What takes a ceremony or a session waits for
//! it: 504 `pending` says that it goes on, and the same request under the same id waits on. `?key=`
//! names another beacon than `beacon`.
//!
//! A channel's class is `atomic` or `secure-causal`; the latter names a key of scheme `seal`, and the agent
//! encrypts to it. `?sequence=` makes a message safe to send again: it is ordered once. A cursor is what
//! the last page said; with `?wait_ms=`, up to [`WAIT_MS_MAX`], a page waits for a message.
//!
//! An edit of the sites is one of `{"add":SITE}`, `{"remove":"NAME"}` and
//! `{"replace":"NAME","with":SITE}`, a SITE `{"name","key","address","http"}`, the last of them
//! optional. `standing` is `authorised` once the change is under way, `waiting` while `missing` other
//! clients must approve.
//!
//! | status | meaning |
//! |---|---|
//! | 400 | malformed; nothing happened |
//! | 401 | the token is missing or wrong |
//! | 403 | the `Host` header is not this agent's; or this client may not do it: use that key, change members, withdraw another's proposal |
//! | 404 | no such key, round, proposal, or site |
//! | 409 | a comparison failed; the other branch was executed, its outcomes are in the body; or the state does not allow it: of a key, its scheme, the sites, or a change of them that is under way |
//! | 410 | a request of this id was executed; its answer is no longer kept; no site has that state any more |
//! | 413 | a key, value, transaction or answer is too large |
//! | 429 | over a quota: of waiting requests, of the agent, or of the store |
//! | 503 | rejected: nothing happened and never will |
//! | 504 | unknown: it may have happened; ask again with the same id. `unproven`: no signed state in time |
//!
//! Answers carry `Maftia-Request-Id` if the request was given an id. A request that
//! carries it back, with the same method, path and body, is executed at most once in all.
//! `Maftia-Timeout`, in milliseconds up to an hour, says how long the caller waits for an outcome; the
//! client's own deadline counts without it. At the end of that time there is an answer: 504 with the
//! id if the request may have left.
//! Errors are `{"error":{"id","message","next"}}`.
//!
//! # Guarantees
//! - A web page in a browser on the same machine cannot reach the store: the `Host` header must be
//!   one of the agent's names, and no answer permits another origin.
//! - An agent that listens on an address others can reach asks for a token.
//! - Connections, heads, bodies, waiting requests and their times are bounded: who sends slowly, or
//!   nothing, keeps nobody out ([`ConnectionLimits`]).

mod backup;
mod beacon;
mod channels;
mod config;
mod connections;
mod encoding;
mod error;
mod evidence;
mod group;
mod guard;
mod health;
mod keys;
mod kv;
mod metrics;
mod prove;
mod reports;
mod ruling;
mod serve;
pub mod status;
pub mod txn;

pub use channels::WAIT_MS_MAX;
pub use config::AgentConfig;
pub use connections::ConnectionLimits;
pub use error::ApiError;
pub use serve::{Agent, AgentError, REQUESTS_MAX};

#[cfg(test)]
mod tests;
