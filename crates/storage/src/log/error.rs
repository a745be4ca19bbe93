use std::path::PathBuf;
use std::sync::Arc;

use crate::Position;
use crate::disk::DiskError;

/// Why a log stopped. Final: nothing is reported durable by this [`Log`](super::Log) any more.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogFailed {
    /// A write or a sync failed, or the disk is full.
    #[error(transparent)]
    Disk(Arc<DiskError>),
    /// It was found damaged when it was opened.
    #[error("the log is damaged at {at}")]
    Damaged {
        /// The end of the last record that can be read.
        at: Position,
    },
    /// One of its threads panicked: a defect of this crate.
    #[error("a thread of the log panicked")]
    Panicked,
}

impl From<DiskError> for LogFailed {
    fn from(error: DiskError) -> Self {
        Self::Disk(Arc::new(error))
    }
}

/// A record was not added.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The log has failed.
    #[error(transparent)]
    Failed(#[from] LogFailed),
    /// Too much is waiting to become durable. It can be tried again later.
    #[error("more than {max} bytes would wait for the disk")]
    Full {
        /// The bound.
        max: u64,
    },
    /// No log of this kind takes such a record.
    #[error("a record of {bytes} bytes is over the limit of {max}")]
    TooLarge {
        /// Length of the record.
        bytes: usize,
        /// The limit.
        max: usize,
    },
}

/// A log was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no log in the directory.
    #[error("there is no log in {}", dir.display())]
    Missing {
        /// The directory.
        dir: PathBuf,
    },
    /// There is something in the directory where a log was to be made.
    #[error("{} is not empty: it contains {name}", dir.display())]
    NotEmpty {
        /// The directory.
        dir: PathBuf,
        /// The first thing found.
        name: String,
    },
    /// The directory is in use, by another process or in this one.
    #[error("{} is in use by another process", dir.display())]
    Locked {
        /// The directory.
        dir: PathBuf,
    },
    /// The length of segments is not a multiple of 4096 between 8192 and 2^32.
    #[error("segments cannot have {segment_bytes} bytes")]
    SegmentBytes {
        /// The length asked for.
        segment_bytes: u64,
    },
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
}
