use std::fmt::Write;

use maftia_multipoint::Network;

use crate::status::{RulingStatus, SiteStatus};
use crate::store::Store;

/// What the loop counts.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) site_messages: u64,
    pub(crate) malformed: u64,
    pub(crate) faults: u64,
    pub(crate) replies: u64,
    pub(crate) images: u64,
}

impl Metrics {
    /// Prometheus' text format.
    pub(crate) fn render(
        &self,
        status: &SiteStatus,
        (store, network): (&Store, &Network),
        dropped: u64,
    ) -> String {
        let refused: u64 = network.stats().refused.values().sum();
        let serving = u64::from(status.state == "serving");
        let up = status.peers.iter().filter(|peer| peer.link == "up").count() as u64;
        let convicted = status.convicted.len() as u64;
        let held = |what: &[&str]| {
            let those = status
                .peers
                .iter()
                .filter(|peer| what.contains(&peer.state));
            those.count() as u64
        };
        let gauges = [
            (
                "suspected",
                "Sites that this site suspects",
                held(&["mute", "late", "invalid", "abusive"]),
            ),
            (
                "suspected_by_group",
                "Sites that f+1 sites accuse",
                status.suspected.len() as u64,
            ),
            (
                "evidence",
                "Proofs in the ordered state",
                status.evidence_total as u64,
            ),
            ("serving", "1 while the site votes and serves", serving),
            ("links_up", "Links to other sites that are up", up),
            ("convicted", "Sites convicted by proof", convicted),
            ("round", "Highest round seen", status.tip),
            ("settled_round", "Last settled round", status.settled),
        ];
        let counters = [
            ("commits_total", "Commits delivered", status.commit),
            (
                "requests_total",
                "Requests executed by the group",
                status.position,
            ),
            ("replies_total", "Replies made for clients", self.replies),
            (
                "site_messages_total",
                "Messages from sites",
                self.site_messages,
            ),
            (
                "malformed_total",
                "Messages that did not decode",
                self.malformed,
            ),
            ("faults_total", "Faults seen", self.faults),
            ("handshakes_refused_total", "Handshakes refused", refused),
            ("log_syncs_total", "Syncs of the log", store.syncs()),
            ("log_bytes_total", "Bytes written to the log", store.bytes()),
            ("images_total", "Images saved", self.images),
            (
                "sends_refused_total",
                "Messages that found the queue of their link full and were not sent",
                dropped,
            ),
        ];
        let mut text = String::new();
        let gauges = gauges.into_iter().map(|line| ("gauge", line));
        let counters = counters.into_iter().map(|line| ("counter", line));
        for (kind, (name, help, value)) in gauges.chain(counters).chain(of_rules(&status.ruling)) {
            // Writing to a string does not fail.
            let _ = writeln!(text, "# HELP maftia_{name} {help}");
            let _ = writeln!(text, "# TYPE maftia_{name} {kind}\nmaftia_{name} {value}");
        }
        text
    }
}

/// A kind, and a name, what it is, and its value.
type Line = (&'static str, (&'static str, &'static str, u64));

/// By which rule the log is decided.
fn of_rules(own: &RulingStatus) -> [Line; 4] {
    let by_coin = u64::from(own.rule == "A");
    let failovers = own.failovers.into();
    [
        (
            "gauge",
            (
                "ruled_by_coin",
                "1 while a coin names leaders (rule A), 0 while they are known (rule S)",
                by_coin,
            ),
        ),
        (
            "gauge",
            (
                "coins",
                "Coins put together in this epoch since the start",
                own.coins,
            ),
        ),
        (
            "counter",
            (
                "commits_by_coin_total",
                "Commits decided by rule A",
                own.commits_by_coin,
            ),
        ),
        (
            "counter",
            (
                "failovers_total",
                "Changes from rule S to rule A",
                failovers,
            ),
        ),
    ]
}
