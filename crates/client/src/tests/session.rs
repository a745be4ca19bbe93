use maftia_replica::{BatchId, Bodies, Span};
use maftia_types::SiteSet;

use super::*;
use crate::session::WINDOW;

#[test]
fn the_body_goes_to_one_site_and_the_digest_to_2f_others() {
    let mut script = Script::new();
    script.submit("a");
    script.submit("b");
    let sent = script.flush();
    assert_eq!(sent.len(), 3, "one message per site: {sent:?}");
    for sequence in [1, 2] {
        assert_eq!(script.bodies(sequence), [site(0)]);
        assert_eq!(script.digests(sequence), [site(1), site(2)]);
    }
    let batch = BatchId {
        client: CLIENT,
        incarnation: LIFE,
        span: Span::new(Sequence(1), 2).unwrap(),
    };
    let bodies = Bodies::new(&[Bytes::from_static(b"a"), Bytes::from_static(b"b")]);
    let expected = ClientMessage::Vouch {
        session: 0,
        incarnation: LIFE,
        digests: vec![(batch.span, batch.digest(&bodies))],
    };
    assert!(sent.contains(&(site(1), expected)));
    assert!(script.flush().is_empty(), "nothing is sent twice");
}

#[test]
fn commits_when_f_plus_1_sites_agree_and_one_gave_the_result() {
    let mut script = Script::new();
    script.submit("a");
    script.flush();
    assert!(script.reply(1, 1, executed_digest(5, "r")).is_empty());
    assert!(
        script.reply(1, 1, executed_digest(5, "r")).is_empty(),
        "one site counts once"
    );
    assert!(
        script.reply(2, 1, executed_digest(5, "r")).is_empty(),
        "no result yet"
    );
    let settled = script.reply(0, 1, executed(5, "r"));
    assert_eq!(outcomes(&settled), [(1, committed(5, "r"))]);
    assert!(script.reply(3, 1, executed(5, "r")).is_empty());
    assert_eq!(script.session.liars(), [0, 0, 0, 0]);
}

#[test]
fn f_lying_sites_change_nothing_and_are_counted() {
    let mut script = Script::new();
    script.submit("a");
    script.flush();
    assert!(script.reply(3, 1, executed(5, "forged")).is_empty());
    assert!(script.reply(0, 1, executed(5, "r")).is_empty());
    let settled = script.reply(1, 1, executed(5, "r"));
    assert_eq!(outcomes(&settled), [(1, committed(5, "r"))]);
    assert_eq!(script.session.liars(), [0, 0, 0, 1]);
    script.reply(3, 1, executed(6, "r"));
    assert_eq!(
        script.session.liars(),
        [0, 0, 0, 2],
        "also after the outcome"
    );
    script.reply(3, 9, executed(6, "r"));
    assert_eq!(
        script.session.liars(),
        [0, 0, 0, 3],
        "also of what was never asked"
    );
}

#[test]
fn a_position_without_the_result_is_no_agreement() {
    let mut script = Script::new();
    script.submit("a");
    script.flush();
    script.reply(0, 1, executed(5, "r"));
    assert!(script.reply(1, 1, executed(6, "r")).is_empty());
    assert!(script.reply(2, 1, executed(5, "s")).is_empty());
    assert_eq!(script.reply(3, 1, executed(5, "r")).len(), 1);
}

#[test]
fn asks_all_and_gives_the_body_to_the_next_site() {
    let mut script = Script::new();
    script.submit("a");
    script.flush();
    for holder in [1, 2, 3, 0] {
        assert!(script.wake().is_empty());
        script.flush();
        assert_eq!(script.bodies(1), [site(holder)]);
        assert_eq!(script.digests(1).len(), 3);
    }
}

#[test]
fn a_site_that_let_a_request_wait_is_not_preferred_any_more() {
    let mut script = Script::new();
    script.submit("a");
    script.flush();
    script.wake();
    script.submit("b");
    script.flush();
    assert_eq!(script.bodies(2), [site(1)]);
}

#[test]
fn waits_grow_up_to_two_seconds() {
    let mut script = Script::new();
    script.submit("a");
    script.flush();
    let mut waits = Vec::new();
    for _ in 0..5 {
        let before = script.now;
        script.wake();
        script.flush();
        waits.push(script.now.since(before).as_millis());
    }
    assert_eq!(waits, [300, 600, 1200, 2000, 2000]);
}

