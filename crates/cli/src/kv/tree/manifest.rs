//! What is stored about a file or directory beside its content: JSON that a person can read.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::super::api::VALUE_BYTES_MAX;

/// The permission bits that are kept. The others would give an exported file powers.
pub(super) const MODE_KEPT: u32 = 0o777;

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Manifest {
    pub(super) mode: u32,
    pub(super) mtime: Mtime,
    pub(super) kind: Kind,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Directory,
    File(FileContent),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct FileContent {
    pub(super) size: u64,
    /// Size of all chunks but the last.
    pub(super) chunk_bytes: u32,
    /// BLAKE3 of the content.
    pub(super) digest: blake3::Hash,
}

/// Time of the last change: seconds since 1970 and nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Mtime(pub(super) i64, pub(super) u32);

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
enum Written {
    Directory {
        mode: String,
        mtime: Mtime,
    },
    File {
        mode: String,
        mtime: Mtime,
        size: u64,
        chunks: u64,
        chunk_bytes: u32,
        blake3: String,
    },
}

impl FileContent {
    pub(super) const fn chunks(&self) -> u64 {
        self.size.div_ceil(self.chunk_bytes as u64)
    }

    /// The size of a chunk.
    pub(super) fn chunk_len(&self, index: u64) -> usize {
        let rest = self.size.saturating_sub(self.offset(index));
        // Not above chunk_bytes, which fits.
        usize::try_from(rest.min(u64::from(self.chunk_bytes))).unwrap_or(usize::MAX)
    }

    /// Where in the file a chunk begins.
    pub(super) fn offset(&self, index: u64) -> u64 {
        index.saturating_mul(u64::from(self.chunk_bytes))
    }
}

impl Manifest {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mode = format!("{:04o}", self.mode);
        let mtime = self.mtime;
        let written = match &self.kind {
            Kind::Directory => Written::Directory { mode, mtime },
            Kind::File(content) => Written::File {
                mode,
                mtime,
                size: content.size,
                chunks: content.chunks(),
                chunk_bytes: content.chunk_bytes,
                blake3: content.digest.to_hex().to_string(),
            },
        };
        serde_json::to_vec(&written).expect("strings and numbers are JSON")
    }

    /// # Errors
    /// Says what is wrong with it.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let written: Written = serde_json::from_slice(bytes)
            .map_err(|error| format!("its manifest is not understood: {error}"))?;
        let (mode, mtime, kind) = match written {
            Written::Directory { mode, mtime } => (mode, mtime, Kind::Directory),
            Written::File {
                mode,
                mtime,
                size,
                chunks,
                chunk_bytes,
                blake3,
            } => {
                let longest = u32::try_from(VALUE_BYTES_MAX).unwrap_or(u32::MAX);
                if !(1..=longest).contains(&chunk_bytes) {
                    return Err(format!("its manifest says chunks of {chunk_bytes} bytes"));
                }
                let digest = blake3::Hash::from_hex(&blake3)
                    .map_err(|error| format!("its manifest's digest: {error}"))?;
                let content = FileContent {
                    size,
                    chunk_bytes,
                    digest,
                };
                if content.chunks() != chunks {
                    return Err(format!(
                        "its manifest says {size} bytes are {chunks} chunks"
                    ));
                }
                (mode, mtime, Kind::File(content))
            }
        };
        let mode = u32::from_str_radix(&mode, 8).ok();
        let Some(mode) = mode.filter(|mode| mode & !MODE_KEPT == 0) else {
            return Err("its manifest's mode is not permission bits".into());
        };
        if mtime.1 >= 1_000_000_000 {
            return Err("its manifest's time is none".into());
        }
        Ok(Self { mode, mtime, kind })
    }
}

impl Mtime {
    /// As the system takes it, if it can be said so.
    pub(super) fn system_time(self) -> Option<SystemTime> {
        let whole = Duration::from_secs(self.0.unsigned_abs());
        let whole = if self.0 < 0 {
            SystemTime::UNIX_EPOCH.checked_sub(whole)
        } else {
            SystemTime::UNIX_EPOCH.checked_add(whole)
        };
        whole?.checked_add(Duration::from_nanos(self.1.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(size: u64, chunk_bytes: u32) -> Manifest {
        Manifest {
            mode: 0o640,
            mtime: Mtime(-1, 999_999_999),
            kind: Kind::File(FileContent {
                size,
                chunk_bytes,
                digest: blake3::hash(b"content"),
            }),
        }
    }

    #[test]
    fn survives_encoding() {
        let directory = Manifest {
            mode: 0o000,
            mtime: Mtime(0, 0),
            kind: Kind::Directory,
        };
        for manifest in [directory, file(0, 1), file(u64::MAX, 1 << 20)] {
            assert_eq!(Manifest::from_bytes(&manifest.to_bytes()), Ok(manifest));
        }
    }

    #[test]
    fn refuses_what_does_not_fit_together() {
        let good = String::from_utf8(file(5, 2).to_bytes()).unwrap();
        assert!(Manifest::from_bytes(good.as_bytes()).is_ok());
        for (from, to) in [
            ("\"chunks\":3", "\"chunks\":2"),
            ("\"chunk_bytes\":2", "\"chunk_bytes\":0"),
            ("\"chunk_bytes\":2", "\"chunk_bytes\":1048577"),
            ("\"0640\"", "\"4755\""),
            ("\"0640\"", "\"0689\""),
            ("999999999", "1000000000"),
            ("\"blake3\":\"", "\"blake3\":\"0"),
            ("\"kind\":\"file\"", "\"kind\":\"symlink\""),
            ("\"kind\":\"file\"", "\"kind\":\"directory\""),
            ("{", "{\"target\":\"/etc\","),
        ] {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good);
            assert!(Manifest::from_bytes(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn chunks_cover_a_file_exactly() {
        for (size, count, last) in [(0, 0, 0), (1, 1, 1), (4, 1, 4), (5, 2, 1), (8, 2, 4)] {
            let Kind::File(content) = file(size, 4).kind else {
                panic!()
            };
            assert_eq!(content.chunks(), count);
            let lens: Vec<usize> = (0..count).map(|it| content.chunk_len(it)).collect();
            assert_eq!(lens.iter().sum::<usize>() as u64, size);
            assert_eq!(lens.last().copied().unwrap_or(0), last);
        }
    }
}
