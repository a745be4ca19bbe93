//! The failure detector in a site: what it is shown, and what it makes the site say.

use std::collections::BTreeMap;

use maftia_codec::{Wire, Writer};
use maftia_membership::accusations::INTERVAL_COMMITS;
use maftia_membership::detector::{Detector, Level, Observation, Settings};
use maftia_ordering::{Commit, Engine, Message as Ordering};
use maftia_protocol::Step;
use maftia_types::{Duration, Round, SiteId, SiteSet, Time};

use crate::item::Item;
use crate::message::Message;
use crate::replica::{Output, Replica};

/// How often the detector looks. Far below its patience, far above the time of a round.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// Commits between an accusation and its withdrawal, so that a site that comes and goes cannot make
/// the others fill the log.
const RETRACTION_COMMITS: u64 = 8;
/// What a header costs on the wire, about.
const HEADER_BYTES: u64 = 512;

/// A site's eyes on the others.
#[derive(Debug)]
pub(crate) struct Watch {
    detector: Detector,
    looked: Time,
    /// The commit of this site's last word on each other site.
    said: BTreeMap<SiteId, u64>,
}

impl Watch {
    /// Watches the whole group but this site, from now on.
    pub(crate) fn new(now: Time, me: SiteId, engine: &Engine) -> Self {
        let mut watch = Self {
            detector: Detector::new(Settings::default()),
            looked: now,
            said: BTreeMap::new(),
        };
        watch.look_at(now, engine);
        let sites = engine.parameters().resilience.sites();
        let others: SiteSet = SiteId::all(sites).filter(|site| *site != me).collect();
        let watched = watch.detector.monitor(now, others);
        watched.expect("a group is not larger than the largest universe");
        watch
    }

    pub(crate) const fn detector(&self) -> &Detector {
        &self.detector
    }

    /// What a message was like, once it is handled.
    pub(crate) fn heard(&mut self, now: Time, site: SiteId, bytes: u64, invalid: bool) {
        let message = Observation::Message { site, invalid };
        self.detector.observe(now, message);
        let (taken, refused) = if invalid { (0, bytes) } else { (bytes, 0) };
        let bytes = Observation::Bytes {
            site,
            taken,
            refused,
        };
        self.detector.observe(now, bytes);
    }

    fn delivered(&mut self, now: Time, commit: &Commit) {
        for (block, _) in &commit.blocks {
            let rounds = commit.leader.round.0.saturating_sub(block.round().0);
            let site = block.author();
            self.detector
                .observe(now, Observation::Delivered { site, rounds });
        }
    }

    fn look_at(&mut self, now: Time, engine: &Engine) {
        let resilience = engine.parameters().resilience;
        let round = engine.dag().quorum_tip(resilience.quorum());
        self.detector.observe(now, Observation::Group { round });
        for site in SiteId::all(resilience.sites()) {
            let newest = engine.dag().newest(site);
            let round = newest.map_or(Round(0), |entry| entry.block.round());
            self.detector
                .observe(now, Observation::Block { site, round });
        }
    }
}

/// Bytes of a message that are worth counting: those that a sender can make us carry.
pub(crate) fn weight(message: &Message) -> u64 {
    match message {
        Message::Ordering(_, Ordering::Block { payload, .. }) => {
            HEADER_BYTES + payload.as_ref().map_or(0, |payload| payload.len() as u64)
        }
        Message::Ordering(_, Ordering::Payload { payload, .. }) => payload.len() as u64,
        Message::Pair(bytes) => bytes.len() as u64,
        Message::Ordering(..) | Message::Transfer(_) | Message::Passage(_) => 0,
    }
}

impl Replica {
    /// Shows the detector a commit, and those whom it convicts.
    pub(crate) fn watch_commit(&mut self, now: Time, commit: &Commit, convicted: &[SiteId]) {
        let Some(watch) = &mut self.watch else { return };
        watch.delivered(now, commit);
        if !convicted.is_empty() {
            self.watch_convicted();
        }
    }

    /// Begins to watch the members of the present view.
    pub(crate) fn watch_anew(&mut self, now: Time) {
        self.watch = Some(Watch::new(now, self.me(), &self.engine));
        self.watch_convicted();
    }

    /// Tells the detector of the proofs in the ordered state.
    pub(crate) fn watch_convicted(&mut self) {
        let Some(watch) = &mut self.watch else { return };
        for (_, exhibit) in self.ledger.conduct().evidence().iter() {
            let members = SiteId::all(self.keys.len()).zip(&self.keys);
            for (_, key) in members.filter(|(_, key)| *key.as_bytes() == exhibit.key) {
                // The ledger has verified it under this very key.
                let _ = watch.detector.report_evidence(&exhibit.proof, key);
            }
        }
    }

    /// Looks at the others now and then; says in the log whom this site suspects.
    pub(crate) fn look(&mut self, now: Time, step: &mut Step<Self>) {
        let Some(watch) = &mut self.watch else { return };
        if now.since(watch.looked) < LOOK_INTERVAL {
            return;
        }
        watch.looked = now;
        watch.look_at(now, &self.engine);
        let changes = watch.detector.tick(now);
        step.outputs
            .extend(changes.into_iter().map(Output::Suspicion));
        if self.is_serving() {
            self.testify(now);
        }
    }

    /// Brings this site's accusations and their withdrawals into its next blocks: at most one of a
    /// site in an interval, again in each while the suspicion lasts.
    fn testify(&mut self, now: Time) {
        let me = self.me();
        let Some(watch) = &mut self.watch else { return };
        let commit = self.engine.frontier().index;
        let levels: Vec<(SiteId, Level)> = watch.detector.levels().collect();
        for (site, level) in levels {
            let standing = self.ledger.conduct().accusations().by(me, site);
            let (item, gap) = match level {
                Level::Suspected(suspected) => {
                    let reason = suspected.reason;
                    (Item::Accuse { site, reason }, INTERVAL_COMMITS)
                }
                Level::Trusted if standing.is_some() && watch.detector.is_fine(site) => {
                    (Item::Retract { site }, RETRACTION_COMMITS)
                }
                Level::Trusted | Level::Convicted(_) => continue,
            };
            let at = standing.map(|own| own.commit);
            let last = at.max(watch.said.get(&site).copied());
            if last.is_some_and(|last| commit < last.saturating_add(gap)) {
                continue;
            }
            let mut writer = Writer::new();
            item.encode(&mut writer);
            if self.engine.submit(writer.as_slice()).is_ok() {
                watch.said.insert(site, commit);
                self.engine.wake(now);
            }
        }
    }

    /// Brings the proofs that this site holds into its next blocks, as far as there is room.
    pub(crate) fn submit_evidence(&mut self, now: Time) {
        while let Some(proof) = self.evidence.pop() {
            let mut writer = Writer::new();
            Item::Evidence(proof.clone()).encode(&mut writer);
            if self.engine.submit(writer.as_slice()).is_err() {
                self.evidence.push(proof);
                return;
            }
            self.engine.wake(now);
        }
    }
}
