use super::harness::*;
use maftia_protocol::{Event, Protocol};
use maftia_types::{Round, Time};

use crate::{Knowledge, Message};

#[test]
fn four_engines_deliver_every_item_in_one_order() {
    let mut net = Net::new(4);
    for i in 0..20u8 {
        net.submit(usize::from(i % 4), &[i]);
        net.run(20);
    }
    net.run(100);
    let first = net.payloads(0);
    let items: usize = first.iter().map(Vec::len).sum();
    assert_eq!(items, 20);
    for other in 1..4 {
        assert_eq!(net.payloads(other), first);
    }
}

#[test]
fn an_idle_group_makes_one_round_a_second_and_wakes_at_once() {
    let mut net = Net::new(4);
    net.run(60);
    let rounds = net.engines[0].dag().tip().0;
    let seconds = net.now.as_millis() / 1000;
    assert!(rounds <= seconds + 2, "{rounds} rounds in {seconds} s");
    let before = net.now;
    net.submit(1, b"x");
    while net.payloads(0).is_empty() {
        net.run(1);
    }
    let waited = net.now.since(before);
    assert_eq!(waited.as_millis(), 0, "{waited:?}");
    let _ = Time::ZERO;
}

#[test]
fn goes_on_with_one_site_silent() {
    let mut net = Net::new(4);
    net.cut = vec![site(2)];
    for i in 0..30u8 {
        net.submit(0, &[i]);
        net.run(12);
    }
    net.run(60);
    let items: usize = net.payloads(3).iter().map(Vec::len).sum();
    assert_eq!(items, 30);
}

#[test]
fn rounds_at_the_end_of_the_numbers_stop_nobody() {
    let mut net = Net::new(4);
    net.run(20);
    for ask in [true, false] {
        let tips = vec![Round(u64::MAX); 4];
        let knowledge = Knowledge {
            tips,
            base: Round(u64::MAX),
            settled: Round(u64::MAX),
            ask,
        };
        let event = Event::Message {
            from: site(3),
            message: Message::Knowledge(knowledge),
        };
        let now = net.now;
        let step = net.engines[0].handle(now, event);
        net.perform(0, step);
    }
    net.submit(0, b"x");
    net.run(60);
    assert_eq!(net.payloads(1), [b"x"]);
}
