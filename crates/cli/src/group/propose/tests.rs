use clap::Parser;
use serde_json::json;

use super::super::api::{History, Shown};
use super::super::wait::{Course, in_history, in_state, is_final};
use super::super::{args, text};
use super::*;

/// The command line of `maftia group`.
#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    group: args::Group,
}

fn parsed(line: &str) -> Result<args::GroupCommand, clap::Error> {
    let words = std::iter::once("group").chain(line.split_whitespace());
    Line::try_parse_from(words).map(|line| line.group.command)
}

fn asked(line: &str) -> Result<Value, Problem> {
    match parsed(line).unwrap() {
        args::GroupCommand::Propose(it) => Asked::of(&it.command).json(),
        other => panic!("{other:?}"),
    }
}

fn view(epoch: u64, names: &[&str], f: usize) -> Value {
    let members: Vec<Value> = names
        .iter()
        .map(|name| json!({"name": name, "key": "ab", "address": "10.0.0.1:7100"}))
        .collect();
    let n = names.len();
    json!({"epoch": epoch, "n": n, "f": f, "quorum": n - f, "members": members})
}

fn shown(rest: Value) -> Shown {
    let mut all = view(0, &["A", "B", "C", "D"], 1);
    let base = json!({"name": "g", "id": "00", "policy": {"approvals": 2}});
    for fields in [base, rest] {
        let fields = fields.as_object().unwrap().clone();
        all.as_object_mut().unwrap().extend(fields);
    }
    serde_json::from_value(all).unwrap()
}

#[test]
fn what_was_typed_is_what_the_agent_is_asked() {
    let flags = "--name E --key ab --address 10.0.0.5:7100";
    let site = json!({"name": "E", "key": "ab", "address": "10.0.0.5:7100", "http": null});
    assert_eq!(
        asked(&format!("propose add {flags}")).unwrap(),
        json!({"edits": [{"add": site}], "f": null})
    );
    assert_eq!(
        asked(&format!("propose replace C {flags} --f 1 --yes")).unwrap(),
        json!({"edits": [{"replace": "C", "with": site}], "f": 1})
    );
    assert_eq!(
        asked("propose remove C --f 0").unwrap(),
        json!({"edits": [{"remove": "C"}], "f": 0})
    );
    assert_eq!(
        asked("propose set-f 2").unwrap(),
        json!({"edits": [], "f": 2})
    );
}

#[test]
fn a_joiner_comes_from_its_file_or_from_all_its_flags() {
    for wrong in [
        "propose add",
        "propose replace C",
        "propose add --name E --address 10.0.0.5:7100",
        "propose add join.toml --name E --key ab --address 10.0.0.5:7100",
        "propose add --key ab --address 10.0.0.5:7100",
        "propose set-f",
        "propose set-f 2 --f 1",
    ] {
        assert!(parsed(wrong).is_err(), "{wrong}");
    }
    let absent = asked("propose add /nowhere/join.toml").unwrap_err();
    assert_eq!(absent.id(), "join-file");
    assert!(
        absent.to_string().contains("/nowhere/join.toml"),
        "{absent}"
    );
}

#[test]
fn a_vote_is_an_approval() {
    for line in ["approve 3 --wait", "vote 3 --wait"] {
        let args::GroupCommand::Approve(it) = parsed(line).unwrap() else {
            panic!("{line}");
        };
        assert_eq!((it.proposal, it.wait), (3, true));
    }
}

#[test]
fn a_preview_says_who_goes_who_comes_and_what_is_tolerated() {
    let preview = json!({
        "f": 0, "leaving": ["C"], "joining": ["E"], "approvals": 2,
        "now": view(0, &["A", "B", "C", "D"], 1), "next": view(1, &["A", "B", "E", "D"], 0),
    });
    let preview: Preview = serde_json::from_value(preview).unwrap();
    let text = text::preview(&preview);
    for part in [
        "now  epoch 0: 4 sites, tolerates 1 intruded",
        "next epoch 1: 4 sites, tolerates 0 intruded",
        "goes   C",
        "comes  E  10.0.0.1:7100",
        "fewer intrusions are tolerated: 0 instead of 1",
        "2 clients have approved",
    ] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
}

#[test]
fn what_is_shown_says_what_is_awaited_and_what_to_type() {
    let own = shown(json!({
        "change": {"proposal": 3, "phase": "joining", "awaited": ["E\u{1b}"], "f": null,
                   "leaving": ["C"], "joining": ["E"]},
        "proposals": [{"proposal": 4, "approved_by": ["app"], "missing": 1, "f": 2,
                       "leaving": [], "joining": []}],
    }));
    let text = text::plain(&text::shown(&own));
    assert!(
        text.contains("proposal 3 is under way (C goes, E comes)"),
        "{text}"
    );
    assert!(text.contains("waiting for E? to be ready"), "{text}");
    assert!(text.contains("maftia group approve 4"), "{text}");
    assert!(text.contains("f = 2; approved by app"), "{text}");
}

#[test]
fn a_proposal_is_followed_from_approvals_to_its_end() {
    let open = shown(
        json!({"proposals": [{"proposal": 4, "approved_by": ["app"], "missing": 1,
                                           "leaving": [], "joining": []}]}),
    );
    let waits = Course::GoesOn("waiting for 1 more to approve".into());
    assert_eq!(in_state(&open, 4), Some(waits));
    assert_eq!(in_state(&open, 5), None);
    let under_way = shown(
        json!({"change": {"proposal": 4, "phase": "sharing", "leaving": [],
                                            "joining": []}}),
    );
    assert!(matches!(in_state(&under_way, 4), Some(Course::GoesOn(_))));
    let entry = |proposal, epoch: Value, cause: Value| {
        json!({"proposal": proposal, "approved_by": [], "commit": 9, "leaving": [], "joining": [],
               "epoch": epoch, "cause": cause})
    };
    let history = json!({"history": [entry(4, json!(1), Value::Null),
                                     entry(5, Value::Null, json!("not ready in time: E"))]});
    let history: History = serde_json::from_value(history).unwrap();
    assert_eq!(in_history(&history, 4), Course::Made(1));
    let given_up = Course::GivenUp("not ready in time: E".into());
    assert_eq!(in_history(&history, 5), given_up);
    assert_eq!(in_history(&history, 6), Course::Gone);
}

#[test]
fn waiting_ends_when_the_agent_refuses_and_not_when_it_is_late() {
    let problem = |status| {
        let mut problem = Problem::failed("id", "because");
        problem.status = status;
        problem
    };
    for status in [400, 401, 403, 404] {
        assert!(is_final(&problem(Some(status))), "{status}");
    }
    for status in [None, Some(429), Some(503), Some(504)] {
        assert!(!is_final(&problem(status)), "{status:?}");
    }
}
