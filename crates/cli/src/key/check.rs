//! Whether a signature is valid, decided here.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_zebra::{Signature, VerificationKey};
use maftia_activity::keys::signing::client_tag;
use maftia_threshold::bls;
use maftia_threshold::export;

use super::api::{Reported, unhex};
use crate::http::Problem;

/// What is before the key in a SubjectPublicKeyInfo for Ed25519 (RFC 8410).
const SPKI_BEFORE: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
/// What is before the key in OpenSSH's form: the name of the algorithm, and lengths.
const SSH_BEFORE: &[u8] = b"\0\0\0\x0bssh-ed25519\0\0\0\x20";

/// What the two armored signatures are called in their first lines.
const SSH: &str = "SSH SIGNATURE";
const CMS: &str = "CMS";

/// Checks a plain signature of the message under the key.
pub(super) fn raw(key: &Reported, message: &[u8], signature: &[u8]) -> Result<bool, Problem> {
    match key.scheme.as_str() {
        "ed25519" => Ok(ed25519(&key.public_of("ed25519")?, message, signature)),
        "bls" => {
            let public = bls::PublicKey::from_bytes(&key.public()?)
                .map_err(|error| Problem::failed("bad-answer", error.to_string()))?;
            let tag = client_tag(key.group()?);
            let signature = bls::Signature::from_bytes(signature);
            Ok(signature.is_ok_and(|own| public.verify(&tag, message, &own).is_ok()))
        }
        other => {
            let what = format!("a key of scheme {other} signs nothing for clients");
            Err(Problem::failed("other-scheme", what))
        }
    }
}

/// Checks an SSH signature of the file's content.
///
/// Only the one form that `maftia key sign` writes is valid: what is around the signature itself is
/// written anew and compared.
pub(super) fn sshsig(
    public: &[u8; 32],
    namespace: &str,
    content: &[u8],
    armored: &str,
) -> Result<bool, Problem> {
    let message = export::sshsig_message(namespace, content).map_err(namespace_problem)?;
    let written = |signature: &[u8; 64]| export::sshsig(public, namespace, signature).ok();
    Ok(form(public, &message, armored, (SSH, written)))
}

/// Checks a CMS signature of the file's content; as with SSH's, the one form that we write.
pub(super) fn cms(public: &[u8; 32], content: &[u8], armored: &str) -> bool {
    let written = |signature: &[u8; 64]| Some(export::cms(public, content, signature));
    form(
        public,
        &export::cms_message(content),
        armored,
        (CMS, written),
    )
}

/// Whether the text is what is written around a valid signature, which are its last bytes.
fn form(
    public: &[u8; 32],
    message: &[u8],
    armored: &str,
    (label, written): (&str, impl Fn(&[u8; 64]) -> Option<String>),
) -> bool {
    let Some(blob) = unarmored(armored, label) else {
        return false;
    };
    let Some(signature) = blob.last_chunk::<64>() else {
        return false;
    };
    let expected = written(signature).and_then(|text| unarmored(&text, label));
    expected.as_ref() == Some(&blob) && ed25519(public, message, signature)
}

/// The Ed25519 key in a file, in any form that `maftia key export` writes.
pub(super) fn public_key(bytes: &[u8]) -> Option<[u8; 32]> {
    if let Ok(raw) = <[u8; 32]>::try_from(bytes) {
        return Some(raw);
    }
    let text = std::str::from_utf8(bytes).ok()?.trim();
    if let Some(raw) = unhex(text) {
        return raw.try_into().ok();
    }
    let (blob, before) = match text.strip_prefix("ssh-ed25519 ") {
        Some(rest) => (rest.split_ascii_whitespace().next()?.to_owned(), SSH_BEFORE),
        None => {
            let body = text.strip_prefix("-----BEGIN PUBLIC KEY-----")?;
            let body = body.strip_suffix("-----END PUBLIC KEY-----")?;
            (body.split_ascii_whitespace().collect(), SPKI_BEFORE)
        }
    };
    let blob = STANDARD.decode(blob).ok()?;
    blob.strip_prefix(before)?.try_into().ok()
}

