use std::format;
use std::prelude::rust_2024::*;

use serde_json::Value;

use crate::{DecodeError, G1, G2, Scalar, pairings_cancel};

/// Half the prime of the curve's field, rounded down: a larger coordinate y has the sign bit.
const HALF_PRIME: &str = "0d0088f51cbff34d258dd3db21a5d66bb23ba5c279c2895fb39869507b587b12\
    0f55ffff58a9ffffdcff7fffffffd555";

/// The order of the groups, big-endian.
const ORDER: &str = "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001";

fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn scalar(text: &str) -> Scalar {
    Scalar::from_be_bytes(&hex(text).try_into().unwrap()).unwrap()
}

/// The compressed form of a point given by coordinates, most significant part last as in RFC 9380.
fn compressed(point: &Value) -> Vec<u8> {
    let parts = |name: &str| -> Vec<String> {
        let parts = point[name].as_array().unwrap();
        parts
            .iter()
            .rev()
            .map(|part| part.as_str().unwrap().into())
            .collect()
    };
    let mut bytes = hex(&parts("x").concat());
    let zero = "0".repeat(96);
    let y = parts("y").into_iter().find(|part| *part != zero).unwrap();
    let sign = if y.as_str() > HALF_PRIME { 0x20 } else { 0 };
    bytes[0] |= 0x80 | sign;
    bytes
}

#[test]
fn hashes_as_rfc_9380_does() {
    let file: Value = serde_json::from_str(include_str!("../testdata/rfc9380.json")).unwrap();
    let check = |group: &str, hash: fn(&[u8], &[u8]) -> Vec<u8>| {
        let suite = &file[group];
        let tag = suite["dst"].as_str().unwrap().as_bytes();
        let vectors = suite["vectors"].as_array().unwrap();
        assert_eq!(vectors.len(), 5);
        for vector in vectors {
            let message = vector["message"].as_str().unwrap();
            assert_eq!(
                hash(message.as_bytes(), tag),
                compressed(vector),
                "{group} {message}"
            );
        }
    };
    check("g1", |message, tag| {
        G1::hash(message, tag).to_bytes().into()
    });
    check("g2", |message, tag| {
        G2::hash(message, tag).to_bytes().into()
    });
}

#[test]
fn scalars_are_a_field() {
    let (a, b) = (Scalar::from(u64::MAX), Scalar::from(12));
    assert_eq!((a + b) * (a - b), a * a - b * b);
    assert_eq!(Scalar::from(0), Scalar::ZERO);
    assert_eq!(Scalar::from(1), Scalar::ONE);
    assert_eq!(a * a.inverse().unwrap(), Scalar::ONE);
    assert_eq!(Scalar::ZERO.inverse(), None);
    assert_eq!(a + -a, Scalar::ZERO);
    assert_ne!(a, b);
}

#[test]
fn c03_a_scalar_decodes_only_below_the_order() {
    let order: [u8; 32] = hex(ORDER).try_into().unwrap();
    assert!(Scalar::from_be_bytes(&order).is_err());
    assert!(Scalar::from_be_bytes(&[0xff; 32]).is_err());
    let mut largest = order;
    largest[31] -= 1;
    assert_eq!(Scalar::from_be_bytes(&largest), Ok(-Scalar::ONE));
    assert_eq!((-Scalar::ONE).to_be_bytes(), largest);
    largest.reverse();
    assert_eq!(Scalar::from_le_bytes(&largest), Ok(-Scalar::ONE));
    assert_eq!((-Scalar::ONE).to_le_bytes(), largest);
    assert_eq!(Scalar::from_le_bytes(&[0; 32]), Ok(Scalar::ZERO));
}

#[test]
fn uniform_bytes_are_reduced() {
    let mut bytes = [0; 64];
    bytes[0] = 9;
    assert_eq!(Scalar::from_uniform_le_bytes(&bytes), Scalar::from(9));
    bytes[32] = 1; // 2²⁵⁶ + 9
    let radix = Scalar::from(1 << 32);
    let square = |x: Scalar| x * x;
    let expected = square(square(square(radix))) + Scalar::from(9);
    assert_eq!(Scalar::from_uniform_le_bytes(&bytes), expected);
}

#[test]
fn c20_a_scalar_does_not_print_and_can_be_wiped() {
    use zeroize::Zeroize as _;
    let mut scalar = Scalar::from(77);
    assert_eq!(format!("{scalar:?}"), "Scalar(..)");
    scalar.zeroize();
    assert_eq!(scalar, Scalar::ZERO);
}

#[test]
fn the_pairing_is_bilinear() {
    let (a, b) = (scalar(&"1234567890abcdef".repeat(4)), Scalar::from(77));
    let (p, q) = (G1::hash(b"p", b"a tag"), G2::hash(b"q", b"a tag"));
    assert!(pairings_cancel(&[(p * a, q * b), (-p, q * (a * b))]));
    assert!(!pairings_cancel(&[(p * a, q * b), (p, q * (a * b))]));
    assert!(!pairings_cancel(&[(p, q)]));
}

#[test]
fn a_pairing_with_an_identity_is_one() {
    let (p, q) = (G1::generator(), G2::generator());
    assert!(pairings_cancel(&[]));
    assert!(pairings_cancel(&[(G1::identity(), q), (p, G2::identity())]));
    assert!(!pairings_cancel(&[(G1::identity(), q), (p, q)]));
    assert!(pairings_cancel(&[(p, q), (G1::identity(), q), (-p, q)]));
}

