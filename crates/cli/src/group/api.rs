//! Members and changes of them as the agent's JSON has them.

use serde::Deserialize;

use crate::http::Problem;

/// Who is in the group, and what is to change.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Shown {
    #[serde(flatten)]
    pub(super) view: View,
    pub(super) name: String,
    pub(super) id: String,
    pub(super) policy: Policy,
    #[serde(default)]
    pub(super) change: Option<UnderWay>,
    #[serde(default)]
    pub(super) proposals: Vec<Proposal>,
}

/// The sites of an epoch.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct View {
    pub(super) epoch: u64,
    pub(super) n: usize,
    pub(super) f: usize,
    pub(super) quorum: usize,
    pub(super) members: Vec<Member>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) key: String,
    #[serde(default)]
    pub(super) address: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Policy {
    pub(super) approvals: u8,
}

/// What a change does.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Change {
    #[serde(default)]
    pub(super) f: Option<u8>,
    pub(super) leaving: Vec<String>,
    pub(super) joining: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct UnderWay {
    #[serde(flatten)]
    pub(super) change: Change,
    pub(super) proposal: u64,
    pub(super) phase: String,
    #[serde(default)]
    pub(super) awaited: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Proposal {
    #[serde(flatten)]
    pub(super) change: Change,
    pub(super) proposal: u64,
    pub(super) approved_by: Vec<String>,
    pub(super) missing: usize,
}

/// What a change would make.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Preview {
    #[serde(flatten)]
    pub(super) change: Change,
    pub(super) now: View,
    pub(super) next: View,
    pub(super) approvals: u8,
}

/// How a proposal stands.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Decision {
    pub(super) proposal: u64,
    pub(super) missing: u8,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct History {
    pub(super) history: Vec<Entry>,
}

/// A change that was made or given up.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Entry {
    #[serde(flatten)]
    pub(super) change: Change,
    pub(super) proposal: u64,
    pub(super) approved_by: Vec<String>,
    pub(super) commit: u64,
    #[serde(default)]
    pub(super) epoch: Option<u64>,
    #[serde(default)]
    pub(super) cause: Option<String>,
}

/// What to type next after a problem with members.
pub(super) fn hint(problem: Problem) -> Problem {
    let next = match problem.id() {
        "change-under-way" | "no-such-proposal" | "no-such-site" | "stale-view" => {
            "maftia group show"
        }
        "not-authorised" => "use the agent of a client to which group.toml gives this power",
        "not-yours" => "type it at the agent of the client that proposed it",
        "too-many-proposals" => "maftia group withdraw NUMBER; see `maftia group show`",
        "unproven" => "maftia group propose replace NAME join.toml, or say which --f is to be left",
        "would-break-bound" => "bring more sites, or say a smaller --f",
        "key-taken" | "reserved" => "maftia init joiner --name NAME --address IP:PORT --dir DIR",
        "no-answer" => "maftia status, then type the same again",
        _ => return problem,
    };
    problem.next(next)
}
