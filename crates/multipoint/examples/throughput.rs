//! Two sites in one process, on one thread: how many messages and bytes per second one link
//! carries in one direction. Both ends' work is in the figures.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "it prints what it measured"
)]

use std::net::TcpListener;
use std::time::{Duration, Instant};

use maftia_crypto::SigningKey;
use maftia_multipoint::{
    Bytes, Class, Config, Directory, Limits, Listen, Network, NetworkEvent, SendError,
};
use maftia_types::{Digest, SiteId};
use tokio::sync::mpsc;

const RUN: Duration = Duration::from_secs(2);

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let keys = [1, 2].map(|seed| SigningKey::from_seed([seed; 32]));
    let listeners = keys
        .each_ref()
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    let sites: Vec<_> = keys
        .iter()
        .zip(&listeners)
        .map(|(key, listener)| (key.public(), listener.local_addr().unwrap()))
        .collect();
    let mut nodes = Vec::new();
    for (key, listener) in keys.iter().zip(listeners) {
        let config = Config {
            directory: Directory::new(Digest::ZERO, sites.clone(), Vec::new()).unwrap(),
            listen: Listen::On(listener),
            instance: 0,
            limits: Limits::default(),
        };
        nodes.push(Network::start(key, config).unwrap());
    }
    let (_held, mut to) = nodes.pop().unwrap();
    let (from, mut events) = nodes.pop().unwrap();
    events.recv().await;
    to.recv().await;
    for (class, length) in [
        (Class::Control, 100),
        (Class::Payload, 1024),
        (Class::Payload, 16 * 1024),
        (Class::Payload, 256 * 1024),
        (Class::Bulk, 2 * 1024 * 1024),
    ] {
        measure(&from, &mut to, class, length).await;
    }
    from.shutdown().await;
}

async fn measure(
    from: &Network,
    to: &mut mpsc::Receiver<NetworkEvent>,
    class: Class,
    length: usize,
) {
    let message = Bytes::from(vec![7; length]);
    let site = SiteId::new(1).unwrap();
    let start = Instant::now();
    let (mut sent, mut received) = (0u64, 0u64);
    while start.elapsed() < RUN || received < sent {
        while start.elapsed() < RUN && sent - received < 4096 {
            match from.send(site, class, message.clone()) {
                Ok(()) => sent += 1,
                Err(SendError::QueueFull) => break,
                Err(error) => panic!("{error}"),
            }
        }
        if let Some(NetworkEvent::Message(_)) = to.recv().await {
            received += 1;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let rate = received as f64 / seconds;
    let mib = rate * length as f64 / f64::from(1 << 20);
    println!("{class:?} of {length} B: {rate:.0} messages/s, {mib:.0} MiB/s");
}
