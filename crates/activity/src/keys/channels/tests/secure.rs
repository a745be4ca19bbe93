use super::*;

/// The shares that sites have contributed to a position so far.
fn shares(world: &World, position: u64) -> Vec<Bytes> {
    let shares = world.seen.iter().filter(|own| {
        let decoded = Contribution::from_bytes((*own).clone());
        matches!(decoded, Ok(Contribution::Channel(own)) if own.place.position == position)
    });
    shares.cloned().collect()
}

#[test]
fn b9_no_site_gives_a_share_away_before_the_position_is_decided() {
    let (mut world, channel) = room(4, SECURE);
    let policy = Policy {
        users: Users::Everyone,
        ..Policy::of(Scheme::Seal)
    };
    world.set_policy(1, policy);
    let body = encrypted(&world, (channel, BOB, 1), b"the bid is seven");
    // Whoever sees it on its way, a user of the key even, gets no site to open it.
    let decrypt = sessions::Request::Decrypt {
        key: KEY,
        ciphertext: body.clone(),
        to: Recipient::of(&Secret::random(&mut rng(1))),
    };
    let answer = world.ask(&decrypt);
    let refusal = sessions::Refusal::NotPermitted;
    assert_eq!(answer, sessions::Answer::Refused(refusal));
    world.commits(3);
    assert!(world.seen.is_empty());
    let position = sent(&mut world, BOB, (channel, 1), body);
    assert_eq!(position, Answer::Sent { position: 0 });
    assert!(all(&mut world, CARL, channel).is_empty());
    world.commits(2);
    let deliveries = all(&mut world, CARL, channel);
    assert_eq!(payloads(&deliveries), [b"the bid is seven"]);
    assert_eq!(world.ask(&decrypt), sessions::Answer::Refused(refusal));
}

#[test]
fn b9_b17_a_ciphertext_is_good_for_its_channel_sender_and_sequence_and_nothing_else() {
    let (mut world, channel) = room(4, SECURE);
    let other = opened(&mut world, "other", SECURE);
    let made = encrypted(&world, (channel, BOB, 1), b"seven");
    let refusal = refused(Refusal::Ciphertext);
    assert_eq!(sent(&mut world, CARL, (channel, 1), made.clone()), refusal);
    assert_eq!(sent(&mut world, BOB, (other, 1), made.clone()), refusal);
    for at in [0, made.len() / 2, made.len() - 1] {
        let mut related = made.to_vec();
        related[at] ^= 1;
        let answer = sent(&mut world, BOB, (channel, 1), related.into());
        assert_eq!(answer, refusal, "byte {at}");
    }
    let taken = sent(&mut world, BOB, (channel, 1), made.clone());
    assert_eq!(taken, Answer::Sent { position: 0 });
    assert_eq!(sent(&mut world, BOB, (channel, 2), made), refusal);
    world.commits(3);
    assert_eq!(payloads(&all(&mut world, ANN, channel)), [b"seven"]);
}

#[test]
fn a_later_message_that_is_open_first_waits_for_the_one_before_it() {
    let (mut world, channel) = room(4, SECURE);
    seal(&mut world, BOB, (channel, 1), b"first");
    seal(&mut world, CARL, (channel, 1), b"second");
    world.commit();
    world.lose_log();
    for (share, from) in shares(&world, 1).iter().zip(SiteId::all(4)) {
        world.deliver(from, share);
        assert!(all(&mut world, ANN, channel).is_empty());
        world.restore();
    }
    for (share, from) in shares(&world, 0).iter().zip(SiteId::all(4)).take(3) {
        world.deliver(from, share);
    }
    let deliveries = all(&mut world, ANN, channel);
    assert_eq!(payloads(&deliveries), [&b"first"[..], b"second"]);
}

