//! The site half: what one site does in the ceremonies that it sees.

use std::collections::BTreeMap;

use bytes::Bytes;
use maftia_codec::Wire as _;
use maftia_types::{Duration, SiteId, SiteSet, Time};

use super::deal::{Ack, Contribution, DealRecord, dealing_digest};
use super::dealer::Dealer;
use super::message::Message;
use super::rules::{Run, combine};
use super::{Ceremony, RunName};
use crate::keys::record::index_of;
use crate::keys::vault::{Dealt, Held, SecretBytes, Work};
use crate::keys::{KeyId, KeyRecord, Ordered, Site, Version};
use crate::replication::Effects;

/// First pause before something is sent again: several times a round trip across a continent.
const RESEND_FIRST: Duration = Duration::from_millis(500);

/// Longest pause: what a site that comes back waits for at most.
const RESEND_MAX: Duration = Duration::from_secs(30);

/// What a site half remembers of ceremonies besides its vault. Losing it costs time only.
#[derive(Default)]
pub(in crate::keys) struct Part {
    /// This site's dealings, by ceremony.
    pub(super) dealers: BTreeMap<u64, Dealer>,
    /// Dealers that sent something wrong: each further try would cost this site a verification.
    refused: BTreeMap<u64, SiteSet>,
    /// When to say HAVE again, by ceremony.
    have: BTreeMap<RunName, Resend>,
}

/// When to do something again.
#[derive(Clone, Copy)]
pub(super) struct Resend {
    pub(super) due: Time,
    pause: Duration,
}

impl Part {
    /// When there is something to do although nothing was committed.
    pub(in crate::keys) fn next_timeout(&self) -> Option<Time> {
        let dealers = self.dealers.values().flat_map(Dealer::deadlines);
        let have = self.have.values().map(|resend| resend.due);
        dealers.chain(have).min()
    }
}

impl Resend {
    pub(super) const NOW: Self = Self {
        due: Time::ZERO,
        pause: RESEND_FIRST,
    };

    /// True if it is time; the next time is then further off.
    pub(super) fn is_due(&mut self, now: Time) -> bool {
        if now < self.due {
            return false;
        }
        self.due = now + self.pause;
        self.pause = self.pause.times(2).min(RESEND_MAX);
        true
    }
}

impl Site {
    pub(in crate::keys) fn observe_ceremonies(
        &mut self,
        now: Time,
        ordered: &Ordered,
        out: &mut Effects,
    ) {
        let mut changed = false;
        for ceremony in ordered.ceremonies() {
            match &ceremony.made {
                None => changed |= self.deal(now, ordered, ceremony, out),
                Some(made) => changed |= self.hold(ceremony.key, made),
            }
        }
        for record in ordered.keys() {
            if let Some(current) = record.active() {
                changed |= self.hold(record.id, current);
            }
        }
        changed |= self.forget(ordered);
        if changed {
            out.vault = Some(self.vault.to_bytes());
        }
        self.say_have(now, ordered, out);
    }

    pub(in crate::keys) fn hear_ceremonies(
        &mut self,
        now: Time,
        from: SiteId,
        message: &Bytes,
        ordered: &Ordered,
        out: &mut Effects,
    ) {
        match Message::from_bytes(message.clone()) {
            Ok(Message::Deal {
                ceremony,
                dealing,
                share,
            }) => {
                if let Some(run) = ordered.run_named(ceremony) {
                    self.hear_deal(run, from, &dealing, share, out);
                }
            }
            Ok(Message::Ack {
                ceremony,
                signature,
            }) => {
                if let Some(run) = ordered.run_named(ceremony) {
                    self.hear_ack(now, run, from, signature, out);
                }
            }
            // Nothing that a correct site sends.
            Err(_) => {}
        }
    }

    /// Rule 2, as a member.
    fn hear_deal(
        &mut self,
        run: Run<'_>,
        from: SiteId,
        dealing: &[u8],
        share: SecretBytes,
        out: &mut Effects,
    ) {
        let (ceremony, me) = (run.ceremony, self.me);
        let number = ceremony.number;
        let refused = self.part.refused.get(&number).copied().unwrap_or_default();
        if ceremony.made.is_some() || self.is_past(ceremony) || refused.contains(from) {
            return;
        }
        let Some(dealer) = index_of(&ceremony.dealers, from) else {
            return;
        };
        let digest = dealing_digest(dealing);
        match self.work(ceremony).dealt.get(&dealer) {
            // Another one of the same dealer: the first is acknowledged, and stays good.
            Some(kept) if kept.dealing != digest => return,
            Some(_) => {}
            None if run.is_share(from, dealing, me, &share) => {
                let dealing = digest;
                self.work(ceremony)
                    .dealt
                    .insert(dealer, Dealt { dealing, share });
                out.vault = Some(self.vault.to_bytes());
            }
            None => {
                self.part.refused.entry(number).or_default().insert(from);
                return;
            }
        }
        let ack = Ack {
            run: ceremony.run,
            dealer: from,
            dealing: digest,
        };
        let ack = Message::Ack {
            ceremony: ceremony.run_name(),
            signature: self.key.sign(Ack::DOMAIN, &ack.statement()),
        };
        out.messages.push((from, ack.to_bytes()));
    }

