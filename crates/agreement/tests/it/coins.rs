//! Coins for tests, and the tests of coins.

use std::collections::BTreeMap;
use std::sync::Arc;

use maftia_agreement::coin::{Coin, CommonCoin, LocalCoin, ThresholdCoin, Toss};
use maftia_agreement::{Instance, Misbehaviour};
use maftia_codec::{DecodeError, Reader, Wire, Writer};
use maftia_crypto::Domain;
use maftia_protocol::{Event, Protocol};
use maftia_threshold::bls::Purpose;
use maftia_types::{Digest, SiteId, SiteSet, Time};

use crate::arena::{largest, place};
use crate::keys::{shared_keys, site};
use crate::lockstep;

/// A strong common coin without cryptography: known to whoever sees enough shares.
pub(crate) struct Simulated {
    pub(crate) seed: u64,
    pub(crate) threshold: usize,
}

/// A share of it, good or bad.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SimulatedShare(pub(crate) bool);

impl Simulated {
    pub(crate) fn value(&self, name: &Digest) -> Digest {
        let bytes = [&self.seed.to_le_bytes(), &name.as_bytes()[..]].concat();
        Domain::new("simulated coin").digest(&bytes)
    }
}

impl Coin for Simulated {
    type Share = SimulatedShare;
    const IS_COMMON: bool = true;
    const ROUNDS_MAX: u32 = 64;

    fn share(&self, _: &Digest) -> Option<SimulatedShare> {
        Some(SimulatedShare(true))
    }

    fn toss(&self, name: &Digest, shares: &BTreeMap<SiteId, SimulatedShare>) -> Toss {
        let bad = shares.iter().filter(|(_, share)| !share.0);
        let culprits: SiteSet = bad.map(|(site, _)| *site).collect();
        let enough = shares.len() - culprits.len() >= self.threshold;
        Toss {
            value: enough.then(|| self.value(name)),
            culprits,
        }
    }
}

impl Wire for SimulatedShare {
    fn encode(&self, writer: &mut Writer) {
        writer.bool(self.0);
    }
    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        reader.bool().map(Self)
    }
}

fn threshold_coins(seed: u64) -> Vec<Arc<ThresholdCoin>> {
    let keys = shared_keys(4, 3, Purpose::Aba, seed).into_iter();
    keys.map(|key| Arc::new(ThresholdCoin::new(key))).collect()
}

#[test]
fn b06_all_see_the_same_coin_whichever_share_is_withheld_and_names_differ() {
    let coins = threshold_coins(1);
    let mut values = Vec::new();
    for (number, silent) in [(0, 0), (0, 1), (0, 3), (1, 3)] {
        let make = |own: maftia_agreement::Context| {
            let instance = Instance::new(&own, "coin", number);
            CommonCoin::new(Arc::clone(&coins[own.own().index()]), instance)
        };
        let seen = lockstep::run(largest(4), &[silent], make, |_| Some(()));
        assert_eq!((seen.outputs.len(), seen.steps_of_last()), (3, 1));
        values.extend(seen.outputs.values().map(|(_, value)| *value));
    }
    assert!(values[..9].iter().all(|value| *value == values[0]));
    assert_ne!(values[9], values[0]);
}

#[test]
fn a02_a03_a_bad_share_is_blamed_and_the_coin_falls_and_no_share_fewer_will_do() {
    let coins = threshold_coins(2);
    let own = place(largest(4), site(0));
    let mut service = CommonCoin::new(Arc::clone(&coins[0]), Instance::new(&own, "coin", 0));
    let share = |of: usize, number: u64| {
        let instance = Instance::new(&own, "coin", number);
        let flip = maftia_agreement::coin::Flip::new(Arc::clone(&coins[of]), instance);
        coins[of].share(flip.name()).unwrap()
    };
    let mut tell = |from: usize, message| {
        let event = Event::Message {
            from: site(from),
            message,
        };
        let step = service.handle(Time::ZERO, event);
        let faults = step.faults.iter().map(|f| (f.culprit, f.misbehaviour));
        (step.outputs.len(), faults.collect::<Vec<_>>())
    };
    assert_eq!(tell(1, share(1, 0)), (0, vec![]));
    assert_eq!(
        tell(2, share(2, 1)),
        (0, vec![]),
        "of another coin: not looked at yet"
    );
    assert_eq!(
        tell(0, share(0, 0)),
        (0, vec![(site(2), Misbehaviour::BadCoinShare)])
    );
    assert_eq!(
        tell(2, share(2, 0)),
        (0, vec![]),
        "whose share was bad has no other"
    );
    assert_eq!(
        tell(3, share(3, 0)),
        (0, vec![]),
        "known, but not released here"
    );
    let released = service.command(Time::ZERO, ()).unwrap();
    assert_eq!((released.outputs.len(), released.messages.len()), (1, 1));
    assert!(service.command(Time::ZERO, ()).is_err());
}

#[test]
fn a05_the_last_to_speak_changes_nothing() {
    let coins = threshold_coins(3);
    let name = Digest([7; 32]);
    let toss = |of: &[usize]| {
        let shares = of
            .iter()
            .map(|own| (site(*own), coins[*own].share(&name).unwrap()));
        coins[0].toss(&name, &shares.collect()).value
    };
    assert_eq!(toss(&[0, 1]), None);
    assert!(toss(&[0, 1, 2]).is_some());
    assert_eq!(toss(&[0, 1, 2]), toss(&[0, 1, 3]));
    assert_eq!(toss(&[0, 1, 2]), toss(&[0, 1, 2, 3]));
}

#[test]
fn local_coins_differ_between_sites_and_repeat_at_one() {
    let coin = |site: u8| LocalCoin::new(zeroize_of(site));
    let value = |site: u8, name: u8| coin(site).toss(&Digest([name; 32]), &BTreeMap::new()).value;
    assert_eq!(value(1, 1), value(1, 1));
    assert_ne!(value(1, 1), value(2, 1));
    assert_ne!(value(1, 1), value(1, 2));
    assert_eq!(coin(1).share(&Digest([1; 32])), None);
}

/// A local coin's secret.
pub(crate) fn zeroize_of(byte: u8) -> zeroize::Zeroizing<[u8; 32]> {
    zeroize::Zeroizing::new([byte; 32])
}
