//! Keys and signatures in the forms that ordinary Ed25519 verifiers read.
//!
//! Nothing here is secret: a group's public key, and signatures that FROST made with shares of it.
//! OpenSSL reads [`pem`] and the 64 raw bytes, and what reads CMS reads [`cms`] beside the key's
//! [`certificate`]; OpenSSH reads [`openssh`] and [`sshsig`]. All but the raw bytes are signatures
//! over other bytes than the message: [`cms_message`], [`certificate_message`], [`sshsig_message`].
//!
//! Everything is written anew from what it speaks of, and has one form: whoever checks a signature
//! writes the form around it again and compares, and nothing is parsed.
//!
//! Sources: RFC 8410 (PEM), RFC 8709 and RFC 4253 §6.6 (OpenSSH), OpenSSH's `PROTOCOL.sshsig`,
//! RFC 5652 and RFC 8419 (CMS), RFC 5280 (certificates).
//!
//! **Duty of the caller.** A plain Ed25519 signature says nothing about its purpose. Whoever lets a
//! client choose the signed bytes lets it choose the purpose too: bytes that begin with `SSHSIG`
//! are an SSH signature in any namespace, and a key that logs into machines must sign nothing
//! else. [`Form::of`] says what bytes would be signed as.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha512};
use thiserror::Error;

mod cms;
mod der;
mod x509;

pub use cms::{cms, cms_message};
pub use x509::{certificate, certificate_message};

/// The longest namespace or comment: both are short names, and each stands in one line.
pub const TEXT_BYTES_MAX: usize = 256;

/// The algorithm's name in every SSH format (RFC 8709).
const ALGORITHM: &[u8] = b"ssh-ed25519";

/// Opens the signed bytes and the signature's own encoding alike.
const MAGIC: &[u8] = b"SSHSIG";

/// How the message goes into an SSH signature.
const HASH: &[u8] = b"sha512";

/// RFC 8410's `SubjectPublicKeyInfo` of Ed25519 up to the key: sequence of 42 bytes, in it the
/// algorithm 1.3.101.112 and a bit string of 33 bytes without unused bits.
const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// Why a text cannot stand in an exported form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ExportError {
    /// A control character: it could begin another line, and with it another key.
    #[error("a control character in a text that stands in one line")]
    Control,
    /// A certificate's name has 1 to 64 characters.
    #[error("a certificate's name has 1 to 64 characters, not {0}")]
    Name(usize),
    /// `ssh-keygen` refuses an empty namespace.
    #[error("an SSH signature needs a namespace")]
    NoNamespace,
    /// Longer than [`TEXT_BYTES_MAX`].
    #[error("a text of {0} bytes, at most {TEXT_BYTES_MAX} are allowed")]
    TooLong(usize),
}

/// The key as a PEM `SubjectPublicKeyInfo`, with a final newline.
#[must_use]
pub fn pem(public: &[u8; 32]) -> String {
    let der = [&SPKI_PREFIX[..], public].concat();
    armor("PUBLIC KEY", &der, 64)
}

/// The key as a line of `authorized_keys`, with a final newline.
///
/// # Errors
/// A comment that is too long or holds a control character.
pub fn openssh(public: &[u8; 32], comment: &str) -> Result<String, ExportError> {
    check(comment)?;
    let key = STANDARD.encode(ssh_key(public));
    let line = format!("ssh-ed25519 {key} {comment}");
    Ok(format!("{}\n", line.trim_end()))
}

/// What an SSH signature of `message` in `namespace` signs: these bytes are signed in place of the
/// message.
///
/// # Errors
/// A namespace that is empty, too long or holds a control character.
pub fn sshsig_message(namespace: &str, message: &[u8]) -> Result<Vec<u8>, ExportError> {
    check_namespace(namespace)?;
    let mut bytes = MAGIC.to_vec();
    string(&mut bytes, namespace.as_bytes());
    string(&mut bytes, b"");
    string(&mut bytes, HASH);
    string(&mut bytes, &Sha512::digest(message));
    Ok(bytes)
}

/// The signature of [`sshsig_message`] in the armor that `ssh-keygen -Y verify` reads.
///
/// # Errors
/// A namespace that is empty, too long or holds a control character.
pub fn sshsig(
    public: &[u8; 32],
    namespace: &str,
    signature: &[u8; 64],
) -> Result<String, ExportError> {
    check_namespace(namespace)?;
    let mut blob = MAGIC.to_vec();
    blob.extend_from_slice(&1_u32.to_be_bytes());
    string(&mut blob, &ssh_key(public));
    string(&mut blob, namespace.as_bytes());
    string(&mut blob, b"");
    string(&mut blob, HASH);
    let mut inner = Vec::new();
    string(&mut inner, ALGORITHM);
    string(&mut inner, signature);
    string(&mut blob, &inner);
    Ok(armor("SSH SIGNATURE", &blob, 70))
}

/// What a signature of some bytes is, by the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Of a certificate, or of another of X.509's structures that name the signature's algorithm.
    Certificate,
    /// Of a CMS signature's attributes.
    Cms,
    /// Of these bytes and nothing else.
    Plain,
    /// An SSH signature in some namespace.
    Sshsig,
}

impl Form {
    /// What a plain signature of these bytes would be as well. Nothing that a verifier takes for a
    /// form is called plain; some bytes that it would not take are called a form.
    #[must_use]
    pub fn of(message: &[u8]) -> Self {
        if message.starts_with(MAGIC) {
            Self::Sshsig
        } else if der::is_set_with(message, cms::MESSAGE_DIGEST) {
            Self::Cms
        } else if der::is_sequence_with(message, der::ED25519) {
            Self::Certificate
        } else {
            Self::Plain
        }
    }
}

fn ssh_key(public: &[u8; 32]) -> Vec<u8> {
    let mut key = Vec::new();
    string(&mut key, ALGORITHM);
    string(&mut key, public);
    key
}

/// RFC 4251 §5: a length of four bytes, big-endian, and the bytes.
fn string(into: &mut Vec<u8>, value: &[u8]) {
    let length = u32::try_from(value.len()).expect("all strings here are short or bounded");
    into.extend_from_slice(&length.to_be_bytes());
    into.extend_from_slice(value);
}

fn armor(label: &str, bytes: &[u8], columns: usize) -> String {
    let encoded = STANDARD.encode(bytes);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        // Base64 is ASCII, so that every cut is between characters.
        let (line, after) = rest.split_at(columns.min(rest.len()));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text + "-----END " + label + "-----\n"
}

fn check_namespace(namespace: &str) -> Result<(), ExportError> {
    if namespace.is_empty() {
        return Err(ExportError::NoNamespace);
    }
    check(namespace)
}

fn check(text: &str) -> Result<(), ExportError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(ExportError::TooLong(text.len()));
    }
    if text.chars().any(char::is_control) {
        return Err(ExportError::Control);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
