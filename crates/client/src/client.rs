use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use maftia_config::GroupFile;
use maftia_crypto::SigningKey;
use maftia_membership::Certificate;
use maftia_multipoint::{Config, Limits, Listen, Network, Peer, StartError};
use maftia_replica::{QUEUED_BYTES_PER_KEY, REQUEST_BYTES_MAX, Wanted};
use maftia_types::{SiteId, SiteSet};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};

use crate::driver::{Command, Driver};
use crate::inquiry::Inquiry;
use crate::session::{Timing, WINDOW};
use crate::shared::Shared;
use crate::{Answer, Known, Outcome, Rejection, RequestId};

/// Bytes of requests that wait for their outcome, of all sessions. Below the quota that sites give
/// a key, with room for what they add; a longest request fits.
pub const OUTSTANDING_BYTES_MAX: usize = 2 * 1024 * 1024;
const _: () = assert!(OUTSTANDING_BYTES_MAX < QUEUED_BYTES_PER_KEY);
const _: () = assert!(REQUEST_BYTES_MAX <= OUTSTANDING_BYTES_MAX);
/// Most sessions of a client: sixteen processes of a key stay within the 256 that sites keep.
pub const SESSIONS_MAX: usize = 16;
/// Session numbers of one process begin at this multiple of its instance.
const SESSIONS_PER_INSTANCE: u32 = 256;
/// Commands that wait for the driver. More wait in their callers.
const COMMANDS_MAX: usize = 1024;

/// The longest wait for an outcome that a caller may ask for.
pub const PATIENCE_MAX: Duration = Duration::from_secs(3600);

/// How long a caller waits for an outcome: the client's own deadline, or its own time, of at most
/// [`PATIENCE_MAX`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Patience(pub Option<Duration>);

/// What a client is made of.
#[derive(Debug)]
pub struct ClientConfig {
    /// The group.
    pub group: GroupFile,
    /// What [`Known::chain`] was when an earlier run with this file ended, if it was kept. Only what
    /// leads on from the file's view counts.
    pub chain: Vec<Certificate>,
    /// The client's key, one of the group's clients.
    pub key: SigningKey,
    /// Distinguishes the processes that use this key at once; each needs its own.
    pub instance: u32,
    /// Parallel sessions, 1 to [`SESSIONS_MAX`]. Each orders its own requests; more of them spread
    /// the load over the sites.
    pub sessions: usize,
    /// How patient it is.
    pub timing: Timing,
    /// The bounds of its links.
    pub limits: Limits,
}

/// Why a client could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The links.
    #[error("cannot start the links")]
    Links(#[from] StartError),
    /// The key is none of the group's clients.
    #[error("the key is not one of the group's clients; add it to every site's group file")]
    NotAClient,
    /// There must be 1 to [`SESSIONS_MAX`] sessions.
    #[error("a client has 1 to {SESSIONS_MAX} sessions, not {0}")]
    Sessions(usize),
}

/// A handle to a running client. Cheap to clone; when the last one is dropped, it stops.
#[derive(Clone, Debug)]
pub struct Client(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    commands: mpsc::Sender<Command>,
    room: Arc<Semaphore>,
    /// What a request takes at least of the room: so that not more wait than the windows hold.
    cost_min: usize,
    timing: Timing,
    shared: Arc<Shared>,
    number: u32,
}

impl ClientConfig {
    /// A client with eight sessions and the usual patience.
    pub fn new(group: GroupFile, key: SigningKey) -> Self {
        Self {
            group,
            chain: Vec::new(),
            key,
            instance: 0,
            sessions: 8,
            timing: Timing::default(),
            limits: Limits::default(),
        }
    }
}

