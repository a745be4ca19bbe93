//! One sequence of views.

use std::collections::BTreeMap;
use std::rc::Rc;

use maftia_membership::membership::{Membership, Outcome};
use maftia_membership::{Certificate, Change, Edit, View};
use maftia_replica::{Record, Replica};
use maftia_simulator::{Observation, Property, Violation};
use maftia_types::{Epoch, SiteId, Time};

use super::{Seen, broken};
use crate::views::estate::Estate;
use crate::views::history::Shared;
use crate::views::host::Host;

/// One sequence of views, of last commits and of what became of changes, at all correct sites; each
/// view is what the change makes of the one before; certificates are of a quorum; clients come only
/// to views that the group decided.
pub(crate) struct Views {
    history: Shared,
    estate: Rc<Estate>,
    /// What was last seen of each machine: epoch, proposal under way, changes made.
    seen: BTreeMap<SiteId, (u64, Option<u64>, usize)>,
    accepted: usize,
}

impl Views {
    pub(crate) fn new(history: &Shared, estate: &Rc<Estate>) -> Self {
        Self {
            history: history.clone(),
            estate: Rc::clone(estate),
            seen: BTreeMap::new(),
            accepted: 0,
        }
    }

    fn look(&mut self, site: SiteId, replica: &Replica) -> Result<(), Violation> {
        let Some(state) = replica.membership() else {
            return Ok(());
        };
        let epoch = state.view().epoch().0;
        let underway = state.pending().map(|pending| pending.proposal);
        let now = (epoch, underway, state.history().count());
        let before = self.seen.insert(site, now);
        if before == Some(now) {
            return Ok(());
        }
        if before.is_some_and(|(before, ..)| before > epoch) {
            return broken("views", format!("{site} goes back to epoch {epoch}"));
        }
        self.outcomes(site, state)?;
        self.view(site, state)?;
        let mut history = self.history.borrow_mut();
        let commit = replica.engine().frontier().index;
        if commit >= history.commit {
            history.commit = commit;
            history.pending = state.pending().map(|pending| pending.change.clone());
        }
        Ok(())
    }

    fn outcomes(&self, site: SiteId, state: &Membership) -> Result<(), Violation> {
        let history = &mut *self.history.borrow_mut();
        for entry in state.history() {
            let own = (entry.change.clone(), entry.outcome.clone());
            let known = history.outcomes.entry(entry.proposal);
            let known = known.or_insert_with(|| own.clone());
            if *known != own {
                return broken("views", format!("{site}: {own:?}, elsewhere {known:?}"));
            }
        }
        Ok(())
    }

    fn view(&self, site: SiteId, state: &Membership) -> Result<(), Violation> {
        let history = &mut *self.history.borrow_mut();
        let (view, epoch) = (state.view(), state.view().epoch().0);
        let own = (view.clone(), state.origin());
        if let Some(known) = history.views.get(&epoch) {
            if *known != own {
                return broken(
                    "views",
                    format!("{site} is in {own:?}, others in {known:?}"),
                );
            }
            return Ok(());
        }
        let started = self.estate.started.borrow();
        let machines = view
            .members()
            .iter()
            .map(|own| self.estate.machine(&own.key));
        let absent = machines.flatten().find(|own| !started.contains(own));
        if let Some(absent) = absent.filter(|_| epoch > 0) {
            return broken("views", format!("{absent} has a seat and was never there"));
        }
        let (n, f) = (view.members().len(), view.resilience().intruded_max());
        if n < 3 * f + 1 {
            return broken("views", format!("{n} sites do not bear {f} intruders"));
        }
        if epoch > 0 {
            let Some((former, _)) = history.views.get(&(epoch - 1)) else {
                return broken(
                    "views",
                    format!("{site} is in {epoch}, nobody in the one before"),
                );
            };
            let entered = Outcome::Entered(Epoch(epoch));
            let changes = history.outcomes.values();
            let change = changes.into_iter().find(|(_, outcome)| *outcome == entered);
            let Some((change, _)) = change else {
                return broken("views", format!("no change has led to {epoch}"));
            };
            let renews = change.is_renewal();
            let expected = expected(former, change);
            if (names(view), f) != expected {
                return broken("views", format!("{view:?}, expected {expected:?}"));
            }
            history.rare.changes += 1;
            history.rare.renewals += u64::from(renews);
            history.rare.grown += u64::from(f > former.resilience().intruded_max());
            history.rare.shrunk += u64::from(f < former.resilience().intruded_max());
            history.rare.added += u64::from(n > former.members().len());
            history.rare.removed += u64::from(n < former.members().len());
        }
        history.views.insert(epoch, own);
        Ok(())
    }

