//! Files that a person names, and what is printed.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use serde_json::Value;

use crate::http::Problem;
use crate::output;

/// Reads a file, or standard input if it is `-`.
pub(crate) fn input(path: &Path, bytes_max: usize, next: &str) -> Result<Vec<u8>, Problem> {
    if path == Path::new("-") {
        return read("standard input", io::stdin(), bytes_max, next);
    }
    let file = File::open(path).map_err(|error| at(path, &error))?;
    read(&path.display().to_string(), file, bytes_max, next)
}

/// Writes a whole file or nothing.
pub(crate) fn save(path: &Path, value: &[u8]) -> io::Result<()> {
    let parent = path.parent().filter(|it| !it.as_os_str().is_empty());
    // What is there may be a device, which must not be replaced by a file.
    if path.exists() && !path.is_file() {
        return File::options().write(true).open(path)?.write_all(value);
    }
    let mut file = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(parent.unwrap_or(Path::new(".")))?;
    file.write_all(value)?;
    file.persist(path)?;
    Ok(())
}

/// Reads what is not longer than a limit.
pub(crate) fn read(
    name: &str,
    from: impl Read,
    bytes_max: usize,
    next: &str,
) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    from.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| Problem::failed("input", format!("{name}: {error}")))?;
    if bytes.len() > bytes_max {
        let text = format!("{name} has more than {bytes_max} bytes");
        return Err(Problem::failed("too-large", text).next(next));
    }
    Ok(bytes)
}

/// What went wrong with a file.
pub(crate) fn at(path: &Path, error: &io::Error) -> Problem {
    let next = "see whether the path is right, who may read and write it, and the disk has room";
    Problem::failed("file", format!("{}: {error}", path.display())).next(next)
}

/// Prints one JSON object on one line.
pub(crate) fn print(value: &Value) -> Result<(), Problem> {
    output::json(value).map_err(|failure| Problem::failed("json", failure.to_string()))
}
