//! Proofs for outsiders, who know the group's public key and nothing else.
//!
//! A proof is a checkpoint that the group has signed, opened at the chunks that answer a question.
//! It needs no vote: whoever checks it trusts no site. `maftia-verify` does, and documents the
//! format for itself; neither uses the other's code.

use bytes::Bytes;
use maftia_activity::keys::certificates::Certificate;
use maftia_codec::{Wire, Writer};

use crate::checkpoint::Checkpoint;
use crate::replica::Replica;

/// The longest proof: a longest value, two pages of 64 longest keys, and less than 16 KiB besides.
pub const PROOF_BYTES_MAX: usize = 1024 * 1024 + 2 * 70_144 + 16 * 1024;

/// How every proof begins. The last byte is the kind: an answer of the application.
const MAGIC: &[u8; 16] = b"maftia proof 1\n\x01";

impl Replica {
    /// What the newest checkpoint that the group has signed says about a question, with everything
    /// that proves it; for the key-value store, the question is a key. `None` if the group has
    /// signed none yet that this site has.
    #[must_use]
    pub fn prove(&self, question: &[u8]) -> Option<Bytes> {
        let (checkpoint, certificate) = self.checkpoints.certified()?;
        checkpoint.prove(certificate, question)
    }
}

impl Checkpoint {
    fn prove(&self, certificate: &Certificate, question: &[u8]) -> Option<Bytes> {
        let exhibit = self.app.exhibit(question)?;
        let mut writer = Writer::new();
        writer.raw(MAGIC);
        self.head.encode(&mut writer);
        writer.raw(&certificate.signature);
        writer.bytes(question);
        writer.bool(exhibit.value.is_some());
        if let Some(value) = &exhibit.value {
            writer.bytes(value);
        }
        writer.length(exhibit.chunks.len());
        for (place, shown) in &exhibit.chunks {
            let place = self.parts.len() + place;
            let path = self.tree.path(place)?;
            writer.u32(u32::try_from(place).ok()?);
            writer.bytes(shown);
            writer.length(path.len());
            path.iter().for_each(|digest| writer.digest(digest));
        }
        Some(writer.finish())
    }
}
