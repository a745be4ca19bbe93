use std::net::TcpListener;

use super::*;

fn bytes(length: usize, fill: u8) -> Bytes {
    vec![fill; length].into()
}

#[tokio::test]
async fn two_sites_exchange_all_classes() {
    let mut group = Group::new(2, 0);
    let (mut a, mut b) = (group.site(0), group.site(1));
    assert_eq!(a.up().await.0, Peer::Site(site(1)));
    assert_eq!(b.up().await.0, Peer::Site(site(0)));
    for class in Class::ALL {
        for length in [1, 1000, class.bytes_max()] {
            a.network.send(site(1), class, bytes(length, 1)).unwrap();
            b.network.send(site(0), class, bytes(length, 2)).unwrap();
            let (at_b, at_a) = (b.message().await, a.message().await);
            assert_eq!((at_b.class, &at_b.bytes), (class, &bytes(length, 1)));
            assert_eq!((at_a.class, &at_a.bytes), (class, &bytes(length, 2)));
            assert_eq!(at_b.peer, Peer::Site(site(0)));
        }
    }
    assert_eq!(a.peer(Peer::Site(site(1))).messages_out.bulk, 3);
    assert_eq!(a.peer(Peer::Site(site(1))).messages_in.control, 3);
}

#[tokio::test]
async fn all_pairs_of_sites_link_once() {
    let mut group = Group::new(4, 0);
    let mut nodes: Vec<Node> = (0..4).map(|index| group.site(index)).collect();
    for (index, node) in nodes.iter_mut().enumerate() {
        let mut peers = [node.up().await.0, node.up().await.0, node.up().await.0];
        peers.sort_unstable();
        let others = SiteId::all(4).filter(|site| site.index() != index);
        assert_eq!(peers.to_vec(), others.map(Peer::Site).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn control_overtakes_a_bulk_transfer() {
    let mut group = Group::new(2, 0);
    group.limits.site.queue_bytes.bulk = 64 << 20;
    let (mut a, mut b) = (group.site(0), group.site(1));
    a.up().await;
    b.up().await;
    for _ in 0..20 {
        let sent = a.network.send(site(1), Class::Bulk, bytes(2 << 20, 1));
        sent.unwrap();
    }
    assert_eq!(b.message().await.class, Class::Bulk);
    let sent = a.network.send(site(1), Class::Control, bytes(10, 2));
    sent.unwrap();
    let mut before = 0;
    while b.message().await.class == Class::Bulk {
        before += 1;
    }
    // What the kernel held when control was queued goes first; the rest of 40 MiB does not.
    assert!(before <= 10, "{before} bulk messages went first");
}

#[tokio::test]
async fn processes_of_one_client_are_answered_each_on_its_link() {
    let mut group = Group::new(1, 1);
    let mut a = group.site(0);
    let mut clients = [group.client(0, 1), group.client(0, 2)];
    for client in &mut clients {
        client.up().await;
        let (peer, link) = a.up().await;
        assert_eq!(peer, Peer::Client(0));
        a.network.send(link, Class::Payload, bytes(5, 3)).unwrap();
        assert_eq!(client.message().await.bytes, bytes(5, 3));
    }
    assert_eq!(a.peer(Peer::Client(0)).links, 2);
}

#[tokio::test]
async fn a_newer_link_replaces_the_older_one() {
    let mut group = Group::new(1, 1);
    let mut a = group.site(0);
    let _first = Raw::client(&group, 0, 5).await.unwrap();
    let (_, first) = a.up().await;
    let _second = Raw::client(&group, 0, 5).await.unwrap();
    assert_eq!(a.down().await, (first, DownReason::Replaced));
    let (_, second) = a.up().await;
    let late = a.network.send(first, Class::Control, bytes(1, 1));
    assert_eq!(late, Err(SendError::NotConnected));
    assert_eq!(a.network.send(second, Class::Control, bytes(1, 1)), Ok(()));
}

#[tokio::test]
async fn a_client_key_has_sixteen_links_and_no_more() {
    let mut group = Group::new(1, 2);
    let mut a = group.site(0);
    let mut held = Vec::new();
    for instance in 0..16 {
        held.push(Raw::client(&group, 0, instance).await.unwrap());
        a.up().await;
    }
    let refused = Raw::client(&group, 0, 16).await.err();
    assert_eq!(refused, Some(Refusal::RefusedByPeer));
    a.refused(Refusal::LinksFull).await;
    assert!(Raw::client(&group, 1, 0).await.is_ok());
}

#[tokio::test]
async fn clients_together_have_as_many_links_as_the_limit() {
    let mut group = Group::new(1, 2);
    group.limits.client_links_max = 1;
    let mut a = group.site(0);
    let _held = Raw::client(&group, 0, 0).await.unwrap();
    a.up().await;
    assert!(Raw::client(&group, 1, 0).await.is_err());
    a.refused(Refusal::LinksFull).await;
}

#[tokio::test]
async fn a_site_reconnects_after_its_peer_restarts() {
    let mut group = Group::new(2, 0);
    let (mut a, mut b) = (group.site(0), group.site(1));
    a.up().await;
    let (_, before) = b.up().await;
    a.network.shutdown().await;
    drop(a);
    assert_eq!(b.down().await, (before, DownReason::Closed));
    group.listeners[0] = Some(TcpListener::bind(group.addresses[0]).unwrap());
    let mut a = group.site(0);
    a.up().await;
    let (_, after) = b.up().await;
    assert_ne!(before, after);
    a.network
        .send(site(1), Class::Control, bytes(3, 1))
        .unwrap();
    assert_eq!(b.message().await.link, after);
    assert_eq!(b.peer(Peer::Site(site(0))).connects, 2);
}

#[tokio::test]
async fn shutdown_lets_queued_messages_leave() {
    let mut group = Group::new(2, 0);
    let (mut a, mut b) = (group.site(0), group.site(1));
    a.up().await;
    b.up().await;
    for _ in 0..100 {
        let sent = a.network.send(site(1), Class::Payload, bytes(30_000, 1));
        sent.unwrap();
    }
    a.network.shutdown().await;
    assert_eq!(a.down().await.1, DownReason::Stopping);
    for _ in 0..100 {
        b.message().await;
    }
    assert_eq!(b.down().await.1, DownReason::Closed);
    let late = a.network.send(site(1), Class::Control, bytes(1, 1));
    assert_eq!(late, Err(SendError::NotConnected));
}

#[tokio::test]
async fn dropping_the_last_handle_closes_the_links() {
    let mut group = Group::new(2, 0);
    let (mut a, mut b) = (group.site(0), group.site(1));
    a.up().await;
    b.up().await;
    drop(a);
    assert_eq!(b.down().await.1, DownReason::Closed);
}

#[tokio::test]
async fn a_removed_key_loses_its_link_and_others_keep_theirs() {
    let mut group = Group::new(1, 2);
    let mut a = group.site(0);
    let (mut kept, mut removed) = (group.client(0, 0), group.client(1, 0));
    let mut links = [a.up().await, a.up().await];
    links.sort_unstable();
    kept.up().await;
    removed.up().await;
    group.clients = 1;
    a.network.replace_directory(group.directory());
    assert_eq!(a.down().await, (links[1].1, DownReason::Removed));
    a.refused(Refusal::UnknownKey).await;
    let sent = a.network.send(links[0].1, Class::Control, bytes(9, 9));
    sent.unwrap();
    assert_eq!(kept.message().await.bytes, bytes(9, 9));
}

#[tokio::test]
async fn a_site_that_joins_the_directory_is_dialed() {
    let mut group = Group::new(2, 1);
    let (mut a, mut b) = (group.site(0), group.site(1));
    let addresses = group.addresses.clone();
    group.addresses.truncate(1);
    let mut client = group.client(0, 0);
    group.addresses = addresses;
    assert_eq!(client.up().await.0, Peer::Site(site(0)));
    a.up().await;
    client.network.replace_directory(group.directory());
    assert_eq!(client.up().await.0, Peer::Site(site(1)));
    b.up().await;
}

#[tokio::test]
async fn sites_that_number_each_other_by_other_views_have_links() {
    let mut group = Group::new(3, 1);
    let mut later = group.site(1);
    // The first site has left, and the others have moved down.
    let mut shifted = group.directory();
    let sites = shifted.sites().skip(1).map(|(_, key, at)| (key, at));
    shifted = Directory::new(GROUP, sites.collect(), vec![client_key(0).public()]).unwrap();
    later.network.replace_directory(shifted);
    let mut former = group.client(0, 0);
    let (peer, link) = former.up().await;
    assert_eq!(peer, Peer::Site(site(1)), "by the view of who asks");
    assert_eq!(later.up().await.0, Peer::Client(0));
    former
        .network
        .send(link, Class::Control, bytes(1, 1))
        .unwrap();
    assert_eq!(later.message().await.bytes, bytes(1, 1));
}

#[tokio::test]
async fn a_number_that_is_another_sites_has_no_link_until_that_one_is_up() {
    let mut group = Group::new(2, 1);
    let (mut a, mut b) = (group.site(0), group.site(1));
    let mut client = group.client(0, 0);
    let ups = [client.up().await, client.up().await];
    let key_of = |of: u8| (site_key(of).public(), group.addresses[usize::from(of)]);
    let swapped = Directory::new(
        GROUP,
        vec![key_of(1), key_of(0)],
        vec![client_key(0).public()],
    );
    client.network.replace_directory(swapped.unwrap());
    // Nothing has been awaited: the old links are there still, and are ending.
    for of in [0, 1] {
        let sent = client.network.send(site(of), Class::Control, bytes(2, 2));
        assert_eq!(sent, Err(SendError::NotConnected));
    }
    let mut met = Vec::new();
    while met.len() < 2 {
        match client.event().await {
            NetworkEvent::Up { peer, key, .. } => met.push((peer, key)),
            NetworkEvent::Down { link, .. } => assert!(ups.iter().any(|(_, own)| *own == link)),
            NetworkEvent::Message(_) => panic!("nobody has said anything"),
        }
    }
    met.sort_by_key(|(peer, _)| *peer);
    let expected = [1, 0].map(|of| site_key(of).public());
    assert_eq!(
        met.iter().map(|(_, key)| *key).collect::<Vec<_>>(),
        expected
    );
    a.up().await;
    b.up().await;
}
