//! Four replicas, each driven by a task, with logs in memory. Shared by the tests of the crates
//! that talk to a group.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use maftia_activity::kv::Store;
use maftia_client::{Client, ClientConfig, Timing};
use maftia_codec::Wire;
use maftia_config::{Generated, GroupFile, Kind, Plan, generate};
use maftia_crypto::SigningKey;
use maftia_multipoint::{Class, Config, Limits, LinkId, Listen, Network, NetworkEvent, Peer, To};
use maftia_ordering::{CheckpointPolicy, Identity, Pacing, Parameters};
use maftia_protocol::{Event, Protocol, Step, Target};
use maftia_replica::{
    Boot, ClientMessage, Command, Fate, Message, Output, Record, Replica, Reply, Settings,
    SiteMessage, result_digest,
};
use maftia_types::{Epoch, SiteId, Time};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

const DEADLINE: Duration = Duration::from_secs(60);

/// Everything here waits for an event under this one deadline.
pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, work)
        .await
        .expect("the deadline has passed")
}

/// A group of four sites and one client key.
pub(crate) struct Group {
    pub(crate) file: GroupFile,
    seeds: Vec<[u8; 32]>,
    client_seed: [u8; 32],
    sites: Vec<Option<Running>>,
    listeners: Vec<Option<TcpListener>>,
    logs: Vec<Log>,
}

/// A site's log: outlives the site.
type Log = Arc<Mutex<Vec<maftia_ordering::Record>>>;

struct Running {
    stop: oneshot::Sender<()>,
    stopped: oneshot::Receiver<()>,
}

/// How a site treats its clients.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Honest,
    /// Tells its clients lies about what was executed.
    Forging,
}

impl Group {
    /// A group whose sites run.
    pub(crate) fn start(manners: [Manner; 4]) -> Self {
        let mut group = Self::stopped();
        for (index, manner) in manners.into_iter().enumerate() {
            group.run(index, manner);
        }
        group
    }

    pub(crate) fn honest() -> Self {
        Self::start([Manner::Honest; 4])
    }

    fn stopped() -> Self {
        let listeners: Vec<_> = (0..4)
            .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
            .collect();
        let plan = Plan {
            name: "test".to_owned(),
            kind: Kind::Dev,
            sites: listeners.iter().map(|l| l.local_addr().unwrap()).collect(),
            http: Vec::new(),
            clients: vec!["app".to_owned()],
            fast_path: None,
            asynchronous: maftia_types::CoinUse::Never,
            member_approvals: std::num::NonZeroU8::MIN,
        };
        let Generated {
            group,
            sites,
            clients,
        } = generate(plan, &mut ChaCha20Rng::seed_from_u64(1)).unwrap();
        let seed = |key: &SigningKey| *key.seed().unwrap();
        Self {
            file: group,
            seeds: sites.iter().map(|named| seed(&named.key)).collect(),
            client_seed: seed(&clients[0].key),
            sites: (0..4).map(|_| None).collect(),
            listeners: listeners.into_iter().map(Some).collect(),
            logs: (0..4).map(|_| Log::default()).collect(),
        }
    }

    /// Starts a site from its log.
    pub(crate) fn run(&mut self, index: usize, manner: Manner) {
        // Kept bound between lives, so that nobody else takes the port.
        let listener = self.listeners[index].as_ref().unwrap().try_clone().unwrap();
        let (stop, stopping) = oneshot::channel();
        let (done, stopped) = oneshot::channel();
        let key = SigningKey::from_seed(self.seeds[index]);
        let site = Site::boot(&self.file, key, index, listener, &self.logs[index], manner);
        tokio::spawn(site.run(stopping, done));
        self.sites[index] = Some(Running { stop, stopped });
    }

    /// Stops a site; its log stays.
    pub(crate) async fn stop(&mut self, index: usize) {
        let running = self.sites[index].take().unwrap();
        running.stop.send(()).unwrap();
        within(running.stopped).await.unwrap();
    }