    fn certificates(&self, site: SiteId, chain: &[Certificate]) -> Result<(), Violation> {
        let history = self.history.borrow();
        let epochs: Vec<u64> = chain
            .iter()
            .map(|own| own.handover().view.epoch().0)
            .collect();
        if epochs.windows(2).any(|pair| pair[0] + 1 != pair[1]) {
            return broken("certificates", format!("{site} keeps {epochs:?}"));
        }
        for own in chain {
            let handover = own.handover();
            let epoch = handover.view.epoch().0;
            let (Some((former, _)), Some((view, origin))) =
                (history.views.get(&(epoch - 1)), history.views.get(&epoch))
            else {
                return broken(
                    "views",
                    format!("{site} can prove {epoch}, where nobody is"),
                );
            };
            let (n, f) = (former.members().len(), former.resilience().intruded_max());
            let signers = own.signers().iter().filter(|seat| seat.index() < n).count();
            if signers < n - f {
                let text = format!("{signers} of {n} have handed over to {epoch}");
                return broken("certificates", text);
            }
            let same = (handover.commit, handover.chain) == (origin.commit, origin.chain);
            if handover.view != *view || !same {
                return broken("certificates", format!("{handover:?} is not {view:?}"));
            }
        }
        Ok(())
    }
}

/// Names by seat, and f, after a change.
fn expected(former: &View, change: &Change) -> (Vec<String>, usize) {
    let mut seats = names(former);
    let mut added = Vec::new();
    for edit in &change.edits {
        match edit {
            Edit::Add(member) => added.push(member.name.clone()),
            Edit::Remove(name) => seats.retain(|own| own != name),
            Edit::Replace { name, with } => {
                let own = seats.iter_mut().find(|own| *own == name);
                *own.unwrap() = with.name.clone();
            }
        }
    }
    seats.append(&mut added);
    let f = change
        .f
        .map_or(former.resilience().intruded_max(), usize::from);
    (seats, f)
}

fn names(view: &View) -> Vec<String> {
    view.members().iter().map(|own| own.name.clone()).collect()
}

impl Property<Host> for Views {
    fn name(&self) -> &str {
        "views"
    }

    fn observe(&mut self, _: Time, seen: &Seen<'_>) -> Result<(), Violation> {
        match seen {
            Observation::Stepped { site, replica } => match replica.replica() {
                Some(replica) => self.look(*site, replica),
                None => Ok(()),
            },
            Observation::Crashed { site } => {
                self.seen.remove(site);
                Ok(())
            }
            Observation::Recorded { site, record } => match &record.record {
                // What is written is looked at before the step that wrote it.
                Record::Chain(chain) => self.certificates(*site, chain),
                _ => Ok(()),
            },
            _ => {
                let history = self.history.borrow();
                for view in history.accepted.iter().skip(self.accepted) {
                    let decided = history.views.get(&view.epoch().0);
                    if decided.is_none_or(|(own, _)| own != view) {
                        let text = format!("clients have been led to {view:?}");
                        return broken("followers", text);
                    }
                }
                self.accepted = history.accepted.len();
                Ok(())
            }
        }
    }

    /// Every change is made, unless its joiners did not come.
    fn finish(&mut self, _: Time) -> Result<(), Violation> {
        let history = &mut *self.history.borrow_mut();
        let aborted = history
            .outcomes
            .values()
            .filter(|(_, outcome)| matches!(outcome, Outcome::Aborted(_)));
        history.rare.aborted += aborted.count() as u64;
        Ok(())
    }
}
