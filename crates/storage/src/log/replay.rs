//! What opening a log found, and reading its records back.

use std::path::PathBuf;

use bytes::Bytes;

use super::frame::records;
use super::manifest::{Manifest, Start};
use super::walker::Walker;
use crate::Position;
use crate::disk::DiskError;

/// How a log ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tail {
    /// Nothing follows the last record.
    Clean,
    /// What follows was being written and never reported durable. It was overwritten.
    Torn {
        /// Length on disk of what was overwritten.
        cut_bytes: u64,
    },
    /// A record that had been reported durable is gone. The log can be replayed up to here and not
    /// appended to; its files were not touched.
    Damaged {
        /// The end of the last record that can be read.
        at: Position,
    },
}

/// What opening a log found.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// Records ending at or below were released.
    pub start: Position,
    /// The end of the last record.
    pub end: Position,
    /// How the log ended.
    pub tail: Tail,
    /// How many logs were in this directory before this one, damaged and set aside, or missing. Above
    /// zero, an empty log does not mean that nothing was ever promised.
    pub generation: u64,
    pub(super) source: Option<Source>,
}

/// Where the records are read from.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) dir: PathBuf,
    pub(super) manifest: Manifest,
    pub(super) starts: Vec<Start>,
}

/// Reading back the records of a log failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// Records that were asked for have been released.
    #[error("the log starts at {start}, records before it were released")]
    Released {
        /// Where the log starts.
        start: Position,
    },
    /// A record that could be read when the log was opened cannot be read any more.
    #[error("the log can no longer be read at {at}")]
    Changed {
        /// The end of the last record that can be read.
        at: Position,
    },
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl Recovered {
    /// Visits every record that ends after `from`, in order, with the position after it: the one
    /// that `append` returned. Reads one frame (at most 4 MiB) at a time and checks it again.
    ///
    /// # Errors
    /// If records after `from` were released, or cannot be read.
    pub fn replay(
        &self,
        from: Position,
        visit: &mut dyn FnMut(Position, Bytes),
    ) -> Result<(), ReplayError> {
        if from < self.start {
            return Err(ReplayError::Released { start: self.start });
        }
        let Some(source) = &self.source else {
            return Ok(());
        };
        let below = source.starts.partition_point(|s| s.position <= from);
        let first = source.starts.get(below.saturating_sub(1));
        let mut walker = Walker::new(&source.dir, &source.manifest);
        if let Some(first) = first {
            walker.go_to(*first);
        }
        while walker.position < self.end {
            let at = walker.position;
            let body = walker.next()?.ok_or(ReplayError::Changed { at })?;
            for (end, record) in records(at, body).flatten() {
                if end > from {
                    visit(end, record);
                }
            }
        }
        Ok(())
    }
}
