use sha2::{Digest as _, Sha256};

use super::der::{
    BIT_STRING, CONSTRUCTED, ED25519, GENERALIZED_TIME, INTEGER, OCTET_STRING, UTC_TIME,
    UTF8_STRING, algorithm, object, sequence, set, tagged,
};
use super::{ExportError, SPKI_PREFIX, armor, check};

/// ub-common-name of RFC 5280.
const NAME_CHARS_MAX: usize = 64;

/// A key has no beginning that a certificate could know.
const NOT_BEFORE: &[u8] = b"700101000000Z";
/// "No well-defined expiration date", RFC 5280 §4.1.2.5. A key ends when the group retires it.
const NOT_AFTER: &[u8] = b"99991231235959Z";

const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const SUBJECT_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 0x0e];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];

const TRUE: &[u8] = &[0x01, 0x01, 0xff];
/// The bit string with `digitalSignature` alone.
const DIGITAL_SIGNATURE: &[u8] = &[0x03, 0x02, 0x07, 0x80];

/// What the key signs to certify itself under that name: an X.509 certificate without its signature.
///
/// It is the same whenever it is made, so that a key has one certificate per name, with signatures
/// as often as it is asked for. It may not issue others, and is trusted by who is given it.
///
/// # Errors
/// A name that is empty, longer than 64 characters, or holds a control character.
pub fn certificate_message(public: &[u8; 32], name: &str) -> Result<Vec<u8>, ExportError> {
    check(name)?;
    let length = name.chars().count();
    if length == 0 || length > NAME_CHARS_MAX {
        return Err(ExportError::Name(length));
    }
    let id = key_identifier(public);
    // 16 bytes of it; positive, and without a zero in front.
    let mut serial = id;
    if let Some(first) = serial.first_mut() {
        *first = *first & 0x3f | 0x40;
    }
    let serial = serial
        .first_chunk::<16>()
        .expect("an identifier has 20 bytes");
    let name = tagged(UTF8_STRING, &[name.as_bytes()]);
    let name = sequence(&[&set(&[&sequence(&[&object(COMMON_NAME), &name])])]);
    let validity = sequence(&[
        &tagged(UTC_TIME, &[NOT_BEFORE]),
        &tagged(GENERALIZED_TIME, &[NOT_AFTER]),
    ]);
    let version_3 = tagged(CONSTRUCTED, &[&tagged(INTEGER, &[&[2]])]);
    Ok(sequence(&[
        &version_3,
        &tagged(INTEGER, &[serial]),
        &algorithm(ED25519),
        &name,
        &validity,
        &name,
        &[&SPKI_PREFIX[..], public].concat(),
        &tagged(CONSTRUCTED | 3, &[&extensions(&id)]),
    ]))
}

/// The signature of [`certificate_message`] in a PEM certificate, with a final newline.
///
/// # Errors
/// As [`certificate_message`].
pub fn certificate(
    public: &[u8; 32],
    name: &str,
    signature: &[u8; 64],
) -> Result<String, ExportError> {
    let der = sequence(&[
        &certificate_message(public, name)?,
        &algorithm(ED25519),
        &tagged(BIT_STRING, &[&[0], signature]),
    ]);
    Ok(armor("CERTIFICATE", &der, 64))
}

/// What names the key in its certificate and in CMS signatures: method 1 of RFC 7093 §2.
pub(super) fn key_identifier(public: &[u8; 32]) -> [u8; 20] {
    let digest: [u8; 32] = Sha256::digest(public).into();
    *digest.first_chunk().expect("SHA-256 has 32 bytes")
}

fn extensions(key_identifier: &[u8; 20]) -> Vec<u8> {
    let issues_nothing = sequence(&[]);
    let id = tagged(OCTET_STRING, &[key_identifier]);
    sequence(&[
        &extension(BASIC_CONSTRAINTS, TRUE, &issues_nothing),
        &extension(KEY_USAGE, TRUE, DIGITAL_SIGNATURE),
        &extension(SUBJECT_KEY_IDENTIFIER, &[], &id),
    ])
}

fn extension(id: &[u8], critical: &[u8], value: &[u8]) -> Vec<u8> {
    sequence(&[&object(id), critical, &tagged(OCTET_STRING, &[value])])
}
