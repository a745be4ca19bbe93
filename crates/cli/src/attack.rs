use std::time::Duration;

use clap::Args;

use crate::failure::{Exit, Failure};
use crate::http::{Body, Connection, Effect, Problem, Request};
use crate::local::{Attack as What, AttackRequest};
use crate::output;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  maftia attack equivocate --site C\n  \
                        maftia attack pause --site B --for 3\n  maftia attack none --site C\n  \
                        maftia attack schedule-leader --for 10\n  maftia attack schedule-leader --stop")]
pub(crate) struct Attack {
    /// What to do to the site, or to the network of all
    what: What,
    /// Which site; none for schedule-leader
    #[arg(long, value_name = "NAME")]
    site: Option<String>,
    /// For how many seconds; without it until `maftia attack none` or --stop (a pause lasts 5)
    #[arg(long = "for", value_name = "SECONDS")]
    lasting: Option<f64>,
    /// End schedule-leader
    #[arg(long, conflicts_with = "lasting")]
    stop: bool,
    #[command(flatten)]
    connection: Connection,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(typed: &Attack) -> Result<(), Failure> {
    typed.check()?;
    order(typed).or_else(|problem| problem.end(typed.json))
}

impl Attack {
    /// Which attacks are a site's, clap does not know.
    fn check(&self) -> Result<(), Failure> {
        let wrong = |what: &str| Err(Failure::new(Exit::Usage, what));
        match (self.what.is_of_network(), &self.site) {
            (true, Some(_)) => wrong("schedule-leader is for all sites: leave --site out"),
            (false, None) => wrong("which site? Name it with --site"),
            (false, Some(_)) if self.stop => {
                wrong("--stop is for schedule-leader; others end with `maftia attack none`")
            }
            _ => Ok(()),
        }
    }

    fn aim(&self) -> String {
        match &self.site {
            Some(site) => format!("at site {site}"),
            None => "at all sites".into(),
        }
    }
}

fn order(typed: &Attack) -> Result<(), Problem> {
    let client = typed.connection.client()?;
    let request = AttackRequest {
        what: typed.what,
        site: typed.site.clone(),
        stop: typed.stop,
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
    let (name, aim) = (typed.what.name(), typed.aim());
    let lasting = match typed.lasting {
        _ if typed.stop => " has ended".into(),
        Some(seconds) => format!(" for {:?}", Duration::from_secs_f64(seconds)),
        None => String::new(),
    };
    output::line(format!("{name} {aim}{lasting}; watch `maftia status`"));
    Ok(())
}

fn only_local(problem: Problem) -> Problem {
    problem.next("attacks are for a running `maftia demo` or `maftia dev`; see `maftia status`")
}
