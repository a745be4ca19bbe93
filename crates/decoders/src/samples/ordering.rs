//! What the engines of two sites say to each other, and what delivery has come to.

use bytes::Bytes;
use maftia_codec::{Wire, Writer};
use maftia_ordering::coin::CoinShare;
use maftia_ordering::control::ControlState;
use maftia_ordering::{Frontier, Knowledge, Message};
use maftia_types::Round;

use super::{block, digest, envelope, payload};

pub(super) fn ordering_values() -> Vec<Message> {
    let reference = block(9, 3).reference();
    vec![
        Message::Block {
            block: block(1, 0),
            payload: None,
        },
        Message::Block {
            block: block(9, 3),
            payload: Some(payload()),
        },
        Message::Payload {
            block: reference,
            payload: payload(),
        },
        Message::Fetch {
            blocks: vec![reference],
            payloads: vec![reference, reference],
        },
        Message::Knowledge(Knowledge {
            tips: vec![Round(1); 4],
            base: Round(1),
            settled: Round(2),
            ask: true,
        }),
        Message::RecoveryQuery { nonce: 5 },
        Message::RecoveryAnswer(envelope()),
        Message::CoinQuery {
            rounds: vec![Round(3), Round(4)],
        },
        Message::CoinShares {
            shares: vec![coin_share(4), coin_share(3)],
        },
        Message::Drafted { round: Round(3) },
    ]
}

pub(super) fn coin_share(round: u64) -> CoinShare {
    CoinShare {
        round: Round(round),
        share: [7; 48],
    }
}

/// A frontier after a commit; its fields are its own, so it is written out.
pub(super) fn frontier() -> Bytes {
    let mut writer = Writer::new();
    writer.u64(4);
    writer.digest(&digest(4));
    writer.u64(1_700_000_000_000);
    writer.round(Round(3));
    writer.round(Round(4));
    writer.u64(1_700_000_000_000);
    writer.u64(512);
    writer.list(&[block(1, 0).reference(), block(9, 3).reference()]);
    let bytes = writer.finish();
    debug_assert!(Frontier::from_bytes(bytes.clone()).is_ok());
    bytes
}

/// The same in a group with a control chain.
pub(super) fn controlled_frontier() -> Bytes {
    let mut frontier = Frontier::from_bytes(frontier()).expect("it decodes");
    frontier.control = Some(Box::new(ControlState::start()));
    frontier.to_bytes()
}
