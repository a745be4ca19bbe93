//! Proofs of misbehaviour in the log: whom they convict, and the files that convince others.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use maftia_client::Client;
use maftia_client::evidence::Told;
use maftia_config::GroupFile;
use maftia_crypto::PublicKey;
use maftia_membership::evidence::{Exhibit, Export};
use maftia_types::Digest;
use serde_json::{Value, json};

use crate::ApiError;
use crate::reports::{EvidenceReport, Report};
use crate::serve::Shared;

/// Proofs looked at in a site's word: more than a correct one lists.
const LISTED_MAX: usize = 64;
/// A name may be cut to this many digits, if no other begins alike.
const PREFIX_DIGITS_MIN: usize = 8;
/// Names the newest.
const LAST: &str = "last";

/// `GET /v1/evidence`: the newest proofs that f+1 sites show alike, oldest first.
pub(crate) async fn list(State(shared): State<Shared>) -> Json<Value> {
    Json(json!({ "evidence": listed(shared.store.client()).await }))
}

/// `GET /v1/evidence/{id}`; the name may be cut, or `last`.
pub(crate) async fn show(
    State(shared): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let client = shared.store.client();
    let id = find(client, &id).await?;
    match client.evidence(id).await {
        Told::Exhibit(exhibit) => Ok(Json(shown(&client.group(), &id, &exhibit))),
        Told::Unknown => Err(no_such()),
        Told::Undecided => Err(ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "no-answer",
            "too few sites answered alike in time",
            "see `GET /v1/status`, then send it again",
        )),
    }
}

async fn find(client: &Client, text: &str) -> Result<Digest, ApiError> {
    if let Some(id) = Digest::from_hex(text) {
        return Ok(id);
    }
    let known = listed(client).await;
    let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let found = if text == LAST {
        known.last()
    } else if digits && text.len() >= PREFIX_DIGITS_MIN {
        let text = text.to_ascii_lowercase();
        let mut matches = known.iter().filter(|own| own.digest.starts_with(&text));
        matches.next().filter(|_| matches.next().is_none())
    } else {
        let next = "use `last`, or a name of `GET /v1/evidence`; 8 of its digits do";
        return Err(ApiError::malformed("that names no proof", next));
    };
    found
        .and_then(|own| Digest::from_hex(&own.digest))
        .ok_or_else(no_such)
}

async fn listed(client: &Client) -> Vec<EvidenceReport> {
    let answers = client.status().await;
    let reports = answers.into_iter().filter_map(|(_, json)| {
        let report: Report = serde_json::from_slice(&json?).ok()?;
        Some(report.evidence)
    });
    agreed(client.group().resilience().one_correct(), reports)
}

/// What f+1 sites show alike, in the order of the log.
fn agreed(
    needed: usize,
    reports: impl Iterator<Item = Vec<EvidenceReport>>,
) -> Vec<EvidenceReport> {
    let mut votes: BTreeMap<EvidenceReport, usize> = BTreeMap::new();
    for report in reports {
        let said: BTreeSet<EvidenceReport> = report.into_iter().take(LISTED_MAX).collect();
        said.into_iter()
            .for_each(|own| *votes.entry(own).or_default() += 1);
    }
    let believed = votes.into_iter().filter(|(_, count)| *count >= needed);
    believed.map(|(own, _)| own).collect()
}

fn shown(group: &GroupFile, id: &Digest, exhibit: &Exhibit) -> Value {
    let (proof, report) = (&exhibit.proof, exhibit.report);
    let of_key = |(_, site): &(_, &maftia_config::SiteEntry)| *site.key.as_bytes() == exhibit.key;
    let culprit = group.sites().find(of_key);
    // A former member is in the file no more.
    let culprit = culprit.map_or("", |(_, site)| site.name.as_str());
    let reporter = group.site_name(report.reporter);
    let export = Export {
        group: group.group().name.clone(),
        culprit: culprit.to_owned(),
        reporter: reporter.to_owned(),
        exhibit: exhibit.clone(),
    };
    let key = PublicKey::new(exhibit.key);
    let statements = proof.statements().map(|own| {
        json!({
            "header": own.header.to_string(), "payload": own.payload.to_string(),
            "time_ms": own.time_ms,
        })
    });
    json!({
        "id": id.to_string(), "kind": proof.kind(), "culprit": culprit,
        "key": Digest(exhibit.key).to_string(), "config": proof.config().to_string(),
        "epoch": proof.epoch().0, "round": proof.round().0, "statements": statements,
        "commit": report.commit, "time_ms": report.time_ms, "reporter": reporter,
        "verified": key.is_ok_and(|key| proof.verify(&key).is_ok()),
        "export": export.to_text(),
    })
}

fn no_such() -> ApiError {
    let next = "see `GET /v1/evidence`";
    ApiError::new(
        StatusCode::NOT_FOUND,
        "no-such-evidence",
        "there is no such proof",
        next,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(commit: u64, site: &str) -> EvidenceReport {
        EvidenceReport {
            commit,
            digest: format!("{commit:064}"),
            kind: "equivocation".into(),
            site: site.into(),
            key: "00".repeat(32),
            round: 1,
            time_ms: 2,
            reporter: "A".into(),
        }
    }

    #[test]
    fn a_proof_that_f_sites_show_is_not_listed_and_order_is_that_of_the_log() {
        let (first, second) = (said(3, "C"), said(12, "D"));
        let lie = said(5, "A");
        let reports = [
            vec![first.clone(), second.clone()],
            vec![second.clone(), first.clone()],
            // Saying it often does not help.
            vec![lie.clone(), lie],
        ];
        assert_eq!(agreed(2, reports.into_iter()), [first, second]);
    }
}
