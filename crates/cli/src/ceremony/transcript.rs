//! `maftia ceremony transcript`, and how a transcript reads.

use std::path::PathBuf;

use clap::Args;
use maftia_verify::{Outcome, Transcript, transcript};
use serde_json::{Value, json};

use crate::files::{at, print, save};
use crate::http::Problem;
use crate::key::api::{hex, hint, key_path};
use crate::kv::args::Common;
use crate::output;
use crate::verify::group_key;

#[derive(Debug, Args)]
#[command(
    after_help = "The group signs it with its key, whoever asks, when a sharing of the key is in \
                  use. Only the latest one of each key is kept: export it before the next \
                  refresh.\n\nExample:\n  maftia ceremony transcript signing -o \
                  signing.transcript\n  maftia verify signing.transcript --group-key group.key"
)]
pub(super) struct Shown {
    /// The key whose latest ceremony it is
    name: String,
    /// Write the transcript to a file, for others to verify
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Gets a transcript, checks it here, and shows it.
pub(super) fn show(typed: &Shown) -> Result<(), Problem> {
    let client = typed.common.connection.client()?;
    let file = client.read(key_path(&typed.name, "/transcript"));
    let file = file.map_err(hint)?.body;
    let group_key = group_key(&client.key("group")?.public()?)?;
    let said = transcript(&file, &group_key);
    let said = said.map_err(|error| Problem::failed("bad-proof", error.to_string()))?;
    if said.name != typed.name {
        return Err(Problem::failed("bad-proof", "it is of another key"));
    }
    if let Some(path) = &typed.output {
        save(path, &file).map_err(|error| at(path, &error))?;
    }
    if typed.common.json {
        return print(&object(&said));
    }
    tell(&said);
    Ok(())
}

/// For people.
pub(crate) fn tell(said: &Transcript<'_>) {
    lines(said).iter().for_each(output::line);
}

fn lines(said: &Transcript<'_>) -> Vec<String> {
    // Names come from elsewhere and must not steer the terminal.
    let name = said.name.replace(char::is_control, "?");
    let mut lines = vec![format!(
        "valid: ceremony {} made version {} of key {name}",
        said.ceremony, said.version
    )];
    let facts = [
        ("scheme", said.scheme.to_owned()),
        ("public key", hex(said.public_key())),
        (
            "threshold",
            format!("{} of {}", said.threshold, said.members().count()),
        ),
        ("group", hex(&said.group)),
        ("epoch", said.epoch.to_string()),
        ("dealings", hex(&said.dealings)),
    ];
    let facts = facts.map(|(name, value)| format!("  {name:<10}  {value}"));
    lines.extend(facts);
    for dealer in said.dealers() {
        let what = match dealer.outcome {
            Outcome::Convicted(why) => format!("dealt wrongly: {why}"),
            Outcome::NotNeeded => "not needed".to_owned(),
            Outcome::Qualified(_) => "qualified".to_owned(),
        };
        lines.push(format!("  dealer      {}  {what}", hex(dealer.site)));
    }
    for member in said.members() {
        let what = match member.exposed {
            true => "has a share that everybody can know",
            false => "has a share",
        };
        lines.push(format!("  member      {}  {what}", hex(member.site)));
    }
    lines
}

/// For programs.
pub(crate) fn object(said: &Transcript<'_>) -> Value {
    let dealers = said.dealers().map(|dealer| {
        let (outcome, more) = match dealer.outcome {
            Outcome::Convicted(why) => ("convicted", Value::from(why)),
            Outcome::NotNeeded => ("not-needed", Value::Null),
            Outcome::Qualified(dealing) => ("qualified", Value::from(hex(dealing))),
        };
        let name = match dealer.outcome {
            Outcome::Convicted(_) => "why",
            Outcome::NotNeeded | Outcome::Qualified(_) => "dealing",
        };
        json!({ "site": hex(dealer.site), "outcome": outcome, name: more })
    });
    let members = said
        .members()
        .map(|member| json!({ "site": hex(member.site), "exposed": member.exposed }));
    json!({
        "valid": true,
        "ceremony": said.ceremony,
        "run": hex(&said.run),
        "key": said.name,
        "id": said.key,
        "scheme": said.scheme,
        "version": said.version,
        "public_key": hex(said.public_key()),
        "threshold": said.threshold,
        "group": hex(&said.group),
        "epoch": said.epoch,
        "transcript": hex(&said.dealings),
        "dealers": dealers.collect::<Vec<_>>(),
        "members": members.collect::<Vec<_>>(),
        "commitments": said.commitments().map(hex).collect::<Vec<_>>(),
    })
}
