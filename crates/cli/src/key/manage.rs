//! What changes the keys, and who approves that.

use clap::ValueEnum;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::api::key_path;
use super::args;
use super::commands::{plain, told};
use crate::files::print;
use crate::http::{Answer, Body, Problem};
use crate::kv::args::Write;
use crate::output;

/// A change that waits for approvals.
#[derive(Deserialize)]
struct Proposal {
    number: u64,
    act: String,
    #[serde(default)]
    key: Option<String>,
    details: Map<String, Value>,
    proposed_by: String,
    approved_by: Vec<String>,
    missing: usize,
    digest: String,
}

#[derive(Deserialize)]
struct Proposed {
    proposal: Proposal,
}

#[derive(Deserialize)]
struct Waiting {
    proposals: Vec<Proposal>,
}

pub(super) fn create(typed: &args::Create) -> Result<(), Problem> {
    let scheme = typed.scheme.to_possible_value();
    let mut asked = json!({
        "name": typed.name,
        "scheme": scheme.map(|scheme| scheme.get_name().to_owned()),
    });
    if let (false, Some(fields)) = (typed.users.is_empty(), asked.as_object_mut()) {
        fields.insert("users".into(), json!(typed.users));
    }
    if let (true, Some(fields)) = (typed.one_message_per_slot, asked.as_object_mut()) {
        fields.insert("one_message_per_slot".into(), json!(true));
    }
    let answer = change("/v1/keys".into(), Some(&asked), &typed.write)?;
    done(&answer, &typed.write, || told(&answer, "created", false))
}

pub(super) fn permit(typed: &args::Permit) -> Result<(), Problem> {
    let mut asked = json!({});
    if let Some(fields) = asked.as_object_mut() {
        if !typed.everyone {
            fields.insert("users".into(), json!(typed.users));
        }
        if let Some(uses) = typed.uses_per_minute {
            fields.insert("uses_per_minute".into(), json!(uses));
        }
    }
    let target = key_path(&typed.name, "/permit");
    let answer = change(target, Some(&asked), &typed.write)?;
    done(&answer, &typed.write, || {
        let who = match typed.everyone {
            true => "every client with the power `use-keys`".to_owned(),
            false if typed.users.is_empty() => "nobody".to_owned(),
            false => typed.users.join(", "),
        };
        output::line(format!(
            "{} may be used by {}",
            plain(&typed.name),
            plain(&who)
        ));
        Ok(())
    })
}

pub(super) fn refresh(typed: &args::Named) -> Result<(), Problem> {
    let answer = change(key_path(&typed.name, "/refresh"), None, &typed.write)?;
    told(&answer, "refreshed", typed.write.common.json)
}

pub(super) fn rotate(typed: &args::Named) -> Result<(), Problem> {
    let answer = change(key_path(&typed.name, "/rotate"), None, &typed.write)?;
    done(&answer, &typed.write, || told(&answer, "rotated", false))
}

pub(super) fn retire(typed: &args::Named) -> Result<(), Problem> {
    let answer = change(key_path(&typed.name, "/retire"), None, &typed.write)?;
    done(&answer, &typed.write, || {
        output::line(format!("retired {}", plain(&typed.name)));
        Ok(())
    })
}

pub(super) fn proposals(typed: &args::List) -> Result<(), Problem> {
    let client = typed.common.connection.client()?;
    let answer = client.read("/v1/proposals".into())?;
    if typed.common.json {
        return print(&answer.json()?);
    }
    let waiting: Waiting = answer.json()?;
    if waiting.proposals.is_empty() {
        output::line("no proposal waits");
    }
    waiting.proposals.iter().map(text).for_each(output::line);
    Ok(())
}

pub(super) fn approve(typed: &args::Approve) -> Result<(), Problem> {
    let target = format!("/v1/proposals/{}/approve", typed.proposal);
    let asked = json!({ "digest": typed.digest });
    let answer = change(target, Some(&asked), &typed.write)?;
    done(&answer, &typed.write, || {
        output::line(format!("approved {}, and it is done", typed.proposal));
        Ok(())
    })
}

fn change(target: String, asked: Option<&Value>, write: &Write) -> Result<Answer, Problem> {
    let client = write.common.connection.client()?;
    let body = asked.map(Value::to_string);
    let body = body.as_ref().map(|body| Body::Json(body.as_bytes()));
    client.use_key(target, body, write.request_id.clone())
}

/// What came of a change: done, or proposed only.
fn done(
    answer: &Answer,
    write: &Write,
    tell: impl FnOnce() -> Result<(), Problem>,
) -> Result<(), Problem> {
    if write.common.json {
        return print(&answer.json()?);
    }
    let Ok(Proposed { proposal }) = answer.json() else {
        return tell();
    };
    output::line(text(&proposal));
    Ok(())
}

fn text(own: &Proposal) -> String {
    let details: Vec<String> = own
        .details
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let text = format!(
        "proposal {}: {} {} ({}), proposed by {}, approved by {}; {} more must approve:\u{1}  \
         maftia key approve {} {}",
        own.number,
        own.act,
        own.key.as_deref().unwrap_or("?"),
        details.join(", "),
        own.proposed_by,
        own.approved_by.join(", "),
        own.missing,
        own.number,
        own.digest
    );
    // Names come from elsewhere and must not steer the terminal.
    let mut lines = text.split('\u{1}').map(plain);
    let first = lines.next().unwrap_or_default();
    lines.fold(first, |all, line| all + "\n" + &line)
}