#[test]
fn is_unknown_at_the_deadline_and_may_be_committed_later() {
    let mut script = Script::new();
    script.submit("a");
    script.flush();
    let almost = Duration::from_millis(9_999);
    assert!(script.pass(almost).is_empty());
    script.flush();
    let settled = script.pass(Duration::from_millis(1));
    assert_eq!(outcomes(&settled), [(1, Outcome::Unknown)]);
    script.wake();
    script.flush();
    assert_eq!(script.bodies(1).len(), 1, "goes on asking");
    script.reply(0, 1, executed(5, "r"));
    let settled = script.reply(1, 1, executed(5, "r"));
    assert_eq!(outcomes(&settled), [(1, committed(5, "r"))]);
}

#[test]
fn without_any_link_requests_are_rejected_and_their_numbers_used_again() {
    let mut script = Script::unlinked();
    let id = script.submit("a");
    script.pass(Duration::from_secs(1));
    script.submit("b");
    assert!(script.flush().is_empty());
    let settled = script.pass(Duration::from_secs(9));
    let rejected = Outcome::Rejected(Rejection::Unreachable);
    assert_eq!(outcomes(&settled), [(1, rejected.clone()), (2, rejected)]);
    script.link(2, Standing::Up);
    assert_eq!(script.submit("c"), id);
    script.flush();
    assert_eq!(script.bodies(1), [site(2)]);
}

#[test]
fn a_lost_link_moves_its_bodies_at_once() {
    let mut script = Script::new();
    script.submit("a");
    script.flush();
    script.link(0, Standing::Down);
    script.wake();
    assert_eq!(script.now, Time::ZERO);
    script.flush();
    assert_eq!(script.bodies(1), [site(1)]);
}

#[test]
fn a_new_link_gets_what_too_few_sites_have() {
    let mut script = Script::unlinked();
    script.link(0, Standing::Up);
    script.submit("a");
    script.flush();
    assert_eq!(
        (script.bodies(1), script.digests(1)),
        (vec![site(0)], vec![])
    );
    for index in [1, 2] {
        script.link(index, Standing::Up);
        script.flush();
        assert_eq!(script.digests(1), [site(index)]);
    }
    script.link(3, Standing::Up);
    assert!(script.flush().is_empty(), "2f+1 sites have it");
}

#[test]
fn f_plus_1_closed_replies_make_sent_requests_unknown() {
    let mut script = Script::new();
    script.submit("a");
    script.flush();
    script.submit("b");
    script.reply(3, 1, Fate::Closed);
    assert!(!script.session.is_closed());
    script.reply(2, 1, Fate::Closed);
    assert!(script.session.is_closed());
    assert!(script.session.submit(script.now, "c".into()).is_err());
    script.session.reopen(script.now, LIFE.next());
    let settled: Vec<_> = script.session.settled().collect();
    let unsent = Outcome::Rejected(Rejection::Unreachable);
    assert_eq!(outcomes(&settled), [(1, Outcome::Unknown), (2, unsent)]);
    let id = script.submit("c");
    assert_eq!((id.incarnation, id.sequence), (LIFE.next(), Sequence(1)));
}

#[test]
fn the_window_counts_from_the_first_undecided_request() {
    let mut script = Script::new();
    for _ in 0..WINDOW {
        script.submit("a");
    }
    script.flush();
    assert!(script.session.submit(script.now, "b".into()).is_err());
    script.reply(0, 2, executed(2, "r"));
    script.reply(1, 2, executed(2, "r"));
    assert!(
        script.session.submit(script.now, "b".into()).is_err(),
        "the first is open"
    );
    script.reply(0, 1, executed(1, "r"));
    script.reply(1, 1, executed(1, "r"));
    assert_eq!(script.session.first(), Sequence(3));
    assert!(script.session.submit(script.now, "b".into()).is_ok());
    assert!(script.session.submit(script.now, "b".into()).is_ok());
    assert!(script.session.submit(script.now, "b".into()).is_err());
}

#[test]
fn a_request_of_an_earlier_life_is_asked_for_until_its_deadline() {
    let mut script = Script::new();
    let old = RequestId {
        client: CLIENT,
        incarnation: Incarnation(3),
        sequence: Sequence(8),
    };
    script
        .session
        .ask_again(script.now, &old, "a".into())
        .unwrap();
    script.wake();
    script.flush();
    assert_eq!((script.bodies(8).len(), script.digests(8).len()), (1, 3));
    script.reply_in(0, Incarnation(3), 8, executed(4, "r"));
    let settled = script.reply_in(2, Incarnation(3), 8, executed(4, "r"));
    assert_eq!(outcomes(&settled), [(8, committed(4, "r"))]);

    script
        .session
        .ask_again(script.now, &old, "a".into())
        .unwrap();
    let settled = script.pass(Duration::from_secs(10));
    assert_eq!(outcomes(&settled), [(8, Outcome::Unknown)]);
    assert_eq!(script.session.next_timeout(), None);
}

