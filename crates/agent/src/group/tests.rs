use axum::response::IntoResponse as _;
use maftia_crypto::{PublicKey, SigningKey};
use maftia_membership::membership::{
    Cause, Entry, Origin, Outcome, Phase, Policy, Proposal, Refusal, State, Underway,
};
use maftia_membership::{Change, ChangeError, Edit, Member, View};
use maftia_types::{Digest, Epoch, Resilience};
use serde_json::json;

use super::{asked, refusal, show};

fn key(of: u8) -> PublicKey {
    SigningKey::from_seed([of; 32]).public()
}

fn joiner() -> Member {
    Member {
        name: "E".into(),
        key: key(9),
        address: Some(([10, 0, 0, 9], 7100).into()),
        http: None,
    }
}

fn replace() -> Change {
    let edits = vec![Edit::Replace {
        name: "B".into(),
        with: joiner(),
    }];
    Change { edits, f: None }
}

fn file() -> maftia_config::GroupFile {
    let plan = maftia_config::Plan {
        fast_path: None,
        asynchronous: maftia_types::CoinUse::Never,
        member_approvals: std::num::NonZeroU8::MIN,
        name: "test".into(),
        kind: maftia_config::Kind::Dev,
        sites: maftia_config::consecutive(([127, 0, 0, 1], 7101).into(), 4).unwrap(),
        http: Vec::new(),
        clients: vec!["app".into(), "operator".into()],
    };
    let mut rng =
        <rand_chacha::ChaCha20Rng as rand_chacha::rand_core::SeedableRng>::seed_from_u64(1);
    maftia_config::generate(plan, &mut rng).unwrap().group
}

fn state() -> State {
    State {
        view: file().view().clone(),
        origin: Origin::default(),
        policy: Policy {
            approvals: 2.try_into().unwrap(),
        },
        underway: None,
        proposals: Vec::new(),
    }
}

#[test]
fn a_change_reads_as_it_is_shown() {
    let edits = vec![
        Edit::Add(joiner()),
        Edit::Remove("A".into()),
        Edit::Replace {
            name: "B".into(),
            with: Member {
                name: "F".into(),
                key: key(8),
                http: Some(([10, 0, 0, 9], 80).into()),
                ..joiner()
            },
        },
    ];
    let change = Change { edits, f: Some(1) };
    let file = file();
    let shown = show::preview(
        &file,
        &state(),
        &change,
        &state().view.change(&replace()).unwrap(),
    );
    let body = json!({ "edits": shown["edits"], "f": shown["f"] }).to_string();
    assert_eq!(asked::change(body.as_bytes()).unwrap(), change);
    assert_eq!(shown["leaving"], json!(["A", "B"]));
    assert_eq!(shown["joining"], json!(["E", "F"]));
}

#[test]
fn what_is_no_change_is_refused() {
    for bad in [
        "[]",
        "{\"edits\":[{}]}",
        "{\"edits\":[{\"remove\":\"A\",\"replace\":\"B\"}]}",
        "{\"edits\":[{\"replace\":\"A\"}]}",
        "{\"edits\":[{\"remove\":\"A\"}],\"F\":1}",
        "{\"f\":256}",
        "{\"edits\":[{\"add\":{\"name\":\"E\",\"key\":\"00\",\"address\":\"10.0.0.9:1\"}}]}",
        "{\"edits\":[{\"add\":{\"name\":\"E\",\"address\":\"10.0.0.9:1\"}}]}",
    ] {
        let error = asked::change(bad.as_bytes()).unwrap_err();
        assert_eq!(error.into_response().status(), 400, "{bad}");
    }
    assert!(asked::change(b"{\"f\":0}").is_ok());
    assert!(asked::number("7").is_ok());
    assert!(asked::number("seven").is_err());
}

