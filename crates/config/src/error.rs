use std::fmt;
use std::path::{Path, PathBuf};

/// Why a file could not be used.
#[derive(Debug)]
pub struct ConfigError {
    path: PathBuf,
    line: Option<usize>,
    what: String,
    next: String,
}

impl ConfigError {
    pub(crate) fn new(path: &Path, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line: None,
            what: what.into(),
            next: next.into(),
        }
    }

    pub(crate) fn at(mut self, line: Option<usize>) -> Self {
        self.line = line;
        self
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The line, from 1, if one is to blame.
    pub const fn line(&self) -> Option<usize> {
        self.line
    }

    /// What is wrong.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// What to type or do next.
    pub fn next(&self) -> &str {
        &self.next
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}; {}", self.what, self.next)
    }
}

impl std::error::Error for ConfigError {}
