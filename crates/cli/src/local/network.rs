use tokio::time::Instant;

use crate::local::child::SiteProcess;
use crate::local::orders::Network;

/// What the network does to all sites, those that start meanwhile included.
#[derive(Debug)]
pub(crate) struct Weather {
    order: Network,
    until: Option<Instant>,
}

impl Default for Weather {
    fn default() -> Self {
        Self {
            order: Network::Carries,
            until: None,
        }
    }
}

impl Weather {
    /// Another order, in place of the one before.
    pub(crate) fn order(&mut self, order: Network) {
        self.order = order;
        self.until = match order {
            Network::SchedulesLeaders(Some(lasting)) => Some(Instant::now() + lasting),
            Network::SchedulesLeaders(None) | Network::Carries => None,
        };
    }

    /// Tells sites how it is now.
    pub(crate) fn tell<'a>(
        &self,
        sites: impl Iterator<Item = &'a mut SiteProcess>,
    ) -> Result<(), String> {
        tracing::warn!(order = self.order.line(), "network");
        let told = sites.map(|site| site.tell(self.order.line()));
        // All are told, whichever of them is gone meanwhile: it is told when it starts again.
        let told: Vec<_> = told.collect();
        let told: Result<(), _> = told.into_iter().collect();
        told.map_err(|error| error.to_string())
    }

    /// Tells a site that has just started, if there is anything to tell.
    pub(crate) fn greet(&self, site: Option<&mut SiteProcess>) {
        if self.order != Network::Carries
            && let Some(site) = site
        {
            // One that has ended already is started again, and told then.
            let _ = site.tell(self.order.line());
        }
    }

    /// Whether it has just ended by itself.
    pub(crate) fn is_over(&mut self, now: Instant) -> bool {
        let is_over = self.until.is_some_and(|at| at <= now);
        if is_over {
            self.order(Network::Carries);
        }
        is_over
    }

    /// When it ends by itself.
    pub(crate) const fn until(&self) -> Option<Instant> {
        self.until
    }
}
