use std::collections::BTreeMap;

use maftia_channels::{Channel, Class, Delivery, Output};
use maftia_codec::Bytes;
use maftia_simulator::{Observation, Property, Violation};
use maftia_types::{SiteId, SiteSet, Time};

use crate::arena::past_of;

/// Validity, agreement, integrity and order of a class, counted from outside.
pub(crate) struct Promises {
    class: Class,
    correct: SiteSet,
    /// What was delivered anywhere.
    anywhere: BTreeMap<(SiteId, u64), Bytes>,
    /// By member, of each sender: what was delivered.
    at: BTreeMap<SiteId, BTreeMap<SiteId, BTreeMap<u64, Bytes>>>,
    /// In this life: how many of each sender's were delivered in turn.
    turn: BTreeMap<(SiteId, SiteId), u64>,
    /// After how many messages each member's end was seen.
    ends: BTreeMap<SiteId, u64>,
}

impl Promises {
    pub(crate) fn new(class: Class, correct: SiteSet) -> Self {
        Self {
            class,
            correct,
            anywhere: BTreeMap::new(),
            at: BTreeMap::new(),
            turn: BTreeMap::new(),
            ends: BTreeMap::new(),
        }
    }

    fn delivered(&mut self, at: SiteId, own: &Delivery) -> Result<(), Violation> {
        let id = own.id;
        let said = |what: &str| Violation::new("integrity", format!("{at}: {what}: {own:?}"));
        if self.correct.contains(id.sender) && past_of(id.sender, &own.payload).is_none() {
            return Err(said("never sent"));
        }
        if self.class == Class::BestEffort && !self.correct.contains(id.sender) {
            return Ok(());
        }
        let place = (id.sender, id.sequence);
        let other = self
            .anywhere
            .entry(place)
            .or_insert_with(|| own.payload.clone());
        if *other != own.payload {
            return Err(Violation::new(
                "agreement",
                format!("{at}: {own:?} and {other:?}"),
            ));
        }
        let before = self.at.entry(at).or_default().entry(id.sender).or_default();
        before.insert(id.sequence, own.payload.clone());
        if matches!(self.class, Class::Fifo | Class::Causal) {
            self.in_order(at, own)?;
        }
        Ok(())
    }

    fn in_order(&mut self, at: SiteId, own: &Delivery) -> Result<(), Violation> {
        let id = own.id;
        let turn = self.turn.entry((at, id.sender)).or_insert(id.sequence);
        if *turn != id.sequence {
            let text = format!("{at}: {own:?} in turn {turn}");
            return Err(Violation::new("FIFO order", text));
        }
        *turn += 1;
        if self.class != Class::Causal || !self.correct.contains(id.sender) {
            return Ok(());
        }
        // What the sender had been given when it sent this, as it wrote into the payload.
        let past = past_of(id.sender, &own.payload).unwrap_or_default();
        for (of, count) in SiteId::all(past.len()).zip(past) {
            let given = self.at.get(&at).and_then(|own| own.get(&of));
            let given = given.map_or(0, |own| own.len() as u64);
            if given < count {
                let text = format!("{at}: {id:?} before {count} of {of}");
                return Err(Violation::new("causal order", text));
            }
        }
        Ok(())
    }
}

impl Property<Channel> for Promises {
    fn name(&self) -> &str {
        "channel"
    }

    fn observe(
        &mut self,
        _: Time,
        observation: &Observation<'_, Channel>,
    ) -> Result<(), Violation> {
        match observation {
            Observation::Booted { site, .. } => {
                self.turn.retain(|(at, _), _| at != site);
                Ok(())
            }
            Observation::Output { site, output } => match output {
                Output::Delivered(own) => self.delivered(*site, own),
                Output::Ended { member, messages } => {
                    let first = *self.ends.entry(*member).or_insert(*messages);
                    let correct = self.correct.contains(*member);
                    let has = self.at.get(site).and_then(|own| own.get(member));
                    let has = has.map_or(0, |own| own.len() as u64);
                    let all = self.class == Class::BestEffort || has >= *messages;
                    if first != *messages && self.class != Class::BestEffort || correct && !all {
                        let text = format!("{site}: {member} ended at {messages}, has {has}");
                        return Err(Violation::new("end", text));
                    }
                    Ok(())
                }
                Output::Missed { .. } => {
                    Err(Violation::new("validity", format!("{site}: {output:?}")))
                }
                Output::Closed => Ok(()),
            },
            _ => Ok(()),
        }
    }
}
