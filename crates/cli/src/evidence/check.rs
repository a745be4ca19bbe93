//! Whether a file of evidence proves anything, decided here and offline.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use maftia_config::GroupFile;
use maftia_crypto::PublicKey;
use maftia_membership::evidence::{EXPORT_BYTES_MAX, Export, ExportError};
use maftia_types::Digest;
use maftia_verify::Utc;
use serde_json::json;

use super::plain;
use crate::files::{input, print};
use crate::http::Problem;
use crate::output;

#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("trusted").args(["group", "site_key"]).required(true)),
    after_help = "Nothing is asked of anybody. The culprit's public key has to come from where you \
                  trust it: the group's file, or --site-key. A file in which any byte was altered \
                  is refused.\n\nExamples:\n  maftia evidence verify proof.txt --group \
                  group.toml\n  maftia evidence verify proof.txt --site-key 9c1e..."
)]
pub(super) struct Verify {
    /// What `maftia evidence export` wrote; `-` reads standard input
    file: PathBuf,
    /// The group's public description, or the folder it is in
    #[arg(long, value_name = "FILE")]
    group: Option<PathBuf>,
    /// The culprit's public key, 64 hexadecimal digits
    #[arg(long, value_name = "HEX", value_parser = key)]
    site_key: Option<PublicKey>,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

/// A key that is trusted, and what its holder is called there.
struct Trusted {
    key: PublicKey,
    name: Option<String>,
    config: Option<Digest>,
}

fn key(text: &str) -> Result<PublicKey, String> {
    let bytes = Digest::from_hex(text).ok_or("a public key is 64 hexadecimal digits")?;
    PublicKey::new(bytes.0).map_err(|error| error.to_string())
}

pub(super) fn verify(typed: &Verify) -> Result<(), Problem> {
    let next = "give what `maftia evidence export` wrote";
    let bytes = input(&typed.file, EXPORT_BYTES_MAX, next)?;
    let text = String::from_utf8(bytes);
    let text = text.map_err(|_| problem(&ExportError::NoArmour))?;
    let export = read_text(&text)?;
    let trusted = trusted(typed, &export)?;
    export
        .verify(&trusted.key)
        .map_err(|error| problem(&error))?;
    if typed.json {
        return print(&as_json(&export, &trusted));
    }
    lines(&export, &trusted).into_iter().for_each(output::line);
    Ok(())
}

/// Reads a file of evidence.
pub(super) fn read_text(text: &str) -> Result<Export, Problem> {
    Export::from_text(text).map_err(|error| problem(&error))
}

fn trusted(typed: &Verify, export: &Export) -> Result<Trusted, Problem> {
    if let Some(key) = typed.site_key {
        return Ok(Trusted {
            key,
            name: None,
            config: None,
        });
    }
    let path = typed.group.clone().unwrap_or_default();
    let path = if path.is_dir() {
        path.join("group.toml")
    } else {
        path
    };
    let group =
        GroupFile::load(&path).map_err(|error| Problem::failed("group-file", error.to_string()))?;
    let culprit = &export.exhibit.key;
    let held = group
        .sites()
        .find(|(_, site)| site.key.as_bytes() == culprit);
    let Some((_, site)) = held else {
        let text = format!(
            "no site in {} has the key that the file is about, {}",
            path.display(),
            Digest(*culprit)
        );
        let next = "give the file of that group; for a former member, its key with --site-key";
        return Err(Problem::failed("other-key", text).next(next));
    };
    Ok(Trusted {
        key: site.key,
        name: Some(site.name.clone()),
        config: Some(*group.digest()),
    })
}

fn problem(error: &ExportError) -> Problem {
    let (id, next) = match error {
        ExportError::NoArmour => ("no-evidence", "give what `maftia evidence export` wrote"),
        ExportError::Altered => ("altered", "get the file again from where it came"),
        ExportError::Unreadable(_) => (
            "unreadable",
            "use the version that wrote it, or a later one",
        ),
        ExportError::OtherKey => (
            "other-key",
            "give the key of the site that the file is about",
        ),
        _ => ("not-proven", "do not believe who gave you this file"),
    };
    Problem::failed(id, format!("this proves nothing: {error}")).next(next)
}

impl Trusted {
    /// What the culprit is called where its key comes from, or else in the file.
    fn culprit(&self, export: &Export) -> String {
        plain(self.name.clone().unwrap_or_else(|| export.culprit.clone()))
    }
}

fn lines(export: &Export, trusted: &Trusted) -> Vec<String> {
    let (proof, report) = (&export.exhibit.proof, export.exhibit.report);
    let [first, second] = proof.statements();
    let culprit = trusted.culprit(export);
    let config = match trusted.config {
        Some(config) if config == proof.config() => "that of the group's file",
        Some(_) => "another than that of the group's file",
        None => "not compared",
    };
    vec![
        format!("valid: {culprit} is convicted of {}", proof.kind()),
        format!("  key         {}", trusted.key),
        format!(
            "  proven      its holder signed two different blocks for round {} of epoch {}",
            proof.round(),
            proof.epoch()
        ),
        format!("              {}", first.header),
        format!("              {}", second.header),
        format!("  in          configuration {} ({config})", proof.config()),
        "  means       no correct site does that: it was intruded, or its key was stolen".into(),
        format!(
            "  not proven  the file says: group {}, reported by {}, commit {}, {}",
            plain(export.group.clone()),
            plain(export.reporter.clone()),
            report.commit,
            Utc(report.time_ms)
        ),
    ]
}

fn as_json(export: &Export, trusted: &Trusted) -> serde_json::Value {
    let (proof, report) = (&export.exhibit.proof, export.exhibit.report);
    let headers = proof.statements().map(|own| own.header.to_string());
    json!({
        "valid": true, "kind": proof.kind(), "culprit": trusted.culprit(export),
        "key": trusted.key.to_string(), "id": proof.digest().to_string(),
        "config": proof.config().to_string(),
        "same_configuration": trusted.config.map(|config| config == proof.config()),
        "epoch": proof.epoch().0, "round": proof.round().0, "headers": headers,
        "not_proven": {
            "group": export.group, "culprit": export.culprit, "reporter": export.reporter,
            "commit": report.commit, "time_ms": report.time_ms,
        },
    })
}
