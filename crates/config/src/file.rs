use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ConfigError;

/// The longest file read: far above a group of the most sites and thousands of clients.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The text of a file.
pub(crate) fn read(path: &Path) -> Result<String, ConfigError> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let mut text = String::new();
    let read = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
    let length = read.map_err(|error| unreadable(path, &error))?;
    if length as u64 > FILE_BYTES_MAX {
        let what = format!("longer than {FILE_BYTES_MAX} bytes");
        return Err(ConfigError::new(path, what, "this is not the file meant"));
    }
    Ok(text)
}

pub(crate) fn unreadable(path: &Path, error: &io::Error) -> ConfigError {
    let next = match error.kind() {
        io::ErrorKind::NotFound => "give the right path, or make the files with `maftia init`",
        io::ErrorKind::PermissionDenied => "run as the file's owner, or change its owner",
        io::ErrorKind::InvalidData => "it must be UTF-8 text",
        _ => "see whether the file can be read",
    };
    ConfigError::new(path, format!("cannot read it ({error})"), next)
}

/// A value from the TOML text of a file.
pub(crate) fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|error| {
        let line = error
            .span()
            .and_then(|span| text.get(..span.start))
            .map(|before| before.matches('\n').count() + 1);
        let what = error.message().trim().replace('\n', ", ");
        ConfigError::new(path, what, "correct it there and try again").at(line)
    })
}

/// Replaces a file by the TOML text of a value, below a comment.
pub(crate) fn save_toml<T: Serialize>(
    path: &Path,
    comment: &str,
    value: &T,
) -> Result<(), ConfigError> {
    let text = text(comment, value).map_err(|error| {
        ConfigError::new(path, format!("no TOML form ({error})"), "report this")
    })?;
    replace(path, text.as_bytes()).map_err(|error| unwritable(path, &error))
}

/// The TOML text of a value, below a comment.
pub(crate) fn text<T: Serialize>(comment: &str, value: &T) -> Result<String, toml::ser::Error> {
    Ok(format!("{comment}\n\n{}", toml::to_string(value)?))
}

pub(crate) fn unwritable(path: &Path, error: &io::Error) -> ConfigError {
    let next = match error.kind() {
        io::ErrorKind::AlreadyExists => "remove it first if it is no longer needed",
        io::ErrorKind::NotFound => "make its folder first",
        _ => "see whether its folder can be written to",
    };
    ConfigError::new(path, format!("cannot write it ({error})"), next)
}

/// Writes beside the file and renames, so that a crash leaves the old text or the new one.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    sync_folder(path)
}

/// Writes a file that must not exist yet, for its owner's eyes only.
pub(crate) fn create_secret(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    sync_folder(path)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder(path))?.sync_all()
}

/// The folder of a file.
pub(crate) fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
