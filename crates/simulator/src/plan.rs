use std::ops::RangeInclusive;

use maftia_types::{Duration, SiteId, SiteSet, Time};

use crate::{Cut, Dice};

/// What befalls the sites and links of a run, as data: it can be printed, edited and shortened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan(pub Vec<(Time, Incident)>);

/// One thing that goes wrong. Corrupted sites are spared all but partitions: the intruder's
/// machines work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incident {
    /// The site stops, loses what is not durable, and starts again.
    Crash {
        /// Which.
        site: SiteId,
        /// For how long.
        down_for: Duration,
    },
    /// As `Crash`, during the next sync of the site's disk.
    CrashWriting {
        /// Which.
        site: SiteId,
        /// For how long.
        down_for: Duration,
    },
    /// Some links are dead for a while.
    Partition {
        /// Which.
        cut: Cut,
        /// For how long.
        lasts: Duration,
    },
    /// The site's process stands still for a while (`SIGSTOP`).
    Pause {
        /// Which.
        site: SiteId,
        /// For how long.
        lasts: Duration,
        /// What becomes of what arrives meanwhile.
        inbox: Inbox,
    },
    /// All sites crash at this instant.
    PowerLoss {
        /// For how long, site by site; no time for sites beyond the end.
        down_for: Vec<Duration>,
    },
    /// As `Crash`, and the disk is empty afterwards.
    Wipe {
        /// Which.
        site: SiteId,
        /// For how long.
        down_for: Duration,
    },
}

/// What becomes of the messages that reach a paused site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inbox {
    /// They wait in the kernel.
    Kept,
    /// They are lost.
    Dropped,
}

/// How much goes wrong, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanOptions {
    /// Nothing happens earlier.
    pub from: Time,
    /// Nothing begins later.
    pub until: Time,
    /// How long anything lasts.
    pub outage: RangeInclusive<Duration>,
    /// How many single crashes, at any time.
    pub crashes: RangeInclusive<u64>,
    /// How many single crashes while the disk is being written.
    pub crashes_writing: RangeInclusive<u64>,
    /// How many partitions.
    pub partitions: RangeInclusive<u64>,
    /// How many pauses.
    pub pauses: RangeInclusive<u64>,
    /// How many power losses of all sites.
    pub power_losses: RangeInclusive<u64>,
    /// How many wiped disks. Cut down to what `faulty_max` leaves beside the corrupted sites; no
    /// site is wiped twice.
    pub wipes: RangeInclusive<u64>,
    /// f + c: how many sites may be corrupted or wiped.
    pub faulty_max: usize,
    /// How many sites may be corrupted, wiped, down or paused at a time; power losses aside.
    /// A site that does not fit after some tries is left alone.
    pub down_max: usize,
}

impl PlanOptions {
    /// Nothing happens between these times.
    pub fn quiet(from: Time, until: Time) -> Self {
        Self {
            from,
            until,
            outage: Duration::from_millis(1)..=Duration::from_millis(500),
            crashes: 0..=0,
            crashes_writing: 0..=0,
            partitions: 0..=0,
            pauses: 0..=0,
            power_losses: 0..=0,
            wipes: 0..=0,
            faulty_max: 0,
            down_max: usize::MAX,
        }
    }
}

impl Plan {
    /// Draws a plan for a group of `sites`, some of them `corrupted`, in order of time.
    pub fn random(
        sites: usize,
        corrupted: SiteSet,
        options: &PlanOptions,
        dice: &mut Dice,
    ) -> Self {
        let mut draft = Draft {
            sites,
            corrupted,
            options,
            wiped: SiteSet::EMPTY,
            outages: Vec::new(),
            incidents: Vec::new(),
        };
        let count = |range: &RangeInclusive<u64>, dice: &mut Dice| {
            0..dice.between(*range.start(), *range.end())
        };
        for _ in count(&options.wipes, dice) {
            draft.wipe(dice);
        }
        for _ in count(&options.crashes, dice) {
            draft.outage(dice, |site, down_for, _| Incident::Crash { site, down_for });
        }
        for _ in count(&options.crashes_writing, dice) {
            draft.outage(dice, |site, down_for, _| Incident::CrashWriting {
                site,
                down_for,
            });
        }
        for _ in count(&options.pauses, dice) {
            draft.outage(dice, |site, lasts, dice| Incident::Pause {
                site,
                lasts,
                inbox: if dice.chance(500) {
                    Inbox::Kept
                } else {
                    Inbox::Dropped
                },
            });
        }
        for _ in count(&options.power_losses, dice) {
            let down_for = (0..sites).map(|_| draft.span(dice)).collect();
            draft.add(dice, Incident::PowerLoss { down_for });
        }
        for _ in count(&options.partitions, dice) {
            let lasts = draft.span(dice);
            let cut = Cut::random(sites, dice);
            draft.add(dice, Incident::Partition { cut, lasts });
        }
        let mut incidents = draft.incidents;
        incidents.sort_by_key(|(at, _)| *at);
        Self(incidents)
    }
}

