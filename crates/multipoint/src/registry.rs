//! Which links there are. Everything here is short work under one lock.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard};

use maftia_crypto::PublicKey;
use maftia_types::SiteId;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinHandle};
use tracing::debug;

use crate::accept::Admission;
use crate::config::LINKS_PER_PEER_MAX;
use crate::hello::Hello;
use crate::link::{Link, Session};
use crate::stats::{PeerCounters, PeerStats, Refusals, Stats, add};
use crate::tls::Credentials;
use crate::{Class, Directory, DownReason, Limits, LinkId, NetworkEvent, Peer, Refusal};

/// What every task of a network shares.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) credentials: Credentials,
    pub(crate) own_key: PublicKey,
    pub(crate) instance: u32,
    pub(crate) limits: Limits,
    pub(crate) events: mpsc::Sender<NetworkEvent>,
    pub(crate) refusals: Refusals,
    pub(crate) admission: Arc<Admission>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    view: Arc<View>,
    /// All links, those that are being replaced included.
    links: BTreeMap<LinkId, Arc<Link>>,
    /// The newest link of each peer and instance.
    current: BTreeMap<(Peer, u32), Arc<Link>>,
    counters: BTreeMap<Peer, Arc<PeerCounters>>,
    dialers: BTreeMap<SiteId, AbortHandle>,
    acceptor: Option<AbortHandle>,
    next: u64,
    stopping: bool,
}

/// The current directory, and what follows from it.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) directory: Arc<Directory>,
    /// Who we are; nobody if our key is not in the directory.
    pub(crate) me: Option<Peer>,
    pub(crate) tls: Arc<ServerConfig>,
}

impl View {
    pub(crate) fn new(
        directory: Directory,
        own_key: &PublicKey,
        credentials: &Credentials,
    ) -> Self {
        let directory = Arc::new(directory);
        Self {
            me: directory.peer(own_key.as_bytes()),
            tls: credentials.acceptor(directory.clone()),
            directory,
        }
    }

    /// The sites that we dial: those below us if we are a site, all of them if we are a client.
    pub(crate) fn targets(&self) -> impl Iterator<Item = SiteId> {
        let below = match self.me {
            Some(Peer::Site(me)) => me.index(),
            Some(Peer::Client(_)) => usize::MAX,
            None => 0,
        };
        let sites = self.directory.sites().map(|(site, _, _)| site);
        sites.filter(move |site| site.index() < below)
    }

    /// Whether a link made under `other` may live on under this view.
    fn keeps(&self, other: &Self) -> bool {
        self.me.is_some()
            && self.me == other.me
            && self.directory.group() == other.directory.group()
    }
}

impl Shared {
    pub(crate) fn new(
        (credentials, own_key): (Credentials, PublicKey),
        view: View,
        (instance, limits): (u32, Limits),
        events: mpsc::Sender<NetworkEvent>,
    ) -> Self {
        Self {
            credentials,
            own_key,
            instance,
            admission: Arc::new(Admission::new(&limits)),
            limits,
            events,
            refusals: Refusals::default(),
            state: Mutex::new(State {
                view: Arc::new(view),
                links: BTreeMap::new(),
                current: BTreeMap::new(),
                counters: BTreeMap::new(),
                dialers: BTreeMap::new(),
                acceptor: None,
                next: 0,
                stopping: false,
            }),
        }
    }

    pub(crate) fn view(&self) -> Arc<View> {
        self.state().view.clone()
    }

    /// Makes `view` the current one. Links and dialers that it does not bear end.
    pub(crate) fn replace_view(&self, view: View) {
        let mut state = self.state();
        let same = view.keeps(&state.view);
        let old = std::mem::replace(&mut state.view, Arc::new(view));
        let directory = state.view.directory.clone();
        for link in state.links.values() {
            if !same || directory.key(link.peer) != Some(&link.key) {
                link.end(DownReason::Removed);
            }
        }
        let unchanged = |site: &SiteId| {
            let entry = |directory: &Directory| directory.sites().nth(site.index());
            same && entry(&directory) == entry(&old.directory)
        };
        state.dialers.retain(|site, dialer| {
            let keep = unchanged(site);
            if !keep {
                dialer.abort();
            }
            keep
        });
        state
            .counters
            .retain(|peer, _| directory.key(*peer).is_some());
    }

    /// Remembers the task that dials `site`, unless there is one already or we are stopping.
    pub(crate) fn add_dialer(&self, site: SiteId, spawn: impl FnOnce() -> AbortHandle) {
        let mut state = self.state();
        if !state.stopping {
            state.dialers.entry(site).or_insert_with(spawn);
        }
    }

    pub(crate) fn set_acceptor(&self, task: AbortHandle) {
        self.state().acceptor = Some(task);
    }

    /// Whether `peer` may have one more link.
    pub(crate) fn has_room(&self, peer: Peer) -> bool {
        self.state().has_room(peer, self.limits.client_links_max)
    }

