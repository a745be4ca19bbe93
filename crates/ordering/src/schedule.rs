use std::cell::RefCell;
use std::collections::BTreeMap;

use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::{Domain, Hasher};
use maftia_types::{Digest, Epoch, Round, SiteId, SiteSet};

const SCHEDULE: Domain = Domain::new("leader schedule");
const BY_COIN: Domain = Domain::new("leader schedule by coin");

/// Who leads which round under the S rule.
///
/// Each cycle of n rounds is led in a fresh permutation, so that no faulty leader recurs at a fixed
/// distance (erratum E13). The permutation is Fisher–Yates over ascending indices, driven by the
/// BLAKE3 stream of the seed with rejection sampling (correction 4).
///
/// Keyless form (`protocols.md` §2.4): the seed is the configuration, the epoch and the cycle's
/// number. With a control chain the seed of an interval is a coin that was not known long before,
/// and who did little in an earlier interval loses its turns (§2.6).
#[derive(Clone, Debug)]
pub struct Schedule {
    kind: Kind,
    sites: usize,
}

/// Who leads the S slots from an interval on, until others are named.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leaders {
    /// What each cycle's permutation is drawn from.
    pub seed: Digest,
    /// Whose turns others take: never all sites.
    pub demoted: SiteSet,
}

#[derive(Clone, Debug)]
enum Kind {
    Permuted {
        config: Digest,
        epoch: Epoch,
        /// Rounds of an interval, and leaders by the interval from which they hold.
        length: u64,
        named: BTreeMap<u64, Leaders>,
        cached: RefCell<Cached>,
    },
    Fixed(Vec<SiteId>),
}

/// A cycle's order, and what it was drawn from.
#[derive(Clone, Debug)]
struct Cached {
    cycle: u64,
    leaders: Option<Leaders>,
    order: Vec<SiteId>,
}

impl Schedule {
    /// The schedule of an epoch.
    pub fn permuted(config: Digest, epoch: Epoch, sites: usize) -> Self {
        let cached = RefCell::new(Cached {
            cycle: 0,
            leaders: None,
            order: permutation(keyless(config, epoch, 0), sites),
        });
        Self {
            kind: Kind::Permuted {
                config,
                epoch,
                length: 1,
                named: BTreeMap::new(),
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

    /// Names the leaders from an interval of `length` rounds on. Nothing where they are given.
    pub(crate) fn learn(&mut self, interval: u64, length: u64, leaders: Leaders) {
        if let Kind::Permuted {
            length: known,
            named,
            ..
        } = &mut self.kind
        {
            *known = length;
            named.insert(interval, leaders);
        }
    }

    /// Forgets who led the intervals before this one.
    pub(crate) fn forget(&mut self, before: u64) {
        if let Kind::Permuted { named, .. } = &mut self.kind {
            let holds = named.range(..=before).next_back();
            if let Some(first) = holds.map(|(interval, _)| *interval) {
                *named = named.split_off(&first);
            }
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
                length,
                named,
                cached,
            } => {
                let cycle = round.0 / n;
                let interval = round.0.saturating_sub(1) / length;
                let leaders = named
                    .range(..=interval)
                    .next_back()
                    .map(|(_, named)| *named);
                let mut cached = cached.borrow_mut();
                if cached.cycle != cycle || cached.leaders != leaders {
                    let order = match &leaders {
                        None => permutation(keyless(*config, *epoch, cycle), self.sites),
                        Some(leaders) => leaders.order(cycle, self.sites),
                    };
                    *cached = Cached {
                        cycle,
                        leaders,
                        order,
                    };
                }
                cached.order.get(place).copied()
            }
        }
        .expect("a schedule has at least one site")
    }
}

impl Leaders {
    /// The order of a cycle. The place of a demoted site goes to the kept ones in index order,
    /// cyclically: in the cycle's turn, counted from the first after it.
    fn order(&self, cycle: u64, sites: usize) -> Vec<SiteId> {
        let mut hasher = Hasher::new(BY_COIN);
        hasher.update(self.seed.as_bytes()).number(cycle);
        let mut order = permutation(hasher, sites);
        let is_kept = |site: &SiteId| !self.demoted.contains(*site);
        let kept: Vec<SiteId> = SiteId::all(sites).filter(is_kept).collect();
        for place in &mut order {
            if is_kept(place) || kept.is_empty() {
                continue;
            }
            let after = kept.iter().position(|site| site > place).unwrap_or(0) as u64;
            let turn = (after + cycle) % kept.len() as u64;
            let heir = usize::try_from(turn).ok().and_then(|turn| kept.get(turn));
            *place = heir.copied().unwrap_or(*place);
        }
        order
    }
}

impl Wire for Leaders {
    fn encode(&self, writer: &mut Writer) {
        writer.digest(&self.seed);
        writer.u64(self.demoted.bits());
    }

    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            seed: reader.digest()?,
            demoted: SiteSet::from_bits(reader.u64()?),
        })
    }
}

fn keyless(config: Digest, epoch: Epoch, cycle: u64) -> Hasher {
    let mut hasher = Hasher::new(SCHEDULE);
    hasher
        .update(config.as_bytes())
        .number(epoch.0)
        .number(cycle);
    hasher
}

fn permutation(seed: Hasher, sites: usize) -> Vec<SiteId> {
    let mut numbers = seed.numbers();
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

    fn named(schedule: &mut Schedule, interval: u64, seed: u8, demoted: &[u8]) {
        let leaders = Leaders {
            seed: Digest([seed; 32]),
            demoted: demoted
                .iter()
                .filter_map(|site| SiteId::new(*site))
                .collect(),
        };
        schedule.learn(interval, 28, leaders);
    }

    fn leaders(schedule: &Schedule, rounds: std::ops::Range<u64>) -> Vec<usize> {
        rounds
            .map(|round| schedule.leader(Round(round)).index())
            .collect()
    }

    #[test]
    fn an_interval_is_led_by_its_coin_until_another_is_named() {
        let keyless = Schedule::permuted(Digest([3; 32]), Epoch(0), 7);
        let mut schedule = keyless.clone();
        named(&mut schedule, 2, 1, &[]);
        // Interval 2 begins with round 57.
        assert_eq!(leaders(&schedule, 0..57), leaders(&keyless, 0..57));
        assert_ne!(leaders(&schedule, 57..85), leaders(&keyless, 57..85));
        let second = leaders(&schedule, 57..85);
        named(&mut schedule, 4, 2, &[]);
        assert_eq!(leaders(&schedule, 57..85), second);
        let whole_cycle: BTreeSet<_> = leaders(&schedule, 119..126).into_iter().collect();
        assert_eq!(whole_cycle.len(), 7);
        schedule.forget(3);
        assert_eq!(
            leaders(&schedule, 57..85),
            second,
            "they still hold in interval 3"
        );
    }

    #[test]
    fn a_demoted_site_leads_nothing_and_its_turns_go_round() {
        let mut schedule = Schedule::permuted(Digest([3; 32]), Epoch(0), 7);
        named(&mut schedule, 0, 1, &[2, 3]);
        let mut turns = [0; 7];
        for leader in leaders(&schedule, 7..7 * 51) {
            turns[leader] += 1;
        }
        assert_eq!((turns[2], turns[3]), (0, 0));
        for site in [0, 1, 4, 5, 6] {
            assert_eq!(turns[site], 70, "50 own turns, a fifth of twice 50 others");
        }
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