struct Draft<'a> {
    sites: usize,
    corrupted: SiteSet,
    options: &'a PlanOptions,
    wiped: SiteSet,
    outages: Vec<(SiteId, Time, Time)>,
    incidents: Vec<(Time, Incident)>,
}

/// How often a place is looked for that keeps `down_max`.
const TRIES_MAX: usize = 64;

impl Draft<'_> {
    fn wipe(&mut self, dice: &mut Dice) {
        let faulty = self.corrupted.union(self.wiped);
        let spared: Vec<_> = SiteId::all(self.sites)
            .filter(|site| !faulty.contains(*site))
            .collect();
        if faulty.len() >= self.options.faulty_max {
            return;
        }
        if let Some(&site) = dice.pick(&spared) {
            self.wiped.insert(site);
            let down_for = self.span(dice);
            self.add(dice, Incident::Wipe { site, down_for });
        }
    }

    fn outage(
        &mut self,
        dice: &mut Dice,
        incident: impl Fn(SiteId, Duration, &mut Dice) -> Incident,
    ) {
        for _ in 0..TRIES_MAX {
            let site = dice.site(self.sites);
            let (at, lasts) = (self.moment(dice), self.span(dice));
            if !self.corrupted.contains(site) && self.fits(site, at, at + lasts) {
                self.outages.push((site, at, at + lasts));
                let incident = incident(site, lasts, dice);
                self.incidents.push((at, incident));
                return;
            }
        }
    }

    /// Whether one more site may be down from `from` to `to`. Counts all outages that touch the
    /// span, which is more than are down at one instant of it.
    fn fits(&self, site: SiteId, from: Time, to: Time) -> bool {
        let mut down = self.corrupted.union(self.wiped);
        for (other, start, end) in &self.outages {
            if *start <= to && from <= *end {
                down.insert(*other);
            }
        }
        down.insert(site);
        down.len() <= self.options.down_max
    }

    fn add(&mut self, dice: &mut Dice, incident: Incident) {
        let at = self.moment(dice);
        self.incidents.push((at, incident));
    }

    fn moment(&self, dice: &mut Dice) -> Time {
        dice.time(self.options.from, self.options.until)
    }

    fn span(&self, dice: &mut Dice) -> Duration {
        dice.span(*self.options.outage.start(), *self.options.outage.end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> PlanOptions {
        PlanOptions {
            crashes: 1..=9,
            pauses: 0..=9,
            wipes: 5..=5,
            power_losses: 1..=1,
            partitions: 2..=2,
            faulty_max: 2,
            down_max: 3,
            ..PlanOptions::quiet(Time::from_nanos(5), Time::from_nanos(3_000_000_000))
        }
    }

    #[test]
    fn plans_keep_the_budget_and_the_bounds() {
        let corrupted: SiteSet = SiteId::new(1).into_iter().collect();
        for seed in 0..500 {
            let plan = Plan::random(7, corrupted, &options(), &mut Dice::new(seed));
            assert!(plan.0.is_sorted_by_key(|(at, _)| *at));
            let mut wiped = 0;
            let mut crashed = 0;
            for (at, incident) in &plan.0 {
                assert!((options().from..=options().until).contains(at));
                match incident {
                    Incident::Wipe { site, .. } => {
                        wiped += 1;
                        assert!(!corrupted.contains(*site));
                    }
                    Incident::Crash { site, .. } => {
                        crashed += 1;
                        assert!(!corrupted.contains(*site));
                    }
                    _ => {}
                }
            }
            assert_eq!(wiped, 1, "one corrupted and one wiped make two");
            assert!(crashed >= 1, "at least one crash was asked for");
        }
    }

    #[test]
    fn no_more_sites_are_down_at_a_time_than_allowed() {
        for seed in 0..500 {
            let plan = Plan::random(7, SiteSet::EMPTY, &options(), &mut Dice::new(seed));
            let spans = plan.0.iter().filter_map(|(at, incident)| match incident {
                Incident::Crash { site, down_for } => Some((*at, *at + *down_for, *site)),
                Incident::Pause { site, lasts, .. } => Some((*at, *at + *lasts, *site)),
                _ => None,
            });
            let spans = spans.collect::<Vec<_>>();
            let wiped: SiteSet = plan
                .0
                .iter()
                .filter_map(|(_, incident)| match incident {
                    Incident::Wipe { site, .. } => Some(*site),
                    _ => None,
                })
                .collect();
            for (instant, ..) in &spans {
                let down: SiteSet = spans
                    .iter()
                    .filter(|(from, to, _)| from <= instant && instant <= to)
                    .map(|(.., site)| *site)
                    .collect();
                assert!(down.union(wiped).len() <= 3, "seed {seed}: {down:?}");
            }
        }
    }

    #[test]
    fn the_same_dice_draw_the_same_plan() {
        let draw = |seed| Plan::random(4, SiteSet::EMPTY, &options(), &mut Dice::new(seed));
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
