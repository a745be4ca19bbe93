//! What never happens to correct sites.

use std::collections::BTreeMap;

use maftia_crypto::PublicKey;
use maftia_replica::{Output, Replica};
use maftia_simulator::{Observation, Property, Violation};
use maftia_types::{SiteId, SiteSet, Time};

use super::{Seen, broken};
use crate::book;
use crate::views::estate::{Estate, key};
use crate::views::history::Shared;
use crate::views::host::{Given, Host};

/// No alarm, no divergence, no lost tail, no innocent convicted or called rude.
pub(crate) struct Sanity {
    corrupted: SiteSet,
    keys: Vec<PublicKey>,
    proofs: BTreeMap<SiteId, usize>,
    history: Shared,
    book: book::Shared,
}

impl Sanity {
    pub(crate) fn new(
        corrupted: SiteSet,
        estate: &Estate,
        history: &Shared,
        book: &book::Shared,
    ) -> Self {
        Self {
            corrupted,
            keys: estate.all().map(|machine| key(machine).public()).collect(),
            proofs: BTreeMap::new(),
            history: history.clone(),
            book: book.clone(),
        }
    }

    fn output(&self, site: SiteId, output: &Output) -> Result<(), Violation> {
        let rare = &mut self.history.borrow_mut().rare;
        match output {
            Output::Alarm(alarm) => broken("no alarm", format!("{site}: {}", alarm.text)),
            Output::Diverged { index, .. } => broken(
                "state agreement",
                format!("{site} has another state at commit {index}"),
            ),
            Output::LostTail => broken("no lost tail", format!("{site} lost its tail")),
            Output::Convicted(_) => {
                rare.convictions += 1;
                Ok(())
            }
            Output::Installed { .. } => {
                rare.transfers += 1;
                Ok(())
            }
            Output::Stable { .. } => {
                rare.checkpoints += 1;
                Ok(())
            }
            Output::Left(_) => {
                rare.left += 1;
                Ok(())
            }
            Output::Suspicion(_) | Output::Replies { .. } | Output::Sites => Ok(()),
        }
    }

    fn proofs(&mut self, site: SiteId, replica: &Replica) -> Result<(), Violation> {
        let evidence = replica.evidence();
        if self.proofs.insert(site, evidence.len()) == Some(evidence.len()) {
            return Ok(());
        }
        let mut convicted = evidence.convicted(&self.keys).iter();
        match convicted.find(|own| !self.corrupted.contains(*own)) {
            None => Ok(()),
            Some(own) => broken(
                "blame soundness",
                format!("{site} convicts the correct machine {own}"),
            ),
        }
    }
}

impl Property<Host> for Sanity {
    fn name(&self) -> &str {
        "no alarm"
    }

    fn observe(&mut self, _: Time, seen: &Seen<'_>) -> Result<(), Violation> {
        match seen {
            Observation::Output { site, output } => match output {
                Given::Replica(output) => self.output(*site, output),
                Given::Views(_) => Ok(()),
            },
            Observation::Stepped { site, replica } => match replica.replica() {
                Some(replica) => self.proofs(*site, replica),
                None => Ok(()),
            },
            Observation::Faulted { site, fault } if !self.corrupted.contains(fault.culprit) => {
                let text = format!("{site} blames {}: {}", fault.culprit, fault.misbehaviour);
                broken("blame soundness", text)
            }
            Observation::Healed => {
                self.book.borrow_mut().healed = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
