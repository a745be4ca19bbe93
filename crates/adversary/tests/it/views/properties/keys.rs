//! The group's own keys, where it has them: they stay, and nobody is called a wrong dealer for
//! nothing.

use std::collections::BTreeMap;

use maftia_activity::keys::{GENESIS_KEYS, KeyRecord, State};
use maftia_simulator::{Observation, Property, Violation};
use maftia_types::{SiteId, SiteSet, Time};

use super::{Seen, broken};
use crate::views::history::Shared;
use crate::views::host::Host;

/// Public keys never change, dealers proven wrong are intruded, and in the end there are all keys.
pub(crate) struct Keys {
    history: Shared,
    corrupted: SiteSet,
    /// By name.
    public: BTreeMap<&'static str, Vec<u8>>,
    /// The versions of the keys that were looked at last.
    seen: BTreeMap<SiteId, Vec<Option<u32>>>,
}

impl Keys {
    pub(crate) fn new(history: &Shared, corrupted: SiteSet) -> Self {
        Self {
            history: history.clone(),
            corrupted,
            public: BTreeMap::new(),
            seen: BTreeMap::new(),
        }
    }

    fn key(
        &mut self,
        host: &Host,
        name: &'static str,
        record: &KeyRecord,
    ) -> Result<(), Violation> {
        let Some(version) = &record.current else {
            return Ok(());
        };
        let public = version.sharing.key_bytes();
        let known = self.public.entry(name).or_insert_with(|| public.clone());
        if *known != public {
            return broken("keys", format!("`{name}` was {known:?} and is {public:?}"));
        }
        for culprit in version.culprits.keys() {
            let machine = host.machine_of(*culprit);
            if machine.is_none_or(|own| !self.corrupted.contains(own)) {
                return broken(
                    "blame soundness",
                    format!("{culprit} has not dealt wrongly"),
                );
            }
        }
        let mut history = self.history.borrow_mut();
        history.rare.keys_reshared += u64::from(version.number > 0);
        if name == "signing" && record.state == State::Active {
            history.signing = Some(record.id);
        }
        Ok(())
    }
}

impl Property<Host> for Keys {
    fn name(&self) -> &str {
        "keys"
    }

    fn observe(&mut self, _: Time, seen: &Seen<'_>) -> Result<(), Violation> {
        let Observation::Stepped { site, replica } = seen else {
            return Ok(());
        };
        let host: &Host = replica;
        let Some(replica) = host.replica() else {
            return Ok(());
        };
        let Some(ordered) = replica.shared_keys() else {
            return Ok(());
        };
        let coins = u64::from(replica.ruling().coins > 0);
        self.history.borrow_mut().rare.coins += coins;
        let records = GENESIS_KEYS
            .iter()
            .map(|(name, _)| (*name, ordered.key_named(name)));
        let version = |record: &KeyRecord| record.current.as_ref().map(|own| own.number);
        let versions: Vec<Option<u32>> = records
            .clone()
            .map(|(_, record)| record.and_then(version))
            .collect();
        if self.seen.get(site) == Some(&versions) {
            return Ok(());
        }
        self.seen.insert(*site, versions);
        for (name, record) in records {
            if let Some(record) = record {
                self.key(host, name, record)?;
            }
        }
        Ok(())
    }

    fn done(&self) -> bool {
        self.public.len() == GENESIS_KEYS.len()
    }

    fn stuck(&self) -> String {
        format!("keys, of which there are {:?}", self.public.keys())
    }
}
