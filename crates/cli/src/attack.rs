use std::time::Duration;

use clap::Args;

use crate::failure::Failure;
use crate::http::{Body, Connection, Effect, Problem, Request};
use crate::local::{Attack as What, AttackRequest};
use crate::output;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  maftia attack equivocate --site C\n  \
                        maftia attack pause --site B --for 3\n  maftia attack none --site C")]
pub(crate) struct Attack {
    /// What to do to the site
    what: What,
    /// Which site
    #[arg(long, value_name = "NAME")]
    site: String,
    /// For how many seconds; without it until `maftia attack none` (a pause lasts 5)
    #[arg(long = "for", value_name = "SECONDS")]
    lasting: Option<f64>,
    #[command(flatten)]
    connection: Connection,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(typed: &Attack) -> Result<(), Failure> {
    order(typed).or_else(|problem| problem.end(typed.json))
}

fn order(typed: &Attack) -> Result<(), Problem> {
    let client = typed.connection.client()?;
    let request = AttackRequest {
        what: typed.what,
        site: typed.site.clone(),
        seconds: typed.lasting,
    };
    let body =
        serde_json::to_vec(&request).map_err(|error| Problem::failed("json", error.to_string()))?;
    let answer = client
        .send(&Request {
            method: ureq::http::Method::POST,
            target: "/v1/attack".into(),
            body: Some(Body::Json(&body)),
            effect: Effect::Reads,
            request_id: None,
        })
        .map_err(only_local)?;
    if typed.json {
        let value: serde_json::Value = answer.json()?;
        output::line(value.to_string());
        return Ok(());
    }
    let lasting = typed
        .lasting
        .map(|seconds| format!(" for {:?}", Duration::from_secs_f64(seconds)));
    output::line(format!(
        "{} at site {}{}; watch `maftia status`",
        typed.what.name(),
        typed.site,
        lasting.unwrap_or_default()
    ));
    Ok(())
}

fn only_local(problem: Problem) -> Problem {
    problem.next("attacks are for a running `maftia demo` or `maftia dev`; see `maftia status`")
}
