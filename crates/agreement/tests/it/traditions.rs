//! The same services without signatures and with threshold cryptography, side by side.

use std::sync::Arc;

use maftia_agreement::coin::{Coin, LocalCoin, ThresholdCoin};
use maftia_agreement::consistent::SharedKeyCertifier;
use maftia_agreement::host::Service;
use maftia_agreement::profile::{lisbon, sintra};
use maftia_agreement::reliable::Rule;
use maftia_agreement::{
    Context as Place, Instance, SharedKey, anything, binary, validated, vector,
};
use maftia_codec::{Bytes, Wire};
use maftia_threshold::bls::Purpose;
use maftia_types::SiteId;

use crate::arena::largest;
use crate::coins::zeroize_of;
use crate::keys::{shared_keys, site};
use crate::lockstep;

struct Row {
    steps: usize,
    messages: usize,
    bytes: usize,
    /// Of all sites together.
    micros: u128,
}

fn row<P>(
    n: usize,
    make: impl FnMut(Place) -> P,
    command: impl Fn(SiteId) -> Option<P::Command>,
) -> Row
where
    P: Service<Message: Clone + Wire, Error: std::fmt::Debug, Output: PartialEq + std::fmt::Debug>,
{
    #[allow(clippy::disallowed_types, reason = "what a protocol costs is measured")]
    let begun = std::time::Instant::now();
    let seen = lockstep::run(largest(n), &[], make, command);
    assert_eq!(seen.outputs.len(), n);
    Row {
        steps: seen.steps_of_last(),
        messages: seen.messages,
        bytes: seen.bytes,
        micros: begun.elapsed().as_micros(),
    }
}

fn binary<C: Coin>(n: usize, coins: &[Arc<C>], mixed: bool) -> Row {
    let make = |own: Place| {
        let coin = Arc::clone(&coins[own.own().index()]);
        binary::Agreement::new(own, Instance::new(&own, "binary", 0), coin)
    };
    row(n, make, |own| Some(!mixed || own.index() % 2 == 0))
}

fn proposal(own: SiteId) -> Option<Bytes> {
    Some(vec![own.as_u8(); 100].into())
}

fn choice<C: Coin>(n: usize, coins: &[Arc<C>]) -> Row {
    let make = |own: Place| {
        let (coin, instance) = (&coins[own.own().index()], Instance::new(&own, "choice", 0));
        let coin = Arc::clone(coin);
        validated::Validated::new(own, instance, coin, Rule::Optimistic, anything()).unwrap()
    };
    row(n, make, proposal)
}

fn of_all<C: Coin>(n: usize, coins: &[Arc<C>]) -> Row {
    let make = |own: Place| {
        let (coin, instance) = (&coins[own.own().index()], Instance::new(&own, "vector", 0));
        vector::Vector::new(own, instance, coin, Rule::Optimistic, anything()).unwrap()
    };
    row(n, make, proposal)
}

fn rows(n: usize) -> Vec<(&'static str, Row, Row)> {
    let quorum = u8::try_from(largest(n).quorum()).unwrap();
    let keys = |purpose| -> Vec<Arc<SharedKey>> {
        shared_keys(u8::try_from(n).unwrap(), quorum, purpose, 1)
    };
    let local = |own| Arc::new(LocalCoin::new(zeroize_of(u8::try_from(own).unwrap())));
    let local: Vec<_> = (0..n).map(local).collect();
    let shared: Vec<_> = keys(Purpose::Aba)
        .into_iter()
        .map(|key| Arc::new(ThresholdCoin::new(key)))
        .collect();
    let votes = keys(Purpose::Vote);
    let first = |own: SiteId| proposal(own).filter(|_| own.index() == 0);
    let echo = |own: Place| lisbon::Consistent::new(own, Instance::new(&own, "echo", 0), site(0));
    let verifiable = |own: Place| {
        let certifier = SharedKeyCertifier::new(Arc::clone(&votes[own.own().index()]));
        let instance = Instance::new(&own, "certified", 0);
        sintra::Consistent::new(own, instance, site(0), certifier, anything())
    };
    vec![
        (
            "consistent broadcast",
            row(n, echo, first),
            row(n, verifiable, first),
        ),
        (
            "binary agreement, alike",
            binary(n, &local, false),
            binary(n, &shared, false),
        ),
        (
            "binary agreement, mixed",
            binary(n, &local, true),
            binary(n, &shared, true),
        ),
        ("validated agreement", choice(n, &local), choice(n, &shared)),
        ("vector consensus", of_all(n, &local), of_all(n, &shared)),
    ]
}

#[test]
fn the_two_traditions_side_by_side() {
    for (name, lisbon, sintra) in rows(4) {
        assert!(lisbon.steps > 0 && sintra.steps > 0, "{name}");
        if name == "consistent broadcast" {
            assert!(lisbon.messages > sintra.messages && lisbon.steps < sintra.steps);
        }
    }
}

#[test]
fn the_two_traditions_measured_slow() {
    if std::env::var_os("MAFTIA_SLOW").is_none() {
        return;
    }
    println!("| n | service | steps | messages | bytes | ms of all sites |");
    for n in [4, 7, 10] {
        for (name, lisbon, sintra) in rows(n) {
            let ms = |row: &Row| row.micros as f64 / 1000.0;
            println!(
                "| {n} | {name} | {} / {} | {} / {} | {} / {} | {:.2} / {:.2} |",
                lisbon.steps,
                sintra.steps,
                lisbon.messages,
                sintra.messages,
                lisbon.bytes,
                sintra.bytes,
                ms(&lisbon),
                ms(&sintra)
            );
        }
    }
}
