//! Row C19: whether time tells secrets apart, by the test of dudect: two classes of secrets in
//! random turns, Welch's t of the quicker half of the times.
#![allow(
    clippy::disallowed_types,
    clippy::cast_precision_loss,
    reason = "a measurement reads the clock"
)]

use std::hint::black_box;
use std::time::Instant;

use rand::RngExt as _;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

use crate::{Bls12381G2, Ed25519, Field as _, Group, Ristretto255};

/// Of each class.
const SAMPLES: usize = 4_000;
/// Above it dudect calls a leak certain.
const T_MAX: f64 = 10.0;

/// How far apart the times of the two classes are, in standard errors.
fn t_of(mut work: impl FnMut(bool)) -> f64 {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut times: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
    while times.iter().any(|class| class.len() < SAMPLES) {
        let class: bool = rng.random_bool(0.5);
        let from = Instant::now();
        work(class);
        times[usize::from(class)].push(from.elapsed().as_nanos() as f64);
    }
    // What others do on the machine makes long times, and says nothing.
    let [one, other] = times.map(|mut class| {
        class.sort_unstable_by(f64::total_cmp);
        class.truncate(SAMPLES / 2);
        let mean = class.iter().sum::<f64>() / class.len() as f64;
        let squares = class.iter().map(|time| (time - mean).powi(2)).sum::<f64>();
        (mean, squares / (class.len() as f64).powi(2))
    });
    (one.0 - other.0).abs() / (one.1 + other.1).sqrt()
}

/// A share times the generator: what every signature, opening and dealing does with secrets.
fn multiplication<G: Group>() -> f64 {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let secrets = [G::Scalar::from_u64(1), G::Scalar::random(&mut rng)];
    t_of(|class| {
        black_box(G::generate(black_box(&secrets[usize::from(class)])));
    })
}

#[test]
fn c19_time_does_not_tell_secrets_apart_slow() {
    if std::env::var_os("MAFTIA_SLOW").is_none() {
        println!("skipped: set MAFTIA_SLOW=1");
        return;
    }
    // The checker can fail: as much work as a secret says.
    let leaking = t_of(|class| {
        let work = if class { 2_000_u64 } else { 2_100 };
        black_box((0..work).fold(1_u64, |sum, step| black_box(sum.wrapping_mul(31) ^ step)));
    });
    assert!(leaking > T_MAX, "a leak is not seen: {leaking}");
    for (group, t) in [
        ("BLS12-381", multiplication::<Bls12381G2>()),
        ("Ed25519", multiplication::<Ed25519>()),
        ("ristretto255", multiplication::<Ristretto255>()),
    ] {
        println!("{group}: t = {t:.1}");
        assert!(t < T_MAX, "{group}: t = {t:.1}");
    }
}
