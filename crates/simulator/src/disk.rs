use maftia_types::Duration;

use crate::Dice;

/// How the disks of a world behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskModel {
    /// The shortest sync.
    pub sync_min: Duration,
    /// The longest sync of an ordinary disk.
    pub sync_max: Duration,
    /// Of 1000 sites, how many have a disk that is ten to a hundred times slower.
    pub slow_per_mille: u32,
    /// Whether a sync that returned has happened.
    pub honesty: Honesty,
}

/// Whether a sync that returned has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Honesty {
    /// It has.
    Honest,
    /// It returns at once and happens this much later: the planted bug "a skipped sync", for
    /// negative controls.
    Lying(Duration),
}

impl DiskModel {
    /// 50 µs to 5 ms, one disk in ten slow.
    pub const ORDINARY: Self = Self {
        sync_min: Duration::from_micros(50),
        sync_max: Duration::from_millis(5),
        slow_per_mille: 100,
        honesty: Honesty::Honest,
    };

    /// Syncs take no time.
    pub const INSTANT: Self = Self {
        sync_min: Duration::ZERO,
        sync_max: Duration::ZERO,
        slow_per_mille: 0,
        honesty: Honesty::Honest,
    };
}

/// One site's log: what is durable, what is written but not synced, and what the site believes.
/// Positions count all records ever appended.
#[derive(Debug)]
pub(crate) struct Disk<R> {
    model: DiskModel,
    slowdown: u64,
    records: Vec<R>,
    /// Position of the first record kept: earlier ones are covered by a snapshot, or were wiped.
    first: u64,
    durable: u64,
    /// Up to where the sync under way reaches.
    syncing: Option<u64>,
    wiped: bool,
}

impl<R> Disk<R> {
    pub(crate) fn new(model: DiskModel, dice: &mut Dice) -> Self {
        let slowdown = if dice.chance(model.slow_per_mille) {
            dice.between(10, 100)
        } else {
            1
        };
        Self {
            model,
            slowdown,
            records: Vec::new(),
            first: 0,
            durable: 0,
            syncing: None,
            wiped: false,
        }
    }

    pub(crate) fn append(&mut self, records: Vec<R>) {
        self.records.extend(records);
    }

    /// Starts a sync of all that is written; how long it takes, or none if it is not needed or one
    /// is under way already.
    pub(crate) fn start_sync(&mut self, dice: &mut Dice) -> Option<Duration> {
        if self.syncing.is_some() || self.durable == self.written() {
            return None;
        }
        self.syncing = Some(self.written());
        Some(match self.model.honesty {
            Honesty::Lying(lag) => lag,
            Honesty::Honest => dice
                .span(self.model.sync_min, self.model.sync_max)
                .times(self.slowdown),
        })
    }

    /// The sync under way is done. Records before the last durable snapshot are dropped.
    pub(crate) fn finish_sync(&mut self, is_snapshot: impl Fn(&R) -> bool) {
        let Some(reached) = self.syncing.take() else {
            return;
        };
        let (old, new) = (self.kept(self.durable), self.kept(reached));
        let fresh = self.records.get(old..new).unwrap_or_default();
        if let Some(snapshot) = fresh.iter().rposition(is_snapshot) {
            self.records.drain(..old + snapshot);
            self.first += (old + snapshot) as u64;
        }
        self.durable = reached;
    }

    /// Loses what is not durable but for a random prefix of it; how many records that were.
    pub(crate) fn crash(&mut self, dice: &mut Dice) -> u64 {
        let written = self.written();
        let survives = dice.between(self.durable, written);
        self.records.truncate(self.kept(survives));
        self.durable = survives;
        self.syncing = None;
        written - survives
    }

    /// Loses everything.
    pub(crate) fn wipe(&mut self) {
        self.first = self.written();
        self.durable = self.first;
        self.records.clear();
        self.syncing = None;
        self.wiped = true;
    }

