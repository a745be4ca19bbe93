//! Fiat–Shamir: challenges that depend on everything a proof is about.
//!
//! A proof whose challenge leaves out one public input can be forged by choosing that input last
//! (Frozen Heart), and so can one whose inputs can be shifted against each other without changing
//! the hashed bytes (TSSHOCK). So every transcript opens with role, group and epoch, and every
//! entry carries its kind, its label's length and its value's length: the encoding can be read
//! back, hence two lists of entries never give the same bytes.

use maftia_types::{Digest, Epoch};
use zeroize::{Zeroize, Zeroizing};

use crate::{Field, Group};

/// BLAKE3's context for key derivation: no other use of BLAKE3 shares its outputs.
const CONTEXT: &str = "maftia threshold 2026-11 transcript 1";

/// Whose shares are meant, and when they hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// What tells this group from every other one, such as the digest of its configuration.
    pub group: Digest,
    /// The span in which a sharing holds. Resharing keeps the key and begins another epoch.
    pub epoch: Epoch,
}

/// Everything a challenge or a derived key depends on, in order.
///
/// ```
/// use maftia_threshold::{Ristretto255, Scope, Transcript};
/// let scope = Scope { group: Default::default(), epoch: Default::default() };
/// let mut transcript = Transcript::new("example", &scope);
/// transcript.bytes("label", b"contract").number("round", 7);
/// let challenge = transcript.challenge::<Ristretto255>();
/// # let _ = challenge;
/// ```
pub struct Transcript(blake3::Hasher);

/// The kinds of entry, one byte each.
#[derive(Clone, Copy)]
enum Kind {
    Bytes = 0,
    Number = 1,
    /// So many entries that follow belong together.
    List = 2,
    /// What is drawn from the entries before; the last one, and never added to.
    Output = 3,
}

impl Transcript {
    /// Opens a transcript for one role: what is proven or derived, in words no other use shares.
    #[must_use]
    pub fn new(role: &'static str, scope: &Scope) -> Self {
        let mut transcript = Self::without_epoch(role, &scope.group);
        transcript.number("epoch", scope.epoch.0);
        transcript
    }

    /// As [`Transcript::new`], for what outlives epochs: a ciphertext to a key that resharing
    /// keeps. Not to be confused with any epoch's, since the entry is missing.
    #[must_use]
    pub fn without_epoch(role: &'static str, group: &Digest) -> Self {
        let mut transcript = Self(blake3::Hasher::new_derive_key(CONTEXT));
        transcript.bytes("role", role.as_bytes());
        transcript.bytes("group", group.as_bytes());
        transcript
    }

    /// Adds a value of any length.
    pub fn bytes(&mut self, label: &'static str, value: &[u8]) -> &mut Self {
        self.entry(Kind::Bytes, label, value)
    }

    /// Adds a number.
    pub fn number(&mut self, label: &'static str, value: u64) -> &mut Self {
        self.entry(Kind::Number, label, &value.to_le_bytes())
    }

    /// Announces that the next `count` entries are one list.
    pub fn list(&mut self, label: &'static str, count: usize) -> &mut Self {
        self.entry(Kind::List, label, &(count as u64).to_le_bytes())
    }

    /// Adds an element, with its group's name.
    pub fn element<G: Group>(&mut self, label: &'static str, element: &G::Element) -> &mut Self {
        self.bytes("element of", G::NAME.as_bytes());
        self.bytes(label, G::encode(element).as_ref())
    }

    /// The scalar that everything added so far determines; uniform if BLAKE3 is a random oracle.
    #[must_use]
    pub fn challenge<G: Group>(&self) -> G::Scalar {
        let mut wide = Zeroizing::new([0; 64]);
        self.output(G::NAME).fill(wide.as_mut());
        G::Scalar::from_uniform_bytes(&wide)
    }

    /// 32 bytes that everything added so far determines: a name for it, or a key derived from it.
    #[must_use]
    pub fn key(&self) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        self.output("key").fill(key.as_mut());
        key
    }

    /// Bytes without end for one more purpose; those of two purposes have nothing in common.
    pub(crate) fn output(&self, purpose: &'static str) -> blake3::OutputReader {
        let mut state = self.0.clone();
        encode(Kind::Output, purpose, &[], &mut |bytes| {
            state.update(bytes);
        });
        let stream = state.finalize_xof();
        state.zeroize();
        stream
    }

    fn entry(&mut self, kind: Kind, label: &'static str, value: &[u8]) -> &mut Self {
        encode(kind, label, value, &mut |bytes| {
            self.0.update(bytes);
        });
        self
    }
}

impl Drop for Transcript {
    fn drop(&mut self) {
        // Entries may be secret, and the state before the first full block holds them verbatim.
        self.0.zeroize();
    }
}

/// `kind ‖ label's length ‖ label ‖ value's length ‖ value`, lengths as 8 bytes, little-endian.
fn encode(kind: Kind, label: &str, value: &[u8], sink: &mut impl FnMut(&[u8])) {
    sink(&[kind as u8]);
    for part in [label.as_bytes(), value] {
        sink(&(part.len() as u64).to_le_bytes());
        sink(part);
    }
}

#[cfg(test)]
mod tests;
