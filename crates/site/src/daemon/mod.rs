//! The site's one loop: take what has arrived, let the replica handle it, make its records
//! durable, let its effects leave.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use maftia_activity::keys::coin::genesis_keys;
use maftia_activity::keys::{self, Ordered, Setup};
use maftia_activity::replication::StateMachine;
use maftia_activity::suite::Suite;
use maftia_codec::Wire;
use maftia_crypto::{PublicKey, SigningKey};
use maftia_membership::detector::Level;
use maftia_multipoint::{Network, NetworkEvent, Peer};
use maftia_ordering::{Identity, Parameters};
use maftia_protocol::{Event, Protocol, Step};
use maftia_replica::{Beginning, Command, Message, Output, Replica, Settings, SiteMessage};
use maftia_types::{CoinUse, Epoch, Powers, SiteId, SiteSet, Time};
use tokio::sync::{Notify, mpsc};

use crate::chain::ChainFile;
use crate::control::Control;
use crate::error::SiteError;
use crate::intruder::Intruder;
use crate::metrics::Metrics;
use crate::performer::Performer;
use crate::sites::Sites;
use crate::status::SiteStatus;
use crate::store::{Sorted, Store, sort};
use crate::vault::VaultFile;

mod change;
mod clients;
mod drill;

/// Most events taken before their records are committed: bounds the time until a reply leaves.
const BATCH_EVENTS: usize = 512;
/// Bytes of effects that may wait for the log before the loop stops taking events: more would only
/// be memory.
const WAITING_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Events up to this many count as a quiet moment, in which the loop syncs by itself.
const QUIET_EVENTS: usize = 16;
/// How long a site that has left the group still answers the others.
const LEAVING: Duration = Duration::from_secs(3);
/// How often records that nothing waits for go to the disk.
const SWEEP_INTERVAL: Duration = Duration::from_millis(500);

/// A running site.
pub(crate) struct Daemon {
    sites: Sites,
    replica: Replica,
    store: Store,
    vault: VaultFile,
    chain: ChainFile,
    performer: Performer,
    network: Network,
    clock: Clock,
    links: SiteSet,
    metrics: Metrics,
    durable: Arc<Notify>,
    saved: (mpsc::Sender<Saved>, mpsc::Receiver<Saved>),
    fatal: Option<SiteError>,
    /// When this site, which has left the group, stops.
    leaves_at: Option<(Instant, Epoch)>,
    intruder: Option<Intruder>,
}

type Saved = Result<(), maftia_storage::SnapshotError>;

/// The site's own time: nanoseconds since 1970 when it started, then monotonic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: u64,
    started: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let origin = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX / 2);
        Self {
            origin,
            started: Instant::now(),
        }
    }

    pub(crate) fn now(&self) -> Time {
        let elapsed = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX / 2);
        Time::from_nanos(self.origin.saturating_add(elapsed))
    }

    fn instant(&self, at: Time) -> tokio::time::Instant {
        let after = at.as_nanos().saturating_sub(self.origin);
        tokio::time::Instant::from_std(self.started + Duration::from_nanos(after))
    }
}

/// What the daemon is made of.
pub(crate) struct Parts {
    pub(crate) parameters: Parameters,
    pub(crate) settings: Settings,
    pub(crate) identity: Identity,
    pub(crate) sites: Sites,
    /// Who the sites are if the disk does not know better.
    pub(crate) beginning: Beginning,
    /// What each client may do, and how many approve a change of the keys.
    pub(crate) powers: Vec<Powers>,
    pub(crate) approvals: u8,
    pub(crate) data_dir: std::path::PathBuf,
    pub(crate) network: Network,
    /// Present only under `demo` and `dev`.
    pub(crate) intruder: Option<Intruder>,
}

/// The services of a group that has executed nothing.
pub(crate) fn suite(
    parameters: &Parameters,
    coin: CoinUse,
    sites: Vec<PublicKey>,
    (clients, approvals): (Vec<Powers>, u8),
) -> Suite {
    let setup = Setup {
        group: parameters.config,
        epoch: parameters.epoch,
        resilience: parameters.resilience,
        sites,
        clients,
        approvals,
    };
    Suite::new(Ordered::new(setup, &genesis_keys(coin)))
}

/// This site's half of the keyed services, as its vault was left.
fn site_half(parts: &Parts, vault: &VaultFile) -> Result<keys::Site, SiteError> {
    let seed = parts.identity.key.seed();
    let seed = seed.expect("a site's key is a real one");
    let (me, group) = (parts.identity.me, parts.parameters.config);
    let key = SigningKey::from_seed(*seed);
    let held = vault.read()?;
    let held = held.as_ref().map(|bytes| bytes.as_slice());
    Ok(keys::Site::new(me, group, key, held, rand::random())?)
}

