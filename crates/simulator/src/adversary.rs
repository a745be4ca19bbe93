use maftia_protocol::{Protocol, Step, Target};
use maftia_types::{Duration, SiteId, SiteSet, Time};

use crate::Dice;

/// The intruder: owns the corrupted sites and, as far as the link model lets it, the network.
///
/// A corrupted site runs the real protocol inside, so that the intruder knows what to say; nothing
/// of its step leaves unless the intruder sends it. It never crashes and needs no disk.
pub trait Adversary<P: Protocol> {
    /// Who is corrupted, from the start and throughout.
    fn corrupted(&self) -> SiteSet;

    /// A corrupted replica handled something and would do this (perhaps nothing). What really
    /// happens is what is asked of `turn`.
    fn tamper(&mut self, turn: &mut Turn<'_, P>, site: SiteId, step: Step<P>);

    /// A corrupted site receives a message, before its replica does.
    fn overhear(&mut self, dice: &mut Dice, to: SiteId, from: SiteId, message: &P::Message) {
        let _ = (dice, to, from, message);
    }

    /// A message is about to enter a link while faults are on: none leaves it to the link model.
    fn schedule(
        &mut self,
        turn: &mut Turn<'_, P>,
        from: SiteId,
        to: SiteId,
        message: &P::Message,
    ) -> Option<Fate> {
        let _ = (turn, from, to, message);
        None
    }

    /// The time of [`next_wake`](Self::next_wake) has come: the chance to speak unasked.
    fn wake(&mut self, turn: &mut Turn<'_, P>) {
        let _ = turn;
    }

    /// When to call [`wake`](Self::wake); asked after each call of this adversary but `schedule`.
    fn next_wake(&self) -> Option<Time> {
        None
    }
}

/// What an adversary decides about a message on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives after this long.
    After(Duration),
    /// It is lost, if the links are datagrams; held otherwise.
    Drop,
    /// It arrives only once the world has healed.
    Hold,
}

/// What an adversary sees and may do while it is called.
pub struct Turn<'a, P: Protocol> {
    /// The world's time.
    pub now: Time,
    /// n.
    pub sites: usize,
    /// The adversary's own chance.
    pub dice: &'a mut Dice,
    pub(crate) acts: &'a mut Vec<Act<P>>,
}

pub(crate) enum Act<P: Protocol> {
    Send {
        from: SiteId,
        to: SiteId,
        after: Duration,
        message: P::Message,
    },
    Output {
        site: SiteId,
        output: P::Output,
    },
}

impl<P: Protocol> Turn<'_, P> {
    /// Sends as a corrupted site. Links are authenticated: the world ignores what is sent in the
    /// name of a correct site.
    pub fn send(&mut self, from: SiteId, to: SiteId, message: P::Message) {
        self.send_after(Duration::ZERO, from, to, message);
    }

    /// As [`send`](Self::send), a while later.
    pub fn send_after(&mut self, after: Duration, from: SiteId, to: SiteId, message: P::Message) {
        self.acts.push(Act::Send {
            from,
            to,
            after,
            message,
        });
    }

    /// Shows the environment an output of a corrupted site.
    pub fn output(&mut self, site: SiteId, output: P::Output) {
        self.acts.push(Act::Output { site, output });
    }

    /// The sites that a message of `from` with this target is for.
    pub fn recipients(
        &self,
        from: SiteId,
        target: Target,
    ) -> impl Iterator<Item = SiteId> + use<P> {
        recipients(self.sites, from, target)
    }
}

pub(crate) fn recipients(
    sites: usize,
    from: SiteId,
    target: Target,
) -> impl Iterator<Item = SiteId> {
    SiteId::all(sites).filter(move |site| match target {
        Target::All => true,
        Target::Others => *site != from,
        Target::One(to) => *site == to,
    })
}

/// No intruder.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl<P: Protocol> Adversary<P> for Nobody {
    fn corrupted(&self) -> SiteSet {
        SiteSet::EMPTY
    }

    fn tamper(&mut self, _: &mut Turn<'_, P>, _: SiteId, _: Step<P>) {}
}
