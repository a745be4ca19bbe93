//! Views and changes for people.

use super::api::{Change, Entry, Preview, Proposal, Shown, UnderWay, View};

/// Text from elsewhere, which must not steer the terminal.
pub(super) fn plain(text: &str) -> String {
    text.replace(|c: char| c.is_control() && c != '\n', "?")
}

pub(super) fn shown(own: &Shown) -> String {
    let mut text = format!(
        "group {}  epoch {}: {}\nfingerprint {}\n",
        own.name,
        own.view.epoch,
        size(&own.view),
        own.id
    );
    for member in &own.view.members {
        let address = member.address.as_deref().unwrap_or("?");
        text += &format!("  {:<12} {address:<22} {}\n", member.name, member.key);
    }
    text += &match own.policy.approvals {
        1 => "a change needs one client with the power over members\n".to_owned(),
        k => format!("a change needs {k} clients with the power over members\n"),
    };
    match &own.change {
        Some(change) => text += &under_way(change),
        None => text += "no change is under way",
    }
    for proposal in &own.proposals {
        text += &format!("\n{}", waiting(proposal));
    }
    text
}

pub(super) fn preview(own: &Preview) -> String {
    let (now, next) = (&own.now, &own.next);
    let mut text = format!(
        "now  epoch {}: {}\nnext epoch {}: {}\n",
        now.epoch,
        size(now),
        next.epoch,
        size(next)
    );
    for name in &own.change.leaving {
        text += &format!("  goes   {name}\n");
    }
    for name in &own.change.joining {
        // Names may be those of who goes; keys tell them apart.
        let member = next.members.iter().find(|member| member.name == *name);
        let address = member.and_then(|member| member.address.as_deref());
        let key = member.map_or("?", |member| member.key.as_str());
        text += &format!("  comes  {name}  {}  {key}\n", address.unwrap_or("?"));
    }
    text += &match next.f.cmp(&now.f) {
        std::cmp::Ordering::Less => format!(
            "fewer intrusions are tolerated: {} instead of {}\n",
            next.f, now.f
        ),
        std::cmp::Ordering::Equal => String::new(),
        std::cmp::Ordering::Greater => format!(
            "more intrusions are tolerated: {} instead of {}\n",
            next.f, now.f
        ),
    };
    text += &match own.approvals {
        1 => "it begins as soon as it is proposed".to_owned(),
        k => format!("it begins when {k} clients have approved it, you among them"),
    };
    text
}

pub(super) fn under_way(own: &UnderWay) -> String {
    format!(
        "proposal {} is under way ({}): {}",
        own.proposal,
        change(&own.change),
        phase(own)
    )
}

pub(super) fn phase(own: &UnderWay) -> String {
    match own.phase.as_str() {
        "joining" => format!("waiting for {} to be ready", list(&own.awaited)),
        "sharing" => "the keys are being shared to the next sites".to_owned(),
        other => other.to_owned(),
    }
}

pub(super) fn waiting(own: &Proposal) -> String {
    format!(
        "proposal {} waits for {} more to approve ({}; approved by {}):\n  maftia group approve {}",
        own.proposal,
        own.missing,
        change(&own.change),
        list(&own.approved_by),
        own.proposal
    )
}

pub(super) fn entry(own: &Entry) -> String {
    let end = match (own.epoch, &own.cause) {
        (Some(epoch), _) => format!("made: epoch {epoch}"),
        (None, Some(cause)) => format!("given up: {cause}"),
        (None, None) => "given up".to_owned(),
    };
    format!(
        "proposal {} ({}; approved by {}) {end}, at commit {}",
        own.proposal,
        change(&own.change),
        list(&own.approved_by),
        own.commit
    )
}

fn change(own: &Change) -> String {
    let mut parts = Vec::new();
    if !own.leaving.is_empty() {
        parts.push(format!("{} goes", own.leaving.join(", ")));
    }
    if !own.joining.is_empty() {
        parts.push(format!("{} comes", own.joining.join(", ")));
    }
    if let Some(f) = own.f {
        parts.push(format!("f = {f}"));
    }
    if parts.is_empty() {
        // The group's own: nobody else can have an epoch end for nothing.
        parts.push("the same sites, so that their coin comes into use".to_owned());
    }
    parts.join(", ")
}

fn size(view: &View) -> String {
    format!(
        "{} sites, tolerates {} intruded, decides with {}",
        view.n, view.f, view.quorum
    )
}

fn list(names: &[String]) -> String {
    match names {
        [] => "nobody".to_owned(),
        names => names.join(", "),
    }
}
