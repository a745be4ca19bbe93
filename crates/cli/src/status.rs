//! `maftia status`: how many intrusions the group still tolerates, and how its sites are.

use std::io::IsTerminal;
use std::time::Duration;

use clap::Args as ClapArgs;
use serde::Deserialize;
use serde_json::Value;

use crate::failure::Failure;
use crate::http::{Client, Connection, Problem};
use crate::output;

/// Between two looks of `--watch`.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Enough of a digest to tell two apart by eye.
const DIGEST_CHARS: usize = 12;
/// Enough of a public key.
const KEY_CHARS: usize = 32;

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "The first line is what counts: how many more sites may fall into an attacker's \
                  hands.\n\nExamples:\n  maftia status\n  maftia status --watch"
)]
pub(crate) struct Args {
    #[command(flatten)]
    connection: Connection,
    /// Look again every second
    #[arg(long)]
    watch: bool,
    /// Print one JSON object, with --watch one per line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Deserialize)]
struct Status {
    tolerance: u64,
    remaining_tolerance: u64,
    /// More sites are faulty than are tolerated.
    #[serde(default)]
    beyond_tolerance: bool,
    /// The sites convicted by proof.
    #[serde(default)]
    compromised: Vec<String>,
    /// The sites that f+1 others accuse.
    #[serde(default)]
    suspected: Vec<Suspicion>,
    #[serde(default)]
    view: Value,
    #[serde(default)]
    model: String,
    #[serde(default)]
    trusted_base: Value,
    #[serde(default)]
    ruling: Option<Ruling>,
    #[serde(default)]
    keys: Vec<Key>,
    #[serde(default)]
    sites: Vec<Site>,
}

/// By which rule the log is decided.
#[derive(Debug, Deserialize)]
struct Ruling {
    asynchronous: String,
    rule: String,
    why: String,
    #[serde(default)]
    since_commit: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Suspicion {
    site: String,
    reason: String,
}

#[derive(Debug, Deserialize)]
struct Key {
    name: String,
    scheme: String,
    state: String,
    #[serde(default)]
    public_key: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Site {
    name: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    position: Option<u64>,
    #[serde(default)]
    digest: Option<String>,
    #[serde(default)]
    address: Option<String>,
}

pub(crate) fn run(typed: &Args) -> Result<(), Failure> {
    look(typed).or_else(|problem| problem.end(typed.json))
}

fn look(typed: &Args) -> Result<(), Problem> {
    let client = typed.connection.client()?;
    loop {
        let shown = ask(&client, typed.json);
        if !typed.watch {
            return shown.map(output::line);
        }
        let text = match shown {
            Ok(text) => text,
            // An agent that restarts is worth waiting for.
            Err(problem) if typed.json => problem.to_json().to_string(),
            Err(problem) => format!("remaining tolerance: not known: {problem}"),
        };
        let clears = !typed.json && std::io::stdout().is_terminal();
        output::line(if clears {
            format!("\x1b[H\x1b[2J{text}")
        } else {
            text
        });
        std::thread::sleep(LOOK_EVERY);
    }
}

fn ask(client: &Client, json: bool) -> Result<String, Problem> {
    let answer = client.read("/v1/status".into())?;
    if json {
        let value: Value = answer.json()?;
        return Ok(value.to_string());
    }
    Ok(render(&answer.json()?))
}

fn render(status: &Status) -> String {
    let mut lines = vec![format!(
        "remaining tolerance: {} of {}{}",
        status.remaining_tolerance,
        status.tolerance,
        warnings(status)
    )];
    let facts = [
        ("model", status.model.clone()),
        ("trusted base", plain(&status.trusted_base)),
        ("view", plain(&status.view)),
    ];
    let facts: Vec<String> = facts
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    lines.push(facts.join(", "));
    lines.extend(status.ruling.as_ref().map(ruling));
    let header = ["SITE", "STATE", "POSITION", "DIGEST", "ADDRESS"].map(String::from);
    let rows: Vec<[String; 5]> = std::iter::once(header)
        .chain(status.sites.iter().map(row))
        .collect();
    lines.extend(table(&rows));
    lines.extend(status.keys.iter().filter_map(key));
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}

/// Which rule decides, since when, and why. A group that never uses a coin has one rule: no word.
fn ruling(own: &Ruling) -> String {
    if own.asynchronous == "never" {
        return String::new();
    }
    let leaders = match own.rule.as_str() {
        "A" => "leaders named by a coin",
        _ => "known leaders",
    };
    let since = own
        .since_commit
        .map(|commit| format!(" since commit {commit}"));
    let text = format!(
        "rule {} ({leaders}){}: {} (asynchronous {})",
        own.rule,
        since.unwrap_or_default(),
        own.why,
        own.asynchronous
    );
    text.replace(char::is_control, "?")
}

/// Keys that can be used.
fn key(key: &Key) -> Option<String> {
    let public = key.public_key.as_ref().filter(|_| key.state == "active")?;
    let start: String = public.chars().take(KEY_CHARS).collect();
    Some(format!("key {} ({}) {start}...", key.name, key.scheme))
}

fn row(site: &Site) -> [String; 5] {
    let or_dash = |text: Option<String>| text.filter(|it| !it.is_empty()).unwrap_or("-".into());
    let digest = site.digest.as_ref();
    [
        site.name.clone(),
        or_dash(Some(site.state.clone())),
        or_dash(site.position.map(|position| position.to_string())),
        or_dash(digest.map(|text| text.chars().take(DIGEST_CHARS).collect())),
        or_dash(site.address.clone()),
    ]
    // Names and states come from elsewhere and must not steer the terminal.
    .map(|cell| cell.replace(char::is_control, "?"))
}

/// Columns as wide as their widest cell.
pub(crate) fn table<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[String; N]| {
        let padded = row.iter().zip(widths);
        let cells = padded.map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn warnings(status: &Status) -> String {
    let mut text = String::new();
    if status.beyond_tolerance {
        text += "   BEYOND TOLERANCE: more sites are faulty than the group can bear";
    }
    if !status.compromised.is_empty() {
        text += &format!("   compromised: {}", status.compromised.join(", "));
    }
    if !status.suspected.is_empty() {
        let named = status.suspected.iter();
        let named: Vec<_> = named
            .map(|own| format!("{} ({})", own.site, own.reason))
            .collect();
        text += &format!("   suspected by the group: {}", named.join(", "));
    }
    // Names come from elsewhere and must not steer the terminal.
    text.replace(char::is_control, "?")
}

/// A JSON value without quotes.
fn plain(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.replace(char::is_control, "?")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_line_is_the_remaining_tolerance() {
        let status = json!({
            "tolerance": 1, "remaining_tolerance": 0, "compromised": ["C"], "view": 0,
            "suspected": [{"site": "D", "reason": "mute"}],
            "model": "arbitrary", "trusted_base": "none",
            "sites": [
                {"name": "A", "state": "serving", "position": 7,
                 "digest": "0123456789abcdef", "address": "127.0.0.1:7101", "pid": 4},
                {"name": "C", "state": "unreachable\u{1b}", "position": null, "digest": null,
                 "address": "127.0.0.1:7103", "pid": null},
            ],
        });
        let text = render(&serde_json::from_value(status).unwrap());
        let expected = "\
remaining tolerance: 0 of 1   compromised: C   suspected by the group: D (mute)
model arbitrary, trusted base none, view 0
SITE  STATE         POSITION  DIGEST        ADDRESS
A     serving       7         0123456789ab  127.0.0.1:7101
C     unreachable?  -         -             127.0.0.1:7103";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_group_beyond_its_tolerance_says_so_first() {
        let status = json!({"tolerance": 1, "remaining_tolerance": 0, "beyond_tolerance": true});
        let text = render(&serde_json::from_value(status).unwrap());
        assert!(text.starts_with("remaining tolerance: 0 of 1   BEYOND TOLERANCE"));
    }
}
