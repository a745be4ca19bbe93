use std::collections::BTreeMap;

use super::super::assert_threshold;
use super::{Actor, World, site};
use crate::keys::{KeyGroup, KeyId, State, in_group};

/// What must hold once everything is finished.
impl World {
    pub(in crate::keys::ceremony::tests) fn check(&self) {
        for record in self
            .ordered()
            .keys()
            .filter(|own| own.state == State::Active)
        {
            in_group!(record.scheme, G => self.check_key::<G>(record.id));
        }
        self.check_blame();
        self.check_publications();
    }

    fn check_key<G: KeyGroup>(&self, key: KeyId) {
        let record = self.ordered().key(key).unwrap();
        let correct = |actor: &&Actor| actor.intruder.is_none();
        let seated = self.actors.iter().filter(|actor| actor.me.is_some());
        let shares: Vec<_> = seated
            .filter(correct)
            .map(|actor| {
                actor
                    .site
                    .share::<G>(record)
                    .expect("every correct site has its share")
            })
            .collect();
        assert_threshold(record.active().unwrap(), &shares);
        // Nothing is left of what came before.
        for actor in self.actors.iter().filter(correct) {
            let held = actor.site.vault.held.keys().filter(|(own, _)| *own == key);
            let versions: Vec<_> = held.map(|(_, version)| *version).collect();
            let expected = actor.me.map(|_| record.active().unwrap().number);
            assert_eq!(versions, Vec::from_iter(expected));
            assert!(actor.site.vault.works.is_empty());
        }
    }

    /// No correct site is ever convicted.
    fn check_blame(&self) {
        for state in &self.states {
            let underway = state.ceremonies().map(|own| &own.culprits);
            let made = state
                .keys()
                .filter_map(|own| Some(&own.current.as_ref()?.culprits));
            for culprit in underway.chain(made).flat_map(BTreeMap::keys) {
                assert!(!self.is_correct(state, *culprit), "{culprit} is correct");
            }
        }
    }

    /// No correct dealer ever publishes two sets of shares in one ceremony.
    fn check_publications(&self) {
        for (who, actor) in self.actors.iter().enumerate() {
            let own = site(who);
            if actor.intruder.is_some() {
                continue;
            }
            for number in 1..self.ordered().next_ceremony {
                let deals = self.deals(own, number);
                assert!(
                    deals.iter().all(|deal| Some(deal) == deals.first()),
                    "{own} {number}"
                );
            }
        }
    }
}
