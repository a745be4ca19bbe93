use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use crate::failure::Failure;

/// What can be done to a site of a local group.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Attack {
    /// End every attack that the site itself carries out
    None,
    /// The site sends nothing any more
    Silence,
    /// The site signs two blocks for each round and shows each to some
    Equivocate,
    /// The site lies to clients about results
    ForgeReplies,
    /// The site equivocates and forges replies
    EquivocateAndForge,
    /// The site lies to others about rounds, checkpoints and state
    LieAboutState,
    /// The site sends old messages instead of new ones
    Replay,
    /// The site does anything of all this, to each as it likes
    Rude,
    /// The site sends headers without their payloads
    Withhold,
    /// The site's process is killed (SIGKILL) and started again
    Kill,
    /// The site's process is stopped (SIGSTOP) and continued after --for
    Pause,
}

impl Attack {
    /// As it is typed and sent to the site.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Silence => "silence",
            Self::Equivocate => "equivocate",
            Self::ForgeReplies => "forge-replies",
            Self::EquivocateAndForge => "equivocate-and-forge",
            Self::LieAboutState => "lie-about-state",
            Self::Replay => "replay",
            Self::Rude => "rude",
            Self::Withhold => "withhold",
            Self::Kill => "kill",
            Self::Pause => "pause",
        }
    }
}

impl Attack {
    /// What the site is told, if it is the site that does it.
    pub(crate) const fn line(self) -> Option<&'static str> {
        match self {
            Self::Kill | Self::Pause => None,
            Self::EquivocateAndForge => Some("equivocate forge-replies"),
            attack => Some(attack.name()),
        }
    }
}

/// An order to the supervisor.
#[derive(Debug)]
pub(crate) enum Order {
    /// Do this to a site.
    Attack {
        what: Attack,
        site: String,
        lasting: Option<Duration>,
        done: oneshot::Sender<Result<(), String>>,
    },
    /// Start a site whose folder is ready.
    Start {
        site: String,
        done: oneshot::Sender<Result<(), String>>,
    },
    /// Stop all sites and end.
    Stop(oneshot::Sender<()>),
}

/// A handle to the supervisor.
#[derive(Clone, Debug)]
pub(crate) struct Orders(pub(crate) mpsc::Sender<Order>);

impl Orders {
    /// Attacks a site.
    pub(crate) async fn attack(
        &self,
        what: Attack,
        site: &str,
        lasting: Option<Duration>,
    ) -> Result<(), Failure> {
        let (done, answer) = oneshot::channel();
        let order = Order::Attack {
            what,
            site: site.to_owned(),
            lasting,
            done,
        };
        let sent = self.0.send(order).await.is_ok();
        match answer.await {
            Ok(Ok(())) if sent => Ok(()),
            Ok(Err(text)) => Err(Failure::failed(text)),
            _ => Err(Failure::failed("the group is stopping")),
        }
    }

    /// Starts a site that was made meanwhile.
    pub(crate) async fn start(&self, site: &str) -> Result<(), Failure> {
        let (done, answer) = oneshot::channel();
        let site = site.to_owned();
        let sent = self.0.send(Order::Start { site, done }).await.is_ok();
        match answer.await {
            Ok(Ok(())) if sent => Ok(()),
            Ok(Err(text)) => Err(Failure::failed(text)),
            _ => Err(Failure::failed("the group is stopping")),
        }
    }

    /// Stops all sites.
    pub(crate) async fn stop(&self) {
        let (done, answer) = oneshot::channel();
        if self.0.send(Order::Stop(done)).await.is_ok() {
            // If the supervisor is gone, the sites are too.
            let _ = answer.await;
        }
    }
}
