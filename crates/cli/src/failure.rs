use std::fmt;
use std::process::ExitCode;

use maftia_config::ConfigError;

/// How a command ends that does not succeed. The numbers are documented and stable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    /// Refused, or failed: nothing is left half done unless the text says so.
    Failed = 1,
    /// Typed wrongly.
    Usage = 2,
    /// It may or may not have happened.
    Unknown = 3,
    /// A site's disk failed or is full.
    Disk = 4,
    /// More than f sites are intruded, or this program is wrong.
    Alarm = 5,
    /// A site has no seat in its group any more.
    Left = 6,
}

/// What happened, and what to type or do next.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    what: String,
    next: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self {
            exit,
            what: what.into(),
            next: None,
        }
    }

    pub(crate) fn failed(what: impl Into<String>) -> Self {
        Self::new(Exit::Failed, what)
    }

    pub(crate) fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// An error with everything that caused it, on one line.
    pub(crate) fn chain(exit: Exit, error: &dyn std::error::Error) -> Self {
        let mut what = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            what += &format!(": {error}");
            source = error.source();
        }
        Self::new(exit, what)
    }

    /// The one place that prints errors.
    pub(crate) fn report(&self) -> ExitCode {
        eprintln!("maftia: {}", self.what);
        if let Some(next) = &self.next {
            eprintln!("  next: {next}");
        }
        ExitCode::from(self.exit as u8)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<maftia_site::SiteError> for Failure {
    fn from(error: maftia_site::SiteError) -> Self {
        match &error {
            maftia_site::SiteError::Alarm(_) => Self::chain(Exit::Alarm, &error)
                .next("compare `maftia status` at all sites; do not restart this one blindly"),
            maftia_site::SiteError::Left(_) => Self::chain(Exit::Left, &error)
                .next("its folder may be removed; nothing is left in it that the group needs"),
            maftia_site::SiteError::Disk(_) => Self::chain(Exit::Disk, &error)
                .next("free or replace the disk, then start the site again"),
            _ => Self::chain(Exit::Failed, &error),
        }
    }
}
