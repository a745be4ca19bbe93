use std::fmt::Debug;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::for_each_group;
use crate::{Ed25519, Field, Group, Index, Secret};

for_each_group! {
    a_scalar_and_its_inverse_cancel: inverses_cancel;
    c03_the_identity_is_not_decoded: identity_is_refused;
    c03_an_element_has_one_form_of_one_length: encoding_is_canonical;
    c03_a_scalar_not_below_the_order_is_not_decoded: large_scalars_are_refused;
    a_sum_of_products_is_the_sum_of_the_products: sums_agree;
}

fn inverses_cancel<G: Group>() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let scalar = G::Scalar::random(&mut rng);
    let inverse = scalar.inverse().expect("a random scalar is not zero");
    assert!(scalar * inverse == G::Scalar::ONE);
    assert!(G::Scalar::ZERO.inverse().is_none());
    assert!(scalar + (-scalar) == G::Scalar::ZERO);
    assert_eq!(G::generate(&scalar) * inverse, G::generate(&G::Scalar::ONE));
}

fn identity_is_refused<G: Group>() {
    assert!(G::decode(G::encode(&G::identity()).as_ref()).is_err());
}

fn encoding_is_canonical<G: Group>() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let element = Secret::<G>::random(&mut rng).public();
    let bytes = G::encode(&element);
    let bytes = bytes.as_ref();
    assert_eq!(G::decode(bytes), Ok(element));
    assert!(G::decode(&bytes[1..]).is_err());
    assert!(G::decode(&[bytes, &[0]].concat()).is_err());
    assert!(G::decode(&[]).is_err());
    assert!(G::decode(&vec![0xff; bytes.len()]).is_err());
}

fn large_scalars_are_refused<G: Group>() {
    let largest = -G::Scalar::ONE;
    let mut bytes = largest.to_bytes();
    assert!(G::Scalar::from_bytes(&bytes) == Ok(largest));
    bytes[0] += 1; // the order is odd, so the largest scalar is even
    assert!(G::Scalar::from_bytes(&bytes).is_err());
    assert!(G::Scalar::from_bytes(&[0xff; 32]).is_err());
    assert!(G::Scalar::from_bytes(&[0; 31]).is_err());
    assert!(G::Scalar::from_bytes(&[0; 33]).is_err());
}

fn sums_agree<G: Group>() {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    for count in [0, 1, 2, 3, 33] {
        let terms: Vec<_> = (0..count)
            .map(|_| {
                let scalar = G::Scalar::random(&mut rng);
                (scalar, Secret::<G>::random(&mut rng).public())
            })
            .collect();
        let sum = terms.iter().fold(G::identity(), |sum, (scalar, element)| {
            sum + *element * *scalar
        });
        assert_eq!(G::sum_of_products(&terms), sum);
    }
    let nothing = [(G::Scalar::ZERO, G::identity())];
    assert_eq!(G::sum_of_products(&nothing), G::identity());
}

#[test]
fn c03_points_of_small_order_are_not_decoded() {
    use curve25519_dalek::constants::EIGHT_TORSION;
    let sound = Ed25519::generate(&Field::from_u64(7));
    for torsion in EIGHT_TORSION {
        assert!(Ed25519::decode(torsion.compress().as_bytes()).is_err());
        let mixed = (sound + torsion).compress();
        let pure = torsion == Ed25519::identity();
        assert_eq!(Ed25519::decode(mixed.as_bytes()).is_ok(), pure);
    }
}

#[test]
fn c13_zero_is_no_participant() {
    assert!(Index::new(0).is_err());
    assert_eq!(Index::first(255).map(Index::number).last(), Some(255));
    assert_eq!(Index::first(0).len(), 0);
}

#[test]
fn c20_a_secret_does_not_print() {
    fn printed(value: &impl Debug) -> String {
        format!("{value:?}")
    }
    let secret = Secret::<Ed25519>::new(Field::from_u64(424_242));
    assert_eq!(printed(&secret), "Secret(..)");
}
