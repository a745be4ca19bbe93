use proptest::prelude::*;

use super::*;

fn cut(class: Class, message: &[u8]) -> BytesMut {
    let mut out = BytesMut::new();
    let parts = message.chunks(FRAME_BYTES_MAX);
    let count = parts.len();
    for (i, part) in parts.enumerate() {
        put_part(&mut out, class, part, i + 1 < count);
    }
    out
}

fn feed(decoder: &mut Decoder, bytes: &[u8]) -> Result<Vec<Incoming>, FrameError> {
    decoder.buffer(0).extend_from_slice(bytes);
    let mut items = Vec::new();
    while let Some(item) = decoder.next()? {
        items.push(item);
    }
    Ok(items)
}

fn header(kind: u8, length: usize) -> [u8; 4] {
    (u32::from(kind) << 24 | u32::try_from(length).unwrap()).to_le_bytes()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn messages_read_back_however_they_arrive(
        lengths in proptest::collection::vec((0usize..3, 1usize..200_000), 1..6),
        step in 1usize..100_000,
    ) {
        let mut sent = Vec::new();
        let mut wire = Vec::new();
        for (class, length) in lengths {
            let class = Class::ALL[class];
            let length = length.min(class.bytes_max());
            let message: Vec<u8> = (0..=250).cycle().take(length).collect();
            wire.extend_from_slice(&cut(class, &message));
            sent.push(Incoming::Message(class, message.into()));
        }
        let mut decoder = Decoder::default();
        let mut received = Vec::new();
        for piece in wire.chunks(step) {
            received.extend(feed(&mut decoder, piece).unwrap());
        }
        prop_assert_eq!(received, sent);
    }

    #[test]
    fn arbitrary_bytes_never_panic_nor_grow_the_buffers(
        bytes in proptest::collection::vec(any::<u8>(), 0..4096)
    ) {
        let mut decoder = Decoder::default();
        let _ = feed(&mut decoder, &bytes);
        prop_assert!(decoder.buffer.capacity() <= 2 * (HEADER_BYTES + FRAME_BYTES_MAX));
    }
}

#[test]
fn classes_are_assembled_independently() {
    let payload = vec![1; FRAME_BYTES_MAX + 1];
    let bulk = vec![2; FRAME_BYTES_MAX + 2];
    let mut wire = BytesMut::new();
    put_part(&mut wire, Class::Payload, &payload[..FRAME_BYTES_MAX], true);
    put_part(&mut wire, Class::Bulk, &bulk[..FRAME_BYTES_MAX], true);
    put_part(&mut wire, Class::Control, b"now", false);
    put_part(&mut wire, Class::Bulk, &bulk[FRAME_BYTES_MAX..], false);
    put_part(
        &mut wire,
        Class::Payload,
        &payload[FRAME_BYTES_MAX..],
        false,
    );
    let items = feed(&mut Decoder::default(), &wire).unwrap();
    assert_eq!(
        items,
        [
            Incoming::Message(Class::Control, Bytes::from_static(b"now")),
            Incoming::Message(Class::Bulk, bulk.into()),
            Incoming::Message(Class::Payload, payload.into()),
        ]
    );
}

#[test]
fn a_length_above_the_maximum_is_refused_from_the_header() {
    let refused = feed(&mut Decoder::default(), &header(1, FRAME_BYTES_MAX + 1));
    let length = FRAME_BYTES_MAX + 1;
    assert_eq!(refused, Err(FrameError::Length { kind: 1, length }));
    let at_the_limit = feed(&mut Decoder::default(), &header(1, FRAME_BYTES_MAX));
    assert_eq!(at_the_limit, Ok(vec![]));
}

#[test]
fn an_empty_or_a_short_part_is_refused() {
    let empty = feed(&mut Decoder::default(), &header(0, 0));
    assert_eq!(empty, Err(FrameError::Length { kind: 0, length: 0 }));
    let length = FRAME_BYTES_MAX - 1;
    let short = feed(&mut Decoder::default(), &header(1 | MORE, length));
    assert_eq!(short, Err(FrameError::Length { kind: 0x11, length }));
}

#[test]
fn a_message_of_the_maximum_is_taken_and_one_byte_more_is_refused() {
    for class in Class::ALL {
        let whole = vec![7; class.bytes_max()];
        let items = feed(&mut Decoder::default(), &cut(class, &whole)).unwrap();
        assert_eq!(items, [Incoming::Message(class, whole.clone().into())]);
        let longer = vec![7; class.bytes_max() + 1];
        let refused = feed(&mut Decoder::default(), &cut(class, &longer));
        assert_eq!(refused, Err(FrameError::TooLong(class)));
    }
}

#[test]
fn an_unknown_kind_and_a_signal_of_wrong_length_are_refused() {
    let unknown = feed(&mut Decoder::default(), &header(3, 1));
    assert_eq!(unknown, Err(FrameError::Kind(3)));
    let ping = feed(&mut Decoder::default(), &header(PING, 9));
    assert_eq!(
        ping,
        Err(FrameError::Length {
            kind: PING,
            length: 9
        })
    );
}

#[test]
fn signals_read_back() {
    let mut wire = BytesMut::new();
    put_ping(&mut wire, 7);
    put_pong(&mut wire, u64::MAX);
    put_goodbye(&mut wire);
    let items = feed(&mut Decoder::default(), &wire).unwrap();
    let expected = [
        Incoming::Ping(7),
        Incoming::Pong(u64::MAX),
        Incoming::Goodbye,
    ];
    assert_eq!(items, expected);
}

#[test]
fn a_short_message_does_not_keep_the_read_buffer_alive() {
    let mut decoder = Decoder::default();
    let mut wire = cut(Class::Control, &[1; COPY_BYTES_MAX]);
    wire.extend_from_slice(&cut(Class::Payload, &[2; COPY_BYTES_MAX + 1]));
    let items = feed(&mut decoder, &wire).unwrap();
    let unique: Vec<bool> = items
        .into_iter()
        .map(|item| match item {
            Incoming::Message(_, bytes) => bytes.is_unique(),
            _ => false,
        })
        .collect();
    assert_eq!(unique, [true, false]);
}
