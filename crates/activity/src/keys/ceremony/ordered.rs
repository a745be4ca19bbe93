//! The ordered half: which ceremonies there are, and what each DEAL and HAVE does.

use std::collections::BTreeMap;

use bytes::Bytes;
use maftia_codec::Wire as _;
use maftia_threshold::Index;
use maftia_types::{SiteId, SiteSet};

use super::deal::{Contribution, Deal, Misdealing, transcript};
use super::rules::Run;
use super::{Ceremony, Origin, RunName, Target};
use crate::keys::ordered::KEYS_MAX;
use crate::keys::record::{index_of, site_at};
use crate::keys::setup::threshold;
use crate::keys::transcripts::statement;
use crate::keys::{
    KeyId, KeyRecord, NAME_BYTES_MAX, Ordered, Refusal, Reply, Scheme, State, Version,
};

impl Ordered {
    pub(in crate::keys) fn create(
        &mut self,
        origin: Origin,
        name: String,
        scheme: Scheme,
    ) -> Result<(KeyId, u64), Refusal> {
        if self.next.is_some() {
            return Err(Refusal::Changing);
        }
        if !self.setup.resilience.hides_dealt_secrets() {
            return Err(Refusal::Unshareable);
        }
        let printable = !name.chars().any(char::is_control);
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !printable {
            return Err(Refusal::Name);
        }
        if self.key_named(&name).is_some() {
            return Err(Refusal::NameTaken);
        }
        self.add(origin, (name, scheme), None)
    }

    /// Generates a key of the same name, which replaces the other as soon as it can be used.
    pub(in crate::keys) fn rotate(
        &mut self,
        origin: Origin,
        key: KeyId,
    ) -> Result<(KeyId, u64), Refusal> {
        if self.next.is_some() {
            return Err(Refusal::Changing);
        }
        let record = self.key(key).ok_or(Refusal::NoSuchKey)?;
        let replaced = self.keys().filter(|own| own.state != State::Retired);
        let replaced = replaced
            .filter_map(|own| own.replaces)
            .any(|own| own == key);
        match record.state {
            State::Retired => return Err(Refusal::Retired),
            State::Generating => return Err(Refusal::Busy),
            // What was encrypted to it would be lost.
            State::Active if record.scheme == Scheme::Seal => return Err(Refusal::Unrotatable),
            State::Active if replaced => return Err(Refusal::Busy),
            State::Active => {}
        }
        let (name, scheme) = (record.name.clone(), record.scheme);
        self.add(origin, (name, scheme), Some(key))
    }

    fn add(
        &mut self,
        origin: Origin,
        (name, scheme): (String, Scheme),
        replaces: Option<KeyId>,
    ) -> Result<(KeyId, u64), Refusal> {
        let in_use = self.keys().filter(|own| own.state != State::Retired);
        if in_use.count() >= KEYS_MAX {
            return Err(Refusal::TooManyKeys);
        }
        let id = KeyId(self.next_key);
        self.next_key += 1;
        let record = KeyRecord {
            id,
            name,
            scheme,
            state: State::Generating,
            replaces,
            current: None,
        };
        self.keys.insert(id, record);
        let ceremony = self.begin(origin, id)?;
        Ok((id, ceremony))
    }

    pub(in crate::keys) fn refresh(
        &mut self,
        origin: Origin,
        key: KeyId,
    ) -> Result<Reply, Refusal> {
        match self.key(key).ok_or(Refusal::NoSuchKey)?.state {
            State::Retired => Err(Refusal::Retired),
            _ if self.next.is_some() => Err(Refusal::Changing),
            _ if self.ceremonies().any(|own| own.key == key) => Err(Refusal::Busy),
            State::Generating | State::Active => {
                let ceremony = self.begin(origin, key)?;
                Ok(Reply::Begun { key, ceremony })
            }
        }
    }

    pub(in crate::keys) fn retire(&mut self, key: KeyId) -> Result<Reply, Refusal> {
        let record = self.keys.get_mut(&key).ok_or(Refusal::NoSuchKey)?;
        if record.state == State::Retired {
            return Err(Refusal::Retired);
        }
        record.state = State::Retired;
        if let Some(current) = &mut record.current {
            current.dealings.clear();
        }
        self.ceremonies.retain(|_, own| own.key != key);
        // At once: a checkpoint may follow before the next tick, and holds no more than it may.
        self.sessions.forget(key);
        // The public part stays, so that old signatures can be attributed, while there is room.
        let retired = self.keys.values().filter(|own| own.state == State::Retired);
        if retired.clone().count() > KEYS_MAX {
            let oldest = retired.map(|own| own.id).min();
            self.keys.retain(|id, _| Some(*id) != oldest);
        }
        Ok(Reply::Retired(key))
    }

    /// A site's word.
    pub(in crate::keys) fn take(&mut self, site: SiteId, contribution: Contribution) {
        match contribution {
            Contribution::Deal { ceremony, body } => self.take_deal(site, ceremony, body),
            Contribution::Have { ceremony } => self.take_have(site, ceremony),
        }
    }

