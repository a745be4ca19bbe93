use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use maftia_types::SiteSet;

/// What the driver lets others see.
#[derive(Debug)]
pub(crate) struct Shared {
    up: AtomicU64,
    liars: Vec<AtomicU64>,
}

impl Shared {
    pub(crate) fn new(sites: usize) -> Self {
        Self {
            up: AtomicU64::new(0),
            liars: (0..sites).map(|_| AtomicU64::new(0)).collect(),
        }
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
        self.liars.iter().map(|count| count.load(Relaxed)).collect()
    }
}