#[test]
fn unconfirmed_results_of_a_site_are_bounded_and_fetched_when_agreed_on() {
    let mut script = Script::new();
    let long = Bytes::from(vec![7; maftia_replica::RESULT_BYTES_MAX]);
    let full = |position| Fate::Executed {
        position,
        result: long.clone(),
    };
    for _ in 0..3 {
        script.submit("a");
    }
    script.flush();
    for number in 1..=3 {
        script.reply(0, number, full(number));
    }
    for number in 1..=2 {
        assert_eq!(script.reply(1, number, full(number)).len(), 1);
    }
    let digest = |position| Fate::ExecutedDigest {
        position,
        digest: result_digest(&long),
    };
    assert!(
        script.reply(1, 3, digest(3)).is_empty(),
        "the third did not fit"
    );
    script.wake();
    script.flush();
    assert_eq!(script.bodies(3), [site(1)]);
    assert_eq!(script.reply(1, 3, full(3)).len(), 1);
}

#[test]
fn a_sites_latest_word_replaces_its_earlier_one() {
    let mut script = Script::new();
    script.submit("a");
    script.flush();
    for filling in 0..5 {
        let result = Bytes::from(vec![filling; maftia_replica::RESULT_BYTES_MAX]);
        let fate = Fate::Executed {
            position: 5,
            result,
        };
        assert!(script.reply(3, 1, fate).is_empty());
    }
    assert!(script.reply(3, 1, executed(5, "r")).is_empty());
    let settled = script.reply(1, 1, executed_digest(5, "r"));
    assert_eq!(outcomes(&settled), [(1, committed(5, "r"))]);
}

#[test]
fn sites_are_preferred_by_the_sessions_number() {
    let mut holders = SiteSet::EMPTY;
    for number in 0..4 {
        let settings = Settings {
            client: ClientId {
                key: 0,
                session: number,
            },
            resilience: Resilience::new(FaultModel::Arbitrary, 4, 1, 0).unwrap(),
            timing: Timing::default(),
        };
        let mut script = Script::unlinked();
        script.session = Session::new(settings, LIFE, Time::ZERO);
        (0..4).for_each(|index| script.link(index, Standing::Up));
        script.submit("a");
        script.flush();
        holders.insert(script.bodies(1)[0]);
    }
    assert_eq!(holders.len(), 4);
}

#[test]
fn what_a_site_jumps_over_is_asked_for_at_once_and_only_once() {
    let mut script = Script::new();
    for _ in 0..4 {
        script.submit("a");
        script.flush();
    }
    script.reply(3, 2, executed(2, "r"));
    script.pass(Duration::ZERO);
    assert!(script.flush().is_empty(), "that site was not asked");
    script.reply(1, 3, executed(3, "r"));
    assert_eq!(script.session.next_timeout(), Some(script.now));
    script.pass(Duration::ZERO);
    script.flush();
    for (number, asked) in [(1, 1), (2, 1), (3, 0), (4, 0)] {
        assert_eq!(script.bodies(number).len(), asked, "{number}");
    }
    script.reply(1, 3, executed(3, "r"));
    script.reply(1, 4, executed(4, "r"));
    script.pass(Duration::ZERO);
    assert!(script.flush().is_empty(), "nothing new was jumped over");
    script.reply(1, u64::MAX, executed(9, "r"));
    script.pass(Duration::ZERO);
    assert!(script.flush().is_empty(), "nor by what was never asked");
}

#[test]
fn a_result_that_nobody_gave_is_asked_for_soon() {
    let mut script = Script::new();
    script.submit("a");
    script.flush();
    for _ in 0..4 {
        script.wake();
        script.flush();
    }
    let due = script.session.next_timeout().unwrap();
    assert_eq!(due.since(script.now), Timing::default().retry_max);
    script.reply(1, 1, executed_digest(5, "r"));
    assert_eq!(script.session.next_timeout(), Some(due), "one site's word");
    script.reply(2, 1, executed_digest(5, "r"));
    let due = script.session.next_timeout().unwrap();
    assert_eq!(due.since(script.now), Timing::default().retry_start);
}

