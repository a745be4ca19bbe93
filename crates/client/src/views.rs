//! Which sites a client goes by: those of the group's file, then those of every later view that a
//! quorum of the one before has handed over to.

use std::sync::Arc;

use maftia_codec::Wire as _;
use maftia_config::GroupFile;
use maftia_crypto::PublicKey;
use maftia_membership::Certificate;
use maftia_multipoint::Class;
use maftia_replica::{CERTIFICATES_MAX, ClientMessage};
use maftia_types::{Duration, Epoch, SiteId, SiteSet, Time};
use tracing::{debug, info};

use crate::driver::Driver;
use crate::session::Standing;

/// How often sites are asked for what came after the client's view: a few bytes each. A change of
/// the sites takes longer, and until then the ones that stay answer.
const ASK_EVERY: Duration = Duration::from_secs(5);

/// What a client knows of the group's sites.
#[derive(Clone, Debug)]
pub struct Known {
    /// The group's file as the client was given it.
    pub given: Arc<GroupFile>,
    /// The same, with the sites of the newest view that this client has come to.
    pub group: Arc<GroupFile>,
    /// The certificates that led there from the file that the client was given. Who starts from
    /// them again, later, goes on from here.
    pub chain: Vec<Certificate>,
}

/// How a client comes to later views.
#[derive(Debug)]
pub(crate) struct Views {
    known: Arc<Known>,
    ask_at: Time,
    /// Sites that have been asked and have not answered: what others say is not verified, so that
    /// nobody has this client check signatures for nothing.
    asked: SiteSet,
}

impl Known {
    /// From the group's file, and what an earlier run of this client has kept.
    pub(crate) fn begin(group: GroupFile, kept: Vec<Certificate>) -> Self {
        let given = Arc::new(group);
        let begun = Self {
            group: given.clone(),
            given,
            chain: Vec::new(),
        };
        begun.learn(kept).unwrap_or(begun)
    }

    /// What these certificates add: as far as they lead on from the present view, each verified. None
    /// if they add nothing.
    fn learn(&self, certificates: Vec<Certificate>) -> Option<Self> {
        let (mut view, mut chain) = (self.group.view().clone(), self.chain.clone());
        let later = certificates
            .into_iter()
            .skip_while(|own| own.handover().view.epoch() <= self.epoch());
        for certificate in later {
            if let Err(error) = certificate.verify(&view) {
                debug!(%error, "a certificate that does not lead on");
                break;
            }
            view = certificate.handover().view.clone();
            chain.push(certificate);
        }
        if view.epoch() == self.epoch() {
            return None;
        }
        match self.group.with_view(&view, &[]) {
            Ok(group) => Some(Self {
                given: self.given.clone(),
                group: Arc::new(group),
                chain,
            }),
            Err(error) => {
                debug!(%error, "a view that this group's file does not bear");
                None
            }
        }
    }

    /// The epoch of the newest view.
    pub fn epoch(&self) -> Epoch {
        self.group.epoch()
    }
}

impl Views {
    pub(crate) const fn new(known: Arc<Known>) -> Self {
        Self {
            known,
            ask_at: Time::ZERO,
            asked: SiteSet::EMPTY,
        }
    }

    pub(crate) const fn next_timeout(&self) -> Time {
        self.ask_at
    }

    /// The number of who has that key, in the present view.
    pub(crate) fn place(&self, key: &PublicKey) -> Option<SiteId> {
        self.known.group.place(key)
    }

    fn question(&self) -> ClientMessage {
        let epoch = self.known.epoch();
        ClientMessage::Views { epoch }
    }
}

impl Driver {
    /// Asks all sites for what came after the present view, if it is time.
    pub(crate) fn ask_views(&mut self, now: Time) {
        if self.views.ask_at <= now {
            self.views.ask_at = now + ASK_EVERY;
            self.links
                .sites()
                .iter()
                .for_each(|site| self.ask_view(site));
        }
    }

    /// Asks one site.
    pub(crate) fn ask_view(&mut self, site: SiteId) {
        let question = self.views.question().to_bytes();
        if self.network.send(site, Class::Control, question).is_ok() {
            self.views.asked.insert(site);
        }
    }

    /// A link has broken: perhaps that site has left the group.
    pub(crate) const fn ask_views_soon(&mut self, now: Time) {
        self.views.ask_at = now;
    }

    /// A site's answer.
    pub(crate) fn on_views(&mut self, now: Time, site: SiteId, chain: Vec<Certificate>) {
        if !self.views.asked.contains(site) {
            return;
        }
        self.views.asked.remove(site);
        let more = chain.len() == CERTIFICATES_MAX;
        if let Some(known) = self.views.known.learn(chain) {
            self.enter(now, known);
            if more {
                self.ask_views_soon(now);
            }
        }
    }

    /// Goes by another view from now on: by its numbers, to its sites, with its thresholds.
    fn enter(&mut self, now: Time, known: Known) {
        info!(epoch = %known.epoch(), "the group's sites have changed");
        let known = Arc::new(known);
        let directory = known.group.directory().clone();
        self.views.known = known.clone();
        self.views.asked = SiteSet::EMPTY;
        self.links.keep(&directory);
        self.network.replace_directory(directory);
        self.give_up_questions();
        let (up, resilience) = (self.links.sites(), known.group.resilience());
        self.sites = resilience.sites();
        for lane in &mut self.lanes {
            lane.session.enter(now, resilience);
            up.iter()
                .for_each(|site| lane.session.on_link(now, site, Standing::Up));
        }
        self.shared.enter(known, up);
    }
}