    pub(crate) fn config(&self) -> ClientConfig {
        let mut config =
            ClientConfig::new(self.file.clone(), SigningKey::from_seed(self.client_seed));
        config.timing = Timing {
            deadline: maftia_types::Duration::from_secs(30),
            ..Timing::default()
        };
        config.limits.redial_max = Duration::from_millis(40);
        config
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.config()).unwrap()
    }
}

struct Site {
    me: SiteId,
    names: Vec<String>,
    replica: Replica,
    network: Network,
    events: mpsc::Receiver<NetworkEvent>,
    links: BTreeMap<LinkId, u32>,
    log: Log,
    origin: (Time, Instant),
    manner: Manner,
}

impl Site {
    fn boot(
        file: &GroupFile,
        key: SigningKey,
        index: usize,
        listener: TcpListener,
        log: &Log,
        manner: Manner,
    ) -> Self {
        let me = SiteId::all(4).nth(index).unwrap();
        let limits = Limits {
            redial_max: Duration::from_millis(40),
            ..Limits::default()
        };
        let links = Config {
            directory: file.directory().clone(),
            listen: Listen::On(listener),
            instance: 0,
            limits,
        };
        let (network, events) = Network::start(&key, links).unwrap();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = Time::from_nanos(u64::try_from(since.as_nanos()).unwrap());
        let parameters = Parameters {
            config: *file.digest(),
            epoch: Epoch(0),
            resilience: file.resilience(),
            fast_path: false,
            asynchronous: maftia_ordering::Asynchronous::Never,
            seals: None,
            delivery_depth: 64,
            checkpoints: CheckpointPolicy {
                commits: 16,
                ..CheckpointPolicy::default()
            },
            pacing: Pacing::default(),
        };
        let identity = Identity {
            me,
            key,
            keys: file.site_keys(),
        };
        let boot = Boot {
            records: log.lock().unwrap().clone(),
            nonce: now.as_nanos(),
            ..Boot::default()
        };
        let machine = Box::new(Store::default());
        let (replica, step) = Replica::boot(
            parameters,
            Settings::default(),
            identity,
            machine,
            boot,
            now,
        )
        .unwrap();
        // Replies of a life before: whoever waits for one asks again.
        drop(step);
        Self {
            me,
            names: file.sites().map(|(_, site)| site.name.clone()).collect(),
            replica,
            network,
            events,
            links: BTreeMap::new(),
            log: log.clone(),
            origin: (now, Instant::now()),
            manner,
        }
    }

    async fn run(mut self, mut stopping: oneshot::Receiver<()>, done: oneshot::Sender<()>) {
        loop {
            let due = self.replica.next_timeout();
            let at = due.map_or(self.origin.1, |at| {
                self.origin.1 + at.since(self.origin.0).into()
            });
            tokio::select! {
                biased;
                _ = &mut stopping => break,
                event = self.events.recv() => match event {
                    Some(event) => self.on_event(event),
                    None => break,
                },
                () = tokio::time::sleep_until(at), if due.is_some() => {
                    let step = self.replica.handle(self.now(), Event::Timeout);
                    self.perform(step);
                }
            }
        }
        self.network.shutdown().await;
        let _ = done.send(());
    }

    fn now(&self) -> Time {
        let elapsed = u64::try_from(self.origin.1.elapsed().as_nanos()).unwrap();
        self.origin.0 + maftia_types::Duration::from_nanos(elapsed)
    }

    fn on_event(&mut self, event: NetworkEvent) {
        match event {
            NetworkEvent::Up {
                peer: Peer::Site(peer),
                ..
            } => self.command(Command::PeerUp(peer)),
            NetworkEvent::Up {
                peer: Peer::Client(key),
                link,
                ..
            } => {
                self.links.insert(link, key);
            }
            NetworkEvent::Down { link, .. } => {
                self.links.remove(&link);
            }
            NetworkEvent::Message(message) => match message.peer {
                Peer::Site(from) => {
                    let message = Message::from_bytes(message.bytes).unwrap();
                    let event = Event::Message { from, message };
                    let step = self.replica.handle(self.now(), event);
                    self.perform(step);
                }
                Peer::Client(key) => match ClientMessage::from_bytes(message.bytes).unwrap() {
                    ClientMessage::Evidence { nonce, id } => {
                        let exhibit = self.replica.evidence().get(&id).map(Wire::to_bytes);
                        let answer = SiteMessage::Evidence { nonce, exhibit };
                        let to = To::Link(message.link);
                        let _ = self.network.send(to, Class::Control, answer.to_bytes());
                    }
                    ClientMessage::Status { nonce } => self.tell(message.link, nonce),
                    message => self.command(Command::Client { key, message }),
                },
            },
            _ => {}
        }
    }

