mod nonces;
mod robust;
mod slots;

use ed25519_zebra::{Signature, VerificationKey};
use maftia_threshold::bls;

use crate::keys::sessions::tests::world::{GROUP, World};
use crate::keys::signing::client_tag;
use crate::keys::{KeyId, Scheme};

/// Checks an Ed25519 signature under key 1 with a library that knows nothing of thresholds.
pub(in crate::keys) fn verify_ed25519(world: &World, message: &[u8], signature: &[u8]) {
    let version = world.ordered.key(KeyId(1)).unwrap().active().unwrap();
    let key: [u8; 32] = version.sharing.key_bytes().try_into().unwrap();
    let signature: [u8; 64] = signature.try_into().unwrap();
    let key = VerificationKey::try_from(key).unwrap();
    key.verify(&Signature::from(signature), message).unwrap();
}

/// Checks a BLS signature under that key.
pub(in crate::keys) fn verify_bls(world: &World, key: KeyId, message: &[u8], signature: &[u8]) {
    let version = world.ordered.key(key).unwrap().active().unwrap();
    let key = bls::PublicKey::of(version.sharing_in().unwrap());
    let signature = bls::Signature::from_bytes(signature).unwrap();
    key.verify(&client_tag(GROUP), message, &signature).unwrap();
}

fn verify(scheme: Scheme, world: &World, message: &[u8], signature: &[u8]) {
    match scheme {
        Scheme::Ed25519 => verify_ed25519(world, message, signature),
        _ => verify_bls(world, KeyId(1), message, signature),
    }
}
