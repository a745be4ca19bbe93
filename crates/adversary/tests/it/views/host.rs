//! A machine: the driver of a replica whose group changes.

use std::convert::Infallible;
use std::rc::Rc;

use maftia_adversary::{Scene, Strategy};
use maftia_membership::Certificate;
use maftia_protocol::{Event, Outgoing, Protocol, Release, Step, Target};
use maftia_replica::{Command, Message, Misbehaviour, Output, Record, Replica, Reply, Vault};
use maftia_types::{ClientId, Epoch, Fault, Incarnation, SiteId, Time};

use super::estate::{Estate, Life, Written, chain, key, vault};
use crate::speaks::Speaks;

/// A machine of the world, by its number there; perhaps not set up yet, perhaps stopped for good.
pub(crate) struct Host {
    pub(crate) machine: SiteId,
    estate: Rc<Estate>,
    replica: Option<Replica>,
    /// The intruder in it.
    traitor: Option<Box<dyn Strategy>>,
    /// The machines that the replica knows, by its ids of now; none behind a key that nobody has.
    known: Vec<Option<SiteId>>,
    relink_at: Time,
    vault: Option<Vault>,
    chain: Option<Vec<Certificate>>,
}

/// What is asked of a machine.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    Replica(Command),
    /// Its operator starts it for the first time.
    Start,
    /// A client asks what came after the view of an epoch.
    Views(Epoch),
}

/// What a machine gives.
#[derive(Clone, Debug)]
pub(crate) enum Given {
    Replica(Output),
    Views(Vec<Certificate>),
}

impl Host {
    /// A machine starts, with what is on its disk.
    pub(crate) fn boot(
        machine: SiteId,
        estate: &Rc<Estate>,
        traitor: Option<Box<dyn Strategy>>,
        life: &Life<'_>,
        now: Time,
    ) -> (Self, Step<Self>) {
        let mut host = Self {
            machine,
            estate: Rc::clone(estate),
            replica: None,
            traitor,
            known: Vec::new(),
            relink_at: Time::ZERO,
            vault: vault(life.records),
            chain: chain(life.records),
        };
        let step = host.start(life, now);
        (host, step)
    }

    /// The replica, while it runs.
    pub(crate) const fn replica(&self) -> Option<&Replica> {
        self.replica.as_ref()
    }

    /// The machine that the replica knows by that id.
    pub(crate) fn machine_of(&self, site: SiteId) -> Option<SiteId> {
        self.known.get(site.index()).copied().flatten()
    }

    fn start(&mut self, life: &Life<'_>, now: Time) -> Step<Self> {
        let now = now + self.estate.skipped.get();
        let Some((replica, step)) = self.estate.start(self.machine, life, now) else {
            return Step::none();
        };
        self.replica = Some(replica);
        self.learn(now);
        let before = self.known.clone();
        self.lift(now, &before, step)
    }

    /// Others may be known by other ids now; links to them come up.
    fn learn(&mut self, now: Time) {
        let universe = self.replica.iter().flat_map(Replica::universe);
        let machines = universe.map(|member| self.estate.machine(&member.key));
        self.known = machines.collect();
        self.relink_at = now;
    }

    fn id_of(&self, machine: SiteId) -> Option<SiteId> {
        let place = self.known.iter().position(|own| *own == Some(machine))?;
        SiteId::all(place + 1).last()
    }

    fn relink(&mut self, now: Time) -> Step<Self> {
        self.relink_at = now + self.estate.relink;
        let mut all = Step::none();
        for site in SiteId::all(self.known.len()) {
            let Some(replica) = &mut self.replica else {
                break;
            };
            if site == replica.me() {
                continue;
            }
            let Ok(step) = replica.command(now, Command::PeerUp(site));
            let before = self.known.clone();
            append(&mut all, self.lift(now, &before, step));
        }
        all
    }

    /// A step of the replica as one of the machine. `before` is whom it knew before the event.
    fn lift(&mut self, now: Time, before: &[Option<SiteId>], step: Step<Replica>) -> Step<Self> {
        let is = |wanted: fn(&Output) -> bool| step.outputs.iter().any(wanted);
        let (moved, left) = (
            is(|output| matches!(output, Output::Sites)),
            is(|output| matches!(output, Output::Left(_))),
        );
        if moved {
            self.learn(now);
        }
        let Step {
            records,
            messages,
            outputs,
            faults,
        } = step;
        let faults = faults.into_iter().filter_map(|fault| {
            let culprit = before.get(fault.culprit.index()).copied()??;
            let misbehaviour = fault.misbehaviour;
            Some(Fault {
                culprit,
                misbehaviour,
            })
        });
        let faults = faults.collect();
        let (messages, outputs) = self.speak(&records, messages, outputs);
        let lifted = Step {
            records: records.into_iter().map(|own| self.written(own)).collect(),
            messages,
            outputs: outputs.into_iter().map(Given::Replica).collect(),
            faults,
        };
        if left && self.traitor.is_none() {
            self.replica = None;
        }
        lifted
    }

    /// To machines, what is for sites; or what the intruder says instead.
    fn speak(
        &mut self,
        records: &[Record],
        messages: Vec<Outgoing<Message>>,
        outputs: Vec<Output>,
    ) -> (Vec<Outgoing<Message>>, Vec<Output>) {
        let Some(replica) = &self.replica else {
            return (Vec::new(), outputs);
        };
        let audience = replica.audience();
        if self.traitor.is_some() {
            let step = Step {
                records: records.to_vec(),
                messages,
                outputs,
                faults: Vec::new(),
            };
            let sent = self.betray(|strategy, scene| strategy.tamper(scene, step));
            let sent = sent.unwrap_or_default();
            return (self.to_machines(sent.messages), sent.outputs);
        }
        let me = self.machine;
        let mut out = Vec::new();
        for own in messages {
            let to: &[Option<SiteId>] = match own.target {
                Target::All | Target::Others => self.known.get(..audience).unwrap_or(&self.known),
                Target::One(site) => self.known.get(site.index()..=site.index()).unwrap_or(&[]),
            };
            let others = to.iter().flatten().filter(|to| **to != me);
            let itself = (own.target == Target::All).then_some(&me);
            out.extend(others.chain(itself).map(|to| Outgoing {
                target: Target::One(*to),
                release: own.release,
                message: own.message.clone(),
            }));
        }
        (out, outputs)
    }

