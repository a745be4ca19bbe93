//! The site's disk: the log of the replica's records and the images that cut it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use bytes::Bytes;
use maftia_codec::Wire;
use maftia_membership::Certificate;
use maftia_replica::{Boot, Image, Record, Restored, Vault};
use maftia_storage::{
    AppendError, Log, LogFailed, OnDurable, OpenError, Options, Position, Recovered, ReplayError,
    SnapshotError, Snapshots, Tail,
};

use crate::stopped::StoppedError;

/// First byte of a log record: a record of the replica.
const REPLICA: u8 = 0;
/// First byte of a log record: before this log there was another one that is lost.
const LOST: u8 = 1;

/// Two of these are filled with zeros when a site is made: small, so that it starts at once; a
/// full one is replaced every half second at 40,000 requests a second, by another thread.
const SEGMENT_BYTES: u64 = 16 << 20;

/// The open disk of a site.
pub(crate) struct Store {
    log: Log,
    snapshots: Arc<Snapshots>,
    saving: Option<(Position, JoinHandle<()>)>,
}

/// Why a site's disk cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The log holds a record this program did not write.
    #[error("the log holds a record that does not decode, at {at}")]
    Foreign {
        /// Where.
        at: Position,
    },
    /// The log cannot be opened or made.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log stopped.
    #[error(transparent)]
    Failed(#[from] LogFailed),
    /// The log cannot be read back.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The snapshots cannot be used.
    #[error(transparent)]
    Snapshots(#[from] SnapshotError),
}

/// Makes the empty disk of a new site. Only `init` does this: a site that finds no log when it
/// starts has lost it, and asks the others before it signs anything.
///
/// # Errors
/// If the directory holds something already or the disk fails.
pub fn create(dir: &Path) -> Result<(), StoreError> {
    Log::create(&log_dir(dir), options(Arc::new(|_| {})))?.close()?;
    Snapshots::open(&snapshot_dir(dir))?;
    Ok(())
}

/// As [`create`], with the state after a commit, with which the site begins.
///
/// # Errors
/// As [`create`].
pub fn create_with(
    dir: &Path,
    commit: u64,
    chunks: impl Iterator<Item = Bytes>,
) -> Result<(), StoreError> {
    Log::create(&log_dir(dir), options(Arc::new(|_| {})))?.close()?;
    Snapshots::open(&snapshot_dir(dir))?.save(Position(0), commit, chunks)?;
    Ok(())
}

/// Whether a site has ever kept anything there.
pub(crate) fn exists(dir: &Path) -> bool {
    log_dir(dir).is_dir() || snapshot_dir(dir).is_dir()
}

/// Why what a stopped site's disk holds is not its whole state.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Incomplete {
    /// There is neither a log nor a snapshot.
    #[error("its log is missing, and there is no snapshot: what it kept is lost")]
    LogMissing,
    /// The log follows a snapshot that is gone.
    #[error("its log begins at {start}, after a snapshot that is gone: its state is lost")]
    LogCut {
        /// Where it begins.
        start: Position,
    },
    /// An earlier log was lost, and the state was not fetched since.
    #[error("an earlier log of it was lost, and there is no snapshot: its state is lost")]
    LogLost,
    /// There are snapshots, and none can be read.
    #[error("all its snapshots are damaged: its state is lost")]
    SnapshotsDamaged,
}

/// What the disk of a stopped site holds.
#[derive(Debug)]
pub(crate) struct Peeked {
    /// What a replica is made of.
    pub(crate) boot: Boot,
    /// The files of newer snapshots than the one in it, which are damaged. They may have covered
    /// what neither that one nor the log has.
    pub(crate) damaged: Vec<PathBuf>,
}

