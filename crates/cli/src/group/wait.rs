//! Waiting for the end of a change.

use std::time::{Duration, Instant};

use serde_json::json;

use super::api::{History, Shown};
use super::text;
use crate::files::print;
use crate::http::{Client, Problem};
use crate::output;

/// Between two looks: each costs the group a place in its log.
const PAUSE: Duration = Duration::from_secs(1);
/// Longer than a change that is under way can take. One that waits for approvals may take days.
const WAIT_MAX: Duration = Duration::from_secs(15 * 60);

/// What has become of a proposal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Course {
    /// It goes on; what it waits for.
    GoesOn(String),
    /// It was made: the epoch.
    Made(u64),
    /// It was given up: why.
    GivenUp(String),
    /// It is neither open nor under way, and was never begun.
    Gone,
}

/// Shows what a proposal waits for until it was made.
///
/// # Errors
/// If it was given up or is not there any more; or if time is up, with the outcome unknown.
pub(super) fn until_settled(client: &Client, number: u64, json: bool) -> Result<(), Problem> {
    let deadline = Instant::now() + WAIT_MAX;
    let mut said = String::new();
    loop {
        match look(client, number) {
            Ok(Course::GoesOn(text)) => {
                if !json && text != said {
                    output::line(text::plain(&text));
                    said = text;
                }
            }
            Ok(Course::Made(epoch)) => return made(number, epoch, json),
            Ok(Course::GivenUp(cause)) => return Err(given_up(number, &cause)),
            Ok(Course::Gone) => return Err(gone(number)),
            // While sites change over, too few may answer for a moment.
            Err(problem) if is_final(&problem) || Instant::now() >= deadline => {
                return Err(problem);
            }
            Err(_) => {}
        }
        if Instant::now() >= deadline {
            return Err(not_yet(number));
        }
        std::thread::sleep(PAUSE);
    }
}

/// Whether asking again brings nothing else: the agent does not let us, or does not understand.
pub(super) fn is_final(problem: &Problem) -> bool {
    let refused = |status: u16| (400..500).contains(&status) && status != 429;
    problem.status.is_some_and(refused)
}

fn look(client: &Client, number: u64) -> Result<Course, Problem> {
    let shown: Shown = client.read("/v1/group".into())?.json()?;
    if let Some(course) = in_state(&shown, number) {
        return Ok(course);
    }
    let history: History = client.read("/v1/group/history".into())?.json()?;
    Ok(in_history(&history, number))
}

/// What the present state says of it.
pub(super) fn in_state(shown: &Shown, number: u64) -> Option<Course> {
    let under_way = shown.change.iter().find(|own| own.proposal == number);
    if let Some(own) = under_way {
        return Some(Course::GoesOn(text::phase(own)));
    }
    let mut open = shown.proposals.iter();
    let own = open.find(|own| own.proposal == number)?;
    let missing = own.missing;
    Some(Course::GoesOn(format!(
        "waiting for {missing} more to approve"
    )))
}

/// What the past says of it.
pub(super) fn in_history(history: &History, number: u64) -> Course {
    let entry = history.history.iter().rfind(|own| own.proposal == number);
    match entry.map(|own| (own.epoch, own.cause.clone())) {
        Some((Some(epoch), _)) => Course::Made(epoch),
        Some((None, cause)) => Course::GivenUp(cause.unwrap_or_default()),
        None => Course::Gone,
    }
}

fn made(number: u64, epoch: u64, json: bool) -> Result<(), Problem> {
    if json {
        return print(&json!({ "proposal": number, "outcome": "entered", "epoch": epoch }));
    }
    output::line(format!(
        "proposal {number} is made: the group is in epoch {epoch}"
    ));
    Ok(())
}

fn given_up(number: u64, cause: &str) -> Problem {
    let what = format!("proposal {number} was given up: {cause}; the sites stay as they were");
    Problem::failed("aborted", what)
        .next("see that the joining sites run and reach the others, and propose it again")
}

fn gone(number: u64) -> Problem {
    let what = format!("proposal {number} was withdrawn, or nobody approved it in time");
    Problem::failed("proposal-gone", what).next("maftia group show")
}

fn not_yet(number: u64) -> Problem {
    let mut problem = Problem::failed(
        "not-yet",
        format!("proposal {number} has not come to an end in time; it goes on"),
    )
    .next(format!(
        "maftia group show, or maftia group approve {number} --wait"
    ));
    problem.exit = crate::failure::Exit::Unknown;
    problem
}
