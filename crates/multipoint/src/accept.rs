//! Accepting: strangers cost a bounded number of handshakes for a bounded time.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use maftia_crypto::PublicKey;
use tokio::io::BufReader;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::hello::{Hello, answer, io_refusal};
use crate::queue::BATCH_CAPACITY;
use crate::registry::{Shared, View};
use crate::socket::{READ_AHEAD_BYTES, prepare};
use crate::{Limits, Peer, Refusal, tls};

/// After an error of accept. Most (out of descriptors, say) would repeat at once.
const ACCEPT_ERROR_PAUSE: Duration = Duration::from_millis(20);

/// Accepts links until it is aborted.
pub(crate) async fn accept_forever(shared: Arc<Shared>, listener: TcpListener) {
    loop {
        let (socket, source) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                shared.refusals.accept_error(&error);
                sleep(ACCEPT_ERROR_PAUSE).await;
                continue;
            }
        };
        match shared.admission.clone().admit(source.ip()) {
            Ok(place) => {
                tokio::spawn(accept(shared.clone(), socket, source, place));
            }
            Err(reason) => shared.refusals.refuse(reason, &source.ip()),
        }
    }
}

async fn accept(shared: Arc<Shared>, socket: TcpStream, source: SocketAddr, place: Place) {
    let handshake = handshake(&shared, socket);
    let result = timeout(shared.limits.handshake_timeout, handshake).await;
    drop(place);
    if let Err(reason) = result.unwrap_or(Err(Refusal::Timeout)) {
        shared.refusals.refuse(reason, &source.ip());
    }
}

async fn handshake(shared: &Arc<Shared>, socket: TcpStream) -> Result<(), Refusal> {
    prepare(&socket).map_err(|_| Refusal::Io)?;
    let view = shared.view();
    let me = view.me.ok_or(Refusal::UnknownKey)?;
    let socket = BufReader::with_capacity(READ_AHEAD_BYTES, socket);
    let acceptor = TlsAcceptor::from(view.tls.clone());
    let mut stream = acceptor.accept(socket).await.map_err(|e| io_refusal(&e))?;
    stream.get_mut().1.set_buffer_limit(Some(BATCH_CAPACITY));
    let key = tls::peer_key(stream.get_ref().1).ok_or(Refusal::UnknownKey)?;
    let hello = Hello::new(*view.directory.group(), me, shared.instance);
    let judged = judge(shared, &view, me, &key);
    let other = answer(&mut stream, &hello, judged.map(|(peer, _)| peer)).await?;
    shared.establish(stream, judged?, (&hello, &other))?;
    Ok(())
}

/// Whose key it is, if its holder may have a link that it dialed.
fn judge(
    shared: &Shared,
    view: &View,
    me: Peer,
    key: &[u8; 32],
) -> Result<(Peer, PublicKey), Refusal> {
    let directory = &view.directory;
    let peer = directory.peer(key).ok_or(Refusal::UnknownKey)?;
    let key = *directory.key(peer).ok_or(Refusal::UnknownKey)?;
    match (me, peer) {
        (Peer::Site(me), Peer::Site(dialer)) if dialer > me => {}
        (Peer::Site(_), Peer::Client(_)) => {}
        _ => return Err(Refusal::Direction),
    }
    if !shared.has_room(peer) {
        return Err(Refusal::LinksFull);
    }
    Ok((peer, key))
}

/// Handshakes under way, in all and from each source.
#[derive(Debug)]
pub(crate) struct Admission {
    places: Mutex<Places>,
    total_max: usize,
    per_source_max: usize,
}

#[derive(Debug, Default)]
struct Places {
    total: usize,
    per_source: BTreeMap<IpAddr, usize>,
}

/// One handshake's place, free again when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    admission: Arc<Admission>,
    source: IpAddr,
}

impl Admission {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            places: Mutex::default(),
            total_max: limits.handshakes_max,
            per_source_max: limits.handshakes_per_source_max,
        }
    }

    pub(crate) fn admit(self: Arc<Self>, address: IpAddr) -> Result<Place, Refusal> {
        let source = source(address);
        let mut places = self.places();
        if places.total >= self.total_max {
            return Err(Refusal::HandshakesFull);
        }
        let of_source = places.per_source.get(&source).copied().unwrap_or(0);
        if of_source >= self.per_source_max {
            return Err(Refusal::SourceFull);
        }
        places.per_source.insert(source, of_source + 1);
        places.total += 1;
        drop(places);
        Ok(Place {
            admission: self,
            source,
        })
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().expect("no holder of this lock panics")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.admission.places();
        places.total = places.total.saturating_sub(1);
        if let Some(of_source) = places.per_source.get_mut(&self.source) {
            *of_source -= 1;
            if *of_source == 0 {
                places.per_source.remove(&self.source);
            }
        }
    }
}

/// What counts as one source: an IPv4 address, or the /64 that one IPv6 host commonly owns.
fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission() -> Arc<Admission> {
        Arc::new(Admission::new(&Limits {
            handshakes_max: 3,
            handshakes_per_source_max: 2,
            ..Limits::default()
        }))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_source_and_all_sources_are_bounded_and_places_return() {
        let admission = admission();
        let admit = |address| admission.clone().admit(ip(address));
        let first = admit("10.0.0.1").unwrap();
        let _second = admit("10.0.0.1").unwrap();
        assert_eq!(admit("10.0.0.1").unwrap_err(), Refusal::SourceFull);
        let _third = admit("10.0.0.2").unwrap();
        assert_eq!(admit("10.0.0.3").unwrap_err(), Refusal::HandshakesFull);
        drop(first);
        assert!(admit("10.0.0.1").is_ok());
    }

    #[test]
    fn a_64_counts_as_one_source() {
        let admission = admission();
        let admit = |address| admission.clone().admit(ip(address));
        let _first = admit("2001:db8::1").unwrap();
        let _second = admit("2001:db8::2").unwrap();
        assert_eq!(admit("2001:db8::3").unwrap_err(), Refusal::SourceFull);
        assert!(admit("2001:db8:0:1::1").is_ok());
    }
}