/// What the disk of a site holds that was stopped and is not to start again. Unlike a start, this
/// sets nothing aside and marks nothing as lost: of a damaged log it reads what can be read. It
/// cuts a torn tail, as every opening does. Without a snapshot only a log that goes back to the
/// beginning says what the state was: taken for a new site's, what is left would be a state that
/// never was.
pub(crate) fn peek(dir: &Path) -> Result<Peeked, StoppedError> {
    let snapshots = Snapshots::open(&snapshot_dir(dir)).map_err(StoreError::from)?;
    let loaded = match snapshots.latest() {
        Ok(loaded) => loaded,
        Err(SnapshotError::AllDamaged { .. }) => return Err(Incomplete::SnapshotsDamaged.into()),
        Err(error) => return Err(StoreError::from(error).into()),
    };
    let covered = loaded.as_ref().map(|loaded| loaded.position);
    let damaged = loaded.iter().flat_map(|loaded| &loaded.damaged);
    let damaged = damaged.map(|id| snapshot_dir(dir).join(id.to_string()));
    let damaged = damaged.collect();
    let records = match Log::open(&log_dir(dir), options(Arc::new(|_| {}))) {
        Ok((_log, recovered)) => readable(recovered, covered)?,
        Err(OpenError::Missing { .. }) if covered.is_some() => Vec::new(),
        Err(OpenError::Missing { .. }) => return Err(Incomplete::LogMissing.into()),
        Err(error) => return Err(StoreError::from(error).into()),
    };
    let image = match loaded {
        None => None,
        Some(loaded) => {
            let foreign = StoreError::Foreign {
                at: loaded.position,
            };
            Some(Restored::from_chunks(loaded.chunks).map_err(|_| foreign)?)
        }
    };
    let boot = Boot {
        image,
        records,
        ..Boot::default()
    };
    Ok(Peeked { boot, damaged })
}

/// The records that follow the snapshot, which covers the log up to there.
fn readable(
    recovered: Recovered,
    covered: Option<Position>,
) -> Result<Vec<maftia_ordering::Record>, StoppedError> {
    let (start, end) = (recovered.start, recovered.end);
    let from = covered.unwrap_or(Position(0));
    if from < start {
        // What stood between them is gone: nothing in the log follows the snapshot.
        return match covered {
            Some(_) => Ok(Vec::new()),
            None => Err(Incomplete::LogCut { start }.into()),
        };
    }
    let lost_now = recovered.generation > 0 && start == end;
    let found = Found {
        start,
        end,
        lost_now,
        recovered: Some(recovered),
    };
    let (records, lost) = found.read(from.min(end))?;
    if covered.is_none() && (lost || lost_now) {
        return Err(Incomplete::LogLost.into());
    }
    Ok(records)
}

fn options(on_durable: OnDurable) -> Options {
    Options {
        segment_bytes: SEGMENT_BYTES,
        on_durable,
        ..Options::default()
    }
}

fn log_dir(dir: &Path) -> PathBuf {
    dir.join("log")
}

fn snapshot_dir(dir: &Path) -> PathBuf {
    dir.join("snapshots")
}

