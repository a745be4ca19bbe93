use super::*;

#[tokio::test]
async fn a_flooder_fills_its_own_share_and_others_are_heard() {
    let mut group = Group::new(1, 2);
    let mut a = group.site(0);
    let mut flooder = Raw::client(&group, 0, 0).await.unwrap();
    a.up().await;
    let flood = tokio::spawn(async move {
        let mut frames = BytesMut::new();
        for _ in 0..64 {
            crate::frame::put_part(&mut frames, Class::Control, &[1; 100], false);
        }
        loop {
            flooder.write(&frames).await;
        }
    });
    let mut held = Vec::new();
    for _ in 0..INBOUND_MESSAGES_MAX {
        held.push(a.message().await);
    }
    // Nobody drops the flooder's messages, so the next thing heard is the other client.
    let mut other = group.client(1, 0);
    let (peer, link) = a.up().await;
    assert_eq!(peer, Peer::Client(1));
    other.up().await;
    let sent = other
        .network
        .send(site(0), Class::Control, Bytes::from_static(b"me too"));
    sent.unwrap();
    assert_eq!(a.message().await.link, link);
    // A dropped message makes room for one more.
    held.pop();
    assert_eq!(a.message().await.peer, Peer::Client(0));
    flood.abort();
}

#[tokio::test]
async fn undropped_messages_are_bounded_by_bytes() {
    let mut group = Group::new(2, 0);
    group.limits.site.inbound_bytes = 5 << 20;
    let (mut a, mut b) = (group.site(0), group.site(1));
    a.up().await;
    b.up().await;
    for fill in 0..4 {
        let block = Bytes::from(vec![fill; 2 << 20]);
        b.network.send(site(0), Class::Payload, block).unwrap();
    }
    let held = [a.message().await, a.message().await];
    // The third is read but not given out: a message from another link would come before it.
    until(|| a.peer(Peer::Site(site(1))).messages_in.payload == 3).await;
    assert!(a.events.try_recv().is_err());
    drop(held);
    assert_eq!(a.message().await.bytes[0], 2);
    assert_eq!(a.message().await.bytes[0], 3);
}

#[tokio::test]
async fn a_full_queue_is_reported_and_counted_and_what_it_held_is_counted_as_lost() {
    let mut group = Group::new(1, 1);
    let mut a = group.site(0);
    let deaf = Raw::client(&group, 0, 0).await.unwrap();
    let (peer, link) = a.up().await;
    let message = Bytes::from(vec![1; 100_000]);
    let mut taken = 0;
    let full = loop {
        match a.network.send(link, Class::Bulk, message.clone()) {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(full, SendError::QueueFull);
    let stats = a.peer(peer);
    assert_eq!((stats.refused.bulk, stats.messages_out.bulk), (1, taken));
    assert!(stats.queued.bulk <= group.limits.client.queue_bytes.bulk);
    assert_eq!(
        a.network.send(link, Class::Control, message.slice(..9)),
        Ok(())
    );
    drop(deaf);
    assert!(matches!(a.down().await, (_, DownReason::Broken(_))));
    assert!(a.peer(peer).lost.bulk >= 9);
}

#[tokio::test]
async fn a_silent_peer_goes_down() {
    let mut group = Group::new(1, 1);
    group.limits.silence_max = Duration::from_millis(80);
    let mut a = group.site(0);
    let _silent = Raw::client(&group, 0, 0).await.unwrap();
    a.up().await;
    assert_eq!(a.down().await.1, DownReason::Silent);
}

#[tokio::test]
async fn idle_networks_keep_each_other_up() {
    let mut group = Group::new(2, 0);
    group.limits.silence_max = Duration::from_millis(500);
    group.limits.ping_interval = Duration::from_millis(20);
    let (mut a, mut b) = (group.site(0), group.site(1));
    a.up().await;
    b.up().await;
    // The test's subject is time passing without messages.
    let quiet = tokio::time::timeout(Duration::from_millis(1000), a.event()).await;
    assert!(quiet.is_err(), "{quiet:?}");
}

#[tokio::test]
async fn a_round_trip_is_measured_from_the_answer_to_our_own_ping_only() {
    let mut group = Group::new(1, 1);
    let mut a = group.site(0);
    let mut raw = Raw::client(&group, 0, 0).await.unwrap();
    let (peer, _) = a.up().await;
    let Some(Incoming::Ping(nonce)) = raw.hear().await else {
        panic!("the first thing on a link is a ping");
    };
    let mut pongs = BytesMut::new();
    crate::frame::put_pong(&mut pongs, nonce + 1);
    raw.write(&pongs).await;
    raw.say(Class::Control, b"x").await;
    a.message().await;
    assert_eq!(a.peer(peer).round_trip, None);
    pongs.clear();
    crate::frame::put_pong(&mut pongs, nonce);
    raw.write(&pongs).await;
    raw.say(Class::Control, b"x").await;
    a.message().await;
    assert!(a.peer(peer).round_trip.is_some());
}

#[tokio::test]
async fn a_peer_that_ignores_the_goodbye_does_not_hold_up_a_shutdown() {
    let mut group = Group::new(1, 1);
    group.limits.flush_timeout = Duration::from_millis(50);
    group.limits.silence_max = DEADLINE * 2;
    let mut a = group.site(0);
    let mut rude = Raw::client(&group, 0, 0).await.unwrap();
    a.up().await;
    within(a.network.shutdown()).await;
    assert_eq!(a.down().await.1, DownReason::Stopping);
    while let Some(item) = rude.hear().await {
        assert!(matches!(item, Incoming::Ping(_) | Incoming::Goodbye));
    }
}
