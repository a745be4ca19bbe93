//! Two ends over loopback. Nothing here sleeps to synchronise: tests wait for events, or for a
//! condition, under one generous deadline.

mod flow;
mod links;
mod refusals;

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use bytes::BytesMut;
use maftia_crypto::SigningKey;
use maftia_types::{Digest, SiteId};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::frame::{Decoder, Incoming};
use crate::hello::{Hello, initiate};
use crate::tls::{Credentials, server_name};
use crate::*;

const GROUP: Digest = Digest([7; 32]);
const DEADLINE: Duration = Duration::from_secs(20);

/// What the test of one group needs: keys by seed, sockets that are bound before anything dials.
struct Group {
    listeners: Vec<Option<TcpListener>>,
    addresses: Vec<SocketAddr>,
    clients: u8,
    limits: Limits,
}

struct Node {
    network: Network,
    events: mpsc::Receiver<NetworkEvent>,
}

fn site(index: u8) -> SiteId {
    SiteId::new(index).unwrap()
}

fn site_key(index: u8) -> SigningKey {
    SigningKey::from_seed([index + 1; 32])
}

fn client_key(index: u8) -> SigningKey {
    SigningKey::from_seed([index + 101; 32])
}

fn stranger() -> SigningKey {
    SigningKey::from_seed([255; 32])
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, work)
        .await
        .expect("the deadline has passed")
}

async fn until(condition: impl Fn() -> bool) {
    within(async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

impl Group {
    fn new(sites: u8, clients: u8) -> Self {
        let bind = |_| TcpListener::bind("127.0.0.1:0").unwrap();
        let listeners: Vec<_> = (0..sites).map(bind).collect();
        Self {
            addresses: listeners.iter().map(|l| l.local_addr().unwrap()).collect(),
            listeners: listeners.into_iter().map(Some).collect(),
            clients,
            limits: Limits {
                redial_max: Duration::from_millis(40),
                ..Limits::default()
            },
        }
    }

    fn directory(&self) -> Directory {
        let keys = (0..).map(|index| site_key(index).public());
        let sites = keys.zip(self.addresses.iter().copied()).collect();
        let clients = (0..self.clients).map(|i| client_key(i).public()).collect();
        Directory::new(GROUP, sites, clients).unwrap()
    }

    fn config(&mut self, site: Option<u8>) -> Config {
        let listener = site.and_then(|site| self.listeners[usize::from(site)].take());
        Config {
            directory: self.directory(),
            listen: listener.map_or(Listen::Nowhere, Listen::On),
            instance: 0,
            limits: self.limits,
        }
    }

    fn site(&mut self, index: u8) -> Node {
        let config = self.config(Some(index));
        Node::start(&site_key(index), config)
    }

    fn client(&mut self, index: u8, instance: u32) -> Node {
        let mut config = self.config(None);
        config.instance = instance;
        Node::start(&client_key(index), config)
    }
}

impl Node {
    fn start(key: &SigningKey, config: Config) -> Self {
        let (network, events) = Network::start(key, config).unwrap();
        Self { network, events }
    }

    async fn event(&mut self) -> NetworkEvent {
        within(self.events.recv()).await.expect("the network runs")
    }

    async fn up(&mut self) -> (Peer, LinkId) {
        match self.event().await {
            NetworkEvent::Up { peer, link, .. } => (peer, link),
            other => panic!("{other:?}"),
        }
    }

    async fn down(&mut self) -> (LinkId, DownReason) {
        match self.event().await {
            NetworkEvent::Down { link, reason, .. } => (link, reason),
            other => panic!("{other:?}"),
        }
    }

    async fn message(&mut self) -> Message {
        match self.event().await {
            NetworkEvent::Message(message) => message,
            other => panic!("{other:?}"),
        }
    }

    async fn refused(&self, reason: Refusal) {
        until(|| self.network.stats().refused.contains_key(&reason)).await;
    }

    fn peer(&self, peer: Peer) -> PeerStats {
        self.network.stats().peers.remove(&peer).unwrap_or_default()
    }
}

/// The other end of a link in the hands of a test, which may say anything.
struct Raw {
    stream: TlsStream<BufReader<TcpStream>>,
    decoder: Decoder,
}

impl Raw {
    async fn tls(key: &SigningKey, group: &Group, site: u8) -> std::io::Result<Self> {
        let address = group.addresses[usize::from(site)];
        let config = Credentials::new(key)
            .unwrap()
            .dialer(&site_key(site).public());
        let socket = BufReader::new(TcpStream::connect(address).await?);
        let connector = TlsConnector::from(config);
        Ok(Self {
            stream: connector.connect(server_name(address.ip()), socket).await?,
            decoder: Decoder::default(),
        })
    }

    async fn hello(&mut self, hello: &Hello) -> Result<Hello, Refusal> {
        within(initiate(&mut self.stream, hello, Peer::Site(site(0)))).await
    }

    /// A link of client `index` to site 0.
    async fn client(group: &Group, index: u8, instance: u32) -> Result<Self, Refusal> {
        let mut raw = Self::tls(&client_key(index), group, 0).await.unwrap();
        let identity = Peer::Client(u32::from(index));
        raw.hello(&Hello::new(GROUP, identity, instance)).await?;
        Ok(raw)
    }

    async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    async fn say(&mut self, class: Class, message: &[u8]) {
        let mut frame = BytesMut::new();
        crate::frame::put_part(&mut frame, class, message, false);
        self.write(&frame).await;
    }

    /// What the network says, `None` once it has closed the link.
    async fn hear(&mut self) -> Option<Incoming> {
        loop {
            if let Some(item) = self.decoder.next().unwrap() {
                return Some(item);
            }
            let read = self.stream.read_buf(self.decoder.buffer(4096));
            if within(read).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }
}