#[test]
fn b6_a_threshold_of_shares_opens_and_one_less_does_not() {
    for (n, threshold) in [(4, 3), (7, 5)] {
        let (mut world, channel) = room(n, SECURE);
        seal(&mut world, BOB, (channel, 1), b"x");
        world.commit();
        world.lose_log();
        let shares = shares(&world, 0);
        for (share, number) in shares.iter().zip(1..=threshold) {
            assert!(all(&mut world, ANN, channel).is_empty());
            world.deliver(site(number - 1), share);
        }
        assert_eq!(payloads(&all(&mut world, ANN, channel)), [b"x"]);
    }
}

#[test]
fn b16_b19_a_wrong_share_or_anothers_counts_for_nothing_and_convicts_who_sent_it() {
    let (mut world, channel) = room(4, SECURE);
    seal(&mut world, BOB, (channel, 1), b"x");
    world.commit();
    world.lose_log();
    let shares = shares(&world, 0);
    world.deliver(site(0), &falsified(shares[0].clone()));
    // Another site's share as its own.
    world.deliver(site(1), &shares[2]);
    world.deliver(site(2), &shares[2]);
    assert!(all(&mut world, ANN, channel).is_empty());
    let evidence: BTreeSet<_> = world.ordered.evidence().map(|own| own.site).collect();
    assert_eq!(evidence, [site(0), site(1)].into());
    let mut offences: Vec<_> = world.ordered.evidence().map(|own| own.offence).collect();
    offences.dedup();
    assert_eq!(offences, [Offence::ChannelShare]);
    // Of f = 1 no two are wrong; here it never opens, and nobody reads anything else.
    world.deliver(site(0), &shares[0]);
    world.deliver(site(3), &shares[3]);
    assert!(all(&mut world, ANN, channel).is_empty());
}

#[test]
fn what_waits_is_opened_by_the_members_of_the_next_epoch() {
    for members in [&[0, 1, 4, 3][..], &[3, 1, 0, 2], &[4, 5, 6, 7]] {
        for commits in 0..3 {
            let (mut world, channel) = room(4, SECURE);
            world.habits[2] = Habit::Silent;
            seal(&mut world, BOB, (channel, 1), b"before");
            world.commits(commits);
            world.change(members);
            seal(&mut world, BOB, (channel, 2), b"after");
            world.restore();
            world.commits(60);
            let deliveries = all(&mut world, ANN, channel);
            assert_eq!(payloads(&deliveries), [&b"before"[..], b"after"]);
            assert_eq!(world.ordered.evidence().len(), 0);
        }
    }
}

#[test]
fn when_the_key_goes_what_waits_is_shown_as_lost_and_nothing_more_is_taken() {
    let (mut world, channel) = room(4, SECURE);
    world.habits = vec![Habit::Silent; 4];
    seal(&mut world, BOB, (channel, 1), b"x");
    let late = encrypted(&world, (channel, BOB, 2), b"y");
    let retire = Operation::Change(Act::Retire(KEY));
    let by = ClientId {
        key: ANN,
        session: 1,
    };
    world.operate_as(by, &retire);
    world.commit();
    let deliveries = all(&mut world, CARL, channel);
    let contents: Vec<_> = deliveries.into_iter().map(|own| own.content).collect();
    assert_eq!(contents, [Err(Loss::KeyGone)]);
    let refusal = refused(Refusal::NoSuchKey);
    assert_eq!(sent(&mut world, BOB, (channel, 2), late), refusal);
    assert_eq!(open_as(&mut world, ANN, "next", SECURE), refusal);
}

#[test]
fn what_was_taken_before_the_close_is_delivered_and_then_comes_the_end() {
    let (mut world, channel) = room(4, SECURE);
    seal(&mut world, BOB, (channel, 1), b"x");
    ask(&mut world, ANN, &Request::Close { channel });
    let before = page(&mut world, CARL, channel, 0);
    assert_eq!((before.deliveries.len(), before.end), (0, false));
    let late = seal(&mut world, BOB, (channel, 2), b"y");
    assert_eq!(late, refused(Refusal::Closed));
    world.commits(2);
    let after = page(&mut world, CARL, channel, 0);
    assert_eq!(
        (payloads(&after.deliveries), after.end),
        (vec![&b"x"[..]], true)
    );
}
