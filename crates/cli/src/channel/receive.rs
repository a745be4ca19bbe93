use std::io::IsTerminal;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use super::args;
use super::commands::path;
use crate::files::print;
use crate::http::Problem;
use crate::key::api::unasked;
use crate::kv::percent::encode;
use crate::kv::show::escaped;
use crate::output;

/// How long the agent waits for a message before it says that there is none: less than a request may
/// take.
const WAIT_MS: u64 = 5_000;

#[derive(Deserialize)]
struct Page {
    messages: Vec<Message>,
    cursor: String,
    missed: u64,
    end: bool,
}

#[derive(Deserialize)]
struct Message {
    position: u64,
    sender: String,
    sequence: u64,
    payload: Option<String>,
    lost: Option<String>,
}

pub(super) fn receive(typed: &args::Receive) -> Result<(), Problem> {
    let client = typed.common.connection.client()?;
    let mut cursor = typed.cursor.clone();
    loop {
        let wait_ms = if typed.follow { WAIT_MS } else { 0 };
        let mut query = format!("/messages?wait_ms={wait_ms}");
        if let Some(cursor) = &cursor {
            query += &format!("&cursor={}", encode(cursor.as_bytes(), b""));
        }
        let given: Value = client.read(path(&typed.name, &query))?.json()?;
        let page: Page = serde_json::from_value(given.clone()).map_err(|_| unasked())?;
        let is_empty = page.messages.is_empty();
        if !typed.common.json {
            show(&page)?;
        } else if !is_empty || page.end || !typed.follow {
            print(&given)?;
        }
        if page.end || (is_empty && !typed.follow) {
            if !page.end && !typed.common.json && std::io::stderr().is_terminal() {
                output::note(format!("go on with --cursor {}", printable(&page.cursor)));
            }
            return Ok(());
        }
        cursor = Some(page.cursor);
    }
}

fn show(page: &Page) -> Result<(), Problem> {
    if page.missed > 0 {
        output::note(format!("{} messages are not kept any more", page.missed));
    }
    for own in &page.messages {
        let payload = match (&own.payload, &own.lost) {
            (Some(payload), _) => escaped(&STANDARD.decode(payload).map_err(|_| unasked())?),
            (None, Some(lost)) => format!("({})", printable(lost)),
            (None, None) => return Err(unasked()),
        };
        let sender = printable(&own.sender);
        output::line(format!(
            "{} {sender}/{} {payload}",
            own.position, own.sequence
        ));
    }
    if page.end {
        output::note("the channel has ended");
    }
    Ok(())
}

/// What comes from elsewhere must not steer the terminal.
fn printable(text: &str) -> String {
    escaped(text.as_bytes())
}
