use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use maftia_types::{SITES_MAX, SiteSet};
use tokio::sync::watch;

use crate::views::Known;

/// What the driver lets others see.
#[derive(Debug)]
pub(crate) struct Shared {
    known: watch::Sender<Arc<Known>>,
    up: AtomicU64,
    liars: Vec<AtomicU64>,
}

impl Shared {
    pub(crate) fn new(known: Arc<Known>) -> Self {
        Self {
            known: watch::Sender::new(known),
            up: AtomicU64::new(0),
            liars: (0..SITES_MAX).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// The sites are others from now on, and links are up to these.
    pub(crate) fn enter(&self, known: Arc<Known>, up: SiteSet) {
        self.known.send_replace(known);
        self.set_up(up);
        self.set_liars(std::iter::repeat_n(0, SITES_MAX));
    }

    pub(crate) fn known(&self) -> Arc<Known> {
        self.known.borrow().clone()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Arc<Known>> {
        self.known.subscribe()
    }

    pub(crate) fn set_up(&self, up: SiteSet) {
        self.up.store(up.bits(), Relaxed);
    }

    pub(crate) fn up(&self) -> SiteSet {
        SiteSet::from_bits(self.up.load(Relaxed))
    }

    pub(crate) fn set_liars(&self, counts: impl Iterator<Item = u64>) {
        for (liar, count) in self.liars.iter().zip(counts) {
            liar.store(count, Relaxed);
        }
    }

    pub(crate) fn liars(&self) -> Vec<u64> {
        let sites = self.known.borrow().group.resilience().sites();
        let counts = self.liars.iter().take(sites);
        counts.map(|count| count.load(Relaxed)).collect()
    }
}
