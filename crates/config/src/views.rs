//! The certificates that lead from a group's file to the view that somebody has come to.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use maftia_codec::{Reader, Writer};
use maftia_membership::Certificate;

use crate::ConfigError;
use crate::file::{replace, unreadable, unwritable};

/// Certificates of the largest views, for a change a day through two years.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
const CERTIFICATES_MAX: usize = 1 << 16;

/// Reads certificates; none if there is no file. Whoever uses them verifies each.
///
/// # Errors
/// If there is a file that cannot be read or holds something else.
pub fn load_views(path: &Path) -> Result<Vec<Certificate>, ConfigError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(path, &error)),
    };
    let mut bytes = Vec::new();
    let read = file.take(FILE_BYTES_MAX).read_to_end(&mut bytes);
    read.map_err(|error| unreadable(path, &error))?;
    let mut reader = Reader::new(bytes.into());
    let chain = reader.list("certificates", CERTIFICATES_MAX);
    let chain = chain.and_then(|chain| reader.end().map(|()| chain));
    chain.map_err(|error| {
        let what = format!("no list of certificates ({error})");
        ConfigError::new(path, what, "remove it: the sites still have them")
    })
}

/// Writes certificates in place of those before.
///
/// # Errors
/// If the file cannot be written.
pub fn save_views(path: &Path, chain: &[Certificate]) -> Result<(), ConfigError> {
    let mut writer = Writer::new();
    writer.list(chain);
    replace(path, writer.as_slice()).map_err(|error| unwritable(path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_is_no_certificate_and_another_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("views");
        assert_eq!(load_views(&path).unwrap(), []);
        save_views(&path, &[]).unwrap();
        assert_eq!(load_views(&path).unwrap(), []);
        std::fs::write(&path, b"certificates").unwrap();
        let error = load_views(&path).unwrap_err();
        assert!(error.next().contains("remove it"), "{error}");
    }
}
