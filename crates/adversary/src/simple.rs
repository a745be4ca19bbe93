use maftia_ordering::Message as Ordering;
use maftia_protocol::Step;
use maftia_replica::{Message, Replica};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{Scene, Sent, Strategy, lies};

/// Says nothing to anybody.
#[derive(Clone, Copy, Debug)]
pub struct Silence;

impl Strategy for Silence {
    fn tamper(&mut self, _: &Scene<'_>, step: Step<Replica>) -> Sent {
        Sent {
            records: step.records,
            ..Sent::default()
        }
    }
}

/// Takes part in everything and tells clients something else.
#[derive(Debug)]
pub struct ForgeReplies {
    rng: ChaCha8Rng,
}

impl ForgeReplies {
    /// With chance from this seed.
    pub fn new(seed: u64) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
        }
    }
}

impl Strategy for ForgeReplies {
    fn tamper(&mut self, scene: &Scene<'_>, step: Step<Replica>) -> Sent {
        let mut sent = Sent::honest(scene, step);
        let outputs = sent.outputs.into_iter();
        sent.outputs = outputs
            .map(|output| lies::about_replies(&mut self.rng, output))
            .collect();
        sent
    }
}

/// Gives headers and keeps the payloads.
#[derive(Clone, Copy, Debug)]
pub struct Withhold;

impl Strategy for Withhold {
    fn tamper(&mut self, scene: &Scene<'_>, step: Step<Replica>) -> Sent {
        let mut sent = Sent::honest(scene, step);
        sent.messages.retain_mut(|(_, message)| {
            if let Message::Ordering(_, Ordering::Block { payload, .. }) = message {
                *payload = None;
            }
            !matches!(message, Message::Ordering(_, Ordering::Payload { .. }))
        });
        sent
    }
}

/// Takes part in the ordering and lies about how far it is and what it holds.
#[derive(Debug)]
pub struct LieAboutState {
    rng: ChaCha8Rng,
    /// Of 1000 messages of each kind, how many are lies: one kind may be all true, so that others
    /// listen, and another all false.
    lies_per_mille: [u32; lies::KINDS],
}

impl LieAboutState {
    /// With chance from this seed.
    pub fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut draw = || {
            [0, 500, 1000]
                .get(rng.random_range(0..3))
                .copied()
                .unwrap_or(0)
        };
        let lies_per_mille = [(); lies::KINDS].map(|()| draw());
        Self {
            rng,
            lies_per_mille,
        }
    }
}

impl Strategy for LieAboutState {
    fn tamper(&mut self, scene: &Scene<'_>, step: Step<Replica>) -> Sent {
        let mut sent = Sent::honest(scene, step);
        for (_, message) in &mut sent.messages {
            let share = lies::kind_of(message).and_then(|kind| self.lies_per_mille.get(kind));
            if self.rng.random_range(0..1000) < share.copied().unwrap_or(0) {
                lies::about_state(&mut self.rng, scene, message);
            }
        }
        sent
    }
}

/// Gives each half of the peers another payload for the same header, and speaks in the names of
/// others.
#[derive(Debug)]
pub struct Impersonate {
    rng: ChaCha8Rng,
}

impl Impersonate {
    /// With chance from this seed.
    pub fn new(seed: u64) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
        }
    }
}

impl Strategy for Impersonate {
    fn tamper(&mut self, scene: &Scene<'_>, step: Step<Replica>) -> Sent {
        let mut sent = Sent::honest(scene, step);
        let mut extra = Vec::new();
        for (to, message) in &mut sent.messages {
            if to.index() % 2 == 1 {
                lies::about_payload(message);
            }
            if self.rng.random_bool(0.3)
                && let Some(stolen) = lies::in_the_name_of(scene, *to, message)
            {
                extra.push((*to, stolen));
            }
        }
        sent.messages.extend(extra);
        sent
    }
}

impl Sent {
    /// What a correct site makes of a step, its messages one by one.
    pub(crate) fn honest(scene: &Scene<'_>, step: Step<Replica>) -> Self {
        let mut messages = Vec::new();
        for out in step.messages {
            let recipients = scene.recipients(out.target);
            messages.extend(recipients.map(|to| (to, out.message.clone())));
        }
        Self {
            records: step.records,
            messages,
            outputs: step.outputs,
        }
    }
}
