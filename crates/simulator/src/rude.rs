use maftia_protocol::{Protocol, Step};
use maftia_types::{Duration, SITES_MAX, SiteId, SiteSet};

use crate::{Adversary, Dice, Turn};

/// A protocol-specific lie: what to tell `to` instead of this message, none to find no lie.
pub type Forge<M> = Box<dyn FnMut(&mut Dice, SiteId, &M) -> Option<M>>;

/// A protocol-specific lie about an output of a corrupted site.
pub type ForgeOutput<O> = Box<dyn FnMut(&mut Dice, &O) -> Option<O>>;

/// How often a rude intruder does what, of 1000 messages to one recipient; what is left passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manners {
    /// Says nothing.
    pub silent: u32,
    /// Tells a lie, if one is known.
    pub forge: u32,
    /// Says something older instead, its own or heard from others.
    pub replay: u32,
    /// Says it later.
    pub delay: u32,
    /// Says it twice.
    pub repeat: u32,
    /// Says it to somebody else.
    pub misdirect: u32,
    /// In addition, after any event: speaks unasked, something older to anybody.
    pub unasked: u32,
}

impl Manners {
    /// Each kind of rudeness absent, rare or common, so that a campaign also meets intruders that
    /// do one thing only, and some that do nothing but that.
    pub fn random(dice: &mut Dice) -> Self {
        let mut draw = |most: u64| match dice.below(3) {
            0 => 0,
            1 => u32::try_from(dice.between(1, most / 5)).unwrap_or(0),
            _ => u32::try_from(dice.between(most / 5, most)).unwrap_or(0),
        };
        Self {
            silent: draw(400),
            forge: draw(700),
            replay: draw(200),
            delay: draw(300),
            repeat: draw(200),
            misdirect: draw(200),
            unasked: draw(200),
        }
    }
}

/// The default intruder: per recipient and message it may say the truth, a lie, something old,
/// nothing, late, twice, or to the wrong site. Towards some recipients it may keep one face for the
/// whole run. Its sites collude through one history.
pub struct Rude<P: Protocol> {
    corrupted: SiteSet,
    manners: Manners,
    faces: Vec<Face>,
    forge: Forge<P::Message>,
    forge_output: ForgeOutput<P::Output>,
    history: Vec<P::Message>,
}

/// How it treats one recipient throughout a run.
#[derive(Clone, Copy)]
enum Face {
    /// As its manners have it.
    Moody,
    /// The truth.
    Fair,
    /// Nothing.
    Shunning,
    /// Lies, wherever it knows one.
    Lying,
}

/// Messages remembered for replay. Old ones are overwritten at random, so that some stay for long.
const HISTORY_MAX: usize = 256;

/// The longest a rude site delays: longer than most rounds, shorter than a run.
const DELAY_MAX: Duration = Duration::from_millis(1_000);

impl<P: Protocol<Message: Clone>> Rude<P> {
    /// Corrupts these sites and draws their manners and, in every other run, the faces they show.
    pub fn new(corrupted: SiteSet, dice: &mut Dice) -> Self {
        let mut this = Self::with_manners(corrupted, Manners::random(dice));
        if dice.chance(500) {
            let faces = [Face::Moody, Face::Fair, Face::Shunning, Face::Lying];
            this.faces = (0..SITES_MAX)
                .filter_map(|_| dice.pick(&faces).copied())
                .collect();
        }
        this
    }

    /// Corrupts these sites, which are moody towards all.
    pub fn with_manners(corrupted: SiteSet, manners: Manners) -> Self {
        Self {
            corrupted,
            manners,
            faces: Vec::new(),
            forge: Box::new(|_, _, _| None),
            forge_output: Box::new(|_, _| None),
            history: Vec::new(),
        }
    }

    /// Teaches it to lie to peers.
    #[must_use]
    pub fn forging(
        mut self,
        forge: impl FnMut(&mut Dice, SiteId, &P::Message) -> Option<P::Message> + 'static,
    ) -> Self {
        self.forge = Box::new(forge);
        self
    }

    /// Teaches it to lie to clients.
    #[must_use]
    pub fn forging_outputs(
        mut self,
        forge: impl FnMut(&mut Dice, &P::Output) -> Option<P::Output> + 'static,
    ) -> Self {
        self.forge_output = Box::new(forge);
        self
    }

    fn say(&mut self, turn: &mut Turn<'_, P>, site: SiteId, to: SiteId, message: &P::Message) {
        let manners = match self.faces.get(to.index()).unwrap_or(&Face::Moody) {
            Face::Moody => self.manners,
            Face::Fair => Manners::default(),
            Face::Shunning => Manners {
                silent: 1_000,
                ..Manners::default()
            },
            Face::Lying => Manners {
                forge: 1_000,
                ..Manners::default()
            },
        };
        let mut throw = u32::try_from(turn.dice.between(0, 999)).unwrap_or(0);
        let mut falls = |share: u32| {
            let hit = throw < share;
            throw = throw.saturating_sub(share);
            hit
        };
        if falls(manners.silent) {
        } else if falls(manners.forge) {
            let lie = (self.forge)(turn.dice, to, message);
            turn.send(site, to, lie.unwrap_or_else(|| message.clone()));
        } else if falls(manners.replay) {
            let old = turn.dice.pick(&self.history).unwrap_or(message).clone();
            turn.send(site, to, old);
        } else if falls(manners.delay) {
            let after = turn.dice.span(Duration::ZERO, DELAY_MAX);
            turn.send_after(after, site, to, message.clone());
        } else if falls(manners.repeat) {
            turn.send(site, to, message.clone());
            turn.send(site, to, message.clone());
        } else if falls(manners.misdirect) {
            let to = turn.dice.site(turn.sites);
            if to != site {
                turn.send(site, to, message.clone());
            }
        } else {
            turn.send(site, to, message.clone());
        }
    }

    fn remember(&mut self, dice: &mut Dice, message: &P::Message) {
        if self.history.len() < HISTORY_MAX {
            self.history.push(message.clone());
        } else if let Some(slot) = self.history.get_mut(dice.below(HISTORY_MAX)) {
            *slot = message.clone();
        }
    }
}

impl<P: Protocol<Message: Clone>> Adversary<P> for Rude<P> {
    fn corrupted(&self) -> SiteSet {
        self.corrupted
    }

    fn tamper(&mut self, turn: &mut Turn<'_, P>, site: SiteId, step: Step<P>) {
        for out in step.messages {
            self.remember(turn.dice, &out.message);
            for to in turn.recipients(site, out.target) {
                // To itself it is honest, so that it goes on knowing what a correct site would say.
                if to == site {
                    turn.send(site, to, out.message.clone());
                } else {
                    self.say(turn, site, to, &out.message);
                }
            }
        }
        for output in step.outputs {
            if turn.dice.chance(self.manners.silent) {
                continue;
            }
            let lie = turn
                .dice
                .chance(self.manners.forge)
                .then(|| (self.forge_output)(turn.dice, &output))
                .flatten();
            turn.output(site, lie.unwrap_or(output));
        }
        if turn.dice.chance(self.manners.unasked)
            && let Some(old) = turn.dice.pick(&self.history).cloned()
        {
            let to = turn.dice.site(turn.sites);
            if to != site {
                self.say(turn, site, to, &old);
            }
        }
    }

    fn overhear(&mut self, dice: &mut Dice, _: SiteId, _: SiteId, message: &P::Message) {
        self.remember(dice, message);
    }
}
