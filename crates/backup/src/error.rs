use std::io;

use maftia_activity::replication::RestoreError;
use maftia_codec::DecodeError;

/// Why a file is no backup, or not the one it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// A chunk is not the one that belongs there.
    #[error(
        "chunk {place} of {of} is not the one that the backup's head stands for: it was altered"
    )]
    Altered {
        /// Which one, from 1.
        place: usize,
        /// Of how many.
        of: usize,
    },
    /// It is not the file any more that was checked before.
    #[error("it was changed since it was checked")]
    Changed,
    /// Every chunk is as it should be, but together they are no state of this program.
    #[error("the state in it is not one that this program understands: {0}")]
    Contents(String),
    /// The file ends before it should.
    #[error("it ends early, at chunk {place} of {of}: it was cut off")]
    CutOff {
        /// The first chunk that is missing, from 1; 0 if not even the head is whole.
        place: usize,
        /// Of how many; 0 if that is not known.
        of: usize,
    },
    /// The disk.
    #[error("it cannot be read or written")]
    Disk(#[from] io::Error),
    /// What says whose state it is does not fit together.
    #[error("what it says of its group does not fit together: {0}")]
    Group(String),
    /// A part of it does not decode.
    #[error("it is damaged, or no backup")]
    Malformed(#[from] DecodeError),
    /// It is another kind of file.
    #[error("it is not a backup")]
    NotABackup,
    /// The key in it is not the group's, as its state has that.
    #[error("it is signed under a key that is not the group's own in its state: it is forged")]
    OtherKey,
    /// The group's signature under it is wrong.
    #[error("the group has not signed it: the signature is not valid under the key in it")]
    Signature,
    /// The state beside the store is larger than what is held to check it.
    #[error("its state beside the store is larger than the {bytes_max} bytes that can be checked")]
    TooLarge {
        /// The bound.
        bytes_max: usize,
    },
    /// Something is longer than any group makes it.
    #[error("its {what} is longer than {bytes_max} bytes, which no group makes it")]
    TooLong {
        /// What.
        what: &'static str,
        /// The bound.
        bytes_max: usize,
    },
    /// Something follows its end.
    #[error("something follows its end: it was altered")]
    Trailing,
    /// It is of one site, and was to be checked under a group's key.
    #[error("it is what one site has left, which no group has signed: the key proves nothing")]
    Unsigned,
    /// It was made by a later version.
    #[error("it is of format {0}, which this version of the program does not know")]
    Version(String),
    /// It was signed under another key.
    #[error("it is signed under another key than the one that was given")]
    WrongKey,
}

impl From<RestoreError> for BackupError {
    fn from(error: RestoreError) -> Self {
        Self::Contents(error.to_string())
    }
}