#[test]
fn f_plus_1_sites_that_have_forgotten_settle_it_for_good() {
    let mut script = Script::new();
    script.submit("a");
    script.flush();
    assert!(script.reply(0, 1, Fate::Forgotten).is_empty());
    let settled = script.reply(1, 1, Fate::Forgotten);
    assert_eq!(outcomes(&settled), [(1, Outcome::Forgotten)]);
    assert_eq!(script.session.load(), 0);
}

#[test]
fn another_request_under_the_number_is_refused_by_f_plus_1_sites() {
    let mut script = Script::new();
    let id = RequestId {
        client: CLIENT,
        incarnation: Incarnation(3),
        sequence: Sequence(1),
    };
    script
        .session
        .ask_again(script.now, &id, "b".into())
        .unwrap();
    assert!(
        script
            .reply_in(0, id.incarnation, 1, Fate::Other)
            .is_empty()
    );
    let settled = script.reply_in(1, id.incarnation, 1, Fate::Other);
    let refused = Outcome::Rejected(Rejection::IdMismatch);
    assert_eq!(outcomes(&settled), [(1, refused)]);
}

#[test]
fn each_request_has_its_own_deadline() {
    let mut script = Script::new();
    script.submit("a");
    let soon = script.now + Duration::from_millis(50);
    script
        .session
        .submit_until(script.now, soon, "b".into())
        .unwrap();
    script.flush();
    assert!(script.pass(Duration::from_millis(49)).is_empty());
    let settled = script.pass(Duration::from_millis(1));
    assert_eq!(outcomes(&settled), [(2, Outcome::Unknown)]);
}

#[test]
fn one_process_stays_below_what_sites_keep_for_a_key() {
    let limits = maftia_replica::Limits::default();
    let reply = 128 + maftia_replica::RESULT_INLINE_BYTES_MAX;
    assert!(crate::SESSIONS_MAX * limits.replies * reply <= limits.reply_bytes);
    assert!(crate::OUTSTANDING_BYTES_MAX + crate::SESSIONS_MAX * WINDOW * 128 <= limits.hold_bytes);
    assert!(crate::kv::ANSWER_BYTES_MAX <= limits.result_bytes);
}

#[test]
fn of_a_batch_only_what_is_open_is_asked_for_again_one_by_one() {
    let mut script = Script::new();
    for body in ["a", "b", "c"] {
        script.submit(body);
    }
    script.flush();
    script.reply(0, 2, executed(2, "r"));
    assert_eq!(script.reply(1, 2, executed(2, "r")).len(), 1);
    script.wake();
    let sent = script.flush();
    for (sequence, holders) in [(1, 1), (2, 0), (3, 1)] {
        assert_eq!(script.bodies(sequence).len(), holders, "{sequence}");
        assert_eq!(script.digests(sequence).len(), 3 * holders, "{sequence}");
    }
    let one = Span::one(Sequence(3));
    let digest = (one, digest_of(3, "c"));
    let has = |m: &ClientMessage| matches!(m, ClientMessage::Vouch { digests, .. } if digests.contains(&digest));
    assert!(sent.iter().any(|(_, message)| has(message)));
    for sequence in [1, 3] {
        script.reply(0, sequence, executed(sequence, "r"));
        assert_eq!(script.reply(1, sequence, executed(sequence, "r")).len(), 1);
    }
    script.wake();
    assert!(script.flush().is_empty(), "nothing is asked for any more");
    assert_eq!(script.session.next_timeout(), None);
}

#[test]
fn a_batch_holds_at_most_128_requests_or_64_kib_or_one_longer_one() {
    let mut script = Script::new();
    let submit = |script: &mut Script, length: usize| {
        let body = Bytes::from(vec![0; length]);
        script.session.submit(script.now, body).unwrap();
    };
    (0..129).for_each(|_| submit(&mut script, 1));
    submit(&mut script, 64 * 1024);
    submit(&mut script, 64 * 1024 + 1);
    submit(&mut script, 1);
    submit(&mut script, 64 * 1024 - 1);
    let sent = script.flush();
    let counts: Vec<u32> = sent
        .iter()
        .filter_map(|(_, message)| match message {
            ClientMessage::Submit { batches, .. } => Some(batches),
            _ => None,
        })
        .flatten()
        .map(|(span, _)| span.count())
        .collect();
    assert_eq!(counts, [128, 1, 1, 1, 2]);
}
