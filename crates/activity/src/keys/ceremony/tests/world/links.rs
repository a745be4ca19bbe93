use rand::RngExt as _;

use super::World;
use crate::replication::Effects;

/// What lies between the sites.
impl World {
    /// Those actors are cut off, each alone: from all others, and from the log.
    pub(in crate::keys::ceremony::tests) fn cut_off(&mut self, actors: &[usize]) {
        self.cut_off = actors.iter().copied().collect();
    }

    pub(super) fn is_idle(&self) -> bool {
        let settled = |who: usize| {
            let actor = &self.actors[who];
            let done = actor.seen + 1 == self.states.len() && actor.pending.is_empty();
            actor.down || self.cut_off.contains(&who) || done
        };
        self.network.is_empty() && (0..self.actors.len()).all(settled)
    }

    /// Some message arrives, or does not, or does and is still under way.
    pub(super) fn deliver(&mut self) {
        let at = self.rng.random_range(0..self.network.len());
        let (from, to, message) = self.network.swap_remove(at);
        let fate = self.rng.random_range(0..100);
        let parted = self.cut_off.contains(&from) || self.cut_off.contains(&to);
        if fate < self.lost || parted || self.actors[to].down {
            return;
        }
        if fate == 99 {
            self.network.push((from, to, message.clone()));
        }
        let actor = &mut self.actors[to];
        let ordered = self.states[actor.seen].clone();
        // A link is to a site that its state knows.
        let Some(from) = Self::seat_in(&ordered, from) else {
            return;
        };
        let mut out = Effects::default();
        if let Some(intruder) = &mut actor.intruder {
            intruder.hear(from, &message);
        }
        actor
            .site
            .hear(self.now, from, &message, &ordered, &mut out);
        self.perform(to, out);
    }
}
