//! Views, changes and proposals in JSON.

use maftia_config::GroupFile;
use maftia_membership::membership::{
    Entry, Outcome, PENDING_MS, PROPOSAL_MS, Phase, Proposal, READY_MS, State, Underway,
};
use maftia_membership::{Change, Edit, Member, Next, View};
use serde_json::{Map, Value, json};

pub(super) fn state(group: &GroupFile, state: &State) -> Value {
    let mut shown = view(group, &state.view);
    let proposals = state.proposals.iter();
    let proposals: Vec<Value> = proposals
        .map(|(number, own)| proposal(group, state, *number, own))
        .collect();
    let rest = json!({
        "name": group.group().name,
        "id": group.digest().to_string(),
        "origin": {
            "commit": state.origin.commit,
            "chain": state.origin.chain.to_string(),
        },
        "policy": { "approvals": state.policy.approvals },
        "change": state.underway.as_ref().map(|own| underway(group, &state.view, own)),
        "proposals": proposals,
    });
    join(&mut shown, rest);
    shown
}

/// What a change would make of the present view.
pub(super) fn preview(group: &GroupFile, state: &State, own: &Change, next: &Next) -> Value {
    let mut shown = change(own);
    let now = view(group, &state.view);
    let rest = json!({
        "now": now,
        "next": view(group, &next.view),
        "approvals": state.policy.approvals,
    });
    join(&mut shown, rest);
    shown
}

pub(super) fn entry(group: &GroupFile, own: &Entry) -> Value {
    let mut shown = change(&own.change);
    let (outcome, epoch, cause) = match &own.outcome {
        Outcome::Entered(epoch) => ("entered", Some(epoch.0), None),
        Outcome::Aborted(cause) => ("aborted", None, Some(cause.to_string())),
    };
    let rest = json!({
        "proposal": own.proposal,
        "approved_by": clients(group, &own.approvals),
        "commit": own.commit,
        "time_ms": own.time_ms,
        "outcome": outcome,
        "epoch": epoch,
        "cause": cause,
    });
    join(&mut shown, rest);
    shown
}

/// A view: n, f, how many sites must agree, and the members in the order of seats.
fn view(group: &GroupFile, view: &View) -> Value {
    let members: Vec<Value> = view
        .members()
        .iter()
        .map(|own| member(group, own))
        .collect();
    json!({
        "epoch": view.epoch().0,
        "n": members.len(),
        "f": view.resilience().intruded_max(),
        "quorum": view.resilience().quorum(),
        "model": view.resilience().model().to_string(),
        "members": members,
    })
}

/// A site. A founder's addresses are not agreed: they are those of this agent's file.
fn member(group: &GroupFile, member: &Member) -> Value {
    let mut sites = group.group().sites.iter();
    let listed = sites.find(|site| site.key == member.key);
    let address = member.address.or(listed.map(|site| site.address));
    let http = match member.address {
        Some(_) => member.http,
        None => listed.and_then(|site| site.http),
    };
    json!({
        "name": member.name,
        "key": member.key.to_string(),
        "address": address,
        "http": http,
        "joined": member.address.is_some(),
    })
}

fn underway(group: &GroupFile, present: &View, own: &Underway) -> Value {
    let mut shown = change(&own.change);
    let (phase, awaited): (_, &[String]) = match &own.phase {
        Phase::Joining(names) => ("joining", names),
        Phase::Sharing => ("sharing", &[]),
    };
    let after_ms = if awaited.is_empty() {
        PENDING_MS
    } else {
        READY_MS
    };
    let next = present.next(&own.change).ok();
    let rest = json!({
        "proposal": own.proposal,
        "approved_by": clients(group, &own.approvals),
        "since_ms": own.since_ms,
        "until_ms": own.since_ms.saturating_add(after_ms),
        "phase": phase,
        "awaited": awaited,
        "next": next.map(|next| view(group, &next.view)),
    });
    join(&mut shown, rest);
    shown
}

fn proposal(group: &GroupFile, state: &State, number: u64, own: &Proposal) -> Value {
    let mut shown = change(&own.change);
    let given = own.approvals.len();
    let rest = json!({
        "proposal": number,
        "approved_by": clients(group, &own.approvals),
        "missing": usize::from(state.policy.approvals.get()).saturating_sub(given),
        "since_ms": own.since_ms,
        "until_ms": own.since_ms.saturating_add(PROPOSAL_MS),
    });
    join(&mut shown, rest);
    shown
}

/// A change as callers write it, and who goes and comes.
fn change(own: &Change) -> Value {
    let edits: Vec<Value> = own.edits.iter().map(edit).collect();
    let joiners = own.joiners().map(|member| member.name.as_str());
    json!({
        "edits": edits,
        "f": own.f,
        "leaving": own.leavers().collect::<Vec<_>>(),
        "joining": joiners.collect::<Vec<_>>(),
    })
}

fn edit(own: &Edit) -> Value {
    let site = |member: &Member| {
        json!({
            "name": member.name,
            "key": member.key.to_string(),
            "address": member.address,
            "http": member.http,
        })
    };
    match own {
        Edit::Add(member) => json!({ "add": site(member) }),
        Edit::Remove(name) => json!({ "remove": name }),
        Edit::Replace { name, with } => json!({ "replace": name, "with": site(with) }),
    }
}

/// Clients by name.
fn clients(group: &GroupFile, keys: &[u32]) -> Vec<String> {
    let name = |key: &u32| {
        let index = usize::try_from(*key).ok();
        let entry = index.and_then(|index| group.group().clients.get(index));
        entry.map_or_else(|| format!("client {key}"), |entry| entry.name.clone())
    };
    keys.iter().map(name).collect()
}

fn join(shown: &mut Value, rest: Value) {
    let fields = match rest {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    if let Some(shown) = shown.as_object_mut() {
        shown.extend(fields);
    }
}
