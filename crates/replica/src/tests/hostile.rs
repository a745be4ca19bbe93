//! What one hostile site or client can do with messages alone.

use bytes::Bytes;
use maftia_activity::kv;
use maftia_codec::{Wire, Writer};
use maftia_ordering::PAYLOAD_BYTES_MAX;
use maftia_protocol::Protocol;
use maftia_types::{ClientId, Digest, Incarnation, Sequence, SiteId};
use proptest::prelude::*;

use super::harness::{Net, first_block, site};
use super::state_transfer::head;
use crate::{
    BATCH_REQUESTS_MAX, BatchId, Bodies, ClientMessage, Command, Fate, Head, Item, Message, Output,
    RESULT_BYTES_MAX, Reply, Settings, SiteMessage, Span, Transfer, batches,
};

const CULPRIT: u8 = 3;

/// Whether sites 0 to 2 convict site 3, two blocks of which site 0 has seen when its queue for the
/// next blocks had room for `room` bytes.
fn is_convicted(room: usize) -> bool {
    let mut net = Net::new(Settings::default());
    net.mute = Some(site(CULPRIT));
    for filler in [PAYLOAD_BYTES_MAX; 3] {
        net.replicas[0].engine.submit(&vec![9; filler]).unwrap();
    }
    let rest = vec![9; PAYLOAD_BYTES_MAX - room];
    net.replicas[0].engine.submit(&rest).unwrap();
    for time_ms in [1, 2] {
        let block = first_block(site(CULPRIT), &Bytes::new(), time_ms);
        net.tell(site(0), site(CULPRIT), block);
    }
    net.run(200);
    let convicted =
        |output: &Output| matches!(output, Output::Convicted(culprit) if *culprit == site(CULPRIT));
    let convicts = |at: &usize| net.outputs[*at].iter().any(convicted);
    let count = (0..3).filter(convicts).count();
    assert!(count == 0 || count == 3, "all convict or none");
    count == 3
}

#[test]
fn evidence_waits_until_there_is_room_for_it() {
    assert!(is_convicted(PAYLOAD_BYTES_MAX), "room at once");
    assert!(is_convicted(0), "room later");
}

fn reply(sequence: u64, bytes: usize) -> Reply {
    let fate = Fate::Executed {
        position: sequence,
        result: vec![1; bytes].into(),
    };
    Reply {
        sequence: Sequence(sequence),
        fate,
    }
}

/// The lengths of the batches that results of these lengths are cut into.
fn cut(lengths: &[usize]) -> Vec<usize> {
    let replies: Vec<Reply> = (0..).zip(lengths).map(|(i, l)| reply(i, *l)).collect();
    let cut = batches(replies.clone());
    assert_eq!(cut.concat(), replies, "in order, none lost");
    for replies in &cut {
        let message = SiteMessage::Replies {
            session: 0,
            incarnation: Incarnation(1),
            replies: replies.clone(),
        };
        let bytes = message.to_bytes();
        assert!(bytes.len() <= 4 << 20, "{} bytes in a frame", bytes.len());
        assert_eq!(SiteMessage::from_bytes(bytes), Ok(message));
    }
    cut.iter().map(Vec::len).collect()
}

#[test]
fn replies_are_cut_into_messages_that_fit_a_frame() {
    const MIB: usize = 1 << 20;
    assert_eq!(cut(&[0]), [1]);
    assert_eq!(cut(&[MIB / 2, MIB / 2]), [2]);
    assert_eq!(cut(&[MIB / 2, MIB / 2, 1]), [2, 1]);
    assert_eq!(
        cut(&[1, RESULT_BYTES_MAX, 1]),
        [1, 1, 1],
        "a long one alone"
    );
    assert_eq!(cut(&[RESULT_BYTES_MAX; 3]), [1, 1, 1]);
    assert_eq!(cut(&[16; 4096]), [4096]);
    assert_eq!(cut(&[16; 4097]), [4096, 1]);
}

/// Numbers of which one more or two more is none, and the usual ones.
fn extreme() -> impl Strategy<Value = u64> {
    prop_oneof![0..8u64, (0..4u64).prop_map(|below| u64::MAX - below)]
}

fn extreme_32() -> impl Strategy<Value = u32> {
    prop_oneof![0..4u32, (0..4u32).prop_map(|below| u32::MAX - below)]
}

/// Numbers at either end, one or as many as there may be.
fn span() -> impl Strategy<Value = Span> {
    (extreme(), prop_oneof![1..4u32, Just(BATCH_REQUESTS_MAX)]).prop_map(|(first, count)| {
        Span::new(Sequence(first), count).unwrap_or_else(|| Span::one(Sequence(first)))
    })
}

fn batch() -> impl Strategy<Value = BatchId> {
    let fields = (extreme_32(), extreme_32(), extreme(), span());
    fields.prop_map(|(key, session, incarnation, span)| BatchId {
        client: ClientId { key, session },
        incarnation: Incarnation(incarnation),
        span,
    })
}

