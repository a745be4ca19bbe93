//! What shows the group and changes nothing, and what takes a proposal back.

use std::path::Path;

use serde_json::json;
use ureq::http::Method;

use super::api::{History, Shown};
use super::{args, text};
use crate::files::{at, print, save};
use crate::http::{Effect, Problem, Request};
use crate::output;

pub(super) fn show(typed: &args::Plain) -> Result<(), Problem> {
    let answer = typed.common.connection.client()?.read("/v1/group".into())?;
    if typed.common.json {
        return print(&answer.json()?);
    }
    let shown: Shown = answer.json()?;
    output::line(text::plain(&text::shown(&shown)));
    Ok(())
}

pub(super) fn history(typed: &args::Plain) -> Result<(), Problem> {
    let client = typed.common.connection.client()?;
    let answer = client.read("/v1/group/history".into())?;
    if typed.common.json {
        return print(&answer.json()?);
    }
    let listed: History = answer.json()?;
    if listed.history.is_empty() {
        output::line("the sites are those that the group began with");
    }
    for entry in &listed.history {
        output::line(text::plain(&text::entry(entry)));
    }
    Ok(())
}

pub(super) fn export(typed: &args::Export) -> Result<(), Problem> {
    let client = typed.common.connection.client()?;
    let file = client.read("/v1/group/file".into())?.body;
    if typed.out == Path::new("-") {
        output::raw(&file);
        return Ok(());
    }
    save(&typed.out, &file).map_err(|error| at(&typed.out, &error))?;
    let out = typed.out.display();
    if typed.common.json {
        return print(&json!({ "out": typed.out, "bytes": file.len() }));
    }
    output::line(format!("wrote {out}: the group's sites of today"));
    Ok(())
}

pub(super) fn withdraw(typed: &args::Withdraw) -> Result<(), Problem> {
    let answer = typed.write.common.connection.client()?.send(&Request {
        method: Method::DELETE,
        target: format!("/v1/group/proposals/{}", typed.proposal),
        body: None,
        effect: Effect::WritesOnce,
        request_id: typed.write.request_id.clone(),
    })?;
    if typed.write.common.json {
        return print(&answer.json()?);
    }
    output::line(format!("withdrew proposal {}", typed.proposal));
    Ok(())
}