    /// A ceremony with what it rests on.
    pub(super) fn run(&self, number: u64) -> Option<Run<'_>> {
        let ceremony = self.ceremonies.get(&number)?;
        Some(Run {
            setup: &self.setup,
            ceremony,
            previous: self.key(ceremony.key)?.current.as_ref(),
        })
    }

    /// The ceremony that a word is about, if it is still this run.
    pub(super) fn run_named(&self, name: RunName) -> Option<Run<'_>> {
        let run = self.run(name.number)?;
        (run.ceremony.run_name() == name).then_some(run)
    }

    /// Begins a ceremony of that key: for the next committee while one is prepared.
    pub(in crate::keys) fn begin(&mut self, origin: Origin, key: KeyId) -> Result<u64, Refusal> {
        let number = self.next_ceremony;
        let record = self.key(key).ok_or(Refusal::NoSuchKey)?;
        let target = match &self.next {
            Some(next) => Target {
                epoch: next.epoch,
                members: next.members.clone(),
                threshold: threshold(next.resilience),
            },
            None => Target {
                epoch: self.setup.epoch,
                members: self.setup.committee(),
                threshold: self.setup.threshold(),
            },
        };
        let ceremony = Ceremony::begin(&self.setup, target, origin, (number, record));
        self.ceremonies.insert(number, ceremony);
        self.next_ceremony += 1;
        Ok(number)
    }

    /// Rule 3: the first valid DEAL of each dealer counts, until there are enough; the first invalid
    /// one convicts its dealer. Anything else is late or repeated.
    fn take_deal(&mut self, site: SiteId, name: RunName, body: Bytes) {
        let Some(run) = self.run_named(name) else {
            return;
        };
        let number = name.number;
        let own = run.ceremony;
        if own.made.is_some() || own.has_dealt(site) || own.culprits.contains_key(&site) {
            return;
        }
        let deal = Deal::from_bytes(body).map_err(|_| Misdealing::Malformed);
        let checked = deal.and_then(|deal| run.check(site, &deal));
        let own = self.ceremonies.get_mut(&number);
        let own = own.expect("the ceremony was found above");
        match checked {
            Ok((record, verified)) => {
                own.verified.keep(record.dealer, verified);
                own.dealings.push(record);
            }
            Err(misdealing) => {
                own.culprits.insert(site, misdealing);
                return;
            }
        }
        if own.dealings.len() >= own.dealings_needed() {
            self.qualify(number);
        }
    }

    /// Rule 4: enough dealings make the new sharing.
    fn qualify(&mut self, number: u64) {
        let run = self.run(number).expect("the caller found the ceremony");
        let made = run.qualify();
        let intruded_max = self.setup.resilience.intruded_max();
        let own = self.ceremonies.get_mut(&number);
        let own = own.expect("the caller found the ceremony");
        let Ok((sharing, slope)) = made else {
            // The dealings cancel, which no dealer can bring about without knowing the others'
            // secrets: nobody is to blame, and another dealer's dealing changes it.
            own.dealings.pop();
            return;
        };
        // What an exposed dealer reshares has a constant term that is known: with the points that
        // others must publish, all of its polynomial.
        let exposed_before = |dealer: Index| {
            let before = self.keys.get(&own.key);
            let before = before.and_then(|record| record.current.as_ref());
            before.is_some_and(|version| {
                let dealer = site_at(&version.members, dealer);
                dealer.is_some_and(|site| version.exposed.contains(site))
            })
        };
        let exposed = own.members.iter().copied().filter(|member| {
            let place = index_of(&own.members, *member);
            let published = |record: &&super::DealRecord| {
                let public = place.and_then(|place| record.published_for(place));
                public.is_some() || exposed_before(record.dealer)
            };
            let known = own.dealings.iter().filter(published).count() + intruded_max;
            known >= own.dealings.len()
        });
        let mut made = Version {
            number: own.version,
            ceremony: number,
            run: own.run,
            members: own.members.clone(),
            sharing,
            transcript: transcript(&own.run, &own.dealings),
            statement: Bytes::new(),
            slope,
            holders: SiteSet::EMPTY,
            exposed: exposed.collect(),
            culprits: BTreeMap::new(),
            dealings: std::mem::take(&mut own.dealings),
        };
        if let Some(record) = self.keys.get(&own.key) {
            made.statement = statement(&self.setup, record, own, &made);
        }
        own.verified.clear();
        own.made = Some(made);
    }

    /// Rule 6: when a threshold of members hold their shares, the new sharing is in use; one for the
    /// next committee waits for the end of the epoch. Later ones are noted, so that the dealings can
    /// be forgotten once nobody needs them.
    fn take_have(&mut self, site: SiteId, name: RunName) {
        let own = self.ceremonies.get_mut(&name.number);
        if let Some(own) = own.filter(|own| own.run_name() == name) {
            if let Some(made) = &mut own.made {
                note_holder(made, site);
            }
            if self.next.is_none() && own.is_held() {
                let own = self.ceremonies.remove(&name.number);
                self.activate(own.expect("the ceremony was found above"));
            }
            return;
        }
        let active = self
            .keys
            .values_mut()
            .filter(|own| own.state == State::Active);
        let mut versions = active.filter_map(|own| own.current.as_mut());
        if let Some(version) = versions.find(|own| RunName::of(own) == name) {
            note_holder(version, site);
            forget_dealings(version);
        }
    }

    /// The new sharing is in use from now on.
    pub(in crate::keys) fn activate(&mut self, own: Ceremony) {
        let record = self.keys.get_mut(&own.key);
        let record = record.expect("a ceremony goes when its key is retired");
        let mut made = own.made.expect("the caller has seen who holds it");
        made.culprits = own.culprits;
        forget_dealings(&mut made);
        record.current = Some(made);
        let first = record.state == State::Generating;
        record.state = State::Active;
        if let Some(former) = record.replaces.filter(|_| first) {
            self.sessions.hand_over(former, own.key);
            // It may have been retired meanwhile.
            let _retired = self.retire(former);
        }
    }
}

fn note_holder(version: &mut Version, site: SiteId) {
    if version.members.contains(&site) {
        version.holders.insert(site);
    }
}

/// Nobody needs the dealings once all members hold their shares.
fn forget_dealings(version: &mut Version) {
    if version.holders.len() == version.members.len() {
        version.dealings.clear();
    }
}
