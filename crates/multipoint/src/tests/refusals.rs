use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};

use super::*;

/// Site 0 is unharmed: a client can link and is heard.
async fn serves(group: &mut Group, a: &mut Node) {
    let mut client = group.client(0, 77);
    client.up().await;
    let (_, link) = a.up().await;
    let hello = Bytes::from_static(b"hello");
    client
        .network
        .send(site(0), Class::Payload, hello.clone())
        .unwrap();
    let message = a.message().await;
    assert_eq!((message.link, message.bytes), (link, hello));
}

#[tokio::test]
async fn an_unknown_key_is_refused_by_the_acceptor() {
    let mut group = Group::new(1, 1);
    let mut a = group.site(0);
    let mut config = group.config(None);
    let sites = vec![(site_key(0).public(), group.addresses[0])];
    config.directory = Directory::new(GROUP, sites, vec![stranger().public()]).unwrap();
    let stranger = Node::start(&stranger(), config);
    a.refused(Refusal::UnknownKey).await;
    stranger.refused(Refusal::RefusedByPeer).await;
    assert!(stranger.network.stats().peers.is_empty());
    serves(&mut group, &mut a).await;
}

#[tokio::test]
async fn an_impostor_is_refused_by_the_dialer() {
    let mut group = Group::new(2, 0);
    let mut config = group.config(Some(0));
    let sites = vec![
        (stranger().public(), group.addresses[0]),
        (site_key(1).public(), group.addresses[1]),
    ];
    config.directory = Directory::new(GROUP, sites, vec![]).unwrap();
    let impostor = Node::start(&stranger(), config);
    let b = group.site(1);
    b.refused(Refusal::UnknownKey).await;
    impostor.refused(Refusal::RefusedByPeer).await;
    assert!(b.network.stats().peers.is_empty());
}

#[tokio::test]
async fn a_pinned_key_without_its_signature_is_refused() {
    let mut group = Group::new(1, 1);
    let mut a = group.site(0);
    let forged = Credentials::forged(&client_key(0).public(), &stranger());
    let config = forged.dialer(&site_key(0).public());
    let socket = TcpStream::connect(group.addresses[0]).await.unwrap();
    let name = server_name(group.addresses[0].ip());
    let stream = TlsConnector::from(config).connect(name, socket).await;
    a.refused(Refusal::UnknownKey).await;
    drop(stream);
    serves(&mut group, &mut a).await;
}

#[tokio::test]
async fn another_group_is_refused() {
    let mut group = Group::new(1, 1);
    let mut a = group.site(0);
    let mut raw = Raw::tls(&client_key(0), &group, 0).await.unwrap();
    let hello = Hello::new(Digest([8; 32]), Peer::Client(0), 0);
    assert_eq!(raw.hello(&hello).await, Err(Refusal::RefusedByPeer));
    a.refused(Refusal::Group).await;
    serves(&mut group, &mut a).await;
}

#[tokio::test]
async fn a_client_key_that_claims_to_be_a_site_is_refused() {
    let mut group = Group::new(2, 1);
    let mut a = group.site(0);
    let mut raw = Raw::tls(&client_key(0), &group, 0).await.unwrap();
    let hello = Hello::new(GROUP, Peer::Site(site(1)), 0);
    assert_eq!(raw.hello(&hello).await, Err(Refusal::RefusedByPeer));
    a.refused(Refusal::Identity).await;
    serves(&mut group, &mut a).await;
}

#[tokio::test]
async fn another_version_is_refused() {
    let mut group = Group::new(1, 1);
    let mut a = group.site(0);
    let mut raw = Raw::tls(&client_key(0), &group, 0).await.unwrap();
    let mut hello = Hello::new(GROUP, Peer::Client(0), 0);
    hello.version += 1;
    assert_eq!(raw.hello(&hello).await, Err(Refusal::RefusedByPeer));
    a.refused(Refusal::Version).await;
    serves(&mut group, &mut a).await;
}

#[tokio::test]
async fn the_lower_site_may_not_dial() {
    let mut group = Group::new(2, 0);
    let b = group.site(1);
    let mut raw = Raw::tls(&site_key(0), &group, 1).await.unwrap();
    let hello = Hello::new(GROUP, Peer::Site(site(0)), 0);
    assert_eq!(raw.hello(&hello).await, Err(Refusal::RefusedByPeer));
    b.refused(Refusal::Direction).await;
}

