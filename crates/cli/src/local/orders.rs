use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use crate::failure::Failure;

/// What can be done to a site of a local group, or to all of them.
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
    /// Whoever owns the network delays the blocks of known leaders; the sites are correct
    ScheduleLeader,
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
            Self::ScheduleLeader => "schedule-leader",
            Self::Kill => "kill",
            Self::Pause => "pause",
        }
    }
}

impl Attack {
    /// Whether it is the network that does it, to all sites.
    pub(crate) const fn is_of_network(self) -> bool {
        matches!(self, Self::ScheduleLeader)
    }

    /// What the site is told, if it is the site that does it.
    pub(crate) const fn line(self) -> Option<&'static str> {
        match self {
            Self::Kill | Self::Pause | Self::ScheduleLeader => None,
            Self::EquivocateAndForge => Some("equivocate forge-replies"),
            attack => Some(attack.name()),
        }
    }
}

/// How whoever gave an order is told that it is carried out, or why not.
pub(crate) type Done = oneshot::Sender<Result<(), String>>;

/// What the network does to all sites.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Network {
    /// Delays known leaders, for this long or until it is stopped.
    SchedulesLeaders(Option<Duration>),
    /// Carries what it is given.
    Carries,
}

impl Network {
    /// What the sites are told.
    pub(crate) const fn line(self) -> &'static str {
        match self {
            Self::SchedulesLeaders(_) => "schedule-leader",
            Self::Carries => "schedule-leader stop",
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
        done: Done,
    },
    /// Begin or end what the network does to all sites.
    Network { order: Network, done: Done },
    /// Start a site whose folder is ready.
    Start { site: String, done: Done },
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
        let (what, site) = (what, site.to_owned());
        self.give(|done| Order::Attack {
            what,
            site,
            lasting,
            done,
        })
        .await
    }

    /// Has the network of all sites do something.
    pub(crate) async fn network(&self, order: Network) -> Result<(), Failure> {
        self.give(|done| Order::Network { order, done }).await
    }

    /// Starts a site that was made meanwhile.
    pub(crate) async fn start(&self, site: &str) -> Result<(), Failure> {
        let site = site.to_owned();
        self.give(|done| Order::Start { site, done }).await
    }

    /// Gives an order and waits until it is carried out.
    async fn give(&self, order: impl FnOnce(Done) -> Order) -> Result<(), Failure> {
        let (done, answer) = oneshot::channel();
        let sent = self.0.send(order(done)).await.is_ok();
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
