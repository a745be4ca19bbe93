//! The site half: what one site does in the ceremonies that it sees.

use std::collections::BTreeMap;

use bytes::Bytes;
use maftia_codec::Wire as _;
use maftia_crypto::Signature;
use maftia_types::{Digest, Duration, SiteId, SiteSet, Time};
use rand::Rng as _;
use zeroize::Zeroizing;

use super::Ceremony;
use super::deal::{Ack, Contribution, Deal, DealRecord, dealing_digest};
use super::message::Message;
use super::rules::{OwnDealing, Run, combine};
use crate::keys::vault::{Dealt, Held, SecretBytes, Work};
use crate::keys::{KeyId, KeyRecord, Ordered, Site, State, Version};
use crate::replication::Effects;

/// How long a dealer waits for the last members once a quorum has acknowledged, before it publishes
/// their shares: long enough for a site that restarts, since what is published weakens the sharing.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// First pause before something is sent again: several times a round trip across a continent.
const RESEND_FIRST: Duration = Duration::from_millis(500);

/// Longest pause: what a site that comes back waits for at most.
const RESEND_MAX: Duration = Duration::from_secs(30);

/// What a site half remembers of ceremonies besides its vault. Losing it costs time only.
#[derive(Default)]
pub(in crate::keys) struct Part {
    /// This site's dealings, by ceremony.
    dealers: BTreeMap<u64, Dealer>,
    /// Dealers that sent something wrong: each further try would cost this site a verification.
    refused: BTreeMap<u64, SiteSet>,
    /// When to say HAVE again, by ceremony.
    have: BTreeMap<u64, Resend>,
}

/// This site as a dealer.
struct Dealer {
    own: OwnDealing,
    digest: Digest,
    acks: BTreeMap<SiteId, Signature>,
    sending: Resend,
    /// When the last members' time is over; none before a quorum has acknowledged.
    patience: Option<Time>,
    /// Whether the DEAL is fixed: it is then in the vault, and nobody is sent a share any more.
    fixed: bool,
    contributing: Resend,
}

/// When to do something again.
#[derive(Clone, Copy)]
struct Resend {
    due: Time,
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
    const NOW: Self = Self {
        due: Time::ZERO,
        pause: RESEND_FIRST,
    };

    /// True if it is time; the next time is then further off.
    fn is_due(&mut self, now: Time) -> bool {
        if now < self.due {
            return false;
        }
        self.due = now + self.pause;
        self.pause = self.pause.times(2).min(RESEND_MAX);
        true
    }
}

impl Dealer {
    fn new(own: OwnDealing) -> Self {
        Self {
            digest: dealing_digest(&own.dealing),
            own,
            acks: BTreeMap::new(),
            sending: Resend::NOW,
            patience: None,
            fixed: false,
            contributing: Resend::NOW,
        }
    }

    /// Whether the DEAL may be fixed: all have acknowledged, or enough have and patience is over.
    fn is_complete(&self, now: Time, ceremony: &Ceremony) -> bool {
        let all = self.acks.len() == ceremony.members.len();
        let enough = self.acks.len() >= usize::from(ceremony.threshold);
        all || (enough && self.patience.is_some_and(|over| now >= over))
    }

    fn deal(&self) -> Deal {
        let left = |(site, _): &&(SiteId, SecretBytes)| !self.acks.contains_key(site);
        let published = self.own.shares.iter().filter(left);
        Deal {
            dealing: self.own.dealing.clone(),
            acks: self.acks.iter().map(|(site, own)| (*site, *own)).collect(),
            published: published.map(|(site, share)| (*site, **share)).collect(),
        }
    }

    /// The private message to each member that has not acknowledged.
    fn send(&self, ceremony: u64, out: &mut Effects) {
        for (site, share) in &self.own.shares {
            if !self.acks.contains_key(site) {
                let (dealing, share) = (self.own.dealing.clone(), share.clone());
                let message = Message::Deal {
                    ceremony,
                    dealing,
                    share,
                };
                out.messages.push((*site, message.to_bytes()));
            }
        }
    }

