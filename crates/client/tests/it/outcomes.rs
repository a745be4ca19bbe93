use bytes::Bytes;
use maftia_activity::kv::{Action, Operation, VALUE_BYTES_MAX};
use maftia_activity::kv::{Interval, Outcome as Got, Range, Relation, Response, Target, Txn};
use maftia_client::kv::Store;
use maftia_client::{Answer, Client, Outcome, Rejection};
use maftia_codec::Wire;
use maftia_types::Duration;

use crate::group::{Group, Manner, within};

fn response(answer: Answer<Response>) -> Response {
    answer.outcome.committed().expect("committed")
}

async fn put(store: &Store, key: &'static str, value: &'static str) -> Answer<Response> {
    within(store.put(key.into(), value.into())).await.unwrap()
}

async fn get(store: &Store, key: &'static str) -> Option<Bytes> {
    let answer = within(store.get(key.into())).await.unwrap();
    response(answer).value().cloned()
}

/// The sum of all sites' lies, once it is `least`.
async fn lies(client: &Client, least: u64) -> Vec<u64> {
    within(async {
        while client.liars().iter().sum::<u64>() < least {
            tokio::task::yield_now().await;
        }
    })
    .await;
    client.liars()
}

#[tokio::test]
async fn what_is_put_can_be_read_listed_changed_and_deleted() {
    let group = Group::honest();
    let store = Store::new(group.client());
    let first = response(put(&store, "a", "1").await);
    assert_eq!(first.revision(), Some(2));
    put(&store, "b", "2").await;
    assert_eq!(get(&store, "a").await.as_deref(), Some(&b"1"[..]));
    let page = within(store.range(Range::over(Interval::all())))
        .await
        .unwrap();
    let page = response(page);
    let Some(Got::Range { entries, more }) = page.outcome(0) else {
        panic!("{page:?}");
    };
    assert_eq!((entries.len(), *more), (2, false));
    let txn = Txn::default()
        .when("a", Relation::Equal, Target::Value("1".into()))
        .then(Action::delete("a"));
    let done = response(within(store.txn(txn)).await.unwrap());
    assert!(matches!(
        done,
        Response::Txn {
            succeeded: true,
            ..
        }
    ));
    assert_eq!(get(&store, "a").await, None);
}

#[tokio::test]
async fn a_lying_site_cannot_change_an_answer() {
    let mut manners = [Manner::Honest; 4];
    manners[0] = Manner::Forging;
    let group = Group::start(manners);
    let client = group.client();
    let store = Store::new(client.clone());
    for _ in 0..20 {
        put(&store, "a", "true").await;
        assert_eq!(get(&store, "a").await.as_deref(), Some(&b"true"[..]));
    }
    let lies = lies(&client, 1).await;
    assert_eq!(lies[1..], [0, 0, 0], "no honest site is blamed");
}

#[tokio::test]
async fn a_long_value_comes_back_whole() {
    let group = Group::honest();
    let store = Store::new(group.client());
    let value = Bytes::from(vec![7; VALUE_BYTES_MAX]);
    within(store.put("long".into(), value.clone()))
        .await
        .unwrap();
    assert_eq!(get(&store, "long").await, Some(value));
}

#[tokio::test]
async fn a_thousand_requests_at_once_are_executed_once_each() {
    let group = Group::honest();
    let client = group.client();
    let store = Store::new(client.clone());
    let mut tasks = Vec::new();
    for number in 0..1000u32 {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            let key = Bytes::from(format!("key-{number:04}"));
            within(store.put(key, "v".into())).await.unwrap()
        }));
    }
    let mut revisions = Vec::new();
    for task in tasks {
        revisions.push(response(task.await.unwrap()).revision().unwrap());
    }
    revisions.sort_unstable();
    assert_eq!(revisions, (2..1002).collect::<Vec<_>>());
}

#[tokio::test]
async fn one_site_down_does_not_stop_the_others() {
    let mut group = Group::honest();
    let client = group.client();
    let store = Store::new(client.clone());
    put(&store, "a", "1").await;
    group.stop(3).await;
    for _ in 0..8 {
        put(&store, "a", "2").await;
    }
    assert_eq!(get(&store, "a").await.as_deref(), Some(&b"2"[..]));
}

