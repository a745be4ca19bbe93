//! A protocol that does nothing but show what its driver does, and a client with a script.

use maftia_protocol::{Event, Protocol, Step, Target};
use maftia_simulator::{
    Adversary, Boot, Carriage, Context, DiskModel, Environment, Honesty, Incident, Item, LinkModel,
    Plan, Setup, Subject, World, fingerprint_of_debug,
};
use maftia_types::{Duration, SiteId, Time};

#[derive(Clone, Debug)]
pub(crate) enum Command {
    /// Write this, tell the others when durable, and say so.
    Write(u64),
    /// Tell the others at once, with nothing written.
    Shout(u64),
    /// Ask for a timeout after this span of the site's own time.
    Wait(Duration),
    /// Refuse.
    Refuse,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Output {
    Booted { records: Vec<u64>, wiped: bool },
    Wrote(u64),
    Heard(SiteId, u64),
    Rang(Time),
}

pub(crate) struct Probe {
    deadline: Option<Time>,
}

/// Records from here on are snapshots.
pub(crate) const SNAPSHOT: u64 = 1_000;

/// Messages from here on are refused by `verify`.
pub(crate) const FORGED: u64 = 666;

impl Protocol for Probe {
    type Command = Command;
    type Message = u64;
    type Output = Output;
    type Record = u64;
    type Misbehaviour = u64;
    type Error = ();

    fn command(&mut self, now: Time, command: Command) -> Result<Step<Self>, ()> {
        let mut step = Step::none();
        match command {
            Command::Write(number) => {
                step.records.push(number);
                step.send(Target::All, number);
                step.outputs.push(Output::Wrote(number));
            }
            Command::Shout(number) => step.send_now(Target::Others, number),
            Command::Wait(span) => self.deadline = Some(now + span),
            Command::Refuse => return Err(()),
        }
        Ok(step)
    }

    fn handle(&mut self, now: Time, event: Event<u64>) -> Step<Self> {
        let mut step = Step::none();
        step.outputs.push(match event {
            Event::Message { from, message } => Output::Heard(from, message),
            Event::Timeout => {
                self.deadline = None;
                Output::Rang(now)
            }
        });
        step
    }

    fn next_timeout(&self) -> Option<Time> {
        self.deadline
    }
}

pub(crate) struct Probes;

impl Subject for Probes {
    type Protocol = Probe;

    fn boot(&mut self, boot: Boot<'_, u64>) -> (Probe, Step<Probe>) {
        let mut step = Step::none();
        step.outputs.push(Output::Booted {
            records: boot.records.to_vec(),
            wiped: boot.wiped,
        });
        (Probe { deadline: None }, step)
    }

    fn fingerprint(&self, item: Item<'_, Probe>) -> u64 {
        match item {
            Item::Message(number) | Item::Record(number) => *number,
            Item::Command(command) => fingerprint_of_debug(command),
            Item::Output(output) => fingerprint_of_debug(output),
        }
    }

    fn verify(&mut self, _: &Probe, _: SiteId, message: &u64) -> Result<(), u64> {
        if *message < FORGED {
            Ok(())
        } else {
            Err(*message)
        }
    }

    fn is_snapshot(&self, record: &u64) -> bool {
        *record >= SNAPSHOT
    }
}

/// Sends commands at given times, notes what comes back, and is content at its end.
pub(crate) struct Script {
    commands: Vec<(Time, SiteId, Command)>,
    until: Time,
    over: bool,
    pub(crate) seen: Vec<(Time, SiteId, Output)>,
    pub(crate) refusals: usize,
}

impl Environment<Probe> for Script {
    fn on_output(&mut self, context: &mut Context<'_, Probe>, site: SiteId, output: Output) {
        self.seen.push((context.now, site, output));
    }

    fn on_timer(&mut self, context: &mut Context<'_, Probe>) {
        if let Some((_, site, command)) = self.commands.pop_if(|(at, ..)| *at <= context.now) {
            context.command(site, command);
        } else {
            self.over = true;
        }
    }

    fn on_refusal(&mut self, _: &mut Context<'_, Probe>, _: SiteId, (): ()) {
        self.refusals += 1;
    }

    fn next_timer(&self) -> Option<Time> {
        let command = self.commands.last().map(|(at, ..)| *at);
        command.or((!self.over).then_some(self.until))
    }

    fn done(&self) -> bool {
        self.over
    }

    fn stuck(&self) -> String {
        "the end of the script".to_owned()
    }
}

pub(crate) const A: SiteId = site(0);
pub(crate) const B: SiteId = site(1);
pub(crate) const C: SiteId = site(2);

const fn site(index: u8) -> SiteId {
    match SiteId::new(index) {
        Some(site) => site,
        None => unreachable!(),
    }
}

pub(crate) const fn ms(ms: u64) -> Time {
    Time::from_nanos(ms * 1_000_000)
}

pub(crate) const fn span(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Three sites; commands arrive at once, links take 1 ms, syncs 5 ms, faults last until 1 s and
/// the script until 2 s.
pub(crate) fn setup(incidents: impl IntoIterator<Item = (u64, Incident)>) -> Setup {
    Setup {
        links: LinkModel {
            carriage: Carriage::Datagram,
            ..LinkModel::PERFECT
        },
        client_links: LinkModel {
            delay_min: Duration::ZERO,
            delay_max: Duration::ZERO,
            ..LinkModel::PERFECT
        },
        disks: DiskModel {
            sync_min: span(5),
            sync_max: span(5),
            slow_per_mille: 0,
            honesty: Honesty::Honest,
        },
        plan: Plan(incidents.into_iter().map(|(at, it)| (ms(at), it)).collect()),
        heal_at: ms(1_000),
        ..Setup::quiet(3, 1)
    }
}

pub(crate) fn world(
    setup: Setup,
    commands: impl IntoIterator<Item = (u64, SiteId, Command)>,
    adversary: impl Adversary<Probe> + 'static,
) -> World<Probes, Script> {
    let commands = commands
        .into_iter()
        .map(|(at, site, it)| (ms(at), site, it));
    let mut commands: Vec<_> = commands.collect();
    commands.reverse();
    let script = Script {
        commands,
        until: ms(2_000),
        over: false,
        seen: Vec::new(),
        refusals: 0,
    };
    World::new(setup, Probes, script, adversary)
}

/// When `site` gave `output`, in milliseconds.
pub(crate) fn times(world: &World<Probes, Script>, site: SiteId, output: &Output) -> Vec<u64> {
    let seen = world.environment().seen.iter();
    seen.filter(|(_, who, what)| *who == site && what == output)
        .map(|(at, ..)| at.as_millis())
        .collect()
}

/// What `site` found on its disk, start by start.
pub(crate) fn boots(world: &World<Probes, Script>, site: SiteId) -> Vec<(Vec<u64>, bool)> {
    let seen = world.environment().seen.iter();
    seen.filter_map(|(_, who, what)| match what {
        Output::Booted { records, wiped } if *who == site => Some((records.clone(), *wiped)),
        _ => None,
    })
    .collect()
}
