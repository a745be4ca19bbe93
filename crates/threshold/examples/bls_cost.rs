//! What threshold BLS costs: `cargo run --release -p maftia-threshold --example bls_cost`.
//!
//! Medians on one core, for committees of n = 3f+1 with threshold 2f+1.
#![allow(
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "a measurement reads the clock and prints"
)]

use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use maftia_threshold::bls::{PublicKey, Purpose, SignatureShare, Tag, combine};
use maftia_threshold::{Bls12381G2, Ceremony, Committee, Index, Scope, Share, Sharing};
use maftia_types::{Digest, Epoch};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

const MESSAGE: &[u8] = b"commit 1234567 of group demo, epoch 1";

const SCOPE: Scope = Scope {
    group: Digest([0; 32]),
    epoch: Epoch(1),
};

/// A median of so many.
const ROUNDS: usize = 101;

type Shares = Vec<Share<Bls12381G2>>;

fn main() -> Result<(), Box<dyn Error>> {
    for f in [1, 2, 5, 10] {
        measure(Committee::new(2 * f + 1, 3 * f + 1)?)?;
    }
    Ok(())
}

fn measure(committee: Committee) -> Result<(), Box<dyn Error>> {
    println!(
        "n = {}, threshold {}",
        committee.participants(),
        committee.threshold()
    );
    let (sharing, shares) = key(committee)?;
    let tag = Tag::new("demo", Purpose::Checkpoint)?;
    let first = shares.first().ok_or("a committee has a member")?;
    let signed: Vec<_> = shares
        .iter()
        .map(|share| SignatureShare::sign(share, &tag, MESSAGE))
        .collect();
    let one = signed.first().ok_or("a committee has a member")?;
    let signature = combine(&sharing, &tag, MESSAGE, &signed)?.signature;
    let public = PublicKey::of(&sharing);
    let mut bad = signed.clone();
    if let (Some(bad), Some(last)) = (bad.first_mut(), shares.last()) {
        let other = SignatureShare::sign(last, &tag, b"another message");
        *bad = SignatureShare::from_bytes(first.index(), &other.to_bytes())?;
    }
    median("sign a share", || {
        SignatureShare::sign(first, &tag, MESSAGE)
    });
    median("verify one share", || one.verify(&sharing, &tag, MESSAGE));
    median("verify the signature", || {
        public.verify(&tag, MESSAGE, &signature)
    });
    median("combine, all good", || {
        combine(&sharing, &tag, MESSAGE, &signed)
    });
    median("combine, one bad", || {
        combine(&sharing, &tag, MESSAGE, &bad)
    });
    let ceremony = Ceremony::resharing(SCOPE, Digest([2; 32]), committee, &sharing);
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let (dealing, _) = ceremony.deal(first, &mut rng)?;
    median("deal", || ceremony.deal(first, &mut rng));
    median("verify a dealing", || {
        ceremony.verify(first.index(), dealing.clone())
    });
    Ok(())
}

fn key(committee: Committee) -> Result<(Sharing<Bls12381G2>, Shares), Box<dyn Error>> {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let ceremony = Ceremony::key_generation(SCOPE, Digest([1; 32]), committee);
    let mut dealings = Vec::new();
    let mut dealt: BTreeMap<Index, BTreeMap<Index, Share<Bls12381G2>>> = BTreeMap::new();
    for dealer in Index::first(committee.threshold()) {
        let (dealing, shares) = ceremony.deal(&Share::random(dealer, &mut rng), &mut rng)?;
        dealings.push(ceremony.verify(dealer, dealing)?);
        for share in shares {
            let own = dealt.entry(share.index()).or_default();
            own.insert(dealer, share);
        }
    }
    let qualified = ceremony.qualify(dealings)?;
    let shares = dealt
        .iter()
        .map(|(own, dealt)| qualified.share(*own, dealt))
        .collect::<Result<_, _>>()?;
    Ok((qualified.sharing().clone(), shares))
}

fn median<R>(name: &str, mut work: impl FnMut() -> R) {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            black_box(work());
            start.elapsed()
        })
        .collect();
    times.sort();
    let median = times.get(ROUNDS / 2).copied().unwrap_or_default();
    println!("  {name:20} {:8.3} ms", median.as_secs_f64() * 1e3);
}