    /// Rule 5: this site's share of that version, if it is not held yet. True if it is held now.
    fn hold(&mut self, key: KeyId, version: &Version) -> bool {
        let member = version.members.contains(&self.me);
        if !member || version.dealings.is_empty() || self.vault.share_of(key, version).is_some() {
            return false;
        }
        let work = self.vault.works.get(&version.ceremony);
        let work = work.filter(|work| work.run == version.run);
        let dealt = |record: &DealRecord| {
            let dealt = work?.dealt.get(&record.dealer)?;
            let same = dealt.dealing == dealing_digest(&record.dealing);
            same.then_some(&dealt.share)
        };
        let Some(share) = combine(version, self.me, dealt) else {
            return false;
        };
        let (ceremony, run) = (version.ceremony, version.run);
        let held = Held {
            ceremony,
            run,
            share,
        };
        self.vault.held.insert((key, version.number), held);
        true
    }

    /// Rule 6: erases what served a ceremony that is over, and every share but those of sharings that
    /// are in use or may come into use. What the ordered state does not know yet stays, for the vault
    /// may be ahead of a log that is read again. True if the vault has changed.
    fn forget(&mut self, ordered: &Ordered) -> bool {
        let (works, held) = (self.vault.works.len(), self.vault.held.len());
        let mut erased = false;
        let shares = &self.vault.held;
        self.vault.works.retain(|number, work| {
            let Some(ceremony) = ordered.ceremonies.get(number) else {
                return *number >= ordered.next_ceremony;
            };
            let Some(made) = &ceremony.made else {
                return work.run == ceremony.run;
            };
            erased |= work.seed.take().is_some();
            let share = shares.get(&(ceremony.key, made.number));
            work.run == ceremony.run && share.is_none_or(|share| share.run != made.run)
        });
        self.vault.held.retain(|(key, _), held| {
            let current = ordered.key(*key).and_then(KeyRecord::active);
            let underway = ordered.ceremonies.get(&held.ceremony);
            held.ceremony >= ordered.next_ceremony
                || current.is_some_and(|version| version.run == held.run)
                || underway.is_some_and(|own| own.run == held.run)
        });
        let dealing = |number: &u64| {
            let ceremony = ordered.ceremonies.get(number);
            ceremony.is_some_and(|ceremony| ceremony.made.is_none())
        };
        self.part.dealers.retain(|number, _| dealing(number));
        self.part.refused.retain(|number, _| dealing(number));
        erased || works != self.vault.works.len() || held != self.vault.held.len()
    }

    /// Rule 5: says HAVE until it is ordered. Comes after the vault in the effects.
    fn say_have(&mut self, now: Time, ordered: &Ordered, out: &mut Effects) {
        let made = ordered
            .ceremonies()
            .filter_map(|own| Some((own.key, own.made.as_ref()?)));
        let current = ordered
            .keys()
            .filter_map(|own| Some((own.id, own.active()?)));
        let unsaid = made.chain(current).filter(|(key, version)| {
            let held = self.vault.share_of(*key, version).is_some();
            held && !version.holders.contains(self.me)
        });
        let unsaid: Vec<RunName> = unsaid.map(|(_, version)| RunName::of(version)).collect();
        self.part
            .have
            .retain(|ceremony, _| unsaid.contains(ceremony));
        for ceremony in unsaid {
            let resend = self.part.have.entry(ceremony).or_insert(Resend::NOW);
            if resend.is_due(now) {
                let contribution = Contribution::Have { ceremony };
                out.contributions.push(contribution.to_bytes());
            }
        }
    }

    /// Whether this site has been further than the ordered state that it sees, as when the log is
    /// read again: it then has nothing to do in that ceremony.
    pub(super) fn is_past(&self, ceremony: &Ceremony) -> bool {
        let held = self.vault.held.get(&(ceremony.key, ceremony.version));
        held.is_some_and(|held| held.run == ceremony.run)
    }

    /// This site's part in that ceremony. One of the same number in another past is dropped.
    pub(super) fn work(&mut self, ceremony: &Ceremony) -> &mut Work {
        let run = ceremony.run;
        let begin = || Work {
            run,
            seed: None,
            deal: None,
            dealt: BTreeMap::new(),
        };
        let work = self
            .vault
            .works
            .entry(ceremony.number)
            .or_insert_with(begin);
        if work.run != run {
            *work = begin();
        }
        work
    }
}
