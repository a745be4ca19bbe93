use sha2::{Digest as _, Sha512};

use super::armor;
use super::der::{
    CONSTRUCTED, ED25519, INTEGER, OCTET_STRING, PRIMITIVE, algorithm, object, sequence, set,
    tagged,
};
use super::x509::key_identifier;

const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
pub(super) const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
/// The one hash that RFC 8419 §3.1 allows beside Ed25519.
const SHA_512: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03];

/// Of `SignedData` and `SignerInfo`, as RFC 5652 §5.1 and §5.3 have it where a key's identifier
/// names the signer.
const VERSION: &[u8] = &[3];

/// What a CMS signature of `content` signs in its place: the signed attributes, which are the
/// content's type and its SHA-512. No time is among them: nobody would vouch for it.
#[must_use]
pub fn cms_message(content: &[u8]) -> Vec<u8> {
    let (of_type, of_digest) = attributes(content);
    set(&[&of_type, &of_digest])
}

/// The signature of [`cms_message`] as a detached PEM `SignedData`, with a final newline. It names
/// the key by the identifier that is in its [`certificate`](super::certificate) and carries neither
/// content nor certificate.
#[must_use]
pub fn cms(public: &[u8; 32], content: &[u8], signature: &[u8; 64]) -> String {
    let (of_type, of_digest) = attributes(content);
    let version = tagged(INTEGER, &[VERSION]);
    let signer = sequence(&[
        &version,
        &tagged(PRIMITIVE, &[&key_identifier(public)]),
        &algorithm(SHA_512),
        &tagged(CONSTRUCTED, &[&of_type, &of_digest]),
        &algorithm(ED25519),
        // The last bytes of the whole.
        &tagged(OCTET_STRING, &[signature]),
    ]);
    let signed = sequence(&[
        &version,
        &set(&[&algorithm(SHA_512)]),
        &sequence(&[&object(DATA)]),
        &set(&[&signer]),
    ]);
    let whole = sequence(&[&object(SIGNED_DATA), &tagged(CONSTRUCTED, &[&signed])]);
    armor("CMS", &whole, 64)
}

fn attributes(content: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let digest = tagged(OCTET_STRING, &[&Sha512::digest(content)]);
    let attribute = |id, value: &[u8]| sequence(&[&object(id), &set(&[value])]);
    (
        attribute(CONTENT_TYPE, &object(DATA)),
        attribute(MESSAGE_DIGEST, &digest),
    )
}