    fn ack(&self, ceremony: &Ceremony, me: SiteId) -> Ack {
        Ack {
            run: ceremony.run,
            dealer: me,
            dealing: self.digest,
        }
    }

    fn share_for(&self, member: SiteId) -> Option<&SecretBytes> {
        let mut shares = self.own.shares.iter();
        shares
            .find(|(site, _)| *site == member)
            .map(|(_, share)| share)
    }

    fn deadlines(&self) -> impl Iterator<Item = Time> {
        let (sending, waiting) = match self.fixed {
            true => (self.contributing.due, None),
            false => (self.sending.due, self.patience),
        };
        waiting.into_iter().chain([sending])
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
            changed |= self.tend(record);
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
                if let Some(run) = ordered.run(ceremony) {
                    self.hear_deal(run, from, &dealing, share, out);
                }
            }
            Ok(Message::Ack {
                ceremony,
                signature,
            }) => {
                if let Some(run) = ordered.run(ceremony) {
                    self.hear_ack(now, run, from, signature, out);
                }
            }
            // Nothing that a correct site sends.
            Err(_) => {}
        }
    }

    /// Rules 1 and 2, as a dealer. True if the vault has changed.
    fn deal(
        &mut self,
        now: Time,
        ordered: &Ordered,
        ceremony: &Ceremony,
        out: &mut Effects,
    ) -> bool {
        let number = ceremony.number;
        let convicted = ceremony.culprits.contains_key(&self.me);
        if ceremony.has_dealt(self.me) || convicted || self.is_past(ceremony) {
            self.part.dealers.remove(&number);
            return false;
        }
        let Some(run) = ordered.run(number) else {
            return false;
        };
        let begun = !self.part.dealers.contains_key(&number);
        let mut changed = begun && self.begin_dealing(run);
        changed |= self.drive_dealing(now, run, out);
        changed
    }

    /// Draws this site's dealing, or derives it again from the seed that was kept. True if the vault
    /// has changed.
    fn begin_dealing(&mut self, run: Run<'_>) -> bool {
        let ceremony = run.ceremony;
        let previous = run.previous;
        let share = previous.and_then(|version| self.vault.share_of(ceremony.key, version));
        let share = share.cloned();
        let me = self.me;
        let seed = self.work(ceremony).seed.clone().unwrap_or_else(|| {
            let mut seed = Zeroizing::new([0; 32]);
            self.rng.fill_bytes(seed.as_mut());
            seed
        });
        let Some(own) = run.deal(me, &seed, share.as_ref()) else {
            return false;
        };
        let mut dealer = Dealer::new(own);
        let work = self.vault.works.get_mut(&ceremony.number);
        let work = work.expect("this ceremony's work was begun above");
        let drawn = work.seed.replace(seed).is_none();
        dealer.fixed = work.deal.is_some();
        if let Some(share) = dealer.share_for(me) {
            let (dealing, share) = (dealer.digest, share.clone());
            let signature = self
                .key
                .sign(Ack::DOMAIN, &dealer.ack(ceremony, me).statement());
            dealer.acks.insert(me, signature);
            work.dealt.insert(me, Dealt { dealing, share });
        }
        self.part.dealers.insert(ceremony.number, dealer);
        drawn
    }

    /// Sends what is due; fixes the DEAL when it is time. True if the vault has changed.
    fn drive_dealing(&mut self, now: Time, run: Run<'_>, out: &mut Effects) -> bool {
        let number = run.ceremony.number;
        let Some(dealer) = self.part.dealers.get_mut(&number) else {
            return false;
        };
        let work = self.vault.works.get_mut(&number);
        let work = work.expect("a dealer's seed is kept");
        let fixing = !dealer.fixed && dealer.is_complete(now, run.ceremony);
        if fixing {
            work.deal = Some(dealer.deal().to_bytes());
            dealer.fixed = true;
        }
        match &work.deal {
            Some(body) if dealer.contributing.is_due(now) => {
                let (ceremony, body) = (number, body.clone());
                let contribution = Contribution::Deal { ceremony, body };
                out.contributions.push(contribution.to_bytes());
            }
            None if dealer.sending.is_due(now) => dealer.send(number, out),
            Some(_) | None => {}
        }
        fixing
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
        let digest = dealing_digest(dealing);
        match self.work(ceremony).dealt.get(&from) {
            // Another one of the same dealer: the first is acknowledged, and stays good.
            Some(kept) if kept.dealing != digest => return,
            Some(_) => {}
            None if run.is_share(from, dealing, me, &share) => {
                let dealing = digest;
                self.work(ceremony)
                    .dealt
                    .insert(from, Dealt { dealing, share });
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
            ceremony: number,
            signature: self.key.sign(Ack::DOMAIN, &ack.statement()),
        };
        out.messages.push((from, ack.to_bytes()));
    }

    /// Rule 2, as a dealer.
    fn hear_ack(
        &mut self,
        now: Time,
        run: Run<'_>,
        from: SiteId,
        signature: Signature,
        out: &mut Effects,
    ) {
        let ceremony = run.ceremony;
        let Some(dealer) = self.part.dealers.get_mut(&ceremony.number) else {
            return;
        };
        let member = ceremony.members.contains(&from);
        if !member || dealer.fixed || dealer.acks.contains_key(&from) {
            return;
        }
        let statement = dealer.ack(ceremony, self.me).statement();
        let key = run.setup.key_of(from);
        if key.is_none_or(|key| key.verify(Ack::DOMAIN, &statement, &signature).is_err()) {
            return;
        }
        dealer.acks.insert(from, signature);
        if dealer.patience.is_none() && dealer.acks.len() >= usize::from(ceremony.threshold) {
            dealer.patience = Some(now + PATIENCE);
        }
        if self.drive_dealing(now, run, out) {
            out.vault = Some(self.vault.to_bytes());
        }
    }

    /// Rules 5 and 6 for one key. True if the vault has changed.
    fn tend(&mut self, record: &KeyRecord) -> bool {
        let before = self.vault.held.len();
        let held = match (record.state, &record.current) {
            (State::Retired, _) => {
                self.vault.held.retain(|(key, _), _| *key != record.id);
                false
            }
            (State::Generating | State::Active, None) => false,
            (State::Generating | State::Active, Some(current)) => {
                // Only what is older: the vault may be ahead of a log that is read again.
                let older = |key, version| key == record.id && version < current.number;
                self.vault
                    .held
                    .retain(|(key, version), _| !older(*key, *version));
                let erased = self.vault.held.len() != before;
                return self.hold(record.id, current) || erased;
            }
        };
        held || self.vault.held.len() != before
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
        let run = version.run;
        self.vault
            .held
            .insert((key, version.number), Held { run, share });
        true
    }

    /// Rule 6: erases what served a ceremony that is over, or a key that is gone. What the ordered
    /// state does not know yet stays. True if the vault has changed.
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
        let known = |key: KeyId| key.0 >= ordered.next_key || ordered.keys.contains_key(&key);
        self.vault.held.retain(|(key, _), _| known(*key));
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
        let unsaid: Vec<u64> = unsaid.map(|(_, version)| version.ceremony).collect();
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
    fn is_past(&self, ceremony: &Ceremony) -> bool {
        let held = self.vault.held.get(&(ceremony.key, ceremony.version));
        held.is_some_and(|held| held.run == ceremony.run)
    }

    /// This site's part in that ceremony. One of the same number in another past is dropped.
    fn work(&mut self, ceremony: &Ceremony) -> &mut Work {
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
