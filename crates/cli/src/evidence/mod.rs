//! `maftia evidence`: proofs that a site misbehaved, for operators and for outsiders.

mod check;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use maftia_verify::Utc;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::files::{print, save};
use crate::http::Problem;
use crate::key::api::unasked;
use crate::kv::args::Common;
use crate::kv::percent::encode;
use crate::output;
use crate::status::table;

/// Digits of a proof's name that are shown, and enough to name it by.
const ID_CHARS: usize = 16;

#[derive(Debug, Args)]
#[command(
    after_help = "A site that signs two blocks for one round convicts itself: the two signatures \
                  convince anybody who has its public key.\n\nExamples:\n  maftia evidence list\n  \
                  maftia evidence export last -o proof.txt\n  maftia evidence verify proof.txt \
                  --group group.toml"
)]
pub(crate) struct Evidence {
    #[command(subcommand)]
    command: EvidenceCommand,
}

#[derive(Debug, Subcommand)]
enum EvidenceCommand {
    /// Write a proof to a file that convinces on its own
    Export(Export),
    /// List the proofs in the log
    List(List),
    /// Show a proof: whom it convicts, of what, and who reported it
    Show(Show),
    /// Check a file offline, without any site or agent
    Verify(check::Verify),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  maftia evidence list")]
struct List {
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  maftia evidence show last\n  maftia evidence show 0f3a9c21")]
struct Show {
    /// The proof's name, or its first 8 digits, or `last`
    id: String,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Without -o, the file goes to standard output.\n\nExample:\n  maftia evidence \
                        export last -o proof.txt"
)]
struct Export {
    /// The proof's name, or its first 8 digits, or `last`
    id: String,
    /// Where to write it
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

#[derive(Deserialize)]
struct Listed {
    evidence: Vec<Proof>,
}

#[derive(Deserialize)]
struct Proof {
    id: String,
    kind: String,
    culprit: String,
    key: String,
    round: u64,
    commit: u64,
    time_ms: u64,
    reporter: String,
}

#[derive(Deserialize)]
struct Exported {
    id: String,
    culprit: String,
    export: String,
}

pub(crate) fn run(typed: &Evidence) -> Result<(), Failure> {
    let (json, result) = match &typed.command {
        EvidenceCommand::Export(it) => (it.common.json, export(it)),
        EvidenceCommand::List(it) => (it.common.json, list(it)),
        EvidenceCommand::Show(it) => (it.common.json, show(it)),
        EvidenceCommand::Verify(it) => (it.json, check::verify(it)),
    };
    result.or_else(|problem| hint(problem).end(json))
}

fn list(typed: &List) -> Result<(), Problem> {
    let client = typed.common.connection.client()?;
    let answer = client.read("/v1/evidence".into())?;
    if typed.common.json {
        return print(&answer.json()?);
    }
    let listed: Listed = answer.json()?;
    if listed.evidence.is_empty() {
        output::line("no site is convicted: there is no proof in the log");
        return Ok(());
    }
    let header = ["ID", "CULPRIT", "KIND", "ROUND", "COMMIT", "REPORTER"].map(String::from);
    let row = |own: &Proof| {
        [
            own.id.chars().take(ID_CHARS).collect(),
            own.culprit.clone(),
            own.kind.clone(),
            own.round.to_string(),
            own.commit.to_string(),
            own.reporter.clone(),
        ]
        .map(plain)
    };
    let rows: Vec<[String; 6]> = std::iter::once(header)
        .chain(listed.evidence.iter().map(row))
        .collect();
    table(&rows).into_iter().for_each(output::line);
    Ok(())
}

fn show(typed: &Show) -> Result<(), Problem> {
    let answer = read(&typed.common, &typed.id)?;
    if typed.common.json {
        return print(&answer);
    }
    let own: Proof = serde_json::from_value(answer).map_err(|_| unasked())?;
    let facts = [
        ("id", own.id),
        ("kind", own.kind),
        ("culprit", own.culprit),
        ("key", own.key),
        ("round", own.round.to_string()),
        ("reporter", own.reporter),
        ("commit", own.commit.to_string()),
        ("time", Utc(own.time_ms).to_string()),
    ];
    for (name, value) in facts {
        output::line(format!("{name:<9} {}", plain(value)));
    }
    Ok(())
}

fn export(typed: &Export) -> Result<(), Problem> {
    let answer = read(&typed.common, &typed.id)?;
    let own: Exported = serde_json::from_value(answer).map_err(|_| unasked())?;
    // What does not hold is not written.
    check::read_text(&own.export)?;
    let Some(path) = &typed.output else {
        if typed.common.json {
            return print(&json!({ "id": own.id, "export": own.export }));
        }
        output::raw(own.export.as_bytes());
        return Ok(());
    };
    save(path, own.export.as_bytes()).map_err(|error| crate::files::at(path, &error))?;
    if typed.common.json {
        return print(&json!({ "id": own.id, "file": path.display().to_string() }));
    }
    let culprit = plain(own.culprit);
    output::line(format!(
        "the proof against {culprit} is in {}",
        path.display()
    ));
    Ok(())
}

fn read(common: &Common, id: &str) -> Result<Value, Problem> {
    let id = encode(id.as_bytes(), b"");
    let client = common.connection.client()?;
    client.read(format!("/v1/evidence/{id}"))?.json()
}

/// What comes from elsewhere must not steer the terminal.
fn plain(text: String) -> String {
    text.replace(char::is_control, "?")
}

fn hint(problem: Problem) -> Problem {
    match problem.id() {
        "no-such-evidence" => problem.next("maftia evidence list"),
        "no-answer" => problem.next("maftia status, then type the same again"),
        _ => problem,
    }
}