    fn command(&mut self, command: Command) {
        let Ok(step) = self.replica.command(self.now(), command);
        self.perform(step);
    }

    fn perform(&mut self, step: Step<Replica>) {
        for record in step.records {
            if let Record::Ordering(record) = record {
                self.log.lock().unwrap().push(record);
            }
        }
        let mut own = Vec::new();
        for outgoing in step.messages {
            if outgoing.target == Target::All {
                own.push(outgoing.message.clone());
            }
            let bytes = outgoing.message.to_bytes();
            for to in SiteId::all(4).filter(|to| *to != self.me) {
                if outgoing.target == Target::One(to) || !matches!(outgoing.target, Target::One(_))
                {
                    let _ = self.network.send(to, Class::Payload, bytes.clone());
                }
            }
        }
        for output in step.outputs {
            match output {
                Output::Replies {
                    client,
                    incarnation,
                    replies,
                } => {
                    let message = SiteMessage::Replies {
                        session: client.session,
                        incarnation,
                        replies: self.forge(replies),
                    };
                    self.reply(client.key, &message);
                }
                Output::Alarm(alarm) => panic!("{alarm:?}"),
                _ => {}
            }
        }
        for message in own {
            let event = Event::Message {
                from: self.me,
                message,
            };
            let step = self.replica.handle(self.now(), event);
            self.perform(step);
        }
    }

    fn reply(&self, key: u32, message: &SiteMessage) {
        let bytes = message.to_bytes();
        for (link, _) in self.links.iter().filter(|(_, of)| **of == key) {
            let _ = self
                .network
                .send(To::Link(*link), Class::Payload, bytes.clone());
        }
    }

    fn forge(&self, mut replies: Vec<Reply>) -> Vec<Reply> {
        if self.manner == Manner::Forging {
            for reply in &mut replies {
                let (Fate::Executed { position, .. } | Fate::ExecutedDigest { position, .. }) =
                    reply.fate
                else {
                    continue;
                };
                let result = Bytes::from_static(b"forged");
                reply.fate = match position % 2 {
                    0 => Fate::Executed { position, result },
                    _ => Fate::ExecutedDigest {
                        position: position + 1,
                        digest: result_digest(&result),
                    },
                };
            }
        }
        replies
    }

    fn tell(&self, link: LinkId, nonce: u64) {
        let status = self.replica.status();
        let name = |site: SiteId| format!("\"{}\"", self.names[site.index()]);
        let checkpoint = status
            .checkpoint
            .map_or("null".to_owned(), |(index, digest)| {
                format!("{{\"index\":{index},\"digest\":\"{digest}\"}}")
            });
        let peers: Vec<_> = SiteId::all(4)
            .filter(|peer| *peer != self.me)
            .map(|peer| {
                format!(
                    "{{\"name\":{},\"link\":\"up\",\"state\":\"live\"}}",
                    name(peer)
                )
            })
            .collect();
        let json = format!(
            "{{\"site\":{},\"state\":\"serving\",\"position\":{},\"checkpoint\":{checkpoint},\
             \"convicted\":[],\"peers\":[{}],\"pid\":{}}}",
            name(self.me),
            status.position,
            peers.join(","),
            std::process::id()
        );
        let message = SiteMessage::Status {
            nonce,
            json: json.into(),
        };
        let _ = self
            .network
            .send(To::Link(link), Class::Control, message.to_bytes());
    }
}
