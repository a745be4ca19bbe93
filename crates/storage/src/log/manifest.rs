//! The manifest: the small file whose presence says that there is a log.

use std::fs;
use std::io;
use std::path::Path;

use super::frame::{Fields, Keys, Sum};
use crate::Position;
use crate::disk::{Context as _, DiskError, replace_durable};

/// The manifest's file.
pub(super) const MANIFEST: &str = "manifest";

const MAGIC: &[u8; 16] = b"maftia log 1\n\0\0\0";
const FIELD_BYTES: usize = 16 + 16 + 8 * 5 + 16;

/// Where the log begins and what is known about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Manifest {
    /// Drawn at random when the log is made.
    pub(super) id: [u8; 16],
    /// How many damaged logs were set aside in this directory before this one.
    pub(super) generation: u64,
    /// Length of every segment file.
    pub(super) segment_bytes: u64,
    /// The first segment that is still part of the log; what lies below was released.
    pub(super) first: Start,
    /// Everything below was durable when this was written.
    pub(super) durable: Position,
}

/// Where a segment starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Start {
    /// Number of the segment.
    pub(super) segment: u64,
    /// Position of its first record.
    pub(super) position: Position,
    /// Checksum of the frame before.
    pub(super) previous: Sum,
}

/// What a directory holds.
pub(super) enum Found {
    Nothing,
    Unreadable,
    Manifest(Manifest),
}

impl Manifest {
    pub(super) fn keys(&self) -> Keys {
        Keys::new(&self.id)
    }

    /// Looks for a manifest.
    pub(super) fn load(dir: &Path) -> Result<Found, DiskError> {
        let path = dir.join(MANIFEST);
        match fs::read(&path) {
            Ok(bytes) => Ok(Self::decode(&bytes).map_or(Found::Unreadable, Found::Manifest)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Nothing),
            Err(error) => Err(error).context("read", &path),
        }
    }

    /// Replaces the manifest: a crash leaves the old one or this.
    pub(super) fn save(&self, dir: &Path) -> Result<(), DiskError> {
        replace_durable(dir, MANIFEST, &self.encode())
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FIELD_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.id);
        bytes.extend_from_slice(&self.generation.to_le_bytes());
        bytes.extend_from_slice(&self.segment_bytes.to_le_bytes());
        bytes.extend_from_slice(&self.first.segment.to_le_bytes());
        bytes.extend_from_slice(&self.first.position.0.to_le_bytes());
        bytes.extend_from_slice(&self.first.previous);
        bytes.extend_from_slice(&self.durable.0.to_le_bytes());
        let sum = self.keys().header_sum(&bytes);
        bytes.extend_from_slice(&sum);
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (fields, sum) = bytes.split_at_checked(FIELD_BYTES)?;
        let mut reader = Fields(fields);
        let magic: [u8; 16] = reader.take()?;
        let manifest = Self {
            id: reader.take()?,
            generation: reader.u64()?,
            segment_bytes: reader.u64()?,
            first: Start {
                segment: reader.u64()?,
                position: Position(reader.u64()?),
                previous: reader.sum()?,
            },
            durable: Position(reader.u64()?),
        };
        let valid = &magic == MAGIC && manifest.keys().header_sum(fields) == sum;
        valid.then_some(manifest)
    }
}
