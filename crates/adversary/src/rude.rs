use std::collections::VecDeque;

use maftia_ordering::Message as Ordering;
use maftia_protocol::Step;
use maftia_replica::{Message, Replica};
use maftia_types::SiteId;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{Equivocate, Scene, Sent, Strategy, lies};

/// Messages remembered, own ones and others', to be said again.
pub const HISTORY_MAX: usize = 256;
/// Messages held back at most; beyond it the oldest leaves.
const HELD_MAX: usize = 64;

/// How often a rude site does what, of 1000 messages to one recipient; what is left passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manners {
    /// Says nothing.
    pub silent: u32,
    /// Says something false about its state.
    pub lie: u32,
    /// Says something old instead.
    pub replay: u32,
    /// Says it some events later.
    pub late: u32,
    /// Says it twice.
    pub repeat: u32,
    /// Says it to somebody else.
    pub misdirect: u32,
    /// Leaves the payload out.
    pub withhold: u32,
    /// Of 1000 outputs: shows clients something else.
    pub forge: u32,
    /// Of 1000 events: speaks unasked.
    pub unasked: u32,
}

impl Manners {
    /// Half of what it says is old.
    pub const REPLAY: Self = Self {
        silent: 0,
        lie: 0,
        replay: 500,
        late: 0,
        repeat: 0,
        misdirect: 0,
        withhold: 0,
        forge: 0,
        unasked: 200,
    };

    /// Each kind of rudeness absent, rare or common: so there are also intruders that do one thing
    /// only.
    pub fn random(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(!seed);
        let mut draw = |most: u32| match rng.random_range(0..3) {
            0 => 0,
            1 => rng.random_range(1..=most / 5),
            _ => rng.random_range(most / 5..=most),
        };
        Self {
            silent: draw(400),
            lie: draw(400),
            replay: draw(150),
            late: draw(300),
            repeat: draw(200),
            misdirect: draw(100),
            withhold: draw(200),
            forge: draw(600),
            unasked: draw(200),
        }
    }
}

/// Per recipient and message the truth, a lie, something old, nothing, late, twice or to the wrong
/// site; and all this with two histories of its own blocks.
#[derive(Debug)]
pub struct Rude {
    manners: Manners,
    fork: Option<Equivocate>,
    history: Vec<Message>,
    held: VecDeque<(SiteId, Message)>,
    rng: ChaCha8Rng,
}

impl Rude {
    /// With these manners, and chance from this seed: two of three fork their history.
    pub fn new(seed: u64, manners: Manners) -> Self {
        let forks = manners != Manners::REPLAY && !seed.is_multiple_of(3);
        Self {
            manners,
            fork: forks.then(|| Equivocate::new(seed)),
            history: Vec::new(),
            held: VecDeque::new(),
            rng: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    fn remember(&mut self, message: &Message) {
        if self.history.len() < HISTORY_MAX {
            self.history.push(message.clone());
        } else if let Some(slot) = self.history.get_mut(self.rng.random_range(0..HISTORY_MAX)) {
            *slot = message.clone();
        }
    }

    fn old(&mut self) -> Option<Message> {
        let count = self.history.len();
        let chosen = (count > 0).then(|| self.rng.random_range(0..count))?;
        self.history.get(chosen).cloned()
    }

    fn say(
        &mut self,
        scene: &Scene<'_>,
        to: SiteId,
        mut message: Message,
        sent: &mut Vec<(SiteId, Message)>,
    ) {
        let manners = self.manners;
        let mut throw = self.rng.random_range(0..1000);
        let mut falls = |share: u32| {
            let hit = throw < share;
            throw = throw.saturating_sub(share);
            hit
        };
        if falls(manners.silent) {
            return;
        }
        if falls(manners.lie) {
            lies::about_state(&mut self.rng, scene, &mut message);
        } else if falls(manners.replay) {
            message = self.old().unwrap_or(message);
        } else if falls(manners.late) {
            self.held.push_back((to, message));
            return;
        } else if falls(manners.repeat) {
            sent.push((to, message.clone()));
        } else if falls(manners.misdirect) {
            let others: Vec<SiteId> = scene.recipients(maftia_protocol::Target::Others).collect();
            let other = self.rng.random_range(0..others.len().max(1));
            sent.extend(others.get(other).map(|to| (*to, message)));
            return;
        } else if falls(manners.withhold)
            && let Message::Ordering(_, Ordering::Block { payload, .. }) = &mut message
        {
            *payload = None;
        }
        sent.push((to, message));
    }
}

impl Strategy for Rude {
    fn tamper(&mut self, scene: &Scene<'_>, step: Step<Replica>) -> Sent {
        if let Some(fork) = &mut self.fork {
            fork.prepare(scene, &step);
        }
        let Sent {
            records,
            messages,
            outputs,
        } = Sent::honest(scene, step);
        let mut sent = Vec::new();
        while let Some(late) = self
            .held
            .pop_front_if(|_| self.rng.random_bool(0.1))
            .or_else(|| self.overflow())
        {
            sent.push(late);
        }
        for (to, message) in messages {
            let message = match &self.fork {
                Some(fork) => fork.show(scene, to, message),
                None => message,
            };
            self.remember(&message);
            self.say(scene, to, message, &mut sent);
        }
        if self.rng.random_range(0..1000) < self.manners.unasked
            && let Some(old) = self.old()
        {
            let to = self.rng.random_range(0..scene.audience.max(1));
            let to = scene.recipients(maftia_protocol::Target::Others).nth(to);
            if let Some(to) = to {
                self.say(scene, to, old, &mut sent);
            }
        }
        let forge = self.manners.forge;
        let outputs = outputs.into_iter().map(|output| {
            if self.rng.random_range(0..1000) < forge {
                lies::about_replies(&mut self.rng, output)
            } else {
                output
            }
        });
        let outputs = outputs.collect();
        Sent {
            records,
            messages: sent,
            outputs,
        }
    }

    fn overhear(
        &mut self,
        _: &Scene<'_>,
        from: SiteId,
        message: &Message,
    ) -> Vec<(SiteId, Message)> {
        self.remember(message);
        self.fork
            .as_ref()
            .map_or_else(Vec::new, |fork| fork.answer(from, message))
    }
}

impl Rude {
    fn overflow(&mut self) -> Option<(SiteId, Message)> {
        if self.held.len() > HELD_MAX {
            self.held.pop_front()
        } else {
            None
        }
    }
}
