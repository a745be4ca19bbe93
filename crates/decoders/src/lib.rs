//! Every decoder of bytes from outside, as a target of fuzzing.
//!
//! # Guarantees
//! What a [`Target`] checks of any input: decoding does not panic; what decodes has one encoding,
//! so encoding it again gives the input; what a service answers to it, decodes.
//!
//! # Use
//! - `cargo test -p maftia-decoders` starts from each target's seeds and mutates them with a fixed
//!   generator; `MAFTIA_SLOW=1` does more of it.
//! - `fuzz/` gives the same targets to libFuzzer, which is guided by coverage.
//!
//! Not here: the frames and the hello of `maftia-multipoint`, which are private to it and which
//! its own tests feed with random bytes.
//!
//! This crate is for tests only; nothing that ships depends on it.

use bytes::Bytes;
use maftia_threshold::{Bls12381G2, Ed25519, Group, Ristretto255};

mod agreement;
mod backups;
mod channels;
mod client_link;
mod files;
mod keys;
mod members;
mod mutate;
mod proofs;
mod samples;
mod services;
mod suite;
mod wire;

pub use mutate::Mutator;

/// A decoder and what must hold of it.
pub struct Target {
    /// What `MAFTIA_TARGET` calls it.
    pub name: &'static str,
    /// Feeds it any bytes. Panics if what must hold does not; else, whether they were a value.
    pub run: fn(&[u8]) -> bool,
    /// Inputs that are values, to start from.
    pub seeds: fn() -> Vec<Bytes>,
    /// How many runs take about as long as a thousand of a plain decoder.
    pub runs: u32,
}

const PLAIN: u32 = 1000;
/// Computes on curves.
const OF_CURVES: u32 = 10;
/// Writes files and syncs them.
const ON_DISK: u32 = 10;