impl Store {
    /// Opens the disk and reads what the replica starts from.
    pub(crate) fn open(dir: &Path, on_durable: OnDurable) -> Result<(Self, Boot), StoreError> {
        let snapshots = Snapshots::open(&snapshot_dir(dir))?;
        let (mut log, found) = open_log(&log_dir(dir), options(on_durable))?;
        let loaded = match snapshots.latest() {
            Ok(loaded) => loaded,
            // The blocks are in the log as far as it goes; the state comes from the others.
            Err(SnapshotError::AllDamaged { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let covered = loaded
            .as_ref()
            .map_or(Position(0), |loaded| loaded.position);
        // An image covers what was durable when it was saved: a log that ends before has lost that,
        // and says so from now on.
        let cut = !found.lost_now && covered > found.end;
        if cut {
            tracing::warn!(%covered, end = %found.end, "the log ends before its image");
            mark_lost(&mut log)?;
        }
        // What an image covers is a position of the log it was saved with. If this log is another
        // one, or ends before it, the image is saved anew for where this log begins.
        let reset = found.lost_now || cut;
        let from = if reset {
            found.origin()
        } else {
            covered.max(found.start)
        };
        if let Some(loaded) = loaded.as_ref().filter(|_| reset) {
            snapshots.save(from, loaded.index, loaded.chunks.iter().cloned())?;
        }
        let image = match loaded {
            None => None,
            Some(loaded) => {
                let foreign = StoreError::Foreign {
                    at: loaded.position,
                };
                Some(Restored::from_chunks(loaded.chunks).map_err(|_| foreign)?)
            }
        };
        // The log was cut by an image that is gone: what stood there is unknown.
        let gap = !reset && covered < found.start;
        let (records, lost_mark) = found.read(from)?;
        let lost = lost_mark || found.lost_now || cut || gap;
        let boot = Boot {
            image,
            records,
            lost,
            ..Boot::default()
        };
        Ok((
            Self {
                log,
                snapshots: Arc::new(snapshots),
                saving: None,
            },
            boot,
        ))
    }

    /// Queues a record; durable once [`Self::durable`] has passed the returned position.
    pub(crate) fn append(&mut self, record: &maftia_ordering::Record) -> Result<(), LogFailed> {
        let bytes = record.to_bytes();
        match self.log.append(&[&[REPLICA], &bytes]) {
            Ok(_) => Ok(()),
            Err(AppendError::Failed(failed)) => Err(failed),
            // More is queued than the disk takes in a quarter of a second: wait for it.
            Err(AppendError::Full { .. }) => {
                self.log.flush()?;
                self.append(record)
            }
            Err(error @ AppendError::TooLarge { .. }) => {
                unreachable!("a block and its payload fit into a record: {error}")
            }
            Err(error) => unreachable!("an unknown refusal of the log: {error}"),
        }
    }

    /// Hands everything queued to the disk. `alone` says that nothing else is waiting to be done,
    /// so that syncing on this thread saves two wake-ups.
    pub(crate) fn commit(&mut self, alone: bool) -> Result<(), LogFailed> {
        if alone {
            self.log.commit_inline()?;
        } else {
            self.log.commit();
        }
        self.log.failed().map_or(Ok(()), Err)
    }

    /// Starts saving an image in the background, unless one is being saved. `done` is called from
    /// the saving thread.
    pub(crate) fn save(
        &mut self,
        image: Arc<Image>,
        done: impl FnOnce(Result<(), SnapshotError>) + Send + 'static,
    ) {
        if self.saving.is_some() {
            return;
        }
        // Of what is durable, so that the position means the same after a crash.
        let position = self.log.durable();
        let snapshots = Arc::clone(&self.snapshots);
        let work = move || {
            let saved = snapshots.save(position, image.index(), image.chunks());
            done(saved.map(|_| ()));
        };
        let thread = std::thread::Builder::new()
            .name("snapshot".into())
            .spawn(work)
            .expect("the system can start a thread");
        self.saving = Some((position, thread));
    }

    /// Saves an image and waits until it is durable.
    pub(crate) fn save_now(&mut self, image: &Image) -> Result<(), StoreError> {
        let position = self.log.durable();
        self.snapshots
            .save(position, image.index(), image.chunks())?;
        self.log.release(position);
        Ok(())
    }

    /// The image being saved is durable: the log before it is superfluous.
    pub(crate) fn saved(&mut self) {
        if let Some((position, _)) = self.saving.take() {
            self.log.release(position);
        }
    }

    pub(crate) fn end(&self) -> Position {
        self.log.end()
    }

    pub(crate) fn durable(&self) -> Position {
        self.log.durable()
    }

    pub(crate) fn syncs(&self) -> u64 {
        self.log.stats().syncs
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.log.stats().bytes
    }

    /// Makes everything durable and closes the log.
    pub(crate) fn close(self) -> Result<(), LogFailed> {
        self.log.close().map(|_| ())
    }
}

struct Found {
    recovered: Option<Recovered>,
    start: Position,
    end: Position,
    lost_now: bool,
}

/// Opens the log; a missing or damaged one is replaced by an empty one that says so.
fn open_log(dir: &Path, options: Options) -> Result<(Log, Found), StoreError> {
    let mut log = match Log::open(dir, options.clone()) {
        Ok((log, recovered)) if !matches!(recovered.tail, Tail::Damaged { .. }) => {
            if let Tail::Torn { cut_bytes } = recovered.tail {
                tracing::info!(cut_bytes, "cut the torn tail of the log");
            }
            let (start, end) = (recovered.start, recovered.end);
            let lost_now = recovered.generation > 0 && start == end;
            let found = Found {
                recovered: Some(recovered),
                start,
                end,
                lost_now,
            };
            return Ok((log, found));
        }
        Ok((log, recovered)) => {
            tracing::warn!(tail = ?recovered.tail, "the log is damaged; setting it aside");
            drop(log);
            Log::recreate(dir, options)?.0
        }
        Err(OpenError::Missing { .. }) => {
            tracing::warn!(dir = %dir.display(), "there is no log; asking the others");
            Log::create_after_loss(dir, options)?
        }
        Err(error) => return Err(error.into()),
    };
    mark_lost(&mut log)?;
    let (start, end) = (log.end(), log.end());
    Ok((
        log,
        Found {
            recovered: None,
            start,
            end,
            lost_now: true,
        },
    ))
}

/// Notes for every later start that records are lost, until a recovery is complete.
fn mark_lost(log: &mut Log) -> Result<(), LogFailed> {
    log.append(&[&[LOST]])
        .expect("a log just opened takes a record of one byte");
    log.flush()?;
    Ok(())
}

impl Found {
    /// Where the log begins.
    fn origin(&self) -> Position {
        if self.lost_now {
            Position(0)
        } else {
            self.start
        }
    }

    /// The records after `from`, and whether an earlier log was lost and no recovery has been
    /// completed since.
    fn read(&self, from: Position) -> Result<(Vec<maftia_ordering::Record>, bool), StoreError> {
        let Some(recovered) = &self.recovered else {
            return Ok((Vec::new(), true));
        };
        let (mut records, mut lost, mut foreign) = (Vec::new(), false, None);
        recovered.replay(from, &mut |at, mut bytes: Bytes| {
            let kind = bytes.first().copied().unwrap_or(LOST);
            if kind == LOST {
                lost = true;
                return;
            }
            match maftia_ordering::Record::from_bytes(bytes.split_off(1)) {
                Ok(record) => {
                    if matches!(record, maftia_ordering::Record::Floor(_)) {
                        lost = false;
                    }
                    records.push(record);
                }
                Err(_) => foreign = Some(at),
            }
        })?;
        match foreign {
            Some(at) => Err(StoreError::Foreign { at }),
            None => Ok((records, lost)),
        }
    }
}

/// A step's records by where they go.
#[derive(Default)]
pub(crate) struct Sorted {
    pub(crate) log: Vec<maftia_ordering::Record>,
    pub(crate) image: Option<Arc<Image>>,
    /// The latest: it stands in place of all before.
    pub(crate) vault: Option<Vault>,
    /// The latest, likewise.
    pub(crate) chain: Option<Vec<Certificate>>,
}

/// Sorts a step's records.
pub(crate) fn sort(records: Vec<Record>) -> Sorted {
    let mut sorted = Sorted::default();
    for record in records {
        match record {
            Record::Ordering(record) => sorted.log.push(record),
            Record::Image(taken) => sorted.image = Some(taken),
            Record::Vault(vault) => sorted.vault = Some(vault),
            Record::Chain(chain) => sorted.chain = Some(chain),
        }
    }
    sorted
}

#[cfg(test)]
mod tests;
