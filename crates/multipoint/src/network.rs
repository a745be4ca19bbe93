use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use maftia_crypto::SigningKey;
use maftia_types::SiteId;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::accept::accept_forever;
use crate::config::{EVENTS_MAX, Listen};
use crate::dial::{Target, dial_forever};
use crate::registry::{Shared, View};
use crate::stats::add;
use crate::tls::Credentials;
use crate::{Class, Config, Directory, LinkId, NetworkEvent, Stats};

/// A handle to a running network. When the last one is dropped, links flush and close.
#[derive(Clone, Debug)]
pub struct Network(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    address: Option<SocketAddr>,
}

/// Where a message goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum To {
    /// The newest link of a site.
    Site(SiteId),
    /// One link: how a client, which may have several, is answered.
    Link(LinkId),
}

impl From<SiteId> for To {
    fn from(site: SiteId) -> Self {
        Self::Site(site)
    }
}

impl From<LinkId> for To {
    fn from(link: LinkId) -> Self {
        Self::Link(link)
    }
}

/// Why a network did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The listening socket.
    #[error("cannot listen")]
    Listen(#[source] io::Error),
    /// The key has no seed, so it cannot sign handshakes.
    #[error("the key is not a real Ed25519 key")]
    MockKey,
    /// Our key is not in the directory.
    #[error("our key is not in the directory")]
    NotInDirectory,
}

/// Why a message was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// Empty, or longer than its class allows.
    #[error("a message of class {class:?} cannot be {length} bytes long")]
    Length {
        /// The class.
        class: Class,
        /// The length.
        length: usize,
    },
    /// There is no such link.
    #[error("not connected")]
    NotConnected,
    /// The peer takes messages more slowly than they are sent. The message is dropped and
    /// counted.
    #[error("the queue is full")]
    QueueFull,
}

impl Network {
    /// Starts listening and dialing, in tasks of the current runtime. Who we are is the place of
    /// `key` in the directory.
    ///
    /// # Errors
    /// [`StartError`].
    ///
    /// # Panics
    /// Outside a tokio runtime with time and I/O enabled.
    pub fn start(
        key: &SigningKey,
        config: Config,
    ) -> Result<(Self, mpsc::Receiver<NetworkEvent>), StartError> {
        let credentials = Credentials::new(key).ok_or(StartError::MockKey)?;
        let view = View::new(config.directory, &key.public(), &credentials);
        if view.me.is_none() {
            return Err(StartError::NotInDirectory);
        }
        let listener = listen(config.listen).map_err(StartError::Listen)?;
        let address = listener.as_ref().map(TcpListener::local_addr).transpose();
        let (events, receiver) = mpsc::channel(EVENTS_MAX);
        let shared = Arc::new(Shared::new(
            (credentials, key.public()),
            view,
            (config.instance, config.limits),
            events,
        ));
        if let Some(listener) = listener {
            let task = tokio::spawn(accept_forever(shared.clone(), listener));
            shared.set_acceptor(task.abort_handle());
        }
        dial_targets(&shared);
        let address = address.map_err(StartError::Listen)?;
        Ok((Self(Arc::new(Handle { shared, address })), receiver))
    }

    /// Queues a message. Never waits. That it was taken does not mean that it arrives: a link may
    /// go down, which [`NetworkEvent::Down`] tells and [`crate::PeerStats::lost`] counts.
    ///
    /// # Errors
    /// [`SendError`]; the message is dropped.
    pub fn send(&self, to: impl Into<To>, class: Class, message: Bytes) -> Result<(), SendError> {
        let link = match to.into() {
            To::Site(site) => self.0.shared.site_link(site),
            To::Link(link) => self.0.shared.link(link),
        };
        let link = link.ok_or(SendError::NotConnected)?;
        let result = link.queue.push(class, message);
        match result {
            Ok(()) => add(link.counters.messages_out.of(class), 1),
            Err(SendError::QueueFull) => add(link.counters.refused.of(class), 1),
            Err(_) => {}
        }
        result
    }

    /// Makes `directory` the current one. Links to keys that it does not list in the same place
    /// go down; new sites are dialed. If our own key is not in it, all links go down.
    pub fn replace_directory(&self, directory: Directory) {
        let shared = &self.0.shared;
        let view = View::new(directory, &shared.own_key, &shared.credentials);
        shared.replace_view(view);
        dial_targets(shared);
    }

    /// Where we listen.
    pub fn address(&self) -> Option<SocketAddr> {
        self.0.address
    }

    /// What has happened so far.
    pub fn stats(&self) -> Stats {
        self.0.shared.stats()
    }

    /// Stops accepting and dialing, lets queued messages leave for at most
    /// [`crate::Limits::flush_timeout`], and closes all links. Their `Down` events are queued when
    /// this returns, unless the receiver is not read and full: then it returns after twice the
    /// time.
    pub async fn shutdown(&self) {
        let links = self.0.shared.stop();
        let closed = async {
            for link in &links {
                link.finished().await;
            }
        };
        // Links end by themselves; what the timeout bounds is an owner who does not read.
        let _ = timeout(self.0.shared.limits.flush_timeout * 2, closed).await;
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

fn dial_targets(shared: &Arc<Shared>) {
    let view = shared.view();
    for site in view.targets() {
        let Some((site, key, address)) = view.directory.sites().nth(site.index()) else {
            continue;
        };
        let target = Target { site, key, address };
        shared.add_dialer(site, || {
            tokio::spawn(dial_forever(shared.clone(), target)).abort_handle()
        });
    }
}

fn listen(listen: Listen) -> io::Result<Option<TcpListener>> {
    let listener = match listen {
        Listen::Nowhere => return Ok(None),
        Listen::At(address) => std::net::TcpListener::bind(address)?,
        Listen::On(listener) => listener,
    };
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener).map(Some)
}