impl Client {
    /// Starts a client in tasks of the current runtime. It dials the sites from now on; requests
    /// wait for links until their deadline.
    ///
    /// # Errors
    /// [`ConnectError`].
    ///
    /// # Panics
    /// Outside a tokio runtime with time and I/O enabled.
    pub fn connect(config: ClientConfig) -> Result<Self, ConnectError> {
        if config.sessions == 0 || config.sessions > SESSIONS_MAX {
            return Err(ConnectError::Sessions(config.sessions));
        }
        let Some(Peer::Client(key)) = config.group.peer(&config.key.public()) else {
            return Err(ConnectError::NotAClient);
        };
        let known = Arc::new(Known::begin(config.group, config.chain));
        let links = Config {
            directory: known.group.directory().clone(),
            listen: Listen::Nowhere,
            instance: config.instance,
            limits: config.limits,
        };
        let (network, events) = Network::start(&config.key, links)?;
        let (commands, receiver) = mpsc::channel(COMMANDS_MAX);
        let shared = Arc::new(Shared::new(known));
        let first = config.instance.wrapping_mul(SESSIONS_PER_INSTANCE);
        let driver = Driver::new(
            network,
            shared.clone(),
            config.timing,
            (key, first, config.sessions),
        );
        tokio::spawn(driver.run(receiver, events));
        Ok(Self(Arc::new(Handle {
            commands,
            room: Arc::new(Semaphore::new(OUTSTANDING_BYTES_MAX)),
            cost_min: OUTSTANDING_BYTES_MAX / (WINDOW * config.sessions),
            timing: config.timing,
            shared,
            number: key,
        })))
    }

    /// Has the group execute `body`. Waits while too many other requests wait, until the deadline.
    ///
    /// A caller that drops the future does not take the request back.
    pub async fn execute(&self, body: Bytes) -> Answer {
        self.execute_within(body, Patience::default()).await
    }

    /// As [`Client::execute`], with a deadline of its own. At it, the request gets
    /// [`Outcome::Unknown`] with its id if it may have left, and is asked for on.
    pub async fn execute_within(&self, body: Bytes, patience: Patience) -> Answer {
        let deadline = Instant::now() + self.patience(patience);
        let permit = match self.admit(&body, deadline).await {
            Ok(permit) => permit,
            Err(rejection) => return rejected(rejection),
        };
        let (reply, answer) = oneshot::channel();
        let command = Command::Execute {
            body,
            patience: deadline.saturating_duration_since(Instant::now()),
            permit,
            reply,
        };
        match self.0.commands.send(command).await {
            Ok(()) => answer.await.unwrap_or_else(|_| unknown(None)),
            Err(_) => rejected(Rejection::Stopped),
        }
    }

    /// Asks again for a request of this client by its id, with the same body: it is executed at
    /// most once, whatever the outcome so far. With another body, it is rejected. Gives the known outcome, waits for it, or asks the
    /// sites. Ids of earlier processes of the same key and instance are known by the sites for as
    /// long as no newer request was made.
    pub async fn execute_as(&self, id: RequestId, body: Bytes) -> Answer {
        self.execute_as_within(id, body, Patience::default()).await
    }

    /// As [`Client::execute_as`], with a deadline of its own.
    pub async fn execute_as_within(
        &self,
        id: RequestId,
        body: Bytes,
        patience: Patience,
    ) -> Answer {
        let deadline = Instant::now() + self.patience(patience);
        let reject = |rejection| Answer {
            id: Some(id),
            outcome: Outcome::Rejected(rejection),
        };
        let permit = match self.admit(&body, deadline).await {
            Ok(permit) => permit,
            // Nothing is known of what happened before.
            Err(Rejection::Busy) => return unknown(Some(id)),
            Err(rejection) => return reject(rejection),
        };
        let (reply, answer) = oneshot::channel();
        let command = Command::Again {
            id,
            body,
            permit,
            reply,
        };
        if self.0.commands.send(command).await.is_err() {
            return unknown(Some(id));
        }
        match timeout_at(deadline, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => unknown(Some(id)),
        }
    }

    /// How each site sees the group, as JSON text: one site's word each. `None` from sites that
    /// cannot be reached or do not answer within a second.
    pub async fn status(&self) -> Vec<(SiteId, Option<Bytes>)> {
        let sites = SiteId::all(self.group().resilience().sites());
        let answers = self.inquire(Inquiry::Status).await;
        let answers = answers.into_iter().chain(std::iter::repeat(None));
        sites.zip(answers).collect()
    }

