use maftia_types::{FaultModel, Resilience};

use super::{Actor, World, signing_key, site};
use crate::replication::{NextCommittee, PrepareError};

/// What the group's members do to their own number.
impl World {
    /// Begins to prepare an epoch in which those actors are the members, by seat. New ones are added.
    pub(in crate::keys::ceremony::tests) fn prepare(
        &mut self,
        members: &[usize],
    ) -> Result<(), PrepareError> {
        let present = self.ordered().setup().clone();
        let seated = present.resilience.sites();
        let mut joiners = Vec::new();
        let mut numbers = Vec::new();
        for who in members {
            let seat = Self::seat_in(self.ordered(), *who).filter(|own| own.index() < seated);
            numbers.push(seat.unwrap_or_else(|| {
                joiners.push(signing_key(site(*who)).public());
                site(seated + joiners.len() - 1)
            }));
        }
        let resilience = Resilience::largest(FaultModel::Arbitrary, members.len()).unwrap();
        let next = NextCommittee {
            epoch: present.epoch.next(),
            resilience,
            joiners,
            members: numbers,
        };
        let mut state = self.ordered().clone();
        state.prepare(&next, self.states.len() as u64, self.now.as_millis())?;
        self.push(state);
        while members.iter().any(|who| *who >= self.actors.len()) {
            let seen = self.states.len() - 1;
            let who = self.actors.len();
            let me = Self::seat_in(self.ordered(), who);
            self.actors.push(Actor::new(who, me, seen, &mut self.rng));
        }
        Ok(())
    }

    /// The members are changed to those actors, and all is settled.
    pub(in crate::keys::ceremony::tests) fn change(&mut self, members: &[usize]) {
        let before = self.epoch();
        self.prepare(members).unwrap();
        self.step_until(|world| world.epoch() > before);
        self.finish();
    }

    pub(in crate::keys::ceremony::tests) fn abandon(&mut self) {
        let mut state = self.ordered().clone();
        state.abandon();
        self.push(state);
    }

    pub(in crate::keys::ceremony::tests) fn epoch(&self) -> u64 {
        self.ordered().setup().epoch.0
    }
}
