//! The keeper: the thread for slow work on files that no commit should wait for.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};

use super::LogFailed;
use super::flusher::{Guard, Shared};
use super::manifest::{Manifest, Start};
use super::segment::{Fill, prepare, remove};
use crate::disk::{DiskError, Medium};

/// A segment that was asked for.
pub(super) type Prepared = Result<File, DiskError>;

/// What the keeper is asked to do.
pub(super) enum Job {
    /// Make a segment.
    Prepare { segment: u64, fill: Fill },
    /// Let the log begin here and remove the segments below.
    Release(Start),
    /// Note in the manifest what is durable.
    Seal,
}

/// The keeper's state.
pub(super) struct Keeper {
    pub(super) dir: PathBuf,
    pub(super) medium: Arc<dyn Medium>,
    pub(super) manifest: Manifest,
    pub(super) shared: Arc<Shared>,
    pub(super) jobs: Receiver<Job>,
    pub(super) ready: Sender<Prepared>,
}

impl Keeper {
    /// The body of the keeper thread: works until nobody can ask any more.
    pub(super) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let _guard = Guard(&shared);
        while let Ok(job) = self.jobs.recv() {
            let result = match job {
                Job::Prepare { segment, fill } => {
                    let bytes = self.manifest.segment_bytes;
                    let file = prepare(&*self.medium, &self.dir, segment, bytes, fill);
                    // If the writer is gone, so is the need.
                    let _gone = self.ready.send(file);
                    Ok(())
                }
                Job::Release(first) => self.release(first),
                Job::Seal => self.save(),
            };
            if let Err(error) = result {
                self.shared.fail(LogFailed::from(error));
                self.shared.announce();
            }
        }
    }

    /// The manifest first: whatever subset of the removals survives a crash, opening the log knows
    /// where it begins and removes the rest.
    fn release(&mut self, first: Start) -> Result<(), DiskError> {
        let below = self.manifest.first.segment..first.segment;
        self.manifest.first = first;
        self.save()?;
        below
            .into_iter()
            .try_for_each(|number| remove(&self.dir, number))
    }

    fn save(&mut self) -> Result<(), DiskError> {
        if self.shared.failed().is_some() {
            return Ok(());
        }
        self.manifest.durable = self.shared.durable();
        self.manifest.save(&self.dir)
    }
}
