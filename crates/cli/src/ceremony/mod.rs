//! `maftia ceremony`: how keys come to be, and what that waits for.

use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::Value;

use crate::failure::Failure;
use crate::files::print;
use crate::http::Problem;
use crate::kv::args::Common;
use crate::output;

pub(crate) mod transcript;

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  maftia ceremony status\n  maftia ceremony transcript signing")]
pub(crate) struct Ceremony {
    #[command(subcommand)]
    command: CeremonyCommand,
}

#[derive(Debug, Subcommand)]
enum CeremonyCommand {
    /// Show the ceremonies under way, who is awaited and what is missing
    Status(Status),
    /// Show what the group has signed of a key's latest ceremony: who dealt, what was made
    Transcript(transcript::Shown),
}

#[derive(Debug, Args)]
#[command(
    after_help = "A key is dealt by a quorum of sites, and usable once a quorum holds its \
                  shares.\n\nExample:\n  maftia ceremony status"
)]
struct Status {
    #[command(flatten)]
    common: Common,
}

#[derive(Deserialize)]
struct Listed {
    ceremonies: Vec<UnderWay>,
}

#[derive(Deserialize)]
struct UnderWay {
    ceremony: u64,
    key: String,
    version: u32,
    dealings_missing: u8,
    holders_missing: u8,
    #[serde(default)]
    awaited: Vec<String>,
    #[serde(default)]
    culprits: serde_json::Map<String, Value>,
}

pub(crate) fn run(typed: &Ceremony) -> Result<(), Failure> {
    match &typed.command {
        CeremonyCommand::Status(typed) => {
            status(typed).or_else(|problem| problem.end(typed.common.json))
        }
        CeremonyCommand::Transcript(typed) => {
            transcript::show(typed).or_else(|problem| problem.end(typed.common.json))
        }
    }
}

fn status(typed: &Status) -> Result<(), Problem> {
    let answer = typed
        .common
        .connection
        .client()?
        .read("/v1/ceremonies".into())?;
    if typed.common.json {
        return print(&answer.json()?);
    }
    let listed: Listed = answer.json()?;
    if listed.ceremonies.is_empty() {
        output::line("no ceremony is under way");
    }
    listed.ceremonies.iter().map(render).for_each(output::line);
    Ok(())
}

fn render(own: &UnderWay) -> String {
    let missing = match (own.dealings_missing, own.holders_missing) {
        (0, holders) => format!("{holders} more sites must hold their shares"),
        (dealings, _) => format!("{dealings} more sites must deal"),
    };
    let awaited = match own.awaited.join(", ") {
        none if none.is_empty() => "nobody".to_owned(),
        names => names,
    };
    let mut text = format!(
        "ceremony {} of key {} version {}: {missing}; awaited: {awaited}",
        own.ceremony, own.key, own.version
    );
    for (site, how) in &own.culprits {
        text += &format!("; {site} dealt wrongly: {}", how.as_str().unwrap_or("?"));
    }
    // Names come from elsewhere and must not steer the terminal.
    text.replace(char::is_control, "?")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_ceremony_says_who_is_awaited_and_what_is_missing() {
        let mut own = json!({"ceremony": 3, "key": "vault", "version": 1, "dealings_missing": 2,
                             "holders_missing": 3, "awaited": ["C", "D"], "culprits": {}});
        let text = |own: &Value| render(&serde_json::from_value(own.clone()).unwrap());
        assert_eq!(
            text(&own),
            "ceremony 3 of key vault version 1: 2 more sites must deal; awaited: C, D"
        );
        own["dealings_missing"] = json!(0);
        own["awaited"] = json!([]);
        own["culprits"] = json!({"B": "not readable"});
        assert_eq!(
            text(&own),
            "ceremony 3 of key vault version 1: 3 more sites must hold their shares; awaited: \
             nobody; B dealt wrongly: not readable"
        );
    }
}
