use bytes::Bytes;
use maftia_threshold::bls::{Purpose, Signature, SignatureShare, Tag};
use maftia_threshold::{Ceremony, Committee, Dealing, Field, Group, Index, Scope, Share, Sharing};
use maftia_types::{Digest, Epoch};

use crate::samples::rng;

/// An element has one encoding, and is not the identity.
pub(crate) fn element<G: Group>(bytes: &[u8]) -> bool {
    let Ok(element) = G::decode(bytes) else {
        return false;
    };
    assert_eq!(G::encode(&element).as_ref(), bytes, "two encodings");
    assert_ne!(element, G::identity(), "the identity was decoded");
    true
}

pub(crate) fn scalar<F: Field>(bytes: &[u8]) -> bool {
    let Ok(scalar) = F::from_bytes(bytes) else {
        return false;
    };
    assert_eq!(scalar.to_bytes(), bytes, "two encodings of one scalar");
    true
}

pub(crate) fn signature(bytes: &[u8]) -> bool {
    let Ok(signature) = Signature::from_bytes(bytes) else {
        return false;
    };
    assert_eq!(signature.to_bytes(), bytes, "two encodings");
    true
}

pub(crate) fn dealing<G: Group>(bytes: &[u8]) -> bool {
    let Ok(dealing) = Dealing::<G>::from_bytes(bytes, committee()) else {
        return false;
    };
    assert_eq!(dealing.to_bytes(), bytes, "two encodings of one dealing");
    // To refuse it is right nearly always; not to panic, always.
    let _ = ceremony::<G>().verify(dealer(), dealing);
    true
}

pub(crate) fn sharing<G: Group>(bytes: &[u8]) -> bool {
    let Ok(sharing) = Sharing::<G>::from_bytes(bytes) else {
        return false;
    };
    assert_eq!(sharing.to_bytes(), bytes, "two encodings of one sharing");
    true
}

pub(crate) fn element_seeds<G: Group>() -> Vec<Bytes> {
    let elements = [1, 2, 77].map(|value| G::generate(&G::Scalar::from_u64(value)));
    let encoded = |element| Bytes::copy_from_slice(G::encode(element).as_ref());
    elements.iter().map(encoded).collect()
}

pub(crate) fn scalar_seeds<F: Field>() -> Vec<Bytes> {
    let scalars = [F::ZERO, F::from_u64(77), -F::ONE];
    let encoded = |scalar: &F| Bytes::copy_from_slice(&scalar.to_bytes());
    scalars.iter().map(encoded).collect()
}

pub(crate) fn signature_seeds() -> Vec<Bytes> {
    let share = Share::random(dealer(), &mut rng());
    let tag = Tag::new("seed", Purpose::Vote).expect("a short name");
    let signed = SignatureShare::sign(&share, &tag, b"seed");
    vec![Bytes::copy_from_slice(&signed.to_bytes())]
}

pub(crate) fn dealing_seeds<G: Group>() -> Vec<Bytes> {
    let contribution = Share::random(dealer(), &mut rng());
    let (dealing, _) = ceremony::<G>()
        .deal(&contribution, &mut rng())
        .expect("a member deals");
    vec![dealing.to_bytes().into()]
}

/// A public polynomial is one whoever dealt it.
pub(crate) fn sharing_seeds<G: Group>() -> Vec<Bytes> {
    let header = [committee().threshold(), committee().participants()];
    let elements = element_seeds::<G>();
    let polynomial = elements.iter().take(2).flatten().copied();
    vec![header.into_iter().chain(polynomial).collect()]
}

fn ceremony<G: Group>() -> Ceremony<'static, G> {
    let scope = Scope {
        group: Digest([1; 32]),
        epoch: Epoch(1),
    };
    Ceremony::key_generation(scope, Digest([2; 32]), committee())
}

fn committee() -> Committee {
    Committee::new(2, 3).expect("two of three")
}

fn dealer() -> Index {
    Index::new(1).expect("not zero")
}
