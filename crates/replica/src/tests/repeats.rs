//! What a client that asks again makes a site send.

use bytes::Bytes;
use maftia_activity::kv::Operation;
use maftia_codec::Wire;
use maftia_protocol::Protocol;
use maftia_types::{Duration, Incarnation, Sequence};

use super::harness::{Net, site};
use crate::batch::Span;
use crate::replica::{Command, Output};
use crate::{Bodies, ClientMessage, Fate, Settings};

const VALUE_BYTES: usize = 1024 * 1024;

fn submit(net: &mut Net, at: u8, span: Span, bodies: &[Bytes]) -> usize {
    let message = ClientMessage::Submit {
        session: 0,
        incarnation: Incarnation(1),
        batches: vec![(span, Bodies::new(bodies))],
    };
    let replica = &mut net.replicas[usize::from(at)];
    let Ok(step) = replica.command(net.now, Command::Client { key: 0, message });
    let replies = step.outputs.iter().filter_map(|output| match output {
        Output::Replies { replies, .. } => Some(replies),
        _ => None,
    });
    let full = replies.flatten().map(|reply| match &reply.fate {
        Fate::Executed { result, .. } => result.len(),
        _ => 0,
    });
    let bytes = full.sum();
    net.perform(site(at), step);
    bytes
}

#[test]
fn an_empty_message_draws_no_more_results_than_a_key_is_given_in_a_second() {
    let mut net = Net::new(Settings::default());
    let put = Operation::put("k", vec![7; VALUE_BYTES]).to_bytes();
    let get = Operation::get("k").to_bytes();
    for (number, operation) in (1..).zip([put, get.clone(), get.clone(), get]) {
        for at in 0..3 {
            submit(
                &mut net,
                at,
                Span::one(Sequence(number)),
                std::slice::from_ref(&operation),
            );
        }
        net.run(60);
    }
    let reads = Span::new(Sequence(2), 3).unwrap();
    let empty = vec![Bytes::new(); 3];
    net.now += Duration::from_secs(1);
    let all = submit(&mut net, 0, reads, &empty);
    assert!(
        all > 3 * VALUE_BYTES,
        "{all} bytes: who has lost its answers gets all"
    );
    for _ in 0..100 {
        assert_eq!(submit(&mut net, 0, reads, &empty), 0, "and no more at once");
    }
    assert_eq!(
        submit(&mut net, 1, reads, &empty),
        all,
        "each site for itself"
    );
    net.now += Duration::from_secs(1);
    assert_eq!(submit(&mut net, 0, reads, &empty), all);
}