#[test]
fn refusals_have_the_statuses_that_callers_know() {
    let status = |refusal| refusal::refused(refusal).into_response().status().as_u16();
    assert_eq!(status(Refusal::NotAuthorised), 403);
    assert_eq!(status(Refusal::NotYours), 403);
    assert_eq!(status(Refusal::NoSuchProposal), 404);
    assert_eq!(status(ChangeError::UnknownSite("X".into()).into()), 404);
    assert_eq!(status(Refusal::Busy(1)), 409);
    assert_eq!(status(Refusal::Unproven("A".into())), 409);
    assert_eq!(status(ChangeError::KeyTaken("E".into()).into()), 409);
    let broken = ChangeError::WouldBreakBound {
        n: 3,
        f: 1,
        c: 0,
        needed: Some(4),
    };
    assert_eq!(status(broken.into()), 409);
    assert_eq!(status(ChangeError::Nothing.into()), 400);
    assert_eq!(status(Refusal::TooManyProposals), 429);
}

#[test]
fn a_preview_shows_both_views_and_leaves_addresses_as_they_are_known() {
    let (file, state) = (file(), state());
    let next = state.view.change(&replace()).unwrap();
    let shown = show::preview(&file, &state, &replace(), &next);
    assert_eq!(shown["now"]["epoch"], 0);
    assert_eq!(shown["next"]["epoch"], 1);
    assert_eq!(
        (&shown["next"]["n"], &shown["next"]["f"]),
        (&json!(4), &json!(1))
    );
    let members = shown["next"]["members"].as_array().unwrap();
    assert_eq!(members[0]["address"], "127.0.0.1:7101");
    assert_eq!(members[0]["joined"], false);
    assert_eq!(members[1]["name"], "E");
    assert_eq!(members[1]["address"], "10.0.0.9:7100");
    assert_eq!(members[1]["joined"], true);
}

#[test]
fn what_is_under_way_shows_whom_it_waits_for_and_until_when() {
    let (file, mut state) = (file(), state());
    let mut underway = Underway {
        proposal: 3,
        change: replace(),
        approvals: vec![1, 7],
        since_ms: 1000,
        phase: Phase::Joining(vec!["E".into()]),
    };
    state.underway = Some(underway.clone());
    let shown = show::state(&file, &state);
    let change = &shown["change"];
    assert_eq!(change["phase"], "joining");
    assert_eq!(change["awaited"], json!(["E"]));
    assert_eq!(change["until_ms"], 301_000);
    assert_eq!(change["approved_by"], json!(["operator", "client 7"]));
    assert_eq!(change["next"]["epoch"], 1);
    underway.phase = Phase::Sharing;
    state.underway = Some(underway);
    let shown = show::state(&file, &state);
    assert_eq!(shown["change"]["phase"], "sharing");
    assert_eq!(shown["change"]["until_ms"], 601_000);
}

#[test]
fn proposals_and_history_name_the_clients() {
    let (file, mut state) = (file(), state());
    let proposal = Proposal {
        change: replace(),
        approvals: vec![0],
        since_ms: 5,
    };
    state.proposals = vec![(4, proposal)];
    let shown = show::state(&file, &state);
    assert_eq!(shown["proposals"][0]["proposal"], 4);
    assert_eq!(shown["proposals"][0]["missing"], 1);
    assert_eq!(shown["proposals"][0]["approved_by"], json!(["app"]));
    let entry = |outcome| Entry {
        proposal: 4,
        change: replace(),
        approvals: vec![0, 1],
        commit: 9,
        time_ms: 10,
        outcome,
    };
    let made = show::entry(&file, &entry(Outcome::Entered(Epoch(1))));
    assert_eq!(
        (&made["outcome"], &made["epoch"]),
        (&json!("entered"), &json!(1))
    );
    let cause = Cause::NotReady(vec!["E".into()]);
    let aborted = show::entry(&file, &entry(Outcome::Aborted(cause)));
    assert_eq!(aborted["outcome"], "aborted");
    assert!(aborted["cause"].as_str().unwrap().contains('E'));
}

#[test]
fn a_member_unknown_to_the_agents_file_is_shown_without_an_address() {
    let sites = (0..4).map(|of| (format!("X{of}"), key(20 + of)));
    let resilience = Resilience::largest(maftia_types::FaultModel::Arbitrary, 4).unwrap();
    let mut state = state();
    state.view = View::genesis(Digest::ZERO, resilience, sites).unwrap();
    let shown = show::state(&file(), &state);
    assert_eq!(shown["members"][0]["address"], json!(null));
}
