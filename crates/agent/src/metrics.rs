use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use maftia_client::Outcome;

/// Upper bounds of the latency buckets, in milliseconds.
const BUCKETS_MS: [u64; 10] = [1, 2, 5, 10, 25, 50, 100, 250, 1000, 10_000];

/// What the agent counts.
#[derive(Debug)]
pub(crate) struct Metrics(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    requests: BTreeMap<(&'static str, u16), u64>,
    buckets: [u64; BUCKETS_MS.len()],
    count: u64,
    sum_seconds: f64,
    outcomes: BTreeMap<&'static str, u64>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self(Mutex::default())
    }

    pub(crate) fn request(&self, method: &Method, status: StatusCode, took: Duration) {
        // Whatever text a caller sends as a method, the labels are few.
        let method = match *method {
            Method::GET => "GET",
            Method::PUT => "PUT",
            Method::POST => "POST",
            Method::DELETE => "DELETE",
            _ => "other",
        };
        self.with(|counts| {
            *counts
                .requests
                .entry((method, status.as_u16()))
                .or_default() += 1;
            counts.count += 1;
            counts.sum_seconds += took.as_secs_f64();
            for (bucket, bound) in counts.buckets.iter_mut().zip(BUCKETS_MS) {
                *bucket += u64::from(took <= Duration::from_millis(bound));
            }
        });
    }

    pub(crate) fn outcome<R>(&self, outcome: &Outcome<R>) {
        let name = match outcome {
            Outcome::Committed { .. } => "committed",
            Outcome::Rejected(_) => "rejected",
            Outcome::Unknown => "unknown",
        };
        self.with(|counts| *counts.outcomes.entry(name).or_default() += 1);
    }

    /// Prometheus' text format.
    pub(crate) fn render(&self, liars: &[(String, u64)], links_up: usize) -> String {
        let mut text = String::new();
        self.with(|counts| {
            // Writing to a string does not fail.
            let _ = render(&mut text, counts, liars, links_up);
        });
        text
    }

    fn with(&self, work: impl FnOnce(&mut Counts)) {
        let mut counts = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        work(&mut counts);
    }
}

fn render(
    text: &mut String,
    counts: &Counts,
    liars: &[(String, u64)],
    links_up: usize,
) -> std::fmt::Result {
    writeln!(text, "# HELP maftia_agent_requests_total Requests answered")?;
    writeln!(text, "# TYPE maftia_agent_requests_total counter")?;
    for ((method, status), count) in &counts.requests {
        let labels = format!("method=\"{method}\",status=\"{status}\"");
        writeln!(text, "maftia_agent_requests_total{{{labels}}} {count}")?;
    }
    writeln!(text, "# HELP maftia_agent_latency_seconds Time to answer")?;
    writeln!(text, "# TYPE maftia_agent_latency_seconds histogram")?;
    for (bound, count) in BUCKETS_MS.iter().zip(counts.buckets) {
        let bound = Duration::from_millis(*bound).as_secs_f64();
        writeln!(
            text,
            "maftia_agent_latency_seconds_bucket{{le=\"{bound}\"}} {count}"
        )?;
    }
    writeln!(
        text,
        "maftia_agent_latency_seconds_bucket{{le=\"+Inf\"}} {}",
        counts.count
    )?;
    writeln!(
        text,
        "maftia_agent_latency_seconds_sum {}",
        counts.sum_seconds
    )?;
    writeln!(text, "maftia_agent_latency_seconds_count {}", counts.count)?;
    writeln!(
        text,
        "# HELP maftia_agent_outcomes_total What became of requests to the group"
    )?;
    writeln!(text, "# TYPE maftia_agent_outcomes_total counter")?;
    for (name, count) in &counts.outcomes {
        writeln!(
            text,
            "maftia_agent_outcomes_total{{outcome=\"{name}\"}} {count}"
        )?;
    }
    writeln!(
        text,
        "# HELP maftia_agent_lies_total Replies that differ from what f+1 sites say"
    )?;
    writeln!(text, "# TYPE maftia_agent_lies_total counter")?;
    for (site, count) in liars {
        writeln!(text, "maftia_agent_lies_total{{site=\"{site}\"}} {count}")?;
    }
    writeln!(
        text,
        "# HELP maftia_agent_links_up Links to sites that are up"
    )?;
    writeln!(
        text,
        "# TYPE maftia_agent_links_up gauge\nmaftia_agent_links_up {links_up}"
    )
}
