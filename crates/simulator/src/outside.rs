use maftia_protocol::Protocol;
use maftia_types::SiteId;

use crate::adversary::{Act, Turn};
use crate::trace::Kind;
use crate::world::Happening;
use crate::{
    Adversary, Context, Environment, Inbox, Item, LinkModel, Observation, Subject, Violation, World,
};

type Command<S> = <<S as Subject>::Protocol as Protocol>::Command;

/// The clients and the intruder.
impl<S: Subject, E: Environment<S::Protocol>> World<S, E> {
    /// A command reaches a site.
    pub(crate) fn command(&mut self, id: SiteId, command: Command<S>) -> Result<(), Violation> {
        let site = self.sites.at(id);
        if let Some(pause) = &mut site.pause {
            if pause.inbox == Inbox::Kept {
                let again = Happening::Command { site: id, command };
                pause.waiting.push(again);
            }
            return Ok(());
        }
        if !site.is_up() {
            self.trace
                .line(self.now, || format!("a command to {id} is lost"));
            return Ok(());
        }
        self.counters.commands += 1;
        self.note_item(Kind::Command, id, Item::Command(&command));
        let subject = &self.subject;
        self.trace.line(self.now, || {
            let text = subject.describe(Item::Command(&command));
            format!("{id} is asked to {text}")
        });
        if !self.corrupted.contains(id) {
            self.observe(&Observation::Commanded {
                site: id,
                command: &command,
            })?;
        }
        let site = self.sites.at(id);
        let local = site.clock.local(self.now);
        match site.replica.as_mut().map(|it| it.command(local, command)) {
            None => Ok(()),
            Some(Ok(step)) => self.after(id, step),
            Some(Err(error)) => {
                self.ask_environment(|environment, context| {
                    environment.on_refusal(context, id, error);
                });
                Ok(())
            }
        }
    }

    pub(crate) fn environment_timer(&mut self) -> Result<(), Violation> {
        if self.environment_armed != Some(self.now) {
            return Ok(());
        }
        self.environment_armed = None;
        if self
            .environment
            .next_timer()
            .is_some_and(|at| at <= self.now)
        {
            self.ask_environment(|environment, context| environment.on_timer(context));
        } else {
            self.rearm_environment();
        }
        Ok(())
    }

    pub(crate) fn wake(&mut self) -> Result<(), Violation> {
        if self.adversary_armed != Some(self.now) {
            return Ok(());
        }
        self.adversary_armed = None;
        if self.adversary.next_wake().is_some_and(|at| at <= self.now) {
            self.ask_adversary(|adversary, turn| adversary.wake(turn));
        } else {
            self.rearm_adversary();
        }
        Ok(())
    }

    pub(crate) fn ask_environment(
        &mut self,
        call: impl FnOnce(&mut E, &mut Context<'_, S::Protocol>),
    ) {
        let mut context = Context {
            now: self.now,
            sites: self.sites.len(),
            dice: &mut self.environment_dice,
            orders: &mut self.orders,
        };
        call(&mut self.environment, &mut context);
        let links = match self.healed {
            Some(_) => LinkModel::PERFECT,
            None => self.setup.client_links,
        };
        for order in self.orders.drain(..) {
            let base = self.dice.span(links.delay_min, links.delay_max);
            let Some(delay) = links.delay(base, &mut self.dice) else {
                continue;
            };
            if order.site.index() < self.sites.len() {
                let command = Happening::Command {
                    site: order.site,
                    command: order.command,
                };
                self.queue.push(self.now + order.after + delay, command);
            }
        }
        self.rearm_environment();
    }

    pub(crate) fn rearm_environment(&mut self) {
        let Some(at) = self.environment.next_timer() else {
            return;
        };
        let at = at.max(self.now);
        if self.environment_armed.is_none_or(|armed| at < armed) {
            self.environment_armed = Some(at);
            self.queue.push_late(at, Happening::EnvironmentTimer);
        }
    }

    /// What the intruder asks for is done before the next event.
    pub(crate) fn ask_adversary(
        &mut self,
        call: impl FnOnce(&mut dyn Adversary<S::Protocol>, &mut Turn<'_, S::Protocol>),
    ) {
        let mut turn = Turn {
            now: self.now,
            sites: self.sites.len(),
            dice: &mut self.adversary_dice,
            acts: &mut self.acts,
        };
        call(self.adversary.as_mut(), &mut turn);
        self.rearm_adversary();
    }

    pub(crate) fn rearm_adversary(&mut self) {
        let Some(at) = self.adversary.next_wake() else {
            return;
        };
        let at = at.max(self.now);
        if self.adversary_armed.is_none_or(|armed| at < armed) {
            self.adversary_armed = Some(at);
            self.queue.push_late(at, Happening::Wake);
        }
    }

    /// Does what the intruder asked for, within what it owns.
    pub(crate) fn do_acts(&mut self) {
        for act in std::mem::take(&mut self.acts) {
            match act {
                Act::Send {
                    from,
                    to,
                    after,
                    message,
                } if self.corrupted.contains(from) && to.index() < self.sites.len() => {
                    self.counters.tampered += 1;
                    self.send(from, to, after, message);
                }
                Act::Output { site, output } if self.corrupted.contains(site) => {
                    self.ask_environment(|environment, context| {
                        environment.on_output(context, site, output);
                    });
                }
                Act::Send { .. } | Act::Output { .. } => {}
            }
        }
    }
}
