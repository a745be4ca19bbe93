//! What is reached in the end.

use std::collections::BTreeMap;

use maftia_replica::Activity;
use maftia_simulator::{Observation, Property, Violation};
use maftia_types::{SiteId, SiteSet, Time};

use super::Seen;
use crate::book;
use crate::views::estate::key;
use crate::views::history::Shared;
use crate::views::host::Host;

/// After the healing all members of the last view reach the same state, serve, and go on taking
/// checkpoints; who is out of it has stopped.
pub(crate) struct Settled {
    history: Shared,
    book: book::Shared,
    corrupted: SiteSet,
    healed: bool,
    floor: u64,
    machines: BTreeMap<SiteId, Reached>,
}

#[derive(Clone, Default, Debug)]
struct Reached {
    runs: bool,
    epoch: u64,
    position: u64,
    commit: u64,
    checkpoint: u64,
    activity: Option<Activity>,
}

impl Settled {
    pub(crate) fn new(history: &Shared, book: &book::Shared, corrupted: SiteSet) -> Self {
        Self {
            history: history.clone(),
            book: book.clone(),
            corrupted,
            healed: false,
            floor: 0,
            machines: BTreeMap::new(),
        }
    }

    fn waiting(&self) -> Vec<String> {
        let history = self.history.borrow();
        let book = self.book.borrow();
        let executed = book
            .executed
            .last_key_value()
            .map_or(0, |(place, _)| *place);
        let Some(view) = history.newest() else {
            return vec!["a view".to_owned()];
        };
        let epoch = view.epoch().0;
        let mut waiting = Vec::new();
        for (machine, own) in &self.machines {
            let seated = view.seat_of(&key(*machine).public()).is_some();
            // Who was off for longer knows nobody who still knows it.
            let former = epoch.checked_sub(1).and_then(|own| history.views.get(&own));
            let was =
                former.is_some_and(|(view, _)| view.seat_of(&key(*machine).public()).is_some());
            let well = own.epoch == epoch
                && own.position >= executed
                && own.checkpoint > self.floor
                && own.activity == Some(Activity::Serving);
            if seated && !(own.runs && well) || !seated && was && own.runs {
                waiting.push(format!("{machine} {own:?}"));
            }
        }
        waiting
    }
}

impl Property<Host> for Settled {
    fn name(&self) -> &str {
        "convergence"
    }

    fn observe(&mut self, _: Time, seen: &Seen<'_>) -> Result<(), Violation> {
        match seen {
            Observation::Healed => {
                self.healed = true;
                let commits = self.machines.values().map(|own| own.commit);
                self.floor = commits.max().unwrap_or(0);
            }
            Observation::Stepped { site, replica } if !self.corrupted.contains(*site) => {
                let own = self.machines.entry(*site).or_default();
                let Some(replica) = replica.replica() else {
                    own.runs = false;
                    return Ok(());
                };
                own.runs = true;
                own.commit = replica.engine().frontier().index;
                if self.healed {
                    let status = replica.status();
                    own.epoch = replica.membership().map_or(0, |own| own.view().epoch().0);
                    own.position = status.position;
                    own.checkpoint = status.checkpoint.map_or(0, |(index, _)| index);
                    own.activity = Some(status.activity);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn done(&self) -> bool {
        !self.healed || self.waiting().is_empty()
    }

    fn stuck(&self) -> String {
        format!("after {}: {}", self.floor, self.waiting().join("; "))
    }
}
