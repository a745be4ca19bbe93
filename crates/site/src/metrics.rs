use std::fmt::Write;

use maftia_multipoint::Network;

use crate::status::SiteStatus;
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
    pub(crate) fn render(&self, status: &SiteStatus, store: &Store, network: &Network) -> String {
        let mut text = String::new();
        let mut line = |name: &str, kind: &str, help: &str, value: u64| {
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "# HELP maftia_{name} {help}\n# TYPE maftia_{name} {kind}\nmaftia_{name} {value}"
            );
        };
        let refused: u64 = network.stats().refused.values().sum();
        let serving = u64::from(status.state == "serving");
        let up = status.peers.iter().filter(|peer| peer.link == "up").count() as u64;
        line(
            "serving",
            "gauge",
            "1 while the site votes and serves",
            serving,
        );
        line("links_up", "gauge", "Links to other sites that are up", up);
        line(
            "convicted",
            "gauge",
            "Sites convicted by proof",
            status.convicted.len() as u64,
        );
        line(
            "commits_total",
            "counter",
            "Commits delivered",
            status.commit,
        );
        line(
            "requests_total",
            "counter",
            "Requests executed by the group",
            status.position,
        );
        line("round", "gauge", "Highest round seen", status.tip);
        line(
            "settled_round",
            "gauge",
            "Last settled round",
            status.settled,
        );
        line(
            "replies_total",
            "counter",
            "Replies made for clients",
            self.replies,
        );
        line(
            "site_messages_total",
            "counter",
            "Messages from sites",
            self.site_messages,
        );
        line(
            "malformed_total",
            "counter",
            "Messages that did not decode",
            self.malformed,
        );
        line("faults_total", "counter", "Faults seen", self.faults);
        line(
            "handshakes_refused_total",
            "counter",
            "Handshakes refused",
            refused,
        );
        line(
            "log_syncs_total",
            "counter",
            "Syncs of the log",
            store.syncs(),
        );
        line(
            "log_bytes_total",
            "counter",
            "Bytes written to the log",
            store.bytes(),
        );
        line("images_total", "counter", "Images saved", self.images);
        text
    }
}
