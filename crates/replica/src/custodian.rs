//! The site half of the keyed services, between the ordered state and the links.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use maftia_activity::keys::Site;
use maftia_activity::replication::Effects;
use maftia_codec::{Wire, Writer};
use maftia_ordering::{Engine, Standing};
use maftia_protocol::{Step, Target};
use maftia_types::{SiteId, Time};
use zeroize::Zeroizing;

use crate::item::Item;
use crate::limits::{CONTRIBUTION_BYTES_MAX, CONTRIBUTIONS_WAITING_MAX};
use crate::message::Message;
use crate::replica::{Record, Replica};

/// A site's secrets as they lie on its disk. Not printed, wiped when the last handle goes.
#[derive(Clone)]
pub struct Vault(Arc<Zeroizing<Vec<u8>>>);

impl Vault {
    /// The bytes that the site half is made from when the site starts again.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault({} bytes)", self.0.len())
    }
}

/// The site half, and what it wants in the log and has not found room for.
#[derive(Debug)]
pub(crate) struct Custodian {
    site: Site,
    waiting: VecDeque<Bytes>,
}

impl Custodian {
    pub(crate) const fn new(site: Site) -> Self {
        Self {
            site,
            waiting: VecDeque::new(),
        }
    }

    pub(crate) const fn site(&self) -> &Site {
        &self.site
    }

    pub(crate) fn next_timeout(&self) -> Option<Time> {
        self.site.next_timeout()
    }

    /// The vault goes with the step's records, and messages wait for it. Contributions go into own
    /// blocks, which leave later still.
    /// Those of a joiner, which makes no blocks, come back.
    fn perform(
        &mut self,
        effects: Effects,
        engine: &mut Engine,
        step: &mut Step<Replica>,
    ) -> Vec<Bytes> {
        if let Some(vault) = effects.vault {
            step.records.push(Record::Vault(Vault(Arc::new(vault))));
        }
        for (to, message) in effects.messages {
            step.send(Target::One(to), Message::Pair(message));
        }
        if *engine.standing() == Standing::Observing {
            return effects.contributions;
        }
        for contribution in effects.contributions {
            debug_assert!(
                contribution.len() <= CONTRIBUTION_BYTES_MAX,
                "longer ones do not decode"
            );
            if self.waiting.len() < CONTRIBUTIONS_WAITING_MAX {
                self.waiting.push_back(contribution);
            }
        }
        while let Some(contribution) = self.waiting.front() {
            let mut writer = Writer::new();
            Item::Contribution(contribution.clone()).encode(&mut writer);
            if engine.submit(writer.as_slice()).is_err() {
                break;
            }
            self.waiting.pop_front();
        }
        Vec::new()
    }
}

impl Replica {
    /// Takes over the site half of the keyed services. Before that, commits of the replayed log have
    /// been executed without it: what they asked for is over or still asked for.
    pub(crate) fn employ(&mut self, now: Time, mut site: Site, step: &mut Step<Self>) {
        if self.is_gone() {
            // It may have lost power before its secrets were wiped.
            let mut effects = Effects::default();
            site.retire(&mut effects);
            let _nothing = Custodian::new(site).perform(effects, &mut self.engine, step);
            return;
        }
        site.renumber(self.me());
        self.custodian = Some(Custodian::new(site));
        self.observe(now, step);
    }

    /// Another epoch has begun: this site has another id, or it has left and holds nothing any more.
    pub(crate) fn renumber_custodian(&mut self, me: SiteId, step: &mut Step<Self>) {
        let gone = self.is_gone();
        let Some(custodian) = &mut self.custodian else {
            return;
        };
        custodian.waiting.clear();
        if gone {
            let mut effects = Effects::default();
            custodian.site.retire(&mut effects);
            let _nothing = custodian.perform(effects, &mut self.engine, step);
            self.custodian = None;
        } else {
            custodian.site.renumber(me);
        }
    }

    /// Lets the site half look at the ordered state.
    pub(crate) fn observe(&mut self, now: Time, step: &mut Step<Self>) {
        self.with_custodian(now, step, |custodian, ordered, effects| {
            custodian.site.observe(now, ordered, effects);
        });
        self.hold_coin();
    }

    /// A message of another site's half.
    pub(crate) fn on_pair(
        &mut self,
        now: Time,
        from: SiteId,
        message: &Bytes,
        step: &mut Step<Self>,
    ) {
        self.with_custodian(now, step, |custodian, ordered, effects| {
            custodian.site.hear(now, from, message, ordered, effects);
        });
    }

    /// The site half's own timer.
    pub(crate) fn custodian_due(&mut self, now: Time, step: &mut Step<Self>) {
        let due = self.custodian.as_ref().and_then(Custodian::next_timeout);
        if due.is_some_and(|at| at <= now) {
            self.observe(now, step);
        }
    }

    fn with_custodian(
        &mut self,
        now: Time,
        step: &mut Step<Self>,
        work: impl FnOnce(&mut Custodian, &maftia_activity::keys::Ordered, &mut Effects),
    ) {
        // A state that f+1 sites contradict is not acted on, nor is one of another view.
        if self.diverged || self.is_hollow() {
            return;
        }
        let (Some(custodian), Some(ordered)) = (&mut self.custodian, self.machine.keys()) else {
            return;
        };
        let mut effects = Effects::default();
        work(custodian, ordered, &mut effects);
        let waited = !effects.contributions.is_empty() || !custodian.waiting.is_empty();
        let words = custodian.perform(effects, &mut self.engine, step);
        if waited {
            self.engine.wake(now);
        }
        for word in words {
            self.say_contribution(word, step);
        }
    }
}