#[tokio::test]
async fn a_network_does_not_link_to_itself() {
    let mut group = Group::new(1, 0);
    let a = group.site(0);
    let mut raw = Raw::tls(&site_key(0), &group, 0).await.unwrap();
    let hello = Hello::new(GROUP, Peer::Site(site(0)), 0);
    assert_eq!(raw.hello(&hello).await, Err(Refusal::RefusedByPeer));
    a.refused(Refusal::Direction).await;
}

#[tokio::test]
async fn bytes_that_are_not_tls_are_refused() {
    let mut group = Group::new(1, 1);
    let mut a = group.site(0);
    let mut socket = TcpStream::connect(group.addresses[0]).await.unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    a.refused(Refusal::Garbage).await;
    serves(&mut group, &mut a).await;
}

#[tokio::test]
async fn tls_1_2_is_refused() {
    let mut group = Group::new(1, 1);
    let mut a = group.site(0);
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let socket = TcpStream::connect(group.addresses[0]).await.unwrap();
    let name = server_name(group.addresses[0].ip());
    let connecting = TlsConnector::from(Arc::new(config)).connect(name, socket);
    assert!(within(connecting).await.is_err());
    a.refused(Refusal::Incompatible).await;
    serves(&mut group, &mut a).await;
}

#[tokio::test]
async fn a_stranger_that_says_nothing_is_timed_out() {
    let mut group = Group::new(1, 1);
    group.limits.handshake_timeout = Duration::from_millis(200);
    let mut a = group.site(0);
    let slow = TcpStream::connect(group.addresses[0]).await.unwrap();
    a.refused(Refusal::Timeout).await;
    drop(slow);
    serves(&mut group, &mut a).await;
}

#[tokio::test]
async fn a_peer_that_stops_before_its_hello_is_timed_out() {
    let mut group = Group::new(1, 1);
    group.limits.handshake_timeout = Duration::from_millis(200);
    let mut a = group.site(0);
    let mut slow = Raw::tls(&client_key(0), &group, 0).await.unwrap();
    slow.write(b"maf").await;
    a.refused(Refusal::Timeout).await;
    serves(&mut group, &mut a).await;
}

#[tokio::test]
async fn handshakes_beyond_the_limit_are_dropped_until_a_place_is_free() {
    let mut group = Group::new(1, 1);
    group.limits.handshakes_per_source_max = 2;
    let mut a = group.site(0);
    let mut idle = Vec::new();
    for _ in 0..2 {
        idle.push(TcpStream::connect(group.addresses[0]).await.unwrap());
    }
    let mut third = TcpStream::connect(group.addresses[0]).await.unwrap();
    assert_eq!(within(third.read(&mut [0])).await.unwrap_or(0), 0);
    assert_eq!(a.network.stats().refused[&Refusal::SourceFull], 1);
    drop(idle);
    serves(&mut group, &mut a).await;
}

async fn closes_the_link(bytes: &[u8], expected: DownReason) {
    let mut group = Group::new(1, 1);
    let mut a = group.site(0);
    let mut bad = Raw::client(&group, 0, 0).await.unwrap();
    let (peer, link) = a.up().await;
    bad.say(Class::Control, b"so far so good").await;
    bad.write(bytes).await;
    bad.stream.shutdown().await.unwrap();
    assert_eq!(a.message().await.link, link);
    assert_eq!(a.down().await, (link, expected));
    let violations = u64::from(matches!(expected, DownReason::Violation(_)));
    assert_eq!(a.peer(peer).violations, violations);
    serves(&mut group, &mut a).await;
}

#[tokio::test]
async fn an_oversized_frame_closes_the_link_before_its_body_arrives() {
    let length = FRAME_BYTES_MAX + 1;
    let violation = FrameError::Length { kind: 1, length };
    closes_the_link(&[1, 0, 1, 1], DownReason::Violation(violation)).await;
}

#[tokio::test]
async fn an_unknown_frame_closes_the_link() {
    let violation = DownReason::Violation(FrameError::Kind(0xff));
    closes_the_link(&[0xff; 100], violation).await;
}

#[tokio::test]
async fn a_truncated_frame_closes_the_link() {
    let broken = DownReason::Broken(std::io::ErrorKind::UnexpectedEof);
    closes_the_link(&[100, 0, 0, 1, 9, 9, 9], broken).await;
}
