use maftia_agreement::consistent::{Echo, EchoMessage};
use maftia_agreement::host::{
    Command, Host, HostError, Message, REPEAT_EACH, REPEAT_EVERY, Record, WINDOW,
};
use maftia_agreement::{Instance, Misbehaviour};
use maftia_codec::{Bytes, Wire};
use maftia_protocol::{Event, Outgoing, Protocol, Release, Step, Target};
use maftia_types::{Duration, Epoch, Time};

use crate::arena::{largest, place};
use crate::keys::site;

type Maker = Box<dyn FnMut(u64) -> Echo>;
type Hosted = Host<Echo, Maker>;

/// Site A, which is the sender of every run.
fn boot(records: Vec<Record<Bytes, EchoMessage>>) -> (Hosted, Step<Hosted>) {
    let own = place(largest(4), site(0));
    let make: Maker =
        Box::new(move |number| Echo::new(own, Instance::new(&own, "echo", number), site(0)));
    Host::new(own, make, records)
}

fn run(number: u64) -> Command<Bytes> {
    let command = vec![7].into();
    Command::Run { number, command }
}

fn say(epoch: u64, number: u64) -> Message<EchoMessage> {
    let message = EchoMessage::Echo(maftia_types::Digest([1; 32]));
    let epoch = Epoch(epoch);
    Message::Say {
        epoch,
        number,
        message,
    }
}

fn tell(host: &mut Hosted, now: Time, from: usize, message: Message<EchoMessage>) -> Step<Hosted> {
    host.handle(
        now,
        Event::Message {
            from: site(from),
            message,
        },
    )
}

#[test]
fn b14_a_message_of_another_epoch_is_blamed_and_counts_for_nothing() {
    let (mut host, _) = boot(vec![]);
    for epoch in [2, 4] {
        let step = tell(&mut host, Time::ZERO, 1, say(epoch, 0));
        assert_eq!(step.faults[0].misbehaviour, Misbehaviour::OtherEpoch);
        assert!(step.records.is_empty() && host.run(0).is_none());
    }
    assert!(
        tell(&mut host, Time::ZERO, 4, say(3, 0)).is_empty(),
        "no site of the group"
    );
}

#[test]
fn b18_runs_beyond_the_window_are_not_kept_and_asked_for_when_it_moves() {
    let (mut host, _) = boot(vec![]);
    assert_eq!(
        tell(&mut host, Time::ZERO, 1, say(3, WINDOW - 1))
            .records
            .len(),
        1
    );
    for far in [WINDOW, u64::MAX] {
        assert!(tell(&mut host, Time::ZERO, 2, say(3, far)).is_empty());
        assert!(host.run(far).is_none());
        let refused = host.command(Time::ZERO, run(far)).err();
        assert_eq!(
            refused,
            Some(HostError::NotOpen {
                number: far,
                floor: 0
            })
        );
    }
    let step = host
        .command(Time::ZERO, Command::Close { below: 1 })
        .unwrap();
    assert_eq!(step.records, [Record::Closed { below: 1 }]);
    let expected = Outgoing {
        target: Target::One(site(2)),
        release: Release::Now,
        message: Message::Again {
            epoch: Epoch(3),
            from_number: 1,
        },
    };
    assert_eq!(step.messages, [expected]);
    assert_eq!(
        tell(&mut host, Time::ZERO, 2, say(3, WINDOW)).records.len(),
        1
    );
    assert!(
        tell(&mut host, Time::ZERO, 2, say(3, 0)).is_empty(),
        "closed"
    );
}

#[test]
fn b15_a_repeated_message_is_no_record() {
    let (mut host, _) = boot(vec![]);
    assert_eq!(tell(&mut host, Time::ZERO, 1, say(3, 0)).records.len(), 1);
    assert!(tell(&mut host, Time::ZERO, 1, say(3, 0)).is_empty());
}

#[test]
fn who_starts_again_says_the_same_and_asks_the_others() {
    let (mut host, first) = boot(vec![]);
    assert_eq!(
        first.messages.len(),
        1,
        "asks the others to repeat themselves"
    );
    let mut step = host.command(Time::ZERO, run(0)).unwrap();
    let said = step.messages.clone();
    let own = said
        .iter()
        .find(|out| out.target == Target::All)
        .unwrap()
        .message
        .clone();
    for from in 0..3 {
        step.extend(tell(&mut host, Time::ZERO, from, own.clone()));
    }
    assert_eq!((step.outputs.len(), step.records.len()), (1, 4));
    let records = step
        .records
        .iter()
        .map(|record| Record::from_bytes(record.to_bytes()).unwrap());
    let (_, again) = boot(records.collect());
    assert_eq!(again.outputs, step.outputs);
    assert_eq!(again.messages[..2], said[..]);
    assert_eq!(again.messages.len(), 3);
    assert!(again.records.is_empty());
}

#[test]
fn who_starts_again_says_nothing_of_the_runs_that_it_had_closed() {
    let (mut host, _) = boot(vec![]);
    let mut records = Vec::new();
    for number in [0, 1] {
        let mut step = host.command(Time::ZERO, run(number)).unwrap();
        let own = step.messages[1].message.clone();
        for from in 0..3 {
            step.extend(tell(&mut host, Time::ZERO, from, own.clone()));
        }
        assert_eq!(step.outputs.len(), 1);
        records.extend(step.records);
    }
    let closed = host.command(Time::ZERO, Command::Close { below: 1 });
    records.extend(closed.unwrap().records);
    let (_, again) = boot(records);
    let numbers = again.messages.iter().map(|out| match out.message {
        Message::Say { number, .. } => number,
        Message::Again { from_number, .. } => from_number,
    });
    assert_eq!(numbers.collect::<Vec<_>>(), [1, 1, 1]);
    assert_eq!(again.outputs.len(), 1);
}

#[test]
fn b19_repetition_is_granted_once_in_a_while() {
    let (mut host, _) = boot(vec![]);
    let _ = host.command(Time::ZERO, run(0)).unwrap();
    let wish = || Message::Again {
        epoch: Epoch(3),
        from_number: 0,
    };
    let at = |ms| Time::ZERO + Duration::from_millis(ms);
    let repeated = tell(&mut host, at(100), 1, wish()).messages;
    assert!(
        repeated.len() == 2
            && repeated
                .iter()
                .all(|out| out.target == Target::One(site(1)))
    );
    assert!(tell(&mut host, at(101), 1, wish()).is_empty());
    assert_eq!(
        tell(&mut host, at(101), 2, wish()).messages.len(),
        2,
        "another's own"
    );
    // The more there was to repeat, the longer until the next time.
    let again = at(100) + REPEAT_EVERY + REPEAT_EACH + REPEAT_EACH;
    assert_eq!(host.next_timeout(), Some(again));
    assert!(host.handle(at(151), Event::Timeout).is_empty());
    let due = host.handle(again, Event::Timeout);
    assert_eq!(due.messages.len(), 2);
    assert_eq!(host.next_timeout(), None);
    let back = host
        .command(at(200), Command::Reconnected(site(3)))
        .unwrap();
    assert_eq!(back.messages.len(), 2);
}