/// All of them.
pub const TARGETS: &[Target] = &[
    target(
        "block",
        wire::canonical::<maftia_ordering::Block>,
        samples::blocks,
    ),
    target(
        "header",
        wire::canonical::<maftia_ordering::Header>,
        samples::headers,
    ),
    target(
        "ordering_message",
        wire::canonical::<maftia_ordering::Message>,
        samples::ordering_messages,
    ),
    target(
        "record",
        wire::canonical::<maftia_ordering::Record>,
        samples::records,
    ),
    target(
        "frontier",
        wire::canonical::<maftia_ordering::Frontier>,
        samples::frontiers,
    ),
    target(
        "equivocation",
        wire::canonical::<maftia_ordering::Equivocation>,
        samples::equivocations,
    ),
    target(
        "evidence",
        wire::canonical::<maftia_membership::evidence::Store>,
        samples::evidence_stores,
    ),
    target(
        "evidence_file",
        samples::read_evidence_file,
        samples::evidence_files,
    ),
    target(
        "accusations",
        wire::canonical::<maftia_membership::accusations::Accusations>,
        samples::accusations,
    ),
    target(
        "recovery_statement",
        wire::canonical::<maftia_ordering::RecoveryStatement>,
        samples::recovery_statements,
    ),
    target(
        "envelope",
        wire::canonical::<maftia_crypto::Envelope>,
        samples::envelopes,
    ),
    target(
        "replica_message",
        wire::canonical::<maftia_replica::Message>,
        samples::replica_messages,
    ),
    target(
        "client_message",
        wire::canonical::<maftia_replica::ClientMessage>,
        client_link::client_messages,
    ),
    target(
        "site_message",
        wire::canonical::<maftia_replica::SiteMessage>,
        client_link::site_messages,
    ),
    target("proof", proofs::entry, proofs::seeds),
    target("transcript", proofs::transcript, proofs::transcript_seeds),
    target(
        "item",
        wire::canonical::<maftia_replica::Item>,
        samples::items,
    ),
    target("payload", wire::payload, samples::payloads),
    target("image", services::image, samples::images),
    target("kv_operation", services::operation, samples::operations),
    target(
        "kv_response",
        wire::canonical::<maftia_activity::kv::Response>,
        samples::responses,
    ),
    target("kv_chunks", services::chunks, samples::chunks),
    slow_target("keys_operation", suite::operation, suite::operation_seeds),
    slow_target(
        "keys_contribution",
        suite::contribution,
        suite::contribution_seeds,
    ),
    slow_target("suite_chunks", suite::chunks, suite::chunk_seeds),
    slow_target(
        "membership_operation",
        members::operation,
        members::operation_seeds,
    ),
    target(
        "membership_answer",
        wire::canonical::<maftia_membership::membership::Answer>,
        members::answer_seeds,
    ),
    target(
        "membership_state",
        wire::canonical::<maftia_membership::Membership>,
        members::state_seeds,
    ),
    target(
        "view",
        wire::canonical::<maftia_membership::View>,
        members::view_seeds,
    ),
    target(
        "handover_vote",
        wire::canonical::<maftia_membership::handover::Vote>,
        members::vote_seeds,
    ),
    target(
        "handover_certificate",
        wire::canonical::<maftia_membership::Certificate>,
        members::certificate_seeds,
    ),
    target(
        "backup_preamble",
        wire::canonical::<maftia_backup::Preamble>,
        backups::preamble_seeds,
    ),
    slow_target("backup", backups::backup, backups::backup_seeds),
    target(
        "reliable_broadcast",
        wire::canonical::<agreement::Reliable>,
        agreement::reliable_seeds,
    ),
    target(
        "consistent_broadcast",
        wire::canonical::<agreement::Consistent>,
        agreement::consistent_seeds,
    ),
    target(
        "binary_agreement",
        wire::canonical::<agreement::Binary>,
        agreement::binary_seeds,
    ),
    target(
        "vector_consensus",
        wire::canonical::<agreement::Vector>,
        agreement::vector_seeds,
    ),
    target(
        "validated_agreement",
        wire::canonical::<agreement::Validated>,
        agreement::validated_seeds,
    ),
    target(
        "agreement_record",
        wire::canonical::<agreement::Record>,
        agreement::record_seeds,
    ),
    target(
        "channel_message",
        wire::canonical::<maftia_channels::Message>,
        channels::message_seeds,
    ),
    target(
        "channel_record",
        wire::canonical::<maftia_channels::Record>,
        channels::record_seeds,
    ),
    target("group_file", files::group, files::group_seeds),
    target("site_file", files::site, files::site_seeds),
    target(
        "bls12381_element",
        keys::element::<Bls12381G2>,
        keys::element_seeds::<Bls12381G2>,
    ),
    target(
        "bls12381_scalar",
        keys::scalar::<<Bls12381G2 as Group>::Scalar>,
        keys::scalar_seeds::<<Bls12381G2 as Group>::Scalar>,
    ),
    target("bls_signature", keys::signature, keys::signature_seeds),
    target(
        "ed25519_element",
        keys::element::<Ed25519>,
        keys::element_seeds::<Ed25519>,
    ),
    target(
        "ed25519_scalar",
        keys::scalar::<<Ed25519 as Group>::Scalar>,
        keys::scalar_seeds::<<Ed25519 as Group>::Scalar>,
    ),
    target(
        "ristretto255_element",
        keys::element::<Ristretto255>,
        keys::element_seeds::<Ristretto255>,
    ),
    target(
        "bls12381_dealing",
        keys::dealing::<Bls12381G2>,
        keys::dealing_seeds::<Bls12381G2>,
    ),
    target(
        "ed25519_dealing",
        keys::dealing::<Ed25519>,
        keys::dealing_seeds::<Ed25519>,
    ),
    target(
        "bls12381_sharing",
        keys::sharing::<Bls12381G2>,
        keys::sharing_seeds::<Bls12381G2>,
    ),
    target(
        "ristretto255_sharing",
        keys::sharing::<Ristretto255>,
        keys::sharing_seeds::<Ristretto255>,
    ),
    Target {
        name: "log",
        run: files::log,
        seeds: files::log_seeds,
        runs: ON_DISK,
    },
    Target {
        name: "snapshot",
        run: files::snapshot,
        seeds: files::snapshot_seeds,
        runs: ON_DISK,
    },
];

const fn target(name: &'static str, run: fn(&[u8]) -> bool, seeds: fn() -> Vec<Bytes>) -> Target {
    Target {
        name,
        run,
        seeds,
        runs: PLAIN,
    }
}

const fn slow_target(
    name: &'static str,
    run: fn(&[u8]) -> bool,
    seeds: fn() -> Vec<Bytes>,
) -> Target {
    Target {
        name,
        run,
        seeds,
        runs: OF_CURVES,
    }
}

/// The target of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// Several byte strings as one: each after its length, as four bytes.
pub(crate) fn join(parts: impl IntoIterator<Item = Bytes>) -> Bytes {
    let mut joined = Vec::new();
    for part in parts {
        let length = u32::try_from(part.len()).expect("samples are short");
        joined.extend_from_slice(&length.to_le_bytes());
        joined.extend_from_slice(&part);
    }
    joined.into()
}

/// The parts of any bytes; a length that is too large takes what is left.
pub(crate) fn split(bytes: &[u8]) -> Vec<Bytes> {
    let mut parts = Vec::new();
    let mut rest = bytes;
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let (part, after) = after.split_at(length.min(after.len()));
        parts.push(Bytes::copy_from_slice(part));
        rest = after;
    }
    parts
}