impl Daemon {
    pub(crate) fn start(mut parts: Parts) -> Result<Self, SiteError> {
        let durable = Arc::new(Notify::new());
        let wake = Arc::clone(&durable);
        let (store, mut boot) = Store::open(&parts.data_dir, Arc::new(move |_| wake.notify_one()))?;
        boot.nonce = rand::random();
        let vault = VaultFile::open(&parts.data_dir)?;
        boot.site_half = Some(site_half(&parts, &vault)?);
        let chain = ChainFile::new(&parts.data_dir);
        let views = chain.read();
        let members = views.iter().flat_map(|own| own.handover().view.members());
        members.for_each(|member| parts.sites.learn(member));
        boot.beginning = Some(Beginning {
            chain: views,
            ..parts.beginning.clone()
        });
        let clock = Clock::start();
        let me = parts.identity.me;
        let clients = (parts.powers, parts.approvals);
        let keys = parts.identity.keys.clone();
        let suite = suite(&parts.parameters, parts.settings.coin, keys, clients);
        let machine: Box<dyn StateMachine> = Box::new(suite);
        let (replica, step) = Replica::boot(
            parts.parameters,
            parts.settings,
            parts.identity,
            machine,
            boot,
            clock.now(),
        )?;
        let mut daemon = Self {
            sites: parts.sites,
            replica,
            store,
            vault,
            chain,
            performer: Performer::new(me, 0, parts.network.clone()),
            network: parts.network,
            clock,
            links: SiteSet::EMPTY,
            metrics: Metrics::default(),
            durable,
            saved: mpsc::channel(1),
            fatal: None,
            leaves_at: None,
            intruder: parts.intruder,
        };
        daemon.change_sites();
        daemon.perform(step)?;
        Ok(daemon)
    }

