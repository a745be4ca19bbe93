use maftia_adversary::{AimAtLeaders, Attack, Equivocate, Scene, Sent, Strategy};
use maftia_crypto::SigningKey;
use maftia_protocol::{Outgoing, Release, Step, Target};
use maftia_replica::{Message, Replica};
use maftia_types::{Resilience, SiteId};

/// An intruder in this site or on its links, for drills: between a replica that works as it should and
/// the world.
pub(crate) struct Intruder {
    me: SiteId,
    resilience: Resilience,
    audience: usize,
    key: SigningKey,
    seed: u64,
    strategies: Vec<Box<dyn Strategy>>,
    /// What brings this site the messages of others.
    pub(crate) network: AimAtLeaders,
}

impl Intruder {
    /// One that does nothing yet.
    pub(crate) fn new(me: SiteId, resilience: Resilience, key: SigningKey, seed: u64) -> Self {
        Self {
            me,
            resilience,
            audience: resilience.sites(),
            key,
            seed,
            strategies: Vec::new(),
            network: AimAtLeaders::default(),
        }
    }

    /// The site has another id, in another view, or others hear it.
    pub(crate) fn renumber(&mut self, me: SiteId, resilience: Resilience, audience: usize) {
        (self.me, self.resilience, self.audience) = (me, resilience, audience);
        self.network.forget();
    }

    /// What to do from now on, one on top of the other.
    pub(crate) fn set(&mut self, attacks: &[Attack]) {
        let strategy = |attack: &Attack| -> Box<dyn Strategy> {
            match attack {
                Attack::Equivocate => Box::new(Equivocate::always(self.seed)),
                attack => attack.strategy(self.seed),
            }
        };
        self.strategies = attacks.iter().map(strategy).collect();
    }

    /// What leaves instead of `step`.
    pub(crate) fn corrupt(&mut self, mut step: Step<Replica>) -> Step<Replica> {
        let scene = Scene {
            me: self.me,
            resilience: &self.resilience,
            audience: self.audience,
            key: &self.key,
            device: None,
        };
        for strategy in &mut self.strategies {
            let faults = std::mem::take(&mut step.faults);
            let Sent {
                records,
                messages,
                outputs,
            } = strategy.tamper(&scene, step);
            let messages = messages.into_iter().map(to_one).collect();
            step = Step {
                records,
                messages,
                outputs,
                faults,
            };
        }
        step
    }

    /// What is said in return to a received message, before the replica's own answer.
    pub(crate) fn overhear(&mut self, from: SiteId, message: &Message) -> Step<Replica> {
        let scene = Scene {
            me: self.me,
            resilience: &self.resilience,
            audience: self.audience,
            key: &self.key,
            device: None,
        };
        let mut step = Step::none();
        for strategy in &mut self.strategies {
            step.messages.extend(
                strategy
                    .overhear(&scene, from, message)
                    .into_iter()
                    .map(to_one),
            );
        }
        step
    }
}

fn to_one((to, message): (SiteId, Message)) -> Outgoing<Message> {
    Outgoing {
        target: Target::One(to),
        release: Release::AfterDurable,
        message,
    }
}
