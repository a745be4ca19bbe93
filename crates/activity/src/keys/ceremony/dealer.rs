//! The site half of a dealer.

use std::collections::BTreeMap;

use maftia_codec::Wire as _;
use maftia_crypto::Signature;
use maftia_threshold::Index;
use maftia_types::{Digest, Duration, SiteId, Time};
use rand::Rng as _;
use zeroize::Zeroizing;

use super::deal::{Ack, Contribution, Deal, dealing_digest};
use super::message::Message;
use super::rules::{OwnDealing, Run};
use super::site::Resend;
use super::{Ceremony, RunName};
use crate::keys::record::index_of;
use crate::keys::vault::{Dealt, SecretBytes};
use crate::keys::{Ordered, Site};
use crate::replication::Effects;

/// How long a dealer waits for the last members once a quorum has acknowledged, before it publishes
/// their shares: long enough for a site that restarts, since what is published weakens the sharing.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// This site as a dealer.
pub(super) struct Dealer {
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
        // In the order of sites, which that of places need not be.
        let published: BTreeMap<_, _> = published.map(|(site, share)| (*site, **share)).collect();
        Deal {
            dealing: self.own.dealing.clone(),
            acks: self.acks.iter().map(|(site, own)| (*site, *own)).collect(),
            published: published.into_iter().collect(),
        }
    }

    /// The private message to each member that has not acknowledged.
    fn send(&self, ceremony: RunName, out: &mut Effects) {
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

    pub(super) fn deadlines(&self) -> impl Iterator<Item = Time> {
        let (sending, waiting) = match self.fixed {
            true => (self.contributing.due, None),
            false => (self.sending.due, self.patience),
        };
        waiting.into_iter().chain([sending])
    }
}

impl Site {
    /// Rules 1 and 2, as a dealer. True if the vault has changed.
    pub(super) fn deal(
        &mut self,
        now: Time,
        ordered: &Ordered,
        ceremony: &Ceremony,
        out: &mut Effects,
    ) -> bool {
        let number = ceremony.number;
        let Some(place) = index_of(&ceremony.dealers, self.me) else {
            return false;
        };
        let convicted = ceremony.culprits.contains_key(&self.me);
        if ceremony.has_dealt(self.me) || convicted || self.is_past(ceremony) {
            self.part.dealers.remove(&number);
            return false;
        }
        let Some(run) = ordered.run(number) else {
            return false;
        };
        let begun = !self.part.dealers.contains_key(&number);
        let mut changed = begun && self.begin_dealing(run, place);
        changed |= self.drive_dealing(now, run, out);
        changed
    }

    /// Draws this site's dealing, or derives it again from the seed that was kept. True if the vault
    /// has changed.
    fn begin_dealing(&mut self, run: Run<'_>, place: Index) -> bool {
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
            work.dealt.insert(place, Dealt { dealing, share });
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
                let (ceremony, body) = (run.ceremony.run_name(), body.clone());
                let contribution = Contribution::Deal { ceremony, body };
                out.contributions.push(contribution.to_bytes());
            }
            None if dealer.sending.is_due(now) => dealer.send(run.ceremony.run_name(), out),
            Some(_) | None => {}
        }
        fixing
    }

    /// Rule 2, as a dealer.
    pub(super) fn hear_ack(
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
}