#[tokio::test]
async fn the_same_id_executes_once() {
    let group = Group::honest();
    let client = group.client();
    let store = Store::new(client.clone());
    let first = put(&store, "a", "1").await;
    let again = Operation::put("a", "1");
    let second = within(store.execute(&again, first.id)).await.unwrap();
    assert_eq!(first, second);
    put(&store, "b", "1").await;
    let next = response(put(&store, "c", "1").await);
    assert_eq!(next.revision(), Some(4));

    let other = within(store.execute(&Operation::put("a", "2"), first.id))
        .await
        .unwrap();
    assert_eq!(other.outcome, Outcome::Rejected(Rejection::IdMismatch));
    let mut id = first.id.unwrap();
    id.request.sequence.0 += 100_000;
    let never = within(store.execute(&again, Some(id))).await.unwrap();
    assert_eq!(never.outcome, Outcome::Rejected(Rejection::IdUnknown));
    id.request.incarnation.0 = u64::MAX;
    let future = within(store.execute(&again, Some(id))).await.unwrap();
    assert_eq!(future.outcome, Outcome::Rejected(Rejection::IdUnknown));
}

#[tokio::test]
async fn another_process_of_the_key_learns_an_outcome_by_its_id() {
    let group = Group::honest();
    let first = group.client();
    let answer = put(&Store::new(first.clone()), "a", "1").await;
    first.shutdown().await;
    let store = Store::new(group.client());
    let again = within(store.execute(&Operation::put("a", "1"), answer.id))
        .await
        .unwrap();
    assert_eq!(again, answer);
}

#[tokio::test]
async fn another_process_is_refused_other_content_also_of_what_was_executed_in_a_batch() {
    let group = Group::honest();
    let mut config = group.config();
    config.sessions = 1;
    let client = maftia_client::Client::connect(config).unwrap();
    let put = |value: &'static str| Operation::put("a", value).to_bytes();
    let together = async { tokio::join!(client.execute(put("1")), client.execute(put("2"))) };
    let (first, second) = within(together).await;
    client.shutdown().await;
    let other = group.client();
    for (answer, value, wrong) in [(first, "1", "2"), (second, "2", "3")] {
        let id = answer.id.unwrap();
        let refused = within(other.execute_as(id, put(wrong))).await;
        assert_eq!(refused.outcome, Outcome::Rejected(Rejection::IdMismatch));
        assert_eq!(within(other.execute_as(id, put(value))).await, answer);
    }
}

#[tokio::test]
async fn an_unknown_outcome_is_learned_by_its_id_when_the_sites_are_back() {
    let mut group = Group::honest();
    let mut config = group.config();
    config.timing.deadline = Duration::from_millis(400);
    let impatient = maftia_client::Client::connect(config).unwrap();
    let store = Store::new(impatient.clone());
    within(async {
        while !matches!(
            put(&store, "a", "0").await.outcome,
            Outcome::Committed { .. }
        ) {}
    })
    .await;
    group.stop(2).await;
    group.stop(3).await;
    let answer = put(&store, "a", "1").await;
    assert_eq!(answer.outcome, Outcome::Unknown);
    group.run(2, Manner::Honest);
    group.run(3, Manner::Honest);
    let operation = Operation::put("a", "1");
    let learned = within(async {
        loop {
            let again = store.execute(&operation, answer.id).await.unwrap();
            if again.outcome != Outcome::Unknown {
                return again;
            }
        }
    })
    .await;
    assert_eq!(learned.id, answer.id);
    assert!(
        matches!(learned.outcome, Outcome::Committed { .. }),
        "{learned:?}"
    );
}

#[tokio::test]
async fn without_sites_a_request_is_rejected() {
    let mut group = Group::honest();
    for index in 0..4 {
        group.stop(index).await;
    }
    let mut config = group.config();
    config.timing.deadline = Duration::from_millis(50);
    let client = maftia_client::Client::connect(config).unwrap();
    let answer = within(client.execute(Operation::get("a").to_bytes())).await;
    assert_eq!(answer.outcome, Outcome::Rejected(Rejection::Unreachable));
}

#[tokio::test]
async fn asks_every_site_for_its_status() {
    let mut group = Group::honest();
    let client = group.client();
    put(&Store::new(client.clone()), "a", "1").await;
    group.stop(3).await;
    let told = within(async {
        loop {
            let told = client.status().await;
            if told.iter().filter(|(_, answer)| answer.is_some()).count() == 3 {
                return told;
            }
        }
    })
    .await;
    assert!(told[3].1.is_none());
    let text = told[1].1.clone().unwrap();
    assert!(
        std::str::from_utf8(&text)
            .unwrap()
            .contains("\"site\":\"B\"")
    );
}