pub(super) fn namespace_problem(error: export::ExportError) -> Problem {
    Problem::usage(error.to_string()).next("give --namespace file, or another short word")
}

fn ed25519(public: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    let key = VerificationKey::try_from(*public);
    let signature = <[u8; 64]>::try_from(signature).map(Signature::from);
    matches!((key, signature), (Ok(key), Ok(own)) if key.verify(&own, message).is_ok())
}

fn unarmored(text: &str, label: &str) -> Option<Vec<u8>> {
    let (begin, end) = (
        format!("-----BEGIN {label}-----"),
        format!("-----END {label}-----"),
    );
    let body = text.trim().strip_prefix(&begin)?.strip_suffix(&end)?;
    let encoded: String = body.split_ascii_whitespace().collect();
    STANDARD.decode(encoded).ok()
}

#[cfg(test)]
mod tests {
    use ed25519_zebra::SigningKey;

    use super::*;

    const SPACE: &str = "file";

    fn signed() -> ([u8; 32], String) {
        let key = SigningKey::from([7; 32]);
        let public = <[u8; 32]>::from(VerificationKey::from(&key));
        let message = export::sshsig_message(SPACE, b"content").unwrap();
        let signature = <[u8; 64]>::from(key.sign(&message));
        (public, export::sshsig(&public, SPACE, &signature).unwrap())
    }

    #[test]
    fn an_ssh_signature_is_valid_for_its_key_namespace_and_content_only() {
        let (public, armored) = signed();
        let valid = |public, space, content: &[u8], text: &str| {
            sshsig(public, space, content, text).unwrap()
        };
        assert!(valid(&public, SPACE, b"content", &armored));
        assert!(valid(
            &public,
            SPACE,
            b"content",
            &armored.replace('\n', "\r\n")
        ));
        assert!(!valid(&public, SPACE, b"contents", &armored));
        assert!(!valid(&public, "git", b"content", &armored));
        let other = <[u8; 32]>::from(VerificationKey::from(&SigningKey::from([8; 32])));
        assert!(!valid(&other, SPACE, b"content", &armored));
        assert!(!valid(&public, SPACE, b"content", ""));
        assert!(!valid(
            &public,
            SPACE,
            b"content",
            &armored.replace("BEGIN", "BEGINS")
        ));
    }

    #[test]
    fn a_cms_signature_is_valid_for_its_key_and_content_only() {
        let key = SigningKey::from([7; 32]);
        let public = <[u8; 32]>::from(VerificationKey::from(&key));
        let signature = <[u8; 64]>::from(key.sign(&export::cms_message(b"content")));
        let armored = export::cms(&public, b"content", &signature);
        assert!(cms(&public, b"content", &armored));
        assert!(!cms(&public, b"contents", &armored));
        let other = <[u8; 32]>::from(VerificationKey::from(&SigningKey::from([8; 32])));
        assert!(!cms(&other, b"content", &armored));
        assert!(!cms(&public, b"content", ""));
        // A plain signature of the content is none, whatever is written around it.
        let plain = <[u8; 64]>::from(key.sign(b"content"));
        let forged = export::cms(&public, b"content", &plain);
        assert!(!cms(&public, b"content", &forged));
    }

    #[test]
    fn a_key_is_read_in_every_form_in_which_it_is_exported() {
        let (public, _) = signed();
        let openssh = export::openssh(&public, "signing").unwrap();
        let hexadecimal = super::super::api::hex(&public);
        for form in [&export::pem(&public), &openssh, &(hexadecimal + "\n")] {
            assert_eq!(public_key(form.as_bytes()), Some(public), "{form}");
            let shorter = form.trim_end().get(1..).unwrap();
            assert_eq!(public_key(shorter.as_bytes()), None, "{shorter}");
        }
        assert_eq!(public_key(&public), Some(public));
        assert_eq!(public_key(&public[1..]), None);
    }
}