    /// Makes a link of a finished handshake and runs it in a task of its own. `peer` is who has
    /// proved to hold which key.
    pub(crate) fn establish<S>(
        self: &Arc<Self>,
        stream: S,
        peer: (Peer, PublicKey),
        (me, other): (&Hello, &Hello),
    ) -> Result<JoinHandle<()>, Refusal>
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let session = Session {
            instance: other.instance,
            nonce: other.nonce,
        };
        let (link, replaced) = self.register(me, peer, session)?;
        Ok(tokio::spawn(drive(self.clone(), link, replaced, stream)))
    }

    fn register(
        &self,
        me: &Hello,
        (peer, key): (Peer, PublicKey),
        session: Session,
    ) -> Result<(Arc<Link>, Option<Arc<Link>>), Refusal> {
        let mut state = self.state();
        if state.stopping {
            return Err(Refusal::Stopping);
        }
        // The view may have changed during the handshake.
        if state.view.me != Some(me.identity) || *state.view.directory.group() != me.group {
            return Err(Refusal::UnknownKey);
        }
        if state.view.directory.key(peer) != Some(&key) {
            return Err(Refusal::UnknownKey);
        }
        if !state.has_room(peer, self.limits.client_links_max) {
            return Err(Refusal::LinksFull);
        }
        let (limits, instance) = match peer {
            Peer::Site(_) => (&self.limits.site, 0),
            Peer::Client(_) => (&self.limits.client, session.instance),
        };
        let counters = state.counters.entry(peer).or_default().clone();
        add(&counters.connects, 1);
        let id = LinkId(state.next);
        state.next += 1;
        let link = Arc::new(Link::new(id, (peer, key), session, counters, limits));
        state.links.insert(id, link.clone());
        let replaced = state.current.insert((peer, instance), link.clone());
        Ok((link, replaced))
    }

    fn deregister(&self, link: &Link) {
        let mut state = self.state();
        state.links.remove(&link.id);
        state.current.retain(|_, current| current.id != link.id);
    }

    /// The link to the site that has this id now. One that is ending may be another site's, which
    /// had the id before.
    pub(crate) fn site_link(&self, site: SiteId) -> Option<Arc<Link>> {
        let state = self.state();
        let link = state.current.get(&(Peer::Site(site), 0));
        link.filter(|link| !link.is_ended()).cloned()
    }

    pub(crate) fn link(&self, link: LinkId) -> Option<Arc<Link>> {
        self.state().links.get(&link).cloned()
    }

    /// Ends accepting and dialing, and asks all links to flush and close. Returns the links.
    pub(crate) fn stop(&self) -> Vec<Arc<Link>> {
        let mut state = self.state();
        state.stopping = true;
        if let Some(acceptor) = state.acceptor.take() {
            acceptor.abort();
        }
        std::mem::take(&mut state.dialers)
            .values()
            .for_each(AbortHandle::abort);
        let links: Vec<_> = state.links.values().cloned().collect();
        links.iter().for_each(|link| link.close());
        links
    }

    pub(crate) fn stats(&self) -> Stats {
        let (refused, accept_errors) = self.refusals.counts();
        let state = self.state();
        let mut peers: BTreeMap<Peer, PeerStats> = state
            .counters
            .iter()
            .map(|(peer, counters)| (*peer, counters.snapshot()))
            .collect();
        for link in state.links.values() {
            let stats = peers.entry(link.peer).or_default();
            let waiting = link.queue.waiting();
            stats.links += 1;
            for class in Class::ALL {
                *stats.queued.of_mut(class) += waiting.of(class);
            }
        }
        Stats {
            peers,
            refused,
            accept_errors,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }
}

impl State {
    /// Dying links count too, so that a peer that reconnects while the owner is slow is bounded.
    fn has_room(&self, peer: Peer, client_links_max: usize) -> bool {
        let of_peer = self.links.values().filter(|link| link.peer == peer).count();
        let is_client = |peer| matches!(peer, Peer::Client(_));
        let clients = self
            .links
            .values()
            .filter(|link| is_client(link.peer))
            .count();
        of_peer < LINKS_PER_PEER_MAX && (!is_client(peer) || clients < client_links_max)
    }
}

/// The life of a link: after the one that it replaces, `Up`, messages, `Down`.
async fn drive<S>(shared: Arc<Shared>, link: Arc<Link>, replaced: Option<Arc<Link>>, stream: S)
where
    S: AsyncRead + AsyncWrite,
{
    let (peer, id, session) = (link.peer, link.id, link.session);
    if let Some(old) = replaced {
        old.end(DownReason::Replaced);
        old.finished().await;
    }
    debug!(%peer, link = %id, "up");
    let up = NetworkEvent::Up {
        peer,
        key: link.key,
        link: id,
        session,
    };
    // If the owner has dropped the receiver, there is nobody to tell.
    let _ = shared.events.send(up).await;
    let reason = link.run(stream, &shared.limits, &shared.events).await;
    shared.deregister(&link);
    let reason = if shared.state().stopping {
        DownReason::Stopping
    } else {
        reason
    };
    link.queue.close();
    link.counters.lose(&link.queue.messages());
    if let DownReason::Violation(error) = reason {
        link.counters.violations.fetch_add(1, Relaxed);
        shared.refusals.violation(&peer, &error);
    }
    debug!(%peer, link = %id, %reason, "down");
    let down = NetworkEvent::Down {
        peer,
        link: id,
        reason,
    };
    let _ = shared.events.send(down).await;
    link.finish();
}