    /// Position behind the last record.
    pub(crate) fn written(&self) -> u64 {
        self.first + self.records.len() as u64
    }

    /// Up to where the site has been told that its records are durable.
    pub(crate) fn acknowledged(&self) -> u64 {
        match self.model.honesty {
            Honesty::Honest => self.durable,
            Honesty::Lying(_) => self.written(),
        }
    }

    pub(crate) fn records(&self) -> &[R] {
        &self.records
    }

    pub(crate) const fn is_syncing(&self) -> bool {
        self.syncing.is_some()
    }

    pub(crate) const fn was_wiped(&self) -> bool {
        self.wiped
    }

    fn kept(&self, position: u64) -> usize {
        usize::try_from(position - self.first).expect("records fit in memory")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(honesty: Honesty) -> (Disk<u32>, Dice) {
        let mut dice = Dice::new(5);
        let model = DiskModel {
            honesty,
            ..DiskModel::ORDINARY
        };
        (Disk::new(model, &mut dice), dice)
    }

    #[test]
    fn a_crash_keeps_the_durable_and_any_prefix_of_the_rest() {
        let mut kept = std::collections::BTreeSet::new();
        for seed in 0..100 {
            let (mut disk, _) = disk(Honesty::Honest);
            let mut dice = Dice::new(seed);
            disk.append(vec![1, 2]);
            disk.start_sync(&mut dice).unwrap();
            disk.append(vec![3, 4]);
            disk.finish_sync(|_| false);
            assert_eq!(disk.acknowledged(), 2);
            let lost = disk.crash(&mut dice);
            assert_eq!(disk.records().len() as u64 + lost, 4);
            assert!([1, 2, 3, 4].starts_with(disk.records()));
            kept.insert(disk.records().len());
        }
        assert_eq!(kept.into_iter().collect::<Vec<_>>(), [2, 3, 4]);
    }

    #[test]
    fn a_sync_covers_what_was_written_when_it_started() {
        let (mut disk, mut dice) = disk(Honesty::Honest);
        assert_eq!(disk.start_sync(&mut dice), None);
        disk.append(vec![1]);
        assert!(disk.start_sync(&mut dice).is_some());
        assert_eq!(disk.start_sync(&mut dice), None);
        disk.append(vec![2]);
        disk.finish_sync(|_| false);
        assert_eq!((disk.acknowledged(), disk.written()), (1, 2));
        assert!(disk.start_sync(&mut dice).is_some());
    }

    #[test]
    fn a_lying_disk_acknowledges_what_a_crash_then_loses() {
        let (mut disk, mut dice) = disk(Honesty::Lying(Duration::from_secs(1)));
        disk.append((0..50).collect());
        assert_eq!(disk.acknowledged(), 50);
        assert!(disk.crash(&mut dice) > 0);
    }

    #[test]
    fn a_snapshot_replaces_what_came_before_it_once_durable() {
        let (mut disk, mut dice) = disk(Honesty::Honest);
        disk.append(vec![1, 2, 100, 3]);
        disk.start_sync(&mut dice);
        assert_eq!(disk.records(), [1, 2, 100, 3]);
        disk.finish_sync(|record| *record >= 100);
        assert_eq!(disk.records(), [100, 3]);
        assert_eq!((disk.acknowledged(), disk.written()), (4, 4));
        disk.append(vec![101]);
        disk.start_sync(&mut dice);
        disk.finish_sync(|record| *record >= 100);
        assert_eq!(disk.records(), [101]);
        assert_eq!(disk.crash(&mut dice), 0);
    }

    #[test]
    fn a_wiped_disk_is_empty_and_goes_on_counting() {
        let (mut disk, _) = disk(Honesty::Honest);
        disk.append(vec![1, 2]);
        disk.wipe();
        assert!(disk.was_wiped() && disk.records().is_empty());
        assert_eq!((disk.acknowledged(), disk.written()), (2, 2));
    }
}
