use maftia_protocol::{Outgoing, Protocol, Release, Step};
use maftia_types::{Duration, SiteId};

use crate::site::Held;
use crate::trace::Kind;
use crate::world::Happening;
use crate::{Environment, Item, Observation, Subject, Violation, World};

type Output<S> = <<S as Subject>::Protocol as Protocol>::Output;
type Record<S> = <<S as Subject>::Protocol as Protocol>::Record;
type Message<S> = <<S as Subject>::Protocol as Protocol>::Message;

/// Steps and the disk.
impl<S: Subject, E: Environment<S::Protocol>> World<S, E> {
    /// Performs a step as the contract demands, or lets the intruder have it.
    pub(crate) fn perform(&mut self, id: SiteId, step: Step<S::Protocol>) -> Result<(), Violation> {
        if self.corrupted.contains(id) {
            self.ask_adversary(|adversary, turn| adversary.tamper(turn, id, step));
            return Ok(());
        }
        let Step {
            records,
            mut messages,
            outputs,
            faults,
        } = step;
        if !records.is_empty() {
            self.write(id, records)?;
        }
        if messages.iter().any(|out| out.release == Release::Now) {
            let (now, later): (Vec<_>, Vec<_>) = messages
                .into_iter()
                .partition(|out| out.release == Release::Now);
            messages = later;
            for out in now {
                self.transmit(id, out)?;
            }
        }
        if !messages.is_empty() || !outputs.is_empty() {
            let site = self.sites.at(id);
            let position = site.disk.written();
            if site.held.is_empty() && site.disk.acknowledged() == position {
                self.release(id, messages, outputs)?;
            } else {
                site.held.push_back(Held {
                    position,
                    messages,
                    outputs,
                });
            }
        }
        for fault in &faults {
            self.trace
                .line(self.now, || format!("{id} blames {}", fault.culprit));
            self.observe(&Observation::Faulted { site: id, fault })?;
        }
        Ok(())
    }

    /// A sync has ended: what waited for it may go.
    pub(crate) fn synced(&mut self, id: SiteId, incarnation: u32) -> Result<(), Violation> {
        let site = self.sites.at(id);
        if site.incarnation != incarnation || !site.is_up() {
            return Ok(());
        }
        if let Some(pause) = &mut site.pause {
            pause.waiting.push(Happening::Synced {
                site: id,
                incarnation,
            });
            return Ok(());
        }
        let subject = &self.subject;
        site.disk.finish_sync(|record| subject.is_snapshot(record));
        let acknowledged = site.disk.acknowledged();
        self.counters.syncs += 1;
        self.note(Kind::Sync, id, acknowledged);
        self.sync(id);
        loop {
            let held = &mut self.sites.at(id).held;
            let Some(due) = held.pop_front_if(|held| held.position <= acknowledged) else {
                return Ok(());
            };
            self.release(id, due.messages, due.outputs)?;
        }
    }

    fn write(&mut self, id: SiteId, records: Vec<Record<S>>) -> Result<(), Violation> {
        self.counters.records += records.len() as u64;
        for record in &records {
            self.note_item(Kind::Record, id, Item::Record(record));
            let subject = &self.subject;
            self.trace.line(self.now, || {
                format!("{id} writes {}", subject.describe(Item::Record(record)))
            });
            self.observe(&Observation::Recorded { site: id, record })?;
        }
        let site = self.sites.at(id);
        site.disk.append(records);
        let crash = site.crash_on_write.take();
        let incarnation = site.incarnation;
        let lasts = self.sync(id);
        if let Some(down_for) = crash {
            let lasts = lasts.unwrap_or(self.setup.disks.sync_min);
            let at = self.now + self.dice.span(Duration::ZERO, lasts);
            let crash = Happening::Crash {
                site: id,
                incarnation,
                down_for,
            };
            self.queue.push(at, crash);
        }
        Ok(())
    }

    /// Starts a sync if one is needed; how long it takes.
    fn sync(&mut self, id: SiteId) -> Option<Duration> {
        let site = self.sites.at(id);
        let lasts = site.disk.start_sync(&mut self.dice)?;
        let synced = Happening::Synced {
            site: id,
            incarnation: site.incarnation,
        };
        self.queue.push(self.now + lasts, synced);
        Some(lasts)
    }

    fn release(
        &mut self,
        id: SiteId,
        messages: Vec<Outgoing<Message<S>>>,
        outputs: Vec<Output<S>>,
    ) -> Result<(), Violation> {
        for out in messages {
            self.transmit(id, out)?;
        }
        for output in outputs {
            self.counters.outputs += 1;
            self.note_item(Kind::Output, id, Item::Output(&output));
            let subject = &self.subject;
            self.trace.line(self.now, || {
                format!("{id} gives {}", subject.describe(Item::Output(&output)))
            });
            self.observe(&Observation::Output {
                site: id,
                output: &output,
            })?;
            self.ask_environment(|environment, context| environment.on_output(context, id, output));
        }
        Ok(())
    }
}
