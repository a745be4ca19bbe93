//! Proposals: shown first, made when that is wanted.

use maftia_config::JoinFile;
use serde_json::{Value, json};

use super::api::{Decision, Preview};
use super::args::{self, Joiner, ProposeCommand, Submit};
use super::{text, wait};
use crate::files::print;
use crate::http::{Body, Client, Problem};
use crate::output;

/// A proposal as it was typed.
pub(super) struct Asked<'a> {
    pub(super) options: &'a Submit,
    f: Option<u8>,
    edit: AskedEdit<'a>,
}

enum AskedEdit<'a> {
    Add(&'a Joiner),
    Nothing,
    Remove(&'a str),
    Replace(&'a str, &'a Joiner),
}

impl<'a> Asked<'a> {
    pub(super) fn of(typed: &'a ProposeCommand) -> Self {
        let (edit, options) = match typed {
            ProposeCommand::Add(it) => (AskedEdit::Add(&it.joiner), &it.options),
            ProposeCommand::Remove(it) => (AskedEdit::Remove(&it.site), &it.options),
            ProposeCommand::Replace(it) => (AskedEdit::Replace(&it.site, &it.joiner), &it.options),
            ProposeCommand::SetF(it) => {
                return Self {
                    options: &it.options,
                    f: Some(it.tolerated),
                    edit: AskedEdit::Nothing,
                };
            }
        };
        Self {
            options: &options.submit,
            f: options.f,
            edit,
        }
    }

    /// As the agent takes it.
    pub(super) fn json(&self) -> Result<Value, Problem> {
        let edit = match &self.edit {
            AskedEdit::Add(joiner) => Some(json!({ "add": site(joiner)? })),
            AskedEdit::Nothing => None,
            AskedEdit::Remove(name) => Some(json!({ "remove": name })),
            AskedEdit::Replace(name, joiner) => {
                Some(json!({ "replace": name, "with": site(joiner)? }))
            }
        };
        let edits: Vec<Value> = edit.into_iter().collect();
        Ok(json!({ "edits": edits, "f": self.f }))
    }
}

pub(super) fn propose(asked: &Asked<'_>) -> Result<(), Problem> {
    let options = asked.options;
    let (client, json) = (
        options.write.common.connection.client()?,
        options.write.common.json,
    );
    let body = asked.json()?.to_string();
    // A repetition may find the change made: what it would make of that is beside the point.
    if !json && options.write.request_id.is_none() {
        let answer = post(&client, "/v1/group/preview", &body, None)?;
        let preview: Preview = serde_json::from_value(answer).map_err(|_| unasked())?;
        output::line(text::plain(&text::preview(&preview)));
    }
    if !json && !options.yes {
        output::line("nothing is proposed yet; type the same with --yes");
        return Ok(());
    }
    let id = options.write.request_id.clone();
    let decision = post(&client, "/v1/group/proposals", &body, id)?;
    decided(&client, decision, (json, options.wait))
}

pub(super) fn approve(typed: &args::Approve) -> Result<(), Problem> {
    let client = typed.write.common.connection.client()?;
    let target = format!("/v1/group/proposals/{}/approve", typed.proposal);
    let decision = post(&client, &target, "{}", typed.write.request_id.clone())?;
    decided(&client, decision, (typed.write.common.json, typed.wait))
}

/// Says how a proposal stands; or waits for what comes of it.
fn decided(client: &Client, answer: Value, (json, waits): (bool, bool)) -> Result<(), Problem> {
    let decision: Decision = serde_json::from_value(answer.clone()).map_err(|_| unasked())?;
    let number = decision.proposal;
    if json && !waits {
        return print(&answer);
    }
    if !json {
        output::line(match decision.missing {
            0 => format!("proposal {number} is under way; follow it with `maftia group show`"),
            missing => format!(
                "proposal {number} waits for {missing} more to approve: `maftia group approve \
                 {number}` at other clients' agents"
            ),
        });
    }
    match waits {
        true => wait::until_settled(client, number, json),
        false => Ok(()),
    }
}

fn post(
    client: &Client,
    target: &str,
    body: &str,
    request_id: Option<String>,
) -> Result<Value, Problem> {
    let body = Some(Body::Json(body.as_bytes()));
    client.use_key(target.to_owned(), body, request_id)?.json()
}

fn site(joiner: &Joiner) -> Result<Value, Problem> {
    if let Some(path) = &joiner.file {
        let file = JoinFile::load(path);
        let file = file.map_err(|error| {
            let next = error.next().to_owned();
            Problem::failed("join-file", format!("{}: {}", path.display(), error.what())).next(next)
        })?;
        return Ok(json!({
            "name": file.name,
            "key": file.key.to_string(),
            "address": file.address,
            "http": file.http,
        }));
    }
    Ok(json!({
        "name": joiner.name,
        "key": joiner.key,
        "address": joiner.address,
        "http": joiner.http,
    }))
}

fn unasked() -> Problem {
    Problem::failed("bad-answer", "the agent's answer is not understood")
        .next("use the same version here and at the agent")
}

#[cfg(test)]
mod tests;
