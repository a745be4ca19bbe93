use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use maftia_client::{Client, Outcome};

/// Upper bounds of the latency histogram, in milliseconds.
const BUCKETS_MS: [u64; 12] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 30_000];

/// What the agent has done since it started.
#[derive(Debug, Default)]
pub(crate) struct Metrics(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    requests: BTreeMap<(&'static str, u16), u64>,
    outcomes: BTreeMap<&'static str, u64>,
    latency: [u64; BUCKETS_MS.len()],
    latency_count: u64,
    latency_sum: Duration,
    remaining_tolerance: Option<usize>,
}

impl Metrics {
    pub(crate) fn outcome<R>(&self, outcome: &Outcome<R>) {
        let label = match outcome {
            Outcome::Committed { .. } => "committed",
            Outcome::Forgotten => "forgotten",
            Outcome::Rejected(_) => "rejected",
            Outcome::Unknown => "unknown",
        };
        *self.lock().outcomes.entry(label).or_default() += 1;
    }

    pub(crate) fn tolerance(&self, remaining: usize) {
        self.lock().remaining_tolerance = Some(remaining);
    }

    fn request(&self, method: &'static str, status: u16, took: Duration) {
        let mut inner = self.lock();
        *inner.requests.entry((method, status)).or_default() += 1;
        inner.latency_count += 1;
        inner.latency_sum += took;
        for (count, bound_ms) in inner.latency.iter_mut().zip(BUCKETS_MS) {
            *count += u64::from(took <= Duration::from_millis(bound_ms));
        }
    }

    /// As Prometheus reads it.
    pub(crate) fn text(&self, client: &Client) -> String {
        let inner = self.lock();
        let mut text = String::new();
        let mut family = |name: &str, kind: &str, help: &str, lines: Vec<String>| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for line in lines {
                let _ = writeln!(text, "{name}{line}");
            }
        };
        let requests = inner.requests.iter();
        let requests = requests.map(|((method, status), count)| {
            format!("{{method=\"{method}\",status=\"{status}\"}} {count}")
        });
        let name = "maftia_agent_requests_total";
        family(name, "counter", "Requests answered.", requests.collect());
        let name = "maftia_agent_request_duration_seconds";
        family(name, "histogram", "Time to answer.", inner.histogram());
        let outcomes = inner.outcomes.iter();
        let outcomes = outcomes.map(|(label, count)| format!("{{outcome=\"{label}\"}} {count}"));
        let name = "maftia_agent_outcomes_total";
        family(
            name,
            "counter",
            "What became of requests to the group.",
            outcomes.collect(),
        );
        let group = client.group();
        let (liars, up) = (client.liars(), client.links_up());
        let per_site = |value: &dyn Fn(maftia_types::SiteId) -> u64| -> Vec<String> {
            let line = |(id, site): (maftia_types::SiteId, &maftia_config::SiteEntry)| {
                format!("{{site=\"{}\"}} {}", site.name, value(id))
            };
            group.sites().map(line).collect()
        };
        let lies = per_site(&|site| liars.get(site.index()).copied().unwrap_or(0));
        let help = "Answers of a site that contradict what f+1 sites agree on.";
        family("maftia_agent_lies_total", "counter", help, lies);
        let links = per_site(&|site| u64::from(up.contains(site)));
        family(
            "maftia_agent_link_up",
            "gauge",
            "Whether a link to the site stands.",
            links,
        );
        let remaining = inner
            .remaining_tolerance
            .iter()
            .map(|value| format!(" {value}"));
        let help = "Further sites that may be intruded, as of the latest status.";
        family(
            "maftia_remaining_tolerance",
            "gauge",
            help,
            remaining.collect(),
        );
        text
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no holder of this lock panics")
    }
}

impl Inner {
    fn histogram(&self) -> Vec<String> {
        let seconds = |ms: u64| Duration::from_millis(ms).as_secs_f64();
        let bounds = BUCKETS_MS.iter().zip(self.latency);
        let mut lines: Vec<_> = bounds
            .map(|(ms, count)| format!("_bucket{{le=\"{}\"}} {count}", seconds(*ms)))
            .collect();
        lines.push(format!("_bucket{{le=\"+Inf\"}} {}", self.latency_count));
        lines.push(format!("_sum {}", self.latency_sum.as_secs_f64()));
        lines.push(format!("_count {}", self.latency_count));
        lines
    }
}

/// Counts a request. Its method is one of a few, so that a caller cannot make up labels.
pub(crate) async fn count(
    State(metrics): State<Arc<Metrics>>,
    request: Request,
    next: Next,
) -> Response {
    let method = match request.method().as_str() {
        "GET" => "GET",
        "PUT" => "PUT",
        "POST" => "POST",
        "DELETE" => "DELETE",
        _ => "other",
    };
    let start = Instant::now();
    let response = next.run(request).await;
    metrics.request(method, response.status().as_u16(), start.elapsed());
    response
}
