use super::*;

fn bytes(length: usize) -> Bytes {
    vec![7; length].into()
}

#[test]
fn b18_a_sender_and_all_of_them_are_held_back_while_too_many_messages_wait() {
    let (mut world, channel) = room(4, SECURE);
    let members: BTreeSet<u32> = (0..8).collect();
    let request = Request::Open {
        name: "many".to_owned(),
        class: SECURE,
        members,
    };
    let Answer::Channel(many) = ask(&mut world, ANN, &request) else {
        panic!("no channel");
    };
    let mut taken = 0;
    for sender in 0..5 {
        for sequence in 1..=WAITING_PER_SENDER_MAX as u64 + 1 {
            let answer = seal(&mut world, sender, (many.id, sequence), b"x");
            let fits = taken < WAITING_MAX && sequence <= WAITING_PER_SENDER_MAX as u64;
            assert_eq!(matches!(answer, Answer::Sent { .. }), fits);
            assert_eq!(answer == refused(Refusal::Busy), !fits);
            taken += usize::from(fits);
            if !fits {
                break;
            }
        }
    }
    assert_eq!(taken, WAITING_MAX);
    // Other channels are not held back, and room comes back by itself.
    let other = seal(&mut world, BOB, (channel, 1), b"x");
    assert_eq!(other, Answer::Sent { position: 0 });
    world.restore();
    world.commits(2);
    let again = seal(&mut world, ANN, (many.id, 9), b"x");
    assert_eq!(again, Answer::Sent { position: 32 });
}

#[test]
fn b21_payloads_are_taken_up_to_their_limit() {
    let (mut world, channel) = room(4, Class::Atomic);
    for (sequence, length, fits) in [
        (1, PAYLOAD_BYTES_MAX, true),
        (2, PAYLOAD_BYTES_MAX + 1, false),
    ] {
        let answer = sent(&mut world, BOB, (channel, sequence), bytes(length));
        assert_eq!(answer == refused(Refusal::TooLarge), !fits);
    }
    let far = sent(
        &mut world,
        BOB,
        (channel, 2),
        bytes(CIPHERTEXT_BYTES_MAX + 1),
    );
    assert_eq!(far, refused(Refusal::TooLarge));
    let secret = opened(&mut world, "secret", SECURE);
    let longest = seal(&mut world, BOB, (secret, 1), &bytes(PAYLOAD_BYTES_MAX));
    assert_eq!(longest, Answer::Sent { position: 0 });
    let longer = seal(&mut world, BOB, (secret, 2), &bytes(PAYLOAD_BYTES_MAX + 1));
    assert_eq!(longer, refused(Refusal::TooLarge));
    world.commits(2);
    let deliveries = all(&mut world, ANN, secret);
    assert_eq!(deliveries[0].content, Ok(bytes(PAYLOAD_BYTES_MAX)));
}

#[test]
fn a_reader_that_comes_late_sees_that_it_missed_the_oldest() {
    let (mut world, channel) = room(4, Class::Atomic);
    let kept = KEPT_BYTES_MAX / PAYLOAD_BYTES_MAX;
    for sequence in 1..=kept as u64 + 2 {
        sent(
            &mut world,
            BOB,
            (channel, sequence),
            bytes(PAYLOAD_BYTES_MAX),
        );
    }
    let late = page(&mut world, CARL, channel, 0);
    assert_eq!(late.first, 2);
    assert_eq!(late.deliveries.len(), PAGE_BYTES_MAX / PAYLOAD_BYTES_MAX);
    assert_eq!(late.deliveries[0].sequence, 3);
    let beyond = page(&mut world, CARL, channel, u64::MAX);
    assert_eq!((beyond.first, beyond.deliveries.len()), (u64::MAX, 0));
    for sequence in kept as u64 + 3..=kept as u64 + 2 + KEPT_MAX as u64 + 1 {
        sent(&mut world, BOB, (channel, sequence), Bytes::new());
    }
    world.restore();
    let late = page(&mut world, CARL, channel, 0);
    assert_eq!(
        (late.first, late.deliveries.len()),
        (kept as u64 + 3, PAGE_MAX)
    );
}

#[test]
fn one_client_opens_half_of_the_channels_and_the_oldest_ended_one_makes_room() {
    let mut world = World::new(4, &[Scheme::Seal]);
    let name = |number: usize| format!("channel {number}");
    for number in 0..CHANNELS_PER_OPENER_MAX {
        let answer = open_as(&mut world, ANN, &name(number), Class::Atomic);
        assert!(matches!(answer, Answer::Channel(_)));
    }
    let more = open_as(&mut world, ANN, "more", Class::Atomic);
    assert_eq!(more, refused(Refusal::TooMany));
    let taken = open_as(&mut world, BOB, &name(0), Class::Atomic);
    assert_eq!(taken, refused(Refusal::NameTaken));
    for number in CHANNELS_PER_OPENER_MAX..CHANNELS_MAX {
        let answer = open_as(&mut world, BOB, &name(number), Class::Atomic);
        assert!(matches!(answer, Answer::Channel(_)));
    }
    let full = open_as(&mut world, CARL, "more", Class::Atomic);
    assert_eq!(full, refused(Refusal::TooMany));
    let channel = ChannelId(3);
    ask(&mut world, ANN, &Request::Close { channel });
    assert!(page(&mut world, BOB, channel, 0).end);
    let more = open_as(&mut world, CARL, "more", Class::Atomic);
    assert!(matches!(more, Answer::Channel(own) if own.id == ChannelId(17)));
    let gone = ask(&mut world, BOB, &Request::Receive { channel, from: 0 });
    assert_eq!(gone, refused(Refusal::NoSuchChannel));
}

#[test]
fn a_channel_has_a_name_and_members_that_are_clients() {
    let mut world = World::new(4, &[Scheme::Seal]);
    let mut open = |name: &str, members: BTreeSet<u32>| {
        let request = Request::Open {
            name: name.to_owned(),
            class: Class::Atomic,
            members,
        };
        ask(&mut world, ANN, &request)
    };
    let clients = u32::try_from(crate::keys::sessions::tests::world::CLIENTS).unwrap();
    assert_eq!(open("", [0].into()), refused(Refusal::Name));
    assert_eq!(open(&"x".repeat(65), [0].into()), refused(Refusal::Name));
    assert_eq!(open("x", [].into()), refused(Refusal::Members));
    assert_eq!(open("x", [clients].into()), refused(Refusal::Members));
    assert!(matches!(
        open("x", [clients - 1].into()),
        Answer::Channel(_)
    ));
    assert!(matches!(open("y", (0..64).collect()), Answer::Channel(_)));
    assert_eq!(open("z", (0..65).collect()), refused(Refusal::Malformed));
}
