//! Dialing one site, again and again.

use std::sync::Arc;
use std::time::Duration;

use maftia_crypto::PublicKey;
use maftia_types::SiteId;
use rustls::ClientConfig;
use std::net::SocketAddr;
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsConnector;

use crate::hello::{Hello, initiate, io_refusal};
use crate::queue::BATCH_CAPACITY;
use crate::registry::Shared;
use crate::socket::{READ_AHEAD_BYTES, prepare};
use crate::{Limits, Peer, Refusal, tls};

/// A site to dial.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) site: SiteId,
    pub(crate) key: PublicKey,
    pub(crate) address: SocketAddr,
}

/// Keeps a link to the target until it is aborted. Aborting leaves the link alone.
pub(crate) async fn dial_forever(shared: Arc<Shared>, target: Target) {
    let config = shared.credentials.dialer(&target.key);
    let mut pause = shared.limits.redial_min;
    loop {
        let handshake = handshake(&shared, &target, config.clone());
        let result = timeout(shared.limits.handshake_timeout, handshake).await;
        match result.unwrap_or(Err(Refusal::Timeout)) {
            Ok(link) => {
                let up = Instant::now();
                // The link's task does not panic, and if it did, dialing again is right too.
                let _ = link.await;
                // A peer that accepts links and drops them at once is not dialed at full speed.
                if up.elapsed() >= shared.limits.redial_max {
                    pause = shared.limits.redial_min;
                }
            }
            Err(reason) => shared.refusals.refuse(reason, &Peer::Site(target.site)),
        }
        sleep(jittered(pause)).await;
        pause = next_pause(pause, &shared.limits);
    }
}

async fn handshake(
    shared: &Arc<Shared>,
    target: &Target,
    config: Arc<ClientConfig>,
) -> Result<JoinHandle<()>, Refusal> {
    let view = shared.view();
    let me = view.me.ok_or(Refusal::UnknownKey)?;
    let connected = TcpStream::connect(target.address).await;
    let socket = connected.map_err(|_| Refusal::Io)?;
    prepare(&socket).map_err(|_| Refusal::Io)?;
    let socket = BufReader::with_capacity(READ_AHEAD_BYTES, socket);
    let name = tls::server_name(target.address.ip());
    let connecting = TlsConnector::from(config).connect(name, socket);
    let mut stream = connecting.await.map_err(|e| io_refusal(&e))?;
    stream.get_mut().1.set_buffer_limit(Some(BATCH_CAPACITY));
    let hello = Hello::new(*view.directory.group(), me, shared.instance);
    let peer = Peer::Site(target.site);
    let other = initiate(&mut stream, &hello, peer).await?;
    shared.establish(stream, (peer, target.key), (&hello, &other))
}

/// Half to all of `pause`, so that sites cut off together do not return together.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + rand::random::<f64>() / 2.0)
}

fn next_pause(pause: Duration, limits: &Limits) -> Duration {
    (pause * 2).clamp(limits.redial_min, limits.redial_max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_maximum() {
        let limits = Limits::default();
        let pauses = std::iter::successors(Some(limits.redial_min), |pause| {
            Some(next_pause(*pause, &limits))
        });
        let millis: Vec<_> = pauses.take(8).map(|pause| pause.as_millis()).collect();
        assert_eq!(millis, [20, 40, 80, 160, 320, 640, 1000, 1000]);
    }

    #[test]
    fn jitter_stays_between_half_and_all() {
        let pause = Duration::from_millis(100);
        for _ in 0..1000 {
            let jittered = jittered(pause);
            assert!(jittered >= pause / 2 && jittered <= pause, "{jittered:?}");
        }
    }
}
