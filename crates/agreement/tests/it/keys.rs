//! Keys of groups.

use std::collections::BTreeMap;
use std::sync::Arc;

use maftia_agreement::SharedKey;
use maftia_crypto::{PublicKey, SigningKey};
use maftia_threshold::bls::{Purpose, Tag};
use maftia_threshold::{Bls12381G2, Ceremony, Committee, Index, Scope, Share, Sharing};
use maftia_types::{Digest, Epoch, SiteId};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::arena::{largest, place};

pub(crate) fn site(index: usize) -> SiteId {
    SiteId::new(u8::try_from(index).unwrap()).unwrap()
}

/// Mock keys of n sites.
pub(crate) fn keys(n: usize) -> (Vec<Arc<SigningKey>>, Arc<[PublicKey]>) {
    let own: Vec<_> = (0..n as u64)
        .map(|seed| Arc::new(SigningKey::mock(seed)))
        .collect();
    let all = own.iter().map(|key| key.public()).collect();
    (own, all)
}

/// A BLS key that n sites share, any t of which use it.
pub(crate) fn shared_keys(n: u8, t: u8, purpose: Purpose, seed: u64) -> Vec<Arc<SharedKey>> {
    let tag = || Tag::new("test", purpose).unwrap();
    let parts = (0..).zip(sharing(n, t, seed));
    let key = |(own, (sharing, share))| {
        let place = place(largest(n.into()), site(own));
        Arc::new(SharedKey::new(&place, sharing, share, tag()).unwrap())
    };
    parts.map(key).collect()
}

/// What each of n sites holds of a key that any t of them use.
pub(crate) fn sharing(n: u8, t: u8, seed: u64) -> Vec<(Sharing<Bls12381G2>, Share<Bls12381G2>)> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let committee = Committee::new(t, n).unwrap();
    let scope = Scope {
        group: Digest([9; 32]),
        epoch: Epoch(3),
    };
    let ceremony = Ceremony::<Bls12381G2>::key_generation(scope, Digest([2; 32]), committee);
    let (mut dealings, mut dealt) = (Vec::new(), BTreeMap::<Index, BTreeMap<_, _>>::new());
    for dealer in committee.indices() {
        let (dealing, shares) = ceremony
            .deal(&Share::random(dealer, &mut rng), &mut rng)
            .unwrap();
        dealings.push(ceremony.verify(dealer, dealing).unwrap());
        for share in shares {
            dealt
                .entry(share.index())
                .or_default()
                .insert(dealer, share);
        }
    }
    let qualified = ceremony.qualify(dealings).unwrap();
    let part = |(own, dealt): (Index, BTreeMap<_, _>)| {
        let share = qualified.share(own, &dealt).unwrap();
        (qualified.sharing().clone(), share)
    };
    dealt.into_iter().map(part).collect()
}