fn body() -> Bytes {
    kv::Operation::put("k", "v").to_bytes()
}

fn bodies(span: Span) -> Bodies {
    Bodies::new(std::iter::repeat_n(&body(), span.count() as usize))
}

fn item() -> impl Strategy<Value = Item> {
    let item = |(id, with_body): (BatchId, bool)| match with_body {
        true => Item::Requests {
            id,
            bodies: bodies(id.span),
        },
        false => Item::Vouch {
            id,
            digest: id.digest(&bodies(id.span)),
        },
    };
    (batch(), any::<bool>()).prop_map(item)
}

fn payload() -> impl Strategy<Value = Bytes> {
    proptest::collection::vec(item(), 0..6).prop_map(|items| {
        let mut writer = Writer::new();
        items.iter().for_each(|item| item.encode(&mut writer));
        writer.finish()
    })
}

fn transfer() -> impl Strategy<Value = Transfer> {
    let digest = || Just(Digest([5; 32]));
    prop_oneof![
        Just(Transfer::Query),
        (extreme(), digest()).prop_map(|(index, digest)| Transfer::Offer { index, digest }),
        extreme().prop_map(|index| Transfer::ManifestRequest { index }),
        (extreme(), extreme_32(), extreme_32(), 0..4u32).prop_map(|(index, parts, chunks, few)| {
            let digests = (0..few).map(|_| Digest([5; 32])).collect();
            let head = Head {
                parts,
                ..head(index, if few % 2 == 0 { few } else { chunks })
            };
            Transfer::Manifest { head, digests }
        }),
        (extreme(), extreme_32())
            .prop_map(|(index, chunk)| Transfer::ChunkRequest { index, chunk }),
        (extreme(), extreme_32()).prop_map(|(index, chunk)| Transfer::Chunk {
            index,
            chunk,
            bytes: body(),
        }),
    ]
}

/// What a client says; the requests need not be in order.
fn client() -> impl Strategy<Value = Command> {
    let spans = proptest::collection::vec(span(), 0..4);
    (batch(), spans, any::<bool>()).prop_map(|(id, spans, in_full)| {
        let (session, incarnation) = (id.client.session, id.incarnation);
        let spans = spans.into_iter();
        let message = if in_full {
            let batches = spans.map(|span| (span, bodies(span))).collect();
            ClientMessage::Submit {
                session,
                incarnation,
                batches,
            }
        } else {
            let digest = |span| {
                let id = BatchId { span, ..id };
                (span, id.digest(&bodies(span)))
            };
            ClientMessage::Vouch {
                session,
                incarnation,
                digests: spans.map(digest).collect(),
            }
        };
        Command::Client {
            key: id.client.key,
            message,
        }
    })
}

#[derive(Clone, Debug)]
enum Said {
    ByClient(Command),
    BySite(SiteId, Transfer),
}

fn said() -> impl Strategy<Value = Said> {
    let from = prop_oneof![Just(site(1)), Just(site(CULPRIT))];
    prop_oneof![
        client().prop_map(Said::ByClient),
        (from, transfer()).prop_map(|(from, message)| Said::BySite(from, message)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Overflow checks are on, in tests as in releases. Site 3's block, with votes for the last
    /// commit there is, and its items are ordered.
    #[test]
    fn no_number_of_a_site_or_a_client_stops_a_site(
        said in proptest::collection::vec(said(), 1..20),
        payload in payload(),
        time_ms in extreme(),
        fetching: bool,
    ) {
        let mut net = Net::new(Settings::default());
        net.mute = Some(site(CULPRIT));
        for at in 0..3 {
            net.tell(site(at), site(CULPRIT), first_block(site(CULPRIT), &payload, time_ms));
        }
        if fetching {
            net.replicas[0].start_fetch(net.now);
        }
        for said in said {
            match said {
                Said::BySite(from, message) => {
                    net.tell(site(0), from, Message::Transfer(message));
                }
                Said::ByClient(command) => {
                    for at in 0..2 {
                        let Ok(step) = net.replicas[at].command(net.now, command.clone());
                        net.perform(site(u8::try_from(at).unwrap()), step);
                    }
                }
            }
        }
        net.run(40);
        let message = ClientMessage::Submit {
            session: 7,
            incarnation: Incarnation(1),
            batches: vec![(Span::one(Sequence(1)), bodies(Span::one(Sequence(1))))],
        };
        for at in 0..2 {
            let command = Command::Client { key: 77, message: message.clone() };
            let Ok(step) = net.replicas[at].command(net.now, command);
            net.perform(site(u8::try_from(at).unwrap()), step);
        }
        net.run(80);
        let is_served = |output: &Output| {
            matches!(output, Output::Replies { client, .. } if client.key == 77)
        };
        prop_assert!(net.outputs[0].iter().any(is_served));
    }
}
