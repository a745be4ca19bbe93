use tokio::sync::oneshot;

use crate::status::SiteStatus;

/// What the HTTP side and the signal handler ask of the loop.
#[derive(Debug)]
pub enum Control {
    /// How the site stands.
    Status(oneshot::Sender<SiteStatus>),
    /// The metrics, in Prometheus' text format.
    Metrics(oneshot::Sender<String>),
    /// Misbehave from now on; only the harness of `demo` and `dev` sends it.
    Attack(Vec<maftia_adversary::Attack>),
    /// Get the blocks of known leaders too late from now on, or no longer; likewise.
    AimAtLeaders(bool),
    /// Stop in good order.
    Stop,
}
