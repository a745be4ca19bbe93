use maftia_protocol::{Event, Outgoing, Step};
use maftia_types::{Duration, SiteId, Time};

use crate::adversary::{Turn, recipients};
use crate::incidents::SEND_BUFFER;
use crate::link::Route;
use crate::trace::Kind;
use crate::world::{Envelope, Happening, Message};
use crate::{Environment, Fate, Inbox, Item, Observation, Subject, Violation, World};

/// Messages between sites.
impl<S: Subject, E: Environment<S::Protocol>> World<S, E> {
    /// Sends a message of a correct site.
    pub(crate) fn transmit(
        &mut self,
        from: SiteId,
        out: Outgoing<Message<S>>,
    ) -> Result<(), Violation> {
        self.observe(&Observation::Sent {
            site: from,
            target: out.target,
            message: &out.message,
        })?;
        let mut to = recipients(self.sites.len(), from, out.target).peekable();
        while let Some(site) = to.next() {
            if to.peek().is_none() {
                self.send(from, site, Duration::ZERO, out.message);
                return Ok(());
            }
            self.send(from, site, Duration::ZERO, out.message.clone());
        }
        Ok(())
    }

    /// Puts a message on its link. A site reaches itself at once and always.
    pub(crate) fn send(&mut self, from: SiteId, to: SiteId, after: Duration, message: Message<S>) {
        let envelope = Envelope {
            from,
            to,
            sent: self.now,
            incarnation: self.sites.of(from).incarnation,
            message,
        };
        if from == to {
            self.queue.push(self.now, Happening::Deliver(envelope));
            return;
        }
        match self.fate(&envelope) {
            None => {
                let route = self.links.route(from, to, self.now + after, &mut self.dice);
                self.put(route, envelope);
            }
            Some(Fate::After(delay)) => self.put(Route::At(self.now + after + delay), envelope),
            Some(Fate::Drop) if !self.links.is_reliable() => self.put(Route::Lost, envelope),
            Some(Fate::Drop | Fate::Hold) => self.withheld.push(envelope),
        }
    }

    /// A message reaches the end of its link.
    pub(crate) fn deliver(&mut self, envelope: Envelope<Message<S>>) -> Result<(), Violation> {
        let Envelope { from, to, .. } = envelope;
        let has_lived = self.is_of_this_life(&envelope);
        if from == to {
            if !has_lived {
                self.lose(&envelope);
                return Ok(());
            }
        } else if !has_lived && self.died_in_buffer(&envelope) {
            self.lose(&envelope);
            return Ok(());
        } else if self.links.is_cut(from, to) || !self.sites.of(to).is_up() {
            self.park_or_lose(envelope);
            return Ok(());
        }
        let reliable = self.links.is_reliable();
        if let Some(pause) = &mut self.sites.at(to).pause {
            if reliable || pause.inbox == Inbox::Kept {
                pause.waiting.push(Happening::Deliver(envelope));
            } else {
                self.lose(&envelope);
            }
            return Ok(());
        }
        self.hand_over(envelope)
    }

    /// Sends all that reliable links still owe once more.
    pub(crate) fn unpark(&mut self) {
        for mut envelope in std::mem::take(&mut self.parked) {
            if self.is_of_this_life(&envelope) {
                let Envelope { from, to, .. } = envelope;
                envelope.sent = self.now;
                let route = self.links.route(from, to, self.now, &mut self.dice);
                self.put(route, envelope);
            } else {
                self.lose(&envelope);
            }
        }
    }

    fn hand_over(&mut self, envelope: Envelope<Message<S>>) -> Result<(), Violation> {
        let Envelope {
            from, to, message, ..
        } = envelope;
        self.note_item(Kind::Deliver, to, Item::Message(&message));
        let subject = &self.subject;
        self.trace.line(self.now, || {
            let text = subject.describe(Item::Message(&message));
            format!("{to} receives from {from}: {text}")
        });
        if self.corrupted.contains(to) {
            let dice = &mut self.adversary_dice;
            self.adversary.overhear(dice, to, from, &message);
        }
        let replica = self.sites.of(to).replica.as_ref();
        if from != to
            && let Some(replica) = replica
            && let Err(misbehaviour) = self.subject.verify(replica, from, &message)
        {
            self.counters.refused += 1;
            let mut step = Step::none();
            step.blame(from, misbehaviour);
            return self.perform(to, step);
        }
        self.counters.delivered += 1;
        self.feed(to, Event::Message { from, message })
    }

    fn fate(&mut self, envelope: &Envelope<Message<S>>) -> Option<Fate> {
        if self.healed.is_some() {
            return None;
        }
        let mut turn = Turn {
            now: self.now,
            sites: self.sites.len(),
            dice: &mut self.adversary_dice,
            acts: &mut self.acts,
        };
        let Envelope {
            from, to, message, ..
        } = envelope;
        self.adversary.schedule(&mut turn, *from, *to, message)
    }

    fn put(&mut self, route: Route, envelope: Envelope<Message<S>>) {
        let deliver = |world: &mut Self, at: Time, envelope| {
            world.queue.push(at, Happening::Deliver(envelope));
        };
        match route {
            Route::Lost => self.lose(&envelope),
            Route::At(at) => deliver(self, at, envelope),
            Route::Twice(first, second) => {
                self.counters.duplicated += 1;
                let twin = Envelope {
                    message: envelope.message.clone(),
                    ..envelope
                };
                deliver(self, first, twin);
                deliver(self, second, envelope);
            }
        }
    }

    fn park_or_lose(&mut self, envelope: Envelope<Message<S>>) {
        if self.links.is_reliable() && self.is_of_this_life(&envelope) {
            self.parked.push(envelope);
        } else {
            self.lose(&envelope);
        }
    }

    fn lose(&mut self, envelope: &Envelope<Message<S>>) {
        self.counters.lost += 1;
        let Envelope { from, to, .. } = *envelope;
        self.trace.line(self.now, || {
            format!("a message from {from} to {to} is lost")
        });
    }

    /// Whether the sender has not crashed since it sent this.
    fn is_of_this_life(&self, envelope: &Envelope<Message<S>>) -> bool {
        let sender = self.sites.of(envelope.from);
        sender.is_up() && sender.incarnation == envelope.incarnation
    }

    /// Whether the sender's crash took this message with it.
    fn died_in_buffer(&mut self, envelope: &Envelope<Message<S>>) -> bool {
        let crashed_at = self.sites.of(envelope.from).crashed_at;
        crashed_at.is_some_and(|at| at.since(envelope.sent) <= SEND_BUFFER) && self.dice.chance(500)
    }
}
