use super::*;
use crate::keys::KeyId;
use crate::keys::sessions::tests::world::{World, site};

const COIN: KeyId = KeyId(2);

#[test]
fn only_a_group_that_wants_a_coin_makes_one_and_it_is_the_last() {
    assert_eq!(genesis_keys(CoinUse::Never), GENESIS_KEYS);
    for own in [CoinUse::Auto, CoinUse::Always] {
        assert_eq!(genesis_keys(own).last(), Some(&COIN_KEY));
        assert_eq!(genesis_keys(own).len(), GENESIS_KEYS.len() + 1);
    }
}

#[test]
fn a_first_sharing_is_no_coin_and_every_later_one_is() {
    let mut world = World::new(4, &[Scheme::Bls, Scheme::Coin]);
    assert!(world.ordered.coin().is_none() && world.ordered.has_idle_coin());
    assert!(world.sites[0].coin_share(site(0), &world.ordered).is_none());
    world.deal(COIN, Scheme::Coin, 1);
    let coin = world.ordered.coin().expect("the epoch began with it");
    assert_eq!(coin.committee().threshold(), 3, "a quorum");
    assert!(!world.ordered.has_idle_coin());
    for (at, half) in world.sites.iter().enumerate() {
        let me = site(u8::try_from(at).unwrap());
        assert!(half.coin_share(me, &world.ordered).is_some());
        // Not as another site, nor as one without a seat.
        assert!(half.coin_share(site(4), &world.ordered).is_none());
        assert!(
            half.coin_share(site((me.as_u8() + 1) % 4), &world.ordered)
                .is_none()
        );
    }
}

#[test]
fn an_idle_coin_waits_for_older_keys_and_for_no_younger_one() {
    let mut world = World::new(4, &[Scheme::Bls, Scheme::Coin, Scheme::Bls]);
    let generating = |world: &mut World, key: KeyId| {
        let record = world.ordered.keys.get_mut(&key).unwrap();
        record.state = State::Generating;
    };
    generating(&mut world, KeyId(3));
    assert!(world.ordered.has_idle_coin());
    generating(&mut world, KeyId(1));
    assert!(!world.ordered.has_idle_coin());
    generating(&mut world, COIN);
    assert!(!world.ordered.has_idle_coin() && world.ordered.coin().is_none());
}