    /// Runs until told to stop or until something fatal happens.
    pub(crate) async fn run(
        mut self,
        mut events: mpsc::Receiver<NetworkEvent>,
        mut control: mpsc::Receiver<Control>,
    ) -> Result<(), SiteError> {
        let mut sweep = tokio::time::interval(SWEEP_INTERVAL);
        sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let durable = Arc::clone(&self.durable);
            let deadline = self.replica.next_timeout().map(|at| self.clock.instant(at));
            let timeout = async {
                match deadline {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let mut handled = 0;
            tokio::select! {
                biased;
                request = control.recv() => match request {
                    Some(Control::Stop) | None => return self.stop().await,
                    Some(Control::Attack(attacks)) => self.attack(&attacks),
                    Some(Control::AimAtLeaders(is_on)) => self.aim_at_leaders(is_on),
                    Some(request) => self.answer(request),
                },
                () = durable.notified() => {}
                event = events.recv() => if let Some(event) = event {
                    handled += 1;
                    self.on_event(event)?;
                },
                Some(saved) = self.saved.1.recv() => self.on_saved(saved)?,
                _ = sweep.tick() => {
                    self.store.commit(false)?;
                    if let Some((_, epoch)) = self.leaves_at.filter(|(at, _)| *at <= Instant::now()) {
                        self.stop().await?;
                        return Err(SiteError::Left(epoch));
                    }
                }
                () = timeout => {}
            }
            while handled < BATCH_EVENTS
                && self.performer.waiting_bytes() < WAITING_BYTES_MAX
                && let Ok(event) = events.try_recv()
            {
                handled += 1;
                self.on_event(event)?;
            }
            self.turn(handled)?;
        }
    }

    /// After a batch of events: what is due, the log, and what may leave.
    fn turn(&mut self, handled: usize) -> Result<(), SiteError> {
        let now = self.clock.now();
        if self.replica.next_timeout().is_some_and(|at| at <= now) {
            let step = self.replica.handle(now, Event::Timeout);
            self.perform(step)?;
        }
        self.let_go(now)?;
        // Records that nothing waits for go to the disk with the next that something does.
        if self.performer.is_waiting() {
            self.store.commit(handled <= QUIET_EVENTS)?;
            self.performer.release(self.store.durable());
        }
        self.fatal.take().map_or(Ok(()), Err)
    }

    fn on_event(&mut self, event: NetworkEvent) -> Result<(), SiteError> {
        let now = self.clock.now();
        match event {
            NetworkEvent::Up {
                peer: Peer::Site(site),
                key,
                ..
            } => {
                // The event may be from before the sites got other ids.
                if !self.sites.met(site, &key) {
                    return Ok(());
                }
                self.links.insert(site);
                let Ok(step) = self.replica.command(now, Command::PeerUp(site));
                self.perform(step)
            }
            NetworkEvent::Down {
                peer: Peer::Site(site),
                ..
            } => {
                self.links.remove(site);
                Ok(())
            }
            NetworkEvent::Down { link, .. } => {
                self.performer.forget(link);
                Ok(())
            }
            NetworkEvent::Message(message) => match message.peer {
                Peer::Site(from) if !self.sites.is_heard(from) => Ok(()),
                Peer::Site(from) => self.on_site(now, from, message.bytes),
                Peer::Client(key) => self.on_client(now, key, message.link, message.bytes),
            },
            _ => Ok(()),
        }
    }

    fn on_site(&mut self, now: Time, from: SiteId, bytes: Bytes) -> Result<(), SiteError> {
        self.metrics.site_messages += 1;
        let length = bytes.len();
        match Message::from_bytes(bytes) {
            Ok(message) => self.bring(now, from, message),
            Err(error) => {
                self.metrics.malformed += 1;
                tracing::debug!(%from, %error, "a peer sent a malformed message");
                let malformed = Command::Malformed {
                    site: from,
                    bytes: length,
                };
                let Ok(step) = self.replica.command(now, malformed);
                self.perform(step)
            }
        }
    }

    /// Queues the effects of a step behind its records.
    fn perform(&mut self, step: Step<Replica>) -> Result<(), SiteError> {
        let step = match &mut self.intruder {
            Some(intruder) => intruder.corrupt(step),
            None => step,
        };
        self.queue(step)
    }

    fn queue(&mut self, step: Step<Replica>) -> Result<(), SiteError> {
        let installed = step
            .outputs
            .iter()
            .any(|output| matches!(output, Output::Installed { .. }));
        let Sorted {
            log: records,
            image,
            vault,
            chain,
        } = sort(step.records);
        if let Some(chain) = chain {
            self.chain.replace(&chain);
        }
        if let Some(vault) = vault {
            // Nothing of this or a later step leaves before.
            self.vault.replace(vault.expose())?;
        }
        if let Some(image) = image.as_ref().filter(|_| installed) {
            // What follows builds on the fetched state: nothing leaves before it is durable.
            self.store.save_now(image)?;
        }
        for record in &records {
            self.store.append(record)?;
        }
        let end = self.store.end();
        // Messages of this step go by the ids that the others have from now on.
        if step
            .outputs
            .iter()
            .any(|output| matches!(output, Output::Sites))
        {
            self.change_sites();
        }
        for out in step.messages {
            self.performer
                .message(out.target, out.release, &out.message, end);
        }
        for output in step.outputs {
            self.output(output, end);
        }
        for fault in step.faults {
            self.metrics.faults += 1;
            tracing::warn!(culprit = %fault.culprit, what = %fault.misbehaviour, "fault");
        }
        if let Some(image) = image.filter(|_| !installed) {
            let done = self.saved.0.clone();
            // The receiver lives as long as the daemon; at most one save is under way.
            self.store
                .save(image, move |saved| drop(done.try_send(saved)));
        }
        Ok(())
    }

    fn output(&mut self, output: Output, end: maftia_storage::Position) {
        match output {
            Output::Replies {
                client,
                incarnation,
                replies,
            } => {
                self.metrics.replies += replies.len() as u64;
                let session = client.session;
                for replies in maftia_replica::batches(replies) {
                    let message = SiteMessage::Replies {
                        session,
                        incarnation,
                        replies,
                    };
                    self.performer.client(client, &message, end);
                }
            }
            Output::Alarm(alarm) => {
                tracing::error!(%alarm, "alarm");
                self.fatal = Some(SiteError::Alarm(alarm));
            }
            Output::Convicted(site) => {
                tracing::warn!(site = %self.name(site), "convicted of equivocation by proof");
            }
            Output::Diverged {
                index,
                ours,
                theirs,
            } => {
                tracing::error!(index, %ours, %theirs, "this site's state differs; fetching");
            }
            Output::Installed { index } => tracing::info!(index, "state fetched and installed"),
            Output::LostTail => tracing::warn!("the log has lost its tail; asking the others"),
            Output::Left(epoch) => {
                tracing::warn!(%epoch, "this site has no seat in the group any more; it stops");
                self.leaves_at = Some((Instant::now() + LEAVING, epoch));
            }
            // Seen to before the messages.
            Output::Sites => {}
            Output::Suspicion(change) => match change.level {
                Level::Trusted => {
                    tracing::info!(site = %self.name(change.site), "trusted again");
                }
                Level::Suspected(suspected) => {
                    let (site, reason) = (self.name(change.site), suspected.reason);
                    tracing::warn!(%site, %reason, degree = suspected.degree, "suspected");
                }
                // The log has said so, and that was told.
                Level::Convicted(_) => {}
            },
            Output::Stable { index } => tracing::debug!(index, "checkpoint is stable"),
        }
    }

    fn on_saved(&mut self, saved: Saved) -> Result<(), SiteError> {
        saved.map_err(crate::store::StoreError::from)?;
        self.store.saved();
        self.metrics.images += 1;
        Ok(())
    }

    fn answer(&self, request: Control) {
        match request {
            // Whoever asked may be gone; then nobody needs the answer.
            Control::Status(reply) => drop(reply.send(self.status())),
            Control::Metrics(reply) => {
                let parts = (&self.store, &self.network);
                let refused = self.performer.refused;
                let text = self.metrics.render(&self.status(), parts, refused);
                drop(reply.send(text));
            }
            Control::Attack(_) | Control::AimAtLeaders(_) | Control::Stop => {}
        }
    }

    async fn stop(self) -> Result<(), SiteError> {
        tracing::info!("stopping");
        self.network.shutdown().await;
        self.store.close()?;
        Ok(())
    }

    fn status(&self) -> SiteStatus {
        SiteStatus {
            syncs: self.store.syncs(),
            ..SiteStatus::of(&self.replica, &self.sites, self.links)
        }
    }

    fn name(&self, site: SiteId) -> &str {
        self.sites.name(site)
    }
}