    /// Asks all sites; the answers are in their order. None at all if the client has stopped.
    pub(crate) async fn inquire(&self, what: Inquiry) -> Vec<Option<Bytes>> {
        let (reply, answer) = oneshot::channel();
        match self.0.commands.send(Command::Ask { what, reply }).await {
            Ok(()) => answer.await.unwrap_or_default(),
            Err(_) => Vec::new(),
        }
    }

    /// What one site can prove about a question, as it says itself: to be checked. `None` if it
    /// cannot be reached, has nothing to prove, or does not answer within a second.
    pub(crate) async fn proof_of(&self, site: SiteId, question: Bytes) -> Option<Bytes> {
        let answers = self.inquire(Inquiry::Prove(site, question)).await;
        let said = answers.into_iter().nth(site.index())??;
        // No proof is empty.
        (!said.is_empty()).then_some(said)
    }

    /// A piece of a signed state that one site has, as it says itself: to be checked.
    pub(crate) async fn piece_of(&self, site: SiteId, wanted: Wanted) -> Option<Bytes> {
        let answers = self.inquire(Inquiry::Lend(site, wanted)).await;
        let said = answers.into_iter().nth(site.index())??;
        // No piece is empty.
        (!said.is_empty()).then_some(said)
    }

    /// How long a request waits for its outcome.
    pub(crate) fn patience(&self, patience: Patience) -> Duration {
        let usual = self.0.timing.deadline.into();
        patience.0.map_or(usual, |asked| asked.min(PATIENCE_MAX))
    }

    /// The group, with the sites of the newest view that this client has come to.
    pub fn group(&self) -> Arc<GroupFile> {
        self.0.shared.known().group.clone()
    }

    /// Its place among the group's clients.
    pub fn number(&self) -> u32 {
        self.0.number
    }

    /// What it knows of the group's sites; notified when it has come to a later view.
    pub fn known(&self) -> watch::Receiver<Arc<Known>> {
        self.0.shared.watch()
    }

    /// Asks the sites at once for views after the one that the client goes by, instead of in a few
    /// seconds: for who has heard that there is one. [`Client::known`] tells when it has come.
    pub async fn follow(&self) {
        // An error means that it has stopped.
        let _ = self.0.commands.send(Command::Follow).await;
    }

    /// The sites that a link stands to.
    pub fn links_up(&self) -> SiteSet {
        self.0.shared.up()
    }

    /// Per site, how often it contradicted what f+1 sites agreed on.
    pub fn liars(&self) -> Vec<u64> {
        self.0.shared.liars()
    }

    /// Stops the client: what waits for an outcome gets [`Outcome::Unknown`].
    pub async fn shutdown(&self) {
        let (done, stopped) = oneshot::channel();
        if self.0.commands.send(Command::Stop { done }).await.is_ok() {
            // An error means that it has stopped already.
            let _ = stopped.await;
        }
    }

    async fn admit(
        &self,
        body: &Bytes,
        deadline: Instant,
    ) -> Result<OwnedSemaphorePermit, Rejection> {
        if body.len() > REQUEST_BYTES_MAX {
            return Err(Rejection::TooLong);
        }
        let cost = u32::try_from(body.len().max(self.0.cost_min)).unwrap_or(u32::MAX);
        let room = &self.0.room;
        if let Ok(permit) = room.clone().try_acquire_many_owned(cost) {
            return Ok(permit);
        }
        let waiting = room.clone().acquire_many_owned(cost);
        match timeout_at(deadline, waiting).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(Rejection::Busy),
        }
    }
}

fn rejected(rejection: Rejection) -> Answer {
    Answer {
        id: None,
        outcome: Outcome::Rejected(rejection),
    }
}

const fn unknown(id: Option<RequestId>) -> Answer {
    Answer {
        id,
        outcome: Outcome::Unknown,
    }
}
