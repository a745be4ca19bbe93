//! What must happen now and then.

use std::collections::BTreeMap;

use maftia_membership::Edit;
use maftia_membership::membership::Outcome;
use maftia_simulator::{Observation, Property, Violation};
use maftia_types::{Epoch, SiteId, SiteSet, Time};

use super::Seen;
use crate::views::history::Shared;
use crate::views::host::Host;

/// Notes the rare things.
pub(crate) struct Rarities {
    history: Shared,
    phases: BTreeMap<SiteId, Phase>,
    crashes: (Time, Vec<Phase>),
    corrupted: SiteSet,
    stopped: SiteSet,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Phase {
    epoch: u64,
    pending: bool,
    member: bool,
    handing: bool,
    hollow: bool,
}

impl Rarities {
    pub(crate) fn new(history: &Shared, corrupted: SiteSet) -> Self {
        Self {
            history: history.clone(),
            phases: BTreeMap::new(),
            crashes: (Time::ZERO, Vec::new()),
            corrupted,
            stopped: SiteSet::EMPTY,
        }
    }

    fn crashed(&mut self, now: Time, site: SiteId) {
        let Some(phase) = self.phases.get(&site).copied() else {
            return;
        };
        let rare = &mut self.history.borrow_mut().rare;
        rare.crashes_in_change += u64::from(phase.pending && phase.member);
        rare.crashes_of_joiners += u64::from(phase.pending && !phase.member);
        rare.crashes_in_handover += u64::from(phase.handing);
        if self.crashes.0 != now {
            self.crashes = (now, Vec::new());
        }
        self.crashes.1.push(phase);
        // The third crash at one instant is one of all.
        if self.crashes.1.len() == 3 {
            let any = |is: fn(&Phase) -> bool| self.phases.values().any(is);
            rare.power_losses_in_change += u64::from(any(|phase| phase.pending));
            rare.power_losses_in_handover += u64::from(any(|phase| phase.handing));
        }
    }

    fn stepped(&mut self, site: SiteId, host: &Host) {
        let Some(replica) = host.replica() else {
            if self.phases.remove(&site).is_some() {
                let again = self.stopped.contains(site);
                self.stopped.insert(site);
                self.history.borrow_mut().rare.stopped_again += u64::from(again);
            }
            return;
        };
        let before = self.phases.get(&site).copied().unwrap_or_default();
        let view = replica.view();
        let epoch = view.map_or(0, |view| view.epoch().0);
        let handing = epoch > 0
            && (before.handing || before.epoch != epoch)
            && replica.views_after(Epoch(epoch - 1)).is_empty();
        let members = view.map_or(0, |view| view.members().len());
        let state = replica.membership();
        let phase = Phase {
            epoch,
            pending: state.is_some_and(|state| state.pending().is_some()),
            member: replica.me().index() < members,
            handing,
            hollow: state.is_none(),
        };
        let adopted = phase.hollow && before.epoch < epoch && before != Phase::default();
        self.history.borrow_mut().rare.views_adopted += u64::from(adopted);
        self.phases.insert(site, phase);
    }
}

impl Property<Host> for Rarities {
    fn name(&self) -> &str {
        "rarities"
    }

    fn observe(&mut self, now: Time, seen: &Seen<'_>) -> Result<(), Violation> {
        match seen {
            Observation::Crashed { site } => self.crashed(now, *site),
            Observation::Wiped { .. } => {
                let history = &mut *self.history.borrow_mut();
                history.rare.wipes_after_change += u64::from(history.views.len() > 1);
            }
            Observation::Stepped { site, replica } => self.stepped(*site, replica),
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self, _: Time) -> Result<(), Violation> {
        let history = &mut *self.history.borrow_mut();
        let (mut intruders, mut correct) = (0, 0);
        for (change, outcome) in history.outcomes.values() {
            if !matches!(outcome, Outcome::Entered(_)) {
                continue;
            }
            for edit in &change.edits {
                let Edit::Replace { name, .. } = edit else {
                    continue;
                };
                let machine = SiteId::all(16).find(|own| format!("s{}", own.as_u8()) == *name);
                if machine.is_some_and(|own| self.corrupted.contains(own)) {
                    intruders += 1;
                } else {
                    correct += 1;
                }
            }
        }
        history.rare.intruders_replaced += intruders;
        history.rare.correct_replaced += correct;
        Ok(())
    }
}
