use maftia_types::{Duration, SiteId};

use crate::site::Pause;
use crate::trace::Kind;
use crate::world::Happening;
use crate::{Environment, Incident, LinkModel, Observation, Subject, Violation, World};

/// What a machine that dies may take with it of what it has sent: with even odds, each message
/// of this last span. A process writes to a socket's buffer, not to the wire.
pub const SEND_BUFFER: Duration = Duration::from_millis(1);

/// What goes wrong, and the healing.
impl<S: Subject, E: Environment<S::Protocol>> World<S, E> {
    pub(crate) fn incident(&mut self, index: usize) -> Result<(), Violation> {
        self.incidents_left -= 1;
        let Some((_, incident)) = self.setup.plan.0.get(index).cloned() else {
            return Ok(());
        };
        if self.healed.is_some() {
            return Ok(());
        }
        match incident {
            Incident::Crash { site, down_for } => self.crash(site, down_for),
            Incident::CrashWriting { site, down_for } => {
                if self.can_fail(site) {
                    self.sites.at(site).crash_on_write = Some(down_for);
                }
                Ok(())
            }
            Incident::PowerLoss { down_for } => self.power_loss(&down_for),
            Incident::Wipe { site, down_for } => self.wipe(site, down_for),
            Incident::Pause { site, lasts, inbox } => {
                let pause = Pause {
                    inbox,
                    waiting: Vec::new(),
                };
                self.pause(site, lasts, pause);
                Ok(())
            }
            Incident::Partition { cut, lasts } => {
                self.counters.partitions += 1;
                self.trace
                    .fold(self.now, Kind::Cut, None, cut.pairs().count() as u64);
                self.trace.line(self.now, || format!("{cut:?} begins"));
                self.links.cut(index, cut);
                self.queue.push(self.now + lasts, Happening::Mend(index));
                Ok(())
            }
        }
    }

    pub(crate) fn mend(&mut self, id: usize) -> Result<(), Violation> {
        if self.links.mend(id) {
            self.trace
                .line(self.now, || format!("the cut of incident {id} ends"));
            self.unpark();
        }
        Ok(())
    }

    /// The crash of `CrashWriting`, unless the site has crashed otherwise since.
    pub(crate) fn crash_now(
        &mut self,
        id: SiteId,
        incarnation: u32,
        down_for: Duration,
    ) -> Result<(), Violation> {
        if self.healed.is_some() || self.sites.of(id).incarnation != incarnation {
            return Ok(());
        }
        self.crash(id, down_for)
    }

    pub(crate) fn restart(&mut self, id: SiteId, incarnation: u32) -> Result<(), Violation> {
        let site = self.sites.of(id);
        if site.is_up() || site.incarnation != incarnation {
            return Ok(());
        }
        self.boot(id)?;
        self.unpark();
        Ok(())
    }

    pub(crate) fn resume(&mut self, id: SiteId, incarnation: u32) -> Result<(), Violation> {
        let site = self.sites.at(id);
        if site.incarnation != incarnation {
            return Ok(());
        }
        let Some(pause) = site.pause.take() else {
            return Ok(());
        };
        self.note(Kind::Resume, id, pause.waiting.len() as u64);
        self.trace.line(self.now, || format!("{id} goes on"));
        for happening in pause.waiting {
            self.queue.push(self.now, happening);
        }
        self.rearm(id);
        Ok(())
    }

    /// Ends all faults but the intruder.
    pub(crate) fn heal(&mut self) -> Result<(), Violation> {
        self.healed = Some(self.now);
        self.trace.fold(self.now, Kind::Heal, None, 0);
        self.trace.line(self.now, || "the world heals".to_owned());
        self.links.heal();
        let soon = self.now + LinkModel::PERFECT.delay_max;
        let is_message = |thing: &_| matches!(thing, Happening::Deliver(_));
        self.queue.hurry(soon, is_message);
        for id in self.sites.ids() {
            let site = self.sites.at(id);
            site.crash_on_write = None;
            let (is_up, incarnation) = (site.is_up(), site.incarnation);
            if is_up {
                self.resume(id, incarnation)?;
            } else {
                self.boot(id)?;
            }
        }
        let mut withheld = std::mem::take(&mut self.withheld);
        self.parked.append(&mut withheld);
        self.unpark();
        self.observe(&Observation::Healed)
    }

    fn crash(&mut self, id: SiteId, down_for: Duration) -> Result<(), Violation> {
        if !self.can_fail(id) || !self.sites.of(id).is_up() {
            return Ok(());
        }
        let site = self.sites.at(id);
        let writing = site.disk.is_syncing();
        let lost = site.disk.crash(&mut self.dice);
        site.replica = None;
        site.crashed_at = Some(self.now);
        site.crash_on_write = None;
        site.pause = None;
        site.armed = None;
        site.held.clear();
        let restart = Happening::Restart {
            site: id,
            incarnation: site.incarnation,
        };
        self.queue.push(self.now + down_for, restart);
        self.counters.crashes += 1;
        self.counters.crashes_writing += u64::from(writing);
        self.counters.records_lost += lost;
        self.note(Kind::Crash, id, lost);
        self.trace.line(self.now, || {
            format!("{id} crashes and loses {lost} records")
        });
        self.observe(&Observation::Crashed { site: id })
    }

    fn power_loss(&mut self, down_for: &[Duration]) -> Result<(), Violation> {
        self.counters.power_losses += 1;
        for id in self.sites.ids() {
            let down_for = down_for.get(id.index()).copied().unwrap_or_default();
            self.crash(id, down_for)?;
        }
        Ok(())
    }

    fn wipe(&mut self, id: SiteId, down_for: Duration) -> Result<(), Violation> {
        if !self.can_fail(id) {
            return Ok(());
        }
        self.crash(id, down_for)?;
        self.sites.at(id).disk.wipe();
        self.counters.wipes += 1;
        self.note(Kind::Wipe, id, 0);
        self.trace.line(self.now, || format!("{id} loses its disk"));
        self.observe(&Observation::Wiped { site: id })
    }

    fn pause(&mut self, id: SiteId, lasts: Duration, pause: Pause<S::Protocol>) {
        if !self.can_fail(id) {
            return;
        }
        let site = self.sites.at(id);
        if !site.is_up() || site.pause.is_some() {
            return;
        }
        site.pause = Some(pause);
        let resume = Happening::Resume {
            site: id,
            incarnation: site.incarnation,
        };
        self.queue.push(self.now + lasts, resume);
        self.counters.pauses += 1;
        self.note(Kind::Pause, id, lasts.as_nanos());
        self.trace.line(self.now, || format!("{id} stands still"));
    }

    fn can_fail(&self, id: SiteId) -> bool {
        id.index() < self.sites.len() && !self.corrupted.contains(id)
    }
}
