//! What a directory tree holds, and what of it cannot be stored.

use std::ffi::OsStr;
use std::fs::{self, DirEntry, File, FileType, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use serde_json::{Value, json};

use super::super::show::escaped;
use super::layout::Layout;
use super::manifest::{MODE_KEPT, Manifest, Mtime};

/// Something that can be stored. The path is relative to the root, whose path is empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Found {
    pub(super) path: Vec<u8>,
    pub(super) kind: FoundKind,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum FoundKind {
    Directory(Manifest),
    /// With its size when it was found.
    File(u64),
}

/// Something that was left out, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Refused {
    pub(crate) path: Vec<u8>,
    pub(crate) why: String,
}

/// In the order of their paths.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub(super) found: Vec<Found>,
    pub(super) refused: Vec<Refused>,
}

impl Refused {
    pub(super) fn new(path: &[u8], why: impl Into<String>) -> Self {
        Self {
            path: path.to_vec(),
            why: why.into(),
        }
    }

    pub(super) fn to_line(&self) -> String {
        let path = match escaped(&self.path) {
            path if path.is_empty() => ".".into(),
            path => path,
        };
        format!("refused {path}: {}", self.why)
    }

    pub(super) fn to_json(&self) -> Value {
        json!({ "path": escaped(&self.path), "why": self.why })
    }
}

/// Walks a tree. What cannot be read or stored is refused, never skipped in silence.
pub(super) fn scan(root: &Path, layout: &Layout) -> Scan {
    let mut scan = Scan::default();
    let mut open = vec![Vec::new()];
    while let Some(path) = open.pop() {
        if let Err(why) = directory(root, &path, layout, &mut scan, &mut open) {
            scan.refused.push(Refused::new(&path, why));
        }
    }
    scan.found.sort_by(|a, b| a.path.cmp(&b.path));
    scan.refused.sort_by(|a, b| a.path.cmp(&b.path));
    scan
}

/// One directory; `open` receives those in it.
fn directory(
    root: &Path,
    path: &[u8],
    layout: &Layout,
    scan: &mut Scan,
    open: &mut Vec<Vec<u8>>,
) -> Result<(), String> {
    if layout.manifest_key(path).is_none() {
        return Err("its path is too long for a key; nothing below it is stored".into());
    }
    let below = |error: io::Error| format!("{error}; nothing below it is stored");
    let place = join(root, path);
    let metadata = fs::metadata(&place).map_err(below)?;
    let entries: Vec<DirEntry> = fs::read_dir(&place)
        .and_then(Iterator::collect)
        .map_err(below)?;
    scan.found.push(Found {
        path: path.to_vec(),
        kind: FoundKind::Directory(Manifest {
            mode: metadata.mode() & MODE_KEPT,
            mtime: mtime(&metadata),
            kind: super::manifest::Kind::Directory,
        }),
    });
    for entry in entries {
        let mut path = path.to_vec();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(entry.file_name().as_bytes());
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => open.push(path),
            Ok(metadata) => match storable(&path, &metadata, layout) {
                Ok(()) => scan.found.push(Found {
                    path,
                    kind: FoundKind::File(metadata.len()),
                }),
                Err(why) => scan.refused.push(Refused::new(&path, why)),
            },
            Err(error) => scan.refused.push(Refused::new(&path, error.to_string())),
        }
    }
    Ok(())
}

fn storable(path: &[u8], metadata: &Metadata, layout: &Layout) -> Result<(), String> {
    if !metadata.is_file() {
        return Err(format!("{} is not stored", named(metadata.file_type())));
    }
    if layout.manifest_key(path).is_none() {
        return Err("its path is too long for a key".into());
    }
    Ok(())
}

fn named(kind: FileType) -> &'static str {
    if kind.is_symlink() {
        "a symbolic link"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_block_device() || kind.is_char_device() {
        "a device"
    } else {
        "what is neither file nor directory"
    }
}

/// Opens a regular file for reading. Something else that took its place since it was found is
/// neither followed nor waited for.
///
/// # Errors
/// If it is no regular file any more, or cannot be opened.
pub(super) fn open(root: &Path, path: &[u8]) -> io::Result<(File, Metadata)> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = File::options()
        .read(true)
        .custom_flags(i32::try_from(flags.bits()).map_err(io::Error::other)?)
        .open(join(root, path))?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other(format!(
            "{} is not stored",
            named(metadata.file_type())
        )));
    }
    Ok((file, metadata))
}

pub(super) fn mtime(metadata: &Metadata) -> Mtime {
    Mtime(
        metadata.mtime(),
        u32::try_from(metadata.mtime_nsec()).unwrap_or(0),
    )
}

/// Where a path of the tree is.
pub(super) fn join(root: &Path, path: &[u8]) -> PathBuf {
    if path.is_empty() {
        return root.to_path_buf();
    }
    root.join(OsStr::from_bytes(path))
}