#[test]
fn twenty_pairings_cancel_like_two() {
    // blst runs Miller's loop over sixteen pairs at a time.
    let (p, q) = (G1::generator(), G2::generator());
    let mut pairs: Vec<_> = (1..20).map(|i| (p * Scalar::from(i), q)).collect();
    assert!(!pairings_cancel(&pairs));
    pairs.push((-(p * Scalar::from(190)), q));
    assert!(pairings_cancel(&pairs));
}

macro_rules! in_both_groups {
    ($($name:ident: $check:ident;)*) => {
        mod g1 { use super::*; $(#[test] fn $name() { $check!(G1); })* }
        mod g2 { use super::*; $(#[test] fn $name() { $check!(G2); })* }
    };
}

in_both_groups! {
    operators_agree_with_scalars: operators;
    sums_of_products_agree_with_products: sums;
    c03_the_identity_is_refused: identity;
    c03_only_canonical_bytes_decode: canonical;
    c03_points_outside_the_subgroup_are_refused: subgroup;
}

macro_rules! operators {
    ($G:ident) => {
        let (a, b) = (Scalar::from(5), -Scalar::from(3));
        let g = $G::generator();
        assert_eq!(g * a + g * b, g * Scalar::from(2));
        assert_eq!(g * a - g * a, $G::identity());
        assert_eq!(g + g, g * Scalar::from(2));
        assert_eq!(g * Scalar::ZERO, $G::identity());
        assert_eq!(g * -Scalar::ONE, -g);
        assert_eq!($G::identity() * a, $G::identity());
        assert!(!g.is_identity());
    };
}
use operators;

macro_rules! sums {
    ($G:ident) => {
        let g = $G::hash(b"another base", b"a tag");
        let wide = scalar(&"0123456789abcdef".repeat(4));
        for count in [0, 1, 2, 3, 8, 31, 32, 33, 100] {
            let power = |i: u64| (wide * Scalar::from(i), g * Scalar::from(i % 5));
            // Repeated elements, elements that cancel, identities and zero scalars among them.
            let mut terms: Vec<_> = (0..count).map(power).collect();
            terms.push((Scalar::ZERO, g));
            terms.push((wide, g));
            terms.push((wide, -g));
            let sum = terms
                .iter()
                .fold($G::identity(), |sum, (s, p)| sum + *p * *s);
            assert_eq!($G::sum_of_products(&terms), sum, "{count}");
        }
        for (small, large) in [(1, 255), (1, 256), (3, 1 << 40), (0, u64::MAX), (0, 0)] {
            let terms = [(Scalar::from(small), g), (Scalar::from(large), g + g)];
            let factor = Scalar::from(small) + Scalar::from(large) + Scalar::from(large);
            assert_eq!($G::sum_of_products(&terms), g * factor);
        }
        assert_eq!($G::sum_of_products(&[]), $G::identity());
        assert_eq!(
            $G::sum_of_products(&[(wide, $G::identity())]),
            $G::identity()
        );
    };
}
use sums;

macro_rules! identity {
    ($G:ident) => {
        let bytes = $G::identity().to_bytes();
        assert_eq!(bytes[0], 0xc0);
        assert_eq!($G::from_bytes(&bytes), Err(DecodeError::Identity));
    };
}
use identity;

macro_rules! canonical {
    ($G:ident) => {
        let element = $G::generator() * Scalar::from(99);
        let bytes = element.to_bytes();
        assert_eq!($G::from_bytes(&bytes), Ok(element));
        assert_eq!($G::from_bytes(&bytes[1..]), Err(DecodeError::Length));
        assert_eq!(
            $G::from_bytes(&[&bytes[..], &[0]].concat()),
            Err(DecodeError::Length)
        );
        assert_eq!($G::from_bytes(&[]), Err(DecodeError::Length));
        // Without the flag of the compressed form; with the flag of infinity but a coordinate; with
        // a coordinate that is not below the prime; infinity with stray bits.
        let change = |at: usize, to: u8| {
            let mut changed = bytes;
            changed[at] = to;
            $G::from_bytes(&changed)
        };
        assert_eq!(change(0, bytes[0] & 0x7f), Err(DecodeError::Encoding));
        assert_eq!(change(0, bytes[0] | 0x40), Err(DecodeError::Encoding));
        assert_eq!(change(0, 0x9f), Err(DecodeError::Encoding));
        assert_eq!(change(0, bytes[0] ^ 0x20), Ok(-element));
        let mut infinity = $G::identity().to_bytes();
        infinity[$G::BYTES - 1] = 1;
        assert_eq!($G::from_bytes(&infinity), Err(DecodeError::Encoding));
        infinity = $G::identity().to_bytes();
        infinity[0] |= 0x20;
        assert_eq!($G::from_bytes(&infinity), Err(DecodeError::Encoding));
        // About half of all coordinates are on the curve; what decodes encodes to itself.
        let verdicts = (0..=255).map(|last| {
            let mut changed = bytes;
            changed[$G::BYTES - 1] = last;
            let verdict = $G::from_bytes(&changed);
            if let Ok(element) = verdict {
                assert_eq!(element.to_bytes(), changed);
            }
            verdict
        });
        let off_curve = verdicts.filter(|verdict| *verdict == Err(DecodeError::NotOnCurve));
        assert!((64..192).contains(&off_curve.count()));
    };
}
use canonical;

macro_rules! subgroup {
    ($G:ident) => {
        // Small coordinates: a random point is in the subgroup with probability 1 / cofactor.
        let refused = (0..64).filter(|x| {
            let mut bytes = [0; $G::BYTES];
            (bytes[0], bytes[$G::BYTES - 1]) = (0x80, *x);
            $G::from_bytes(&bytes) == Err(DecodeError::NotInGroup)
        });
        assert!(refused.count() >= 16);
    };
}
use subgroup;
