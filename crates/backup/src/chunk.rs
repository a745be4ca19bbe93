use bytes::Bytes;
use maftia_activity::suite;
use maftia_replica::part_digest;
use maftia_types::Digest;

/// Whether these bytes are the chunk of a checkpoint that has this digest. Chunks of the replica
/// and of the services are digested under different domains: none passes for another.
#[must_use]
pub fn is_chunk(bytes: &Bytes, digest: &Digest) -> bool {
    part_digest(bytes) == *digest || suite::chunk_digest(bytes) == Some(*digest)
}
