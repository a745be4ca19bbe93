//! The intruder of the simulated world: strategies for his sites, and a hand on the network.

use std::collections::BTreeMap;
use std::rc::Rc;

use maftia_adversary::{Attack, Scene, Strategy};
use maftia_ordering::Schedule;
use maftia_protocol::Step;
use maftia_replica::{Message, Replica};
use maftia_simulator::{Adversary, Dice, Fate, Turn};
use maftia_types::{Duration, SiteId, SiteSet};

use crate::site::Blueprint;

pub(crate) struct Intruder {
    corrupted: SiteSet,
    blueprint: Rc<Blueprint>,
    strategies: BTreeMap<SiteId, Box<dyn Strategy>>,
    said: Vec<(SiteId, Message)>,
    schedule: Schedule,
    /// Of 1000 leader blocks on a link, how many he delays.
    delays: u32,
}

impl Intruder {
    pub(crate) fn new(
        corrupted: SiteSet,
        blueprint: &Rc<Blueprint>,
        attack: Option<Attack>,
        dice: &mut Dice,
    ) -> Self {
        let seed = dice.between(0, u64::MAX - 1);
        let attack = attack.unwrap_or_else(|| match dice.below(11) {
            0 => Attack::Silence,
            1 => Attack::Withhold,
            2 => Attack::LieAboutState,
            3 => Attack::ForgeReplies,
            4 => Attack::Replay,
            5 => Attack::Impersonate,
            6..=8 => Attack::Equivocate,
            _ => Attack::Rude,
        });
        // Who tells two stories tells at least one that his replica does not know of.
        if attack == Attack::Equivocate {
            let devices = &blueprint.devices;
            corrupted.iter().for_each(|site| devices.take_over(site));
        }
        let parameters = &blueprint.parameters;
        let sites = parameters.resilience.sites();
        let delays = if corrupted.is_empty() {
            0
        } else {
            *dice.pick(&[0, 0, 300, 900]).unwrap()
        };
        Self {
            corrupted,
            blueprint: Rc::clone(blueprint),
            strategies: corrupted
                .iter()
                .map(|site| (site, attack.strategy(seed)))
                .collect(),
            said: Vec::new(),
            schedule: Schedule::permuted(parameters.config, parameters.epoch, sites),
            delays,
        }
    }

    fn on<T>(
        &mut self,
        site: SiteId,
        call: impl FnOnce(&mut dyn Strategy, &Scene<'_>) -> T,
    ) -> Option<T> {
        let key = self.blueprint.keys.of(site.index());
        let resilience = &self.blueprint.parameters.resilience;
        let device = self.blueprint.devices.of_intruder(site);
        let scene = Scene {
            me: site,
            resilience,
            audience: resilience.sites(),
            key: &key,
            device: device.as_deref(),
        };
        Some(call(self.strategies.get_mut(&site)?.as_mut(), &scene))
    }
}

impl Adversary<Replica> for Intruder {
    fn corrupted(&self) -> SiteSet {
        self.corrupted
    }

    fn tamper(&mut self, turn: &mut Turn<'_, Replica>, site: SiteId, step: Step<Replica>) {
        for (to, message) in std::mem::take(&mut self.said) {
            turn.send(site, to, message);
        }
        // That its draft is on the disk, a site tells itself.
        for out in &step.messages {
            if let Message::Ordering(_, maftia_ordering::Message::Drafted { .. }) = &out.message {
                turn.send(site, site, out.message.clone());
            }
        }
        let Some(sent) = self.on(site, |strategy, scene| strategy.tamper(scene, step)) else {
            return;
        };
        for (to, message) in sent.messages {
            turn.send(site, to, message);
        }
        for output in sent.outputs {
            turn.output(site, output);
        }
    }

    fn overhear(&mut self, _: &mut Dice, to: SiteId, from: SiteId, message: &Message) {
        let said = self.on(to, |strategy, scene| {
            strategy.overhear(scene, from, message)
        });
        self.said.extend(said.unwrap_or_default());
    }

    /// The blocks of leaders take long.
    fn schedule(
        &mut self,
        turn: &mut Turn<'_, Replica>,
        _: SiteId,
        _: SiteId,
        message: &Message,
    ) -> Option<Fate> {
        let Message::Ordering(_, maftia_ordering::Message::Block { block, .. }) = message else {
            return None;
        };
        let leads = self.schedule.leader(block.round()) == block.author();
        (leads && turn.dice.chance(self.delays)).then(|| {
            let longest = Duration::from_millis(400);
            Fate::After(turn.dice.span(Duration::ZERO, longest))
        })
    }
}