    fn betray<T>(&mut self, call: impl FnOnce(&mut dyn Strategy, &Scene<'_>) -> T) -> Option<T> {
        let replica = self.replica.as_ref()?;
        let (resilience, key) = (replica.engine().parameters().resilience, key(self.machine));
        let scene = Scene {
            me: replica.me(),
            resilience: &resilience,
            audience: self.known.len(),
            key: &key,
            device: None,
        };
        Some(call(self.traitor.as_mut()?.as_mut(), &scene))
    }

    fn to_machines(&self, messages: Vec<(SiteId, Message)>) -> Vec<Outgoing<Message>> {
        let known = messages.into_iter();
        let known = known.filter_map(|(to, message)| Some((self.machine_of(to)?, message)));
        let out = known.map(|(to, message)| Outgoing {
            target: Target::One(to),
            release: Release::AfterDurable,
            message,
        });
        out.collect()
    }

    fn written(&mut self, record: Record) -> Written {
        let (mut vault, mut chain) = (None, None);
        match &record {
            Record::Vault(newest) => self.vault = Some(newest.clone()),
            Record::Chain(newest) => self.chain = Some(newest.clone()),
            Record::Image(_) => (vault, chain) = (self.vault.clone(), self.chain.clone()),
            Record::Ordering(_) => {}
        }
        Written {
            record,
            vault,
            chain,
        }
    }

    fn hear(&mut self, now: Time, from: SiteId, message: Message) -> Step<Self> {
        // A stranger has no link.
        let Some(from) = self.id_of(from) else {
            return Step::none();
        };
        let said = self.betray(|strategy, scene| strategy.overhear(scene, from, &message));
        let mut said = self.to_machines(said.unwrap_or_default());
        let Some(replica) = &mut self.replica else {
            return Step::none();
        };
        let step = replica.handle(now, Event::Message { from, message });
        let before = self.known.clone();
        let mut step = self.lift(now, &before, step);
        said.append(&mut step.messages);
        step.messages = said;
        step
    }
}

impl Protocol for Host {
    type Command = Order;
    type Message = Message;
    type Output = Given;
    type Record = Written;
    type Misbehaviour = Misbehaviour;
    type Error = Infallible;

    fn command(&mut self, now: Time, order: Order) -> Result<Step<Self>, Infallible> {
        let local = now + self.estate.skipped.get();
        Ok(match (order, &mut self.replica) {
            (Order::Replica(command), Some(replica)) => {
                let Ok(step) = replica.command(local, command);
                let before = self.known.clone();
                self.lift(local, &before, step)
            }
            (Order::Views(epoch), Some(replica)) => {
                let chain = match self.traitor {
                    Some(_) => super::usurper::forged_chain(replica, &key(self.machine)),
                    None => replica.views_after(epoch),
                };
                let mut step = Step::none();
                step.outputs.push(Given::Views(chain));
                step
            }
            (Order::Start, None) if !self.estate.started.borrow().contains(&self.machine) => {
                let life = Life {
                    records: &[],
                    wiped: false,
                    number: 1 << 16,
                };
                self.start(&life, now)
            }
            _ => Step::none(),
        })
    }

    fn handle(&mut self, now: Time, event: Event<Message>) -> Step<Self> {
        let local = now + self.estate.skipped.get();
        match event {
            Event::Message { from, message } if from != self.machine => {
                self.hear(local, from, message)
            }
            Event::Message { message, .. } => {
                let Some(replica) = &mut self.replica else {
                    return Step::none();
                };
                let from = replica.me();
                let step = replica.handle(local, Event::Message { from, message });
                let before = self.known.clone();
                self.lift(local, &before, step)
            }
            Event::Timeout => {
                let mut all = Step::none();
                if self.replica.is_some() && self.relink_at <= local {
                    all = self.relink(local);
                }
                let due = self.replica.as_ref().and_then(Replica::next_timeout);
                if let Some(replica) = self
                    .replica
                    .as_mut()
                    .filter(|_| due.is_some_and(|at| at <= local))
                {
                    let step = replica.handle(local, Event::Timeout);
                    let before = self.known.clone();
                    append(&mut all, self.lift(local, &before, step));
                }
                all
            }
        }
    }

    fn next_timeout(&self) -> Option<Time> {
        let replica = self.replica.as_ref()?;
        let at = replica
            .next_timeout()
            .map_or(self.relink_at, |at| at.min(self.relink_at));
        let skipped = self.estate.skipped.get().as_nanos();
        Some(Time::from_nanos(at.as_nanos().saturating_sub(skipped)))
    }
}

impl Speaks for Host {
    fn order(command: Command) -> Order {
        Order::Replica(command)
    }

    fn replies(output: &Given) -> Option<(ClientId, Incarnation, &[Reply])> {
        match output {
            Given::Replica(output) => Replica::replies(output),
            Given::Views(_) => None,
        }
    }
}

fn append(all: &mut Step<Host>, step: Step<Host>) {
    all.records.extend(step.records);
    all.messages.extend(step.messages);
    all.outputs.extend(step.outputs);
    all.faults.extend(step.faults);
}
