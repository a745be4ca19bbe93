use std::cell::RefCell;

use maftia_crypto::{Domain, Hasher};
use maftia_types::{Digest, Epoch, Round, SiteId};

const SCHEDULE: Domain = Domain::new("leader schedule");

/// Who leads which round under the S rule.
///
/// Keyless form (`protocols.md` §2.4): each cycle of n rounds is led in a fresh permutation, seeded
/// by the configuration, the epoch and the cycle's number, so that no faulty leader recurs at a
/// fixed distance (erratum E13). The permutation is Fisher–Yates over ascending indices, driven by
/// the BLAKE3 stream of the seed with rejection sampling (correction 4).
#[derive(Clone, Debug)]
pub struct Schedule {
    kind: Kind,
    sites: usize,
}

#[derive(Clone, Debug)]
enum Kind {
    Permuted {
        config: Digest,
        epoch: Epoch,
        cached: RefCell<(u64, Vec<SiteId>)>,
    },
    Fixed(Vec<SiteId>),
}

impl Schedule {
    /// The schedule of an epoch.
    pub fn permuted(config: Digest, epoch: Epoch, sites: usize) -> Self {
        let cached = RefCell::new((0, permutation(config, epoch, 0, sites)));
        Self {
            kind: Kind::Permuted {
                config,
                epoch,
                cached,
            },
            sites,
        }
    }

    /// A given leader for each round from 0, repeated; for models and tests of the rules.
    pub const fn fixed(leaders: Vec<SiteId>) -> Self {
        let sites = leaders.len();
        Self {
            kind: Kind::Fixed(leaders),
            sites,
        }
    }

    /// The leader of a round.
    ///
    /// # Panics
    /// If built without any site.
    pub fn leader(&self, round: Round) -> SiteId {
        let n = self.sites as u64;
        let place = usize::try_from(round.0 % n).unwrap_or(0);
        match &self.kind {
            Kind::Fixed(leaders) => leaders.get(place).copied(),
            Kind::Permuted {
                config,
                epoch,
                cached,
            } => {
                let cycle = round.0 / n;
                let mut cached = cached.borrow_mut();
                if cached.0 != cycle {
                    *cached = (cycle, permutation(*config, *epoch, cycle, self.sites));
                }
                cached.1.get(place).copied()
            }
        }
        .expect("a schedule has at least one site")
    }
}

fn permutation(config: Digest, epoch: Epoch, cycle: u64, sites: usize) -> Vec<SiteId> {
    let mut hasher = Hasher::new(SCHEDULE);
    hasher
        .update(config.as_bytes())
        .number(epoch.0)
        .number(cycle);
    let mut numbers = hasher.numbers();
    let mut order: Vec<SiteId> = SiteId::all(sites).collect();
    for last in (1..order.len()).rev() {
        let chosen = below(&mut numbers, last as u64 + 1);
        order.swap(last, usize::try_from(chosen).unwrap_or(last));
    }
    order
}

/// A uniform number below `bound`, by rejection.
fn below(numbers: &mut impl Iterator<Item = u64>, bound: u64) -> u64 {
    let unbiased = u64::MAX - u64::MAX % bound;
    numbers
        .find(|number| *number < unbiased)
        .map_or(0, |number| number % bound)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_cycle_is_led_by_everyone_in_a_fresh_order() {
        let schedule = Schedule::permuted(Digest([3; 32]), Epoch(0), 7);
        let cycles: Vec<Vec<SiteId>> = (0..50)
            .map(|cycle| {
                (0..7)
                    .map(|i| schedule.leader(Round(cycle * 7 + i)))
                    .collect()
            })
            .collect();
        for cycle in &cycles {
            assert_eq!(cycle.iter().collect::<BTreeSet<_>>().len(), 7);
        }
        assert!(cycles.iter().collect::<BTreeSet<_>>().len() > 40);
    }

    #[test]
    fn depends_on_configuration_and_epoch_only() {
        let leaders = |config, epoch| -> Vec<_> {
            let schedule = Schedule::permuted(Digest([config; 32]), Epoch(epoch), 4);
            (0..32)
                .rev()
                .map(|round| schedule.leader(Round(round)))
                .collect()
        };
        assert_eq!(leaders(1, 0), leaders(1, 0));
        assert_ne!(leaders(1, 0), leaders(2, 0));
        assert_ne!(leaders(1, 0), leaders(1, 1));
    }
}
